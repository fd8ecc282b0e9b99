//! Checkpoints: the state as pages, so that opening does not have to fold the whole log.
//!
//! A checkpoint is a pointer flip. The record of the checkpoint before the last goes, because its places are about to be used
//! again. The pages of conversations that changed are written, each into the one of its two places that the last checkpoint
//! does not use; a barrier; then one record that names the place of every page; a barrier. Until the record is there, the
//! last checkpoint is whole, and after it both are. So whenever the process ends, a record that is there has its pages.
//!
//! The writer does this between groups. It costs it about as much as folding the changed conversations did; meanwhile
//! answers go on, and what is submitted queues up.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use convofold_engine::{Board, FOLD_VERSION, Seq};
use xxhash_rust::xxh3::Xxh3;

use crate::codec::block::Tail;
use crate::codec::checkpoint::{self as record, CheckpointV1};
use crate::codec::frame::{Checksum, Compressor};
use crate::codec::page;
use crate::damage::Damage;
use crate::shared::Shared;
use crate::storage::{PageKey, Storage, StorageError};

/// How many conversations share a page: fewer write less where few change, more compress better.
pub(crate) const PAGE_SLOTS: u32 = 16;
/// How many pages are gathered under one lock and written together.
const PAGES_AT_ONCE: usize = 64;
/// Records are named by their generation, padded so that their names are in its order.
const RECORD: &str = "checkpoint/";

/// A checkpoint that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The last event in it.
    pub seq: Seq,
    /// The number of the checkpoint.
    pub generation: u64,
    /// How many pages of conversations had to be written.
    pub pages_written: u64,
    /// How many bytes they have.
    pub bytes_written: u64,
    /// How long it took.
    pub took: Duration,
}

/// Where a page lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageEntry {
    pub(crate) place: bool,
    pub(crate) checksum: Checksum,
    pub(crate) bytes: u64,
}

/// Knows the pages of the last checkpoint and writes the next one.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    pages: Vec<PageEntry>,
    /// The length of all of them.
    page_bytes: u64,
    last: Option<Last>,
    /// No generation above this has left anything behind.
    generation: u64,
}

/// The last good checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    pub(crate) generation: u64,
    pub(crate) block_no: u64,
    pub(crate) log_bytes: u64,
}

impl Checkpointer {
    /// Begins where a checkpoint was found, or with nothing. No generation above `generation` has left anything behind.
    pub(crate) fn new(pages: Vec<PageEntry>, last: Option<Last>, generation: u64) -> Self {
        let page_bytes = pages.iter().map(|page| page.bytes).sum();
        Self { pages, page_bytes, last, generation }
    }

    /// Whether it is time. Where the pages are large, half of their size counts, so that checkpoints never cost more than
    /// a fixed multiple of the log.
    pub(crate) fn is_due(&self, log_bytes: u64, threshold_bytes: u64) -> bool {
        let since = log_bytes - self.last.map_or(0, |last| last.log_bytes);
        since > threshold_bytes.max(self.page_bytes / 2)
    }

    /// Writes a checkpoint of the board as it is after `tail`, up to where the log is durable.
    pub(crate) fn write(
        &mut self,
        shared: &Shared,
        storage: &dyn Storage,
        compressor: &mut Compressor,
        tail: &Tail,
        log_bytes: u64,
    ) -> Result<Checkpoint, StorageError> {
        let started = Instant::now();
        let changed = shared.board.write().take_unsaved();
        let mut written = Checkpoint {
            seq: tail.last_seq(),
            generation: self.generation,
            pages_written: 0,
            bytes_written: 0,
            took: Duration::ZERO,
        };
        if changed.is_empty() && self.last.map_or(1, |last| last.block_no + 1) == tail.block_no {
            return Ok(written);
        }
        written.generation += 1;
        shared.counters.checkpoints_begun.fetch_add(1, Ordering::SeqCst);
        forget_others(storage, self.last.map(|last| last.generation))?;
        let page_nos: BTreeSet<u32> = changed.iter().map(|slot| slot / PAGE_SLOTS).collect();
        let page_nos: Vec<u32> = page_nos.into_iter().collect();
        for page_nos in page_nos.chunks(PAGES_AT_ONCE) {
            let pages = self.encode(page_nos, &shared.board.read(), written.generation, compressor)?;
            written.pages_written += pages.len() as u64;
            written.bytes_written += pages.iter().map(|(_, value)| value.len() as u64).sum::<u64>();
            storage.put_pages(&pages)?;
        }
        storage.barrier()?;
        let record = self.record(shared, written.generation, tail, log_bytes);
        let value = record::seal(&record, compressor).map_err(StorageError::Encoding)?;
        storage.put_record(&record_name(written.generation), &value)?;
        storage.barrier()?;

        self.generation = written.generation;
        self.last = Some(Last { generation: written.generation, block_no: record.last_block_no, log_bytes });
        shared.counters.checkpoint_seq.store(record.last_seq, Ordering::Relaxed);
        shared.counters.checkpoint_bytes.store(record.page_bytes, Ordering::Relaxed);
        written.took = started.elapsed();
        Ok(written)
    }

