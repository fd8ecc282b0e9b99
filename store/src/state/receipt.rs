//! Receipts of committed batches.

use std::sync::Arc;

use convofold_engine::{Effect, Seq};

/// The result of a committed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Receipt {
    /// The effect of each event, in batch order; empty in a receipt that came from another process.
    pub effects: Arc<[Effect]>,
    /// Number of events by effect.
    pub counts: EffectCounts,
    /// The seq of the first event of the batch that was logged; `None` if all were duplicates or erased.
    pub first_seq: Option<Seq>,
    /// The seq of the last event of the batch that was logged; `None` if all were duplicates or erased.
    pub last_seq: Option<Seq>,
    /// Whether the batch survives a power cut already. Always true for
    /// [`Durability::Synced`](crate::Durability::Synced).
    pub durable: bool,
}

impl Receipt {
    /// A receipt that came from another process, which states the counts and not the effect of each event.
    #[must_use]
    pub fn of_counts(counts: EffectCounts, first_seq: Option<Seq>, last_seq: Option<Seq>, durable: bool) -> Self {
        Self { effects: [].into(), counts, first_seq, last_seq, durable }
    }
}

/// Number of events by effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct EffectCounts {
    /// New events that are the latest of their conversation.
    pub applied: u64,
    /// New events that belong before known events of their conversation.
    pub late: u64,
    /// Events that were known already.
    pub duplicates: u64,
    /// New events with the identity of another event and different content.
    pub conflicts: u64,
    /// Events that were erased before, and do not come back.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_none"))]
    pub erased: u64,
}

/// Most databases have no erased events, and their numbers look as if there was no such thing.
#[cfg(feature = "serde")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_none(erased: &u64) -> bool {
    *erased == 0
}

impl EffectCounts {
    pub(crate) fn add(&mut self, effect: Effect) {
        match effect {
            Effect::Applied => self.applied += 1,
            Effect::Late => self.late += 1,
            Effect::Duplicate => self.duplicates += 1,
            Effect::Conflict { .. } => self.conflicts += 1,
            Effect::Erased => self.erased += 1,
        }
    }

    /// Adds the counts of another batch.
    pub fn add_all(&mut self, other: Self) {
        self.applied += other.applied;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.erased += other.erased;
    }

    /// Number of all events.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.applied + self.late + self.duplicates + self.conflicts + self.erased
    }
}
