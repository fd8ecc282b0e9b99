//! Which events are new: neither on the board, nor earlier in their group.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::Board;
use crate::effect::Admission;
use crate::event::EventRef;

/// Decides which events of one group to log; see [`Board::admissions`].
#[derive(Debug)]
pub struct Admissions<'a> {
    pub(super) board: &'a Board,
    /// The events of this group that were admitted.
    pub(super) admitted: Vec<EventRef<'a>>,
    /// Their indexes in `admitted`, hashed by [`bits`].
    pub(super) places: HashTable<u32>,
}

impl<'a> Admissions<'a> {
    /// Reserves space for `events` events at once, which is cheaper than growing step by step.
    pub fn reserve(&mut self, events: usize) {
        self.admitted.reserve(events);
        self.places.reserve(events, |place| bits_at(&self.admitted, *place));
    }

    /// Whether to log this event, or whether the board or this group knows it already.
    pub fn admit(&mut self, event: impl Into<EventRef<'a>>) -> Admission {
        let event = event.into();
        self.admit_at(self.board.slot_of(event.conversation()), event)
    }

    /// Like [`Admissions::admit`], for an event whose conversation has this [slot](Board::slot_of).
    pub fn admit_at(&mut self, slot: Option<u32>, event: EventRef<'a>) -> Admission {
        let known = slot.and_then(|slot| self.board.at(slot));
        if known.is_some_and(|conversation| conversation.admit(event) == Admission::Duplicate) {
            return Admission::Duplicate;
        }
        let Self { admitted, places, .. } = self;
        let is_it = |place: &u32| admitted.get(*place as usize).is_some_and(|other| is_same(*other, event));
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

/// Bits that differ for different events, except in rare collisions.
fn bits(event: EventRef<'_>) -> u64 {
    event.fingerprint() ^ event.content().low_bits().rotate_left(32)
}

fn bits_at(admitted: &[EventRef<'_>], place: u32) -> u64 {
    admitted.get(place as usize).map_or(0, |event| bits(*event))
}

/// Whether both are deliveries of the same event with the same content.
fn is_same(a: EventRef<'_>, b: EventRef<'_>) -> bool {
    a.content() == b.content() && a.identity() == b.identity() && a.conversation() == b.conversation()
}
