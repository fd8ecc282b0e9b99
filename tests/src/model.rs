//! The rules a second time, slow and simple: the state of conversations as a function of the set of their events.
//!
//! Nothing here is incremental. The events of a conversation are collected and sorted (T2), and each field is computed
//! from the whole list by the function of that name in `fold`. If the engine and this model differ, one of them
//! misreads the rules.
//!
//! The rules leave the content hash to the engine, so the model cannot know which of two hashes is smaller. For
//! conversations with conflicts (I2), and for two events of equal time and rank without ids, the model therefore
//! chooses an order of its own.

mod agents;
mod airship;
mod convofold;
mod event;
mod export;
mod fold;
mod json;
mod order;
mod reading;
mod superoffice;
mod time;

use std::collections::{BTreeMap, BTreeSet};

use crate::transcript::Counts;
use event::{Content, Event, Identity};
use json::Json;
use reading::{Reject, reject};

/// The result of the model for a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One line per conversation, sorted by the bytes of `id` (H2).
    pub export: Vec<String>,
    /// The state hash (H1).
    pub hash: String,
    /// Counts of the events by effect; all five are functions of the multiset of events.
    pub counts: Counts,
    /// The conversations in which one identity has several contents (I2).
    pub conflicted: BTreeSet<String>,
    /// What was rejected: the index in the list, from 1, and the path in the event.
    pub rejects: Vec<(usize, String)>,
}

/// The state after these JSON texts, each an event (or an array of them).
#[must_use]
pub fn model(lines: &[String]) -> Outcome {
    let mut intake = Intake::default();
    for (index, line) in lines.iter().enumerate() {
        intake.line(index + 1, line);
    }
    intake.finish()
}

/// As [`model`], for bytes that need not be UTF-8.
#[must_use]
pub fn model_of_bytes(lines: &[Vec<u8>]) -> Outcome {
    let mut intake = Intake::default();
    for (index, line) in lines.iter().enumerate() {
        match std::str::from_utf8(line) {
            Ok(text) => intake.line(index + 1, text),
            Err(_) => intake.reject(index + 1, String::new()),
        }
    }
    intake.finish()
}

/// All contents seen under one identity, including repeated ones.
type Sightings = BTreeMap<Identity, Vec<Content>>;

#[derive(Default)]
struct Intake {
    conversations: BTreeMap<String, Sightings>,
    outcome: Outcome,
}

impl Intake {
    fn line(&mut self, number: usize, text: &str) {
        if text.trim_ascii().is_empty() {
            self.outcome.counts.ignored += 1;
            return;
        }
        if text.trim_ascii_start().starts_with('[') {
            let (elements, breaks) = json::elements(text);
            for (place, element) in elements.iter().enumerate() {
                self.element(number, &format!("[{place}]"), element);
            }
            if breaks || elements.is_empty() {
                self.reject(number, if elements.is_empty() { String::new() } else { format!("[{}]", elements.len()) });
            }
            return;
        }
        // A comma behind a value has no meaning.
        let text = text.trim_ascii_end();
        match json::parse(text.strip_suffix(',').unwrap_or(text)) {
            Ok(value) => self.element(number, "", &value),
            Err(_) => self.reject(number, String::new()),
        }
    }

    fn element(&mut self, number: usize, path: &str, value: &Json) {
        match read(value) {
            Ok(Some(event)) => self.keep(event),
            Ok(None) => self.outcome.counts.ignored += 1,
            Err(Reject { path: inside }) => {
                let dot = if path.is_empty() || inside.is_empty() { "" } else { "." };
                self.reject(number, format!("{path}{dot}{inside}"));
            }
        }
    }

    fn reject(&mut self, number: usize, path: String) {
        self.outcome.counts.rejected += 1;
        self.outcome.rejects.push((number, path));
    }

    fn keep(&mut self, event: Event) {
        let conversation = self.conversations.entry(event.conversation).or_default();
        let sightings = conversation.entry(event.identity).or_default();
        sightings.push(event.content);
    }

    fn finish(self) -> Outcome {
        let mut outcome = self.outcome;
        for (id, sightings) in self.conversations {
            let mut events = Vec::new();
            for (identity, contents) in sightings {
                let (winner, others) = settle(contents, &mut outcome.counts);
                if others {
                    outcome.conflicted.insert(id.clone());
                }
                events.push(Event { conversation: id.clone(), identity, content: winner });
            }
            outcome.export.push(export::line(&id, &order::in_order(events)));
        }
        outcome.hash = export::state_hash(&outcome.export);
        outcome
    }
}

/// I2: one content counts, other contents are conflicts, repetitions are duplicates.
fn settle(contents: Vec<Content>, counts: &mut Counts) -> (Content, bool) {
    let mut distinct: BTreeMap<String, Content> = BTreeMap::new();
    for content in contents {
        let written = format!("{content:?}");
        if distinct.insert(written, content).is_some() {
            counts.duplicates += 1;
        }
    }
    counts.accepted += 1;
    counts.conflicts += distinct.len() as u64 - 1;
    let others = distinct.len() > 1;
    let winner = distinct.into_values().next();
    (winner.unwrap_or_else(|| unreachable!("an identity is seen with its content")), others)
}

/// W6: the format is detected for each object, by the most reliable sign first.
fn read(value: &Json) -> Result<Option<Event>, Reject> {
    let has = |key: &str| value.get(key).is_some();
    // Null or empty is absent.
    let event = value.get("Event").filter(|event| !matches!(event, Json::Null) && **event != Json::Text(String::new()));
    match (event, value.get("body")) {
        (Some(Json::Text(name)), _) if name.starts_with("chatsession.") => superoffice::read(value),
        (_, Some(Json::Object(_))) => airship::read(value),
        (Some(Json::Text(_) | Json::Torn(_) | Json::Number(_)), _) => superoffice::read(value),
        (None, _) if has("convofold") => convofold::read(value).map(Some),
        _ if has("body") || has("type") || has("occurred") => airship::read(value),
        _ => reject(""),
    }
}
