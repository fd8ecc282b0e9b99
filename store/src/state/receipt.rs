//! What a committed batch did.

use std::sync::Arc;

use convofold_engine::{Effect, Seq};

/// What a committed batch did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Receipt {
    /// What each event did, in the order of the batch.
    pub effects: Arc<[Effect]>,
    /// How many events did what.
    pub counts: EffectCounts,
    /// The place in the log of its first event that was logged; `None` where none was.
    pub first_seq: Option<Seq>,
    /// The place in the log of its last event that was logged.
    pub last_seq: Option<Seq>,
    /// Whether it survives a power cut already. Always true for [`Durability::Synced`](crate::Durability::Synced).
    pub durable: bool,
}

/// How many events did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EffectCounts {
    /// The latest of their conversations.
    pub applied: u64,
    /// Placed before events known already.
    pub late: u64,
    /// Known already.
    pub duplicates: u64,
    /// At odds with another event of the same identity.
    pub conflicts: u64,
}

impl EffectCounts {
    pub(crate) fn add(&mut self, effect: Effect) {
        match effect {
            Effect::Applied => self.applied += 1,
            Effect::Late => self.late += 1,
            Effect::Duplicate => self.duplicates += 1,
            Effect::Conflict { .. } => self.conflicts += 1,
        }
    }

    /// Adds those of another batch.
    pub fn add_all(&mut self, other: Self) {
        self.applied += other.applied;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.applied + self.late + self.duplicates + self.conflicts
    }
}
