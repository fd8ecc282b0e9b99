//! The first stored form of a conversation's memory. Never change it; add another beside it.

use convofold_engine::{ArrivalCounts, At, ContentHash, Context, ConversationImage, Fact, Identity, ImageError, Time};
use serde::{Deserialize, Serialize};

#[cfg(test)]
use super::event_v1::direction_code;
use super::event_v1::{StoredIdentityV1, StoredSessionV1, StoredTimeV1, direction_of, kind_of};
use crate::damage::Damage;

/// See [`ConversationImage`].
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredConversationV1<'a> {
    id: &'a str,
    #[serde(borrow)]
    facts: Vec<StoredFactV1<'a>>,
    #[serde(borrow)]
    conflicts: Vec<StoredFactV1<'a>>,
    #[serde(borrow)]
    contexts: Vec<StoredContextV1<'a>>,
    #[serde(borrow)]
    sessions: Vec<StoredSessionV1<'a>>,
    duplicates: u64,
    late: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct StoredFactV1<'a> {
    seq: u64,
    untimed: bool,
    at: StoredTimeV1,
    kind: u8,
    direction: u8,
    occurred: OccurredV1,
    sent: Option<OwnTimeV1>,
    started: Option<OwnTimeV1>,
    active: Option<OwnTimeV1>,
    unread: Option<u64>,
    /// `None` where the content is the identity.
    #[serde(borrow)]
    identity: Option<StoredIdentityV1<'a>>,
    content: [u8; 16],
    text: Option<&'a str>,
    context: u32,
    session: Option<u32>,
}

/// When it occurred by the source's clock: mostly that is what decided `at`, and then a byte says so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum OccurredV1 {
    AtThatTime,
    NotSaid,
    Otherwise(OwnTimeV1),
}

/// A time as its distance in milliseconds from the event's `at`, which mostly is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct OwnTimeV1 {
    after_ms: i64,
    sub_ms_ns: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct StoredContextV1<'a> {
    source: Option<&'a str>,
    nobody: bool,
    agent_id: Option<&'a str>,
    agent_name: Option<&'a str>,
    channel: Option<&'a str>,
    member_name: Option<&'a str>,
    member_number: Option<&'a str>,
    member_business_id: Option<&'a str>,
    member_channel_id: Option<&'a str>,
    shortcode: Option<&'a str>,
    app_key: Option<&'a str>,
    tenant: Option<&'a str>,
}

impl<'a> StoredConversationV1<'a> {
    #[cfg(test)]
    pub(crate) fn of(image: &'a ConversationImage) -> Self {
        Self {
            id: &image.id,
            facts: image.facts.iter().map(StoredFactV1::of).collect(),
            conflicts: image.conflicts.iter().map(StoredFactV1::of).collect(),
            contexts: image.contexts.iter().map(StoredContextV1::of).collect(),
            sessions: image.sessions.iter().map(StoredSessionV1::of).collect(),
            duplicates: image.arrivals.duplicates,
            late: image.arrivals.late,
        }
    }

    pub(crate) fn to_image(&self) -> Result<ConversationImage, Damage> {
        Ok(ConversationImage {
            id: self.id.into(),
            facts: self.facts.iter().map(StoredFactV1::to_fact).collect::<Result<_, _>>()?,
            conflicts: self.conflicts.iter().map(StoredFactV1::to_fact).collect::<Result<_, _>>()?,
            contexts: self.contexts.iter().map(StoredContextV1::to_context).collect::<Result<_, _>>()?,
            sessions: self.sessions.iter().map(StoredSessionV1::to_session).collect(),
            arrivals: ArrivalCounts { duplicates: self.duplicates, late: self.late },
        })
    }
}

