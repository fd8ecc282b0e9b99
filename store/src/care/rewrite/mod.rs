//! Rewrite: writes the storage again, with other conversations and events in place of some, or without them.
//!
//! A [`Filter`] says what they become. The copy is not used until HEAD names it.

pub(crate) mod base;
mod copy;
mod error;
pub(crate) mod live;
mod pages;

use std::ops::Range;

use convofold_engine::{ConversationImage, Event, EventRef, Seq};

pub(crate) use self::copy::{Copied, Copier, random};
pub use self::error::RewriteError;

/// What is written in place of what is stored. The same conversation and event always become the same.
pub(crate) trait Filter: Sync {
    /// Whether a conversation in these slots may become another one, or go. Pages of others are copied as they are.
    fn changes(&self, slots: Range<u32>) -> bool;

    /// What a conversation becomes.
    fn conversation(&self, slot: u32, image: &ConversationImage) -> Result<Becomes, RewriteError>;

    /// Whether one of these events becomes another one, or goes with its conversation. Blocks of others keep their body.
    fn has_event(&self, seqs: Range<Seq>) -> bool;

    /// The event in place of this one, which is still in the log; `None` if it stays.
    fn event(&self, seq: Seq, event: EventRef<'_>) -> Result<Option<Event>, RewriteError>;

    /// Whether the bytes of a bookmark must not stay. A bookmark that has another value by now is removed from the log; a block is
    /// asked about as a whole before its bookmarks are.
    fn names_it(&self, _bytes: &[u8]) -> bool {
        false
    }
}

/// What a conversation becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// It stays as it is.
    Same,
    /// Another one takes its place.
    Other(Box<ConversationImage>),
    /// It goes. All of its events must have been trimmed from the log. Later conversations move up.
    Nothing,
}
