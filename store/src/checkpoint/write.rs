//! Writes checkpoints: the state as pages, so that opening does not have to fold the whole log.
//!
//! A checkpoint is a pointer flip:
//!
//! 1. The record of the checkpoint before the last is deleted, because its page halves will be overwritten.
//! 2. The pages of changed conversations are written, each into the half that the last checkpoint does not use.
//! 3. A barrier, then one record that names the half of every page, then a barrier.
//!
//! Until the record is written, the last checkpoint is complete; afterwards both are. So whenever the process ends,
//! every record has its pages.
//!
//! The writer does this between groups. It takes about as long as folding the changed conversations took. Meanwhile
//! queries are answered, and submissions wait in the queue.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use convofold_engine::{Board, FOLD_VERSION, Seq, StateHash};
use parking_lot::Mutex;

use crate::checkpoint::record::{checksum_of, generations, halves_of, record_name};
use crate::conversations::archive::{ArchiveReader, alone};
use crate::conversations::page::{PAGE_SLOTS, PageEntry, StoredPage, page_of};
use crate::damage::Damage;
use crate::format::block::LogPosition;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::frame::Compressor;
use crate::format::key::{PageHalf, PageKey};
use crate::format::page_head::PageHead;
use crate::in_order::in_order;
use crate::state::shared::Shared;
use crate::storage::{ReadStorage, Storage, StorageError};
use crate::trace::{span, tell};

/// Number of pages that are written together.
const PAGES_AT_ONCE: usize = 64;

/// A checkpoint that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Checkpoint {
    /// The seq of the last event in the checkpoint.
    pub seq: Seq,
    /// The generation of the checkpoint.
    pub generation: u64,
    /// Number of pages written. Pages without changed conversations are not written again.
    pub pages_written: u64,
    /// Total length of the pages written, in bytes.
    pub bytes_written: u64,
    /// Duration of writing the checkpoint.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// Knows the last checkpoint and writes the next one.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    last: Option<Last>,
    /// Total length of all pages, in bytes.
    page_bytes: u64,
    /// The storage contains nothing of a generation above this one.
    generation: u64,
    /// The pages that were written for the last checkpoint.
    written: Vec<u32>,
    /// Length of the log when a checkpoint was last attempted. If one cannot be encoded, the next attempt waits for
    /// more events.
    attempted_log_bytes: u64,
}

/// The last usable checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    pub(crate) generation: u64,
    pub(crate) block_no: u64,
    pub(crate) log_bytes: u64,
}

impl Checkpointer {
    /// Starts from the recovered checkpoint, if any. The storage contains nothing of a generation above `generation`.
    pub(crate) fn new(page_bytes: u64, last: Option<Last>, generation: u64) -> Self {
        let attempted_log_bytes = last.map_or(0, |last| last.log_bytes);
        Self { last, page_bytes, generation, written: Vec::new(), attempted_log_bytes }
    }

    /// Whether a checkpoint is due. If the pages are large, half of their size is the threshold, so that checkpoints
    /// cost at most a fixed multiple of the log.
    pub(crate) fn is_due(&self, log_bytes: u64, threshold_bytes: u64) -> bool {
        let since = log_bytes - self.attempted_log_bytes;
        since > threshold_bytes.max(self.page_bytes / 2)
    }

