//! Building events.
//!
//! A source (or a host) fills in a [`Draft`] and builds the [`Event`] from it. The build applies the rules for time and
//! identity, the same for all sources.

use crate::attribute::{Attribute, Values};
use crate::event::{AgentMention, Direction, Event, EventRef, Kind};
use crate::identity::{ContentHash, Identity};
use crate::parts::{EventParts, check_conversation, check_source};
use crate::row::Row;
use crate::session::Session;
use crate::setters::setters;
use crate::texts::{CONTEXT_TEXTS, ContextSpans, ContextTexts, Field, Span};
use crate::time::Time;

/// The default limit on ids in [`Draft::build`], in bytes (rule W5).
pub const DEFAULT_MAX_ID_BYTES: usize = 1024;
/// The maximum length of a member's or agent's name, and of a SuperOffice customer alias, in bytes (rule W5).
pub const MAX_NAME_BYTES: usize = 8 << 10;
/// The maximum length of the text of an event in bytes (rule W5).
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// All fields of an event, borrowed from the input.
///
/// Every setter takes a value or an `Option`; `None` means that the event does not give the field.
///
/// ```
/// use convofold_engine::{Direction, Draft, Kind, Time};
///
/// let event = Draft::new("helpdesk", "case-7", Kind::Message, Time::from_ms(1_700_000_000_000))
///     .direction(Direction::In)
///     .text("Is anybody there?")
///     .build()?;
/// assert_eq!(event.conversation(), "case-7");
/// # Ok::<_, convofold_engine::DraftError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    pub(crate) source: &'a str,
    pub(crate) conversation: &'a str,
    pub(crate) identity: Option<Identity>,
    pub(crate) kind: Kind,
    pub(crate) occurred: Option<Time>,
    pub(crate) sent: Option<Time>,
    pub(crate) started: Option<Time>,
    pub(crate) active: Option<Time>,
    pub(crate) unread: Option<u64>,
    pub(crate) agent: AgentMention<'a>,
    pub(crate) direction: Option<Direction>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) text: Option<&'a str>,
    pub(crate) attributes: Values<'a>,
    pub(crate) session: Option<Session>,
}

