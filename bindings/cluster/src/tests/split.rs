//! Splitting inputs.

use std::num::NonZeroU32;

use convofold::Event;
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold_generator::{Faults, Generator, Options};
use proptest::prelude::*;

use super::event;
use crate::{Partitions, Splitter};

#[derive(Default)]
struct Found {
    events: Vec<Event>,
    rejected: usize,
    ignored: u64,
}

impl Sink for Found {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {
        self.ignored += 1;
    }

    fn rejected(&mut self, _rejection: Rejection) {
        self.rejected += 1;
    }
}

fn parser() -> Parser {
    Parser::new(Format::Auto, Limits::default())
}

fn parsed(input: &[u8]) -> Found {
    let mut found = Found::default();
    parser().parse_input(input, &mut found);
    found
}

/// Each payload is one event of the input, in its partition, and all of them are there.
#[track_caller]
fn expect_split(input: &[u8]) -> usize {
    let partitions = Partitions::new(NonZeroU32::new(8).unwrap());
    let split = Splitter::new(parser(), partitions).split(input);
    let whole = parsed(input);
    let mut events = Vec::new();
    for payload in &split.payloads {
        let one = parsed(&payload.bytes);
        assert_eq!((one.events.len(), one.rejected, one.ignored), (1, 0, 0), "{}", payload.bytes.escape_ascii());
        assert_eq!(payload.partition, partitions.of(one.events[0].conversation()));
        events.extend(one.events);
    }
    assert_eq!(events, whole.events);
    assert_eq!((split.rejections.len(), split.ignored), (whole.rejected, whole.ignored));
    events.len()
}

#[test]
fn each_payload_of_a_generated_log_is_one_event_of_its_partition() {
    let faults = Faults::new().duplicates(0.05).shuffle(20).garbage(0.05);
    let mut log = Vec::new();
    Generator::new(Options::new().events(2_000).seed(17).faults(faults)).unwrap().write_to(&mut log).unwrap();
    assert!(expect_split(&log) >= 2_000);
}

#[test]
fn arrays_documents_over_several_lines_and_other_encodings_are_split() {
    let text = |number| String::from_utf8(event(number)).unwrap();
    let (one, two) = (text(1), text(2));
    let pretty = one.replace(',', ",\n  ").replace('{', "{\n  ");
    let inputs = [
        format!("[{one},{two}]"),
        format!("[\n  {one},\n  {two}\n]\n"),
        format!("[{pretty}, {pretty}]"),
        format!("\u{feff}{pretty}\n{two}\r\n"),
        format!("{one},\n{two},\n"),
    ];
    for input in &inputs {
        assert_eq!(expect_split(input.as_bytes()), 2, "{input}");
        let utf16: Vec<u8> = [0xfe, 0xff].into_iter().chain(input.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        assert_eq!(expect_split(&utf16), 2, "{input} in UTF-16");
    }
    let awkward =
        r#"{"convofold":1,"source":"d}","conversation":"{[\\\"","kind":"close","occurred":"2026-03-02T09:15:00Z"}"#;
    assert_eq!(expect_split(format!("[{awkward},{one},{awkward}]").as_bytes()), 3);
    assert_eq!(expect_split(b""), 0);
    assert_eq!(expect_split(b"[1, {}, \"x\"]\n}{\n"), 0);
}

/// A reject record is read again, and its raw input can have several events.
#[test]
fn the_events_of_a_reject_record_are_split() {
    let line = String::from_utf8([event(1), event(2), event(3)].join(&b',')).unwrap();
    let raw = format!("[{line}]").replace('"', "\\\"");
    let record = format!(
        r#"{{"convofold_reject":1,"line":1,"byte_offset":0,"path":"$","reason":"not JSON","expected":"x","found":"y","raw":"{raw}"}}"#
    );
    assert_eq!(expect_split(record.as_bytes()), 3);
}

/// What stands between objects, and what an object can be broken with.
const PIECES: [&[u8]; 12] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\"",
    b"\\",
    b"\n",
    b"\r\n",
    b"\xff",
    b"null",
    br#"{"convofold_reject":1,"raw":"{}"}"#,
];

proptest! {
    #[test]
    fn a_damaged_log_is_split_into_the_events_that_a_parser_finds(
        seed: u64,
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..9, 0..PIECES.len()), 0..12),
    ) {
        let mut log = Vec::new();
        Generator::new(Options::new().events(12).seed(seed)).unwrap().write_to(&mut log).unwrap();
        for (place, removed, piece) in damages {
            let at = place.index(log.len().max(1)).min(log.len());
            let end = (at + removed).min(log.len());
            log.splice(at..end, PIECES[piece].iter().copied());
        }
        expect_split(&log);
    }
}
