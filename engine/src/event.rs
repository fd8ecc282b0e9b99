//! An event as the fold sees it, whatever source it came from. [`Draft`](crate::Draft) is the way to make one.

use crate::attribute::Attribute;
use crate::identity::{ContentHash, Identity};
use crate::session::Session;
use crate::texts::{Field, Texts};
use crate::time::Time;

/// The source of Airship Live Chat's events.
pub const AIRSHIP: &str = "airship";
/// The source of SuperOffice chat's events.
pub const SUPEROFFICE: &str = "superoffice";

/// What an event does to its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Opens it, or says more about it while it is open: `convo_open`, `chatsession.created`.
    Open,
    /// Opens it and says in the same breath that it is closed: a `chatsession.created` with a closed status.
    OpenClosed,
    /// Says something about it and nothing about its status: a `chatsession.changed` without a usable one.
    Update,
    /// A change that leaves it open: a `chatsession.changed` with an open status.
    UpdateOpen,
    /// Something was said.
    Message,
    /// Closes it: `convo_close`, a `chatsession.changed` with a closed status.
    Close,
}

crate::named! { Kind is a "kind":
    Open "open",
    OpenClosed "open_closed",
    Update "update",
    UpdateOpen "update_open",
    Message "message",
    Close "close",
}

impl Kind {
    /// The number that stands for it in stored forms and in [`Event::content`]. It never changes.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::OpenClosed => 1,
            Self::Update => 2,
            Self::UpdateOpen => 3,
            Self::Message => 4,
            Self::Close => 5,
        }
    }

    /// The kind with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The place among events of the same time (spec T2).
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Open | Self::OpenClosed => 0,
            Self::Update | Self::UpdateOpen => 1,
            Self::Message => 2,
            Self::Close => 3,
        }
    }

    /// Whether this is something that was said, and not a lifecycle event.
    #[must_use]
    pub fn is_message(self) -> bool {
        self == Self::Message
    }
}

/// Who a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the member to an agent.
    In,
    /// From an agent to the member.
    Out,
}

crate::named! { Direction is a "direction": In "in", Out "out" }

/// What an event says of the agent (spec F5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AgentMention<'a> {
    /// Nothing.
    #[default]
    Silent,
    /// That nobody is assigned.
    Nobody,
    /// That this agent is assigned, known by an id, by a name, or by both. See [`AgentMention::agent`].
    #[non_exhaustive]
    Agent {
        /// The agent's id.
        id: Option<&'a str>,
        /// The agent's name.
        name: Option<&'a str>,
    },
}

impl<'a> AgentMention<'a> {
    /// That the agent with this id, this name, or both is assigned; [`Silent`](Self::Silent) if both are `None`.
    #[must_use]
    pub fn agent(id: impl Into<Option<&'a str>>, name: impl Into<Option<&'a str>>) -> Self {
        Self::from_parts(id.into(), name.into(), false)
    }

    pub(crate) fn from_parts(id: Option<&'a str>, name: Option<&'a str>, nobody: bool) -> Self {
        match (id, name) {
            (None, None) if nobody => Self::Nobody,
            (None, None) => Self::Silent,
            (id, name) => Self::Agent { id, name },
        }
    }
}

/// One fact about one conversation (spec section 2), checked, timed and identified.
///
/// All its texts lie in one allocation, because a log is read at a million events a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub(crate) texts: Texts,
    pub(crate) nobody: bool,
    pub(crate) kind: Kind,
    pub(crate) direction: Option<Direction>,
    pub(crate) at: At,
    pub(crate) occurred: Option<Time>,
    pub(crate) sent: Option<Time>,
    pub(crate) started: Option<Time>,
    pub(crate) active: Option<Time>,
    pub(crate) unread: Option<u64>,
    pub(crate) identity: Identity,
    pub(crate) content: ContentHash,
    pub(crate) session: Option<Box<Session>>,
}

/// When an event happened, as far as it can say by itself (spec T1, T3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// At this time.
    Timed(Time),
    /// A close whose clock cannot be right: it comes after every event that has a time. `alone` is its time where
    /// there is no such event.
    Untimed {
        /// The time by rule T1.
        alone: Time,
    },
}

