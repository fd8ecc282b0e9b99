//! A trim drops the older part of the log, and every answer stays the same.

use std::sync::Arc;

use convofold_engine::{FOLD_VERSION, Seq, Time};

use super::{Home, export, message, messages, submit};
use crate::api::error::ChangesError;
use crate::care::backup::{BackupOptions, RestoreError, restore};
use crate::care::repair::Repair;
use crate::care::trim::TrimError;
use crate::check::audit::{AuditError, Sample};
use crate::check::verify::Problem;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::frame::Compressor;
use crate::format::key::PageKey;
use crate::open::error::OpenError;
use crate::storage::memory::MemoryStorage;
use crate::{Batch, Change, Convofold, Options, StorageError};

/// The time of the `number`th message.
fn time(number: i64) -> Time {
    Time::from_ms(1_700_000_000_000 + number * 1_000).unwrap()
}

/// Ten blocks of five messages, with checkpoints after the 4th and the 8th.
fn fill(db: &Convofold) {
    for number in 0..10 {
        submit(db, Batch::new(messages(number * 5, 5)).bookmark("offset", number.to_string()));
        if number == 3 || number == 7 {
            db.checkpoint().unwrap();
        }
    }
}

fn changes(db: &Convofold, from: Seq) -> Result<Vec<Change>, ChangesError> {
    let mut changes = db.changes(from);
    std::iter::from_fn(|| changes.try_next().transpose()).collect()
}

fn seqs(db: &Convofold, from: Seq) -> Vec<Seq> {
    changes(db, from).unwrap().into_iter().map(|change| change.seq).collect()
}

#[test]
fn blocks_go_whose_events_are_all_older() {
    let home = Home::new();
    let db = home.open();
    fill(&db);
    let trimmed = db.trim_log(time(17)).unwrap();
    assert_eq!((trimmed.events, trimmed.blocks, trimmed.first_seq), (15, 3, 16));
    assert!(trimmed.bytes > 0);
    assert_eq!((db.stats().first_seq, db.stats().last_seq, db.stats().blocks), (16, 50, 7));
    assert_eq!(seqs(&db, 16), (16..=50).collect::<Vec<_>>());
    let error = changes(&db, 15).unwrap_err();
    assert!(matches!(error, ChangesError::Dropped { seq: 15, first_seq: 16 }), "{error:?}");

    let again = db.trim_log(time(17)).unwrap();
    assert_eq!((again.events, again.blocks, again.bytes, again.first_seq), (0, 0, 0, 16));
    // The block after which the older checkpoint was written is the last that both contain, and is kept.
    let rest = db.trim_log(time(1_000)).unwrap();
    assert_eq!((rest.events, rest.first_seq), (20, 36));
    submit(&db, Batch::new(messages(50, 5)));
    db.checkpoint().unwrap();
    assert_eq!(db.trim_log(time(1_000)).unwrap().first_seq, 46);
    assert_eq!((home.killed().open().stats().last_seq, db.stats().blocks), (55, 2));
}

#[test]
fn what_the_older_checkpoint_does_not_hold_stays() {
    let home = Home::new();
    let db = home.open();
    fill(&db);
    // The last two checkpoints are the one that this writes, and the one after 40 events.
    assert_eq!(db.trim_log(time(1_000)).unwrap().first_seq, 36);
}

/// Regression: if the only checkpoint contained every event, all blocks were dropped, and the database could not be
/// opened again.
#[test]
fn the_last_block_stays_where_all_are_older() {
    let home = Home::new();
    let db = home.open();
    for number in 0..3 {
        submit(&db, Batch::new(messages(number * 5, 5)));
    }
    let expected = export(&db);
    assert_eq!(db.trim_log(time(1_000)).unwrap().first_seq, 11);
    db.close().unwrap();
    let again = home.open();
    assert_eq!((export(&again), seqs(&again, 11)), (expected, (11..=15).collect()));
    assert_eq!(again.trim_log(time(1_000)).unwrap().events, 0);
}

/// Regression: if only a bookmark was dropped, a backup had no base to begin with.
#[test]
fn bookmarks_before_the_first_event_stay_until_events_go() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::default().bookmark("offset", "0"));
    submit(&db, Batch::new(messages(0, 5)));
    submit(&db, Batch::new(messages(5, 5)));
    assert_eq!(db.trim_log(time(0)).unwrap().blocks, 0);
    let backup = |name| db.backup(home.dir.path().join(name), &crate::care::backup::BackupOptions::new(), |_| {});
    assert_eq!(backup("whole").unwrap().contents.blocks, 3);
    assert_eq!(db.trim_log(time(5)).unwrap().blocks, 2);
    assert_eq!(backup("trimmed").unwrap().contents.blocks, 1);
}

