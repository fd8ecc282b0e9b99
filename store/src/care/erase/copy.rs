//! Writes the storage again, with other events in place of the erased ones. Everything that is copied is named here; what is
//! not named is not in the copy.

use std::collections::BTreeMap;
use std::ops::Range;

use convofold_engine::{ConversationImage, EventColumns, FOLD_VERSION, Seq, StateHash};

use super::find::Replacements;
use super::{EraseError, random};
use crate::checkpoint::heads::{HeadList, LIST_PAGES, checksum_of, list_count, list_name, read_list};
use crate::checkpoint::record::{has_note_of_damage, read_record, record_name};
use crate::checkpoint::recorded::{recorded_hashes, write_recorded_hashes};
use crate::conversations::archive::alone;
use crate::conversations::page::{PAGE_SLOTS, PageWriter, read_page};
use crate::damage::Damage;
use crate::format::block::{Block, BlockBuilder, BlockHead, LogPosition, PackedEvents, chain_again};
use crate::format::bookmark::StoredBookmark;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::erasures::StoredErasure;
use crate::format::frame::{Checksum, Compressor};
use crate::format::key::{BlockKey, PageKey};
use crate::format::log_start::{self, LogStart};
use crate::format::page;
use crate::format::page_head::{self, PageEntry, PageHead, StoredHead};
use crate::format::recorded_hashes::StoredHash;
use crate::format::run::StoredRun;
use crate::log::events::DecodedBlock;
use crate::log::start::RECORD as LOG_START;
use crate::open::recovery::RecoveredState;
use crate::search::{Entries, copy_without};
use crate::state::{erasures, holds};
use crate::storage::fragment::Tree;
use crate::storage::sled::{block_key, part_key};
use crate::storage::{Entry, ReadStorage, Storage, StorageError};

/// Maximum size of the values that are copied at once, in bytes; see decision 0040.
const PART_BYTES: usize = 32 << 20;
/// The conversations of a larger page are read one at a time.
const READ_WHOLE_BYTES: u64 = 8 << 20;

/// Copies a storage.
pub(super) struct Copier<'a> {
    pub(super) from: &'a dyn ReadStorage,
    pub(super) to: &'a dyn Storage,
    pub(super) replaced: &'a Replacements,
    part_bytes: usize,
    compressor: Compressor,
    blocks: BlockBuilder,
    packed: PackedEvents,
}

/// The copy.
pub(super) struct Copied {
    /// The beginning of its log.
    pub(super) start: LogStart,
    /// The end of its log.
    pub(super) position: LogPosition,
    pub(super) record: CheckpointRecord,
    pub(super) pages: Vec<PageEntry>,
}

/// The page and the head that replace those with this number.
type NewPages = BTreeMap<u32, (PageEntry, StoredHead)>;

impl<'a> Copier<'a> {
    pub(super) fn new(
        from: &'a dyn ReadStorage,
        to: &'a dyn Storage,
        replaced: &'a Replacements,
        part_bytes: usize,
    ) -> Result<Self, StorageError> {
        let compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
        let (blocks, packed) = (BlockBuilder::default(), PackedEvents::default());
        Ok(Self { from, to, replaced, part_bytes, compressor, blocks, packed })
    }

