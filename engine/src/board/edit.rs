//! Events being applied to the board.

use super::Board;
use crate::conversation::Conversation;
use crate::effect::{Effect, Seq};
use crate::event::EventRef;
use crate::index::{Slot, Update};
use crate::resident::Resident;

/// Events being applied; see [`Board::edit`].
#[derive(Debug)]
pub struct BoardEdit<'a> {
    pub(super) board: &'a mut Board,
    /// The conversations that this edit touched.
    pub(super) touched: Vec<Slot>,
}

impl BoardEdit<'_> {
    /// Applies an event. This is the only way in, for live events, replay and recovery alike. It cannot fail.
    ///
    /// `seq` is the sequence number of the event in the log.
    ///
    /// # Panics
    /// If the event's conversation is evicted: [`Board::evicted_slot_of`] names the conversation to reload first.
    pub fn apply<'e>(&mut self, seq: Seq, event: impl Into<EventRef<'e>>) -> Effect {
        self.apply_at(&mut None, &mut None, seq, event.into())
    }

    /// Like [`BoardEdit::apply`], for an event whose conversation has this slot, and whose context has this index in the
    /// conversation. Finds them if they are `None`, and sets them for other events of the same conversation with the same
    /// context.
    ///
    /// # Panics
    /// As for [`BoardEdit::apply`].
    pub fn apply_at(
        &mut self,
        slot: &mut Option<u32>,
        context: &mut Option<u32>,
        seq: Seq,
        event: EventRef<'_>,
    ) -> Effect {
        self.touch(slot, seq, event).conversation.apply(seq, event, context)
    }

    /// The conversation of an event, which is about to change.
    #[expect(clippy::panic, reason = "an event that is logged and not applied would be lost without a trace")]
    fn touch(&mut self, slot: &mut Option<u32>, seq: Seq, event: EventRef<'_>) -> &mut Resident {
        let slot = *slot.get_or_insert_with(|| self.slot_of(seq, event));
        let Some(resident) = self.board.residents.get_mut(&slot) else {
            panic!("the conversation at slot {slot} is evicted: reload it before applying its events");
        };
        if resident.touched != self.board.edits {
            resident.touched = self.board.edits;
            self.touched.push(slot);
        }
        resident
    }

    /// Counts another delivery of an event that [`Admissions::admit`](super::Admissions::admit) found to be known. Its conversation must be
    /// resident.
    pub fn repeat<'e>(&mut self, event: impl Into<EventRef<'e>>) {
        self.repeat_at(&mut None, event.into());
    }

    /// Like [`BoardEdit::repeat`], for an event whose conversation has this slot. Finds the slot if it is `None`.
    pub fn repeat_at(&mut self, slot: &mut Option<u32>, event: EventRef<'_>) {
        *slot = slot.or_else(|| self.board.resident_slot(event.conversation()));
        let Some(slot) = *slot else { return };
        if let Some(resident) = self.board.residents.get_mut(&slot) {
            resident.conversation.arrivals.duplicates += 1;
            self.board.unsaved.insert(slot);
        }
    }

    fn slot_of(&mut self, seq: Seq, event: EventRef<'_>) -> Slot {
        let (board, id) = (&mut *self.board, event.conversation());
        let known = board.resident_slot(id).or_else(|| board.evicted_slot(id, None));
        known.unwrap_or_else(|| board.add(Conversation::new(id.into()), seq))
    }

    /// Ends the edit. Returns the updates for an [`Index`](crate::Index), to be applied in this order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Update> {
        self.settle().collect()
    }

    /// Like [`BoardEdit::finish`], but takes at most about `max_steps` steps of the fold, one for each event that is
    /// folded. The states of the other conversations are derived by [`Board::derive_unsettled`] and
    /// [`Board::set_derived`] before the next question about many conversations.
    #[must_use]
    pub fn finish_within(mut self, max_steps: usize) -> Vec<Update> {
        let mut left = max_steps;
        let mut updates = Vec::with_capacity(self.touched.len());
        for slot in std::mem::take(&mut self.touched) {
            let steps = self.board.at(slot).map_or(0, Conversation::steps_to_settle);
            if steps > left {
                self.board.leave_unsettled(slot);
                continue;
            }
            left -= steps;
            self.board.note_change(slot);
            updates.extend(self.board.settle(slot));
        }
        updates
    }

    /// Ends the edit and leaves the states of its conversations to [`Board::settle_within`]. This is cheaper than to derive
    /// them after each of several edits that touch the same conversations.
    pub fn leave(mut self) {
        for slot in std::mem::take(&mut self.touched) {
            self.board.leave_unsettled(slot);
        }
    }

    fn settle(&mut self) -> impl Iterator<Item = Update> {
        std::mem::take(&mut self.touched).into_iter().filter_map(|slot| {
            self.board.note_change(slot);
            self.board.settle(slot)
        })
    }
}

impl Drop for BoardEdit<'_> {
    fn drop(&mut self) {
        self.settle().for_each(drop);
    }
}
