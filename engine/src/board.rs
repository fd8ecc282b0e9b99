//! The board: all conversations, and the answers about them.
//!
//! Most conversations are long closed and *away*: of them the board keeps a place, and counts. The others are here with all
//! that is known of them. Who keeps the memories of those that are away is not its business; it says which it needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};

use crate::conversation::Conversation;
use crate::effect::{Admission, Effect, Seq};
use crate::event::Event;
use crate::hash::StateHash;
use crate::history::{self, Arrivals, HistoryEntry};
use crate::id_map::{IdMap, fingerprint};
use crate::image::{ConversationImage, ImageError};
use crate::index::{Index, Seen, Slot, Update};
use crate::interner::Interner;
use crate::outline::Outline;
use crate::resident::{ReloadedConversation, Resident};
use crate::state::State;

/// The version of the rules of the fold, to be raised with every change of what is exported. A checkpoint of another
/// version is not used: the log is folded again. `tests/fold-version` holds what the current version exports.
pub const FOLD_VERSION: u32 = 1;

/// All conversations, and the state of each. Questions about many of them are answered by an [`Index`] that lies beside it.
///
/// ```
/// use convofold_engine::{Board, Direction, Draft, Kind, Time};
///
/// let mut board = Board::new();
/// let event = Draft::new("helpdesk", "case-7", Kind::Message, Time::from_ms(1_700_000_000_000))
///     .direction(Direction::In);
/// board.edit().apply(1, &event.build()?);
/// assert_eq!(board.state("case-7").map(|state| state.unread), Some(1));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Board {
    id_map: IdMap,
    /// The conversations that are here.
    residents: HashMap<Slot, Box<Resident>>,
    interner: Interner,
    hash: StateHash,
    unhashed: Vec<Slot>,
    unsaved: BTreeSet<Slot>,
    resident_bytes: u64,
    /// What the largest conversation took that was ever here.
    largest_bytes: u64,
    /// How many batches there were: what is here and was touched by none for long may go first.
    edits: u64,
}

/// Where a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// On the board.
    Resident,
    /// Away, if it is at this place: see [`Board::find_after`].
    Evicted(u32),
    /// There is no such conversation.
    Unknown,
}

/// Conversations that went; see [`Board::evict`].
#[derive(Debug)]
pub struct Evicted {
    #[expect(clippy::vec_box, reason = "they are let go of as they are held, without being moved")]
    _residents: Vec<Box<Resident>>,
}

impl Board {
    /// A board without conversations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A board of conversations that are all away, in the order of their places, with their state hash, and its index.
    #[must_use]
    pub fn of_outlines(outlines: impl IntoIterator<Item = Outline>, hash: StateHash) -> (Self, Index) {
        let mut board = Self { hash, ..Self::default() };
        let Self { id_map, interner, .. } = &mut board;
        let index = Index::of(outlines.into_iter().map(|Outline { fingerprint, seen }| {
            let open = seen.open.map(|row| interner.share_all(row));
            (id_map.add(fingerprint), Seen { open, ..seen })
        }));
        (board, index)
    }

    /// An index of the conversations that are here.
    #[must_use]
    pub fn index(&self) -> Index {
        Index::of(self.residents.iter().filter_map(|(slot, resident)| Some((*slot, resident.seen.clone()?))))
    }

