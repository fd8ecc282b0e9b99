//! Code that several fuzz targets share.

use std::path::PathBuf;

use convofold_engine::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold_engine::{Board, Event};
use tempfile::TempDir;

#[derive(Default)]
struct Events(Vec<Event>);

impl Sink for Events {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.0.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {}

    fn rejected(&mut self, rejection: Rejection) {
        assert!(!rejection.to_string().is_empty());
    }
}

/// The events of an input.
pub fn parsed(format: Format, bytes: &[u8]) -> Vec<Event> {
    let mut events = Events::default();
    Parser::new(format, Limits::default()).parse_input(bytes, &mut events);
    events.0
}

/// Parses an input, writes its events in convofold's own form, reads them back, and folds them in two orders.
pub fn ingest(format: Format, bytes: &[u8]) {
    let events = parsed(format, bytes);
    parsed(Format::Auto, bytes);
    let lines: String = events.iter().map(|event| event.export_line() + "\n").collect();
    assert_eq!(parsed(Format::Convofold, lines.as_bytes()), events);
    let [forwards, backwards] = [events.clone(), events.into_iter().rev().collect()].map(|events| fold(&events));
    assert_eq!(forwards, backwards);
}

fn fold(events: &[Event]) -> String {
    let mut board = Board::new();
    let mut batch = board.edit();
    for (seq, event) in (1..).zip(events) {
        batch.apply(seq, event);
    }
    drop(batch);
    board.ids().iter().filter_map(|id| board.state(id)).map(|state| state.export_line() + "\n").collect()
}

/// A directory in memory, if the system has a file system for that.
pub fn directory() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory");
    let path = dir.path().to_owned();
    (dir, path)
}
