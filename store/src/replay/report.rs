//! The result of a replay.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::ingest::{IgnoredCounts, Parsed};
use crate::state::receipt::EffectCounts;

/// Maximum number of problems in a report.
const MAX_PROBLEMS: usize = 100;

/// The result of a replay; if it was resumed, of all its runs together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReplayReport {
    /// Number of lines read.
    pub lines: u64,
    /// Number of bytes read, after decompression.
    pub bytes: u64,
    /// Number of events found.
    pub events: u64,
    /// The effects of the events.
    pub counts: EffectCounts,
    /// Number of events whose effect is unknown, because an earlier run was killed after it committed them and before
    /// it counted them. They are included in [`ReplayReport::events`], but not in [`ReplayReport::counts`]. 0 unless a
    /// run was killed.
    pub uncounted: u64,
    /// The number of ignored inputs.
    pub ignored: IgnoredCounts,
    /// The number of rejections by reason, in the words of [`Reason`](convofold_engine::ingest::Reason).
    pub rejected: BTreeMap<String, u64>,
    /// Number of inputs that could not be read to their end: damaged, cut off or unreadable. Every complete line before the
    /// damage was read.
    pub incomplete_inputs: u64,
    /// The first problems with inputs, at most 100.
    pub problems: Vec<InputProblem>,
    /// Whether it resumed an earlier run.
    pub resumed: bool,
    /// Whether it was stopped before the inputs ended.
    pub stopped: bool,
    /// Duration of this run.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// A problem with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct InputProblem {
    /// The name of the input.
    pub input: String,
    /// The line after the last one that was read, from 1.
    pub line: u64,
    /// The offset of that line, after decompression.
    pub byte_offset: u64,
    /// What was found.
    pub problem: String,
    /// Whether the input was read to its end, and only something that is not part of it was ignored, such as bytes after
    /// the compressed data.
    pub is_harmless: bool,
}

impl std::fmt::Display for InputProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { input, line, byte_offset, problem, is_harmless } = self;
        match (is_harmless, byte_offset) {
            (true, _) => write!(f, "{input}: {problem}"),
            (false, 0) => write!(f, "{input}: cannot be read: {problem}"),
            (false, _) => write!(f, "{input}: cannot be read from line {line} (byte {byte_offset}) on: {problem}"),
        }
    }
}

impl ReplayReport {
    /// Returns the total number of rejections.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    pub(super) fn add(&mut self, parsed: &Parsed, lines: u64, bytes: u64) {
        self.lines += lines;
        self.bytes += bytes;
        self.events += parsed.event_count();
        self.ignored.add_all(&parsed.ignored);
        for (reason, count) in &parsed.rejected {
            *self.rejected.entry(reason.to_string()).or_default() += count;
        }
    }

    pub(super) fn add_problem(&mut self, problem: InputProblem) {
        self.incomplete_inputs += u64::from(!problem.is_harmless);
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }
}
