//! What a conversation remembers of each of its events.
//!
//! Together the facts of a conversation hold everything that the fold reads, so the state can be derived again at any
//! time, without the log, and an event that arrives late or in conflict needs no special case. They lose nothing of the
//! events: these can be told again word for word (see [`crate::ConversationImage::events`]).

use std::cmp::Ordering;

use crate::effect::Seq;
use crate::event::{At, Direction, Event, Kind};
use crate::identity::{ContentHash, Identity};
use crate::time::Time;

/// One event in its conversation's memory.
///
/// The texts that repeat from event to event are held once, in the conversation's list of contexts; so are the field
/// values of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its place in the log.
    pub seq: Seq,
    /// When it happened.
    pub at: At,
    /// What it does.
    pub kind: Kind,
    /// See [`Event::direction`].
    pub direction: Option<Direction>,
    /// See [`Event::occurred`]. The fold reads [`Fact::at`], which is often the same.
    pub occurred: Option<Time>,
    /// See [`Event::sent`].
    pub sent: Option<Time>,
    /// See [`Event::started`].
    pub started: Option<Time>,
    /// See [`Event::active`].
    pub active: Option<Time>,
    /// See [`Event::unread`].
    pub unread: Option<u64>,
    /// Its identity within the conversation.
    pub identity: Identity,
    /// The hash of its content.
    pub content: ContentHash,
    /// See [`Event::text`].
    pub text: Option<Box<str>>,
    /// Its place in the conversation's list of contexts.
    pub context: u32,
    /// Its place in the conversation's list of sessions.
    pub session: Option<u32>,
}

impl Fact {
    pub(crate) fn new(seq: Seq, event: &Event, context: u32, session: Option<u32>) -> Self {
        Self {
            seq,
            at: event.at(),
            kind: event.kind(),
            direction: event.direction(),
            occurred: event.occurred(),
            sent: event.sent(),
            started: event.started(),
            active: event.active(),
            unread: event.unread(),
            identity: event.identity().clone(),
            content: event.content(),
            text: event.text().map(Into::into),
            context,
            session,
        }
    }

    /// The order of spec T2 among events that have a time, or among those that have none.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        self.order_among(other.at, other.kind, &other.identity)
    }

    /// The order of this fact and an event with this time, kind and identity.
    pub(crate) fn order_among(&self, at: At, kind: Kind, identity: &Identity) -> Ordering {
        self.at.cmp(&at).then_with(|| self.kind.rank().cmp(&kind.rank())).then_with(|| self.identity.cmp(identity))
    }

    /// The time shown for a message (spec T4). `at` is the time by T1.
    pub(crate) fn message_time(&self, at: Time) -> Time {
        self.sent.unwrap_or(at)
    }

    /// The time as of which a stated unread count holds (spec F7).
    pub(crate) fn count_as_of(&self, at: Time) -> Time {
        self.active.unwrap_or(at)
    }

    /// The time as of which a text carried by a lifecycle event counts (spec F8).
    pub(crate) fn text_as_of(&self, at: Time) -> Time {
        self.active.or(self.started).unwrap_or(at)
    }
}