    /// Copies everything except the erasures.
    pub(super) fn copy_all(&mut self, state: &RecoveredState) -> Result<Copied, EraseError> {
        let generation = state.saved_generation().ok_or(EraseError::Unsaved)?;
        let before = read_record(self.from, generation)?;
        if before.fold_version != FOLD_VERSION || has_note_of_damage(self.from)? {
            return Err(EraseError::Unsaved);
        }
        let start = self.start(&state.start)?;
        let (position, longer_bytes) = self.log(state.start.position, start.position.chain)?;
        let mut pages = state.archive.with_pages(<[_]>::to_vec);
        let new = self.pages(&pages, &before)?;
        for (page_no, (entry, _)) in &new {
            if let Some(page) = pages.get_mut(*page_no as usize) {
                *page = *entry;
            }
        }
        // In the order of their names.
        let lists = self.heads(&before, new)?;
        if start != LogStart::WHOLE {
            let value = log_start::seal(&start, &mut self.compressor).map_err(StorageError::Encoding)?;
            self.to.put_record(LOG_START, &value)?;
        }
        holds::copy(self.from, self.to)?;
        let recorded = self.recorded()?;
        write_recorded_hashes(self.to, &mut self.compressor, &recorded)?;
        let search = self.search(&before)?;
        let bytes = pages.iter().map(|page| page.bytes).chain(lists.iter().map(|list| list.bytes)).sum();
        let record = CheckpointRecord {
            chain: position.chain.to_le_bytes(),
            heads_checksum: checksum_of(&lists).to_le_bytes(),
            page_bytes: bytes,
            log_bytes: before.log_bytes.saturating_add_signed(longer_bytes),
            state_hash: self.replaced.state_hash(StateHash::from_bytes(before.state_hash))?.to_bytes(),
            search,
            ..before
        };
        let value = record::seal(&record, &mut self.compressor).map_err(StorageError::Encoding)?;
        self.to.put_record(&record_name(generation), &value)?;
        Ok(Copied { start, position, record, pages })
    }

    /// Writes the erasures.
    pub(super) fn erasures(
        &mut self,
        earlier: &[(u64, StoredErasure)],
        number: u64,
        erasure: &StoredErasure,
    ) -> Result<(), StorageError> {
        for (number, earlier) in earlier {
            erasures::store(self.to, *number, earlier, &mut self.compressor)?;
        }
        erasures::store(self.to, number, erasure, &mut self.compressor)
    }

    /// The beginning of the log. If a trimmed event is replaced, the last trimmed block would have another checksum, so that no
    /// earlier backup is continued.
    fn start(&self, before: &LogStart) -> Result<LogStart, StorageError> {
        let mut start = before.clone();
        if self.replaced.has_event(0..start.position.seq) {
            let mut chain = [0; 16];
            random(&mut chain)?;
            start.position.chain = Checksum::from_le_bytes(chain);
        }
        Ok(start)
    }

    /// Copies the blocks of the log, each chained to the one before it; the first one to this checksum. Returns the end, and by how many bytes it is longer.
    fn log(&mut self, start: LogPosition, chain: Checksum) -> Result<(LogPosition, i64), StorageError> {
        let (mut end, mut previous, mut longer_bytes) = (LogPosition { chain, ..start }, start.chain, 0);
        // A killed trim may have left blocks before the beginning.
        let before = BlockKey { first_seq: end.seq, block_no: end.block_no.saturating_sub(1) };
        let mut key = block_key(before);
        loop {
            let mut entries = self.from.entries_after(Tree::Log, &key, PART_BYTES)?;
            let Some((last, _)) = entries.last() else { return Ok((end, longer_bytes)) };
            key.clone_from(last);
            for (_, value) in &mut entries {
                let head = BlockHead::open(value).map_err(StorageError::Value)?;
                let before_bytes = value.len();
                let is_replaced = self.replaced.has_event(head.first_seq..head.end_seq());
                previous = if is_replaced {
                    self.block(value, previous, &mut end)?
                } else {
                    chain_again(value, previous, &mut end).map_err(StorageError::Value)?
                };
                // A value has at most 1 GiB.
                longer_bytes += value.len().cast_signed() as i64 - before_bytes.cast_signed() as i64;
            }
            self.to.load(Tree::Log, &entries)?;
        }
    }

