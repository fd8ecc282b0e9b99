//! Log, barrier, board, answer: in this order, together, and not again after a failure.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use convofold_engine::{Effect, Moment, Query};

use super::{Home, export, message, message_with, messages, submit};
use crate::check::audit::{AuditError, Sample};
use crate::check::verify::VerifyError;
use crate::diff::Side as _;
use crate::storage::memory::MemoryStorage;
use crate::write::batch::SubmitError;
use crate::write::error::CommitError;
use crate::{Batch, Durability, Options};

/// Options without barriers, except those that a test requests.
fn rarely_synced() -> Options {
    Options::new().sync_interval(Duration::from_secs(3_600))
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let home = Home::new();
    let db = home.open();
    let receipt = submit(&db, Batch::new(messages(0, 500)));
    assert_eq!((receipt.first_seq, receipt.last_seq, receipt.durable), (Some(1), Some(500), true));

    let survivor = home.killed();
    let again = survivor.open();
    assert_eq!(again.recovery().events_replayed, 500);
    assert_eq!(again.state_hash(), db.state_hash());
    assert_eq!(export(&again), export(&db));
}

#[test]
fn a_closed_store_opens_with_the_same_state_and_nothing_to_replay() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 500)).bookmark("upstream", "500"));
    db.close().unwrap();
    db.close().unwrap();
    for _ in 0..5 {
        let again = home.open();
        assert_eq!((again.recovery().checkpoint_seq, again.recovery().events_replayed), (Some(500), 0));
        assert_eq!(again.state_hash(), db.state_hash());
        assert_eq!(again.bookmark("upstream").as_deref(), Some(b"500".as_slice()));
        again.close().unwrap();
    }
}

#[test]
fn i2_what_is_sent_again_is_a_duplicate_and_not_logged() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 100)));
    let again = submit(&db, Batch::new(messages(50, 100)));
    assert_eq!((again.counts.duplicates, again.counts.applied + again.counts.late), (50, 50));
    assert_eq!((again.first_seq, again.last_seq), (Some(101), Some(150)));
    assert!(again.effects[..50].iter().all(|effect| *effect == Effect::Duplicate));
    // The same within one batch.
    let twice = submit(&db, Batch::new(vec![message("new", 1), message("new", 1)]));
    assert_eq!(*twice.effects, [Effect::Applied, Effect::Duplicate]);
    assert_eq!(db.stats().last_seq, 151);
}

#[test]
fn a_closed_store_answers_and_takes_nothing() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 10)));
    db.close().unwrap();
    assert!(db.state("case-1").unwrap().is_some());
    assert!(matches!(db.submit(Batch::new(messages(10, 1))), Err(SubmitError::Closed)));
    assert!(matches!(db.try_submit(Batch::new(messages(10, 1))), Err(SubmitError::Closed)));
    assert!(matches!(db.sync(), Err(CommitError::Closed)));
}

#[test]
fn batches_that_wait_together_share_a_barrier() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    // The writer waits for the board, so everything queues up behind the first batch.
    let reading = db.shared().live.board();
    let tickets: Vec<_> = (0..100).map(|number| db.submit(Batch::new(vec![message("a", number)])).unwrap()).collect();
    while storage.appends.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    drop(reading);
    for ticket in tickets {
        assert!(ticket.wait().unwrap().durable);
    }
    assert!(storage.barriers.load(Ordering::SeqCst) <= 20, "{} barriers", storage.barriers.load(Ordering::SeqCst));
}

#[test]
fn q5_questions_about_many_conversations_do_not_wait_for_the_fold() {
    let home = Home::new();
    let db = home.open_on(&Arc::new(MemoryStorage::default()), Options::new());
    db.submit(Batch::new(vec![message("a", 0)])).unwrap().wait().unwrap();
    // The writer holds this lock while it folds.
    let folding = db.shared().live.board_mut();
    let (answers, answered) = crossbeam_channel::bounded(1);
    let asking = db.clone();
    std::thread::spawn(move || {
        let page = asking.query(&Query::new()).unwrap();
        answers.send((page.rows.len(), asking.agents().len(), asking.totals().len())).unwrap();
    });
    assert_eq!(answered.recv_timeout(Duration::from_secs(60)), Ok((1, 1, 1)));
    drop(folding);
}

