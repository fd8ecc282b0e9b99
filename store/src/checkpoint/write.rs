//! Writes checkpoints: the state as pages, so that opening does not have to fold the whole log.
//!
//! A checkpoint is a pointer flip:
//!
//! 1. The record of the checkpoint before the last is deleted, because its page halves will be overwritten.
//! 2. The pages of changed conversations and the lists of their heads are written, each into the half that the last
//!    checkpoint does not use, and a run of the search index.
//! 3. A barrier, then the state hash (`recorded.rs`) and one record that names the half of every list of heads, then a
//!    barrier.
//!
//! Until the record is written, the last checkpoint is complete; afterwards both are. So whenever the process ends,
//! every record has its pages.
//!
//! The writer does this between groups. It takes about as long as folding the changed conversations took. Meanwhile
//! queries are answered, and submissions wait in the queue.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use convofold_engine::{ConversationImage, FOLD_VERSION, Outline, Seq, StateHash};
use parking_lot::Mutex;

use crate::checkpoint::heads::{HeadList, HeadWriter, checksum_of, halves_of};
use crate::checkpoint::record::{generations, record_name};
use crate::checkpoint::recorded::record_hash;
use crate::conversations::archive::{ArchiveReader, alone};
use crate::conversations::page::{PAGE_SLOTS, PageWriter, page_of};
use crate::damage::Damage;
use crate::format::block::LogPosition;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::frame::Compressor;
use crate::format::key::{PageHalf, PageKey, PartKey};
use crate::format::page_head::{PageEntry, PageHead, StoredHead};
use crate::format::recorded_hashes::StoredHash;
use crate::in_order::in_order;
use crate::search::{Entries, SearchWriter};
use crate::state::shared::Shared;
use crate::storage::fragment::Tree;
use crate::storage::sled::part_key;
use crate::storage::{Storage, StorageError};
use crate::trace::{span, tell};

