//! The archive: reads evicted conversations from the pages of the last checkpoint.
//!
//! Closed and quiet conversations are evicted once a checkpoint contains them ([`crate::Options::memory_bytes`]). The
//! writer reloads them before it admits an event of theirs. A query for one of them reads its page and does not reload
//! it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use convofold_engine::{Board, ConversationImage, ImageError, Location, Moment, PackedConversation, Past, State};
use parking_lot::RwLock;

use crate::conversations::live::Live;
use crate::conversations::page::PAGE_SLOTS;
use crate::conversations::page::{self, page_of};
use crate::damage::Damage;
use crate::format::columns::conversations::Offer;
use crate::format::key::{PageHalf, PageKey};
use crate::format::page_head::PageEntry;
use crate::in_order::in_order;
use crate::storage::{ReadStorage, StorageError};
use crate::trace::tell;

/// The location of every page. Only the writer changes it, after all pages of a checkpoint are durable.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    pages: RwLock<Vec<PageEntry>>,
    reloaded: AtomicU64,
    pages_read: AtomicU64,
    /// Whether a page was found to be damaged since the last call of [`Archive::take_damaged`].
    is_damaged: AtomicBool,
    /// Called once, before the next page is looked up, when nothing is locked.
    #[cfg(test)]
    pub(crate) before_page: crate::storage::memory::Hook,
}

impl Archive {
    pub(crate) fn new(pages: Vec<PageEntry>) -> Self {
        Self { pages: RwLock::new(pages), ..Self::default() }
    }

    /// The page with this number, if it exists.
    pub(crate) fn entry(&self, page_no: u32) -> Option<PageEntry> {
        self.pages.read().get(page_no as usize).copied().filter(|page| page.bytes > 0)
    }

    /// Makes these pages the current ones.
    pub(crate) fn set(&self, entries: &[(u32, PageEntry)]) {
        let mut pages = self.pages.write();
        for (page_no, entry) in entries {
            let place = *page_no as usize;
            if pages.len() <= place {
                pages.resize(place + 1, PageEntry::default());
            }
            if let Some(page) = pages.get_mut(place) {
                *page = *entry;
            }
        }
    }

    /// Exchanges the pages.
    pub(crate) fn swap(&self, other: &Self) {
        std::mem::swap(&mut *self.pages.write(), &mut *other.pages.write());
    }

