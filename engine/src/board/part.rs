//! Parts of a board, which different threads can change at the same time.

use super::BoardEdit;
use crate::effect::{Effect, Seq};
use crate::event::EventRef;
use crate::residents::Shards;

/// Some of the conversations of a board that is being edited; see [`BoardEdit::divide`].
#[derive(Debug)]
pub struct BoardPart {
    shards: Shards,
}

impl BoardPart {
    /// Applies an event of the conversation at a slot, which [`BoardEdit::place`] returned. `None` if another part has it.
    /// See [`BoardEdit::apply_at`] for `context`.
    pub fn apply_at(&mut self, slot: u32, context: &mut Option<u32>, seq: Seq, event: EventRef<'_>) -> Option<Effect> {
        self.shards.get_mut(slot).map(|resident| resident.conversation.apply(seq, event, context))
    }
}

impl BoardEdit<'_> {
    /// The slot of the conversation of an event that is about to be applied, for [`BoardPart::apply_at`]: this one, if it is
    /// given. A new conversation is added.
    ///
    /// # Panics
    /// As for [`BoardEdit::apply`].
    pub fn place(&mut self, mut slot: Option<u32>, event: EventRef<'_>) -> u32 {
        self.touch(&mut slot, event).0
    }

    /// Takes all conversations out of the board, divided into this number of parts, at most sixteen. Each event can then be
    /// applied by the part with its conversation, on any thread; events of one conversation in their order. Return every
    /// part with [`BoardEdit::rejoin`] before anything else.
    pub fn divide(&mut self, parts: usize) -> Vec<BoardPart> {
        self.board.residents.take(parts).map(|shards| BoardPart { shards }).collect()
    }

    /// Returns a part from [`BoardEdit::divide`].
    pub fn rejoin(&mut self, part: BoardPart) {
        self.board.residents.put_back(part.shards);
    }
}
