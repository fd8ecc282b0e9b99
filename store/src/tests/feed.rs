//! The feed returns every durable event once, in order (rule Q4).

use std::sync::Arc;
use std::time::Duration;

use super::{Home, message, messages, submit};
use crate::api::error::ChangesError;
use crate::storage::memory::MemoryStorage;
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