#[test]
fn states_histories_and_identities_are_what_they_were() {
    let home = Home::new();
    let db = home.open();
    fill(&db);
    let (before, hash, bookmarks) = (export(&db), db.state_hash(), db.bookmarks());
    let history = db.history("case-3").unwrap();
    assert_eq!(db.trim_log(time(1_000)).unwrap().first_seq, 36);
    let killed = home.killed();
    db.close().unwrap();
    for again in [home.open(), killed.open()] {
        assert_eq!((export(&again), again.state_hash(), again.bookmarks()), (before.clone(), hash, bookmarks.clone()));
        assert!(again.history("case-3").unwrap() == history);
        assert_eq!(again.stats().first_seq, 36);
        let receipt = submit(&again, Batch::new(messages(0, 50)));
        assert_eq!((receipt.counts.duplicates, receipt.first_seq), (50, None));
        // A late event is placed between dropped events.
        assert_eq!(submit(&again, Batch::new(vec![message("case-3", 1)])).counts.late, 1);
        let state = again.state("case-3").unwrap().unwrap();
        assert_eq!(state.messages_in + state.messages_out, 3);
        again.close().unwrap();
    }
}

#[test]
fn a_process_that_is_killed_while_blocks_are_deleted_has_lost_nothing() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    fill(&db);
    let hash = db.state_hash();
    storage.fail_delete.set(1);
    let error = db.trim_log(time(1_000)).unwrap_err();
    assert!(matches!(error, TrimError::Commit(_)), "{error:?}");
    let again = Home::new();
    let storage = storage.after_power_cut();
    let db = again.open_on(&storage, Options::new());
    assert_eq!((db.state_hash(), db.stats().first_seq), (hash, 36));
    assert_eq!(storage.contents().log.len(), 10);
    assert_eq!(db.trim_log(time(0)).unwrap().first_seq, 36);
    assert_eq!(storage.contents().log.len(), 3);
}

#[test]
fn without_a_checkpoint_such_a_log_is_refused() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    fill(&db);
    db.trim_log(time(1_000)).unwrap();
    let mut contents = storage.contents();
    contents.records.retain(|name, _| !name.starts_with("checkpoint/"));
    let open = |contents| Convofold::open_on(Options::new(), &Home::new().path(), MemoryStorage::with(contents));
    let error = open(contents).unwrap_err();
    assert!(matches!(error, OpenError::NoCheckpoint { first_seq: 36 }), "{error:?}");
    let mut contents = storage.contents();
    contents.records.get_mut("log-start").unwrap()[40] ^= 1;
    let error = open(contents).unwrap_err();
    assert!(matches!(error, OpenError::Storage(StorageError::Value(_))), "{error:?}");
}

#[test]
fn repair_takes_dropped_events_from_checkpoints() {
    let home = Home::new();
    let db = home.open();
    fill(&db);
    let (expected, bookmarks) = (export(&db), db.bookmarks());
    db.trim_log(time(1_000)).unwrap();
    db.close().unwrap();
    let into = home.dir.path().join("repaired");
    let report = Repair::new(home.path(), &into).run().unwrap();
    assert_eq!((report.events, report.lost.len()), (50, 0));
    let repaired = Convofold::open(into).unwrap();
    assert_eq!((export(&repaired), repaired.bookmarks()), (expected, bookmarks));
    assert_eq!(seqs(&repaired, 0).len(), 50);
}