    /// How many conversations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.id_map.len()
    }

    /// Whether there is no conversation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many conversations are here; the others are away.
    #[must_use]
    pub fn resident_len(&self) -> usize {
        self.residents.len()
    }

    /// About how many bytes the conversations take that are here.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.resident_bytes
    }

    /// About how many bytes the largest conversation took that was ever here.
    #[must_use]
    pub fn largest_bytes(&self) -> u64 {
        self.largest_bytes
    }

    /// Tells which events belong into the log, before they are applied. Events that are offered together are also held
    /// against each other.
    #[must_use]
    pub fn admissions(&self) -> Admissions<'_> {
        Admissions { board: self, admitted: Vec::new(), places: HashTable::new() }
    }

    /// Begins to apply events. When the batch is finished or dropped, every answer of the board reflects them, and
    /// [`BoardEdit::finish`] tells what an [`Index`] has to know of it.
    pub fn edit(&mut self) -> BoardEdit<'_> {
        self.edits += 1;
        BoardEdit { board: self, touched: Vec::new() }
    }

    /// The place of a conversation that is here.
    fn resident_slot(&self, id: &str) -> Option<Slot> {
        self.id_map.find(fingerprint(id), |slot| self.at(slot).is_some_and(|conversation| *conversation.id == *id))
    }

    /// The first place after another one where a conversation that is away may have this id.
    fn evicted_slot(&self, id: &str, after: Option<Slot>) -> Option<Slot> {
        let is_after = |slot| after.is_none_or(|after| slot > after);
        self.id_map.find_first(fingerprint(id), |slot| is_after(slot) && !self.residents.contains_key(&slot))
    }

    fn conversation(&self, id: &str) -> Option<&Conversation> {
        self.at(self.resident_slot(id)?)
    }

    fn at(&self, slot: Slot) -> Option<&Conversation> {
        self.residents.get(&slot).map(|resident| &resident.conversation)
    }

    /// Where a conversation is. The board knows ids that are away by 64 bits only, so what is found there may be another
    /// conversation; then [`Board::find_after`] goes on.
    #[must_use]
    pub fn find(&self, id: &str) -> Location {
        self.find_after(id, None)
    }

    /// Where a conversation is, which is not at this place and none before it.
    #[must_use]
    pub fn find_after(&self, id: &str, after: Option<u32>) -> Location {
        match self.resident_slot(id) {
            Some(_) => Location::Resident,
            None => self.evicted_slot(id, after).map_or(Location::Unknown, Location::Evicted),
        }
    }

    /// The state of one conversation (spec Q1); `None` also where it is away.
    #[must_use]
    pub fn state(&self, id: &str) -> Option<State> {
        self.conversation(id).map(State::of)
    }

    /// Every event of one conversation in the order of T2, conflicts included (spec Q1); `None` also where it is away.
    #[must_use]
    pub fn history(&self, id: &str) -> Option<Vec<HistoryEntry>> {
        self.conversation(id).map(history::of)
    }

    /// How the events of one conversation arrived (spec F12); `None` also where it is away.
    #[must_use]
    pub fn arrivals(&self, id: &str) -> Option<Arrivals> {
        self.conversation(id).map(history::arrivals)
    }

    /// The ids of the conversations that are here, in the order of the export: by their bytes.
    #[must_use]
    pub fn ids(&self) -> Vec<Arc<str>> {
        let mut ids: Vec<_> = self.residents.values().map(|resident| resident.conversation.id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// The state hash (spec H1). Only conversations changed since it was last asked for are hashed.
    pub fn state_hash(&mut self) -> StateHash {
        for slot in std::mem::take(&mut self.unhashed) {
            self.hash_one(slot);
        }
        self.hash
    }

    /// What these conversations add to the state hash, those that are here: to be noted by [`Board::note_hashes`] before
    /// anything else happens to the board, so that nobody has to wait for the hashing.
    #[must_use]
    pub fn hashes(&self, slots: impl IntoIterator<Item = u32>) -> Vec<(u32, StateHash)> {
        let here = slots.into_iter().filter_map(|slot| Some((slot, self.residents.get(&slot)?)));
        here.map(|(slot, resident)| (slot, resident.hash())).collect()
    }

    /// Takes what [`Board::hashes`] gave for true.
    pub fn note_hashes(&mut self, hashes: &[(u32, StateHash)]) {
        for (slot, now) in hashes {
            let Some(resident) = self.residents.get_mut(slot) else { continue };
            let before = resident.note_hash(*now);
            self.hash = self.hash.minus(before).plus(*now);
        }
    }

    fn hash_one(&mut self, slot: Slot) {
        if let Some(resident) = self.residents.get(&slot).filter(|resident| !resident.is_hashed) {
            self.note_hashes(&[(slot, resident.hash())]);
        }
    }

    /// How many places the board has. Conversations take places 0, 1, 2, ... as they arrive and keep them.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        self.id_map.slot_count()
    }

    /// The id of the conversation at a place; `None` where there is none or it is away.
    #[must_use]
    pub fn id(&self, slot: u32) -> Option<&Arc<str>> {
        self.at(slot).map(|conversation| &conversation.id)
    }

    /// The memory of the conversation at a place; `None` where there is none or it is away.
    #[must_use]
    pub fn image(&self, slot: u32) -> Option<ConversationImage> {
        self.at(slot).map(ConversationImage::of)
    }

    /// What the board keeps of the conversation at a place when that is away; `None` where there is none or it is away.
    #[must_use]
    pub fn outline(&self, slot: u32) -> Option<Outline> {
        let seen = self.residents.get(&slot)?.seen.clone()?;
        Some(Outline { fingerprint: self.id_map.fingerprint(slot)?, seen })
    }

    /// Whether there is a conversation at this place, and it is away.
    #[must_use]
    pub fn is_evicted(&self, slot: u32) -> bool {
        slot < self.slot_count() && !self.residents.contains_key(&slot)
    }

    /// The places of the conversations that changed since this was last asked, in order.
    pub fn take_unsaved(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.unsaved)
    }

    /// Takes back what [`Board::take_unsaved`] gave: it was not saved after all.
    pub fn put_back_unsaved(&mut self, slots: BTreeSet<u32>) {
        self.unsaved.extend(slots);
    }

    /// The place of the event's conversation if that is away. Restore the conversation first: until then,
    /// [`Admissions::admit`] cannot tell a known event from a new one, and [`BoardEdit::apply`] cannot take the event.
    ///
    /// It may turn out to be the place of another conversation, so ask again after restoring.
    #[must_use]
    pub fn evicted_slot_of(&self, event: &Event) -> Option<u32> {
        match self.find(event.conversation()) {
            Location::Evicted(slot) => Some(slot),
            Location::Resident | Location::Unknown => None,
        }
    }

    /// Which conversations have to go so that those that are here take no more than so many bytes, or all that may go: the
    /// closed ones first, and of these the ones that were touched by no event for longest. Those of which something was not
    /// saved yet ([`Board::take_unsaved`]) stay.
    #[must_use]
    pub fn eviction_candidates(&self, max_bytes: u64) -> Vec<u32> {
        let saved = self.residents.iter().filter(|(slot, _)| !self.unsaved.contains(*slot));
        let mut candidates: Vec<_> =
            saved.map(|(slot, resident)| (resident.is_open(), resident.touched, *slot, resident.bytes)).collect();
        candidates.sort_unstable();
        let mut left = self.resident_bytes;
        let mut chosen = Vec::new();
        for (_, _, slot, bytes) in candidates {
            if left <= max_bytes {
                break;
            }
            left -= bytes;
            chosen.push(slot);
        }
        chosen
    }

    /// Lets these conversations go, but for those of which something was not saved yet. What is given back is their memory:
    /// to give it free takes a while, for which nobody has to wait.
    pub fn evict(&mut self, slots: &[u32]) -> Evicted {
        let saved = slots.iter().filter(|slot| !self.unsaved.contains(*slot)).copied().collect::<Vec<_>>();
        Evicted { _residents: saved.into_iter().filter_map(|slot| self.remove(slot)).collect() }
    }

    fn remove(&mut self, slot: Slot) -> Option<Box<Resident>> {
        // Its line is needed for the hash, so it is hashed while it is here.
        self.hash_one(slot);
        let resident = self.residents.remove(&slot)?;
        self.resident_bytes -= resident.bytes;
        Some(resident)
    }

    /// Puts a conversation at its place: the next new one (recovery), or its own (after it went away).
    ///
    /// # Errors
    /// [`ImageError`] where the image is no conversation's memory, or the place is not its own.
    pub fn load(&mut self, slot: u32, image: ConversationImage) -> Result<(), ImageError> {
        if slot == self.slot_count() && self.resident_slot(&image.id).is_none() {
            self.add(image.into_conversation()?);
            let _ = self.settle(slot);
            return Ok(());
        }
        self.reload(slot, image.prepare()?)
    }

    /// Puts a conversation back at its own place after it went away. What takes time was done by
    /// [`ConversationImage::prepare`].
    ///
    /// # Errors
    /// [`ImageError::SlotTaken`] where the place is not its own, or it is there already.
    pub fn reload(&mut self, slot: u32, conversation: ReloadedConversation) -> Result<(), ImageError> {
        let id = conversation.id().clone();
        if !self.is_evicted(slot) || self.id_map.fingerprint(slot) != Some(fingerprint(&id)) {
            return Err(ImageError::SlotTaken { id, slot });
        }
        // It was counted when it went.
        let mut resident = Box::new(Resident::reloaded(conversation, &mut self.interner));
        resident.touched = self.edits;
        self.resident_bytes += resident.bytes;
        self.largest_bytes = self.largest_bytes.max(resident.bytes);
        self.residents.insert(slot, resident);
        Ok(())
    }

    fn add(&mut self, conversation: Conversation) -> Slot {
        let slot = self.id_map.add(fingerprint(&conversation.id));
        self.residents.insert(slot, Box::new(Resident::new(conversation)));
        self.unhashed.push(slot);
        slot
    }

    /// Brings everything that is derived from a conversation up to its facts.
    fn settle(&mut self, slot: Slot) -> Option<Update> {
        let resident = self.residents.get_mut(&slot)?;
        if std::mem::take(&mut resident.is_hashed) {
            self.unhashed.push(slot);
        }
        self.resident_bytes -= resident.bytes;
        let update = resident.settle(&mut self.interner, slot);
        resident.touched = self.edits;
        self.resident_bytes += resident.bytes;
        self.largest_bytes = self.largest_bytes.max(resident.bytes);
        Some(update)
    }
}

