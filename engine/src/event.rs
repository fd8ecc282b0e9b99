//! An event as the fold sees it, whatever source it came from.
//!
//! A source (or a host) fills in a [`Draft`] with what it was told and builds the [`Event`] from it; that is where the
//! rules of time and identity are applied, the same for all sources.

use xxhash_rust::xxh3::xxh3_128;

use crate::identity::{ContentHash, Identity};
use crate::session::Session;
use crate::texts::{CONTENT, Field, Texts};
use crate::time::Time;

/// The word for Airship Live Chat in [`Draft::source`].
pub const AIRSHIP: &str = "airship";
/// The word for SuperOffice chat in [`Draft::source`].
pub const SUPEROFFICE: &str = "superoffice";

/// The longest id, in bytes, that [`Draft::build`] takes unless told otherwise (spec W5).
pub const DEFAULT_MAX_ID_BYTES: usize = 1024;

/// What an event does to its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
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

impl Kind {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the member to an agent.
    In,
    /// From an agent to the member.
    Out,
}

/// What an event says of the agent (spec F5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AgentMention<'a> {
    /// Nothing.
    #[default]
    Silent,
    /// That nobody is assigned.
    Nobody,
    /// That this agent is assigned, known by an id, by a name, or by both.
    Agent {
        /// The agent's id.
        id: Option<&'a str>,
        /// The agent's name.
        name: Option<&'a str>,
    },
}

impl<'a> AgentMention<'a> {
    pub(crate) fn from_parts(id: Option<&'a str>, name: Option<&'a str>, nobody: bool) -> Self {
        match (id, name) {
            (None, None) if nobody => Self::Nobody,
            (None, None) => Self::Silent,
            (id, name) => Self::Agent { id, name },
        }
    }
}

/// Everything an event can say, borrowed from wherever it was read. `None` always means "not said".
///
/// ```
/// use convofold_engine::{Direction, Draft, Kind, Time};
///
/// let event = Draft {
///     source: "helpdesk",
///     conversation: "case-7",
///     kind: Some(Kind::Message),
///     occurred: Time::from_ms(1_700_000_000_000),
///     direction: Some(Direction::In),
///     text: Some("Is anybody there?"),
///     ..Draft::default()
/// }
/// .build()?;
/// assert_eq!(event.conversation(), "case-7");
/// # Ok::<_, convofold_engine::DraftError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Draft<'a> {
    /// Where the event comes from: [`AIRSHIP`], [`SUPEROFFICE`], or a host's own word.
    pub source: &'a str,
    /// The conversation's id, unique among all sources.
    pub conversation: &'a str,
    /// The event's own identity; its content is its identity where this is `None` (spec I1).
    pub identity: Option<Identity>,
    /// What the event does. Required. A [`Kind::Close`] should come with [`Draft::occurred`]: one without, or with one
    /// before [`Draft::started`], has no usable time, comes after all other events, and is a suspicion (spec T3).
    pub kind: Option<Kind>,
    /// When it happened, by the source's clock.
    pub occurred: Option<Time>,
    /// A message's own time, where that is given beside [`Draft::occurred`] (spec T1, T4).
    pub sent: Option<Time>,
    /// When the conversation began, as a lifecycle event says (Airship's `started_timestamp`).
    pub started: Option<Time>,
    /// When the conversation was last active, as a lifecycle event says (Airship's `last_active_timestamp`).
    pub active: Option<Time>,
    /// How many messages are unread, as a lifecycle event says (Airship's `message_count_since_last_accessed`).
    pub unread: Option<u64>,
    /// Who is assigned.
    pub agent: AgentMention<'a>,
    /// A message's direction; for a lifecycle event that of the [`Draft::text`] it carries.
    pub direction: Option<Direction>,
    /// A message's channel: `sms`, `in_app`, or a host's own word.
    pub channel: Option<&'a str>,
    /// A message's text, or the last text that a lifecycle event carries.
    pub text: Option<&'a str>,
    /// The member's name.
    pub member_name: Option<&'a str>,
    /// The member's number: a phone number or a device and its channel.
    pub member_number: Option<&'a str>,
    /// The member's id at the business.
    pub member_business_id: Option<&'a str>,
    /// The member's channel id.
    pub member_channel_id: Option<&'a str>,
    /// The sender that the member wrote to.
    pub shortcode: Option<&'a str>,
    /// Airship's app key.
    pub app_key: Option<&'a str>,
    /// The business whose conversation it is.
    pub tenant: Option<&'a str>,
    /// What SuperOffice says of the session.
    pub session: Option<Session>,
}