#[test]
fn the_way_out_tells_dropped_events_too() {
    let home = Home::new();
    let db = home.open();
    fill(&db);
    let events = |db: &Convofold| {
        let mut out = Vec::new();
        db.export_events(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let before = events(&db);
    assert_eq!(db.trim_log(time(1_000)).unwrap().first_seq, 36);
    assert_eq!(events(&db), before);
    assert_eq!(before.lines().count(), 50);
}

/// A database whose log begins with event 36, with events committed since.
fn trimmed() -> (Home, Convofold) {
    let home = Home::new();
    let db = home.open();
    fill(&db);
    assert_eq!(db.trim_log(time(1_000)).unwrap().first_seq, 36);
    submit(&db, Batch::new(vec![message("case-3", 1), message("case-99", 60)]).bookmark("other", "x"));
    (home, db)
}

#[test]
fn verify_and_audit_hold_such_a_store_against_what_is_left_and_remembered() {
    let (home, db) = trimmed();
    for db in [&db, &home.killed().open()] {
        let report = db.verify(|_| {}).unwrap();
        assert_eq!((report.problems.as_slice(), report.events, report.log_is_whole), ([].as_slice(), 17, true));
        assert!(report.checkpoints.iter().all(|checkpoint| checkpoint.compared), "{report:?}");
        let audit = db.audit(Sample::All).unwrap();
        assert_eq!((audit.differences.len(), audit.conversations), (0, 38));
        let audit = db.audit(Sample::Random { conversations: 5, seed: 3 }).unwrap();
        assert_eq!((audit.differences.len(), audit.conversations), (0, 5));
    }
}

#[test]
fn a_backup_of_such_a_store_restores_to_it() {
    let (home, db) = trimmed();
    let file = |name: &str| home.dir.path().join(name);
    let complete = db.backup(file("complete"), &BackupOptions::new(), |_| {}).unwrap();
    assert_eq!((complete.contents.first_seq, complete.contents.last_seq), (36, 52));
    submit(&db, Batch::new(messages(70, 3)));
    db.backup(file("more"), &BackupOptions::new().since(file("complete")), |_| {}).unwrap();
    let files = [file("complete"), file("more")];
    let report = restore(&files, file("restored"), &Options::new(), |_| {}).unwrap();
    assert_eq!((report.last_seq, report.state_hash), (55, db.state_hash()));
    let restored = Convofold::open(file("restored")).unwrap();
    assert_eq!((export(&restored), restored.bookmarks()), (export(&db), db.bookmarks()));
    assert_eq!((restored.stats().first_seq, seqs(&restored, 36)), (36, seqs(&db, 36)));
    assert_eq!(restored.verify(|_| {}).unwrap().problems, []);
    // It is used like the first.
    assert_eq!(submit(&restored, Batch::new(messages(0, 50))).counts.duplicates, 50);
    db.backup(file("again"), &BackupOptions::new(), |_| {}).unwrap();
    let error = restore(&[file("more")], file("other"), &Options::new(), |_| {}).unwrap_err();
    assert!(matches!(error, RestoreError::NotComplete { .. }), "{error:?}");
}

#[test]
fn a_record_of_where_the_log_begins_that_is_another_is_named() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    fill(&db);
    db.trim_log(time(1_000)).unwrap();
    let record = storage.contents().records["log-start"].clone();
    storage.damage(|contents| contents.records.get_mut("log-start").unwrap()[40] ^= 1);
    assert!(matches!(db.verify(|_| {}).unwrap().problems[..], [Problem::LogStart { .. }]));
    storage.damage(|contents| drop(contents.records.remove("log-start")));
    assert!(matches!(db.verify(|_| {}).unwrap().problems[..], [Problem::LogStart { .. }]));
    storage.damage(|contents| drop(contents.records.insert("log-start".to_owned(), record)));
    assert!(db.verify(|_| {}).unwrap().is_clean());
}

#[test]
fn a_memory_of_dropped_events_that_is_false_is_named() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    fill(&db);
    db.trim_log(time(1_000)).unwrap();
    // No event has this content; the checksum is correct, so that only the content hash detects it.
    super::forge_checkpoint(&storage, |image| super::change_fact(image, 0, |fact| fact.text = Some("Goodbye")));
    let home = Home::new();
    let again = home.open_on(&storage, Options::new());
    let report = again.verify(|_| {}).unwrap();
    assert!(matches!(report.problems[..], [Problem::Memory { .. }]), "{report:?}");
    assert_eq!((report.log_is_whole, report.conversations), (true, 0));
    let outcome = again.audit(Sample::All);
    assert!(matches!(outcome, Err(AuditError::Image(_))), "{outcome:?}");
}

/// Regression: a page that had rotted was not needed before the trim, and made the database unusable after it.
#[test]
fn a_log_is_not_dropped_whose_checkpoint_cannot_be_read() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    fill(&db);
    // So that the trim has no page to write again.
    db.checkpoint().unwrap();
    let whole = storage.contents();
    let (key, mut value) = whole.pages.iter().next().map(|(key, value)| (*key, value.clone())).unwrap();
    *value.last_mut().unwrap() ^= 1;
    let other = PageKey { half: key.page.half.other(), ..key.page }.part(key.part);
    crate::storage::Storage::put_pages(storage.as_ref(), &[(key, value.clone()), (other, value)]).unwrap();
    let error = db.trim_log(time(1_000)).unwrap_err();
    assert!(matches!(error, TrimError::Checkpoint { .. }), "{error:?}");
    assert_eq!((db.stats().first_seq, seqs(&db, 1).len()), (1, 50));
}

/// Regression: after a change of the fold version every checkpoint is skipped, and then there was no base to fold from.
#[test]
fn a_trimmed_store_opens_with_other_rules_of_the_fold() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    fill(&db);
    db.trim_log(time(1_000)).unwrap();
    let mut contents = storage.contents();
    for (name, value) in contents.records.iter_mut().filter(|(name, _)| name.starts_with("checkpoint/")) {
        let generation = name["checkpoint/".len()..].parse().unwrap();
        let old = CheckpointRecord { fold_version: FOLD_VERSION + 7, ..record::open(generation, value).unwrap() };
        *value = record::seal(&old, &mut Compressor::plain()).unwrap();
    }
    let again = Home::new();
    let again = again.open_on(&MemoryStorage::with(contents), Options::new());
    assert_eq!((export(&again), again.recovery().skipped.len()), (export(&db), 0));
}