/// Number of parts of pages that are written together.
const PARTS_AT_ONCE: usize = 64;
/// The same in the first checkpoint of a database.
const FIRST_PARTS_AT_ONCE: usize = 4096;
/// Maximum size of the parts that wait for the others, in bytes.
const WAITING_BYTES: usize = 4 << 20;
/// A page with more bytes is encoded when it is its turn to be written, so that only one of its parts is in memory.
const ENCODED_AHEAD_BYTES: u64 = 8 << 20;

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
    /// Total length of the pages and heads written, in bytes.
    pub bytes_written: u64,
    /// Duration of writing the checkpoint.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// Knows the last checkpoint and writes the next one.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    last: Option<Last>,
    /// Total length of all pages and their heads, in bytes.
    pub(crate) page_bytes: u64,
    /// The lists of heads of the last checkpoint.
    lists: Vec<HeadList>,
    /// The storage contains nothing of a generation above this one.
    generation: u64,
    /// The pages that were written for the last checkpoint.
    written: Vec<u32>,
    pub(crate) search: SearchWriter,
    /// Whether the last checkpoint lacks the search index, so that another one is due even if nothing changed.
    pub(crate) is_incomplete: bool,
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
    pub(crate) fn new(page_bytes: u64, lists: Vec<HeadList>, last: Option<Last>, generation: u64) -> Self {
        let attempted_log_bytes = last.map_or(0, |last| last.log_bytes);
        let (written, search) = (Vec::new(), SearchWriter::default());
        Self { last, page_bytes, lists, generation, written, search, is_incomplete: false, attempted_log_bytes }
    }

    /// The generation of the last checkpoint, if it is the newest one in the storage and contains all of the log.
    pub(crate) fn saved_generation(&self, position: &LogPosition) -> Option<u64> {
        let is_whole = |last: &Last| last.generation == self.generation && last.block_no + 1 == position.block_no;
        self.last.filter(|last| !self.is_incomplete && is_whole(last)).map(|last| last.generation)
    }

    /// Whether a checkpoint is due. If the pages are large, half of their size is the threshold, so that checkpoints
    /// cost at most a fixed multiple of the log.
    pub(crate) fn is_due(&self, log_bytes: u64, threshold_bytes: u64) -> bool {
        let since = log_bytes - self.attempted_log_bytes;
        since > threshold_bytes.max(self.page_bytes / 2)
    }

    /// Writes a checkpoint of the board at `position` and makes it durable. `committed_ms` is the time of the last commit.
    pub(crate) fn write(
        &mut self,
        shared: &Shared,
        storage: &dyn Storage,
        compressor: &mut Compressor,
        position: &LogPosition,
        log_bytes: u64,
        committed_ms: u64,
    ) -> Result<Checkpoint, StorageError> {
        span!("checkpoint");
        self.attempted_log_bytes = log_bytes;
        let started = Instant::now();
        let changed = shared.search.take_unsaved(&shared.live);
        let mut written = Checkpoint {
            seq: position.last_seq(),
            generation: self.generation,
            pages_written: 0,
            bytes_written: 0,
            took: Duration::ZERO,
        };
        let is_current = changed.is_empty() && self.last.map_or(1, |last| last.block_no + 1) == position.block_no;
        if is_current && !self.is_incomplete {
            return Ok(written);
        }
        written.generation += 1;
        shared.log_figures.checkpoints_begun.fetch_add(1, Ordering::SeqCst);
        let content = forget_others(storage, self.last.map(|last| last.generation)).and_then(|()| {
            let WrittenPages { entries, lists, found } =
                write_pages(&changed, &mut written, shared, storage, compressor, &self.lists)?;
            let has_search = self.write_search(found, shared, storage, compressor)?;
            storage.barrier()?;
            Ok((entries, lists, has_search))
        });
        let (pages, lists, has_search) = match content {
            Ok(content) => content,
            Err(error) => {
                shared.search.put_back_unsaved(&shared.live, changed);
                return Err(error);
            }
        };
        shared.archive.set(&pages);
        self.set_lists(lists);
        let page_nos = pages.into_iter().map(|(page_no, _)| page_no).collect();
        self.page_bytes = shared.archive.bytes() + self.lists.iter().map(|list| list.bytes).sum::<u64>();
        let mut record = self.record(shared, written.generation, position, log_bytes);
        record.search = has_search.then(|| self.search.runs().iter().map(|run| run.stored()).collect());
        complete(&record, committed_ms, storage, compressor)?;
        self.is_incomplete = false;
        shared.search.publish(&shared.live, has_search.then_some(self.search.runs()));
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

    fn set_lists(&mut self, written: Vec<(u32, HeadList)>) {
        for (list_no, list) in written {
            let place = list_no as usize;
            if self.lists.len() <= place {
                self.lists.resize(place + 1, HeadList::default());
            }
            if let Some(known) = self.lists.get_mut(place) {
                *known = list;
            }
        }
    }

    /// Adds these entries to the search index. Returns whether there is a usable one.
    fn write_search(
        &mut self,
        entries: Entries,
        shared: &Shared,
        storage: &dyn Storage,
        compressor: &mut Compressor,
    ) -> Result<bool, StorageError> {
        if !shared.search.is_usable() {
            return Ok(false);
        }
        let added = self.search.delete_dead(storage).and_then(|()| self.search.add(entries, storage, compressor));
        match added {
            // A run that was to be merged is damaged.
            Err(StorageError::Value(_) | StorageError::Encoding(_)) => Ok(false),
            added => added.map(|()| true),
        }
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
            heads_checksum: checksum_of(&self.lists).to_le_bytes(),
            halves: halves_of(&self.lists),
            page_bytes: self.page_bytes,
            log_bytes,
            state_hash: state_hash.to_bytes(),
            bookmarks: bookmarks.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            search: None,
        }
    }
}

/// The locations of the pages and lists of heads written, and what the search index keeps of the conversations.
#[derive(Default)]
struct WrittenPages {
    entries: Vec<(u32, PageEntry)>,
    lists: Vec<(u32, HeadList)>,
    found: Entries,
}

