//! Writes the storage again, through a filter. Everything that is copied is named here; what is not named is not in the copy.

use std::collections::BTreeMap;

use convofold_engine::{EventColumns, FOLD_VERSION, StateHash};

use super::base::Base;
use super::pages::{Changes, Conversations};
use super::{Filter, RewriteError};
use crate::checkpoint::heads::{HeadList, LIST_PAGES, checksum_of, halves_of, list_name, read_list};
use crate::checkpoint::record::{has_note_of_damage, read_record, record_name};
use crate::checkpoint::recorded::{recorded_hashes, write_recorded_hashes};
use crate::conversations::page::{PAGE_SLOTS, PageWriter};
use crate::damage::Damage;
use crate::format::block::{Block, BlockBuilder, BlockHead, LogPosition, PackedEvents, chain_again};
use crate::format::bookmark::StoredBookmark;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::frame::{Checksum, Compressor};
use crate::format::holds::StoredHold;
use crate::format::key::{BlockKey, PageKey};
use crate::format::log_start::{self, LogStart};
use crate::format::numbered::NumberedRecord;
use crate::format::page;
use crate::format::page_head::{self, PageEntry, PageHead, StoredHead};
use crate::format::run::StoredRun;
use crate::log::bookmark::Bookmarks;
use crate::log::events::DecodedBlock;
use crate::log::start::RECORD as LOG_START;
use crate::search::copy_without;
use crate::storage::fragment::Tree;
use crate::storage::sled::{block_key, part_key};
use crate::storage::{Entry, ReadStorage, Storage, StorageError};

/// Maximum size of the values that are copied at once, in bytes; see decision 0040.
const PART_BYTES: usize = 32 << 20;

/// Copies a storage.
pub(crate) struct Copier<'a> {
    pub(crate) from: &'a dyn ReadStorage,
    pub(crate) to: &'a dyn Storage,
    filter: &'a dyn Filter,
    part_bytes: usize,
    compressor: Compressor,
    blocks: BlockBuilder,
    packed: PackedEvents,
    /// The bookmarks at the end of the log that is copied.
    newest: Bookmarks,
}

/// The copy.
pub(crate) struct Copied {
    /// The beginning of its log.
    pub(crate) start: LogStart,
    /// The end of its log.
    pub(crate) position: LogPosition,
    pub(crate) record: CheckpointRecord,
    pub(crate) pages: Vec<PageEntry>,
    /// Number of values with recorded hashes that cannot be read, and are not in it.
    pub(crate) damaged_values: u64,
}

/// The heads of pages that are not the same as before.
type NewHeads = BTreeMap<u32, StoredHead>;

impl<'a> Copier<'a> {
    pub(crate) fn new(
        from: &'a dyn ReadStorage,
        to: &'a dyn Storage,
        filter: &'a dyn Filter,
        part_bytes: usize,
    ) -> Result<Self, StorageError> {
        let compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
        let (blocks, packed) = (BlockBuilder::default(), PackedEvents::default());
        Ok(Self { from, to, filter, part_bytes, compressor, blocks, packed, newest: Bookmarks::new() })
    }

    /// The compressor of records.
    pub(crate) fn compressor(&mut self) -> &mut Compressor {
        &mut self.compressor
    }

    /// Copies everything except the records that say what was removed.
    pub(crate) fn copy_all(&mut self, base: &Base) -> Result<Copied, RewriteError> {
        let generation = base.generation;
        let before = read_record(self.from, generation)?;
        if before.fold_version != FOLD_VERSION || has_note_of_damage(self.from)? {
            return Err(RewriteError::Unsaved);
        }
        // Nothing needs those that cannot be read.
        let (recorded, damages) = recorded_hashes(self.from)?;
        self.newest = before.bookmarks.iter().cloned().collect();
        let start = self.start(&base.start)?;
        let (position, longer_bytes) = self.log(base, start.position.chain)?;
        let conversations = Conversations::new(self.from, self.filter, &base.pages, before.slot_count, &recorded);
        let (pages, heads, changes) = self.pages(conversations, &base.pages, generation)?;
        // In the order of their names.
        let slot_count = before.slot_count - changes.gone;
        let lists = self.heads(&before, slot_count, heads)?;
        if start != LogStart::WHOLE {
            let value = log_start::seal(&start, &mut self.compressor).map_err(StorageError::Encoding)?;
            self.to.put_record(LOG_START, &value)?;
        }
        self.records(StoredHold::NAMES)?;
        write_recorded_hashes(self.to, &mut self.compressor, &changes.recorded(recorded))?;
        let state_hash = StateHash::from_bytes(before.state_hash).plus(changes.state_hash).to_bytes();
        let search = self.search(&before, changes)?;
        let bytes = pages.iter().map(|page| page.bytes).chain(lists.iter().map(|list| list.bytes)).sum();
        let record = CheckpointRecord {
            chain: position.chain.to_le_bytes(),
            slot_count,
            heads_checksum: checksum_of(&lists).to_le_bytes(),
            halves: halves_of(&lists),
            page_bytes: bytes,
            log_bytes: before.log_bytes.saturating_add_signed(longer_bytes),
            state_hash,
            search,
            ..before
        };
        let value = record::seal(&record, &mut self.compressor).map_err(StorageError::Encoding)?;
        self.to.put_record(&record_name(generation), &value)?;
        Ok(Copied { start, position, record, pages, damaged_values: damages.len() as u64 })
    }