/// Decides which events of one group belong into the log; see [`Board::admissions`].
#[derive(Debug)]
pub struct Admissions<'a> {
    board: &'a Board,
    /// What of this group is admitted.
    admitted: Vec<&'a Event>,
    /// The places of those, found by [`bits`].
    places: HashTable<u32>,
}

impl<'a> Admissions<'a> {
    /// Makes room for so many events at once, which is cheaper than as they come.
    pub fn reserve(&mut self, events: usize) {
        self.admitted.reserve(events);
        self.places.reserve(events, |place| bits_at(&self.admitted, *place));
    }

    /// Whether this event is to be logged, or is known: from the board, or from this group.
    pub fn admit(&mut self, event: &'a Event) -> Admission {
        let known = self.board.conversation(event.conversation());
        if known.is_some_and(|conversation| conversation.admit(event) == Admission::Duplicate) {
            return Admission::Duplicate;
        }
        let Self { admitted, places, .. } = self;
        let is_it = |place: &u32| admitted.get(*place as usize).is_some_and(|other| is_same(other, event));
        match places.entry(bits(event), is_it, |place| bits_at(admitted, *place)) {
            Entry::Occupied(_) => Admission::Duplicate,
            Entry::Vacant(entry) => {
                entry.insert(u32::try_from(admitted.len()).unwrap_or(u32::MAX));
                admitted.push(event);
                Admission::Log
            }
        }
    }
}

