//! Compares the naive model with the transcripts, and the transcripts with the list of rules.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::fmt::Write as _;

use convofold_tests::model::{Outcome, model_of_bytes};
use convofold_tests::transcript::{Transcript, all_transcripts, orders};
use serde_json::Value;

/// Every rule that a transcript must prove; `8` is the fine print.
const RULES: [&str; 28] = [
    "W1", "W2", "W3", "W4", "W5", "W6", "I1", "I2", "I3", "T1", "T2", "T3", "T4", "F1", "F2", "F3", "F4", "F5", "F6",
    "F7", "F8", "F9", "F10", "F11", "F12", "H1", "H2", "8",
];

fn transcripts() -> Vec<Transcript> {
    all_transcripts().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_model_agrees_with_every_transcript() {
    let mut differences = String::new();
    for transcript in transcripts().iter().filter(|transcript| !transcript.wire_only) {
        differences += &difference(transcript);
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn every_rule_is_proved_by_a_transcript() {
    let transcripts = transcripts();
    let named = |rule: &&str| transcripts.iter().any(|one| one.rules.iter().any(|name| name == *rule));
    let unproved: Vec<_> = RULES.into_iter().filter(|rule| !named(rule)).collect();
    assert!(unproved.is_empty(), "no transcript proves {unproved:?}");
}

#[test]
fn transcripts_name_only_rules_that_exist() {
    for transcript in transcripts() {
        for rule in &transcript.rules {
            assert!(RULES.contains(&rule.as_str()), "{}: no rule {rule}", transcript.name);
        }
    }
}

#[test]
fn any_order_of_an_any_order_transcript_gives_the_same_state() {
    for transcript in transcripts().iter().filter(|transcript| transcript.any_order) {
        check_orders(transcript);
    }
}

#[track_caller]
fn check_orders(transcript: &Transcript) {
    let first = model_of_bytes(&transcript.events);
    for order in orders(transcript.events.len()) {
        let events: Vec<_> = order.iter().map(|&place| transcript.events[place].clone()).collect();
        let outcome = model_of_bytes(&events);
        assert_eq!(outcome.export, first.export, "{} in order {order:?}", transcript.name);
        assert_eq!(outcome.hash, first.hash, "{} in order {order:?}", transcript.name);
    }
}

/// The differences between the model and the transcript.
fn difference(transcript: &Transcript) -> String {
    let outcome = model_of_bytes(&transcript.events);
    let mut lines = Vec::new();
    if let Some(expected) = transcript.counts.filter(|counts| *counts != outcome.counts) {
        lines.push(format!("counts: expected {expected:?}"));
        lines.push(format!("           found {:?}", outcome.counts));
    }
    lines.extend(state_differences(transcript, &outcome));
    if let Some(export) = transcript.export.as_ref().filter(|export| **export != outcome.export) {
        lines.push(format!("export: expected {}", export.join("\n                   ")));
        lines.push(format!("           found {}", outcome.export.join("\n                   ")));
    }
    if let Some(hash) = transcript.hash.as_ref().filter(|hash| **hash != outcome.hash) {
        lines.push(format!("hash: expected {hash}, found {}", outcome.hash));
    }
    for reject in &transcript.rejects {
        let is_there = |(line, path): &(usize, String)| {
            *line == reject.line && reject.path.as_ref().is_none_or(|wanted| wanted == path)
        };
        if !outcome.rejects.iter().any(is_there) {
            lines.push(format!("rejects: expected {reject:?}, found {:?}", outcome.rejects));
        }
    }
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index == 0 {
            let _ = write!(text, "\n{}\n", transcript.name);
        }
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn state_differences(transcript: &Transcript, outcome: &Outcome) -> Vec<String> {
    let parse = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let found: Vec<Value> = outcome.export.iter().map(parse).collect();
    let ids = |states: &[Value]| -> Vec<String> {
        let mut ids: Vec<_> = states.iter().map(|state| state["id"].to_string()).collect();
        ids.sort();
        ids
    };
    if ids(&found) != ids(&transcript.expect) {
        return vec![format!("conversations: expected {:?}, found {:?}", ids(&transcript.expect), ids(&found))];
    }
    let mut lines = Vec::new();
    for expected in &transcript.expect {
        let Some(state) = found.iter().find(|state| state["id"] == expected["id"]) else {
            continue;
        };
        for (key, value) in expected.as_object().into_iter().flatten() {
            if state.get(key) != Some(value) {
                let is = state.get(key).map_or("nothing".to_owned(), Value::to_string);
                lines.push(format!("{} {key}: expected {value}, found {is}", expected["id"]));
            }
        }
    }
    lines
}
