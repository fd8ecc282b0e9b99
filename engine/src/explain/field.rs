//! The fields that can be explained: one list, from which everything else follows.

use std::sync::LazyLock;

use crate::attribute::Attribute;
use crate::named::UnknownName;
use crate::session::{Session, SessionState};
use crate::state::{AgentRef, LastMessage, Member, State};

/// A field of the export by its path, such as `status` or `member.name`, or several by what their paths have in common, such
/// as `member`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldName(&'static str);

/// What decides the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Id,
    Source,
    Attribute(Attribute),
    Channel,
    Status,
    OpenedBy,
    StartedAt,
    LastActiveAt,
    LastEventAt,
    ClosedAt,
    Reopens,
    AgentId,
    AgentName,
    Assignments,
    MessagesIn,
    MessagesOut,
    MessagesOther,
    MessagesAfterClose,
    Unread,
    FirstInboundAt,
    FirstResponseMs,
    WaitingSince,
    LatestUnansweredAt,
    OpenMs,
    ByAgent,
    LastMessage,
    Suspect,
    /// The session value with this index in [`Session::FIELDS`].
    Session(usize),
    SessionStale,
}

/// A field of the export.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Its path.
    pub(super) name: &'static str,
    pub(super) topic: Topic,
    /// The number of the rule that defines it.
    pub(super) rule: &'static str,
    /// The rule in one sentence.
    pub(super) sentence: &'static str,
}

/// Declares the list. A field of [`State`] or of one of the types that is missing in it does not compile.
macro_rules! fields {
    ($($name:ident
        $(=> $topic:expr, $rule:literal, $sentence:literal)?
        $(: $Type:ident { $($part:ident => $part_topic:expr, $part_rule:literal, $part_sentence:literal;)+ })?
    ;)+) => {
        const FIELDS: &[Field] = &[$(
            $(Field { name: stringify!($name), topic: $topic, rule: $rule, sentence: $sentence },)?
            $($(Field {
                name: concat!(stringify!($name), ".", stringify!($part)),
                topic: $part_topic,
                rule: $part_rule,
                sentence: $part_sentence,
            },)+)?
        )+];

        const _: fn(&State) = |State { $($name: _,)+ }| ();
        $($(const _: fn(&$Type) = |$Type { $($part: _,)+ }| ();)?)+
    };
}

fields! {
    id => Topic::Id, "F1", "a conversation exists from any event on";
    source => Topic::Source, "H2", "the source of the latest event";
    tenant => Topic::Attribute(Attribute::Tenant), "F8", "the latest value that is given counts";
    channel => Topic::Channel, "F6", "the channel of the latest message";
    status => Topic::Status, "F2", "the latest statement decides; without one it is open";
    opened_by => Topic::OpenedBy, "F1", "message while only messages are known, otherwise lifecycle";
    started_at => Topic::StartedAt, "F4", "the smallest start that is given, otherwise the time of the first event";
    last_active_at => Topic::LastActiveAt, "F4", "while open, the latest message or stated activity; null when closed";
    last_event_at => Topic::LastEventAt, "F4", "the time of the latest event";
    closed_at => Topic::ClosedAt, "F3", "while closed, the time of the close that ended the last open interval";
    reopens => Topic::Reopens, "F3", "each step from closed to open counts";
    member: Member {
        name => Topic::Attribute(Attribute::MemberName), "F8",
            "the latest name that is given counts; Unknown never replaces a known one";
        number => Topic::Attribute(Attribute::MemberNumber), "F8", "the latest value that is given counts";
        business_id => Topic::Attribute(Attribute::MemberBusinessId), "F8", "the latest value that is given counts";
        channel_id => Topic::Attribute(Attribute::MemberChannelId), "F8", "the latest value that is given counts";
    };
    shortcode => Topic::Attribute(Attribute::Shortcode), "F8", "the latest value that is given counts";
    app_key => Topic::Attribute(Attribute::AppKey), "F8", "the latest value that is given counts";
    agent: AgentRef {
        id => Topic::AgentId, "F5", "the latest event that names an agent, or nobody, assigns";
        name => Topic::AgentName, "F5", "the latest name that is given with the id of the agent";
    };
    assignments => Topic::Assignments, "F5", "each change of the agent, in order";
    messages_in => Topic::MessagesIn, "F6", "each message from the member counts";
    messages_out => Topic::MessagesOut, "F6", "each message to the member counts";
    messages_other => Topic::MessagesOther, "F6", "each message of unknown direction counts";
    messages_after_close => Topic::MessagesAfterClose, "F2", "messages ordered while it is closed count";
    unread => Topic::Unread, "F7",
        "the messages from the member after the latest one to the member, or the latest stated count and those since";
    first_inbound_at => Topic::FirstInboundAt, "F9", "the time of the first message from the member";
    first_response_ms => Topic::FirstResponseMs, "F9",
        "from the first message of the member to the first answer before the next close";
    waiting_since => Topic::WaitingSince, "F9",
        "the first message from the member after the latest answer and the latest close; null when closed";
    latest_unanswered_at => Topic::LatestUnansweredAt, "F9",
        "the last message from the member after the latest answer and the latest close; null when closed";
    open_ms => Topic::OpenMs, "F9", "the sum of the open intervals; a running one counts up to the latest event";
    by_agent => Topic::ByAgent, "F9", "messages to and from the member, by the agent assigned at each of them";
    last_message: LastMessage {
        text => Topic::LastMessage, "F8", "the latest message with a text, or a later text of another event";
        direction => Topic::LastMessage, "F8", "the direction of the last text";
        at => Topic::LastMessage, "F8", "the time of the last text";
    };
    suspect => Topic::Suspect, "F10", "events that contradict each other, or state more messages than are known";
    session;
}

/// The session values, of which each has the same rule.
macro_rules! session_fields {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        const SESSION_NAMES: [&str; Session::FIELDS.len()] = [$(concat!("session.", stringify!($name))),*];

        /// Which values a session gives.
        pub(super) fn given(session: &Session) -> [bool; Session::FIELDS.len()] {
            [$(session.$name.is_some()),*]
        }

        const _: fn(&SessionState) = |SessionState { $($name: _,)* stale: _ }| ();
    };
}

crate::session_values!(session_fields);

const STALE: Field = Field {
    name: "session.stale",
    topic: Topic::SessionStale,
    rule: "F11",
    sentence: "whether a change without a usable status is ordered after the latest status",
};

/// All fields, in the order of the export.
pub(super) fn all() -> impl Iterator<Item = Field> {
    let value = |(index, name)| Field {
        name,
        topic: Topic::Session(index),
        rule: "F8",
        sentence: "the latest value that is given counts",
    };
    let session = (0..).zip(SESSION_NAMES).map(value);
    FIELDS.iter().copied().chain(session).chain([STALE])
}

/// Every valid name: the fields, and what several of them have in common.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names = Vec::new();
    for field in all() {
        let group = field.name.split_once('.').map(|(group, _)| group);
        names.extend(group.filter(|group| !names.contains(group)));
        names.push(field.name);
    }
    names
});

impl FieldName {
    /// Every name: the paths of the export in its order, and before those of an object its own.
    #[must_use]
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        NAMES.iter().map(|name| Self(name))
    }

    /// The path.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Whether it names this field.
    pub(super) fn includes(self, field: &Field) -> bool {
        field.name.strip_prefix(self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl std::fmt::Display for FieldName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.0)
    }
}

impl std::str::FromStr for FieldName {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = NAMES.iter().find(|known| **known == name);
        found.map(|name| Self(name)).ok_or_else(|| UnknownName::new("field", &NAMES, name))
    }
}