/// Writes the pages of these conversations, encoded on all processors, and their heads.
fn write_pages(
    changed: &BTreeSet<u32>,
    written: &mut Checkpoint,
    shared: &Shared,
    storage: &dyn Storage,
    compressor: &mut Compressor,
    lists: &[HeadList],
) -> Result<WrittenPages, StorageError> {
    let page_nos: BTreeSet<u32> = changed.iter().map(|slot| page_of(*slot)).collect();
    let page_nos: Vec<u32> = page_nos.into_iter().collect();
    // Every page is new then, so they take less room if they are loaded. A killed process may have left pages nevertheless.
    let is_first = lists.is_empty() && storage.entries_after(Tree::Pages, &[], 1)?.is_empty();
    let compressors = Compressors::default();
    let pages = Pages { generation: written.generation, changed, shared, storage, is_first, compressors };
    let encode = |number: usize| pages.encode_ahead(page_nos.get(number).copied().unwrap_or_default());
    let mut heads = HeadWriter::new(storage, compressor, lists);
    let mut pages = in_order(page_nos.len(), encode, |encoded| pages.put_all(encoded, &mut heads))?;
    pages.lists = heads.finish()?;
    written.pages_written = pages.entries.len() as u64;
    let page_bytes = pages.entries.iter().map(|(_, entry)| entry.bytes).sum::<u64>();
    written.bytes_written = page_bytes + pages.lists.iter().map(|(_, list)| list.bytes).sum::<u64>();
    Ok(pages)
}

/// A page that was encoded ahead of its turn.
enum Encoded {
    Whole {
        page_no: u32,
        parts: Vec<(PartKey, Vec<u8>)>,
        head: StoredHead,
        found: Entries,
    },
    /// It is too large for that.
    Later {
        page_no: u32,
    },
}

/// The pages of one checkpoint.
struct Pages<'a> {
    generation: u64,
    changed: &'a BTreeSet<u32>,
    shared: &'a Shared,
    storage: &'a dyn Storage,
    /// Whether the storage has no pages yet.
    is_first: bool,
    compressors: Compressors,
}