    /// Copies the records whose names begin like this, as they are.
    pub(crate) fn records(&self, prefix: &str) -> Result<(), StorageError> {
        for name in self.from.record_names(prefix)? {
            let value = self.from.record(&name)?.ok_or(StorageError::Value(Damage::Missing))?;
            self.to.put_record(&name, &value)?;
        }
        Ok(())
    }

    /// The beginning of the log. If a trimmed event is replaced, the last trimmed block would have another checksum, so that no
    /// earlier backup is continued.
    fn start(&self, before: &LogStart) -> Result<LogStart, StorageError> {
        let mut start = before.clone();
        if self.filter.has_event(0..start.position.seq) {
            let mut chain = [0; 16];
            random(&mut chain)?;
            start.position.chain = Checksum::from_le_bytes(chain);
        }
        start.bookmarks.retain(|name, value| self.keeps(name, Some(value)));
        Ok(start)
    }

    /// Whether a bookmark stays in the log: it names nobody, or it is the newest one, which the host has to change. Another one is
    /// read only if the log after it is lost. Then an earlier value, or none, counts, and the source delivers again what is known.
    fn keeps(&self, name: &str, value: Option<&[u8]>) -> bool {
        let names_it = |bytes: &[u8]| self.filter.names_it(bytes);
        let is_newest = value.is_some() && self.newest.get(name).map(Vec::as_slice) == value;
        is_newest || !names_it(name.as_bytes()) && !value.is_some_and(names_it)
    }

