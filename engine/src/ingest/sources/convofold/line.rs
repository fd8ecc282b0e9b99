//! An event as a line in convofold's own form.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::VERSION;
use crate::attribute::Attribute;
use crate::event::{AgentMention, Direction, Event, Kind};
use crate::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use crate::session::Session;
use crate::time::Time;

/// The keys in the order of writing. Absent values are left out.
#[derive(Serialize)]
struct Line<'a> {
    convofold: i64,
    source: &'a str,
    conversation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u8>,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exactly")]
    occurred: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exactly")]
    sent: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exactly")]
    started: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exactly")]
    active: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
    /// The inner `None` means that no agent is assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Option<Agent<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(flatten)]
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a Session>,
}

#[derive(Serialize)]
struct Agent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl Event {
    /// The event as a line of JSON in convofold's own form ([`Format::Convofold`]), without the line feed. Reading it
    /// gives the same event: with its identity, every digit of its times, and the difference between an empty text and
    /// an absent one.
    ///
    /// If a line of a source was accepted, so is this line, with the same [`Limits`]. An event from elsewhere (a
    /// document over several lines, a host's draft) can be longer than the line limit. It needs a larger limit, or a
    /// file of its own in which it is spread over several lines.
    ///
    /// [`Format::Convofold`]: crate::ingest::Format::Convofold
    /// [`Limits`]: crate::ingest::Limits
    #[must_use]
    pub fn export_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Event {
    /// Like [`Event::export_line`].
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Line::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    /// From the form of [`Event::export_line`], whatever its length.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = serde_json::Value::deserialize(deserializer)?.to_string();
        let limits = Limits { max_line_bytes: usize::MAX, max_id_bytes: usize::MAX, max_document_bytes: usize::MAX };
        let mut found = Found(None);
        Parser::new(Format::Convofold, limits).parse_input(line.as_bytes(), &mut found);
        match found.0 {
            Some(Ok(event)) => Ok(event),
            Some(Err(rejection)) => Err(serde::de::Error::custom(format!("not an event: {rejection}"))),
            None => Err(serde::de::Error::custom("expected an event, found nothing")),
        }
    }
}

/// The event of a line.
struct Found(Option<Result<Event, Box<Rejection>>>);

impl Sink for Found {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.0 = Some(Ok(event));
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {}

    fn rejected(&mut self, rejection: Rejection) {
        self.0 = Some(Err(Box::new(rejection)));
    }
}

impl<'a> Line<'a> {
    fn of(event: &'a Event) -> Self {
        let identity = event.identity();
        Self {
            convofold: VERSION,
            source: event.source(),
            conversation: event.conversation(),
            identity: (!identity.is_content()).then(|| identity.text()),
            part: Some(identity.part()).filter(|part| *part > 0),
            kind: event.kind(),
            occurred: event.occurred(),
            sent: event.sent(),
            started: event.started(),
            active: event.active(),
            unread: event.unread(),
            agent: match event.agent() {
                AgentMention::Silent => None,
                AgentMention::Nobody => Some(None),
                AgentMention::Agent { id, name } => Some(Some(Agent { id, name })),
            },
            direction: event.direction(),
            channel: event.channel(),
            text: event.text(),
            attributes: Attributes(event),
            session: event.session(),
        }
    }
}

/// The attributes of an event.
struct Attributes<'a>(&'a Event);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let given = Attribute::ALL.into_iter().filter_map(|it| Some((it.name(), self.0.attribute(it)?)));
        serializer.collect_map(given)
    }
}

/// Like [`Time::to_rfc3339`].
fn exactly<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Time::to_rfc3339).serialize(serializer)
}
