//! An audit reports exactly the fields that differ from the events.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{TryRecvError, unbounded};
use parking_lot::Mutex;

use super::{Home, forge_checkpoint, lived_in, message, submit};
use crate::check::audit::{AuditDifference, AuditError, BackgroundAudit, Sample};
use crate::{Batch, Convofold, Damage, Options};

/// A database that opens with one message missing in a conversation, because its checkpoint says so.
fn forged() -> (Home, Convofold) {
    let (_home, storage, _db) = lived_in(Options::new());
    forge_checkpoint(&storage, |image| {
        if &*image.id == "case-5" {
            image.facts = image.facts.iter().take(image.facts.len() - 1).collect();
        }
    });
    let home = Home::new();
    let db = home.open_on(&storage, Options::new());
    assert!(db.recovery().skipped.is_empty());
    (home, db)
}

fn fields<'a>(differences: &'a [AuditDifference], id: &str) -> Vec<&'a str> {
    differences.iter().filter(|it| &*it.id == id).map(|it| it.field.as_str()).collect()
}

#[test]
fn a_store_that_is_well_has_no_difference() {
    let (_home, _storage, db) = lived_in(Options::new());
    let report = db.audit(Sample::All).unwrap();
    let stats = db.stats();
    assert_eq!((report.conversations, report.events, report.last_seq), (38, stats.last_seq, stats.last_seq));
    assert_eq!((report.is_clean(), stats.conversations), (true, 38), "{report:?}");
}

#[test]
fn a_sample_folds_its_own_events_only() {
    let (_home, _storage, db) = lived_in(Options::new());
    let report = db.audit(Sample::Random { conversations: 5, seed: 1 }).unwrap();
    assert!(report.is_clean());
    assert_eq!(report.conversations, 5);
    assert!((40..120).contains(&report.events), "{report:?}");
    let all = db.audit(Sample::Random { conversations: 1_000, seed: 1 }).unwrap();
    assert_eq!((all.conversations, all.events), (38, db.stats().last_seq));
}

#[test]
fn an_empty_store_is_audited_too() {
    let db = Home::new().open();
    assert!(db.audit(Sample::All).unwrap().is_clean());
    assert!(db.audit(Sample::Random { conversations: 3, seed: 0 }).unwrap().is_clean());
}

#[test]
fn a_forged_checkpoint_is_found_by_the_fields_it_falsified() {
    let (_home, db) = forged();
    let report = db.audit(Sample::All).unwrap();
    assert!(report.differences.iter().all(|it| &*it.id == "case-5"), "{report:?}");
    let fields = fields(&report.differences, "case-5");
    assert!(fields.contains(&"messages_in") || fields.contains(&"messages_out"), "{report:?}");
    let state = db.state("case-5").unwrap().unwrap();
    for difference in report.differences.iter().filter(|it| it.field == "messages_in") {
        assert_eq!(difference.found, state.messages_in.to_string());
        assert_eq!(difference.expected, (state.messages_in + 1).to_string());
    }
    let found = (0..).find(|seed| !db.audit(Sample::Random { conversations: 4, seed: *seed }).unwrap().is_clean());
    assert!(found < Some(200), "a sample finds it where it holds the conversation");
}

#[test]
fn what_only_memory_knows_is_a_difference() {
    let (_home, _storage, db) = lived_in(Options::new());
    let seq = db.stats().last_seq;
    db.shared().live.board_mut().edit().apply(seq, &message("case-3", 9_999));
    let report = db.audit(Sample::All).unwrap();
    assert!(fields(&report.differences, "case-3").contains(&"last_event_at"), "{report:?}");
    db.shared().live.board_mut().edit().apply(seq, &message("from nowhere", 1));
    let report = db.audit(Sample::All).unwrap();
    assert_eq!(fields(&report.differences, "from nowhere"), ["state"]);
}