    /// Copies the blocks of the log up to the end of the checkpoint, each chained to the one before it; the first one to this
    /// checksum. Returns the end, and by how many bytes it is longer.
    fn log(&mut self, base: &Base, chain: Checksum) -> Result<(LogPosition, i64), RewriteError> {
        let start = base.start.position;
        let (mut end, mut previous, mut longer_bytes) = (LogPosition { chain, ..start }, start.chain, 0);
        // A killed trim may have left blocks before the beginning.
        let before = BlockKey { first_seq: end.seq, block_no: end.block_no.saturating_sub(1) };
        let (mut key, after) = (block_key(before), block_key(base.position.key()));
        loop {
            let mut entries = self.from.entries_after(Tree::Log, &key, PART_BYTES)?;
            // Others may have been appended since.
            entries.retain(|(key, _)| *key < after);
            let Some((last, _)) = entries.last() else { return Ok((end, longer_bytes)) };
            key.clone_from(last);
            for (_, value) in &mut entries {
                let head = BlockHead::open(value).map_err(StorageError::Value)?;
                let before_bytes = value.len();
                // The bookmarks in a block are not compressed.
                let is_replaced = self.filter.has_event(head.first_seq..head.end_seq()) || self.filter.names_it(value);
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

    /// Replaces the events of a block, and removes bookmarks. Returns the checksum of before.
    fn block(
        &mut self,
        value: &mut Vec<u8>,
        previous: Checksum,
        end: &mut LogPosition,
    ) -> Result<Checksum, RewriteError> {
        let block = Block::open(value).map_err(StorageError::Value)?;
        block.follows(&LogPosition { chain: previous, ..*end }).map_err(StorageError::Value)?;
        let decoded = DecodedBlock::of(&block).map_err(StorageError::Value)?;
        let mut events = EventColumns::new();
        for (seq, _, event) in decoded.events() {
            let pushed = match self.filter.event(seq, event)? {
                Some(replaced) => events.push(&replaced),
                None => events.push(event),
            };
            pushed.map_err(|why| StorageError::Encoding(Damage::Event(why)))?;
        }
        let bookmarks = decoded.bookmarks.iter().map(|(name, value)| StoredBookmark { name, value: value.as_deref() });
        let bookmarks: Vec<_> = bookmarks.filter(|bookmark| self.keeps(bookmark.name, bookmark.value)).collect();
        let Self { compressor, blocks, packed, .. } = self;
        blocks.pack(&events, compressor, packed).map_err(StorageError::Encoding)?;
        let sealed = packed.seal(end, &bookmarks, decoded.committed_ms, compressor);
        *value = sealed.map_err(StorageError::Encoding)?.1;
        Ok(block.checksum)
    }

    /// Copies the pages of the checkpoint. Returns all pages of the copy, and the heads of those that were written.
    fn pages(
        &mut self,
        mut conversations: Conversations<'_>,
        before: &[PageEntry],
        generation: u64,
    ) -> Result<(Vec<PageEntry>, NewHeads, Changes), RewriteError> {
        let (mut pages, mut heads, mut entries, mut bytes) = (Vec::new(), NewHeads::new(), Vec::new(), 0);
        for page_no in 0.. {
            // A copy has no more pages than there were.
            let half = before.get(page_no as usize).map(|page| page.half).unwrap_or_default();
            let key = PageKey { page_no, half };
            let mut put = |part, value: Vec<u8>| {
                bytes += value.len();
                entries.push((part_key(key.part(part)), value));
                Ok::<_, StorageError>(())
            };
            if let Some(page) = conversations.same_page(page_no) {
                copy_page(self.from, key, &mut put)?;
                pages.push(page);
            } else if let Some((page, head)) = self.page(key, generation, &mut conversations, &mut put)? {
                pages.push(page);
                heads.insert(page_no, head);
            } else {
                break;
            }
            if bytes > PART_BYTES {
                self.to.load(Tree::Pages, &entries)?;
                (entries, bytes) = (Vec::new(), 0);
            }
        }
        self.to.load(Tree::Pages, &entries)?;
        Ok((pages, heads, conversations.changes))
    }

    /// Writes a page with the next conversations; `None` if there are none.
    fn page(
        &mut self,
        key: PageKey,
        generation: u64,
        conversations: &mut Conversations<'_>,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), StorageError>,
    ) -> Result<Option<(PageEntry, StoredHead)>, RewriteError> {
        let mut writer = PageWriter::new(key.page_no, generation, self.part_bytes, &mut self.compressor);
        let mut head = PageHead { fold_version: FOLD_VERSION, outlines: Vec::new(), hash: StateHash::default() };
        while head.outlines.len() < PAGE_SLOTS as usize {
            let Some(written) = conversations.next()? else { break };
            writer.push(&written.image, put)?;
            head.hash = head.hash.plus(written.hash);
            head.outlines.push(written.outline);
        }
        if head.outlines.is_empty() {
            return Ok(None);
        }
        let entry = writer.finish(key.half, put)?;
        let head = StoredHead::new(entry, &head).map_err(StorageError::Encoding)?;
        Ok(Some((entry, head)))
    }

    /// Copies the lists of heads, with those of pages that were written.
    fn heads(
        &mut self,
        record: &CheckpointRecord,
        slot_count: u32,
        mut new: NewHeads,
    ) -> Result<Vec<HeadList>, RewriteError> {
        let (mut lists, mut entries) = (Vec::new(), Vec::new());
        let page_count = slot_count.div_ceil(PAGE_SLOTS);
        for list_no in 0..page_count.div_ceil(LIST_PAGES) {
            let (mut heads, mut list) = read_list(self.from, record, list_no)?;
            let name = list_name(list_no, list.half);
            let pages = list_no * LIST_PAGES..page_count.min((list_no + 1).saturating_mul(LIST_PAGES));
            let is_same = heads.len() == pages.len() && new.range(pages.clone()).next().is_none();
            let value = if is_same {
                self.from.record(&name)?.ok_or(StorageError::Value(Damage::Missing))?
            } else {
                heads.truncate(pages.len());
                for (page_no, head) in pages.zip(&mut heads) {
                    if let Some(written) = new.remove(&page_no) {
                        *head = written;
                    }
                }
                let (value, checksum) =
                    page_head::seal(list_no, &heads, &mut self.compressor).map_err(StorageError::Encoding)?;
                list = HeadList { checksum, bytes: value.len() as u64, ..list };
                value
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

    /// Copies the search index. Without one, the next opening builds it: entries name slots, and slots move up if conversations
    /// are gone.
    fn search(&mut self, record: &CheckpointRecord, changes: Changes) -> Result<Option<Vec<StoredRun>>, RewriteError> {
        let runs = record.search.as_ref().filter(|_| changes.gone == 0);
        let Some(runs) = runs else { return Ok(None) };
        let Changes { searched, entries, .. } = changes;
        Ok(copy_without(runs, &searched, entries, self.from, self.to, &mut self.compressor)?)
    }
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

/// Fills a buffer with random bytes of the operating system.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), StorageError> {
    let failed =
        |error: getrandom::Error| StorageError::io("reading random bytes")(std::io::Error::other(error.to_string()));
    getrandom::fill(bytes).map_err(failed)
}
