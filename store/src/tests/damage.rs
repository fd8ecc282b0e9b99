//! Damage is reported, never skipped silently, and never causes a panic.

use std::sync::Arc;

use super::{Home, messages, submit};
use crate::api::error::ChangesError;
use crate::open::error::OpenError;
use crate::storage::memory::{Contents, MemoryStorage};
use crate::{Batch, Convofold, Damage, Options};

fn log_of_ten_blocks() -> Contents {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    for number in 0..10 {
        submit(&db, Batch::new(messages(number * 5, 5)));
    }
    storage.contents()
}

fn open(contents: Contents) -> Result<Convofold, OpenError> {
    let home = Home::new();
    Convofold::open_on(Options::new(), &home.path(), MemoryStorage::with(contents))
}

#[track_caller]
fn expect_damage_at(contents: Contents, block_no: u64) -> Damage {
    match open(contents).err() {
        Some(OpenError::Damaged { block_no: found, why, .. }) => {
            assert_eq!(found, block_no, "{why}");
            why
        }
        other => panic!("expected damage at block {block_no}, found {other:?}"),
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_block_is_found() {
    let contents = log_of_ten_blocks();
    let key = *contents.log.keys().nth(4).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for at in (0..contents.log[&key].len()).step_by(7) {
        let mut damaged = contents.clone();
        damaged.log.get_mut(&key).unwrap()[at] ^= 1 << (at % 8);
        seen.insert(std::mem::discriminant(&expect_damage_at(damaged, 5)).to_owned_text());
    }
    assert!(seen.len() > 1);
}

trait ToOwnedText {
    fn to_owned_text(&self) -> String;
}

impl ToOwnedText for std::mem::Discriminant<Damage> {
    fn to_owned_text(&self) -> String {
        format!("{self:?}")
    }
}

#[test]
fn a_missing_block_is_found() {
    let contents = log_of_ten_blocks();
    for missing in 0..9 {
        let mut damaged = contents.clone();
        let key = *contents.log.keys().nth(missing).unwrap();
        damaged.log.remove(&key);
        assert_eq!(expect_damage_at(damaged, missing as u64 + 1), Damage::Missing);
    }
}

#[test]
fn a_block_of_another_log_is_found() {
    let contents = log_of_ten_blocks();
    let other = {
        let home = Home::new();
        let storage = Arc::new(MemoryStorage::default());
        let db = home.open_on(&storage, Options::new());
        for number in 0..10 {
            submit(&db, Batch::new(messages(1_000 + number * 5, 5)));
        }
        storage.contents()
    };
    let mut mixed = contents;
    let (key, value) = other.log.iter().nth(6).unwrap();
    mixed.log.insert(*key, value.clone());
    assert!(matches!(expect_damage_at(mixed, 7), Damage::Chain { .. }));
}

#[test]
fn a_log_that_lost_its_end_is_not_taken_for_whole() {
    let home = Home::new();
    let db = home.open();
    for number in 0..10 {
        submit(&db, Batch::new(messages(number * 5, 5)));
    }
    db.close().unwrap();
    // sled reads a file that was cut off up to the cut.
    let storage = {
        let mut contents = log_of_ten_blocks();
        let keys: Vec<_> = contents.log.keys().copied().skip(8).collect();
        keys.iter().for_each(|key| drop(contents.log.remove(key)));
        MemoryStorage::with(contents)
    };
    let error = Convofold::open_on(Options::new(), &home.path(), storage).unwrap_err();
    assert!(matches!(error, OpenError::Shortened { expected: 50, found: 40 }), "{error:?}");
}

#[test]
fn a_feed_that_meets_damage_says_so() {
    let storage = Arc::new(MemoryStorage::default());
    let home = Home::new();
    let db = home.open_on(&storage, Options::new());
    for number in 0..10 {
        submit(&db, Batch::new(messages(number * 5, 5)));
    }
    let key = *storage.contents().log.keys().nth(2).unwrap();
    storage.damage(|contents| *contents.log.get_mut(&key).unwrap().last_mut().unwrap() ^= 1);
    let mut changes = db.changes(1);
    for _ in 0..10 {
        changes.try_next().unwrap().unwrap();
    }
    assert!(matches!(changes.try_next(), Err(ChangesError::Damaged { block_no: 3, seq: 11, .. })));
}

/// Regression: without an end mark, a newer checkpoint was skipped as one of another log.
#[test]
fn a_checkpoint_also_knows_how_far_the_log_reached() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    for number in 0..10 {
        submit(&db, Batch::new(messages(number * 5, 5)));
    }
    db.checkpoint().unwrap();
    for kept in [0, 8] {
        let mut contents = storage.contents();
        let lost: Vec<_> = contents.log.keys().copied().skip(kept).collect();
        lost.iter().for_each(|key| drop(contents.log.remove(key)));
        let error = open(contents).unwrap_err();
        let expected_found = kept as u64 * 5;
        assert!(matches!(error, OpenError::Shortened { expected: 50, found } if found == expected_found), "{error:?}");
    }
    assert!(open(storage.contents()).is_ok());
}

/// Everything acknowledged since the end mark was last made durable could be cut off without an error.
#[test]
fn the_head_mark_moves_with_every_barrier() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    for number in 0..10 {
        let before = storage.contents();
        submit(&db, Batch::new(messages(number * 5, 5)));
        let copy = home.killed();
        let error = Convofold::open_on(Options::new(), &copy.path(), MemoryStorage::with(before)).unwrap_err();
        let (expected, found) = (number * 5 + 5, number * 5);
        assert!(
            matches!(error, OpenError::Shortened { expected: e, found: f } if (e, f) == (expected, found)),
            "{error:?}"
        );
    }
}

#[test]
fn a_log_of_the_same_length_that_is_another_is_found() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    for number in 0..10 {
        submit(&db, Batch::new(messages(number * 5, 4 + number % 2)));
    }
    db.close().unwrap();
    let other = Home::new();
    let other_storage = Arc::new(MemoryStorage::default());
    let other = other.open_on(&other_storage, Options::new());
    for number in 0..10 {
        submit(&other, Batch::new(messages(number * 5, 4 + (number + 1) % 2)));
    }
    other.close().unwrap();
    let swapped = MemoryStorage::with(other_storage.contents());
    let error = Convofold::open_on(Options::new(), &home.path(), swapped).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { block_no: 10, why: Damage::Checksum { .. }, .. }), "{error:?}");
}

#[test]
fn a_head_mark_that_is_unreadable_is_told_of() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 5)));
    db.close().unwrap();
    assert!(!home.open().recovery().unreadable_end_mark);
    std::fs::write(home.path().join("HEAD"), "").unwrap();
    assert!(home.open().recovery().unreadable_end_mark);
    assert!(!home.open().recovery().unreadable_end_mark);
}
