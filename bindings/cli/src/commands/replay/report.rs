//! The report of a replay, for people and for programs.

use std::collections::BTreeMap;

use convofold::IgnoredCounts;
use convofold::replay::{InputProblem, ReplayReport};
use serde::Serialize;

use super::progress;
use crate::output::table::Facts;
use crate::output::{text, time};

/// The result of a replay, and the figures of the database after it.
pub(super) struct Report {
    pub(super) replay: ReplayReport,
    /// Of the database; `None` if it was not changed.
    pub(super) size: Option<Size>,
    /// In this run.
    pub(super) events_per_second: f64,
}

/// The size of a database.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Size {
    pub(super) conversations: u64,
    pub(super) open: u64,
}

#[derive(Serialize)]
pub(super) struct ReportJson<'a> {
    lines: u64,
    bytes: u64,
    events: u64,
    applied: u64,
    late: u64,
    duplicates: u64,
    conflicts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<u64>,
    uncounted: u64,
    ignored: u64,
    ignored_by_reason: &'a IgnoredCounts,
    rejected: u64,
    rejected_by_reason: BTreeMap<String, u64>,
    incomplete_inputs: u64,
    problems: &'a [InputProblem],
    #[serde(flatten)]
    size: Option<Size>,
    took_ms: i64,
    events_per_second: f64,
    resumed: bool,
    stopped: bool,
}

impl Report {
    pub(super) fn as_json(&self) -> ReportJson<'_> {
        let replay = &self.replay;
        ReportJson {
            lines: replay.lines,
            bytes: replay.bytes,
            events: replay.events,
            applied: replay.counts.applied,
            late: replay.counts.late,
            duplicates: replay.counts.duplicates,
            conflicts: replay.counts.conflicts,
            erased: (replay.counts.erased > 0).then_some(replay.counts.erased),
            uncounted: replay.uncounted,
            ignored: replay.ignored.total(),
            ignored_by_reason: &replay.ignored,
            rejected: replay.rejected_total(),
            rejected_by_reason: self.reasons().collect(),
            incomplete_inputs: replay.incomplete_inputs,
            problems: &replay.problems,
            size: self.size,
            took_ms: time::ms(replay.took),
            events_per_second: self.events_per_second.round(),
            resumed: replay.resumed,
            stopped: replay.stopped,
        }
    }

    pub(super) fn table(&self) -> Facts {
        let replay = &self.replay;
        let mut facts = Facts::default();
        if replay.resumed {
            facts.add("resumed", "after an interrupted run; its counts are included, its time is not");
        }
        facts
            .add("lines", text::count(replay.lines))
            .add("events", text::count(replay.events))
            .add("  applied", text::count(replay.counts.applied))
            .add("  late", explained(replay.counts.late, "arrived after newer events of their conversation; harmless"))
            .add("  duplicates", text::count(replay.counts.duplicates))
            .add("  conflicts", explained(replay.counts.conflicts, "`convofold conflicts` lists them"))
            .add_known(
                "  erased before",
                (replay.counts.erased > 0).then(|| explained(replay.counts.erased, "they do not come back")),
            )
            .add_known("  unknown effect", (replay.uncounted > 0).then(|| text::count(replay.uncounted)))
            .add("ignored", text::count(replay.ignored.total()));
        for (source, reason, number) in replay.ignored.iter() {
            facts.add(format!("  {source} {reason}"), text::count(number));
        }
        facts.add("rejected", text::count(replay.rejected_total()));
        for (reason, number) in self.reasons() {
            facts.add(format!("  {reason}"), text::count(number));
        }
        facts
            .add_known(
                "incomplete inputs",
                (replay.incomplete_inputs > 0).then(|| text::count(replay.incomplete_inputs)),
            )
            .add_known("conversations", self.size.map(|size| text::count(size.conversations)))
            .add_known("  open", self.size.map(|size| text::count(size.open)))
            .add("time", time::took(replay.took))
            .add("rate", progress::rate(self.events_per_second));
        facts
    }

    fn reasons(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        self.replay.rejected.iter().map(|(reason, number)| (reason.clone(), *number))
    }
}

/// A count with its explanation, unless it is 0.
fn explained(count: u64, explanation: &str) -> String {
    if count == 0 { text::count(count) } else { format!("{} ({explanation})", text::count(count)) }
}