    /// Writes a checkpoint of the board at `position` and makes it durable.
    pub(crate) fn write(
        &mut self,
        shared: &Shared,
        storage: &dyn Storage,
        compressor: &mut Compressor,
        position: &LogPosition,
        log_bytes: u64,
    ) -> Result<Checkpoint, StorageError> {
        span!("checkpoint");
        self.attempted_log_bytes = log_bytes;
        let started = Instant::now();
        let changed = shared.live.board_mut().take_unsaved();
        let mut written = Checkpoint {
            seq: position.last_seq(),
            generation: self.generation,
            pages_written: 0,
            bytes_written: 0,
            took: Duration::ZERO,
        };
        if changed.is_empty() && self.last.map_or(1, |last| last.block_no + 1) == position.block_no {
            return Ok(written);
        }
        written.generation += 1;
        shared.log_figures.checkpoints_begun.fetch_add(1, Ordering::SeqCst);
        let pages = forget_others(storage, self.last.map(|last| last.generation))
            .and_then(|()| write_pages(&changed, &mut written, shared, storage));
        let page_nos = match pages {
            Ok(entries) => {
                shared.archive.set(&entries);
                entries.into_iter().map(|(page_no, _)| page_no).collect()
            }
            Err(error) => {
                shared.live.board_mut().put_back_unsaved(changed);
                return Err(error);
            }
        };
        self.page_bytes = shared.archive.bytes();
        let record = self.record(shared, written.generation, position, log_bytes);
        let value = record::seal(&record, compressor).map_err(StorageError::Encoding)?;
        storage.put_record(&record_name(written.generation), &value)?;
        storage.barrier()?;
        self.delete_dead_pages(page_nos, shared, storage)?;

        self.generation = written.generation;
        self.last = Some(Last { generation: written.generation, block_no: record.last_block_no, log_bytes });
        shared.log_figures.checkpoint_seq.store(record.last_seq, Ordering::Relaxed);
        shared.log_figures.checkpoint_bytes.store(record.page_bytes, Ordering::Relaxed);
        shared.meter.add_checkpoint();
        written.took = started.elapsed();
        tell!(info, seq = written.seq, generation = written.generation, pages = written.pages_written, bytes = written.bytes_written, took = ?written.took, "checkpoint written");
        Ok(written)
    }

    /// Deletes the other halves of pages that were written for the last checkpoint and not for this one: they belong to
    /// the checkpoint before the last.
    fn delete_dead_pages(
        &mut self,
        written_now: Vec<u32>,
        shared: &Shared,
        storage: &dyn Storage,
    ) -> Result<(), StorageError> {
        let mut written_last = std::mem::replace(&mut self.written, written_now);
        written_last.retain(|page_no| self.written.binary_search(page_no).is_err());
        let other_half = |page_no: u32| {
            let page = shared.archive.entry(page_no)?;
            Some(PageKey { page_no, half: page.half.other() })
        };
        let dead: Vec<_> = written_last.into_iter().filter_map(other_half).collect();
        storage.delete_pages(&dead)
    }

