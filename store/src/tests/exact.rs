//! The index is seen after exactly one event, whatever the writer is doing.

use std::sync::atomic::{AtomicBool, Ordering};

use convofold_engine::{Board, Event, Index, Query, Seq, Sort, Totals};

use super::{Home, messages, submit};
use crate::{Batch, Durability};

/// The id of a conversation, its unread messages and its wait.
type Shown = (String, u64, Option<i64>);

/// What a reader finds in an index.
fn seen(index: &Index) -> (Vec<Totals>, Vec<Shown>) {
    let rows = index.query(&Query::new().sort(Sort::Started)).unwrap().rows;
    (index.totals(), rows.iter().map(|row| (row.id().to_owned(), row.unread, row.waiting_since)).collect())
}

/// The index after the first events.
fn after(events: &[Event], seq: Seq) -> Index {
    let mut board = Board::new();
    let mut edit = board.edit();
    for (seq, event) in (1..=seq).zip(events) {
        edit.apply(seq, event);
    }
    drop(edit);
    board.index()
}

#[test]
fn the_index_agrees_with_its_seq_while_events_come_in() {
    const EVENTS: u64 = 4_000;
    let home = Home::new();
    let db = home.open();
    let events = messages(0, EVENTS);
    let is_over = AtomicBool::new(false);
    let found = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut found = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                found.push(db.with_index(|seq, index| (seq, seen(index))));
            }
            found
        });
        // Single events, groups of several locks, and groups that are logged while they are folded.
        let mut rest = events.as_slice();
        for size in [1, 7, 64, 300, 1_000].into_iter().cycle() {
            let (batch, later) = rest.split_at(rest.len().min(size));
            let durability = if size > 64 { Durability::Buffered } else { Durability::Synced };
            submit(&db, Batch::new(batch.to_vec()).durability(durability));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        is_over.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    let mut last_seq = 0;
    for (seq, found) in found {
        assert!(seq >= last_seq, "{seq} after {last_seq}");
        if seq > last_seq {
            assert_eq!(found, seen(&after(&events, seq)), "{seq}");
        }
        last_seq = seq;
    }
    assert_eq!(db.with_index(|seq, _| seq), EVENTS);
    // Duplicates do not move it, and an opening begins where the log ends.
    submit(&db, Batch::new(events[..3].to_vec()));
    assert_eq!(db.with_index(|seq, _| seq), EVENTS);
    db.close().unwrap();
    assert_eq!(home.open().with_index(|seq, index| (seq, index.open_len())), (EVENTS, 37));
}
