//! Writes runs, merges them in portions, and deletes those that no checkpoint needs.

use std::collections::VecDeque;
use std::sync::Arc;

use convofold_engine::FOLD_VERSION;

use crate::format::frame::Compressor;
use crate::format::run::{Hit, LISTS, RunHead, TERMS, Term, seal_head, seal_hits, seal_terms};
use crate::search::entries::{Entries, lists_by_time, place};
use crate::search::merge::{Merge, Merged};
use crate::search::run::{Run, block_name, blocks_prefix, head_name, run_numbers};
use crate::storage::{ReadStorage, Storage, StorageError};

/// Number of entries in a block: some 6 KiB.
pub(super) const BLOCK_HITS: usize = if cfg!(test) { 4 } else { 1_024 };
pub(super) const BLOCK_TERMS: usize = if cfg!(test) { 4 } else { 2_048 };
/// This many runs of similar size are merged into one. More would make each query read more blocks; fewer would write each
/// entry more often.
const MERGED_RUNS: usize = if cfg!(test) { 3 } else { 16 };
/// Runs with fewer conversations count as equally small.
const SMALL_RUN: u64 = if cfg!(test) { 2 } else { 4_096 };
/// Number of conversations that a checkpoint merges, and that many more for each one that it adds.
const MERGED_AT_ONCE: u64 = if cfg!(test) { 3 } else { 16_384 };
const MERGED_PER_ADDED: u64 = if cfg!(test) { 1 } else { 2 };
/// Number of blocks that a checkpoint deletes.
const DELETED_AT_ONCE: usize = 1_024;

/// The runs as the next checkpoint will name them. Only the writer of the database uses it.
#[derive(Debug, Default)]
pub(crate) struct SearchWriter {
    runs: Vec<Arc<Run>>,
    last_run: u64,
    merge: Option<Merge>,
    /// Runs that the last checkpoint does not name, but the one before it does.
    retired: Vec<Arc<Run>>,
    /// Runs that a process left behind and no checkpoint needs.
    left_behind: Vec<u64>,
    /// Names of values that no checkpoint needs.
    dead: VecDeque<String>,
}

impl SearchWriter {
    /// Continues with these runs. Others that a process left behind are deleted by later checkpoints. Their blocks are not
    /// listed here: that reads them.
    pub(crate) fn new(runs: Vec<Arc<Run>>, storage: &dyn ReadStorage) -> Result<Self, StorageError> {
        let mut writer = Self { runs, ..Self::default() };
        for run in run_numbers(storage)? {
            writer.last_run = writer.last_run.max(run);
            if !writer.runs.iter().any(|known| known.run == run) {
                writer.left_behind.push(run);
            }
        }
        Ok(writer)
    }

    /// Continues with these runs, in a storage that has no others. The next one has a number above `last_run`.
    pub(super) fn after(runs: Vec<Arc<Run>>, last_run: u64) -> Self {
        Self { runs, last_run, ..Self::default() }
    }