#[test]
fn an_audit_of_a_damaged_log_says_where() {
    let (_home, storage, db) = lived_in(Options::new());
    let key = *storage.contents().log.keys().nth(3).unwrap();
    storage.damage(|contents| drop(contents.log.remove(&key)));
    match db.audit(Sample::All) {
        Err(AuditError::Damaged { block_no: 4, why: Damage::Missing, .. }) => {}
        other => panic!("expected damage at block 4, found {other:?}"),
    }
}

#[test]
fn a_block_that_is_gone_from_the_end_does_not_keep_an_audit_waiting() {
    let (_home, storage, db) = lived_in(Options::new());
    storage.damage(|contents| drop(contents.log.pop_last()));
    storage.damage(|contents| drop(contents.log.pop_last()));
    match db.audit(Sample::All) {
        Err(AuditError::Damaged { why: Damage::Missing, .. }) => {}
        other => panic!("expected a missing block, found {other:?}"),
    }
}

#[test]
fn events_that_arrive_meanwhile_are_no_difference() {
    let (_home, _storage, db) = lived_in(Options::new());
    std::thread::scope(|scope| {
        let (stop, stopped) = unbounded::<()>();
        let writing = &db;
        scope.spawn(move || {
            // Without an end, each audit would have a longer log than the one before, and the writer more time for the next.
            for number in (1_000..4_000).take_while(|_| stopped.try_recv() == Err(TryRecvError::Empty)) {
                submit(writing, Batch::new(vec![message(&format!("case-{}", number % 45), number)]));
            }
        });
        for seed in 0..10 {
            for sample in [Sample::All, Sample::Random { conversations: 9, seed }] {
                let report = db.audit(sample).unwrap();
                assert!(report.is_clean(), "{report:?}");
            }
        }
        drop(stop);
    });
}

#[test]
fn audits_in_the_background_tell_what_they_find() {
    let (_home, db) = forged();
    let (sender, outcomes) = unbounded();
    let audits = db
        .audit_in_background(Duration::ZERO, 20, move |outcome| {
            let _ = sender.send(outcome.as_ref().map(|report| report.differences.clone()).map_err(ToString::to_string));
        })
        .unwrap();
    // Each audit takes a new sample, so that after a while the wrong conversation is in one.
    let found = outcomes.iter().find_map(|outcome| outcome.ok().filter(|differences| !differences.is_empty()));
    assert!(found.is_some_and(|differences| differences.iter().all(|it| &*it.id == "case-5")));
    assert!(audits.last().is_some_and(|outcome| outcome.is_ok()));
    drop(audits);
    // The thread has ended and dropped its sender.
    while outcomes.recv().is_ok() {}
}

#[test]
fn audits_in_the_background_do_not_keep_a_store_open() {
    let home = Home::new();
    let (sender, outcomes) = unbounded();
    let db = home.open();
    submit(&db, Batch::new(vec![message("a", 1)]));
    let audits = db.audit_in_background(Duration::ZERO, 1, move |_| sender.send(()).unwrap_or_default()).unwrap();
    outcomes.recv().unwrap();
    drop(db);
    // Opening succeeds only if the lock and sled's files were released.
    let again = home.open();
    assert_eq!(again.recovery().last_seq, 1);
    // The thread ends by itself and drops its sender.
    while outcomes.recv().is_ok() {}
    drop(audits);
}

#[test]
fn a_background_audit_may_be_dropped_by_what_it_calls() {
    let (_home, _storage, db) = lived_in(Options::new());
    let place: Arc<Mutex<Option<BackgroundAudit>>> = Arc::default();
    let held = place.clone();
    let (sender, outcomes) = unbounded();
    // The callback waits for this lock, so that it finds its own handle.
    let mut slot = place.lock();
    let audits = db.audit_in_background(Duration::ZERO, 1, move |_| {
        drop(held.lock().take());
        sender.send(()).unwrap_or_default();
    });
    *slot = Some(audits.unwrap());
    drop(slot);
    assert_eq!(outcomes.iter().count(), 1);
}