impl Pages<'_> {
    fn encode_ahead(&self, page_no: u32) -> Result<Encoded, StorageError> {
        if self.bytes(page_no) > ENCODED_AHEAD_BYTES {
            return Ok(Encoded::Later { page_no });
        }
        let (mut parts, found) = (Vec::new(), self.found(page_no));
        let head = self.encode(page_no, |key, value| {
            parts.push((key, value));
            Ok(())
        })?;
        Ok(Encoded::Whole { page_no, parts, head, found })
    }

    /// Writes pages and their heads to the storage in groups, while the next ones are encoded.
    fn put_all(
        &self,
        encoded: &mut dyn Iterator<Item = Result<Encoded, StorageError>>,
        heads: &mut HeadWriter<'_>,
    ) -> Result<WrittenPages, StorageError> {
        let parts_at_once = if self.is_first { FIRST_PARTS_AT_ONCE } else { PARTS_AT_ONCE };
        let (mut written, mut waiting) = (WrittenPages::default(), Vec::new());
        for page in encoded {
            let (page_no, head, found) = match page? {
                Encoded::Whole { page_no, parts, head, found } => {
                    waiting.extend(parts);
                    (page_no, head, found)
                }
                Encoded::Later { page_no } => {
                    let found = self.found(page_no);
                    self.put(&mut waiting)?;
                    let head = self.encode(page_no, |key, value| self.put(&mut vec![(key, value)]))?;
                    (page_no, head, found)
                }
            };
            written.entries.push((page_no, head.entry().map_err(StorageError::Encoding)?));
            written.found.append(found);
            heads.push(page_no, head)?;
            if waiting.len() >= parts_at_once
                || waiting.iter().map(|(_, part)| part.len()).sum::<usize>() > WAITING_BYTES
            {
                self.put(&mut waiting)?;
            }
        }
        self.put(&mut waiting)?;
        Ok(written)
    }

    /// Writes these parts, which come in the order of their keys.
    fn put(&self, parts: &mut Vec<(PartKey, Vec<u8>)>) -> Result<(), StorageError> {
        let parts = std::mem::take(parts);
        if parts.is_empty() {
            return Ok(());
        }
        if !self.is_first {
            return self.storage.put_pages(&parts);
        }
        let entries: Vec<_> = parts.into_iter().map(|(key, value)| (part_key(key), value)).collect();
        self.storage.load(Tree::Pages, &entries)
    }

    /// What the search index keeps of the changed conversations of a page. They are all in memory. Once they are hashed,
    /// closed conversations have no fold, so this comes first.
    fn found(&self, page_no: u32) -> Entries {
        let mut found = Entries::default();
        let slots = self.slots(page_no);
        let board = self.shared.live.board();
        for slot in self.changed.range(slots) {
            board.search_keys(*slot).iter().for_each(|keys| found.push(*slot, keys));
        }
        found
    }

    fn slots(&self, page_no: u32) -> Range<u32> {
        let first = page_no * PAGE_SLOTS;
        first..self.shared.live.board().slot_count().min(first.saturating_add(PAGE_SLOTS))
    }

    /// The size of a page's conversations in memory, and of the page of those that are evicted.
    fn bytes(&self, page_no: u32) -> u64 {
        let slots = self.slots(page_no);
        let resident = self.shared.live.board().bytes_of(slots);
        resident + self.shared.archive.entry(page_no).map_or(0, |page| page.bytes)
    }

    /// Encodes a page for the half that is not in use, and passes its parts to `put`. One conversation is in memory at a
    /// time.
    fn encode(
        &self,
        page_no: u32,
        mut put: impl FnMut(PartKey, Vec<u8>) -> Result<(), StorageError>,
    ) -> Result<StoredHead, StorageError> {
        let slots = self.slots(page_no);
        let hashes = self.shared.live.board().hashes(slots.clone());
        self.shared.live.board_mut().note_hashes(&hashes);
        let mut hash = hashes.iter().fold(StateHash::default(), |sum, (_, hash)| sum.plus(*hash));
        let half = self.shared.archive.entry(page_no).map_or(PageHalf::A, |page| page.half.other());
        let mut put = |part, value| put(PageKey { page_no, half }.part(part), value);
        let mut outlines = Vec::new();
        let mut away = ArchiveReader::new(&self.shared.archive, self.storage);
        let part_bytes = self.shared.options.bounds.part_bytes;
        self.compressors.lend(|compressor| {
            let mut writer = PageWriter::new(page_no, self.generation, part_bytes, compressor);
            for slot in slots {
                let outline = match self.resident(slot) {
                    Some((image, outline)) => {
                        writer.push(&image, &mut put)?;
                        outline
                    }
                    None => {
                        let image = away.image(slot)?;
                        writer.push(&image, &mut put)?;
                        let mut alone = alone(image)?;
                        hash = hash.plus(alone.state_hash());
                        alone.outline(0)
                    }
                };
                outlines.push(outline.ok_or(StorageError::Encoding(Damage::Missing))?);
            }
            let entry = writer.finish(half, &mut put)?;
            StoredHead::new(entry, &PageHead { fold_version: FOLD_VERSION, outlines, hash })
                .map_err(StorageError::Encoding)
        })
    }

    fn resident(&self, slot: u32) -> Option<(ConversationImage, Option<Outline>)> {
        let board = self.shared.live.board();
        Some((board.image(slot)?, board.outline(slot)))
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

/// Records the state hash of a checkpoint whose pages are durable, and then the checkpoint.
fn complete(
    record: &CheckpointRecord,
    committed_ms: u64,
    storage: &dyn Storage,
    compressor: &mut Compressor,
) -> Result<(), StorageError> {
    let &CheckpointRecord { generation, last_seq: seq, fold_version, state_hash, .. } = record;
    record_hash(storage, compressor, StoredHash { seq, committed_ms, fold_version, state_hash })?;
    let value = record::seal(record, compressor).map_err(StorageError::Encoding)?;
    storage.put_record(&record_name(generation), &value)?;
    storage.barrier()
}

/// Deletes all checkpoint records except the last one, including those that recovery skipped.
fn forget_others(storage: &dyn Storage, last: Option<u64>) -> Result<(), StorageError> {
    for old in generations(storage)?.into_iter().filter(|old| Some(*old) != last) {
        storage.delete_record(&record_name(old))?;
    }
    Ok(())
}