    pub(crate) fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }

    /// Writes a run with these entries, and merges others.
    pub(crate) fn add(
        &mut self,
        entries: Entries,
        storage: &dyn Storage,
        compressor: &mut Compressor,
    ) -> Result<(), StorageError> {
        let added = entries.len() as u64;
        if added > 0 {
            self.write(entries, storage, compressor)?;
        }
        let mut left = MERGED_AT_ONCE + added * MERGED_PER_ADDED;
        while left > 0 && self.begin_merge(storage)? {
            let Some(merge) = &mut self.merge else { break };
            left = left.saturating_sub(merge.step(left, storage, compressor)?);
            if let Some(Merged { run: merged, inputs }) = merge.finished(storage, compressor)? {
                self.merge = None;
                self.runs.retain(|run| !inputs.iter().any(|input| input.run == run.run));
                self.runs.push(merged);
                self.retired.extend(inputs);
            }
        }
        Ok(())
    }

    /// Writes a run with these entries.
    pub(super) fn write(
        &mut self,
        Entries { mut hits, mut terms }: Entries,
        storage: &dyn Storage,
        compressor: &mut Compressor,
    ) -> Result<(), StorageError> {
        self.last_run += 1;
        let mut builder = RunBuilder::begin(self.last_run, storage)?;
        builder.head.conversations = hits.len() as u64;
        for list in lists_by_time() {
            hits.sort_unstable_by_key(|hit| place(hit, list));
            for hits in hits.chunks(BLOCK_HITS) {
                builder.hits(list, hits, storage, compressor)?;
            }
        }
        terms.sort_unstable_by_key(|term| (u64::from(term.hash) << 32) | u64::from(term.slot));
        terms.dedup();
        for terms in terms.chunks(BLOCK_TERMS) {
            builder.terms(terms, storage, compressor)?;
        }
        self.runs.push(Arc::new(builder.finish(storage, compressor)?));
        Ok(())
    }

    /// Chooses runs to merge, if none are being merged. Returns whether there are any.
    fn begin_merge(&mut self, storage: &dyn Storage) -> Result<bool, StorageError> {
        if self.merge.is_none() {
            let class = |run: &Run| (run.conversations().max(SMALL_RUN) / SMALL_RUN).ilog(MERGED_RUNS as u64);
            let mut smallest_first: Vec<_> = self.runs.iter().map(|run| (class(run), run)).collect();
            smallest_first.sort_by_key(|(class, run)| (*class, run.run));
            let mut classes = smallest_first.chunk_by(|(a, _), (b, _)| a == b);
            if let Some(equal) = classes.find(|equal| equal.len() >= MERGED_RUNS) {
                self.last_run += 1;
                let builder = RunBuilder::begin(self.last_run, storage)?;
                self.merge = Some(Merge::new(builder, equal.iter().map(|(_, run)| (*run).clone()).collect()));
            }
        }
        Ok(self.merge.is_some())
    }

    /// Deletes some of what no checkpoint needs. The record of the checkpoint before the last has been deleted.
    pub(crate) fn delete_dead(&mut self, storage: &dyn Storage) -> Result<(), StorageError> {
        for run in self.retired.drain(..) {
            self.dead.extend(names_of(&run));
        }
        for _ in 0..DELETED_AT_ONCE {
            if self.dead.is_empty()
                && let Some(run) = self.left_behind.pop()
            {
                self.dead.extend(storage.record_names(&blocks_prefix(run))?);
                self.dead.push_back(head_name(run));
            }
            let Some(name) = self.dead.pop_front() else { break };
            storage.delete_record(&name)?;
        }
        Ok(())
    }
}

/// The names of the values of a run, the head last.
fn names_of(run: &Run) -> impl Iterator<Item = String> {
    let number = run.run;
    let blocks = move |list| (0..run.blocks(list)).map(move |block| block_name(number, list, block));
    (0..LISTS).flat_map(blocks).chain([head_name(number)])
}

/// A run being written.
#[derive(Debug)]
pub(super) struct RunBuilder {
    run: u64,
    pub(super) head: RunHead,
}

impl RunBuilder {
    /// Writes an empty head, so that the blocks of a run that is not finished are found and deleted.
    pub(super) fn begin(run: u64, storage: &dyn Storage) -> Result<Self, StorageError> {
        storage.put_record(&head_name(run), &[])?;
        Ok(Self { run, head: RunHead { fold_version: FOLD_VERSION, ..RunHead::default() } })
    }

    /// Writes the next block of a list by time.
    pub(super) fn hits(
        &mut self,
        list: usize,
        hits: &[Hit],
        storage: &dyn Storage,
        compressor: &mut Compressor,
    ) -> Result<(), StorageError> {
        let Some(first) = hits.first().map(|hit| place(hit, list).0) else { return Ok(()) };
        let block = self.next_block(list);
        let value = seal_hits((self.run, list, block), hits, compressor).map_err(StorageError::Encoding)?;
        self.put(list, block, first, &value, storage)
    }

    /// Writes the next block of terms.
    pub(super) fn terms(
        &mut self,
        terms: &[Term],
        storage: &dyn Storage,
        compressor: &mut Compressor,
    ) -> Result<(), StorageError> {
        let Some(first) = terms.first().map(|term| i64::from(term.hash)) else { return Ok(()) };
        let block = self.next_block(TERMS);
        let value = seal_terms((self.run, block), terms, compressor).map_err(StorageError::Encoding)?;
        self.put(TERMS, block, first, &value, storage)
    }

    fn next_block(&self, list: usize) -> u32 {
        self.head.firsts.get(list).and_then(|firsts| u32::try_from(firsts.len()).ok()).unwrap_or(u32::MAX)
    }

    fn put(
        &mut self,
        list: usize,
        block: u32,
        first: i64,
        value: &[u8],
        storage: &dyn Storage,
    ) -> Result<(), StorageError> {
        storage.put_record(&block_name(self.run, list, block), value)?;
        self.head.bytes += value.len() as u64;
        if let Some(firsts) = self.head.firsts.get_mut(list) {
            firsts.push(first);
        }
        Ok(())
    }

    /// Writes the head.
    pub(super) fn finish(self, storage: &dyn Storage, compressor: &mut Compressor) -> Result<Run, StorageError> {
        let Self { run, head } = self;
        let (value, checksum) = seal_head(run, &head, compressor).map_err(StorageError::Encoding)?;
        storage.put_record(&head_name(run), &value)?;
        Ok(Run { run, head, checksum: checksum.to_le_bytes() })
    }
}
