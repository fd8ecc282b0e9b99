//! A run: its names in the storage, its head in memory, and its blocks.

use std::sync::Arc;

use convofold_engine::FOLD_VERSION;

use crate::damage::Damage;
use crate::format::run::{Hit, RunHead, StoredRun, TERMS, Term, open_head, open_hits, open_terms};
use crate::storage::{ReadStorage, StorageError};

const HEADS: &str = "search-head/";

/// The name of the head of a run. Names sort by their numbers.
pub(super) fn head_name(run: u64) -> String {
    format!("{HEADS}{run:020}")
}

/// The beginning of the names of the blocks of a run.
pub(super) fn blocks_prefix(run: u64) -> String {
    format!("search/{run:020}/")
}

/// The name of a block.
pub(super) fn block_name(run: u64, list: usize, block: u32) -> String {
    format!("{}{list}/{block:010}", blocks_prefix(run))
}

/// A run with its head in memory.
#[derive(Debug)]
pub(crate) struct Run {
    pub(super) run: u64,
    pub(super) head: RunHead,
    pub(super) checksum: [u8; 16],
}

impl Run {
    pub(crate) fn stored(&self) -> StoredRun {
        StoredRun { run: self.run, checksum: self.checksum }
    }

    /// Number of conversations, each counted as often as it was added.
    pub(crate) fn conversations(&self) -> u64 {
        self.head.conversations
    }

    pub(super) fn firsts(&self, list: usize) -> &[i64] {
        self.head.firsts.get(list).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn blocks(&self, list: usize) -> u32 {
        u32::try_from(self.firsts(list).len()).unwrap_or(u32::MAX)
    }

    fn value(&self, storage: &dyn ReadStorage, list: usize, block: u32) -> Result<Vec<u8>, StorageError> {
        storage.record(&block_name(self.run, list, block))?.ok_or(StorageError::Value(Damage::Missing))
    }

    pub(super) fn hits(&self, storage: &dyn ReadStorage, list: usize, block: u32) -> Result<Vec<Hit>, StorageError> {
        let value = self.value(storage, list, block)?;
        open_hits((self.run, list, block), &value).map_err(StorageError::Value)
    }

    pub(super) fn terms(&self, storage: &dyn ReadStorage, block: u32) -> Result<Vec<Term>, StorageError> {
        let value = self.value(storage, TERMS, block)?;
        open_terms((self.run, block), &value).map_err(StorageError::Value)
    }

    /// Number of blocks that begin with this term.
    pub(super) fn blocks_after_first(&self, hash: u32) -> usize {
        let firsts = self.firsts(TERMS);
        let hash = i64::from(hash);
        firsts.partition_point(|first| *first <= hash) - firsts.partition_point(|first| *first < hash)
    }

    /// The first block of a list that may contain this key or a later one.
    pub(super) fn block_of(&self, list: usize, key: i64) -> u32 {
        let block = self.firsts(list).partition_point(|first| *first < key).saturating_sub(1);
        u32::try_from(block).unwrap_or(u32::MAX)
    }
}

/// Loads the heads of these runs. `None` if one of them is missing or damaged, or was derived by another fold version.
pub(crate) fn load_runs(
    storage: &dyn ReadStorage,
    stored: &[StoredRun],
) -> Result<Option<Vec<Arc<Run>>>, StorageError> {
    let mut runs = Vec::with_capacity(stored.len());
    for StoredRun { run, checksum } in stored {
        let value = match storage.record(&head_name(*run)) {
            Err(StorageError::Value(_)) => None,
            value => value?,
        };
        let head = value.and_then(|value| open_head(*run, &value).ok());
        let Some((head, found)) = head else { return Ok(None) };
        if found.to_le_bytes() != *checksum || head.fold_version != FOLD_VERSION {
            return Ok(None);
        }
        runs.push(Arc::new(Run { run: *run, head, checksum: *checksum }));
    }
    Ok(Some(runs))
}

/// The numbers of all runs that have a head.
pub(super) fn run_numbers(storage: &dyn ReadStorage) -> Result<Vec<u64>, StorageError> {
    let names = storage.record_names(HEADS)?;
    Ok(names.iter().filter_map(|name| name.strip_prefix(HEADS)?.parse().ok()).collect())
}
