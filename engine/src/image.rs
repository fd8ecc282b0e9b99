//! The facts of a conversation as plain data: what a checkpoint writes and an archive contains.
//!
//! An image is the form in which a conversation leaves the board and returns. It contains facts only and no derived
//! values, so it stays valid when the fold changes.

use std::sync::Arc;

use crate::context::Context;
use crate::conversation::{ArrivalCounts, Conversation};
use crate::draft::DraftError;
use crate::effect::Seq;
use crate::event::EventRef;
use crate::facts::Facts;
use crate::resident::ReloadedConversation;
use crate::session::Session;

/// The facts of one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationImage {
    /// The conversation's id.
    pub id: Arc<str>,
    /// The events that count, in the order of T2; events without a time are last.
    pub facts: Facts,
    /// The events that lost to another event with the same identity, in order of arrival.
    pub conflicts: Facts,
    /// The list that [`Fact::context`](crate::Fact::context) indexes.
    pub contexts: Vec<Context>,
    /// The list that [`Fact::session`](crate::Fact::session) indexes.
    pub sessions: Vec<Session>,
    /// How the events arrived.
    pub arrivals: ArrivalCounts,
}

/// Why an image is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It contains no event.
    #[error("a conversation has at least one event, found none")]
    Empty,
    /// Its events are not in the order of T2.
    #[error("the stored events are not in the order of rule T2")]
    Order,
    /// A fact refers to a context or a session that does not exist.
    #[error("the event with seq {seq} refers to {list} {found}, but there are {expected}")]
    Dangling {
        /// The event's sequence number.
        seq: u64,
        /// The list: `context` or `session`.
        list: &'static str,
        /// The index.
        found: u32,
        /// The length of the list.
        expected: usize,
    },
    /// A fact is not a valid event.
    #[error("the stored event with seq {seq} is invalid")]
    NoEvent {
        /// The event's sequence number.
        seq: u64,
        /// The reason.
        #[source]
        why: DraftError,
    },
    /// A fact does not match its content hash.
    #[error("the content hash of the stored event with seq {seq} ends with {found:08x}, expected {expected:08x}")]
    Content {
        /// The event's sequence number.
        seq: u64,
        /// The lowest 32 bits of the hash that was computed when the event arrived.
        expected: u32,
        /// The lowest 32 bits of the hash of the stored fact.
        found: u32,
    },
    /// The texts of a context are longer than 4 GiB together.
    #[error("the texts of a context are longer than 4 GiB together")]
    TooLong,
    /// Another conversation has this slot, or this conversation has another slot.
    #[error("conversation {id:?} cannot take slot {slot}: the slot is taken, or the conversation has another slot")]
    SlotTaken {
        /// The conversation's id.
        id: Arc<str>,
        /// The slot.
        slot: u32,
    },
}

impl ConversationImage {
    pub(crate) fn of(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.clone(),
            facts: conversation.facts.facts().clone(),
            conflicts: conversation.conflicts.facts(),
            contexts: conversation.contexts.clone(),
            sessions: conversation.sessions.clone(),
            arrivals: conversation.arrivals,
        }
    }

    /// Prepares the conversation for [`Board::reload`](crate::Board::reload). This is most of the work and needs no
    /// board.
    ///
    /// # Errors
    /// [`ImageError`] if the image is invalid.
    pub fn prepare(self) -> Result<ReloadedConversation, ImageError> {
        self.prepare_with([])
    }

    /// Like [`ConversationImage::prepare`], and applies events of the conversation, in log order. This is faster than to
    /// apply them after the reload, and can run on several threads.
    ///
    /// # Errors
    /// As for [`ConversationImage::prepare`].
    pub fn prepare_with<'e>(
        self,
        events: impl IntoIterator<Item = (Seq, EventRef<'e>)>,
    ) -> Result<ReloadedConversation, ImageError> {
        self.into_conversation().map(|conversation| ReloadedConversation::new(conversation, events))
    }

    pub(crate) fn into_conversation(self) -> Result<Conversation, ImageError> {
        self.check()?;
        Conversation::of(self).ok_or(ImageError::Order)
    }

    /// Checks everything except the order.
    pub(crate) fn check(&self) -> Result<(), ImageError> {
        if self.facts.is_empty() {
            return Err(ImageError::Empty);
        }
        for fact in self.facts.iter().chain(self.conflicts.iter()) {
            within(fact.seq, "context", fact.context, &self.contexts)?;
            fact.session.map(|session| within(fact.seq, "session", session, &self.sessions)).transpose()?;
        }
        Ok(())
    }
}

/// The element of a list to which a fact refers.
pub(crate) fn within<'a, T>(seq: u64, list: &'static str, number: u32, all: &'a [T]) -> Result<&'a T, ImageError> {
    let dangling = || ImageError::Dangling { seq, list, found: number, expected: all.len() };
    all.get(number as usize).ok_or_else(dangling)
}
