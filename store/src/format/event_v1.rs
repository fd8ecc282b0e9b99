//! The first stored form of an event. Never change it; add another beside it.

use std::borrow::Cow;

use convofold_engine::{AgentMention, Direction, Draft, Event, Identity, Kind, Session, Time};
use serde::{Deserialize, Serialize};

use crate::damage::Damage;

/// An event, as [`convofold_engine::Draft`] would be told of it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredEventV1<'a> {
    pub(crate) source: &'a str,
    pub(crate) conversation: &'a str,
    /// `None` where the content is the identity.
    #[serde(borrow)]
    pub(crate) identity: Option<StoredIdentityV1<'a>>,
    pub(crate) kind: u8,
    pub(crate) occurred: Option<StoredTimeV1>,
    pub(crate) sent: Option<StoredTimeV1>,
    pub(crate) started: Option<StoredTimeV1>,
    pub(crate) active: Option<StoredTimeV1>,
    pub(crate) unread: Option<u64>,
    /// Whether nobody is assigned; only where there is no agent.
    pub(crate) nobody: bool,
    pub(crate) agent_id: Option<&'a str>,
    pub(crate) agent_name: Option<&'a str>,
    pub(crate) direction: u8,
    pub(crate) channel: Option<&'a str>,
    pub(crate) text: Option<&'a str>,
    pub(crate) member_name: Option<&'a str>,
    pub(crate) member_number: Option<&'a str>,
    pub(crate) member_business_id: Option<&'a str>,
    pub(crate) member_channel_id: Option<&'a str>,
    pub(crate) shortcode: Option<&'a str>,
    pub(crate) app_key: Option<&'a str>,
    pub(crate) tenant: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) session: Option<StoredSessionV1<'a>>,
}