/// Why a [`Draft`] is not a valid event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The source is empty.
    #[error("an event needs a source")]
    NoSource,
    /// The id of the conversation is empty.
    #[error("an event needs a conversation id")]
    NoConversation,
    /// No time is given that could place the event (rule W5).
    #[error("an event needs a time: `occurred` or its own time")]
    NoTime,
    /// An id is longer than the limit.
    #[error("the {field} is {found} bytes long (maximum: {max})")]
    IdTooLong {
        /// The field.
        field: &'static str,
        /// The length of the id in bytes.
        found: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A name is longer than 8 KiB.
    #[error("the {field} is {found} bytes long (maximum: {max})")]
    NameTooLong {
        /// The field.
        field: &'static str,
        /// The length of the name in bytes.
        found: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The text is longer than 64 MiB.
    #[error("the text is {found} bytes long (maximum: {max})")]
    TextTooLong {
        /// The length of the text in bytes.
        found: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The texts of the event are longer than 4 GiB together, because the limit on ids was raised.
    #[error("the texts of the event are longer than 4 GiB together")]
    TooLong,
}

impl<'a> Draft<'a> {
    /// A draft with the fields that every event needs.
    ///
    /// - `source`: where the event comes from: [`AIRSHIP`](crate::AIRSHIP), [`SUPEROFFICE`](crate::SUPEROFFICE), or a
    ///   name that the host chooses. Must not be empty.
    /// - `conversation`: the id of the conversation, unique among all sources. Must not be empty.
    /// - `kind`: what the event does.
    /// - `occurred`: when it happened, by the source's clock. It can be `None` if another time is set. A
    ///   [`Kind::Close`] without it, or with one before [`started`](Self::started), has no usable time: it sorts after
    ///   all other events and raises a suspicion (rule T3).
    #[must_use]
    pub fn new(source: &'a str, conversation: &'a str, kind: Kind, occurred: impl Into<Option<Time>>) -> Self {
        Self {
            source,
            conversation,
            identity: None,
            kind,
            occurred: occurred.into(),
            sent: None,
            started: None,
            active: None,
            unread: None,
            agent: AgentMention::Silent,
            direction: None,
            channel: None,
            text: None,
            attributes: [None; Attribute::COUNT],
            session: None,
        }
    }

    setters! {
        /// The identity that the source gave. Without it, the content identifies the event (rule I1).
        identity: Identity,
        /// A message's own time, if the source gives one in addition to `occurred` (rules T1 and T4).
        sent: Time,
        /// When the conversation began, as stated by a lifecycle event (Airship's `started_timestamp`).
        started: Time,
        /// When the conversation was last active, as stated by a lifecycle event (Airship's `last_active_timestamp`).
        active: Time,
        /// The number of unread messages, as stated by a lifecycle event (Airship's
        /// `message_count_since_last_accessed`).
        unread: u64,
        /// The direction of a message, or of the [`text`](Self::text) that a lifecycle event carries.
        direction: Direction,
        /// The channel of a message: `sms`, `in_app`, or a name that the host chooses.
        channel: &'a str,
        /// The text of a message, or the last text that a lifecycle event carries.
        text: &'a str,
        /// The field values of a SuperOffice session.
        session: Session,
    }

    /// What the event does.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets an attribute. Each attribute also has its own setter.
    #[must_use]
    pub fn attribute(mut self, attribute: Attribute, value: impl Into<Option<&'a str>>) -> Self {
        self.attributes[attribute as usize] = value.into();
        self
    }

    /// Sets the agent.
    #[must_use]
    pub fn agent(mut self, agent: AgentMention<'a>) -> Self {
        self.agent = agent;
        self
    }

    /// Checks the draft, determines its time and identity, and packs it.
    ///
    /// # Errors
    /// [`DraftError`] names the missing or overlong field.
    pub fn build(self) -> Result<Event, DraftError> {
        self.build_with(DEFAULT_MAX_ID_BYTES)
    }

    /// Like [`Draft::build`], with another limit on the length of ids.
    ///
    /// # Errors
    /// [`DraftError`] names the missing or overlong field.
    pub fn build_with(self, max_id_bytes: usize) -> Result<Event, DraftError> {
        self.check(max_id_bytes)?;
        let texts =
            [self.conversation, self.text.unwrap_or_default()].into_iter().chain(self.context().into_iter().flatten());
        let mut arena = String::with_capacity(texts.map(str::len).sum());
        let conversation = Span::append(&mut arena, self.conversation).ok_or(DraftError::TooLong)?;
        let (row, context, session) = self.append_to(&mut arena, conversation)?;
        Ok(Event { row, context, texts: arena.into_boxed_str(), session: session.map(Box::new) })
    }

    /// Determines the time and the identity, and appends the text and the context to an arena.
    pub(crate) fn append_to(
        self,
        arena: &mut String,
        conversation: Span,
    ) -> Result<(Row, ContextSpans, Option<Session>), DraftError> {
        let (context, nobody) = (self.context(), self.agent == AgentMention::Nobody);
        let Self { identity, kind, occurred, sent, started, active, unread, direction, text, session, .. } = self;
        let parts = EventParts { identity, kind, direction, occurred, sent, started, active, unread, text };
        let append = |arena: &mut String| ContextSpans::append(arena, context, nobody);
        let (row, context) = parts.append_to(arena, conversation, append, session.as_ref())?;
        Ok((row, context, session))
    }

    /// The total length of its texts in bytes, with the conversation id, the identity and the texts of the session. An
    /// identity that is not given has the length of a content hash.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let texts = self.context().into_iter().chain([Some(self.conversation), self.text]).flatten();
        let identity = self.identity.as_ref().map_or(ContentHash::DIGITS, Identity::text_bytes);
        texts.map(str::len).sum::<usize>() + identity + self.session.as_ref().map_or(0, Session::text_bytes)
    }

    pub(crate) fn check(&self, max_id_bytes: usize) -> Result<(), DraftError> {
        check_source(Some(self.source))?;
        check_conversation(self.conversation)?;
        let agent_id = if let AgentMention::Agent { id, .. } = self.agent { id } else { None };
        let identity_bytes = self.identity.as_ref().map_or(0, Identity::text_bytes);
        if identity_bytes > max_id_bytes {
            return Err(DraftError::IdTooLong { field: "identity", found: identity_bytes, max: max_id_bytes });
        }
        let ids = [
            ("conversation id", Some(self.conversation)),
            ("source", Some(self.source)),
            ("agent id", agent_id),
            ("channel", self.channel),
        ];
        let attributes = Attribute::ALL.into_iter().zip(self.attributes).filter(|(attribute, _)| attribute.is_id());
        let attributes = attributes.map(|(attribute, id)| (attribute.name(), id));
        if let Some((field, found)) = longer_than(max_id_bytes, ids.into_iter().chain(attributes)) {
            return Err(DraftError::IdTooLong { field, found, max: max_id_bytes });
        }
        self.check_texts()
    }

    fn check_texts(&self) -> Result<(), DraftError> {
        let agent_name = if let AgentMention::Agent { name, .. } = self.agent { name } else { None };
        let alias = self.session.as_ref().and_then(|session| session.customer_alias.as_deref());
        let names = [("agent name", agent_name), ("customer alias", alias)];
        let attributes = Attribute::ALL.into_iter().zip(self.attributes).filter(|(attribute, _)| !attribute.is_id());
        let attributes = attributes.map(|(attribute, name)| (attribute.name(), name));
        if let Some((field, found)) = longer_than(MAX_NAME_BYTES, names.into_iter().chain(attributes)) {
            return Err(DraftError::NameTooLong { field, found, max: MAX_NAME_BYTES });
        }
        match self.text {
            Some(text) if text.len() > MAX_TEXT_BYTES => {
                Err(DraftError::TextTooLong { found: text.len(), max: MAX_TEXT_BYTES })
            }
            _ => Ok(()),
        }
    }

    /// The texts of the context.
    fn context(&self) -> ContextTexts<'a> {
        let (agent_id, agent_name) = match self.agent {
            AgentMention::Agent { id, name } => (id, name),
            AgentMention::Silent | AgentMention::Nobody => (None, None),
        };
        let mut texts = [None; CONTEXT_TEXTS];
        texts[Field::Source.place()] = Some(self.source);
        texts[Field::AgentId.place()] = agent_id;
        texts[Field::AgentName.place()] = agent_name;
        texts[Field::Channel.place()] = self.channel;
        for (attribute, value) in Attribute::ALL.into_iter().zip(self.attributes) {
            texts[Field::Attribute(attribute).place()] = value;
        }
        texts
    }
}