/// Why a [`Draft`] is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// There is no [`Draft::kind`].
    #[error("an event needs a kind")]
    NoKind,
    /// [`Draft::source`] is empty.
    #[error("an event needs the word for its source")]
    NoSource,
    /// [`Draft::conversation`] is empty.
    #[error("an event needs the id of its conversation")]
    NoConversation,
    /// None of the times that could place the event is given (spec W5).
    #[error("an event needs a time: when it occurred, or its own epoch field")]
    NoTime,
    /// An id is longer than allowed.
    #[error("the {field} is {found} bytes long, more than the {max} allowed")]
    IdTooLong {
        /// Which id.
        field: &'static str,
        /// Its length in bytes.
        found: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The texts of the event are longer than 4 GiB together.
    #[error("the texts of the event are longer than 4 GiB together")]
    TooLong,
}

/// One fact about one conversation (spec section 2), checked, timed and identified.
///
/// All its texts lie in one allocation, because a log is read at a million events a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    texts: Texts,
    nobody: bool,
    kind: Kind,
    direction: Option<Direction>,
    at: At,
    occurred: Option<Time>,
    sent: Option<Time>,
    started: Option<Time>,
    active: Option<Time>,
    unread: Option<u64>,
    identity: Identity,
    content: ContentHash,
    session: Option<Box<Session>>,
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
    /// The time of the event taken by itself (spec T1).
    #[must_use]
    pub fn alone(self) -> Time {
        match self {
            Self::Timed(at) | Self::Untimed { alone: at } => at,
        }
    }
}