    fn record(&self, shared: &Shared, generation: u64, position: &LogPosition, log_bytes: u64) -> CheckpointRecord {
        let (halves, pages_checksum) = shared.archive.with_pages(|pages| (halves_of(pages), checksum_of(pages)));
        // Changed conversations were hashed while they were written.
        let (state_hash, slot_count) = {
            let mut board = shared.live.board_mut();
            (board.state_hash(), board.slot_count())
        };
        let bookmarks = shared.bookmarks.read();
        CheckpointRecord {
            generation,
            fold_version: FOLD_VERSION,
            last_seq: position.last_seq(),
            last_block_no: position.block_no - 1,
            chain: position.chain.to_le_bytes(),
            slot_count,
            page_slots: PAGE_SLOTS,
            pages_checksum: pages_checksum.to_le_bytes(),
            halves,
            page_bytes: self.page_bytes,
            log_bytes,
            state_hash: state_hash.to_bytes(),
            bookmarks: bookmarks.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }
}

/// Writes the pages of these conversations durably, encoded on all processors. Returns the half and checksum of each
/// page.
fn write_pages(
    changed: &BTreeSet<u32>,
    written: &mut Checkpoint,
    shared: &Shared,
    storage: &dyn Storage,
) -> Result<Vec<(u32, PageEntry)>, StorageError> {
    let page_nos: BTreeSet<u32> = changed.iter().map(|slot| page_of(*slot)).collect();
    let page_nos: Vec<u32> = page_nos.into_iter().collect();
    let compressors = Compressors::default();
    let encode = |number: usize| {
        let page_no = page_nos.get(number).copied().unwrap_or_default();
        compressors.lend(|compressor| encode(page_no, written.generation, shared, storage, compressor))
    };
    let entries = in_order(page_nos.len(), encode, |pages| put_pages(pages, storage))?;
    storage.barrier()?;
    written.pages_written = entries.len() as u64;
    written.bytes_written = entries.iter().map(|(_, entry)| u64::from(entry.bytes)).sum();
    Ok(entries)
}

/// Writes pages to the storage in groups, while the next ones are encoded.
fn put_pages(
    pages: &mut dyn Iterator<Item = Result<(PageKey, StoredPage, PageEntry), StorageError>>,
    storage: &dyn Storage,
) -> Result<Vec<(u32, PageEntry)>, StorageError> {
    let mut entries = Vec::new();
    loop {
        let mut values = Vec::with_capacity(PAGES_AT_ONCE);
        for page in (&mut *pages).take(PAGES_AT_ONCE) {
            let (key, page, entry) = page?;
            entries.push((key.page_no, entry));
            values.push((key, page.into_value()));
        }
        if values.is_empty() {
            return Ok(entries);
        }
        storage.put_pages(&values)?;
    }
}

/// A compressor for each thread that encodes pages.
#[derive(Default)]
struct Compressors(Mutex<Vec<Compressor>>);

impl Compressors {
    fn lend<T>(&self, work: impl FnOnce(&mut Compressor) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let idle = self.0.lock().pop();
        let made = || Compressor::new().map_err(StorageError::io("creating a compressor"));
        let mut compressor = idle.map_or_else(made, Ok)?;
        let outcome = work(&mut compressor);
        self.0.lock().push(compressor);
        outcome
    }
}

/// Encodes a page for the half that is not in use.
fn encode(
    page_no: u32,
    generation: u64,
    shared: &Shared,
    storage: &dyn ReadStorage,
    compressor: &mut Compressor,
) -> Result<(PageKey, StoredPage, PageEntry), StorageError> {
    let first = page_no * PAGE_SLOTS;
    let slots = first..shared.live.board().slot_count().min(first.saturating_add(PAGE_SLOTS));
    let away = boards_away(slots.clone(), shared, storage)?;
    let hashes = shared.live.board().hashes(slots.clone());
    shared.live.board_mut().note_hashes(&hashes);
    let mut hash = hashes.iter().fold(StateHash::default(), |sum, (_, hash)| sum.plus(*hash));
    let board = shared.live.board();
    let (mut images, mut outlines) = (Vec::new(), Vec::new());
    for slot in slots {
        let (image, outline) = match away.get(&slot) {
            Some((alone, its_hash)) => {
                hash = hash.plus(*its_hash);
                (alone.image(0), alone.outline(0))
            }
            None => (board.image(slot), board.outline(slot)),
        };
        images.push(image.ok_or(StorageError::Encoding(Damage::Missing))?);
        outlines.push(outline.ok_or(StorageError::Encoding(Damage::Missing))?);
    }
    drop(board);
    let head = PageHead { fold_version: FOLD_VERSION, outlines, hash };
    let sealed = StoredPage::seal(page_no, generation, &images, &head, compressor);
    let (page, checksum) = sealed.map_err(StorageError::Encoding)?;
    let half = shared.archive.entry(page_no).map_or(PageHalf::A, |page| page.half.other());
    let entry = PageEntry { half, checksum, bytes: page.bytes() };
    Ok((PageKey { page_no, half }, page, entry))
}

/// The evicted conversations of a page, each on a board of its own, and their contribution to the state hash.
fn boards_away(
    slots: Range<u32>,
    shared: &Shared,
    storage: &dyn ReadStorage,
) -> Result<BTreeMap<u32, (Board, StateHash)>, StorageError> {
    let board = shared.live.board();
    let away: Vec<u32> = slots.filter(|slot| board.is_evicted(*slot)).collect();
    drop(board);
    let mut reader = ArchiveReader::new(&shared.archive, storage);
    let mut boards = BTreeMap::new();
    for slot in away {
        let mut alone = alone(reader.image(slot)?)?;
        let hash = alone.state_hash();
        boards.insert(slot, (alone, hash));
    }
    Ok(boards)
}

/// Deletes all checkpoint records except the last one, including those that recovery skipped.
fn forget_others(storage: &dyn Storage, last: Option<u64>) -> Result<(), StorageError> {
    for old in generations(storage)?.into_iter().filter(|old| Some(*old) != last) {
        storage.delete_record(&record_name(old))?;
    }
    Ok(())
}
