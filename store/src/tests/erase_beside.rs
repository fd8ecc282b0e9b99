//! Erasure and the files beside the storage: what is searched, cleaned and refused.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convofold_engine::{Draft, Kind, Subject, Time};

use super::erase::{BEGINNING_MS, erase, events, fill, member};
use super::{Home, submit};
use crate::Batch;
use crate::backup::BackupOptions;
use crate::erase::{Erase, EraseError, Search};

/// The file of rejects has JSON in texts and base64, and ids can be short.
#[test]
fn a_file_beside_the_storage_is_searched_as_what_it_means() {
    let home = Home::new();
    let db = home.open();
    let short = |id: &str, member: &str, name: &str| {
        let draft = Draft::new("desk", id, Kind::Close, Time::from_ms(BEGINNING_MS));
        draft.member_business_id(member).member_name(name).build().unwrap()
    };
    submit(&db, Batch::new(vec![short("c-1", "70010", "J\u{f6}rgen Tveit"), short("c-2", "70020", "Ida Tveit")]));
    db.close().unwrap();
    let outside = home.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, home.path().join("serve")).unwrap();
    let file = home.path().join("serve/rejects.ndjson");
    let erase = Erase::new([Subject::member("70010").unwrap()]);
    let in_base64 = "eyJtZW1iZXIiOiI3MDAxMCJ9";
    for line in [
        r#"{"raw":"{\"member_business_id\":70010,"}"#.to_owned(),
        r#"{"raw":"{\"member_name\":\"J\\u00f6rgen Tveit\"}"}"#.to_owned(),
        format!(r#"{{"raw_base64":"{in_base64}"}}"#),
        r#"0123456789abcdef {"began":{"subject":"c-1","at":1700000000000}}"#.to_owned(),
    ] {
        fs::write(&file, format!("{{\"raw\":\"of somebody else\"}}\n{line}\n")).unwrap();
        let error = erase.run(home.path());
        let is_found = matches!(&error, Err(EraseError::Beside { file: found, line: 2 }) if *found == file);
        assert!(is_found, "{line}: {error:?}");
    }
    fs::write(&file, "{\"raw\":\"of somebody else, 70020\"}\n").unwrap();
    assert!(erase.run(home.path()).unwrap().is_some());
}

#[test]
fn files_beside_the_storage_are_searched_and_cleaned_also_if_no_conversation_is_the_members() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(2, 0..7));
    db.close().unwrap();
    let file = home.path().join("serve.ndjson");
    fs::write(&file, "{\"raw\":\"{\\\"member_business_id\\\":70010}\"}\n").unwrap();
    let erase = erase([Subject::member("70010").unwrap()]);
    let error = erase.run(home.path()).unwrap_err();
    assert!(matches!(&error, EraseError::Beside { file: found, line: 1 } if *found == file), "{error:?}");
    let clean = |file: &std::path::Path, search: &Search| {
        let text = fs::read_to_string(file)?;
        let kept: String = text.split_inclusive('\n').filter(|line| !search.finds(line.as_bytes())).collect();
        fs::write(file, kept)
    };
    let cleaned = file.clone();
    let erase = erase.beside(move |search| clean(&cleaned, search));
    assert_eq!(erase.run(home.path()).unwrap(), None);
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
    // With conversations.
    fs::write(&file, "{\"raw\":\"member-0001\"}\nanother line\n").unwrap();
    let cleaned = file.clone();
    let erase = Erase::new([member(1)]).beside(move |search| clean(&cleaned, search));
    assert_eq!(erase.run(home.path()).unwrap().unwrap().receipt.conversations, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "another line\n");
}

#[test]
fn what_is_compressed_or_another_storage_cannot_be_searched_and_is_named() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(2, 0..7));
    let backup = home.path().join("copies/before");
    fs::create_dir(home.path().join("copies")).unwrap();
    db.backup(&backup, &BackupOptions::new(), |_| {}).unwrap();
    db.close().unwrap();
    let is_named = |path: &std::path::Path, subject: Subject| {
        let error = Erase::new([subject]).run(home.path()).unwrap_err();
        assert!(matches!(&error, EraseError::Unsearchable { path: found } if found == path), "{error:?}");
    };
    is_named(&backup, member(1));
    is_named(&backup, member(77));
    fs::remove_file(&backup).unwrap();
    let other = home.path().join("old.sled");
    fs::create_dir(&other).unwrap();
    for name in ["db", "conf"] {
        fs::copy(home.path().join("sled").join(name), other.join(name)).unwrap();
    }
    is_named(&other, member(1));
    fs::remove_dir_all(&other).unwrap();
    assert!(Erase::new([member(1)]).run(home.path()).unwrap().is_some());
}

/// A reject that was removed can never be read again, so it goes only when little is left that can fail.
#[test]
fn the_files_of_a_host_are_not_cleaned_if_another_file_cannot_be_searched_or_the_copy_is_refused() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(2, 0..7));
    submit(&db, Batch::default().bookmark("last-member", "member-0001"));
    db.close().unwrap();
    let cleaned = Arc::new(AtomicU64::new(0));
    let run = |member: Subject| {
        let counted = cleaned.clone();
        let erase = Erase::new([member]).beside(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        (erase.run(home.path()), cleaned.load(Ordering::Relaxed))
    };
    let compressed = home.path().join("rejects.gz");
    fs::write(&compressed, b"\x1f\x8b compressed").unwrap();
    for member in [member(0), member(77)] {
        let outcome = run(member);
        assert!(matches!(outcome, (Err(EraseError::Unsearchable { .. }), 0)), "{outcome:?}");
    }
    fs::remove_file(compressed).unwrap();
    let outcome = run(member(1));
    assert!(matches!(outcome, (Err(EraseError::InBookmark { .. }), 0)), "{outcome:?}");
    assert!(matches!(run(member(0)), (Ok(Some(_)), 1)));
}