impl Draft<'_> {
    /// Checks the draft, gives it its time and its identity, and packs it.
    ///
    /// # Errors
    /// [`DraftError`] names what is missing or too long.
    pub fn build(self) -> Result<Event, DraftError> {
        self.build_with(DEFAULT_MAX_ID_BYTES)
    }

    /// Like [`Draft::build`], with another limit to the length of ids.
    ///
    /// # Errors
    /// [`DraftError`] names what is missing or too long.
    pub fn build_with(self, max_id_bytes: usize) -> Result<Event, DraftError> {
        let kind = self.kind.ok_or(DraftError::NoKind)?;
        self.check(max_id_bytes)?;
        let at = self.at(kind).ok_or(DraftError::NoTime)?;
        let texts = self.pack().ok_or(DraftError::TooLong)?;
        let mut event = Event {
            texts,
            nobody: self.agent == AgentMention::Nobody,
            kind,
            // The direction of a text that is not there says nothing.
            direction: self.direction.filter(|_| kind.is_message() || self.text.is_some()),
            at,
            occurred: self.occurred,
            sent: self.sent,
            started: self.started,
            active: self.active,
            unread: self.unread,
            identity: Identity::of_content(ContentHash::from_bits(0)),
            content: ContentHash::from_bits(0),
            session: self.session.map(Box::new),
        };
        event.content = event.hash_content();
        event.identity = self.identity.unwrap_or_else(|| Identity::of_content(event.content));
        Ok(event)
    }

    fn check(&self, max_id_bytes: usize) -> Result<(), DraftError> {
        if self.source.is_empty() {
            return Err(DraftError::NoSource);
        }
        if self.conversation.is_empty() {
            return Err(DraftError::NoConversation);
        }
        let agent_id = if let AgentMention::Agent { id, .. } = self.agent { id } else { None };
        let ids = [
            ("conversation id", Some(self.conversation)),
            ("source", Some(self.source)),
            ("agent id", agent_id),
            ("channel", self.channel),
            ("member number", self.member_number),
            ("member business id", self.member_business_id),
            ("member channel id", self.member_channel_id),
            ("shortcode", self.shortcode),
            ("app key", self.app_key),
            ("tenant", self.tenant),
        ];
        for (field, id) in ids {
            let found = id.map_or(0, str::len);
            if found > max_id_bytes {
                return Err(DraftError::IdTooLong { field, found, max: max_id_bytes });
            }
        }
        Ok(())
    }

    /// Rules T1 and T3.
    fn at(&self, kind: Kind) -> Option<At> {
        let own = if kind.is_message() { self.sent } else { self.active.or(self.started) };
        let by_t1 = self.occurred.max(own)?;
        let clock_is_wrong = match (self.occurred, self.started) {
            (None, _) => true,
            (Some(occurred), Some(started)) => occurred < started,
            (Some(_), None) => false,
        };
        Some(if kind == Kind::Close && clock_is_wrong { At::Untimed { alone: by_t1 } } else { At::Timed(by_t1) })
    }

    fn pack(&self) -> Option<Texts> {
        let (agent_id, agent_name) = match self.agent {
            AgentMention::Agent { id, name } => (id, name),
            AgentMention::Silent | AgentMention::Nobody => (None, None),
        };
        Texts::pack([
            Some(self.conversation),
            self.text,
            Some(self.source),
            agent_id,
            agent_name,
            self.channel,
            self.member_name,
            self.member_number,
            self.member_business_id,
            self.member_channel_id,
            self.shortcode,
            self.app_key,
            self.tenant,
        ])
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

    /// The hash of all that the fold can see of it, `occurred` included: the fields of [`Draft`] but for the
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
    /// | lengths of text, source, agent id, agent name, channel, member name, number, business id, channel id, shortcode, app key, tenant | 4 each | in bytes; the largest u32 for none |
    /// | texts | 16 | XXH3-128 of these twelve texts, one after the other |
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

    /// The member's name.
    #[must_use]
    pub fn member_name(&self) -> Option<&str> {
        self.texts.get(Field::MemberName)
    }

    /// The member's number.
    #[must_use]
    pub fn member_number(&self) -> Option<&str> {
        self.texts.get(Field::MemberNumber)
    }

    /// The member's id at the business.
    #[must_use]
    pub fn member_business_id(&self) -> Option<&str> {
        self.texts.get(Field::MemberBusinessId)
    }

    /// The member's channel id.
    #[must_use]
    pub fn member_channel_id(&self) -> Option<&str> {
        self.texts.get(Field::MemberChannelId)
    }

    /// The sender that the member wrote to.
    #[must_use]
    pub fn shortcode(&self) -> Option<&str> {
        self.texts.get(Field::Shortcode)
    }

    /// Airship's app key.
    #[must_use]
    pub fn app_key(&self) -> Option<&str> {
        self.texts.get(Field::AppKey)
    }

    /// The business whose conversation it is.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.texts.get(Field::Tenant)
    }

    /// What SuperOffice says of the session.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    /// The draft that builds this event again, given the same limit to ids.
    #[must_use]
    pub fn draft(&self) -> Draft<'_> {
        Draft {
            source: self.source(),
            conversation: self.conversation(),
            identity: (!self.identity.is_content()).then(|| self.identity.clone()),
            kind: Some(self.kind),
            occurred: self.occurred,
            sent: self.sent,
            started: self.started,
            active: self.active,
            unread: self.unread,
            agent: self.agent(),
            direction: self.direction,
            channel: self.channel(),
            text: self.text(),
            member_name: self.member_name(),
            member_number: self.member_number(),
            member_business_id: self.member_business_id(),
            member_channel_id: self.member_channel_id(),
            shortcode: self.shortcode(),
            app_key: self.app_key(),
            tenant: self.tenant(),
            session: self.session.as_deref().cloned(),
        }
    }

    fn hash_content(&self) -> ContentHash {
        let mut header = Header::new();
        let direction = self.direction.map_or(0, direction_code);
        let flags = [(self.nobody, 1), (self.unread.is_some(), 2), (self.session.is_some(), 4)];
        let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag);
        header.put(&[CONTENT_VERSION, kind_code(self.kind), direction, flags]);
        for time in [self.occurred, self.sent, self.started, self.active] {
            header.put(&time.map_or(i64::MIN, Time::ms).to_le_bytes());
            header.put(&time.map_or(0, Time::sub_ms_ns).to_le_bytes());
        }
        header.put(&self.unread.unwrap_or(0).to_le_bytes());
        for field in CONTENT {
            #[expect(clippy::cast_possible_truncation, reason = "all texts together are below 4 GiB")]
            let length = self.texts.get(field).map_or(u32::MAX, |text| text.len() as u32);
            header.put(&length.to_le_bytes());
        }
        header.put(&xxh3_128(self.texts.content().as_bytes()).to_le_bytes());
        if let Some(session) = &self.session {
            header.put(&hash_session(session).to_le_bytes());
        }
        ContentHash::from_bits(xxh3_128(header.bytes()))
    }
}

