//! How sled can damage its files, and the protection against it.

use std::fs;

use super::{Home, message_with, messages, submit};
use crate::storage::fragment::{Fragment, Tree};
use crate::{Batch, Convofold, Options};

fn blobs(home: &Home) -> usize {
    fs::read_dir(home.path().join("sled/blobs")).map_or(0, Iterator::count)
}

#[test]
fn an_unfinished_snapshot_is_removed_before_sled_sees_it() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 100)));
    db.close().unwrap();
    let left = home.path().join("sled/snap.00000000000FFFFF.generating");
    fs::write(&left, b"half a snapshot").unwrap();
    let again = home.open();
    assert!(!left.exists());
    assert_eq!(again.recovery().removed_files, [left]);
    assert_eq!(again.state_hash(), db.state_hash());
}

/// Regression: sled writes `conf` in two steps and before any data; if it was torn in between, no opening ever
/// succeeded.
#[test]
fn a_conf_torn_by_a_kill_during_the_first_open_is_written_anew() {
    let home = Home::new();
    let db = home.open();
    db.close().unwrap();
    drop(db);
    let sled = home.path().join("sled");
    let conf = fs::read(sled.join("conf")).unwrap();
    fs::remove_dir_all(&sled).unwrap();
    fs::create_dir(&sled).unwrap();
    fs::write(sled.join("conf"), &conf[..conf.len() - 4]).unwrap();
    let again = home.open();
    assert_eq!(again.recovery().removed_files, [sled.join("conf")]);
    submit(&again, Batch::new(messages(0, 3)));
    assert_eq!(again.stats().last_seq, 3);
}

/// Regression: a restored database could not be opened right after it was written.
#[test]
fn a_lock_that_sled_lets_go_of_late_is_waited_for() {
    let home = Home::new();
    home.open().close().unwrap();
    let held = fs::File::open(home.path().join("sled/db")).unwrap();
    held.lock().unwrap();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| Convofold::open(home.path()).map(drop));
        std::thread::sleep(std::time::Duration::from_millis(100));
        held.unlock().unwrap();
        opening.join().unwrap().unwrap();
    });
}

#[test]
fn nothing_ever_goes_to_blobs() {
    let home = Home::new();
    let db = home.open_with(Options::new().checkpoint_log_bytes(1 << 20));
    let mut state = 7_u64;
    for number in 0..120_u64 {
        // Incompressible texts, from a few bytes to more than a fragment.
        let text: String = (0..(number * 997) % 60_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + u8::try_from((state >> 33) % 95).unwrap())
            })
            .collect();
        let events =
            (0..5).map(|part| message_with(&format!("case-{}", number % 20), number * 5 + part, &text)).collect();
        submit(&db, Batch::new(events));
    }
    assert!(db.stats().checkpoint_seq > 0);
    assert_eq!(blobs(&home), 0);
    db.close().unwrap();
    assert_eq!(blobs(&home), 0);
    let again = home.open();
    assert_eq!(again.state_hash(), db.state_hash());
    assert_eq!(blobs(&home), 0);
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let home = Home::new();
    let db = home.open();
    for number in 0..20 {
        submit(&db, Batch::new(messages(number * 50, 50)));
    }
    db.close().unwrap();
    let hash = db.state_hash();
    let file = fs::read(home.path().join("sled/db")).unwrap();
    for trial in 0..24_usize {
        let copy = home.killed();
        let mut damaged = file.clone();
        let at = 100 + trial * 1_237 % (file.len() / 8);
        if trial % 3 == 0 {
            damaged.truncate(at);
        } else {
            damaged[at..at + 16].fill(0x55);
        }
        fs::write(copy.path().join("sled/db"), damaged).unwrap();
        // Either the damage is detected, or it does not affect any value.
        match Convofold::open(copy.path()) {
            Ok(again) => assert_eq!(again.state_hash(), hash, "trial {trial}: {:?}", again.recovery()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// All files in sled's directory, with their contents.
pub(super) fn files(home: &Home) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let entries = fs::read_dir(home.path().join("sled")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A database that was written in one run, so that sled reads its whole file when it opens it, with incompressible
/// texts, so that the file has several segments.
fn written_in_one_life() -> (Home, Convofold) {
    let home = Home::new();
    let db = home.open();
    let mut state = 11_u64;
    for number in 0..60 {
        let text: String = (0..80_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + u8::try_from((state >> 33) % 95).unwrap())
            })
            .collect();
        submit(&db, Batch::new(vec![message_with(&format!("case-{number}"), number, &text)]));
    }
    db.close().unwrap();
    (home, db)
}

/// The offsets of the fragments of a block, in all copies that sled has written.
fn places_of(file: &[u8], block_no: u64) -> Vec<usize> {
    let fragments = Fragment::find_all(file).filter(|(_, fragment)| fragment.tree == Tree::Log);
    fragments.filter(|(_, fragment)| fragment.key[8..] == block_no.to_be_bytes()).map(|(at, _)| at).collect()
}

/// Flips a bit in all copies of a block.
pub(super) fn damage_block(home: &Home, block_no: u64) {
    let path = home.path().join("sled/db");
    let mut bytes = fs::read(&path).unwrap();
    let places = places_of(&bytes, block_no);
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at + 100] ^= 0x10);
    fs::write(&path, bytes).unwrap();
}

