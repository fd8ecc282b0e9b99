//! Evicted conversations: the only visible difference is the memory that they free.

use std::sync::Arc;

use convofold_engine::{Board, Event, FOLD_VERSION, Kind, Newest, Query, Sort, StateHash, StatusFilter};

use super::{Home, export, forge_pages, message, messages, submit};
use crate::check::audit::Sample;
use crate::format::page_head::PageHead;
use crate::storage::memory::MemoryStorage;
use crate::write::error::CommitError;
use crate::{Batch, Convofold, Options, StorageError};

/// A limit so small that almost every conversation is evicted.
fn cramped() -> Options {
    Options::new().memory_bytes(4_000)
}

/// A database whose conversations are evicted, except those that the last batches reloaded.
fn scattered() -> (Home, Arc<MemoryStorage>, Convofold) {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, cramped());
    for chunk in [3, 0, 2, 1] {
        submit(&db, Batch::new(messages(chunk * 100, 120)));
    }
    let closing = (0..37).step_by(2).map(|number| closed(&format!("case-{number}"), 1_000 + number));
    submit(&db, Batch::new(closing.collect()));
    // Evictions happen between commands.
    db.sync().unwrap();
    (home, storage, db)
}

fn closed(conversation: &str, number: u64) -> Event {
    let plain = message(conversation, number);
    plain.draft().kind(Kind::Close).build().unwrap()
}

/// The newest event lost to another one with its identity (I2), so that it is searched in all conversations.
#[test]
fn t1_after_a_conflict_the_newest_event_is_searched() {
    let (_home, storage, db) = scattered();
    let newest = db.latest_at().unwrap();
    let with = |number: u64| {
        let plain = message("case-3", 2_000 + number);
        plain.draft().identity(convofold_engine::Identity::given("one", 0)).build().unwrap()
    };
    let mut events: Vec<_> = (0..8).map(with).collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.content()));
    for event in events {
        submit(&db, Batch::new(vec![event.clone()]));
        assert_eq!(db.latest_at().unwrap(), newest.max(Some(event.at().alone().ms())));
    }
    let found = db.latest_at().unwrap();
    db.close().unwrap();
    let home = Home::new();
    let again = home.open_on(&MemoryStorage::with(storage.contents()), Options::new());
    assert_eq!(again.latest_at().unwrap(), found);
}

/// A database with the same events, all in memory.
fn unlimited() -> Board {
    let mut board = Board::new();
    let mut seq = 0;
    for chunk in [3, 0, 2, 1] {
        for event in messages(chunk * 100, 120) {
            if board.admissions().admit(&event) == convofold_engine::Admission::Log {
                seq += 1;
                board.edit().apply(seq, &event);
            } else {
                board.edit().repeat(&event);
            }
        }
    }
    for number in (0..37).step_by(2) {
        seq += 1;
        board.edit().apply(seq, &closed(&format!("case-{number}"), 1_000 + number));
    }
    board
}

fn lines(board: &Board) -> String {
    let states = board.ids().into_iter().filter_map(|id| board.state(&id));
    states.map(|state| state.export_line() + "\n").collect()
}

#[track_caller]
fn expect_the_same(db: &Convofold, board: &mut Board) {
    let (stats, index) = (db.stats(), board.index());
    assert_eq!((stats.conversations, stats.open), (board.len() as u64, index.open_len() as u64));
    assert_eq!(db.state_hash(), board.state_hash());
    assert_eq!(export(db), lines(board));
    assert_eq!(db.totals(), index.totals());
    assert_eq!(db.agents(), index.agents());
    assert_eq!(db.latest_at().unwrap(), index.newest().map(Newest::at_ms));
    let after_close = Query::new().unanswered_after_close(true);
    assert_eq!(db.query(&after_close).unwrap().rows, index.query(&after_close).unwrap().rows);
    assert_eq!(db.query(&Query::new()).unwrap().rows, index.query(&Query::new()).unwrap().rows);
    for status in [StatusFilter::Closed, StatusFilter::Any] {
        let mut query = Query::new().status(status).sort(Sort::Closed).limit(3);
        loop {
            let expected = query.page_of(board.ids().iter().filter_map(|id| board.row(id))).unwrap();
            let found = db.query(&query).unwrap();
            assert_eq!((&found.rows, &found.next), (&expected.rows, &expected.next));
            let Some(next) = found.next else { break };
            query = query.cursor(next);
        }
    }
    for id in board.ids() {
        assert_eq!(db.state(&id).unwrap(), board.state(&id));
        assert_eq!(db.row(&id).unwrap(), board.row(&id));
        assert_eq!(db.history(&id).unwrap(), board.history(&id));
        assert_eq!(db.arrivals(&id).unwrap(), board.arrivals(&id));
    }
    assert_eq!(db.state("nobody").unwrap(), None);
}

#[test]
fn answers_are_the_same_whether_conversations_are_here_or_away() {
    let (_home, _storage, db) = scattered();
    let stats = db.stats();
    assert!(stats.resident < stats.conversations && stats.resident_bytes <= 4_000, "{stats:?}");
    expect_the_same(&db, &mut unlimited());
}

