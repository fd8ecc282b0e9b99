//! An ingest commits its bookmark with its last events.

use convofold_engine::ingest::Format;

use super::{Home, messages};
use crate::api::error::IngestError;
use crate::write::batch::SubmitError;
use crate::{Durability, IngestOptions};

/// More events than one submission.
const EVENTS: u64 = 8_193;

fn lines(count: u64) -> Vec<u8> {
    messages(0, count).iter().flat_map(|event| (event.export_line() + "\n").into_bytes()).collect()
}

#[test]
fn a_bookmark_is_set_with_the_last_events_or_alone() {
    let home = Home::new();
    let db = home.open();
    for (body, value) in [(lines(EVENTS), "many"), (lines(1), "one, known already"), (Vec::new(), "none")] {
        let report = db.ingest_with(&body, &IngestOptions::new().bookmark("upstream", value)).unwrap();
        assert_eq!(report.counts.total(), report.events);
        assert_eq!(db.bookmark("upstream").unwrap(), value.as_bytes());
    }
    assert_eq!(db.ingest(b"", Format::Auto).unwrap().events, 0);
    db.close().unwrap();
    let db = home.open();
    assert_eq!((db.bookmark("upstream").unwrap(), db.stats().last_seq), (b"none".to_vec(), EVENTS));
}

#[test]
fn a_bookmark_that_is_too_large_takes_nothing_along() {
    let home = Home::new();
    let db = home.open();
    let options = IngestOptions::new().bookmark("upstream", vec![0; 5_000]);
    let outcome = db.ingest_with(&lines(EVENTS), &options);
    assert!(matches!(outcome, Err(IngestError::Submit(SubmitError::TooLarge { found: 5_000, .. }))), "{outcome:?}");
    assert_eq!((db.stats().last_seq, db.bookmark("upstream")), (0, None));
}

#[test]
fn what_need_not_be_on_the_disk_is_counted_at_once() {
    let home = Home::new();
    let db = home.open();
    let options = IngestOptions::new().format(Format::Convofold).durability(Durability::Buffered);
    assert_eq!(db.ingest_with(&lines(3), &options).unwrap().counts.applied, 3);
    assert_eq!(db.stats().last_seq, 3);
}

#[test]
#[cfg(feature = "airship")]
fn a_format_that_is_named_is_not_found_out() {
    let home = Home::new();
    let db = home.open();
    let rejected = db.ingest_with(&lines(3), &IngestOptions::new().format(Format::Airship)).unwrap();
    assert_eq!((rejected.events, rejected.rejections.len()), (0, 3));
}

/// Regression: a body of 60 MB took 4.6 GB.
#[test]
fn rejections_beyond_the_maximum_are_only_counted() {
    let home = Home::new();
    let db = home.open();
    let body = [&b"1\n".repeat(5_000), lines(1).as_slice()].concat();
    for (options, kept) in [(IngestOptions::new(), 1_000), (IngestOptions::new().max_rejections(3), 3)] {
        let report = db.ingest_with(&body, &options).unwrap();
        assert_eq!((report.events, report.rejected_total(), report.rejections.len()), (1, 5_000, kept));
        assert_eq!(report.rejected["not an event"], 5_000);
    }
}
