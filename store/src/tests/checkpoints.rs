//! A checkpoint is written completely or not at all, two are kept, and without any the log suffices.

use std::sync::Arc;

use super::{Home, message, messages, submit};
use crate::checkpoint::error::SkipReason;
use crate::checkpoint::heads::list_name;
use crate::checkpoint::record::{has_note_of_damage, record_name};
use crate::format::key::{PageHalf, PageKey};
use crate::storage::memory::MemoryStorage;
use crate::{Batch, Convofold, Options, StorageError};

fn filled() -> (Home, Arc<MemoryStorage>, Convofold) {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    for generation in 1..=3_u64 {
        submit(&db, Batch::new(messages(generation * 100, 100)).bookmark("upstream", generation.to_string()));
        assert_eq!(db.checkpoint().unwrap().generation, generation);
    }
    submit(&db, Batch::new(messages(400, 50)));
    (home, storage, db)
}

#[track_caller]
fn recovers(storage: &Arc<MemoryStorage>, db: &Convofold, checkpoint_seq: Option<u64>, skipped: usize) {
    let home = Home::new();
    let again = home.open_on(storage, Options::new());
    let recovery = again.recovery();
    assert_eq!(recovery.checkpoint_seq, checkpoint_seq, "{recovery:?}");
    assert_eq!(recovery.events_replayed, 350 - checkpoint_seq.unwrap_or_default());
    assert_eq!(recovery.skipped.len(), skipped, "{recovery:?}");
    assert_eq!(again.state_hash(), db.state_hash());
    assert_eq!(again.bookmarks(), db.bookmarks());
    // The next checkpoint is valid and removes the record of the skipped one.
    submit(&again, Batch::new(vec![message("more", 1)]));
    again.checkpoint().unwrap();
    again.close().unwrap();
    let home = Home::new();
    let third = home.open_on(storage, Options::new());
    assert_eq!((third.recovery().checkpoint_seq, third.recovery().skipped.len()), (Some(351), 0));
    assert_eq!(third.state_hash(), again.state_hash());
}

#[test]
fn recovery_is_the_last_checkpoint_and_the_log_after_it() {
    let (_home, storage, db) = filled();
    recovers(&storage.after_power_cut(), &db, Some(300), 0);
}

#[test]
fn two_generations_are_kept() {
    let (_home, storage, _db) = filled();
    let names = storage.contents().records.into_keys();
    let names: Vec<_> = names.filter(|name| name.starts_with("checkpoint/")).collect();
    assert_eq!(names, [2, 3].map(crate::checkpoint::record::record_name));
}

/// Only what the two kept checkpoints need is kept.
#[test]
fn a_page_that_came_to_rest_lies_in_one_place() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    submit(&db, Batch::new(messages(0, 100)));
    db.checkpoint().unwrap();
    let places = || storage.contents().pages.into_keys().collect::<Vec<_>>();
    assert_eq!(places().len(), 3, "37 conversations on three pages");
    // All conversations change, then one.
    submit(&db, Batch::new(messages(100, 100)));
    db.checkpoint().unwrap();
    assert_eq!(places().len(), 6);
    for number in 0..3 {
        submit(&db, Batch::new(vec![message("case-0", 1_000 + number)]));
        db.checkpoint().unwrap();
        assert_eq!(places().len(), 4, "{:?}", places());
    }
    // Each of the two has all its pages.
    let hash = db.state_hash();
    let mut contents = storage.contents();
    for _ in 0..2 {
        let home = Home::new();
        let again = home.open_on(&MemoryStorage::with(contents.clone()), Options::new());
        assert_eq!((again.recovery().checkpoint_seq.is_some(), again.state_hash()), (true, hash));
        contents.records.pop_last();
    }
}