impl<'a> StoredFactV1<'a> {
    #[cfg(test)]
    fn of(fact: &'a Fact) -> Self {
        let (untimed, at) = match fact.at {
            At::Timed(at) => (false, at),
            At::Untimed { alone } => (true, alone),
        };
        let own = |time: Option<Time>| time.map(|time| OwnTimeV1::of(time, at));
        Self {
            seq: fact.seq,
            untimed,
            at: StoredTimeV1::of(at),
            kind: fact.kind.code(),
            direction: direction_code(fact.direction),
            occurred: OccurredV1::of(fact.occurred, at),
            sent: own(fact.sent),
            started: own(fact.started),
            active: own(fact.active),
            unread: fact.unread,
            identity: StoredIdentityV1::of(&fact.identity),
            content: fact.content.bits().to_le_bytes(),
            text: fact.text.as_deref(),
            context: fact.context,
            session: fact.session,
        }
    }

    fn to_fact(&self) -> Result<Fact, Damage> {
        let at = self.at.to_time()?;
        let own = |time: Option<OwnTimeV1>| time.map(|time| time.to_time(at)).transpose();
        let content = ContentHash::from_bits(u128::from_le_bytes(self.content));
        let identity = self.identity.as_ref().map(StoredIdentityV1::to_identity);
        Ok(Fact {
            seq: self.seq,
            at: if self.untimed { At::Untimed { alone: at } } else { At::Timed(at) },
            kind: kind_of(self.kind)?,
            direction: direction_of(self.direction)?,
            occurred: self.occurred.to_time(at)?,
            sent: own(self.sent)?,
            started: own(self.started)?,
            active: own(self.active)?,
            unread: self.unread,
            identity: identity.unwrap_or_else(|| Identity::of_content(content)),
            content,
            text: self.text.map(Into::into),
            context: self.context,
            session: self.session,
        })
    }
}

impl OccurredV1 {
    #[cfg(test)]
    fn of(occurred: Option<Time>, at: Time) -> Self {
        match occurred {
            None => Self::NotSaid,
            Some(occurred) if occurred == at => Self::AtThatTime,
            Some(occurred) => Self::Otherwise(OwnTimeV1::of(occurred, at)),
        }
    }

    fn to_time(self, at: Time) -> Result<Option<Time>, Damage> {
        match self {
            Self::AtThatTime => Ok(Some(at)),
            Self::NotSaid => Ok(None),
            Self::Otherwise(occurred) => occurred.to_time(at).map(Some),
        }
    }
}

impl OwnTimeV1 {
    #[cfg(test)]
    fn of(time: Time, at: Time) -> Self {
        Self { after_ms: time.ms() - at.ms(), sub_ms_ns: time.sub_ms_ns() }
    }

    fn to_time(self, at: Time) -> Result<Time, Damage> {
        let ms = at.ms().saturating_add(self.after_ms);
        let no_time = Damage::NoSuch { field: "time in 1970 to 9999", found: ms.unsigned_abs() };
        Time::from_ms_and_ns(ms, self.sub_ms_ns).ok_or(no_time)
    }
}

impl<'a> StoredContextV1<'a> {
    #[cfg(test)]
    fn of(context: &'a Context) -> Self {
        let [
            source,
            agent_id,
            agent_name,
            channel,
            member_name,
            member_number,
            member_business_id,
            member_channel_id,
            shortcode,
            app_key,
            tenant,
        ] = context.texts();
        Self {
            source,
            nobody: context.nobody(),
            agent_id,
            agent_name,
            channel,
            member_name,
            member_number,
            member_business_id,
            member_channel_id,
            shortcode,
            app_key,
            tenant,
        }
    }

    fn to_context(&self) -> Result<Context, Damage> {
        let texts = [
            self.source,
            self.agent_id,
            self.agent_name,
            self.channel,
            self.member_name,
            self.member_number,
            self.member_business_id,
            self.member_channel_id,
            self.shortcode,
            self.app_key,
            self.tenant,
        ];
        Context::new(texts, self.nobody).ok_or(Damage::Conversation(ImageError::TooLong))
    }
}
