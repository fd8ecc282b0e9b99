//! The result of a repair: what was saved and what is lost.

use std::time::Duration;

use convofold_engine::{Seq, StateHash};

/// The result of a repair: what was saved and what is lost.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RepairReport {
    /// Number of readable blocks.
    pub blocks: u64,
    /// Number of events in the new database.
    pub events: u64,
    /// Number of these events that were found only in a checkpoint.
    pub from_checkpoints: u64,
    /// The lost events, in log order. Empty if nothing is lost.
    pub lost: Vec<Lost>,
    /// Bookmarks that were set after the first lost event. They are not in the new database: the sender of the events
    /// has to start from an earlier point than they say.
    pub bookmarks_dropped: Vec<String>,
    /// The numbers of erasures whose records are lost. The events that they erased come back if they arrive again: erase again
    /// after a replay of old logs.
    pub lost_erasures: Vec<u64>,
    /// The numbers of legal holds whose records are lost. What they kept can be erased and removed: place them again. A hold that
    /// was lifted can be among them, and one whose lifting is lost is in the new database again.
    pub lost_holds: Vec<u64>,
    /// The numbers of runs of retention whose records are lost. What they removed comes back if it arrives again, and answers
    /// about the time before do not say that they are incomplete: run retention again before old logs are replayed.
    pub lost_retention_runs: Vec<u64>,
    /// Number of conversations in the new database.
    pub conversations: u64,
    /// The state hash of the new database.
    pub state_hash: StateHash,
    /// Duration of the repair.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// A range of lost events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Lost {
    /// The seq of the first lost event in the old log.
    pub first_seq: Seq,
    /// The seq of the last lost event.
    pub last_seq: Seq,
    /// The time of the event before the range, in milliseconds since the epoch; `None` if there is none.
    pub after_ms: Option<i64>,
    /// The time of the event after the range, in milliseconds since the epoch; `None` if there is none.
    pub before_ms: Option<i64>,
}

impl Lost {
    pub(super) fn range(first_seq: Seq, last_seq: Seq) -> Self {
        Self { first_seq, last_seq, after_ms: None, before_ms: None }
    }

    /// Returns the number of events in the range.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.last_seq - self.first_seq + 1
    }

    pub(super) fn contains(&self, seq: Seq) -> bool {
        (self.first_seq..=self.last_seq).contains(&seq)
    }
}

impl RepairReport {
    /// Returns whether nothing is lost: no event, and no record of an erasure, a legal hold or a run of retention.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let records = [&self.lost_erasures, &self.lost_holds, &self.lost_retention_runs];
        self.lost.is_empty() && records.into_iter().all(Vec::is_empty)
    }

    /// Returns the total number of lost events.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost.iter().map(Lost::events).sum()
    }
}
