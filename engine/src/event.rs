//! An event in the form that the fold reads, independent of its source. [`Draft`](crate::Draft) builds one.

use crate::attribute::Attribute;
use crate::identity::{ContentHash, Identity};
use crate::session::Session;
use crate::texts::{Field, Texts};
use crate::time::Time;

/// The source name of Airship Live Chat.
pub const AIRSHIP: &str = "airship";
/// The source name of SuperOffice chat.
pub const SUPEROFFICE: &str = "superoffice";

/// What an event does to its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Opens it, or adds information while it is open: `convo_open`, `chatsession.created`.
    Open,
    /// Creates it as already closed: a `chatsession.created` with a closed status.
    OpenClosed,
    /// Adds information without a status: a `chatsession.changed` without a usable status.
    Update,
    /// Adds information and states that it is open: a `chatsession.changed` with an open status.
    UpdateOpen,
    /// A message.
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
    /// The code in stored forms and in [`Event::content`]. It never changes.
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

    /// The rank among events of the same time (rule T2).
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Open | Self::OpenClosed => 0,
            Self::Update | Self::UpdateOpen => 1,
            Self::Message => 2,
            Self::Close => 3,
        }
    }

    /// Whether it is a message and not a lifecycle event.
    #[must_use]
    pub fn is_message(self) -> bool {
        self == Self::Message
    }
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the member to an agent.
    In,
    /// From an agent to the member.
    Out,
}

crate::named! { Direction is a "direction": In "in", Out "out" }

/// What an event states about the agent (rule F5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AgentMention<'a> {
    /// Nothing.
    #[default]
    Silent,
    /// No agent is assigned.
    Nobody,
    /// This agent is assigned, known by id, by name, or by both. See [`AgentMention::agent`].
    #[non_exhaustive]
    Agent {
        /// The agent's id.
        id: Option<&'a str>,
        /// The agent's name.
        name: Option<&'a str>,
    },
}

impl<'a> AgentMention<'a> {
    /// The agent with this id, this name, or both; [`Silent`](Self::Silent) if both are `None`.
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

/// One fact about one conversation, with its time and identity.
///
/// All texts share one allocation, for speed: a log is read at a million events per second.
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

/// When an event happened, as far as the event alone decides (rules T1 and T3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// At this time.
    Timed(Time),
    /// A close whose clock cannot be right: it sorts after every event with a time. `alone` is its time if there is no
    /// such event.
    Untimed {
        /// The time by rule T1.
        alone: Time,
    },
}

impl At {
    /// When an event with these times happened (rules T1 and T3); `None` if no time places it. See [`crate::Draft`] for
    /// the times.
    #[must_use]
    pub fn of(
        kind: Kind,
        occurred: Option<Time>,
        sent: Option<Time>,
        started: Option<Time>,
        active: Option<Time>,
    ) -> Option<Self> {
        let own = Self::own_time(kind, sent, started, active);
        let by_t1 = occurred.max(own)?;
        let clock_is_wrong = match (occurred, started) {
            (None, _) => true,
            (Some(occurred), Some(started)) => occurred < started,
            (Some(_), None) => false,
        };
        let is_untimed = kind == Kind::Close && clock_is_wrong;
        Some(if is_untimed { Self::Untimed { alone: by_t1 } } else { Self::Timed(by_t1) })
    }

    /// The event's own epoch field (rule T1).
    pub(crate) fn own_time(
        kind: Kind,
        sent: Option<Time>,
        started: Option<Time>,
        active: Option<Time>,
    ) -> Option<Time> {
        if kind.is_message() { sent } else { active.or(started) }
    }

    /// The time by rule T1, independent of other events.
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

    /// The name of the source.
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

    /// The hash of everything in the event that the fold can see, `occurred` included: all fields of
    /// [`Draft`](crate::Draft) except the conversation and the identity. "The content hash" in `docs/rules.md`
    /// describes the layout byte by byte.
    #[must_use]
    pub fn content(&self) -> ContentHash {
        self.content
    }

    /// When it happened (rules T1 and T3).
    #[must_use]
    pub fn at(&self) -> At {
        self.at
    }

    /// When it happened, by the source's clock.
    #[must_use]
    pub fn occurred(&self) -> Option<Time> {
        self.occurred
    }

    /// A message's own time, given in addition to [`Event::occurred`].
    #[must_use]
    pub fn sent(&self) -> Option<Time> {
        self.sent
    }

    /// When the conversation began, as the event states.
    #[must_use]
    pub fn started(&self) -> Option<Time> {
        self.started
    }

    /// When the conversation was last active, as the event states.
    #[must_use]
    pub fn active(&self) -> Option<Time> {
        self.active
    }

    /// The number of unread messages, as the event states.
    #[must_use]
    pub fn unread(&self) -> Option<u64> {
        self.unread
    }

    /// What it states about the agent.
    #[must_use]
    pub fn agent(&self) -> AgentMention<'_> {
        AgentMention::from_parts(self.texts.get(Field::AgentId), self.texts.get(Field::AgentName), self.nobody)
    }

    /// The direction of a message, or of the text that a lifecycle event carries.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.direction
    }

    /// The channel of a message.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.texts.get(Field::Channel)
    }

    /// The text of a message, or the last text that a lifecycle event carries.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.texts.get(Field::Text)
    }

    /// The value of an attribute. Each attribute also has its own method.
    #[must_use]
    pub fn attribute(&self, attribute: Attribute) -> Option<&str> {
        self.texts.get(Field::Attribute(attribute))
    }

    /// The total length of its texts in bytes, with the conversation id and without the identity.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.texts.bytes()
    }

    /// The field values of the SuperOffice session.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }
}

macro_rules! attribute_methods {
    ($($(#[$doc:meta])* $Attribute:ident $name:ident: $limit:ident,)*) => {
        impl Event {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(&self) -> Option<&str> {
                    self.attribute(Attribute::$Attribute)
                }
            )*
        }
    };
}

crate::attributes!(attribute_methods);
