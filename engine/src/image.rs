//! A conversation's memory as plain data: what a checkpoint writes and an archive holds.
//!
//! This is the seam through which a conversation leaves the board and comes back. It holds facts only, nothing that the
//! fold derives, so it stays good when the fold changes.

use std::sync::Arc;

use crate::context::Context;
use crate::conversation::{ArrivalCounts, Conversation};
use crate::draft::DraftError;
use crate::fact::Fact;
use crate::identity::ContentHash;
use crate::resident::ReloadedConversation;
use crate::session::Session;

/// The memory of one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationImage {
    /// The conversation's id.
    pub id: Arc<str>,
    /// The events that count, in the order of T2 with those without a time last.
    pub facts: Vec<Fact>,
    /// The events that lost to another of the same identity, in order of arrival.
    pub conflicts: Vec<Fact>,
    /// What [`Fact::context`] refers to.
    pub contexts: Vec<Context>,
    /// What [`Fact::session`] refers to.
    pub sessions: Vec<Session>,
    /// How the events arrived.
    pub arrivals: ArrivalCounts,
}

/// Why an image is no conversation's memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// There is no event in it.
    #[error("a conversation has at least one event, found none")]
    Empty,
    /// A fact refers to a context or a session that is not there.
    #[error("the event with seq {seq} refers to {list} {found}, but there are {expected}")]
    Dangling {
        /// The event's place in the log.
        seq: u64,
        /// Which list.
        list: &'static str,
        /// The number it refers to.
        found: u32,
        /// How many there are.
        expected: usize,
    },
    /// A fact is no event.
    #[error("what is remembered of the event with seq {seq} is no event")]
    NoEvent {
        /// The event's place in the log.
        seq: u64,
        /// What is wrong with it.
        #[source]
        why: DraftError,
    },
    /// A fact is another event than the one whose content hash it holds.
    #[error("the event with seq {seq} should have the content {expected}, but what is remembered has {found}")]
    Content {
        /// The event's place in the log.
        seq: u64,
        /// The hash that was kept when the event came.
        expected: ContentHash,
        /// The hash of what is remembered.
        found: ContentHash,
    },
    /// The texts of a context are longer than 4 GiB together.
    #[error("the texts of a context are longer than 4 GiB together")]
    TooLong,
    /// Another conversation has this place on the board already, or this conversation another place.
    #[error("conversation {id:?} cannot take slot {slot}: it is taken, or the conversation has another")]
    SlotTaken {
        /// The conversation's id.
        id: Arc<str>,
        /// The place.
        slot: u32,
    },
}

impl ConversationImage {
    pub(crate) fn of(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.clone(),
            facts: conversation.timed.facts().iter().chain(&conversation.untimed).cloned().collect(),
            conflicts: conversation.conflicts.clone(),
            contexts: conversation.contexts.clone(),
            sessions: conversation.sessions.clone(),
            arrivals: conversation.arrivals,
        }
    }

    /// Makes it ready for [`Board::reload`](crate::Board::reload), which is most of the work and needs no board.
    ///
    /// # Errors
    /// [`ImageError`] where the image is no conversation's memory.
    pub fn prepare(self) -> Result<ReloadedConversation, ImageError> {
        self.into_conversation().map(ReloadedConversation::new)
    }

    pub(crate) fn into_conversation(self) -> Result<Conversation, ImageError> {
        if self.facts.is_empty() {
            return Err(ImageError::Empty);
        }
        for fact in self.facts.iter().chain(&self.conflicts) {
            within(fact.seq, "context", fact.context, &self.contexts)?;
            fact.session.map(|session| within(fact.seq, "session", session, &self.sessions)).transpose()?;
        }
        let Self { id, facts, conflicts, contexts, sessions, arrivals } = self;
        Ok(Conversation::from_memory(id, facts, conflicts, contexts, sessions, arrivals))
    }
}

/// What a fact refers to by its number in a list.
pub(crate) fn within<'a, T>(seq: u64, list: &'static str, number: u32, all: &'a [T]) -> Result<&'a T, ImageError> {
    let dangling = || ImageError::Dangling { seq, list, found: number, expected: all.len() };
    all.get(number as usize).ok_or_else(dangling)
}