#[test]
fn a_damaged_record_is_skipped_for_the_one_before() {
    let (_home, storage, db) = filled();
    let mut contents = storage.contents();
    let record = contents.records.get_mut(&crate::checkpoint::record::record_name(3)).unwrap();
    *record.last_mut().unwrap() ^= 1;
    recovers(&MemoryStorage::with(contents), &db, Some(200), 1);
}

#[test]
fn a_damaged_page_is_skipped_for_the_one_before() {
    let (_home, storage, db) = filled();
    // Every page changed in every generation, so the two halves of a page are generations 2 and 3.
    let older = |contents: &crate::storage::memory::Contents, half| {
        let key = PageKey { page_no: 1, half }.part(0);
        u64::from_le_bytes(contents.pages[&key][40..48].try_into().unwrap())
    };
    let mut contents = storage.contents();
    let newest = if older(&contents, PageHalf::A) > older(&contents, PageHalf::B) { PageHalf::A } else { PageHalf::B };
    let key = PageKey { page_no: 1, half: newest }.part(0);
    contents.pages.get_mut(&key).unwrap()[60] ^= 4;
    recovers(&MemoryStorage::with(contents), &db, Some(200), 1);
}

#[test]
fn without_any_good_checkpoint_the_log_is_folded_again() {
    let (_home, storage, db) = filled();
    let mut contents = storage.contents();
    contents.records.values_mut().for_each(|record| record.truncate(record.len() / 2));
    recovers(&MemoryStorage::with(contents.clone()), &db, None, 2);
    contents.pages.clear();
    contents.records.clear();
    recovers(&MemoryStorage::with(contents), &db, None, 0);
}

#[test]
fn a_checkpoint_folded_by_other_rules_is_skipped() {
    let (_home, storage, db) = filled();
    let mut contents = storage.contents();
    let name = crate::checkpoint::record::record_name(3);
    let mut record = crate::format::checkpoint::open(3, &contents.records[&name]).unwrap();
    record.fold_version += 1;
    let mut compressor = crate::format::frame::Compressor::new().unwrap();
    contents.records.insert(name, crate::format::checkpoint::seal(&record, &mut compressor).unwrap());
    let home = Home::new();
    let again = home.open_on(&MemoryStorage::with(contents.clone()), Options::new());
    assert!(matches!(again.recovery().skipped[0].why, SkipReason::FoldVersion { .. }));
    recovers(&MemoryStorage::with(contents), &db, Some(200), 1);
}

/// Regression: the record of the previous checkpoint outlived its pages, which an unfinished checkpoint had
/// overwritten, and an intact database failed its verification.
#[test]
fn a_record_never_outlives_its_pages() {
    for barriers in 1..=2 {
        let (home, storage, db) = filled();
        storage.fail_barrier.set(barriers);
        db.checkpoint().unwrap_err();
        let killed = MemoryStorage::with(storage.contents());
        for left in (0..8).map(|seed| storage.after_power_cut_at(seed)).chain([killed]) {
            let home = home.killed();
            let again = home.open_on(&left, Options::new());
            assert_eq!(again.state_hash(), db.state_hash());
            let report = again.verify(|_| {}).unwrap();
            assert!(report.is_clean(), "{report:?}");
        }
    }
}

#[test]
fn only_pages_with_changes_are_written() {
    let home = Home::new();
    let db = home.open();
    let events = (0..3_200).map(|number| message(&format!("case-{number:04}"), number)).collect();
    submit(&db, Batch::new(events));
    assert_eq!(db.checkpoint().unwrap().pages_written, 200);
    submit(&db, Batch::new(vec![message("case-0001", 9_000), message("case-3199", 9_001)]));
    assert_eq!(db.checkpoint().unwrap().pages_written, 2);
    let nothing = db.checkpoint().unwrap();
    assert_eq!((nothing.pages_written, nothing.seq), (0, 3_202));
    db.close().unwrap();
    let again = home.open();
    assert_eq!((again.recovery().checkpoint_seq, again.recovery().events_replayed), (Some(3_202), 0));
    assert_eq!(again.state_hash(), db.state_hash());
}

