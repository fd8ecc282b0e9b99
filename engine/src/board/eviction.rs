//! Conversations that leave memory and return.

use super::{Board, Location};
use crate::id_map::fingerprint;
use crate::image::ImageError;
use crate::index::{Slot, Update};
use crate::resident::{ReloadedConversation, Resident};

/// The memory of evicted conversations; see [`Board::evict`].
#[derive(Debug)]
pub struct Evicted {
    #[expect(clippy::vec_box, reason = "the boxes are dropped as they are, without being moved")]
    _residents: Vec<Box<Resident>>,
}

/// The approximate sizes of the resident conversations, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResidentBytes {
    pub(super) open: u64,
    pub(super) closed: u64,
    /// That of the largest conversation that was ever resident.
    pub(super) largest: u64,
}

impl ResidentBytes {
    fn part(&mut self, resident: &Resident) -> &mut u64 {
        if resident.is_open() { &mut self.open } else { &mut self.closed }
    }

    pub(super) fn add(&mut self, resident: &Resident) {
        *self.part(resident) += resident.bytes;
        self.largest = self.largest.max(resident.bytes);
    }

    pub(super) fn remove(&mut self, resident: &Resident) {
        *self.part(resident) -= resident.bytes;
    }
}

impl Board {
    /// The slot of a conversation, if it may be evicted. Reload the conversation before an event of it arrives: until then,
    /// [`Admissions::admit`] cannot tell a known event from a new one, and [`BoardEdit::apply`] cannot apply the event.
    ///
    /// The slot can belong to another conversation with the same 64 bits, so call this again after the reload.
    ///
    /// [`Admissions::admit`]: super::Admissions::admit
    /// [`BoardEdit::apply`]: super::BoardEdit::apply
    #[must_use]
    pub fn evicted_slot_of(&self, id: &str) -> Option<u32> {
        match self.find(id) {
            Location::Evicted(slot) => Some(slot),
            Location::Resident | Location::Unknown => None,
        }
    }

    /// The conversations to evict so that the resident ones take at most `max_bytes`, and the closed ones of them at most
    /// `max_closed_bytes`, or all that can be evicted: closed ones first, and among them the ones that were not touched for
    /// longest. Conversations with unsaved changes ([`Board::take_unsaved`]) stay resident.
    #[must_use]
    pub fn eviction_candidates(&self, max_bytes: u64, max_closed_bytes: u64) -> Vec<u32> {
        let saved = self.residents.iter().filter(|(slot, _)| !self.unsaved.contains(*slot));
        let mut candidates: Vec<_> =
            saved.map(|(slot, resident)| (resident.is_open(), resident.touched, *slot, resident.bytes)).collect();
        candidates.sort_unstable();
        let (mut left, mut closed) = (self.resident_bytes(), self.closed_bytes());
        let mut chosen = Vec::new();
        for (is_open, _, slot, bytes) in candidates {
            if left <= max_bytes && (is_open || closed <= max_closed_bytes) {
                break;
            }
            left -= bytes;
            closed -= if is_open { 0 } else { bytes };
            chosen.push(slot);
        }
        chosen
    }

    /// Evicts these conversations, except those with unsaved changes. Returns their memory, because freeing it takes a
    /// while and the caller can do that without a lock.
    pub fn evict(&mut self, slots: &[u32]) -> Evicted {
        let saved = slots.iter().filter(|slot| !self.unsaved.contains(*slot)).copied().collect::<Vec<_>>();
        Evicted { _residents: saved.into_iter().filter_map(|slot| self.remove(slot)).collect() }
    }

    fn remove(&mut self, slot: Slot) -> Option<Box<Resident>> {
        // The hash needs the export line, so compute it before the eviction.
        self.hash_one(slot);
        let resident = self.residents.remove(&slot)?;
        self.resident_bytes.remove(&resident);
        self.extents.set(slot, resident.rounded());
        Some(resident)
    }

    /// Reloads an evicted conversation at its slot. [`ConversationImage::prepare`] did the slow part. Returns the update for
    /// an [`Index`](crate::Index) if events were applied to it.
    ///
    /// # Errors
    /// [`ImageError::SlotTaken`] if the slot is not that of the conversation, or the conversation is resident already.
    ///
    /// [`ConversationImage::prepare`]: crate::image::ConversationImage::prepare
    pub fn reload(&mut self, slot: u32, conversation: ReloadedConversation) -> Result<Option<Update>, ImageError> {
        let ReloadedConversation { mut resident, before } = conversation;
        let id = &resident.conversation.id;
        if !self.is_evicted(slot) || self.id_map.fingerprint(slot) != Some(fingerprint(id)) {
            return Err(ImageError::SlotTaken { id: id.clone(), slot });
        }
        resident.touched = self.edits;
        if let Some(seen) = &mut resident.seen {
            self.interner.share_all(seen);
        }
        let update = before.zip(resident.seen.clone()).map(|(before, now)| {
            self.unhashed.push(slot);
            self.note_change(slot);
            Update::new(slot, Some(before), now)
        });
        self.resident_bytes.add(&resident);
        self.extents.reset(slot);
        self.residents.insert(slot, resident);
        Ok(update)
    }
}
