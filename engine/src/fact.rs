//! What a conversation keeps of each of its events.
//!
//! The facts of a conversation contain everything that the fold reads. The state can be derived from them at any time,
//! without the log, and events that arrive late or in conflict need no special case. Facts lose nothing: the events can
//! be rebuilt exactly (see [`crate::ConversationImage::events`]).

use std::cmp::Ordering;

use crate::effect::Seq;
use crate::event::{At, Direction, Event, EventRef, Kind};
use crate::fold::Lists;
use crate::identity::{ContentHash, Identity};
use crate::image::{ImageError, within};
use crate::parts::EventParts;
use crate::time::Time;

/// A source's two clocks agree if they are no further apart than this (rule T1).
const DAY_NS: i128 = 86_400_000_000_000;

/// One event of a conversation, as its packed [`Facts`](crate::Facts) contain it.
///
/// Repeated texts are stored once, in the conversation's list of contexts, and session values in its list of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact<'a> {
    /// Its sequence number in the log.
    pub seq: Seq,
    /// When it happened. It follows from the kind and the times, and is not stored.
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
    pub identity: FactIdentity<'a>,
    /// The lowest 32 bits of its content hash. The hash is computed again where all of it is needed.
    pub check: u32,
    /// See [`EventRef::text`].
    pub text: Option<&'a str>,
    /// Its index in the conversation's list of contexts.
    pub context: u32,
    /// Its index in the conversation's list of sessions.
    pub session: Option<u32>,
}

/// The identity of a fact, without its source, which is that of the fact's context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactIdentity<'a> {
    /// The content hash.
    Content,
    /// The bytes of a UUID that the source gave in canonical form, and the part of it.
    Uuid([u8; 16], u8),
    /// Another id that the source gave, and the part of it.
    Text(&'a str, u8),
}

impl FactIdentity<'_> {
    /// The id that the source gave.
    fn given(self) -> Option<Identity> {
        match self {
            Self::Content => None,
            Self::Uuid(bytes, part) => Some(Identity::from_uuid(bytes, part)),
            Self::Text(text, part) => Some(Identity::given(text, part)),
        }
    }

    /// The id that the source of this context gave.
    pub(crate) fn in_context(self, context: u32, lists: Lists<'_>) -> Option<Identity> {
        Some(self.given()?.of_source(lists.source(context)))
    }
}

impl<'a> Fact<'a> {
    pub(crate) fn new(seq: Seq, event: EventRef<'a>, context: u32, session: Option<u32>) -> Self {
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
            identity: event.identity().in_fact(),
            check: event.content().check(),
            text: event.text(),
            context,
            session,
        }
    }

    /// The identity with its source.
    pub(crate) fn identity(&self, lists: Lists<'_>) -> Identity {
        let of_content = || Identity::of_content(self.content(lists)).of_source(lists.source(self.context));
        self.identity.in_context(self.context, lists).unwrap_or_else(of_content)
    }

    /// See [`Identity::fingerprint`].
    pub(crate) fn fingerprint(&self, lists: Lists<'_>) -> u64 {
        match self.identity {
            FactIdentity::Content => self.content(lists).fingerprint(),
            identity => identity.fingerprint(),
        }
    }

    /// The lower 32 bits of [`Fact::fingerprint`], which do not need the content hash.
    pub(crate) fn short_fingerprint(&self) -> u32 {
        match self.identity {
            FactIdentity::Content => self.check,
            identity => short(identity.fingerprint()),
        }
    }

    /// The content hash; only its lowest 32 bits if the fact is not what it was when the event arrived.
    pub(crate) fn content(&self, lists: Lists<'_>) -> ContentHash {
        let content = self.event("-", lists).map(|event| event.content()).ok();
        let known = content.filter(|content| content.check() == self.check);
        known.unwrap_or_else(|| ContentHash::from_bits(self.check.into()))
    }

    /// The event of this fact in the conversation with this id. Its content is not compared with the hash.
    pub(crate) fn event(&self, conversation: &str, lists: Lists<'_>) -> Result<Event, ImageError> {
        let seq = self.seq;
        let session = self.session.map(|session| within(seq, "session", session, lists.sessions)).transpose()?;
        let context = within(seq, "context", self.context, lists.contexts)?;
        let parts = EventParts {
            identity: self.identity.given(),
            kind: self.kind,
            direction: self.direction,
            occurred: self.occurred,
            sent: self.sent,
            started: self.started,
            active: self.active,
            unread: self.unread,
            text: self.text,
        };
        parts.build(conversation, context, session.cloned()).map_err(|why| ImageError::NoEvent { seq, why })
    }

    /// The order of rule T2 of this fact and another one.
    pub(crate) fn compare(&self, other: &Self, lists: Lists<'_>) -> Ordering {
        let key = |fact: &Self| (fact.at, fact.kind.rank());
        key(self).cmp(&key(other)).then_with(|| self.identity(lists).cmp(&other.identity(lists)))
    }

    /// Whether it has a time of its own (rule T3).
    pub(crate) fn is_timed(&self) -> bool {
        matches!(self.at, At::Timed(_))
    }

    /// `occurred` and the event's own epoch field, if the latter is more than a day later, so that one of the two clocks
    /// is wrong (rule T1).
    pub(crate) fn clocks_apart(&self) -> Option<(Time, Time)> {
        let own = At::own_time(self.kind, self.sent, self.started, self.active)?;
        let occurred = self.occurred.filter(|occurred| own > *occurred && own.ns_since(*occurred) > DAY_NS)?;
        self.is_timed().then_some((occurred, own))
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

/// The lower half of a fingerprint.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
pub(crate) fn short(fingerprint: u64) -> u32 {
    fingerprint as u32
}

/// Where an event belongs in the order of rule T2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) at: At,
    pub(crate) rank: u8,
    pub(crate) identity: &'a Identity,
}

impl<'a> Place<'a> {
    pub(crate) fn of(event: EventRef<'a>) -> Self {
        Self { at: event.at(), rank: event.kind().rank(), identity: event.identity() }
    }

    /// The order by rule T2 of another event, with this time and rank, and of this one, both with a time or both without. The
    /// identity is only asked for if the rest is equal.
    pub(crate) fn order(&self, (at, rank): (At, u8), identity: impl FnOnce() -> Option<Identity>) -> Ordering {
        #[cfg(test)]
        COMPARISONS.set(COMPARISONS.get() + 1);
        at.cmp(&self.at).then(rank.cmp(&self.rank)).then_with(|| identity().as_ref().cmp(&Some(self.identity)))
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
