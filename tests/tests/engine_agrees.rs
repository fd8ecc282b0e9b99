//! Compares the engine with the transcripts and with the naive model.

#![expect(clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::collections::BTreeSet;

use convofold::engine::{Admission, Board};
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold::{Effect, Event};
use convofold_tests::arbitrary;
use convofold_tests::model::model;
use convofold_tests::transcript::{Counts, Transcript, all_transcripts, inputs, orders};
use proptest::prelude::*;
use serde_json::Value;

/// A board with its counts, fed by the parser.
#[derive(Default)]
struct Folded {
    board: Board,
    counts: Counts,
    rejections: Vec<Rejection>,
    pending: Vec<Event>,
    seq: u64,
}

impl Sink for Folded {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.pending.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {
        self.counts.ignored += 1;
    }

    fn rejected(&mut self, rejection: Rejection) {
        self.counts.rejected += 1;
        self.rejections.push(rejection);
    }
}

impl Folded {
    fn input(&mut self, bytes: &[u8]) {
        Parser::new(Format::Auto, Limits::default()).parse_input(bytes, self);
        self.apply();
    }

    /// As the writer does: first decide what the log gets, then apply that.
    fn apply(&mut self) {
        let events = std::mem::take(&mut self.pending);
        let mut admissions = self.board.admissions();
        let admitted: Vec<_> = events.iter().map(|event| admissions.admit(event)).collect();
        let mut batch = self.board.edit();
        for (event, admission) in events.iter().zip(admitted) {
            if admission == Admission::Duplicate {
                self.counts.duplicates += 1;
                batch.repeat(event);
                continue;
            }
            self.seq += 1;
            match batch.apply(self.seq, event) {
                Effect::Applied | Effect::Late => self.counts.accepted += 1,
                Effect::Conflict { .. } => self.counts.conflicts += 1,
                Effect::Duplicate | Effect::Erased => panic!("the board admits no such event"),
            }
        }
    }

    fn export(&self) -> Vec<String> {
        let lines = self.board.ids().into_iter().filter_map(|id| self.board.state(&id));
        lines.map(|state| state.export_line()).collect()
    }
}

fn fold(inputs: &[Vec<u8>]) -> Folded {
    let mut folded = Folded::default();
    for input in inputs {
        folded.input(input);
    }
    folded
}

#[track_caller]
fn expect_matches(transcript: &Transcript, export: &[String]) {
    let found: Vec<Value> =
        export.iter().map(|line| serde_json::from_str(line).expect("an export line is JSON")).collect();
    let name = &transcript.name;
    assert_eq!(found.len(), transcript.expect.len(), "{name}: conversations in {found:#?}");
    for expected in &transcript.expect {
        let state = found.iter().find(|state| state["id"] == expected["id"]);
        let state = state.unwrap_or_else(|| panic!("{name}: no conversation {}", expected["id"]));
        for (key, value) in expected.as_object().expect("an object") {
            assert_eq!(&state[key], value, "{name}: `{key}` of {}\n{}", expected["id"], transcript.title);
        }
    }
}

/// `$.body.transaction` in the notation of the transcripts.
fn plain_path(path: &str) -> &str {
    let path = path.strip_prefix('$').unwrap_or(path);
    path.strip_prefix('.').unwrap_or(path)
}

