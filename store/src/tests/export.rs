//! The export contains every durable event, and gives an equal database when it is ingested.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use convofold_engine::ingest::Format;
use convofold_engine::{Event, Identity};

use super::{Home, message, messages, submit};
use crate::api::error::ChangesError;
use crate::storage::memory::MemoryStorage;
use crate::{Batch, Change, Convofold, Durability, ExportEventsError, Options};

fn lines(db: &Convofold) -> Vec<u8> {
    let mut out = Vec::new();
    let report = db.export_events(&mut out).unwrap();
    let longest = out.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or_default();
    assert_eq!((report.bytes, report.longest_line_bytes), (out.len() as u64, longest as u64));
    assert_eq!((report.events, report.last_seq), (db.stats().durable_seq, db.stats().durable_seq));
    out
}

fn log(db: &Convofold) -> Vec<Change> {
    let mut changes = db.changes(0);
    std::iter::from_fn(|| changes.try_next().unwrap()).collect()
}

/// Two events with one identity and different contents.
fn at_odds() -> [Event; 2] {
    let first = message("odd", 1);
    ["a", "b"].map(|text| {
        let identity = Some(Identity::given("x", 0));
        first.draft().text(text).identity(identity).build().unwrap()
    })
}

#[test]
fn what_goes_out_gives_the_same_log_elsewhere() {
    let (home, other) = (Home::new(), Home::new());
    let db = home.open_with(Options::new().block_bytes(2_000));
    submit(&db, Batch::new(messages(0, 700)));
    submit(&db, Batch::new(at_odds().to_vec()));
    submit(&db, Batch::new(messages(600, 200)));
    let out = lines(&db);
    let copy = other.open();
    let report = copy.ingest(&out, Format::Auto).unwrap();
    assert_eq!((report.rejections.len(), report.counts.duplicates, report.counts.conflicts), (0, 0, 1));
    assert_eq!(log(&copy), log(&db));
    assert_eq!(copy.state_hash(), db.state_hash());
    assert_eq!(lines(&copy), out);
    // In the original database, every exported event is a duplicate.
    assert_eq!(db.ingest(&out, Format::Convofold).unwrap().counts.duplicates, 802);
}

#[test]
fn of_an_empty_store_nothing_goes_out() {
    let home = Home::new();
    assert_eq!(lines(&home.open()), b"");
}

#[test]
fn only_what_is_durable_goes_out() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new().sync_interval(Duration::from_secs(3_600)));
    submit(&db, Batch::new(messages(0, 3)));
    submit(&db, Batch::new(messages(3, 3)).durability(Durability::Buffered));
    assert_eq!(db.export_events(&mut Vec::new()).unwrap().last_seq, 3);
    db.sync().unwrap();
    assert_eq!(db.export_events(&mut Vec::new()).unwrap().last_seq, 6);
}

#[test]
fn a_closed_store_and_a_writer_that_is_full_say_so() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 3)));
    let full = db.export_events(&mut Full).unwrap_err();
    let ExportEventsError::Write(error) = full else { panic!("{full:?}") };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    db.close().unwrap();
    let closed = db.export_events(&mut Vec::new()).unwrap_err();
    assert!(matches!(closed, ExportEventsError::Changes(ChangesError::Closed)), "{closed:?}");
}

struct Full;

impl Write for Full {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
