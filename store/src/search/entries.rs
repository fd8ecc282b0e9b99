//! The entries of conversations, in memory.

use std::collections::HashSet;
use std::sync::Arc;

use convofold_engine::SearchKeys;

use crate::format::run::{Hit, TERMS, Term};
use crate::search::run::Run;
use crate::storage::{ReadStorage, StorageError};

/// Entries of closed conversations, in any order.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(super) hits: Vec<Hit>,
    pub(super) terms: Vec<Term>,
}

impl Entries {
    /// Adds the entries of the conversation in a slot.
    pub(crate) fn push(&mut self, slot: u32, keys: &SearchKeys) {
        self.hits.push(Hit { times: keys.times, slot, tags: keys.tags });
        self.terms.extend(keys.terms.iter().map(|hash| Term { hash: *hash, slot }));
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.hits.append(&mut other.hits);
        self.terms.append(&mut other.terms);
    }

    /// Number of conversations.
    pub(crate) fn len(&self) -> usize {
        self.hits.len()
    }
}

/// The place of a hit in the list of this number.
pub(super) fn place(hit: &Hit, list: usize) -> (i64, u32) {
    (hit.times.get(list).copied().unwrap_or_default(), hit.slot)
}

/// The lists by time.
pub(super) fn lists_by_time() -> std::ops::Range<usize> {
    0..TERMS
}

/// All entries of some runs, for verification.
#[derive(Debug, Default)]
pub(crate) struct AllEntries {
    lists: [HashSet<Hit>; TERMS],
    terms: HashSet<Term>,
}

impl AllEntries {
    pub(crate) fn read(runs: &[Arc<Run>], storage: &dyn ReadStorage) -> Result<Self, StorageError> {
        let mut all = Self::default();
        for run in runs {
            for (list, hits) in all.lists.iter_mut().enumerate() {
                for block in 0..run.blocks(list) {
                    hits.extend(run.hits(storage, list, block)?);
                }
            }
            for block in 0..run.blocks(TERMS) {
                all.terms.extend(run.terms(storage, block)?);
            }
        }
        Ok(all)
    }

    /// Whether the conversation in a slot has all its entries.
    pub(crate) fn contain(&self, slot: u32, keys: &SearchKeys) -> bool {
        let hit = Hit { times: keys.times, slot, tags: keys.tags };
        self.lists.iter().all(|hits| hits.contains(&hit))
            && keys.terms.iter().all(|hash| self.terms.contains(&Term { hash: *hash, slot }))
    }
}
