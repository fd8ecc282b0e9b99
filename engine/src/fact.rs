//! The form in which a conversation keeps each of its events.
//!
//! The facts of a conversation contain everything that the fold reads. The state can be derived from them at any time,
//! without the log, and events that arrive late or in conflict need no special case. Facts lose nothing: the events can
//! be rebuilt exactly (see [`crate::ConversationImage::events`]).

use std::cmp::Ordering;

use crate::effect::Seq;
use crate::event::{At, Direction, EventRef, Kind};
use crate::identity::{ContentHash, Identity};
use crate::time::Time;

/// A source's two clocks agree if they are no further apart than this (rule T1).
const DAY_NS: i128 = 86_400_000_000_000;

/// One event of a conversation.
///
/// Repeated texts are stored once, in the conversation's list of contexts, and session values in its list of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its sequence number in the log.
    pub seq: Seq,
    /// When it happened.
    pub at: At,
    /// What it does.
    pub kind: Kind,
    /// See [`EventRef::direction`].
    pub direction: Option<Direction>,
    /// See [`EventRef::occurred`]. The fold reads [`Fact::at`], which is often the same.
    pub occurred: Option<Time>,
    /// See [`EventRef::sent`].
    pub sent: Option<Time>,
    /// See [`EventRef::started`].
    pub started: Option<Time>,
    /// See [`EventRef::active`].
    pub active: Option<Time>,
    /// See [`EventRef::unread`].
    pub unread: Option<u64>,
    /// Its identity within the conversation.
    pub identity: Identity,
    /// The hash of its content.
    pub content: ContentHash,
    /// See [`EventRef::text`].
    pub text: Option<Box<str>>,
    /// Its index in the conversation's list of contexts.
    pub context: u32,
    /// Its index in the conversation's list of sessions.
    pub session: Option<u32>,
}

impl Fact {
    pub(crate) fn new(seq: Seq, event: EventRef<'_>, context: u32, session: Option<u32>) -> Self {
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

    /// The order of rule T2, among events with a time or among those without.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        self.order_among(other.at, other.kind, &other.identity)
    }

    /// The order of this fact and of an event with this time, kind and identity.
    pub(crate) fn order_among(&self, at: At, kind: Kind, identity: &Identity) -> Ordering {
        #[cfg(test)]
        COMPARISONS.set(COMPARISONS.get() + 1);
        self.at.cmp(&at).then_with(|| self.kind.rank().cmp(&kind.rank())).then_with(|| self.identity.cmp(identity))
    }

    /// `occurred` and the event's own epoch field, if the latter is more than a day later, so that one of the two clocks
    /// is wrong (rule T1).
    pub(crate) fn clocks_apart(&self) -> Option<(Time, Time)> {
        let own = At::own_time(self.kind, self.sent, self.started, self.active)?;
        let occurred = self.occurred.filter(|occurred| own > *occurred && own.ns_since(*occurred) > DAY_NS)?;
        matches!(self.at, At::Timed(_)).then_some((occurred, own))
    }

    /// The displayed time of a message (rule T4). `at` is the time by rule T1.
    pub(crate) fn message_time(&self, at: Time) -> Time {
        self.sent.unwrap_or(at)
    }

    /// The "as of" time of a stated unread count (rule F7).
    pub(crate) fn count_as_of(&self, at: Time) -> Time {
        self.active.unwrap_or(at)
    }

    /// The "as of" time of a text that a lifecycle event carries (rule F8).
    pub(crate) fn text_as_of(&self, at: Time) -> Time {
        self.active.or(self.started).unwrap_or(at)
    }
}

#[cfg(test)]
thread_local! {
    /// The number of comparisons on this thread, with which tests measure work.
    static COMPARISONS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The number of comparisons of facts that `run` makes.
#[cfg(test)]
pub(crate) fn comparisons(run: impl FnOnce()) -> u64 {
    let before = COMPARISONS.get();
    run();
    COMPARISONS.get() - before
}
