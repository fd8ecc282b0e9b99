//! A database that is open read-only shows the same as one that is open for writing, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use convofold_engine::Time;

use super::directory::contents;
use super::{Home, copy_dir, export, message_with, messages, submit};
use crate::care::backup::{BackupOptions, restore};
use crate::care::repair::Repair;
use crate::check::audit::Sample;
use crate::open::error::OpenError;
use crate::storage::memory::Dice;
use crate::write::batch::SubmitError;
use crate::write::error::CommitError;
use crate::{Batch, Convofold, Durability, Options};

/// The number of databases; the default is small, so that the tests are fast.
fn cases() -> u64 {
    std::env::var("CONVOFOLD_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1)
}

fn read_only() -> Options {
    Options::new().read_only(true)
}

/// Everything in a directory, with contents and times of the last change.
fn state_of(dir: &Path) -> BTreeMap<PathBuf, (Option<Vec<u8>>, SystemTime)> {
    let changed = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    contents(dir).into_iter().map(|(path, bytes)| (path.clone(), (bytes, changed(&path)))).collect()
}

/// Export, bookmarks, events of the log, and the seq of the first of them.
type Shown = (String, Vec<(String, Vec<u8>)>, Vec<crate::Change>, u64);

/// Everything that a database shows.
fn shown(db: &Convofold) -> Shown {
    let first_seq = db.stats().first_seq;
    let mut changes = db.changes(first_seq);
    let changes = std::iter::from_fn(|| changes.try_next().unwrap()).collect();
    (export(db), db.bookmarks(), changes, first_seq)
}

/// Opens a database read-only, compares it with a copy that is opened for writing, and checks that it did not change.
#[track_caller]
fn expect_same(dir: &Path) {
    let before = state_of(dir);
    let copy = Home::new();
    copy_dir(dir, &copy.path());
    match (read_only().open(dir), Convofold::open(copy.path())) {
        (Ok(read), Ok(written)) => {
            assert!(shown(&read) == shown(&written));
            assert_eq!(read.recovery().events_replayed, written.recovery().events_replayed);
            assert_eq!(read.verify(|_| {}).unwrap().problems, []);
            read.close().unwrap();
        }
        (Err(_), Err(_)) => {}
        (read, written) => panic!("read-only: {:?}, for writing: {:?}", read.err(), written.err()),
    }
    assert!(state_of(dir) == before);
}

/// A text that cannot be compressed.
fn text(dice: &mut Dice, bytes: usize) -> String {
    (0..bytes).map(|_| char::from(b' ' + u8::try_from(dice.below(95)).unwrap())).collect()
}

#[test]
fn a_database_that_is_killed_at_any_time_is_read_as_it_is_opened() {
    for seed in 0..cases() {
        let home = Home::new();
        let mut dice = Dice::new(seed);
        let options = Options::new().block_bytes(20_000).memory_bytes(200_000);
        let mut db = home.open_with(options.clone());
        for number in 0..60_u64 {
            let bytes = [10, 300, 9_000, 70_000][dice.below(4)];
            let text = text(&mut dice, bytes);
            let conversation = format!("case-{}", dice.below(50));
            let events = (0..5).map(|part| message_with(&conversation, number * 5 + part, &text)).collect();
            let durability = if number % 3 == 0 { Durability::Buffered } else { Durability::Synced };
            submit(&db, Batch::new(events).durability(durability).bookmark("upstream", number.to_string()));
            match dice.below(12) {
                0 | 1 => drop(db.checkpoint().unwrap()),
                2 => drop(
                    db.trim_log(Time::from_ms(1_700_000_000_000 + i64::try_from(number).unwrap() * 2_000).unwrap()),
                ),
                3 => {
                    db.close().unwrap();
                    drop(db);
                    expect_same(&home.path());
                    db = home.open_with(options.clone());
                }
                _ => {}
            }
            if number % 4 == 0 {
                expect_same(&home.killed().path());
            }
        }
        db.close().unwrap();
        expect_same(&home.path());
    }
}

/// sled splits and merges the nodes of its trees when values come and go.
#[test]
fn a_tree_that_grew_and_shrank_is_read() {
    let home = Home::new();
    let db = home.open_with(Options::new().block_bytes(500));
    for round in 0..3_u64 {
        for number in 0..150 {
            submit(&db, Batch::new(messages(round * 1_000 + number * 3, 3)).durability(Durability::Buffered));
        }
        expect_same(&home.killed().path());
        db.checkpoint().unwrap();
        db.checkpoint().unwrap();
        db.trim_log(Time::MAX).unwrap();
        expect_same(&home.killed().path());
    }
}

#[test]
fn a_damaged_file_is_read_as_it_is_opened_or_refused() {
    let home = Home::new();
    let db = home.open();
    let mut dice = Dice::new(5);
    for number in 0..40 {
        let text = text(&mut dice, 60_000);
        submit(&db, Batch::new(vec![message_with(&format!("case-{}", number % 9), number, &text)]));
    }
    let killed = home.killed();
    db.close().unwrap();
    let hash = db.state_hash();
    drop(db);
    for (trial, home) in [&killed, &home].into_iter().cycle().take(40).enumerate() {
        let copy = home.killed();
        let names: Vec<_> = contents(&copy.path().join("sled")).into_iter().collect();
        let (path, bytes) = &names[dice.below(names.len())];
        let mut bytes = bytes.clone().unwrap_or_default();
        match trial % 3 {
            0 => bytes.truncate(dice.below(bytes.len() + 1)),
            1 if bytes.len() > 100 => {
                let at = dice.below(bytes.len() - 16);
                bytes[at..at + 16].fill(0x55);
            }
            _ if bytes.is_empty() => {}
            _ => {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
        }
        if path.is_file() {
            fs::write(path, bytes).unwrap();
        }
        let before = state_of(&copy.path());
        match read_only().open(copy.path()) {
            Ok(db) => assert_eq!(db.state_hash(), hash, "trial {trial}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        assert!(state_of(&copy.path()) == before, "trial {trial}");
    }
}

#[test]
fn any_number_of_handles_read_and_none_reads_beside_a_writer() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 20)));
    let error = read_only().open(home.path()).unwrap_err();
    assert!(
        matches!(error, OpenError::AlreadyOpen { pid: Some(pid), here: true } if pid == std::process::id()),
        "{error:?}"
    );
    db.close().unwrap();
    drop(db);
    let [one, two] = [0, 1].map(|_| read_only().open(home.path()).unwrap());
    assert_eq!(one.state_hash(), two.state_hash());
    let error = Convofold::open(home.path()).unwrap_err();
    assert!(matches!(error, OpenError::AlreadyOpen { pid: None, .. }), "{error:?}");
    assert_eq!(error.to_string(), "already open by another process");
    one.close().unwrap();
    Convofold::open(home.path()).unwrap_err();
    drop(two);
    Convofold::open(home.path()).unwrap();
}

