//! The result of a replay.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::ingest::{IgnoredCounts, Parsed};
use crate::state::receipt::EffectCounts;

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
    /// Whether it resumed an earlier run.
    pub resumed: bool,
    /// Whether it was stopped before the inputs ended.
    pub stopped: bool,
    /// Duration of this run.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
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
        self.events += parsed.events.len() as u64;
        self.ignored.add_all(&parsed.ignored);
        for (reason, count) in &parsed.rejected {
            *self.rejected.entry(reason.to_string()).or_default() += count;
        }
    }
}