/// An identity that its source gave. A UUID in its canonical form, which most are, is its 16 bytes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum StoredIdentityV1<'a> {
    Text(#[serde(borrow)] Cow<'a, str>, u8),
    Uuid([u8; 16], u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredTimeV1 {
    pub(crate) ms: u64,
    pub(crate) sub_ms_ns: u32,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredSessionV1<'a> {
    pub(crate) alert_level: Option<i64>,
    pub(crate) chatbot_is_active: Option<bool>,
    pub(crate) consented: Option<bool>,
    pub(crate) contact_id: Option<i64>,
    pub(crate) customer_alias: Option<&'a str>,
    pub(crate) customer_id: Option<i64>,
    pub(crate) project_id: Option<i64>,
    pub(crate) rating: Option<i64>,
    pub(crate) sale_id: Option<i64>,
    pub(crate) status: Option<i64>,
    pub(crate) ticket_id: Option<i64>,
    pub(crate) topic_id: Option<i64>,
    pub(crate) user_id: Option<i64>,
}

impl<'a> StoredEventV1<'a> {
    /// For fixtures: events are stored in this form no longer.
    #[cfg(test)]
    pub(crate) fn of(event: &'a Event) -> Self {
        let (nobody, agent_id, agent_name) = match event.agent() {
            AgentMention::Silent => (false, None, None),
            AgentMention::Nobody => (true, None, None),
            AgentMention::Agent { id, name, .. } => (false, id, name),
            _ => (false, None, None),
        };
        Self {
            source: event.source(),
            conversation: event.conversation(),
            identity: StoredIdentityV1::of(event.identity()),
            kind: event.kind().code(),
            occurred: event.occurred().map(StoredTimeV1::of),
            sent: event.sent().map(StoredTimeV1::of),
            started: event.started().map(StoredTimeV1::of),
            active: event.active().map(StoredTimeV1::of),
            unread: event.unread(),
            nobody,
            agent_id,
            agent_name,
            direction: direction_code(event.direction()),
            channel: event.channel(),
            text: event.text(),
            member_name: event.member_name(),
            member_number: event.member_number(),
            member_business_id: event.member_business_id(),
            member_channel_id: event.member_channel_id(),
            shortcode: event.shortcode(),
            app_key: event.app_key(),
            tenant: event.tenant(),
            session: event.session().map(StoredSessionV1::of),
        }
    }

    pub(crate) fn to_event(&self) -> Result<Event, Damage> {
        let agent = match (self.agent_id, self.agent_name) {
            (None, None) if self.nobody => AgentMention::Nobody,
            (id, name) => AgentMention::agent(id, name),
        };
        let time = |stored: Option<StoredTimeV1>| stored.map(StoredTimeV1::to_time).transpose();
        let draft = Draft::new(self.source, self.conversation, kind_of(self.kind)?, time(self.occurred)?)
            .identity(self.identity.as_ref().map(StoredIdentityV1::to_identity))
            .sent(time(self.sent)?)
            .started(time(self.started)?)
            .active(time(self.active)?)
            .unread(self.unread)
            .agent(agent)
            .direction(direction_of(self.direction)?)
            .channel(self.channel)
            .text(self.text)
            .member_name(self.member_name)
            .member_number(self.member_number)
            .member_business_id(self.member_business_id)
            .member_channel_id(self.member_channel_id)
            .shortcode(self.shortcode)
            .app_key(self.app_key)
            .tenant(self.tenant)
            .session(self.session.as_ref().map(StoredSessionV1::to_session));
        // The limit to ids was kept when the event came in, and may have been another one then.
        draft.build_with(usize::MAX).map_err(Damage::Event)
    }
}

impl<'a> StoredIdentityV1<'a> {
    /// `None` where the content is the identity.
    #[cfg(test)]
    pub(crate) fn of(identity: &'a Identity) -> Option<Self> {
        if identity.is_content() {
            return None;
        }
        Some(match identity.uuid() {
            Some(uuid) => Self::Uuid(uuid, identity.part()),
            None => Self::Text(identity.text(), identity.part()),
        })
    }

    pub(crate) fn to_identity(&self) -> Identity {
        match self {
            Self::Text(text, part) => Identity::given(text, *part),
            Self::Uuid(uuid, part) => Identity::from_uuid(*uuid, *part),
        }
    }
}

impl StoredTimeV1 {
    #[cfg(test)]
    pub(crate) fn of(time: Time) -> Self {
        // A time is never before 1970.
        Self { ms: time.ms().unsigned_abs(), sub_ms_ns: time.sub_ms_ns() }
    }

    pub(crate) fn to_time(self) -> Result<Time, Damage> {
        let no_time = Damage::NoSuch { field: "time in 1970 to 9999", found: self.ms };
        let ms = i64::try_from(self.ms).ok();
        ms.and_then(|ms| Time::from_ms_and_ns(ms, self.sub_ms_ns)).ok_or(no_time)
    }
}

impl<'a> StoredSessionV1<'a> {
    #[cfg(test)]
    pub(crate) fn of(session: &'a Session) -> Self {
        Self {
            alert_level: session.alert_level,
            chatbot_is_active: session.chatbot_is_active,
            consented: session.consented,
            contact_id: session.contact_id,
            customer_alias: session.customer_alias.as_deref(),
            customer_id: session.customer_id,
            project_id: session.project_id,
            rating: session.rating,
            sale_id: session.sale_id,
            status: session.status,
            ticket_id: session.ticket_id,
            topic_id: session.topic_id,
            user_id: session.user_id,
        }
    }

    pub(crate) fn to_session(&self) -> Session {
        Session::new()
            .alert_level(self.alert_level)
            .chatbot_is_active(self.chatbot_is_active)
            .consented(self.consented)
            .contact_id(self.contact_id)
            .customer_alias(self.customer_alias.map(str::to_owned))
            .customer_id(self.customer_id)
            .project_id(self.project_id)
            .rating(self.rating)
            .sale_id(self.sale_id)
            .status(self.status)
            .ticket_id(self.ticket_id)
            .topic_id(self.topic_id)
            .user_id(self.user_id)
    }
}

pub(crate) fn kind_of(code: u8) -> Result<Kind, Damage> {
    Kind::from_code(code).ok_or(Damage::NoSuch { field: "kind of event", found: code.into() })
}

pub(crate) fn direction_code(direction: Option<Direction>) -> u8 {
    match direction {
        None => 0,
        Some(Direction::In) => 1,
        Some(Direction::Out) => 2,
    }
}

pub(crate) fn direction_of(code: u8) -> Result<Option<Direction>, Damage> {
    Ok(match code {
        0 => None,
        1 => Some(Direction::In),
        2 => Some(Direction::Out),
        _ => return Err(Damage::NoSuch { field: "direction", found: code.into() }),
    })
}