/// Bits that differ for different events but for rare accidents.
fn bits(event: &Event) -> u64 {
    event.identity().fingerprint() ^ event.content().low_bits().rotate_left(32)
}

fn bits_at(admitted: &[&Event], place: u32) -> u64 {
    admitted.get(place as usize).map_or(0, |event| bits(event))
}

/// Whether two deliveries are of one event and say the same.
fn is_same(a: &Event, b: &Event) -> bool {
    a.content() == b.content() && a.identity() == b.identity() && a.conversation() == b.conversation()
}

/// Events being applied; see [`Board::edit`].
#[derive(Debug)]
pub struct BoardEdit<'a> {
    board: &'a mut Board,
    /// The conversations that carry the number of this batch.
    touched: Vec<Slot>,
}

impl BoardEdit<'_> {
    /// Takes an event: the one way in, for live events, replay and recovery alike. It cannot fail.
    ///
    /// `seq` is the event's place in the log.
    ///
    /// # Panics
    /// If the event's conversation is away: [`Board::evicted_slot_of`] interner what to restore first.
    #[expect(clippy::panic, reason = "an event that is logged and not applied would be lost without a trace")]
    pub fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        let slot = self.slot_of(event);
        let Some(resident) = self.board.residents.get_mut(&slot) else {
            panic!("the conversation at slot {slot} is away: restore it before its events are applied");
        };
        let effect = resident.conversation.apply(seq, event);
        if resident.touched != self.board.edits {
            resident.touched = self.board.edits;
            self.touched.push(slot);
        }
        effect
    }

    /// Counts a delivery of an event that [`Admissions::admit`] knew already, so that its conversation is here.
    pub fn repeat(&mut self, event: &Event) {
        let Some(slot) = self.board.resident_slot(event.conversation()) else { return };
        if let Some(resident) = self.board.residents.get_mut(&slot) {
            resident.conversation.arrivals.duplicates += 1;
            self.board.unsaved.insert(slot);
        }
    }

    fn slot_of(&mut self, event: &Event) -> Slot {
        let (board, id) = (&mut *self.board, event.conversation());
        let known = board.resident_slot(id).or_else(|| board.evicted_slot(id, None));
        known.unwrap_or_else(|| board.add(Conversation::new(id.into())))
    }

    /// Ends the batch; what an [`Index`] has to know of it, in this order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Update> {
        self.settle().collect()
    }

    fn settle(&mut self) -> impl Iterator<Item = Update> {
        std::mem::take(&mut self.touched).into_iter().filter_map(|slot| {
            self.board.unsaved.insert(slot);
            self.board.settle(slot)
        })
    }
}

impl Drop for BoardEdit<'_> {
    fn drop(&mut self) {
        self.settle().for_each(drop);
    }
}

#[cfg(test)]
mod tests;