impl At {
    /// When an event with these times happened (spec T1, T3); `None` where it says nothing of that. See
    /// [`crate::Draft`] for the times.
    #[must_use]
    pub fn of(
        kind: Kind,
        occurred: Option<Time>,
        sent: Option<Time>,
        started: Option<Time>,
        active: Option<Time>,
    ) -> Option<Self> {
        let own = if kind.is_message() { sent } else { active.or(started) };
        let by_t1 = occurred.max(own)?;
        let clock_is_wrong = match (occurred, started) {
            (None, _) => true,
            (Some(occurred), Some(started)) => occurred < started,
            (Some(_), None) => false,
        };
        let is_untimed = kind == Kind::Close && clock_is_wrong;
        Some(if is_untimed { Self::Untimed { alone: by_t1 } } else { Self::Timed(by_t1) })
    }

    /// The time of the event taken by itself (spec T1).
    #[must_use]
    pub fn alone(self) -> Time {
        match self {
            Self::Timed(at) | Self::Untimed { alone: at } => at,
        }
    }
}

impl Event {
    pub(crate) fn says_nobody(&self) -> bool {
        self.nobody
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The conversation's id.
    #[must_use]
    pub fn conversation(&self) -> &str {
        self.texts.get(Field::Conversation).unwrap_or_default()
    }

    /// The word for the source.
    #[must_use]
    pub fn source(&self) -> &str {
        self.texts.get(Field::Source).unwrap_or_default()
    }

    /// What the event does.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its identity within the conversation.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The hash of all that the fold can see of it, `occurred` included: the fields of [`Draft`](crate::Draft) but for the
    /// conversation and the identity.
    ///
    /// It is the XXH3-128 (seed 0) of these fields, one after the other, numbers little-endian:
    ///
    /// | field | bytes | value |
    /// |---|---|---|
    /// | version | 1 | 1 |
    /// | kind | 1 | 0 open, 1 open-closed, 2 update, 3 update-open, 4 message, 5 close |
    /// | direction | 1 | 0 unknown, 1 in, 2 out |
    /// | flags | 1 | sum of 1 nobody is assigned, 2 a count of unread messages is given, 4 a session is given |
    /// | occurred, sent, started, active | 12 each | milliseconds (i64; its smallest value for none), then the nanoseconds below (u32) |
    /// | unread | 8 | 0 for none |
    /// | lengths of text, source, agent id, agent name, channel, and of every [`Attribute`] | 4 each | in bytes; the largest u32 for none |
    /// | texts | 16 | XXH3-128 of these texts, one after the other |
    /// | session | 0 or 16 | XXH3-128 of the session's numbers and truths in the order of the export, each a byte 1 and an i64 (a byte 0 and 0 for none), then a byte 1 and the customer alias (a byte 0 for none) |
    #[must_use]
    pub fn content(&self) -> ContentHash {
        self.content
    }

    /// When it happened (spec T1, T3).
    #[must_use]
    pub fn at(&self) -> At {
        self.at
    }

    /// When it happened by the source's clock.
    #[must_use]
    pub fn occurred(&self) -> Option<Time> {
        self.occurred
    }

    /// A message's time as given beside [`Event::occurred`].
    #[must_use]
    pub fn sent(&self) -> Option<Time> {
        self.sent
    }

    /// When the conversation began, as the event says.
    #[must_use]
    pub fn started(&self) -> Option<Time> {
        self.started
    }

    /// When the conversation was last active, as the event says.
    #[must_use]
    pub fn active(&self) -> Option<Time> {
        self.active
    }

    /// How many messages are unread, as the event says.
    #[must_use]
    pub fn unread(&self) -> Option<u64> {
        self.unread
    }

    /// What it says of the agent.
    #[must_use]
    pub fn agent(&self) -> AgentMention<'_> {
        AgentMention::from_parts(self.texts.get(Field::AgentId), self.texts.get(Field::AgentName), self.nobody)
    }

    /// A message's direction, or that of the text a lifecycle event carries.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.direction
    }

    /// A message's channel.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.texts.get(Field::Channel)
    }

    /// A message's text, or the last text that a lifecycle event carries.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.texts.get(Field::Text)
    }

    /// The value of an attribute. Each has a method of its own as well.
    #[must_use]
    pub fn attribute(&self, attribute: Attribute) -> Option<&str> {
        self.texts.get(Field::Attribute(attribute))
    }

    /// How long all its texts are together, its conversation's id included and its identity not.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.texts.bytes()
    }

    /// What SuperOffice says of the session.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }
}
