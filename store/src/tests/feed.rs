//! The feed returns every durable event once, in order (rule Q4).

use std::sync::Arc;
use std::time::Duration;

use convofold_engine::Time;

use super::{Home, message, messages, submit};
use crate::api::error::ChangesError;
use crate::storage::memory::{Fault, MemoryStorage};
use crate::write::error::CloseError;
use crate::{Batch, Durability, Options};

#[test]
fn no_hole_and_no_repeat_while_events_come_in() {
    const EVENTS: u64 = 6_000;
    let home = Home::new();
    let db = home.open_with(Options::new().block_bytes(2_000).sync_interval(Duration::from_millis(5)));
    let feeds: Vec<_> = [0, 1, 777]
        .map(|from_seq: u64| {
            let mut changes = db.changes(from_seq);
            std::thread::spawn(move || {
                let mut next = from_seq.max(1);
                while next <= EVENTS {
                    let Some(change) = changes.next_timeout(Duration::from_secs(10)).unwrap() else {
                        panic!("nothing for ten seconds, waiting for {next}")
                    };
                    assert_eq!(change.seq, next);
                    assert_eq!(change.event, message(&format!("case-{}", (next - 1) % 37), next - 1));
                    next += 1;
                }
            })
        })
        .into_iter()
        .collect();
    let mut number = 0;
    while number < EVENTS {
        let count = (1 + number % 41).min(EVENTS - number);
        let durability = if number % 2 == 0 { Durability::Synced } else { Durability::Buffered };
        db.submit(Batch::new(messages(number, count)).durability(durability)).unwrap();
        number += count;
    }
    for feed in feeds {
        feed.join().unwrap();
    }
    // The same after reopening, from the log alone.
    db.close().unwrap();
    let db = home.open();
    let mut changes = db.changes(0);
    let seqs: Vec<_> = std::iter::from_fn(|| changes.try_next().unwrap()).map(|change| change.seq).collect();
    assert_eq!(seqs, (1..=EVENTS).collect::<Vec<_>>());
}

#[test]
fn only_what_is_durable_is_shown() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new().sync_interval(Duration::from_secs(3_600)));
    let mut changes = db.changes(1);
    submit(&db, Batch::new(messages(0, 3)).durability(Durability::Buffered));
    assert_eq!(changes.next_timeout(Duration::from_millis(20)).unwrap(), None);
    db.sync().unwrap();
    assert_eq!(changes.next_timeout(Duration::from_secs(10)).unwrap().map(|change| change.seq), Some(1));
}

#[test]
fn a_feed_may_begin_before_its_first_event_and_after_bookmarks() {
    let home = Home::new();
    let db = home.open();
    let mut ahead = db.changes(4);
    submit(&db, Batch::default().bookmark("upstream", "0"));
    submit(&db, Batch::new(messages(0, 3)));
    submit(&db, Batch::default().bookmark("upstream", "3"));
    assert_eq!(ahead.try_next().unwrap(), None);
    submit(&db, Batch::new(messages(3, 1)).bookmark("upstream", "4"));
    assert_eq!(ahead.try_next().unwrap().map(|change| change.seq), Some(4));
    assert_eq!((ahead.next_seq(), ahead.try_next().unwrap()), (5, None));
}

#[test]
fn closing_ends_the_feeds_that_wait() {
    let home = Home::new();
    let db = home.open();
    let mut changes = db.changes(1);
    let waiting = std::thread::spawn(move || changes.next_timeout(Duration::MAX));
    std::thread::sleep(Duration::from_millis(20));
    db.close().unwrap();
    assert!(matches!(waiting.join().unwrap(), Err(ChangesError::Closed)));
}

#[test]
fn a_feed_that_is_stopped_shows_what_is_there_and_waits_no_more() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 2)));
    let mut changes = db.changes(1);
    let stop = changes.stop_handle();
    let waiting = std::thread::spawn(move || {
        let shown = std::iter::from_fn(|| changes.next_timeout(Duration::MAX).unwrap());
        let seqs: Vec<_> = shown.map(|change| change.seq).collect();
        (seqs, changes)
    });
    assert!(!stop.is_stopped());
    stop.stop();
    let (seqs, mut changes) = waiting.join().unwrap();
    assert_eq!((seqs, stop.is_stopped()), (vec![1, 2], true));
    submit(&db, Batch::new(messages(2, 1)));
    assert_eq!(changes.next_timeout(Duration::MAX).unwrap().map(|change| change.seq), Some(3));
    assert_eq!(changes.next_timeout(Duration::MAX).unwrap(), None);
}

/// Everything that a feed returns until it ends, and its error.
fn rest(mut changes: crate::Changes) -> (Vec<u64>, ChangesError) {
    let mut seqs = Vec::new();
    loop {
        match changes.next_timeout(Duration::MAX) {
            Ok(change) => seqs.push(change.unwrap().seq),
            Err(error) => return (seqs, error),
        }
    }
}