/// The first text that is longer than the limit, and its length.
fn longer_than<'t>(
    max_bytes: usize,
    texts: impl Iterator<Item = (&'static str, Option<&'t str>)>,
) -> Option<(&'static str, usize)> {
    let mut lengths = texts.map(|(field, text)| (field, text.map_or(0, str::len)));
    lengths.find(|(_, length)| *length > max_bytes)
}

impl Event {
    /// A draft that builds this event again, given the same limit on ids.
    #[must_use]
    pub fn draft(&self) -> Draft<'_> {
        self.as_ref().draft()
    }
}

impl<'a> EventRef<'a> {
    /// A draft that builds this event again, given the same limit on ids.
    #[must_use]
    pub fn draft(self) -> Draft<'a> {
        Draft {
            source: self.source(),
            conversation: self.conversation(),
            identity: (!self.identity().is_content()).then(|| self.identity().clone()),
            kind: self.kind(),
            occurred: self.occurred(),
            sent: self.sent(),
            started: self.started(),
            active: self.active(),
            unread: self.unread(),
            agent: self.agent(),
            direction: self.direction(),
            channel: self.channel(),
            text: self.text(),
            attributes: Attribute::ALL.map(|attribute| self.attribute(attribute)),
            session: self.session().cloned(),
        }
    }
}