    /// Encodes some pages for the places that are free.
    fn encode(
        &mut self,
        page_nos: &[u32],
        board: &Board,
        generation: u64,
        compressor: &mut Compressor,
    ) -> Result<Vec<(PageKey, Vec<u8>)>, StorageError> {
        let mut pages = Vec::with_capacity(page_nos.len());
        for page_no in page_nos {
            let first = page_no * PAGE_SLOTS;
            let slots = first..board.slot_count().min(first.saturating_add(PAGE_SLOTS));
            let images: Option<Vec<_>> = slots.map(|slot| board.image(slot)).collect();
            let images = images.ok_or(StorageError::Encoding(Damage::Missing))?;
            let sealed = page::seal(*page_no, generation, &images, compressor);
            let (value, checksum) = sealed.map_err(StorageError::Encoding)?;
            let place = self.entry(*page_no).is_some_and(|page| !page.place);
            let entry = PageEntry { place, checksum, bytes: value.len() as u64 };
            self.set(*page_no, entry);
            pages.push((PageKey { page_no: *page_no, place }, value));
        }
        Ok(pages)
    }

    fn entry(&self, page_no: u32) -> Option<PageEntry> {
        self.pages.get(page_no as usize).copied().filter(|page| page.bytes > 0)
    }

    fn set(&mut self, page_no: u32, entry: PageEntry) {
        let place = page_no as usize;
        if self.pages.len() <= place {
            self.pages.resize(place + 1, PageEntry::default());
        }
        if let Some(page) = self.pages.get_mut(place) {
            self.page_bytes = self.page_bytes - page.bytes + entry.bytes;
            *page = entry;
        }
    }

    fn record(&self, shared: &Shared, generation: u64, tail: &Tail, log_bytes: u64) -> CheckpointV1 {
        let mut places = vec![0; self.pages.len().div_ceil(8)];
        for (page_no, page) in self.pages.iter().enumerate() {
            if let Some(byte) = places.get_mut(page_no / 8) {
                *byte |= u8::from(page.place) << (page_no % 8);
            }
        }
        let bookmarks = shared.bookmarks.read();
        CheckpointV1 {
            generation,
            fold_version: FOLD_VERSION,
            last_seq: tail.last_seq(),
            last_block_no: tail.block_no - 1,
            chain: tail.chain.to_le_bytes(),
            slot_count: shared.board.read().slot_count(),
            page_slots: PAGE_SLOTS,
            pages_checksum: checksum_of(&self.pages).to_le_bytes(),
            places,
            page_bytes: self.page_bytes,
            log_bytes,
            state_hash: None,
            bookmarks: bookmarks.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }
}

/// The checksum over the checksums of all pages.
pub(crate) fn checksum_of(pages: &[PageEntry]) -> Checksum {
    let mut hash = Xxh3::new();
    for page in pages {
        hash.update(&page.checksum.to_le_bytes());
    }
    hash.digest128()
}

pub(crate) fn record_name(generation: u64) -> String {
    format!("{RECORD}{generation:020}")
}

/// The generations that have a record, oldest first.
pub(crate) fn generations(storage: &dyn Storage) -> Result<Vec<u64>, StorageError> {
    let names = storage.record_names(RECORD)?;
    Ok(names.iter().filter_map(|name| generation_of(name)).collect())
}

/// The generation of the checkpoint whose record has this name.
pub(crate) fn generation_of(record_name: &str) -> Option<u64> {
    record_name.strip_prefix(RECORD)?.parse().ok()
}

/// Keeps the last checkpoint. What was skipped at recovery goes too.
fn forget_others(storage: &dyn Storage, last: Option<u64>) -> Result<(), StorageError> {
    for old in generations(storage)?.into_iter().filter(|old| Some(*old) != last) {
        storage.delete_record(&record_name(old))?;
    }
    Ok(())
}