/// Flips a bit in all copies of a record, of which each is one fragment, that are wanted.
pub(super) fn damage_record(home: &Home, name: &str, is_wanted: impl Fn(&[u8]) -> bool) {
    let path = home.path().join("sled/db");
    let mut bytes = fs::read(&path).unwrap();
    let is_of = |fragment: &Fragment<'_>| fragment.tree == Tree::Records && fragment.key == name.as_bytes();
    let is_it = |fragment: &Fragment<'_>| is_of(fragment) && is_wanted(fragment.payload);
    let places: Vec<_> = Fragment::find_all(&bytes).filter(|(_, fragment)| is_it(fragment)).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at + 20] ^= 0x10);
    fs::write(&path, bytes).unwrap();
}

/// sled took one flipped bit for the end of its file and overwrote the data after it before it could be saved.
#[test]
fn a_refused_opening_changes_nothing() {
    let (home, _) = written_in_one_life();
    for block_no in [3, 30, 55] {
        let copy = home.killed();
        damage_block(&copy, block_no);
        let before = files(&copy);
        let error = Convofold::open(copy.path()).unwrap_err();
        assert!(files(&copy) == before, "block {block_no}: {error}");
        assert!(!copy.path().join("sled.before").exists());
    }
}

/// With any one bit flipped, the database opens completely or not at all.
#[test]
fn a_flipped_bit_is_no_shorter_history() {
    let (home, db) = written_in_one_life();
    let length = fs::metadata(home.path().join("sled/db")).unwrap().len();
    for trial in 0..10_u64 {
        let copy = home.killed();
        let path = copy.path().join("sled/db");
        let mut bytes = fs::read(&path).unwrap();
        bytes[usize::try_from(length * (2 * trial + 1) / 20 + trial * 977).unwrap()] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        if let Ok(again) = Convofold::open(copy.path()) {
            assert_eq!(again.state_hash(), db.state_hash(), "trial {trial}");
            let mut changes = again.changes(0);
            assert_eq!(std::iter::from_fn(|| changes.try_next().unwrap()).count(), 60, "trial {trial}");
        }
    }
}

#[test]
fn a_copy_that_was_put_aside_takes_its_place_again() {
    let (home, db) = written_in_one_life();
    let before = files(&home);
    fs::rename(home.path().join("sled"), home.path().join("sled.before")).unwrap();
    // A process was killed while sled was overwriting this data.
    fs::create_dir(home.path().join("sled")).unwrap();
    fs::write(home.path().join("sled/db"), b"half of it").unwrap();
    let again = home.open();
    assert_eq!(again.state_hash(), db.state_hash());
    assert!(before.len() >= 2);
    assert!(!home.path().join("sled.before").exists());
}

#[test]
fn an_undamaged_file_raises_no_doubt() {
    let (home, _) = written_in_one_life();
    for number in 0..10 {
        // Closed each time, because sled can rewrite the file while it is open.
        let db = home.open();
        assert_eq!(db.recovery().scan_finding, None);
        for part in 0..5 {
            submit(&db, Batch::new(messages(1_000 + number * 100 + part * 20, 20)));
        }
        db.close().unwrap();
    }
}

/// Regression, found by failing system calls: the safety copy was put back by first removing the damaged folder, and
/// then the rename failed.
#[test]
fn a_copy_is_put_back_where_nothing_else_is_left_and_else_makes_way() {
    let (home, db) = written_in_one_life();
    fs::rename(home.path().join("sled"), home.path().join("sled.aside")).unwrap();
    let again = home.open();
    assert_eq!(again.state_hash(), db.state_hash());
    again.close().unwrap();
    drop(again);
    // A killed process left a copy that may be incomplete.
    fs::create_dir(home.path().join("sled.aside")).unwrap();
    fs::write(home.path().join("sled.aside/db"), b"half of it").unwrap();
    assert_eq!(home.open().state_hash(), db.state_hash());
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("sled.")), "{left:?}");
}