macro_rules! attribute_setters {
    ($($(#[$doc:meta])* $Attribute:ident $name:ident: $limit:ident,)*) => {
        impl<'a> Draft<'a> {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(self, $name: impl Into<Option<&'a str>>) -> Self {
                    self.attribute(Attribute::$Attribute, $name)
                }
            )*
        }
    };
}

crate::attributes!(attribute_setters);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event::AIRSHIP;
    use crate::event::At;

    pub(crate) fn at(ms: i64) -> Option<Time> {
        Time::from_ms(ms)
    }

    pub(crate) fn message() -> Draft<'static> {
        Draft::new(AIRSHIP, "c-1", Kind::Message, at(1_000)).sent(at(990)).text("hi")
    }

    #[test]
    fn a_draft_comes_back_from_its_event() {
        let draft = Draft {
            agent: AgentMention::Agent { id: Some("a"), name: None },
            session: Some(Session { rating: Some(3), ..Session::default() }),
            identity: Some(Identity::given("x", 1)),
            ..message().member_number("").tenant("t")
        };
        let event = draft.clone().build().unwrap();
        assert_eq!(event.draft().build().unwrap(), event);
        assert_eq!(event.agent(), draft.agent);
        assert_eq!((event.member_number(), event.tenant(), event.shortcode()), (Some(""), Some("t"), None));
        assert_eq!(event.session(), draft.session.as_ref());
    }

    #[test]
    fn t1_the_later_of_occurred_and_the_own_field_is_the_time() {
        let at_of = |draft: Draft<'_>| draft.build().unwrap().at();
        assert_eq!(at_of(message()), At::Timed(at(1_000).unwrap()));
        assert_eq!(at_of(Draft { sent: at(2_000), ..message() }), At::Timed(at(2_000).unwrap()));
        let open = Draft { kind: Kind::Open, sent: None, started: at(3_000), ..message() };
        assert_eq!(at_of(open.clone()), At::Timed(at(3_000).unwrap()));
        assert_eq!(at_of(Draft { active: at(500), ..open }), At::Timed(at(1_000).unwrap()));
        assert_eq!(Draft { occurred: None, sent: None, ..message() }.build(), Err(DraftError::NoTime));
    }

    #[test]
    fn t3_a_close_before_its_own_start_has_no_usable_time() {
        let close = Draft { kind: Kind::Close, sent: None, started: at(1_000), ..message() };
        assert_eq!(close.clone().build().unwrap().at(), At::Timed(at(1_000).unwrap()));
        let early = Draft { occurred: at(999), ..close.clone() };
        assert_eq!(early.build().unwrap().at(), At::Untimed { alone: at(1_000).unwrap() });
        let absent = Draft { occurred: None, ..close };
        assert_eq!(absent.build().unwrap().at(), At::Untimed { alone: at(1_000).unwrap() });
    }

    #[test]
    fn w5_ids_have_a_maximum_length() {
        let long = "x".repeat(DEFAULT_MAX_ID_BYTES + 1);
        let error = Draft { conversation: &long, ..message() }.build().unwrap_err();
        assert_eq!(error, DraftError::IdTooLong { field: "conversation id", found: 1025, max: 1024 });
        assert!(Draft { conversation: &long[1..], ..message() }.build().is_ok());
        let error = Draft { identity: Some(Identity::given(&long, 0)), ..message() }.build().unwrap_err();
        assert_eq!(error, DraftError::IdTooLong { field: "identity", found: 1025, max: 1024 });
        assert!(Draft { identity: Some(Identity::given(&long[1..], 0)), ..message() }.build().is_ok());
    }

    #[test]
    fn w5_names_and_texts_have_a_maximum_length() {
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        let (text, longer_name) = (&long[1..], &long[..=MAX_NAME_BYTES]);
        let name = &longer_name[1..];
        let alias = |alias: &str| Session::new().customer_alias(alias.to_owned());
        let named = |name| AgentMention::Agent { id: None, name: Some(name) };
        assert!(message().text(text).member_name(name).agent(named(name)).session(alias(name)).build().is_ok());
        let error = message().text(long.as_str()).build().unwrap_err();
        assert_eq!(error, DraftError::TextTooLong { found: MAX_TEXT_BYTES + 1, max: MAX_TEXT_BYTES });
        for (field, draft) in [
            ("agent name", message().agent(named(longer_name))),
            ("customer alias", message().session(alias(longer_name))),
            ("member_name", message().member_name(longer_name)),
        ] {
            let error = draft.build().unwrap_err();
            assert_eq!(error, DraftError::NameTooLong { field, found: 8193, max: 8192 });
        }
    }
}