#[test]
fn a_store_opens_with_everything_away_and_the_same_answers() {
    let (_home, storage, db) = scattered();
    db.close().unwrap();
    let home = Home::new();
    let storage = MemoryStorage::with(storage.contents());
    let again = home.open_on(&storage, Options::new());
    assert_eq!(again.stats().resident, 0);
    expect_the_same(&again, &mut unlimited());
    // Events after the checkpoint reload their conversations.
    submit(&again, Batch::new(messages(0, 5)));
    submit(&again, Batch::new(vec![message("case-1", 5_000)]));
    let home = Home::new();
    let third = home.open_on(&storage.after_power_cut(), Options::new());
    assert_eq!((third.recovery().events_replayed, third.stats().resident), (1, 1));
    assert_eq!(third.state_hash(), again.state_hash());
    assert_eq!(export(&third), export(&again));
}

/// Gives the pages of the last checkpoint heads of another fold version, like pages that were not rewritten since an
/// upgrade.
fn heads_of_other_rules(storage: &MemoryStorage) {
    forge_pages(storage, |_, head| {
        *head = PageHead { fold_version: FOLD_VERSION + 7, outlines: vec![], hash: StateHash::default() };
    });
}

#[test]
fn a_store_whose_page_heads_are_of_another_fold_version_answers_the_same() {
    let (_home, storage, db) = scattered();
    db.close().unwrap();
    heads_of_other_rules(&storage);
    let home = Home::new();
    let again = home.open_on(&storage, Options::new());
    assert_eq!(again.recovery().skipped, []);
    assert_eq!(again.stats().resident, 37, "these pages are read whole");
    crate::conversations::archive::evict(&again.shared().live, 0, 0);
    assert_eq!(again.stats().resident, 0);
    expect_the_same(&again, &mut unlimited());
    let receipt = submit(&again, Batch::new(vec![message("case-20", 5_000)]));
    let mut all = unlimited();
    all.edit().apply(receipt.first_seq.unwrap(), &message("case-20", 5_000));
    expect_the_same(&again, &mut all);
}

#[test]
fn what_was_sent_before_is_known_also_where_its_conversation_is_away() {
    let (_home, _storage, db) = scattered();
    let (before, hash) = (db.stats().last_seq, db.state_hash());
    for chunk in [0, 1, 2, 3] {
        let receipt = submit(&db, Batch::new(messages(chunk * 100, 120)));
        assert_eq!((receipt.counts.duplicates, receipt.first_seq), (120, None));
    }
    assert_eq!((db.stats().last_seq, db.state_hash()), (before, hash));
}

#[test]
fn verify_and_audit_look_at_conversations_wherever_they_are() {
    let (_home, _storage, db) = scattered();
    let report = db.verify(|_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.conversations, 37);
    for sample in [Sample::All, Sample::Random { conversations: 9, seed: 1 }] {
        let report = db.audit(sample).unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
    assert_eq!(db.audit(Sample::All).unwrap().conversations, 37);
}

#[test]
fn a_page_that_cannot_be_read_fails_the_batch_that_needs_it_and_is_made_anew_at_the_next_opening() {
    let (_home, storage, db) = scattered();
    db.checkpoint().unwrap();
    crate::conversations::archive::evict(&db.shared().live, 0, 0);
    let (hash, lines) = (db.state_hash(), export(&db));
    storage.damage(|contents| {
        for page in contents.pages.values_mut() {
            *page.last_mut().unwrap() ^= 1;
        }
    });
    let lost = db.state("case-0");
    assert!(matches!(lost, Err(StorageError::Value(_))), "{lost:?}");
    let refused = db.submit(Batch::new(vec![message("case-0", 9_000)])).unwrap().wait();
    assert!(matches!(refused, Err(CommitError::Poisoned { .. })), "{refused:?}");
    let home = Home::new();
    let again = home.open_on(&MemoryStorage::with(storage.contents()), cramped());
    assert!(!again.recovery().skipped.is_empty());
    assert_eq!((again.state_hash(), export(&again)), (hash, lines));
}

#[test]
fn a_page_of_a_query_has_the_last_messages_of_evicted_conversations() {
    let (_home, _storage, db) = scattered();
    let query = Query::new().limit(0);
    let rows = db.query_with_last_messages(&query).unwrap().rows;
    assert!(db.stats().resident < db.stats().conversations && rows.len() > 10);
    for row in &rows {
        let state = db.state(row.id()).unwrap().unwrap();
        assert_eq!(
            (row.last_message.as_deref(), &row.agent),
            (state.last_message.as_ref(), &state.agent),
            "{}",
            row.id()
        );
    }
    assert!(db.query(&query).unwrap().rows.iter().all(|row| row.last_message.is_none()));
}

#[test]
fn ids_are_found_by_their_beginning_in_memory_or_not() {
    let (_home, _storage, db) = scattered();
    let all: Vec<_> = db.scan_states().map(|state| state.unwrap().id.to_string()).collect();
    let mut expected: Vec<_> = all.into_iter().filter(|id| id.starts_with("case-1")).collect();
    expected.sort();
    assert!(expected.len() > 3);
    assert_eq!(db.find_ids("case-1", usize::MAX).unwrap(), expected);
    assert_eq!(db.find_ids("case-1", 2).unwrap(), expected[..2]);
    assert_eq!(db.find_ids("ca\u{2026}-17", 2).unwrap(), ["case-17"]);
    assert_eq!(db.find_ids("case-17\u{2026}", 2).unwrap(), ["case-17"]);
    assert_eq!(db.find_ids("case-17\u{2026}17", 2).unwrap(), Vec::<String>::new());
    assert!(db.find_ids("desk", 2).unwrap().is_empty());
}