#[test]
fn a_full_queue_gives_the_batch_back() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new().queue_submissions(2).group_max_events(1));
    let reading = db.shared().live.board();
    let mut tickets = Vec::new();
    let refused = loop {
        match db.try_submit(Batch::new(vec![message("a", tickets.len() as u64)])) {
            Ok(ticket) => tickets.push(ticket),
            Err(SubmitError::Full(batch)) => break batch,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(tickets.len() <= 4);
    assert_eq!(refused.clone().into_parts().events, [message("a", tickets.len() as u64)]);
    drop(reading);
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    submit(&db, refused);
}

#[test]
fn a_batch_is_refused_where_it_is_too_large() {
    let home = Home::new();
    let db = home.open();
    let refused = |batch| matches!(db.submit(batch), Err(SubmitError::TooLarge { .. }));
    assert!(refused(Batch::new(vec![message("a", 1); 65_537])));
    assert!(refused(Batch::default().bookmark("x".repeat(257), "")));
    assert!(refused(Batch::default().bookmark("x", vec![0; 4_097])));
    submit(&db, Batch::default().bookmark("x".repeat(256), vec![0; 4_096]));
}

#[test]
fn bookmarks_go_with_their_events() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, rarely_synced());
    for number in 0..10_u64 {
        let batch = Batch::new(vec![message("a", number)]).durability(Durability::Buffered);
        submit(&db, batch.bookmark("upstream", number.to_string()));
        if number == 6 {
            db.sync().unwrap();
        }
    }
    assert_eq!(db.bookmark("upstream").as_deref(), Some(b"9".as_slice()));

    let other = Home::new();
    let again = other.open_on(&storage.after_power_cut(), rarely_synced());
    assert_eq!(again.bookmark("upstream").as_deref(), Some(b"6".as_slice()));
    assert_eq!(again.stats().last_seq, 7);
    // The deletion has a block of its own, and is durable too.
    submit(&again, Batch::default().delete_bookmark("upstream"));
    assert_eq!(again.bookmark("upstream"), None);
    assert_eq!(again.bookmarks(), []);
    drop(again);
}

#[test]
fn a_block_of_bookmarks_alone_keeps_the_log_in_order() {
    let home = Home::new();
    let db = home.open();
    for number in 0..5_u64 {
        submit(&db, Batch::default().bookmark("a", number.to_string()));
        submit(&db, Batch::default().bookmark("b", number.to_string()));
        submit(&db, Batch::new(vec![message("a", number)]));
    }
    let again = home.killed().open();
    assert_eq!(again.recovery().events_replayed, 5);
    assert_eq!(again.recovery().blocks_replayed, 15);
    assert_eq!(again.bookmarks(), db.bookmarks());
    assert_eq!(again.state_hash(), db.state_hash());
}

#[test]
fn buffered_events_reach_the_disk_by_themselves() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new().sync_interval(Duration::from_millis(10)));
    assert!(!submit(&db, Batch::new(messages(0, 10)).durability(Durability::Buffered)).durable);
    assert_eq!(db.stats().last_seq, 10);
    while db.stats().durable_seq < 10 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let other = Home::new();
    assert_eq!(other.open_on(&storage.after_power_cut(), Options::new()).stats().last_seq, 10);
}

#[test]
fn a_synced_duplicate_of_a_buffered_event_is_durable() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, rarely_synced());
    submit(&db, Batch::new(messages(0, 10)).durability(Durability::Buffered));
    let receipt = submit(&db, Batch::new(messages(0, 10)));
    assert!(receipt.durable && receipt.counts.duplicates == 10);
    let other = Home::new();
    assert_eq!(other.open_on(&storage.after_power_cut(), rarely_synced()).stats().last_seq, 10);
}

#[test]
fn after_a_failed_append_nothing_is_visible_and_nothing_is_written() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    submit(&db, Batch::new(messages(0, 10)));
    let before = db.state_hash();
    storage.fail_append.set(1);
    let failed = db.submit(Batch::new(messages(10, 10))).unwrap().wait();
    assert!(matches!(failed, Err(CommitError::Poisoned { .. })));
    expect_poisoned(&db, &storage, before);
}

/// Large groups without a waiting host are folded while they are appended.
#[test]
fn a_failed_append_beside_the_fold_is_the_answer_and_the_end() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    submit(&db, Batch::new(messages(0, 10)));
    let before = export(&db);
    storage.fail_append.set(1);
    let large = Batch::new(messages(10, 2_000)).durability(Durability::Buffered).bookmark("upstream", "2010");
    let failed = db.submit(large.clone()).unwrap().wait();
    assert!(matches!(failed, Err(CommitError::Poisoned { .. })), "{failed:?}");
    // Memory may contain the events, but no answer relies on them.
    assert_eq!((db.bookmark("upstream"), db.stats().last_seq), (None, 10));
    assert!(matches!(db.audit(Sample::All), Err(AuditError::Poisoned(_))));
    assert!(matches!(db.verify(|_| {}), Err(VerifyError::Poisoned(_))));
    assert!(db.close().is_err());
    drop(db);

    storage.fail_append.set(0);
    let db = home.open_on(&storage, Options::new());
    assert_eq!(export(&db), before, "what failed is not in the log");
    assert_eq!(submit(&db, large).counts.applied, 2_000);
}