    /// Replaces the events of a block. Returns the checksum of before.
    fn block(
        &mut self,
        value: &mut Vec<u8>,
        previous: Checksum,
        end: &mut LogPosition,
    ) -> Result<Checksum, StorageError> {
        let block = Block::open(value).map_err(StorageError::Value)?;
        block.follows(&LogPosition { chain: previous, ..*end }).map_err(StorageError::Value)?;
        let decoded = DecodedBlock::of(&block).map_err(StorageError::Value)?;
        let mut events = EventColumns::new();
        for (seq, _, event) in decoded.events() {
            let pushed = match self.replaced.events.get(&seq) {
                Some(replaced) => events.push(replaced),
                None => events.push(event),
            };
            pushed.map_err(|why| StorageError::Encoding(Damage::Event(why)))?;
        }
        let Self { compressor, blocks, packed, .. } = self;
        blocks.pack(&events, compressor, packed).map_err(StorageError::Encoding)?;
        let bookmarks = decoded.bookmarks.iter();
        let bookmarks: Vec<_> =
            bookmarks.map(|(name, value)| StoredBookmark { name, value: value.as_deref() }).collect();
        let sealed = packed.seal(end, &bookmarks, decoded.committed_ms, compressor);
        *value = sealed.map_err(StorageError::Encoding)?.1;
        Ok(block.checksum)
    }

    /// Copies the pages of the checkpoint. Returns those that were replaced.
    fn pages(&mut self, pages: &[PageEntry], record: &CheckpointRecord) -> Result<NewPages, EraseError> {
        let (mut new, mut entries, mut bytes) = (NewPages::new(), Vec::new(), 0);
        for (page_no, entry) in (0..).zip(pages) {
            let key = PageKey { page_no, half: entry.half };
            let slots = slots_of(page_no, record.slot_count);
            let mut put = |part, value: Vec<u8>| {
                bytes += value.len();
                entries.push((part_key(key.part(part)), value));
                Ok::<_, StorageError>(())
            };
            if self.replaced.within(slots.clone()).next().is_some() {
                let page = self.page(page_no, *entry, slots, record.generation, &mut put)?;
                new.insert(page_no, page);
            } else {
                copy_page(self.from, key, &mut put)?;
            }
            if bytes > PART_BYTES {
                self.to.load(Tree::Pages, &entries)?;
                (entries, bytes) = (Vec::new(), 0);
            }
        }
        self.to.load(Tree::Pages, &entries)?;
        Ok(new)
    }

