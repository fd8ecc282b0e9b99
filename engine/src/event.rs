//! An event in the form that the fold reads, independent of its source. [`Draft`](crate::Draft) builds one.

use crate::attribute::Attribute;
use crate::identity::{ContentHash, Identity};
use crate::row::Row;
use crate::session::Session;
use crate::texts::{ContextSpans, Field, Span};
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
        Some(match code {
            0 => Self::Open,
            1 => Self::OpenClosed,
            2 => Self::Update,
            3 => Self::UpdateOpen,
            4 => Self::Message,
            5 => Self::Close,
            _ => return None,
        })
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
/// All texts share one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub(crate) row: Row,
    pub(crate) context: ContextSpans,
    /// The arena: the conversation id, the text and the context.
    pub(crate) texts: Box<str>,
    pub(crate) session: Option<Box<Session>>,
}

/// A view of an event: of an [`Event`], or of one that shares its texts with many others.
#[derive(Clone, Copy, Debug)]
pub struct EventRef<'a> {
    pub(crate) row: &'a Row,
    pub(crate) context: &'a ContextSpans,
    pub(crate) arena: &'a str,
    pub(crate) session: Option<&'a Session>,
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
    /// A view of the event.
    #[must_use]
    pub fn as_ref(&self) -> EventRef<'_> {
        EventRef { row: &self.row, context: &self.context, arena: &self.texts, session: self.session.as_deref() }
    }
}

impl<'a> From<&'a Event> for EventRef<'a> {
    fn from(event: &'a Event) -> Self {
        event.as_ref()
    }
}

/// The same methods for both forms of an event.
macro_rules! accessors {
    ($($(#[$doc:meta])* fn $name:ident($event:ident) -> $type:ty { $value:expr })*) => {
        impl<'a> EventRef<'a> {
            $($(#[$doc])* #[must_use] pub fn $name(self) -> $type {
                let $event = self;
                $value
            })*
        }

        #[expect(clippy::needless_lifetimes, reason = "the types of the list name the lifetime")]
        impl Event {
            $($(#[$doc])* #[must_use] pub fn $name<'a>(&'a self) -> $type {
                self.as_ref().$name()
            })*
        }
    };
}

accessors! {
    /// The conversation's id.
    fn conversation(event) -> &'a str { event.row.conversation.of(event.arena) }

    /// The name of the source.
    fn source(event) -> &'a str { event.field(Field::Source).unwrap_or_default() }

    /// What the event does.
    fn kind(event) -> Kind { event.row.kind }

    /// Its identity within the conversation.
    fn identity(event) -> &'a Identity { &event.row.identity }

    /// The hash of everything in the event that the fold can see, `occurred` included: all fields of
    /// [`Draft`](crate::Draft) except the conversation and the identity. "The content hash" in `docs/rules.md`
    /// describes the layout byte by byte.
    fn content(event) -> ContentHash { event.row.content }

    /// When it happened (rules T1 and T3).
    fn at(event) -> At { event.row.at }

    /// When it happened, by the source's clock.
    fn occurred(event) -> Option<Time> { event.row.occurred }

    /// A message's own time, given in addition to [`Event::occurred`].
    fn sent(event) -> Option<Time> { event.row.sent }

    /// When the conversation began, as the event states.
    fn started(event) -> Option<Time> { event.row.started }

    /// When the conversation was last active, as the event states.
    fn active(event) -> Option<Time> { event.row.active }

    /// The number of unread messages, as the event states.
    fn unread(event) -> Option<u64> { event.row.unread }

    /// What it states about the agent.
    fn agent(event) -> AgentMention<'a> {
        AgentMention::from_parts(event.field(Field::AgentId), event.field(Field::AgentName), event.context.nobody())
    }

    /// The direction of a message, or of the text that a lifecycle event carries.
    fn direction(event) -> Option<Direction> { event.row.direction }

    /// The channel of a message.
    fn channel(event) -> Option<&'a str> { event.field(Field::Channel) }

    /// The text of a message, or the last text that a lifecycle event carries.
    fn text(event) -> Option<&'a str> { event.row.text.map(|text| text.of(event.arena)) }

    /// The total length of its texts in bytes, with the conversation id and without the identity.
    fn text_bytes(event) -> usize {
        event.conversation().len() + event.text().map_or(0, str::len) + event.context.bytes()
    }

    /// The field values of the SuperOffice session.
    fn session(event) -> Option<&'a Session> { event.session }
}

impl EventRef<'_> {
    /// A copy with its own texts.
    #[must_use]
    pub fn to_event(self) -> Event {
        let Self { row, context, arena, session } = self;
        let mut texts = String::with_capacity(self.text_bytes());
        // They fitted into the arena of the view.
        let mut append = |text| Span::append(&mut texts, text).unwrap_or(Span::EMPTY);
        let (conversation, text) = (append(self.conversation()), self.text().map(append));
        let context = context.append_to(&mut texts, arena).unwrap_or(*context);
        let row = Row { conversation, text, ..row.clone() };
        Event { row, context, texts: texts.into_boxed_str(), session: session.cloned().map(Box::new) }
    }
}

impl PartialEq for EventRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        let row = Row { conversation: other.row.conversation, text: other.row.text, ..self.row.clone() };
        row == *other.row
            && (self.conversation(), self.text(), self.session) == (other.conversation(), other.text(), other.session)
            && self.context.is_same(self.arena, *other.context, other.arena)
    }
}

impl<'a> EventRef<'a> {
    /// The value of an attribute. Each attribute also has its own method.
    #[must_use]
    pub fn attribute(self, attribute: Attribute) -> Option<&'a str> {
        self.field(Field::Attribute(attribute))
    }

    /// See [`Identity::fingerprint`].
    pub(crate) fn fingerprint(self) -> u64 {
        self.row.fingerprint
    }

    fn field(self, field: Field) -> Option<&'a str> {
        self.context.get(field, self.arena)
    }
}

impl Event {
    /// The value of an attribute. Each attribute also has its own method.
    #[must_use]
    pub fn attribute(&self, attribute: Attribute) -> Option<&str> {
        self.as_ref().attribute(attribute)
    }
}

macro_rules! attribute_methods {
    ($($(#[$doc:meta])* $Attribute:ident $name:ident: $limit:ident,)*) => {
        impl<'a> EventRef<'a> {
            $($(#[$doc])* #[must_use] pub fn $name(self) -> Option<&'a str> {
                self.attribute(Attribute::$Attribute)
            })*
        }

        impl Event {
            $($(#[$doc])* #[must_use] pub fn $name(&self) -> Option<&str> {
                self.attribute(Attribute::$Attribute)
            })*
        }
    };
}

crate::attributes!(attribute_methods);