#[test]
fn the_hash_with_its_seq_never_has_events_of_a_group_that_is_not_published() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    submit(&db, Batch::new(messages(0, 10)));
    let before = (10, db.state_hash());
    assert_eq!(db.seq_and_hash().unwrap(), before);
    storage.fail_append.set(1);
    let large = Batch::new(messages(10, 2_000)).durability(Durability::Buffered);
    db.submit(large).unwrap().wait().unwrap_err();
    assert_ne!(db.state_hash(), before.1, "memory has the events");
    assert_eq!(db.seq_and_hash().unwrap(), before);
    assert_eq!(db.at(Moment::LATEST).known_hash().unwrap(), Some(before.1));
}

#[test]
fn after_a_failed_barrier_nothing_is_visible_and_nothing_is_written() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    submit(&db, Batch::new(messages(0, 10)));
    let before = db.state_hash();
    storage.fail_barrier.set(1);
    let failed = db.submit(Batch::new(messages(10, 10))).unwrap().wait();
    assert!(matches!(failed, Err(CommitError::Poisoned { .. })));
    expect_poisoned(&db, &storage, before);
}

#[track_caller]
fn expect_poisoned(db: &crate::Convofold, storage: &MemoryStorage, before: convofold_engine::StateHash) {
    // The storage would work again, but the writer does not retry.
    storage.fail_append.set(0);
    storage.fail_barrier.set(0);
    let appends = storage.appends.load(Ordering::SeqCst);
    assert!(matches!(db.submit(Batch::new(messages(10, 10))), Err(SubmitError::Poisoned { .. })));
    assert!(matches!(db.sync(), Err(CommitError::Poisoned { .. })));
    assert!(matches!(db.checkpoint(), Err(CommitError::Poisoned { .. })));
    assert_eq!(db.state_hash(), before);
    assert_eq!(db.stats().durable_seq, 10);
    assert!(db.close().is_err());
    assert_eq!(storage.appends.load(Ordering::SeqCst), appends);
}

#[test]
fn the_nth_failure_loses_nothing_acknowledged() {
    for failing in 1..40 {
        let home = Home::new();
        let storage = Arc::new(MemoryStorage::default());
        let db = home.open_on(&storage, Options::new().checkpoint_log_bytes(1));
        storage.fail_append.set(failing);
        storage.fail_barrier.set(2 * failing);
        storage.fail_pages.set(failing / 2);
        let acknowledged = (0..30_u64)
            .take_while(|number| {
                let ticket = db.submit(Batch::new(messages(number * 10, 10)));
                ticket.is_ok_and(|ticket| ticket.wait().is_ok())
            })
            .count() as u64;
        let again = Home::new().open_on(&storage.after_power_cut(), Options::new());
        assert!(again.stats().last_seq >= acknowledged * 10, "failing {failing}");
        assert!(again.recovery().skipped.is_empty(), "failing {failing}: {:?}", again.recovery());
    }
}

#[test]
fn a_huge_event_is_cut_into_parts_and_comes_back() {
    let home = Home::new();
    let db = home.open();
    // Incompressible text, so that there are many fragments.
    let mut state = 1_u64;
    let text: String = (0..1 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b' ' + u8::try_from((state >> 33) % 95).unwrap())
        })
        .collect();
    let event = message_with("huge", 1, &text);
    submit(&db, Batch::new(vec![message("a", 1), event.clone(), message("a", 2)]));
    let again = home.killed().open();
    let change = again.changes(2).try_next().unwrap().unwrap();
    assert_eq!((change.seq, change.event), (2, event));
    db.close().unwrap();
    assert_eq!(home.open().state_hash(), db.state_hash());
}

#[test]
fn every_field_of_an_event_survives() {
    let home = Home::new();
    let db = home.open();
    let events = vec![crate::format::samples::full_event(), crate::format::samples::session_event()];
    submit(&db, Batch::new(events.clone()));
    let mut changes = db.changes(0);
    for event in events {
        assert_eq!(changes.try_next().unwrap().map(|change| change.event), Some(event));
    }
}

/// Regression: a batch that entered the queue after the close command was never answered.
#[test]
fn whatever_comes_while_a_store_is_closed_is_answered() {
    for _ in 0..20 {
        let home = Home::new();
        let db = home.open_on(&Arc::new(MemoryStorage::default()), Options::new().queue_submissions(2));
        let submitters: Vec<_> = (0..3)
            .map(|chunk| {
                let db = db.clone();
                std::thread::spawn(move || {
                    for number in 0.. {
                        let submitted = db.submit(Batch::new(messages(chunk * 10_000 + number, 1)));
                        let Ok(ticket) = submitted else { return };
                        let answer = ticket.wait_timeout(Duration::from_secs(60)).expect("an answer");
                        assert!(matches!(answer, Ok(_) | Err(CommitError::Closed)));
                    }
                })
            })
            .collect();
        let asking = {
            let db = db.clone();
            std::thread::spawn(move || while db.sync().is_ok() {})
        };
        db.close().unwrap();
        submitters.into_iter().for_each(|thread| thread.join().unwrap());
        asking.join().unwrap();
    }
}
