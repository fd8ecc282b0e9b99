//! The board: all conversations, and answers about them.
//!
//! Most conversations are closed and *evicted*: the board keeps only their slot and totals. The others are resident,
//! with all their facts. The board does not store the images of evicted conversations; it names the ones that must be
//! reloaded.

mod admissions;
mod changes;
mod edit;
mod eviction;
mod moments;

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};

use crate::conflict::Conflict;
use crate::conversation::Conversation;
use crate::course::Course;
use crate::effect::{Admission, Seq};
use crate::event::EventRef;
use crate::extent::Extents;
use crate::folds::Folds;
use crate::hash::StateHash;
use crate::history::{self, Arrivals, HistoryEntry};
use crate::id_map::{IdMap, fingerprint};
use crate::image::{ConversationImage, ImageError};
use crate::index::{Index, Slot, UnsortedIndex, Update};
use crate::interner::Interner;
use crate::moment::Moment;
use crate::outline::Outline;
use crate::query::ConversationRow;
use crate::resident::{self, Resident};
use crate::search::SearchKeys;
use crate::state::State;
use eviction::ResidentBytes;

pub use admissions::Admissions;
pub use edit::BoardEdit;
pub use eviction::Evicted;

/// The version of the fold rules. Raise it with every change of the export. A checkpoint of another version is ignored
/// and the log is folded again. `tests/fold-version` contains the export of the current version.
pub const FOLD_VERSION: u32 = 2;

/// All conversations and their states. An [`Index`] beside the board answers queries about many of them.
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
    extents: Extents,
    /// The resident conversations.
    residents: HashMap<Slot, Box<Resident>>,
    interner: Interner,
    hash: StateHash,
    unhashed: Vec<Slot>,
    unsaved: BTreeSet<Slot>,
    /// The slots that changed since [`Board::take_changes`], if it was called.
    changes: Option<Vec<Slot>>,
    /// The conversations with events from which their state was not derived yet ([`Resident::is_unsettled`]), and some that
    /// were settled or evicted since.
    unsettled: Vec<Slot>,
    resident_bytes: ResidentBytes,
    /// The number of edits so far. Conversations that no recent edit touched are evicted first.
    edits: u64,
}

/// Where a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In memory.
    Resident,
    /// Evicted, if the conversation at this slot is the right one: see [`Board::find_after`].
    Evicted(u32),
    /// There is no such conversation.
    Unknown,
}

/// The state of one conversation, ready to be set; see [`Board::derive_unsettled`].
#[derive(Debug)]
pub struct DerivedConversation {
    slot: Slot,
    folds: Box<Folds>,
    /// The number of edits when it was derived.
    edits: u64,
}

impl Board {
    /// A board without conversations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A board of evicted conversations in slot order, with their state hash, and its index.
    #[must_use]
    pub fn of_outlines(outlines: impl IntoIterator<Item = Outline>, hash: StateHash) -> (Self, UnsortedIndex) {
        let mut board = Self { hash, ..Self::default() };
        let Self { id_map, extents, interner, .. } = &mut board;
        let index = UnsortedIndex::of(outlines.into_iter().map(|outline| {
            let rounded = outline.rounded();
            let Outline { fingerprint, mut seen, extent } = outline;
            interner.share_all(&mut seen);
            let slot = id_map.add(fingerprint);
            extents.add(extent.first_seq);
            extents.set(slot, rounded);
            (slot, seen)
        }));
        (board, index)
    }

    /// An index of the resident conversations.
    #[must_use]
    pub fn index(&self) -> Index {
        self.unsorted_index().sort()
    }

    /// Like [`Board::index`], to be changed before it is sorted.
    #[must_use]
    pub fn unsorted_index(&self) -> UnsortedIndex {
        UnsortedIndex::of(self.residents.iter().filter_map(|(slot, resident)| Some((*slot, resident.seen.clone()?))))
    }

