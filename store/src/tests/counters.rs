//! Counters agree with what happened.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use convofold_engine::ingest::Format;

use super::{Home, at_odds, message, messages, submit};
use crate::replay::{Input, Replay};
use crate::storage::memory::MemoryStorage;
use crate::write::batch::SubmitError;
use crate::{Batch, Counters, Durability, EffectCounts, Options};

#[test]
fn events_are_counted_by_what_they_did() {
    let home = Home::new();
    let db = home.open();
    assert_eq!(Counters { queue_capacity: 0, ..db.counters() }, Counters::default());
    submit(&db, Batch::new(vec![message("a", 1), message("a", 3)]));
    submit(&db, Batch::new(vec![message("a", 2), message("a", 1), message("a", 1)]));
    submit(&db, Batch::new(vec![at_odds(1), at_odds(2)]));
    let counters = db.counters();
    assert_eq!(counters.events, EffectCounts { applied: 3, late: 1, duplicates: 2, conflicts: 1, erased: 0 });
    assert_eq!((counters.batches, counters.groups, counters.queue_depth), (3, 3, 0));
    assert_eq!((counters.commit_latency.count(), counters.barrier_latency.count()), (3, 3));
    assert!(counters.commit_latency.sum() >= counters.barrier_latency.sum());
    let stats = db.stats();
    assert_eq!((counters.conversations, counters.open), (2, 2));
    assert_eq!((counters.resident, counters.resident_bytes), (stats.resident, stats.resident_bytes));
    assert_eq!((counters.last_seq, counters.durable_seq, counters.log_bytes), (5, 5, stats.log_bytes));
    db.close().unwrap();
    assert_eq!(db.counters().events, counters.events);
    assert_eq!(home.open().counters().events, EffectCounts::default());
}

#[test]
fn what_is_no_event_is_counted_wherever_it_comes_in() {
    let home = Home::new();
    let db = home.open();
    assert_eq!(db.ingest(b"7\n{}\n\n", Format::Auto).unwrap().rejections.len(), 2);
    let log = home.dir.path().join("log");
    std::fs::write(&log, "nonsense\n").unwrap();
    Replay::new(&db).input(Input::path(&log)).run().unwrap();
    assert_eq!(db.counters().rejected, 3);
}

#[test]
fn checkpoints_have_an_age_once_there_is_one() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 100)));
    assert_eq!((db.counters().checkpoints, db.counters().checkpoint_age), (0, None));
    let written = db.checkpoint().unwrap();
    // Nothing has changed, so this writes no checkpoint.
    db.checkpoint().unwrap();
    let counters = db.counters();
    assert_eq!((counters.checkpoints, counters.checkpoint_seq), (1, 100));
    assert_eq!(counters.checkpoint_bytes, written.bytes_written);
    assert!(counters.checkpoint_age.is_some());
    db.close().unwrap();
    drop(db);
    let again = home.open().counters();
    assert_eq!((again.checkpoints, again.checkpoint_age), (0, None));
    assert_eq!((again.checkpoint_seq, again.checkpoint_bytes), (100, written.bytes_written));
}

#[test]
fn conversations_that_come_back_and_pages_that_are_read_are_counted() {
    let home = Home::new();
    let db = home.open_with(Options::new().memory_bytes(1));
    submit(&db, Batch::new(messages(0, 100)));
    db.sync().unwrap();
    let before = db.counters();
    assert!(before.resident < before.conversations, "{before:?}");
    assert_eq!((before.reloaded, before.pages_read), (0, 0));
    assert!(db.state("case-1").unwrap().is_some());
    assert_eq!((db.counters().reloaded, db.counters().pages_read), (0, 1));
    submit(&db, Batch::new(vec![message("case-1", 1_000)]));
    assert_eq!((db.counters().reloaded, db.counters().pages_read), (1, 2));
}

#[test]
fn a_full_queue_and_a_failed_write_show() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new().queue_submissions(1));
    let is_full = AtomicBool::new(false);
    let mut tickets = Vec::new();
    {
        // The writer waits for the board with its first submission, and the queue has room for one more.
        let _board = db.shared().live.board();
        for number in 0..100 {
            match db.try_submit(Batch::new(messages(number, 1)).durability(Durability::Buffered)) {
                Ok(ticket) => tickets.push(ticket),
                Err(SubmitError::Full(batch)) => {
                    assert_eq!(batch.len(), 1);
                    is_full.store(true, std::sync::atomic::Ordering::SeqCst);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
            std::thread::yield_now();
        }
    }
    assert!(is_full.into_inner());
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    let counters = db.counters();
    assert_eq!((counters.queue_full, counters.queue_capacity, counters.poisoned), (1, 1, false));
    storage.fail_append.set(1);
    db.submit(Batch::new(messages(200, 1))).unwrap().wait().unwrap_err();
    assert!(db.counters().poisoned);
}