#[test]
fn whatever_only_reads_works_and_whatever_writes_is_refused() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 300)));
    db.checkpoint().unwrap();
    submit(&db, Batch::new(messages(300, 30)).bookmark("upstream", "7"));
    let killed = home.killed();
    let before = state_of(&killed.path());
    let read = read_only().open(killed.path()).unwrap();
    assert!(read.verify(|_| {}).unwrap().is_clean());
    assert!(read.audit(Sample::All).unwrap().is_clean());
    let file = home.dir.path().join("backup");
    read.backup(&file, &BackupOptions::new(), |_| {}).unwrap();
    let report = restore(&[&file], home.dir.path().join("restored"), &Options::new(), |_| {}).unwrap();
    assert_eq!(report.state_hash, db.state_hash());
    assert_eq!((read.stats().last_seq, read.scan().count()), (330, 37));
    assert_eq!(read.database_id(), db.database_id());

    assert!(matches!(read.submit(Batch::new(messages(0, 1))), Err(SubmitError::ReadOnly)));
    assert!(matches!(read.try_submit(Batch::default()), Err(SubmitError::ReadOnly)));
    assert!(matches!(read.sync(), Err(CommitError::ReadOnly)));
    assert!(matches!(read.checkpoint(), Err(CommitError::ReadOnly)));
    read.trim_log(Time::MAX).unwrap_err();
    // Several readers, one of which repairs.
    Repair::new(killed.path(), home.dir.path().join("repaired")).run().unwrap();
    assert!(state_of(&killed.path()) == before);
    read.close().unwrap();
    assert!(read.verify(|_| {}).is_err());
    assert!(state_of(&killed.path()) == before);
}

#[test]
fn a_reader_creates_nothing() {
    let home = Home::new();
    let open = || read_only().open(home.path());
    assert!(matches!(open(), Err(OpenError::NotFound { .. })));
    assert!(!home.path().exists());
    fs::create_dir(home.path()).unwrap();
    assert!(matches!(open(), Err(OpenError::NotFound { .. })));
    Repair::new(home.path(), home.dir.path().join("repaired")).run().unwrap_err();
    assert_eq!(contents(&home.path()).len(), 0);
    fs::write(home.path().join("letter.txt"), "Dear Ida").unwrap();
    assert!(matches!(open(), Err(OpenError::NotAStore { .. })));
    fs::remove_file(home.path().join("letter.txt")).unwrap();
    // A process was killed before sled created its file.
    home.open().close().unwrap();
    fs::remove_dir_all(home.path().join("sled")).unwrap();
    fs::create_dir(home.path().join("sled")).unwrap();
    let before = state_of(&home.path());
    assert_eq!(open().unwrap().stats().last_seq, 0);
    assert!(state_of(&home.path()) == before);
    // A copy without LOCK.
    fs::remove_file(home.path().join("LOCK")).unwrap();
    open().unwrap();
    assert!(!home.path().join("LOCK").exists());
}

/// The copy is put back by the next opening for writing.
#[test]
fn a_safety_copy_is_read_where_it_is() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 30)));
    db.close().unwrap();
    let hash = db.state_hash();
    fs::rename(home.path().join("sled"), home.path().join("sled.before")).unwrap();
    fs::create_dir(home.path().join("sled")).unwrap();
    fs::write(home.path().join("sled/db"), b"half of it").unwrap();
    let before = state_of(&home.path());
    assert_eq!(read_only().open(home.path()).unwrap().state_hash(), hash);
    assert!(state_of(&home.path()) == before);
}