    /// Total length of all pages, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.with_pages(|pages| pages.iter().map(|page| page.bytes).sum())
    }

    /// Number of conversations reloaded, and number of pages read.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.reloaded.load(Ordering::Relaxed), self.pages_read.load(Ordering::Relaxed))
    }

    /// Calls `look` with all pages.
    pub(crate) fn with_pages<T>(&self, look: impl FnOnce(&[PageEntry]) -> T) -> T {
        look(&self.pages.read())
    }

    /// The wanted conversations of a page, by their index in it, and the entry of the page.
    fn read(
        &self,
        storage: &dyn ReadStorage,
        page_no: u32,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Result<(PageEntry, Vec<Option<ConversationImage>>), StorageError> {
        self.read_with(storage, page_no, is_wanted, &mut |_| false)
    }

    /// Like [`Archive::read`], without the conversations that `offer` takes.
    fn read_with(
        &self,
        storage: &dyn ReadStorage,
        page_no: u32,
        is_wanted: impl Fn(u32) -> bool,
        offer: &mut Offer<'_>,
    ) -> Result<(PageEntry, Vec<Option<ConversationImage>>), StorageError> {
        let is_any_taken = Cell::new(false);
        let mut offer = |packed: &PackedConversation<'_>| {
            let takes = offer(packed);
            is_any_taken.set(is_any_taken.get() | takes);
            takes
        };
        #[cfg(test)]
        self.before_page.call();
        loop {
            let Some(entry) = self.entry(page_no) else {
                // Fails in another way if the storage was replaced by one with fewer pages.
                storage.page(PageKey { page_no, half: PageHalf::A }.part(0))?;
                return Err(StorageError::Value(Damage::Missing));
            };
            self.pages_read.fetch_add(1, Ordering::Relaxed);
            match read_page(storage, page_no, entry, &is_wanted, &mut offer) {
                // A checkpoint has replaced the page in the meantime. Nothing was taken from another one.
                Err(StorageError::Value(_)) if !is_any_taken.get() && self.entry(page_no) != Some(entry) => {}
                read => return read.map(|images| (entry, images)).inspect_err(|error| self.came_upon(page_no, error)),
            }
        }
    }

    /// A page was found to be damaged. The writer leaves a note for the next opening.
    pub(crate) fn set_damaged(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// Whether a page was found to be damaged since the last call.
    pub(crate) fn take_damaged(&self) -> bool {
        self.is_damaged.swap(false, Ordering::Relaxed)
    }

    /// Notes and logs damage. Other failures are returned to the caller.
    #[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "used only for logging"))]
    fn came_upon(&self, page_no: u32, error: &StorageError) {
        if let StorageError::Value(why) = error {
            self.set_damaged();
            tell!(error, page_no, %why, "a page of conversations is damaged");
        }
    }

    /// Reads the conversations in these slots, all of one page. The rest of the page is mostly skipped.
    pub(crate) fn each(
        &self,
        storage: &dyn ReadStorage,
        slots: &[u32],
        mut take: impl FnMut(ConversationImage) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        self.each_with(storage, slots, &mut (), |(), _| false, |(), image| take(image))
    }

    /// Like [`Archive::each`], with a state. Conversations without conflicts are offered to `packed` as they are stored; those
    /// that it takes are not passed to `take`.
    pub(crate) fn each_with<S>(
        &self,
        storage: &dyn ReadStorage,
        slots: &[u32],
        state: &mut S,
        packed: impl Fn(&mut S, &PackedConversation<'_>) -> bool,
        mut take: impl FnMut(&mut S, ConversationImage) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let is_large = |slot: &u32| self.entry(page_of(*slot)).is_some_and(|page| page.bytes > READ_WHOLE_BYTES);
        let at_once = if slots.iter().any(is_large) { 1 } else { PAGE_SLOTS as usize };
        for slots in slots.chunks(at_once) {
            let is_wanted = |place| slots.iter().any(|slot| slot % PAGE_SLOTS == place);
            let page_no = slots.first().copied().map_or(0, page_of);
            let mut found = 0;
            let mut offer = |conversation: &PackedConversation<'_>| {
                let takes = packed(state, conversation);
                found += usize::from(takes);
                takes
            };
            let (_, images) = self.read_with(storage, page_no, is_wanted, &mut offer)?;
            for image in images.into_iter().flatten() {
                found += 1;
                take(state, image)?;
            }
            if found < slots.len() {
                return Err(StorageError::Value(Damage::Missing));
            }
        }
        Ok(())
    }

    /// A single conversation. The rest of its page is mostly skipped.
    pub(crate) fn one(&self, storage: &dyn ReadStorage, slot: u32) -> Result<ConversationImage, StorageError> {
        let (_, images) = self.read(storage, page_of(slot), |place| place == slot % PAGE_SLOTS)?;
        images.into_iter().flatten().next().ok_or(StorageError::Value(Damage::Missing))
    }
}

fn read_page(
    storage: &dyn ReadStorage,
    page_no: u32,
    entry: PageEntry,
    is_wanted: impl Fn(u32) -> bool,
    offer: &mut Offer<'_>,
) -> Result<Vec<Option<ConversationImage>>, StorageError> {
    let mut images = Vec::new();
    page::read_page_with(storage, page_no, entry, is_wanted, Some(offer), |place, image| {
        images.resize(images.len().max(place as usize + 1), None);
        if let Some(place) = images.get_mut(place as usize) {
            *place = Some(image);
        }
    })?;
    Ok(images)
}

/// The conversations of a larger page are read one at a time.
const READ_WHOLE_BYTES: u64 = 8 << 20;

/// Reads conversations one after another. Conversations in the same page cost one read.
pub(crate) struct ArchiveReader<'a> {
    archive: &'a Archive,
    storage: &'a dyn ReadStorage,
    /// The pages that were read last.
    pages: BTreeMap<u32, (PageEntry, Vec<Option<ConversationImage>>)>,
}

