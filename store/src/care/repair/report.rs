//! What a repair saved and what is lost.

use std::time::Duration;

use convofold_engine::{Seq, StateHash};

/// What a repair saved and what is lost.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RepairReport {
    /// Blocks of the log that could be read.
    pub blocks: u64,
    /// Events that are in the new store.
    pub events: u64,
    /// Those of them that the log no longer had, and a checkpoint did.
    pub from_checkpoints: u64,
    /// Events that are gone, in the order of the log. Empty where everything was saved.
    pub lost: Vec<Lost>,
    /// Bookmarks that were set after something was lost and so are not in the new store: whatever sends the events has to
    /// begin further back than they said.
    pub bookmarks_dropped: Vec<String>,
    /// Conversations in the new store.
    pub conversations: u64,
    /// Its state hash.
    pub state_hash: StateHash,
    /// How long it took.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// Events that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Lost {
    /// The first of them, by its place in the old log.
    pub first_seq: Seq,
    /// The last of them.
    pub last_seq: Seq,
    /// The time of the event before them in the log, in milliseconds since the epoch; `None` where there is none.
    pub after_ms: Option<i64>,
    /// The time of the event after them in the log; `None` where there is none.
    pub before_ms: Option<i64>,
}

impl Lost {
    pub(super) fn range(first_seq: Seq, last_seq: Seq) -> Self {
        Self { first_seq, last_seq, after_ms: None, before_ms: None }
    }

    /// How many events are gone.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.last_seq - self.first_seq + 1
    }

    pub(super) fn contains(&self, seq: Seq) -> bool {
        (self.first_seq..=self.last_seq).contains(&seq)
    }
}

impl RepairReport {
    /// How many events are gone altogether.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost.iter().map(Lost::events).sum()
    }
}
