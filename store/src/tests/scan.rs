//! Scans return every conversation once, in memory or evicted.

use std::sync::Arc;

use super::{Home, lived_in, messages, submit};
use crate::storage::memory::MemoryStorage;
use crate::{Batch, Convofold, Options, StorageError};

/// A scan returns the same as queries by id.
#[track_caller]
fn expect_scanned(db: &Convofold) {
    let scanned: Vec<_> = db.scan().map(Result::unwrap).collect();
    assert_eq!(scanned.len() as u64, db.stats().conversations);
    for conversation in &scanned {
        let id = &conversation.state.id;
        assert_eq!(db.state(id).unwrap().as_ref(), Some(&conversation.state));
        assert_eq!(db.history(id).unwrap().as_ref(), Some(&conversation.history));
    }
    let states: Vec<_> = db.scan_states().map(Result::unwrap).collect();
    assert!(states.iter().eq(scanned.iter().map(|conversation| &conversation.state)));
    let hash = states.iter().map(|state| convofold_engine::StateHash::of_line(&state.export_line()));
    assert_eq!(hash.reduce(convofold_engine::StateHash::plus), Some(db.state_hash()));
}

#[test]
fn a_scan_shows_every_conversation_once() {
    let (_home, _, db) = lived_in(Options::new());
    assert_eq!(db.stats().resident, db.stats().conversations);
    expect_scanned(&db);
}

#[test]
fn a_scan_shows_conversations_that_are_away_and_leaves_them_there() {
    let (_home, _, db) = lived_in(Options::new().memory_bytes(4_000));
    db.sync().unwrap();
    let resident = db.stats().resident;
    assert!(resident < db.stats().conversations / 2, "{resident}");
    expect_scanned(&db);
    assert_eq!(db.stats().resident, resident);
}

#[test]
fn what_comes_after_a_scan_began_is_not_in_it() {
    let home = Home::new();
    let db = home.open_on(&Arc::new(MemoryStorage::default()), Options::new());
    assert!(db.scan().next().is_none());
    submit(&db, Batch::new(messages(0, 20)));
    let mut scan = db.scan();
    assert_eq!((scan.next().unwrap().unwrap().state.id.as_ref(), scan.remaining()), ("case-0", 19));
    submit(&db, Batch::new(messages(20, 10)));
    assert_eq!((scan.count(), db.scan().count()), (19, 30));
}

#[test]
fn a_scan_of_a_store_that_is_closed_ends_with_an_error() {
    let (_home, _, db) = lived_in(Options::new().memory_bytes(4_000));
    db.sync().unwrap();
    let mut scan = db.scan();
    scan.next().unwrap().unwrap();
    db.close().unwrap();
    let rest: Vec<_> = scan.collect();
    assert!(matches!(rest.last(), Some(Err(StorageError::Closed))), "{:?}", rest.last());
    assert!(rest.iter().filter(|found| found.is_err()).count() == 1);
}

#[test]
fn one_that_cannot_be_read_does_not_hide_the_others() {
    let (_home, storage, db) = lived_in(Options::new().memory_bytes(4_000));
    db.sync().unwrap();
    let all = db.stats().conversations;
    storage.damage(|contents| {
        let page = contents.pages.iter_mut().find(|(key, _)| key.page.page_no == 0);
        page.unwrap().1.iter_mut().for_each(|byte| *byte ^= 1);
    });
    let found: Vec<_> = db.scan().collect();
    assert_eq!(found.len() as u64, all);
    assert!(found.iter().any(Result::is_err) && found.iter().any(Result::is_ok));
}
