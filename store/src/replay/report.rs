//! What a replay found and did.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::ingest::{IgnoredCounts, Parsed};
use crate::state::receipt::EffectCounts;

/// What a replay found and did, all runs of it together where it was resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReplayReport {
    /// Lines read.
    pub lines: u64,
    /// Bytes read, decompressed.
    pub bytes: u64,
    /// Events found.
    pub events: u64,
    /// What the events did.
    pub counts: EffectCounts,
    /// Events whose effect is not known, because an earlier run was killed between committing and counting them. They are
    /// in [`ReplayReport::events`] and not in [`ReplayReport::counts`]. 0 unless a run was killed.
    pub uncounted: u64,
    /// What was ignored.
    pub ignored: IgnoredCounts,
    /// What cannot be an event, by the words of [`Reason`](convofold_engine::ingest::Reason).
    pub rejected: BTreeMap<String, u64>,
    /// Whether it went on where an earlier run had ended.
    pub resumed: bool,
    /// Whether it was told to stop before the inputs ended.
    pub stopped: bool,
    /// How long this run took.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

impl ReplayReport {
    /// How much was rejected.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    pub(super) fn add(&mut self, parsed: &Parsed, lines: u64, bytes: u64) {
        self.lines += lines;
        self.bytes += bytes;
        self.events += parsed.events.len() as u64;
        self.ignored.add_all(&parsed.ignored);
        for rejection in &parsed.rejections {
            *self.rejected.entry(rejection.reason.to_string()).or_default() += 1;
        }
    }
}