    /// The number of conversations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.id_map.len()
    }

    /// Whether the board has no conversations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of resident conversations.
    #[must_use]
    pub fn resident_len(&self) -> usize {
        self.residents.len()
    }

    /// The approximate size of all resident conversations, in bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.resident_bytes.open + self.resident_bytes.closed
    }

    /// The part of [`Board::resident_bytes`] that closed conversations take.
    #[must_use]
    pub fn closed_bytes(&self) -> u64 {
        self.resident_bytes.closed
    }

    /// The approximate size of the largest conversation that was ever resident, in bytes.
    #[must_use]
    pub fn largest_bytes(&self) -> u64 {
        self.resident_bytes.largest
    }

    /// Decides which events to log, before they are applied. Events that are offered to the same [`Admissions`] are
    /// also compared with each other.
    #[must_use]
    pub fn admissions(&self) -> Admissions<'_> {
        Admissions { board: self, admitted: Vec::new(), places: HashTable::new() }
    }

    /// Begins to apply events. Once the edit is finished or dropped, every answer of the board reflects them.
    /// [`BoardEdit::finish`] returns the updates for an [`Index`].
    pub fn edit(&mut self) -> BoardEdit<'_> {
        self.edits += 1;
        BoardEdit { board: self, touched: Vec::new() }
    }

    /// The slot of a resident conversation.
    fn resident_slot(&self, id: &str) -> Option<Slot> {
        self.id_map.find(fingerprint(id), |slot| self.at(slot).is_some_and(|conversation| *conversation.id == *id))
    }

    /// The first slot after `after` at which an evicted conversation may have this id.
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

    /// The slot of a conversation; `None` if it is evicted or unknown.
    #[must_use]
    pub fn slot_of(&self, id: &str) -> Option<u32> {
        self.resident_slot(id)
    }

    /// Where a conversation is. The board knows only 64 bits of the id of an evicted conversation, so the conversation
    /// at the returned slot can be another one. In that case, continue with [`Board::find_after`].
    #[must_use]
    pub fn find(&self, id: &str) -> Location {
        self.find_after(id, None)
    }

    /// Where a conversation is, if neither `slot` nor any slot before it has it.
    #[must_use]
    pub fn find_after(&self, id: &str, after: Option<u32>) -> Location {
        match self.resident_slot(id) {
            Some(_) => Location::Resident,
            None => self.evicted_slot(id, after).map_or(Location::Unknown, Location::Evicted),
        }
    }

    /// The state of one conversation (rule Q1); `None` if it is evicted or unknown.
    #[must_use]
    pub fn state(&self, id: &str) -> Option<State> {
        self.conversation(id).map(State::of)
    }

    /// The conversation at a slot as lists show it; `None` if it is evicted or unknown.
    #[must_use]
    pub fn row_at(&self, slot: u32) -> Option<ConversationRow> {
        self.at(slot).map(resident::row_of)
    }

    /// The conversation at a slot as lists showed it after this event; `None` if it is evicted, or was unknown then.
    #[must_use]
    pub fn row_known_at(&self, slot: u32, seq: Seq) -> Option<ConversationRow> {
        let conversation = self.at(slot)?;
        if conversation.bounds.last_seq() <= seq {
            return Some(resident::row_of(conversation));
        }
        conversation.past(Moment::known_at(seq)).map(|past| past.row())
    }

    /// The keys of the conversation at a slot; `None` if it is open, evicted or unknown.
    #[must_use]
    pub fn search_keys(&self, slot: u32) -> Option<SearchKeys> {
        self.at(slot).and_then(resident::search_keys_of)
    }

    /// One conversation as lists show it, open or closed; `None` if it is evicted or unknown.
    #[must_use]
    pub fn row(&self, id: &str) -> Option<ConversationRow> {
        self.conversation(id).map(resident::row_of)
    }

    /// Every event of one conversation in the order of T2, conflicts included (rule Q1); `None` if it is evicted or
    /// unknown.
    #[must_use]
    pub fn history(&self, id: &str) -> Option<Vec<HistoryEntry>> {
        self.conversation(id).map(history::of)
    }

    /// One conversation as lists showed it after each of its events with a later time than `since_ms`, and as of that time;
    /// `None` if it is evicted or unknown. See [`Step`](crate::Step) for what it knows.
    #[must_use]
    pub fn course(&self, id: &str, since_ms: i64) -> Option<Course> {
        self.conversation(id).map(|conversation| Course::of(conversation, since_ms))
    }

    /// The conflicts of one conversation (rule I2); `None` if it is evicted or unknown.
    #[must_use]
    pub fn conflicts(&self, id: &str) -> Option<Vec<Conflict>> {
        let conversation = self.conversation(id)?;
        if conversation.conflicts.is_empty() {
            return Some(Vec::new());
        }
        // The facts of a conversation in memory always make events.
        Some(ConversationImage::of(conversation).conflicts().unwrap_or_default())
    }

    /// How the events of one conversation arrived (rule F12); `None` if it is evicted or unknown.
    #[must_use]
    pub fn arrivals(&self, id: &str) -> Option<Arrivals> {
        self.conversation(id).map(history::arrivals)
    }

    /// The ids of the resident conversations in export order: by their bytes.
    #[must_use]
    pub fn ids(&self) -> Vec<Arc<str>> {
        let mut ids: Vec<_> = self.residents.values().map(|resident| resident.conversation.id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// The state hash (rule H1). Hashes only conversations that changed since the last call.
    pub fn state_hash(&mut self) -> StateHash {
        for slot in std::mem::take(&mut self.unhashed) {
            self.hash_one(slot);
        }
        self.hash
    }

    /// The contributions of these conversations to the state hash; evicted ones are skipped. Pass them to
    /// [`Board::note_hashes`] before any other change of the board, so that the hashing itself needs no exclusive
    /// access.
    #[must_use]
    pub fn hashes(&self, slots: impl IntoIterator<Item = u32>) -> Vec<(u32, StateHash)> {
        let here = slots.into_iter().filter_map(|slot| Some((slot, self.residents.get(&slot)?)));
        here.map(|(slot, resident)| (slot, resident.hash())).collect()
    }

    /// Records the result of [`Board::hashes`].
    pub fn note_hashes(&mut self, hashes: &[(u32, StateHash)]) {
        for (slot, now) in hashes {
            let Some(resident) = self.residents.get_mut(slot) else { continue };
            self.resident_bytes.remove(resident);
            let before = resident.note_hash(*now);
            self.resident_bytes.add(resident);
            self.hash = self.hash.minus(before).plus(*now);
        }
    }

    fn hash_one(&mut self, slot: Slot) {
        if let Some(resident) = self.residents.get(&slot).filter(|resident| !resident.is_hashed) {
            self.note_hashes(&[(slot, resident.hash())]);
        }
    }

    /// The number of slots. Conversations take slots 0, 1, 2, ... in order of arrival and keep them.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        self.id_map.slot_count()
    }

    /// The id of the conversation at a slot; `None` if it is evicted or unknown.
    #[must_use]
    pub fn id(&self, slot: u32) -> Option<&Arc<str>> {
        self.at(slot).map(|conversation| &conversation.id)
    }

    /// The approximate size in bytes of these conversations, except for the evicted ones.
    #[must_use]
    pub fn bytes_of(&self, slots: impl IntoIterator<Item = u32>) -> u64 {
        slots.into_iter().filter_map(|slot| self.residents.get(&slot)).map(|resident| resident.bytes).sum()
    }

    /// The image of the conversation at a slot; `None` if it is evicted or unknown.
    #[must_use]
    pub fn image(&self, slot: u32) -> Option<ConversationImage> {
        self.at(slot).map(ConversationImage::of)
    }

    /// The image of a conversation; `None` if it is evicted or unknown.
    #[must_use]
    pub fn image_of(&self, id: &str) -> Option<ConversationImage> {
        self.conversation(id).map(ConversationImage::of)
    }

    /// The outline to keep of the conversation at a slot when it is evicted; `None` if it is evicted already or
    /// unknown.
    #[must_use]
    pub fn outline(&self, slot: u32) -> Option<Outline> {
        let resident = self.residents.get(&slot)?;
        let (seen, extent) = (resident.seen.clone()?, resident.extent());
        Some(Outline { fingerprint: self.id_map.fingerprint(slot)?, seen, extent })
    }

    /// Whether the slot belongs to an evicted conversation.
    #[must_use]
    pub fn is_evicted(&self, slot: u32) -> bool {
        slot < self.slot_count() && !self.residents.contains_key(&slot)
    }

    /// Adds a conversation at its slot: the next new slot (recovery), or its own (after an eviction).
    ///
    /// # Errors
    /// [`ImageError`] if the image is invalid, or the slot is not that of the conversation.
    pub fn load(&mut self, slot: u32, image: ConversationImage) -> Result<(), ImageError> {
        if slot == self.slot_count() && self.resident_slot(&image.id).is_none() {
            let conversation = image.into_conversation()?;
            let first_seq = conversation.bounds.first_seq();
            self.add(conversation, first_seq);
            let _ = self.settle(slot);
            return Ok(());
        }
        self.reload(slot, image.prepare()?).map(drop)
    }

    /// Adds a conversation whose first event to arrive has this sequence number.
    fn add(&mut self, conversation: Conversation, first_seq: Seq) -> Slot {
        let slot = self.id_map.add(fingerprint(&conversation.id));
        self.extents.add(first_seq);
        self.residents.insert(slot, Box::new(Resident::new(conversation)));
        self.unhashed.push(slot);
        slot
    }

    /// Derives everything that depends on the facts of a conversation.
    fn settle(&mut self, slot: Slot) -> Option<Update> {
        self.update(slot, |resident, interner| resident.settle(interner, slot))
    }

    /// Whether the conversation at a slot knows this event with this content, whether it counts or not; `false` if it is evicted.
    #[must_use]
    pub fn knows(&self, slot: u32, event: EventRef<'_>) -> bool {
        self.at(slot).is_some_and(|conversation| conversation.admit(event) == Admission::Duplicate)
    }

    /// Whether an event with the identity of this one lost to another one in the conversation at a slot (rule I2).
    #[must_use]
    pub fn has_lost(&self, slot: u32, event: EventRef<'_>) -> bool {
        self.at(slot).is_some_and(|conversation| conversation.conflicts.have_identity(event, conversation.lists()))
    }

    /// The tenant of the conversation at a slot, and the seq of its first event; `None` if it is evicted or unknown.
    #[must_use]
    pub fn tenant_and_first_seq(&self, slot: u32) -> Option<(Option<&str>, Seq)> {
        let resident = self.residents.get(&slot)?;
        let tenant = resident.seen.as_ref().and_then(|seen| seen.tenant.as_deref());
        Some((tenant, resident.conversation.bounds.first_seq()))
    }

    /// The state of a conversation that [`BoardEdit::finish_within`] left for later; `None` if there is none. Pass it
    /// to [`Board::set_derived`]. So most of the work needs no exclusive access.
    #[must_use]
    pub fn derive_unsettled(&self) -> Option<DerivedConversation> {
        let slot = *self.unsettled.iter().rev().find(|slot| self.is_unsettled(**slot))?;
        let resident = self.residents.get(&slot)?;
        Some(DerivedConversation { slot, folds: resident.conversation.settled(), edits: self.edits })
    }

    /// Sets the state from [`Board::derive_unsettled`]. Returns the update for an [`Index`]; `None` if the conversation
    /// was evicted. Afterwards `derived` contains the memory of the earlier state: freeing it takes a while, and the
    /// caller can do that without a lock.
    pub fn set_derived(&mut self, derived: &mut DerivedConversation) -> Option<Update> {
        let DerivedConversation { slot, folds, edits } = derived;
        if *edits != self.edits {
            return self.settle(*slot);
        }
        let update = self.update(*slot, |resident, interner| resident.settle_to(folds, interner, *slot));
        while self.unsettled.last().is_some_and(|slot| !self.is_unsettled(*slot)) {
            self.unsettled.pop();
        }
        update
    }

    /// Derives the states of at most about `max_conversations` conversations that [`BoardEdit::leave`] left for later, with
    /// at most about `max_steps` steps of the fold. Returns the updates for an [`Index`]: none if the states of all
    /// conversations are derived, except those that need more steps. [`Board::derive_unsettled`] is for these.
    #[must_use]
    pub fn settle_within(&mut self, max_conversations: usize, max_steps: usize) -> Vec<Update> {
        let (mut left, mut updates, mut long) = (max_steps, Vec::new(), Vec::new());
        while updates.len() < max_conversations
            && let Some(slot) = self.unsettled.pop()
        {
            if !self.is_unsettled(slot) {
                continue;
            }
            let steps = self.at(slot).map_or(0, Conversation::steps_to_settle);
            if steps > max_steps {
                long.push(slot);
                continue;
            }
            updates.extend(self.settle(slot));
            left = left.saturating_sub(steps);
            if left == 0 {
                break;
            }
        }
        self.unsettled.extend(long);
        updates
    }

    fn is_unsettled(&self, slot: Slot) -> bool {
        self.residents.get(&slot).is_some_and(|resident| resident.is_unsettled)
    }

    fn leave_unsettled(&mut self, slot: Slot) {
        let Some(resident) = self.residents.get_mut(&slot) else { return };
        if std::mem::take(&mut resident.is_hashed) {
            self.unhashed.push(slot);
        }
        if std::mem::replace(&mut resident.is_unsettled, true) {
            // It is unsaved: see `take_unsaved`.
            self.note_change_again(slot);
        } else {
            self.unsettled.push(slot);
            self.note_change(slot);
        }
    }

    fn update(&mut self, slot: Slot, settle: impl FnOnce(&mut Resident, &mut Interner) -> Update) -> Option<Update> {
        let resident = self.residents.get_mut(&slot)?;
        resident.is_unsettled = false;
        if std::mem::take(&mut resident.is_hashed) {
            self.unhashed.push(slot);
        }
        self.resident_bytes.remove(resident);
        let update = settle(resident, &mut self.interner);
        resident.touched = self.edits;
        self.resident_bytes.add(resident);
        Some(update)
    }
}

#[cfg(test)]
mod long;
#[cfg(test)]
mod tests;