/// Names the layout that [`Event::content`] hashes. Changing the layout changes identities and so needs a new number.
const CONTENT_VERSION: u8 = 1;

fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Open => 0,
        Kind::OpenClosed => 1,
        Kind::Update => 2,
        Kind::UpdateOpen => 3,
        Kind::Message => 4,
        Kind::Close => 5,
    }
}

fn direction_code(direction: Direction) -> u8 {
    match direction {
        Direction::In => 1,
        Direction::Out => 2,
    }
}

fn hash_session(session: &Session) -> u128 {
    let numbers = [
        session.alert_level,
        session.chatbot_is_active.map(i64::from),
        session.consented.map(i64::from),
        session.contact_id,
        session.customer_id,
        session.project_id,
        session.rating,
        session.sale_id,
        session.status,
        session.ticket_id,
        session.topic_id,
        session.user_id,
    ];
    let mut bytes = Vec::with_capacity(numbers.len() * 9 + 64);
    for number in numbers {
        bytes.push(u8::from(number.is_some()));
        bytes.extend_from_slice(&number.unwrap_or(0).to_le_bytes());
    }
    bytes.push(u8::from(session.customer_alias.is_some()));
    bytes.extend_from_slice(session.customer_alias.as_deref().unwrap_or_default().as_bytes());
    xxh3_128(&bytes)
}

/// A buffer on the stack, for the fixed part of what is hashed.
struct Header {
    buffer: [u8; 192],
    length: usize,
}