impl<'a> ArchiveReader<'a> {
    pub(crate) fn new(archive: &'a Archive, storage: &'a dyn ReadStorage) -> Self {
        Self { archive, storage, pages: BTreeMap::new() }
    }

    /// The image of the conversation in a slot, as of the last checkpoint. Complete if the conversation is evicted.
    pub(crate) fn image(&mut self, slot: u32) -> Result<ConversationImage, StorageError> {
        if !self.has(slot) {
            self.pages.clear();
            self.read(slot)?;
        }
        let images = self.pages.get(&page_of(slot)).map(|(_, images)| images.as_slice()).unwrap_or_default();
        images.get((slot % PAGE_SLOTS) as usize).cloned().flatten().ok_or(StorageError::Value(Damage::Missing))
    }

    /// Reads the pages of the evicted conversations in these slots, so that they are in memory before the board is
    /// locked. Damage is reported when the conversation is requested.
    pub(crate) fn prepare(&mut self, live: &Live, slots: impl IntoIterator<Item = u32>) -> Result<(), StorageError> {
        self.pages.clear();
        for slot in slots {
            let is_away = live.board().is_evicted(slot);
            if is_away && !self.has(slot) {
                match self.read(slot) {
                    Err(StorageError::Value(_)) => {}
                    read => read?,
                }
            }
        }
        Ok(())
    }

    /// Whether the conversation in a slot has been read from its current page.
    fn has(&self, slot: u32) -> bool {
        let entry = self.archive.entry(page_of(slot));
        let is_read = |images: &[Option<ConversationImage>]| {
            images.get((slot % PAGE_SLOTS) as usize).is_some_and(Option::is_some)
        };
        self.pages.get(&page_of(slot)).is_some_and(|(read, images)| Some(*read) == entry && is_read(images))
    }

    fn read(&mut self, slot: u32) -> Result<(), StorageError> {
        let is_large = self.archive.entry(page_of(slot)).is_some_and(|page| page.bytes > READ_WHOLE_BYTES);
        let is_wanted = |place| !is_large || place == slot % PAGE_SLOTS;
        self.pages.insert(page_of(slot), self.archive.read(self.storage, page_of(slot), is_wanted)?);
        Ok(())
    }

    /// The image of the conversation in a slot of this board, resident or evicted. `None` if the slot does not exist.
    pub(crate) fn image_of(&mut self, board: &Board, slot: u32) -> Result<Option<ConversationImage>, StorageError> {
        if board.is_evicted(slot) { self.image(slot).map(Some) } else { Ok(board.image(slot)) }
    }

    /// The state of the conversation in a slot of this board, resident or evicted. `None` if the slot does not exist.
    pub(crate) fn state_of(&mut self, board: &Board, slot: u32) -> Result<Option<State>, StorageError> {
        if board.is_evicted(slot) {
            return state_of(self.image(slot)?).map(Some);
        }
        Ok(board.id(slot).and_then(|id| board.state(id)))
    }

    /// The id of the conversation in a slot.
    pub(crate) fn id(&mut self, live: &Live, slot: u32) -> Result<Arc<str>, StorageError> {
        let here = live.board().id(slot).cloned();
        here.map_or_else(|| Ok(self.image(slot)?.id), Ok)
    }

    /// Looks up the conversation with this id, resident or evicted.
    pub(crate) fn look<T>(
        &mut self,
        live: &Live,
        id: &str,
        look: impl Fn(&Board) -> Option<T>,
    ) -> Result<Option<T>, StorageError> {
        self.find(live, id, &look, |image| Ok(look(&alone(image)?)))
    }

    /// Calls `here` if the conversation with this id is in memory, `away` if it is evicted.
    pub(crate) fn find<T>(
        &mut self,
        live: &Live,
        id: &str,
        here: impl Fn(&Board) -> Option<T>,
        away: impl Fn(ConversationImage) -> Result<Option<T>, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let mut after = None;
        loop {
            let found = {
                let board = live.board();
                match board.find_after(id, after) {
                    Location::Resident => return Ok(here(&board)),
                    elsewhere => elsewhere,
                }
            };
            let Location::Evicted(slot) = found else { return Ok(None) };
            let image = self.archive.one(self.storage, slot)?;
            if *image.id == *id {
                return away(image);
            }
            after = Some(slot);
        }
    }
}