/// Regression: nobody woke a waiting feed after a failed write, and it waited forever.
#[test]
fn a_failed_write_ends_the_feeds_that_wait_after_what_is_durable() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    submit(&db, Batch::new(messages(0, 3)));
    let changes = db.changes(1);
    let waiting = std::thread::spawn(move || rest(changes));
    while db.shared().durable.lock().waiting_feeds == 0 {
        std::thread::yield_now();
    }
    storage.fail_append.arm(1, Fault::Undone, true);
    db.submit(Batch::new(messages(3, 1))).unwrap().wait().unwrap_err();
    let (seqs, error) = waiting.join().unwrap();
    assert_eq!(seqs, [1, 2, 3]);
    assert!(matches!(error, ChangesError::Poisoned { .. }), "{error:?}");
    let (seqs, error) = rest(db.changes(2));
    assert_eq!(seqs, [2, 3]);
    assert!(matches!(error, ChangesError::Poisoned { .. }), "{error:?}");
}

/// Regression: the storage was released before a waiting feed had read the last blocks.
#[test]
fn closing_hands_out_what_it_makes_durable_to_the_feeds_that_wait() {
    for _ in 0..50 {
        let home = Home::new();
        let storage = Arc::new(MemoryStorage::default());
        let options = Options::new().sync_interval(Duration::from_secs(3_600)).block_bytes(400);
        let db = home.open_on(&storage, options);
        let changes = db.changes(1);
        let waiting = std::thread::spawn(move || rest(changes));
        while db.shared().durable.lock().waiting_feeds == 0 {
            std::thread::yield_now();
        }
        submit(&db, Batch::new(messages(0, 100)).durability(Durability::Buffered));
        db.close().unwrap();
        let (seqs, error) = waiting.join().unwrap();
        assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
        assert!(matches!(error, ChangesError::Closed), "{error:?}");
    }
}

/// Regression: a feed took a block that was trimmed while it read for a damaged one.
#[test]
fn a_block_that_is_trimmed_while_it_is_read_is_dropped_and_not_damaged() {
    for skipped in [0, 5] {
        let home = Home::new();
        let storage = Arc::new(MemoryStorage::default());
        let db = home.open_on(&storage, Options::new());
        for number in 0..10 {
            submit(&db, Batch::new(messages(number * 5, 5)));
            db.checkpoint().unwrap();
        }
        let mut changes = db.changes(1);
        for _ in 0..skipped {
            changes.try_next().unwrap().unwrap();
        }
        let trimmer = db.clone();
        storage.before_block.set(move || {
            trimmer.trim_log(Time::MAX).unwrap();
        });
        let error = changes.try_next().unwrap_err();
        assert!(matches!(error, ChangesError::Dropped { first_seq: 41, .. }), "{error:?}");
    }
}

/// Regression: a second call returned at once, while the first still wrote.
#[test]
fn a_second_close_waits_for_the_first_and_shares_its_outcome() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new().sync_interval(Duration::from_secs(3_600)));
    submit(&db, Batch::new(messages(0, 3)).durability(Durability::Buffered));
    let (reached, is_reached) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    storage.before_barrier.set(move || {
        reached.send(()).unwrap();
        may_go_on.recv().unwrap();
    });
    storage.fail_pages.arm(1, Fault::Undone, true);
    let closing = |db: crate::Convofold| std::thread::spawn(move || db.close());
    let first = closing(db.clone());
    is_reached.recv().unwrap();
    let second = closing(db.clone());
    // The first call is in its barrier, and the second has nothing to return.
    std::thread::sleep(Duration::from_millis(20));
    assert!(!second.is_finished());
    go_on.send(()).unwrap();
    for outcome in [first.join().unwrap(), second.join().unwrap(), db.close()] {
        assert!(matches!(outcome, Err(CloseError::Poisoned { .. })), "{outcome:?}");
    }
}

#[test]
fn a_feed_skips_to_the_last_durable_event_and_then_waits() {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    let home = Home::new();
    let db = home.open_with(Options::new().block_bytes(2_000));
    submit(&db, Batch::new(messages(0, 90)));
    let mut changes = db.changes(1);
    assert_eq!(changes.try_next().unwrap().map(|change| change.seq), Some(1));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(pin!(changes.skip_to_last()).poll(&mut context), Poll::Ready(Some(90)));
    assert_eq!(pin!(changes.skip_to_last()).poll(&mut context), Poll::Pending);
    submit(&db, Batch::new(messages(90, 3)));
    assert_eq!(changes.try_next().unwrap().map(|change| change.seq), Some(91));
    assert_eq!(pin!(changes.skip_to_last()).poll(&mut context), Poll::Ready(Some(93)));
    let stop = changes.stop_handle();
    stop.stop();
    assert_eq!(pin!(changes.skip_to_last()).poll(&mut context), Poll::Ready(None));
    let mut changes = db.changes(93);
    db.close().unwrap();
    assert_eq!(pin!(changes.skip_to_last()).poll(&mut context), Poll::Ready(Some(93)));
    assert_eq!(pin!(changes.skip_to_last()).poll(&mut context), Poll::Ready(None));
}