    /// Writes a page with replaced conversations.
    fn page(
        &mut self,
        page_no: u32,
        entry: PageEntry,
        slots: Range<u32>,
        generation: u64,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), StorageError>,
    ) -> Result<(PageEntry, StoredHead), EraseError> {
        let mut writer = PageWriter::new(page_no, generation, self.part_bytes, &mut self.compressor);
        let mut head = PageHead { fold_version: FOLD_VERSION, outlines: Vec::new(), hash: StateHash::default() };
        let at_once = if entry.bytes > READ_WHOLE_BYTES { 1 } else { PAGE_SLOTS };
        for first in slots.clone().step_by(at_once as usize) {
            let mut images = BTreeMap::new();
            let wanted = first % PAGE_SLOTS..first % PAGE_SLOTS + at_once;
            read_page(
                self.from,
                page_no,
                entry,
                |place| wanted.contains(&place),
                |place, image| {
                    images.insert(page_no * PAGE_SLOTS + place, image);
                },
            )?;
            for (slot, image) in images {
                let image = self.replaced.conversations.get(&slot).map_or(image, |replaced| replaced.after.clone());
                writer.push(&image, put)?;
                let mut alone = alone(image)?;
                head.hash = head.hash.plus(alone.state_hash());
                head.outlines.extend(alone.outline(0));
            }
        }
        if head.outlines.len() != slots.len() {
            return Err(StorageError::Value(Damage::Missing).into());
        }
        let entry = writer.finish(entry.half, put)?;
        let head = StoredHead::new(entry, &head).map_err(StorageError::Encoding)?;
        Ok((entry, head))
    }

    /// Copies the lists of heads, with those of replaced pages.
    fn heads(&mut self, record: &CheckpointRecord, mut new: NewPages) -> Result<Vec<HeadList>, EraseError> {
        let (mut lists, mut entries) = (Vec::new(), Vec::new());
        for list_no in 0..list_count(record) {
            let (mut heads, mut list) = read_list(self.from, record, list_no)?;
            let name = list_name(list_no, list.half);
            let first = list_no * LIST_PAGES;
            let is_replaced = new.range(first..first.saturating_add(LIST_PAGES)).next().is_some();
            let value = if is_replaced {
                for (page_no, head) in (first..).zip(&mut heads) {
                    if let Some((_, replaced)) = new.remove(&page_no) {
                        *head = replaced;
                    }
                }
                let (value, checksum) =
                    page_head::seal(list_no, &heads, &mut self.compressor).map_err(StorageError::Encoding)?;
                list = HeadList { checksum, bytes: value.len() as u64, ..list };
                value
            } else {
                self.from.record(&name)?.ok_or(StorageError::Value(Damage::Missing))?
            };
            lists.push(list);
            entries.push((name.into_bytes(), value));
            self.load_if_full(&mut entries)?;
        }
        self.to.load(Tree::Records, &entries)?;
        Ok(lists)
    }

    fn load_if_full(&self, entries: &mut Vec<Entry>) -> Result<(), StorageError> {
        if entries.iter().map(|(_, value)| value.len()).sum::<usize>() > PART_BYTES {
            self.to.load(Tree::Records, entries)?;
            entries.clear();
        }
        Ok(())
    }

    /// The recorded hashes of what the events were, computed again from the differences that the replaced conversations make.
    /// Those of another fold version cannot be computed.
    fn recorded(&self) -> Result<Vec<StoredHash>, EraseError> {
        let (hashes, damages) = recorded_hashes(self.from)?;
        if let Some((_, why)) = damages.into_iter().next() {
            return Err(StorageError::Value(why).into());
        }
        let seqs: Vec<Seq> = hashes.iter().map(|hash| hash.seq).collect();
        let mut differences = vec![StateHash::default(); seqs.len()];
        let mut add = |image: &ConversationImage, sum: fn(StateHash, StateHash) -> StateHash| {
            image.hashes_known_at(&seqs, |place, more| {
                if let Some(difference) = differences.get_mut(place) {
                    *difference = sum(*difference, more);
                }
            })
        };
        for replaced in self.replaced.conversations.values() {
            add(&replaced.before, StateHash::minus)?;
            add(&replaced.after, StateHash::plus)?;
        }
        let first_seq = self.replaced.events.keys().next().copied().unwrap_or(Seq::MAX);
        let mut difference = StateHash::default();
        let again = hashes.into_iter().zip(differences).filter_map(|(hash, more)| {
            difference = difference.plus(more);
            let state_hash = StateHash::from_bytes(hash.state_hash).plus(difference).to_bytes();
            let is_computed = hash.seq < first_seq || hash.fold_version == FOLD_VERSION;
            is_computed.then_some(StoredHash { state_hash, ..hash })
        });
        Ok(again.collect())
    }

    /// Copies the search index. Without one, the next opening builds it.
    fn search(&mut self, record: &CheckpointRecord) -> Result<Option<Vec<StoredRun>>, EraseError> {
        let Some(runs) = &record.search else { return Ok(None) };
        let mut entries = Entries::default();
        for (slot, replaced) in &self.replaced.conversations {
            if let Some(keys) = alone(replaced.after.clone())?.search_keys(0) {
                entries.push(*slot, &keys);
            }
        }
        let slots = self.replaced.conversations.keys().copied().collect();
        Ok(copy_without(runs, &slots, entries, self.from, self.to, &mut self.compressor)?)
    }
}

fn slots_of(page_no: u32, slot_count: u32) -> Range<u32> {
    let first = page_no.saturating_mul(PAGE_SLOTS);
    first..slot_count.min(first.saturating_add(PAGE_SLOTS))
}

/// Copies the parts of a page.
fn copy_page(
    from: &dyn ReadStorage,
    key: PageKey,
    put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    for part in 0.. {
        let value = from.page(key.part(part))?.ok_or(StorageError::Value(Damage::MissingPart { part }))?;
        let (_, is_last) = page::check(key.page_no, part, &value).map_err(StorageError::Value)?;
        put(part, value)?;
        if is_last {
            break;
        }
    }
    Ok(())
}
