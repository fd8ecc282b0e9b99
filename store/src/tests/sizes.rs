//! Large values, at bounds that are lowered so that small inputs reach them.

use super::{Home, export, message, message_with, messages, submit};
use crate::bounds::Bounds;
use crate::care::repair::Repair;
use crate::care::trim::TrimError;
use crate::write::batch::SubmitError;
use crate::write::error::{CloseError, CommitError};
use crate::{Batch, Convofold, Options};
use convofold_engine::Time;
use convofold_engine::ingest::Format;

fn bounded(bounds: Bounds) -> Options {
    Options { bounds, ..Options::new().group_max_events(1) }
}

fn trim(db: &Convofold) {
    let before = Time::from_ms(1_800_000_000_000).unwrap();
    let trimmed = db.trim_log(before).or_else(|error| match error {
        TrimError::Commit(error) => Err(error),
        other => panic!("{other}"),
    });
    trimmed.unwrap();
}

#[test]
fn a_value_that_cannot_be_encoded_is_refused_and_does_not_poison() {
    let home = Home::new();
    let db = home.open_with(bounded(Bounds { body_bytes: 2_000, ..Bounds::default() }));
    submit(&db, Batch::new(messages(0, 5)));
    let before = (export(&db), db.stats().last_seq);
    let long = Batch::new(vec![message_with("long", 1, &"x".repeat(3_000))]).bookmark("at", "1");
    let refused = db.submit(long).unwrap().wait();
    assert!(matches!(refused, Err(CommitError::Unstorable { .. })), "{refused:?}");
    assert_eq!((export(&db), db.stats().last_seq), before);
    assert_eq!(db.bookmark("at"), None);
    submit(&db, Batch::new(messages(5, 5)));
    db.checkpoint().unwrap();
    assert!(db.verify(|_| {}).unwrap().is_clean());
    db.close().unwrap();
    let again = home.open();
    assert_eq!((again.stats().last_seq, again.state_hash()), (10, db.state_hash()));
}

#[test]
fn a_checkpoint_that_cannot_be_encoded_leaves_the_previous_one() {
    let home = Home::new();
    let db = home.open_with(bounded(Bounds { body_bytes: 2_000, ..Bounds::default() }));
    submit(&db, Batch::new(messages(0, 5)).bookmark("one", "x".repeat(1_000)));
    db.checkpoint().unwrap();
    submit(&db, Batch::default().bookmark("two", "x".repeat(1_000)));
    let refused = db.checkpoint();
    assert!(matches!(refused, Err(CommitError::Unstorable { .. })), "{refused:?}");
    submit(&db, Batch::new(messages(5, 5)));
    let closed = db.close();
    assert!(matches!(closed, Err(CloseError::Unstorable { .. })), "{closed:?}");
    let again = home.open();
    assert_eq!(again.recovery().checkpoint_seq, Some(5));
    assert_eq!((again.stats().last_seq, again.state_hash()), (10, db.state_hash()));
    assert_eq!(again.bookmarks().len(), 2);
}

#[test]
fn what_cannot_be_stored_is_refused_before_it_is_queued() {
    let home = Home::new();
    let db = home.open_with(bounded(Bounds { batch_bytes: 4_000, bookmarks: 2, ..Bounds::default() }));
    let name = "n".repeat(5_000);
    let named = message("c", 1).draft().member_name(name.as_str()).build().unwrap();
    let refused = db.submit(Batch::new(vec![named]));
    assert!(matches!(refused, Err(SubmitError::TooLarge { what: "bytes", max: 4_000, .. })), "{refused:?}");
    for name in ["one", "two", "one"] {
        submit(&db, Batch::default().bookmark(name, "x"));
    }
    let refused = db.submit(Batch::default().bookmark("three", "x"));
    assert!(matches!(refused, Err(SubmitError::TooLarge { found: 3, max: 2, .. })), "{refused:?}");
    submit(&db, Batch::default().delete_bookmark("two"));
    submit(&db, Batch::new(vec![message("c", 1)]).bookmark("three", "x"));
}

/// Bounds at which a few messages fill a batch.
fn small_batches() -> Bounds {
    Bounds { batch_bytes: 4_000, submission_bytes: 2_000, ..Bounds::default() }
}

#[test]
fn repair_splits_its_batches_by_bytes() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new((0..40).map(|number| message_with("c", number, &"x".repeat(1_000))).collect()));
    for trims in [false, true] {
        if trims {
            trim(&db);
        }
        db.sync().unwrap();
        let damaged = home.killed();
        let into = damaged.dir.path().join("repaired");
        let mut repair = Repair::new(damaged.path(), &into);
        repair.bounds = small_batches();
        let report = repair.run().unwrap();
        assert_eq!((report.events, report.state_hash), (40, db.state_hash()));
    }
}

#[test]
fn ingest_splits_its_batches_by_bytes() {
    let home = Home::new();
    let db = home.open_with(bounded(small_batches()));
    let lines: String = messages(0, 40).iter().map(|event| event.export_line() + "\n").collect();
    let report = db.ingest(lines.as_bytes(), Format::Convofold).unwrap();
    assert_eq!((report.events, report.counts.applied + report.counts.late), (40, 40));
}