/// Calls `look` with the conversation of an image at a moment.
pub(crate) fn past_of<T>(
    image: ConversationImage,
    moment: Moment,
    look: impl FnOnce(&Past<'_>) -> T,
) -> Result<Option<T>, StorageError> {
    image.past(moment, look).map_err(damaged)
}

/// Derives the state of a conversation from its image.
pub(crate) fn state_of(image: ConversationImage) -> Result<State, StorageError> {
    let id = image.id.clone();
    alone(image)?.state(&id).ok_or(StorageError::Value(Damage::Missing))
}

pub(crate) fn damaged(why: ImageError) -> StorageError {
    StorageError::Value(Damage::Conversation(why))
}

/// A board with only this conversation.
pub(crate) fn alone(image: ConversationImage) -> Result<Board, StorageError> {
    let mut board = Board::new();
    board.load(0, image).map_err(damaged)?;
    Ok(board)
}

/// Number of conversations that are evicted under one lock.
const EVICTED_AT_ONCE: usize = 16;

/// Evicts conversations until the rest takes at most `max_bytes`, and the closed ones of it at most `max_closed_bytes`, or no
/// more can be evicted.
pub(crate) fn evict(live: &Live, max_bytes: u64, max_closed_bytes: u64) {
    let surplus = live.board().eviction_candidates(max_bytes, max_closed_bytes);
    for slots in surplus.chunks(EVICTED_AT_ONCE) {
        let gone = live.board_mut().evict(slots);
        drop(gone);
    }
}

/// Reloads those of these conversations that are evicted.
pub(crate) fn reload<'a>(
    archive: &Archive,
    storage: &dyn ReadStorage,
    live: &Live,
    ids: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), StorageError> {
    loop {
        let mut absent: Vec<u32> = {
            let board = live.board();
            if board.resident_len() == board.len() {
                return Ok(());
            }
            ids.clone().filter_map(|id| board.evicted_slot_of(id)).collect()
        };
        if absent.is_empty() {
            return Ok(());
        }
        absent.sort_unstable();
        absent.dedup();
        let put = |slot, conversation| live.board_mut().reload(slot, conversation).map(drop);
        // Two ids can share their 64 bits, so the first pass may have reloaded another conversation.
        restore(&absent, archive, storage, |_, image| image.prepare(), put)?;
    }
}

/// Reads the conversations in these slots, which are in ascending order. Pages are read, decoded and passed to `prepare` on
/// all processors; `put` gets the results, in the order of the slots.
pub(crate) fn restore<T: Send>(
    slots: &[u32],
    archive: &Archive,
    storage: &dyn ReadStorage,
    prepare: impl Fn(u32, ConversationImage) -> Result<T, ImageError> + Sync,
    mut put: impl FnMut(u32, T) -> Result<(), ImageError>,
) -> Result<(), StorageError> {
    let pages: Vec<_> = slots.chunk_by(|slot, next| page_of(*slot) == page_of(*next)).collect();
    let read = |number: usize| {
        let wanted = pages.get(number).copied().unwrap_or_default();
        let is_wanted = |place| wanted.iter().any(|slot| slot % PAGE_SLOTS == place);
        let (_, mut images) = archive.read(storage, wanted.first().copied().map_or(0, page_of), is_wanted)?;
        let prepare = |slot: &u32| {
            let image = images.get_mut((slot % PAGE_SLOTS) as usize).and_then(Option::take);
            let prepared = prepare(*slot, image.ok_or(StorageError::Value(Damage::Missing))?);
            prepared.map(|prepared| (*slot, prepared)).map_err(damaged)
        };
        wanted.iter().map(prepare).collect::<Result<Vec<_>, _>>()
    };
    in_order(pages.len(), read, |read| {
        for prepared in read {
            for (slot, prepared) in prepared? {
                put(slot, prepared).map_err(damaged)?;
                archive.reloaded.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    })
}