#[test]
fn checkpoints_come_by_themselves() {
    let home = Home::new();
    let db = home.open_with(Options::new().checkpoint_log_bytes(4_096));
    for number in 0..200 {
        submit(&db, Batch::new(messages(number * 10, 10)));
    }
    assert!(db.stats().checkpoint_seq > 1_000, "{:?}", db.stats());
    let again = home.killed().open();
    assert!(again.recovery().events_replayed < 1_000, "{:?}", again.recovery());
    assert_eq!(again.state_hash(), db.state_hash());
}

#[test]
fn a_page_larger_than_a_part_comes_back_and_may_shrink_again() {
    let storage_home = Home::new();
    let db = storage_home.open();
    let long: String = (0..40_000_u32).map(|number| char::from_u32(0x4e00 + number * 7 % 20_000).unwrap()).collect();
    submit(&db, Batch::new(vec![super::message_with("long", 1, &long), message("long", 2)]));
    db.checkpoint().unwrap();
    submit(&db, Batch::new(vec![message("long", 3)]));
    db.checkpoint().unwrap();
    db.close().unwrap();
    assert_eq!(storage_home.open().state_hash(), db.state_hash());
}

#[test]
fn a_damaged_list_of_heads_is_skipped_for_the_one_before() {
    let (_home, storage, db) = filled();
    let newest = crate::format::checkpoint::open(3, &storage.contents().records[&record_name(3)]).unwrap().halves;
    let name = list_name(0, PageHalf::from_u8(newest[0] & 1).unwrap());
    let mut contents = storage.contents();
    *contents.records.get_mut(&name).unwrap().last_mut().unwrap() ^= 1;
    recovers(&MemoryStorage::with(contents), &db, Some(200), 1);
    let mut contents = storage.contents();
    contents.records.remove(&name);
    recovers(&MemoryStorage::with(contents), &db, Some(200), 1);
}

/// Damages every page of the newest checkpoint, whose conversations the log after it does not mention.
fn with_damaged_pages() -> (Arc<MemoryStorage>, Convofold) {
    let (_home, storage, db) = filled();
    db.checkpoint().unwrap();
    storage.damage(|contents| contents.pages.values_mut().for_each(|page| *page.last_mut().unwrap() ^= 1));
    (MemoryStorage::with(storage.contents()), db)
}

#[test]
fn a_damaged_page_that_a_question_finds_is_left_out_by_the_next_opening() {
    let (storage, whole) = with_damaged_pages();
    let home = Home::new();
    let db = home.open_on(&storage, Options::new());
    assert_eq!((db.recovery().checkpoint_seq, db.recovery().skipped.len()), (Some(350), 0));
    assert_eq!(db.state_hash(), whole.state_hash());
    assert!(matches!(db.state("case-1"), Err(StorageError::Value(_))));
    assert!(db.export(&mut std::io::sink()).is_err());
    db.close().unwrap();
    for (checkpoint_seq, skipped) in [(None, 2), (Some(350), 0), (Some(350), 0)] {
        let home = Home::new();
        let db = home.open_on(&storage, Options::new());
        assert_eq!((db.recovery().checkpoint_seq, db.recovery().skipped.len()), (checkpoint_seq, skipped));
        assert_eq!(super::export(&db), super::export(&whole));
        db.close().unwrap();
    }
    assert!(!has_note_of_damage(storage.as_ref()).unwrap());
}

#[test]
fn a_damaged_page_that_nobody_needs_is_found_by_verify() {
    let (storage, _whole) = with_damaged_pages();
    let home = Home::new();
    let db = home.open_on(&storage, Options::new());
    let report = db.verify(|_| {}).unwrap();
    assert!(report.problems.iter().any(|problem| problem.to_string().contains("page 2 is damaged")), "{report:?}");
    db.close().unwrap();
    assert!(has_note_of_damage(storage.as_ref()).unwrap());
}