impl Header {
    fn new() -> Self {
        Self { buffer: [0; 192], length: 0 }
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.buffer[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Option<Time> {
        Time::from_ms(ms)
    }

    fn message() -> Draft<'static> {
        Draft {
            source: AIRSHIP,
            conversation: "c-1",
            kind: Some(Kind::Message),
            occurred: at(1_000),
            sent: at(990),
            text: Some("hi"),
            ..Draft::default()
        }
    }

    #[test]
    fn a_draft_comes_back_from_its_event() {
        let draft = Draft {
            agent: AgentMention::Agent { id: Some("a"), name: None },
            member_number: Some(""),
            tenant: Some("t"),
            session: Some(Session { rating: Some(3), ..Session::default() }),
            identity: Some(Identity::given("x", 1)),
            ..message()
        };
        let event = draft.clone().build().unwrap();
        assert_eq!(event.draft().build().unwrap(), event);
        assert_eq!(event.agent(), draft.agent);
        assert_eq!((event.member_number(), event.tenant(), event.shortcode()), (Some(""), Some("t"), None));
        assert_eq!(event.session(), draft.session.as_ref());
    }

    #[test]
    fn i1_the_content_is_everything_the_fold_can_see() {
        let base = message().build().unwrap();
        let others = [
            Draft { occurred: at(1_001), ..message() },
            Draft { occurred: Time::from_ms_and_ns(1_000, 1), ..message() },
            Draft { sent: None, ..message() },
            Draft { text: Some("ho"), ..message() },
            Draft { text: None, member_name: Some("hi"), ..message() },
            Draft { direction: Some(Direction::In), ..message() },
            Draft { agent: AgentMention::Nobody, ..message() },
            Draft { unread: Some(0), ..message() },
            Draft { unread: Some(u64::MAX), ..message() },
            Draft { kind: Some(Kind::Open), ..message() },
            Draft { session: Some(Session::default()), ..message() },
        ];
        for other in others {
            assert_ne!(other.clone().build().unwrap().content(), base.content(), "{other:?}");
        }
        let elsewhere = Draft { conversation: "c-2", identity: Some(Identity::given("x", 0)), ..message() };
        assert_eq!(elsewhere.build().unwrap().content(), base.content());
    }

    /// Identities, and so what is on disk, follow from these values: they may never change.
    #[test]
    fn i1_the_content_hash_is_the_same_on_every_machine() {
        let whole = Draft {
            source: SUPEROFFICE,
            occurred: Time::from_ms_and_ns(1_000, 7),
            started: at(1),
            active: at(2),
            unread: Some(3),
            agent: AgentMention::Agent { id: Some("a"), name: Some("b") },
            direction: Some(Direction::Out),
            channel: Some("c"),
            member_name: Some("d"),
            member_number: Some("e"),
            member_business_id: Some("f"),
            member_channel_id: Some("g"),
            shortcode: Some("h"),
            app_key: Some("i"),
            tenant: Some("j"),
            session: Some(Session { rating: Some(-1), consented: Some(true), ..Session::default() }),
            ..message()
        };
        let kinds = [Kind::Open, Kind::OpenClosed, Kind::Update, Kind::UpdateOpen, Kind::Message, Kind::Close];
        let of_kind = |kind| Draft { kind: Some(kind), ..message() };
        let drafts = kinds.map(of_kind).into_iter().chain([whole]);
        let hashes: Vec<_> = drafts.map(|draft| draft.build().unwrap().content().to_string()).collect();
        let expected = [
            "13467eb9f701bbd9b300646ccdc875e0",
            "46f2be7e8f5aa9eea79062074445f658",
            "95cb1f90dec40ec9fd34c1aeba59a77b",
            "4d29062d0b7f23b4c1ddf7ac79de0d47",
            "1eea6abd2caa3aee8b441785d7b7057c",
            "1a99e6fdf8e9c6614df8327b0899947d",
            "04355094cd8cb8097c4acbdc8cae9357",
        ];
        assert_eq!(hashes, expected);
    }

    #[test]
    fn i1_the_direction_of_a_text_that_is_not_there_is_no_content() {
        let open = |direction| Draft { kind: Some(Kind::Open), text: None, direction, ..message() }.build().unwrap();
        assert_eq!(open(Some(Direction::In)).content(), open(None).content());
    }

    #[test]
    fn t1_the_later_of_occurred_and_the_own_field_is_the_time() {
        let at_of = |draft: Draft<'_>| draft.build().unwrap().at();
        assert_eq!(at_of(message()), At::Timed(at(1_000).unwrap()));
        assert_eq!(at_of(Draft { sent: at(2_000), ..message() }), At::Timed(at(2_000).unwrap()));
        let open = Draft { kind: Some(Kind::Open), sent: None, started: at(3_000), ..message() };
        assert_eq!(at_of(open.clone()), At::Timed(at(3_000).unwrap()));
        assert_eq!(at_of(Draft { active: at(500), ..open }), At::Timed(at(1_000).unwrap()));
        assert_eq!(Draft { occurred: None, sent: None, ..message() }.build(), Err(DraftError::NoTime));
    }

    #[test]
    fn t3_a_close_before_its_own_start_has_no_usable_time() {
        let close = Draft { kind: Some(Kind::Close), sent: None, started: at(1_000), ..message() };
        assert_eq!(close.clone().build().unwrap().at(), At::Timed(at(1_000).unwrap()));
        let early = Draft { occurred: at(999), ..close.clone() };
        assert_eq!(early.build().unwrap().at(), At::Untimed { alone: at(1_000).unwrap() });
        let absent = Draft { occurred: None, ..close };
        assert_eq!(absent.build().unwrap().at(), At::Untimed { alone: at(1_000).unwrap() });
    }

    #[test]
    fn w5_an_id_has_a_longest_length() {
        let long = "x".repeat(DEFAULT_MAX_ID_BYTES + 1);
        let error = Draft { conversation: &long, ..message() }.build().unwrap_err();
        assert_eq!(error, DraftError::IdTooLong { field: "conversation id", found: 1025, max: 1024 });
        assert!(Draft { conversation: &long[1..], ..message() }.build().is_ok());
    }
}