fn check(transcript: &Transcript) {
    let name = &transcript.name;
    let folded = fold(&inputs(&transcript.events));
    let export = folded.export();
    if let Some(counts) = &transcript.counts {
        assert_eq!(&folded.counts, counts, "{name}: {:#?}", folded.rejections);
    }
    if transcript.export.is_none() {
        expect_matches(transcript, &export);
    }
    if let Some(expected) = &transcript.export {
        assert_eq!(&export, expected, "{name}");
    }
    let mut board = folded.board;
    if let Some(hash) = &transcript.hash {
        assert_eq!(&board.state_hash().to_string(), hash, "{name}");
    }
    let lines: BTreeSet<_> = transcript.rejects.iter().map(|reject| reject.line as u64).collect();
    let several_inputs = inputs(&transcript.events).len() > 1;
    if !lines.is_empty() && !several_inputs {
        let found: BTreeSet<_> = folded.rejections.iter().map(|rejection| rejection.line).collect();
        assert_eq!(found, lines, "{name}: {:#?}", folded.rejections);
        for reject in &transcript.rejects {
            let Some(path) = &reject.path else { continue };
            let at_line = folded.rejections.iter().filter(|rejection| rejection.line == reject.line as u64);
            let paths: Vec<_> = at_line.map(|rejection| plain_path(&rejection.path)).collect();
            assert!(paths.contains(&path.as_str()), "{name}: line {}: expected {path}, found {paths:?}", reject.line);
        }
    }
    if transcript.any_order {
        for order in orders(transcript.events.len()) {
            let events: Vec<_> = order.iter().map(|place| transcript.events[*place].clone()).collect();
            assert_eq!(fold(&inputs(&events)).export(), export, "{name}: in the order {order:?}");
        }
    }
}

#[test]
fn every_transcript_ends_as_it_says() {
    let transcripts = all_transcripts().expect("the transcripts are readable");
    let mut failed = 0;
    for transcript in &transcripts {
        failed += u32::from(std::panic::catch_unwind(|| check(transcript)).is_err());
    }
    assert_eq!(failed, 0, "{failed} of {} transcripts failed, see above", transcripts.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Spec section 1: the state is a function of the set of events, and it is the state that the rules define.
    #[test]
    fn the_state_is_that_of_the_model_in_any_order_batching_and_repetition(
        (lines, delivered) in delivered(arbitrary::wire_log()),
        cut in 1_usize..7,
    ) {
        let expected = model(&lines);
        let mut folded = deliver(&delivered, cut);
        prop_assert_eq!(folded.export(), expected.export);
        prop_assert_eq!(folded.board.state_hash().to_string(), expected.hash);
    }

    /// Spec I2: if events of one identity differ, arrival still has no influence.
    #[test]
    fn conflicts_end_the_same_in_any_order(
        (lines, delivered) in delivered(arbitrary::wire_log_with_conflicts()),
        cut in 1_usize..7,
    ) {
        let mut in_order = deliver(&lines, 1);
        let mut otherwise = deliver(&delivered, cut);
        prop_assert_eq!(otherwise.export(), in_order.export());
        prop_assert_eq!(otherwise.board.state_hash(), in_order.board.state_hash());
        let agreed = |export: Vec<String>| -> Vec<String> {
            let conflicted = model(&lines).conflicted;
            let id = |line: &String| serde_json::from_str::<Value>(line).expect("JSON")["id"].as_str().map(str::to_owned);
            export.into_iter().filter(|line| id(line).is_some_and(|id| !conflicted.contains(&id))).collect()
        };
        prop_assert_eq!(agreed(in_order.export()), agreed(model(&lines).export));
    }
}

/// A log and a delivery of it: some lines twice, all lines in another order.
fn delivered(log: impl Strategy<Value = Vec<String>>) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let with_repeats = (log, prop::collection::vec(any::<prop::sample::Index>(), 0..4)).prop_map(|(lines, repeats)| {
        let again = repeats.iter().filter(|_| !lines.is_empty()).map(|place| lines[place.index(lines.len())].clone());
        let all: Vec<_> = lines.iter().cloned().chain(again).collect();
        (lines, all)
    });
    with_repeats.prop_flat_map(|(lines, all)| (Just(lines), Just(all).prop_shuffle()))
}

fn deliver(lines: &[String], cut: usize) -> Folded {
    let mut folded = Folded::default();
    for batch in lines.chunks(cut) {
        folded.input(batch.join("\n").as_bytes());
    }
    folded
}
