//! The conversations of the copy, in the order of their slots, and what their changes add up to.

use std::collections::{BTreeSet, VecDeque};

use convofold_engine::{Board, ConversationImage, FOLD_VERSION, Outline, Seq, StateHash};

use super::{Becomes, Filter, RewriteError};
use crate::conversations::archive::alone;
use crate::conversations::page::{PAGE_SLOTS, read_page};
use crate::damage::Damage;
use crate::format::page_head::PageEntry;
use crate::format::recorded_hashes::StoredHash;
use crate::search::Entries;
use crate::storage::{ReadStorage, StorageError};

/// The conversations of a larger page are read one at a time.
const READ_WHOLE_BYTES: u64 = 8 << 20;

/// Reads the pages of a checkpoint through a filter.
pub(super) struct Conversations<'a> {
    from: &'a dyn ReadStorage,
    filter: &'a dyn Filter,
    pages: &'a [PageEntry],
    /// The slots of the checkpoint, and the next one to be read.
    slot_count: u32,
    next: u32,
    /// What was read and not taken yet.
    read: VecDeque<Written>,
    pub(super) changes: Changes,
}

/// A conversation of the copy.
pub(super) struct Written {
    pub(super) image: ConversationImage,
    pub(super) outline: Outline,
    pub(super) hash: StateHash,
}

/// What the changes of conversations add up to.
#[derive(Default)]
pub(super) struct Changes {
    /// The difference of the state hash.
    pub(super) state_hash: StateHash,
    /// The events after which hashes were recorded, and by how much each hash differs more than the one before it.
    seqs: Vec<Seq>,
    recorded: Vec<StateHash>,
    /// The first event of a changed conversation.
    first_seq: Option<Seq>,
    /// The slots with other entries in the search index, and these entries. Only valid if no conversation is gone.
    pub(super) searched: BTreeSet<u32>,
    pub(super) entries: Entries,
    /// Number of conversations that are gone.
    pub(super) gone: u32,
}

impl<'a> Conversations<'a> {
    pub(super) fn new(
        from: &'a dyn ReadStorage,
        filter: &'a dyn Filter,
        pages: &'a [PageEntry],
        slot_count: u32,
        recorded: &[StoredHash],
    ) -> Self {
        let seqs: Vec<Seq> = recorded.iter().map(|hash| hash.seq).collect();
        let changes = Changes { recorded: vec![StateHash::default(); seqs.len()], seqs, ..Changes::default() };
        Self { from, filter, pages, slot_count, next: 0, read: VecDeque::new(), changes }
    }

    /// The page with this number if the copy has the same one; it is then skipped.
    pub(super) fn same_page(&mut self, page_no: u32) -> Option<PageEntry> {
        let first = page_no.saturating_mul(PAGE_SLOTS);
        let end = self.slot_count.min(first.saturating_add(PAGE_SLOTS));
        let is_next = self.read.is_empty() && self.next == first && self.changes.gone == 0 && first < end;
        if !is_next || self.filter.changes(first..end) {
            return None;
        }
        self.next = end;
        self.pages.get(page_no as usize).copied()
    }

    /// The next conversation of the copy; `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<Written>, RewriteError> {
        while self.read.is_empty() && self.next < self.slot_count {
            self.read_some()?;
        }
        Ok(self.read.pop_front())
    }

    /// Reads the rest of a page, or one conversation of a large page.
    fn read_some(&mut self) -> Result<(), RewriteError> {
        let (page_no, first) = (self.next / PAGE_SLOTS, self.next);
        let entry = self.pages.get(page_no as usize).copied().unwrap_or_default();
        let page_end = self.slot_count.min((page_no + 1).saturating_mul(PAGE_SLOTS));
        let end = if entry.bytes > READ_WHOLE_BYTES { first + 1 } else { page_end };
        let (mut images, slot_of) = (Vec::new(), |place| page_no * PAGE_SLOTS + place);
        let is_wanted = |place| (first..end).contains(&slot_of(place));
        read_page(self.from, page_no, entry, is_wanted, |place, image| images.push((slot_of(place), image)))?;
        if images.len() as u64 != u64::from(end - first) {
            return Err(StorageError::Value(Damage::Missing).into());
        }
        for (slot, image) in images {
            self.take(slot, image)?;
        }
        self.next = end;
        Ok(())
    }

    fn take(&mut self, slot: u32, image: ConversationImage) -> Result<(), RewriteError> {
        let after = match self.filter.conversation(slot, &image)? {
            Becomes::Same => {
                self.read.push_back(Written::of(image)?.1);
                return Ok(());
            }
            Becomes::Other(after) => Some(Written::of(*after)?),
            Becomes::Nothing => None,
        };
        self.changes.add(slot, &image, after.as_ref().map(|(board, written)| (board, written)))?;
        self.read.extend(after.map(|(_, written)| written));
        Ok(())
    }
}

impl Written {
    fn of(image: ConversationImage) -> Result<(Board, Self), StorageError> {
        let mut board = alone(image.clone())?;
        let outline = board.outline(0).ok_or(StorageError::Value(Damage::Missing))?;
        let hash = board.state_hash();
        Ok((board, Self { image, outline, hash }))
    }
}

impl Changes {
    fn add(
        &mut self,
        slot: u32,
        before: &ConversationImage,
        after: Option<(&Board, &Written)>,
    ) -> Result<(), RewriteError> {
        let mut board = alone(before.clone())?;
        self.state_hash = self.state_hash.minus(board.state_hash());
        let first_seq = before.facts.iter().chain(before.conflicts.iter()).map(|fact| fact.seq).min();
        self.first_seq = self.first_seq.into_iter().chain(first_seq).min();
        self.add_recorded(before, StateHash::minus)?;
        let Some((board_after, Written { image, hash, .. })) = after else {
            self.gone += 1;
            return Ok(());
        };
        self.state_hash = self.state_hash.plus(*hash);
        self.add_recorded(image, StateHash::plus)?;
        let (keys_before, keys) = (board.search_keys(0), board_after.search_keys(0));
        if keys != keys_before {
            self.searched.insert(slot);
            keys.into_iter().for_each(|keys| self.entries.push(slot, &keys));
        }
        Ok(())
    }

    fn add_recorded(
        &mut self,
        image: &ConversationImage,
        sum: fn(StateHash, StateHash) -> StateHash,
    ) -> Result<(), RewriteError> {
        let Self { seqs, recorded, .. } = self;
        let note = |place, more| {
            if let Some(difference) = recorded.get_mut::<usize>(place) {
                *difference = sum(*difference, more);
            }
        };
        Ok(image.hashes_known_at(seqs, note)?)
    }

    /// The recorded hashes of what the conversations became. Those of another fold version cannot be computed.
    pub(super) fn recorded(&self, before: Vec<StoredHash>) -> Vec<StoredHash> {
        let first_seq = self.first_seq.unwrap_or(Seq::MAX);
        let mut difference = StateHash::default();
        let again = before.into_iter().zip(&self.recorded).filter_map(|(hash, more)| {
            difference = difference.plus(*more);
            let state_hash = StateHash::from_bytes(hash.state_hash).plus(difference).to_bytes();
            let is_computed = hash.seq < first_seq || hash.fold_version == FOLD_VERSION;
            is_computed.then_some(StoredHash { state_hash, ..hash })
        });
        again.collect()
    }
}
