//! A conversation and an event as the peers store them.

use anyhow::Result;
use convofold::{AgentMention, Attribute, Direction, Event, Kind, Time};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::outcome::Known;

/// Values of SuperOffice's status.
const IN_QUEUE: i64 = 4;
const CUSTOMER_LAST: i64 = 5;
const USER_LAST: i64 = 6;

/// A conversation: the fields that convofold keeps, except lists (assignments, messages by agent), history and the
/// fields of SuperOffice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of convofold's State; times are milliseconds")]
pub struct Row {
    pub source: String,
    pub tenant: Option<String>,
    pub channel: Option<String>,
    pub open: bool,
    /// The agent's id, or name if it has no id.
    pub agent: Option<String>,
    pub agent_name: Option<String>,
    pub started_at: i64,
    pub last_active_at: i64,
    pub closed_at: Option<i64>,
    pub reopens: i64,
    pub messages_in: i64,
    pub messages_out: i64,
    /// Messages from the member since the last message to the member.
    pub unread: i64,
    pub first_inbound_at: Option<i64>,
    pub first_response_ms: Option<i64>,
    pub waiting_since: Option<i64>,
    pub member_name: Option<String>,
    pub member_number: Option<String>,
    pub member_business_id: Option<String>,
    pub member_channel_id: Option<String>,
    pub shortcode: Option<String>,
    pub app_key: Option<String>,
    pub last_message: Option<String>,
}

impl Row {
    /// A conversation that begins with this event.
    #[must_use]
    pub fn begun_by(event: &Event) -> Self {
        let at = event.at().alone().ms();
        let source = event.source().to_owned();
        Self { source, open: true, started_at: at, last_active_at: at, ..Self::default() }
    }

    /// Applies an event.
    pub fn fold(&mut self, event: &Event) {
        let at = event.at().alone().ms();
        self.fold_texts(event);
        if let Some(opens) = opens(event) {
            self.reopens += i64::from(opens && !self.open);
            self.closed_at = (!opens).then_some(at);
            self.open = opens;
            // A close ends the wait of earlier messages, even if the conversation is opened again.
            self.waiting_since = self.waiting_since.filter(|_| opens);
        }
        self.last_active_at = self.last_active_at.max(at);
        if is_message(event, Direction::In) {
            self.messages_in += 1;
            self.unread += 1;
            self.first_inbound_at.get_or_insert(at);
        }
        if is_message(event, Direction::Out) {
            self.messages_out += 1;
            self.unread = 0;
            self.first_response_ms = self.first_response_ms.or(self.first_inbound_at.map(|first| at - first));
        }
        match waits(event) {
            Some(true) => drop(self.waiting_since.get_or_insert(at)),
            Some(false) => self.waiting_since = None,
            None => {}
        }
    }

    fn fold_texts(&mut self, event: &Event) {
        fn keep(field: &mut Option<String>, said: Option<&str>) {
            match (field, said) {
                (Some(field), Some(said)) if field == said => {}
                (field, Some(said)) => *field = Some(said.to_owned()),
                (_, None) => {}
            }
        }
        keep(&mut self.tenant, event.tenant());
        keep(&mut self.channel, event.channel());
        keep(&mut self.member_name, event.member_name());
        keep(&mut self.member_number, event.member_number());
        keep(&mut self.member_business_id, event.member_business_id());
        keep(&mut self.member_channel_id, event.member_channel_id());
        keep(&mut self.shortcode, event.shortcode());
        keep(&mut self.app_key, event.app_key());
        keep(&mut self.last_message, event.text());
        match agent(event) {
            None => {}
            Some(None) => (self.agent, self.agent_name) = (None, None),
            Some(Some((agent, name))) => {
                keep(&mut self.agent, Some(agent));
                keep(&mut self.agent_name, name);
            }
        }
    }

    /// As bytes, for databases of bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        Ok(postcard::to_stdvec(self)?)
    }

    /// From its bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        Ok(postcard::from_bytes(bytes)?)
    }

    /// The fields that all peers keep.
    #[must_use]
    pub fn known<'a>(&'a self, id: &'a str) -> Known<'a> {
        Known {
            id,
            open: self.open,
            texts: [
                self.agent.as_deref(),
                self.tenant.as_deref(),
                self.member_name.as_deref(),
                self.member_number.as_deref(),
                self.member_business_id.as_deref(),
                self.member_channel_id.as_deref(),
                self.shortcode.as_deref(),
                self.app_key.as_deref(),
            ],
            messages: [self.messages_in, self.messages_out],
            times: [self.closed_at, self.first_inbound_at, self.waiting_since.filter(|_| self.open)],
            reopens: self.reopens,
        }
    }
}

/// An event in a log, complete.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    source: &'a str,
    conversation: &'a str,
    identity: Vec<u8>,
    part: u8,
    kind: u8,
    direction: Option<bool>,
    times: [Option<i64>; 4],
    unread: Option<u64>,
    nobody: bool,
    agent: Option<(&'a str, Option<&'a str>)>,
    text: Option<&'a str>,
    channel: Option<&'a str>,
    attributes: [Option<&'a str>; Attribute::COUNT],
}

impl Entry<'_> {
    /// The event as bytes.
    pub(super) fn encode(event: &Event) -> Result<Vec<u8>> {
        let ms = |time: Option<Time>| time.map(Time::ms);
        let identity = event.identity();
        Ok(postcard::to_stdvec(&Entry {
            source: event.source(),
            conversation: event.conversation(),
            identity: identity.uuid().map_or_else(|| identity.text().as_bytes().to_vec(), |uuid| uuid.to_vec()),
            part: identity.part(),
            kind: event.kind().rank(),
            direction: event.direction().map(|direction| direction == Direction::Out),
            times: [ms(event.occurred()), ms(event.sent()), ms(event.started()), ms(event.active())],
            unread: event.unread(),
            nobody: event.agent() == AgentMention::Nobody,
            agent: agent(event).flatten(),
            text: event.text(),
            channel: event.channel(),
            attributes: Attribute::ALL.map(|attribute| event.attribute(attribute)),
        })?)
    }
}

/// Identifies an event: 128 bits of a hash over its conversation and its identity.
#[must_use]
pub(super) fn identity(event: &Event) -> [u8; 16] {
    let mut hash = Xxh3::new();
    hash.update(event.conversation().as_bytes());
    hash.update(&[0, event.identity().part()]);
    match event.identity().uuid() {
        Some(bytes) => hash.update(&bytes),
        None => hash.update(event.identity().text().as_bytes()),
    }
    hash.digest128().to_be_bytes()
}

/// Whether the event opens or closes its conversation.
pub(super) fn opens(event: &Event) -> Option<bool> {
    match event.kind() {
        Kind::Open | Kind::UpdateOpen => Some(true),
        Kind::Close | Kind::OpenClosed => Some(false),
        _ => None,
    }
}

/// Whether it is a message in this direction.
pub(super) fn is_message(event: &Event, direction: Direction) -> bool {
    event.kind().is_message() && event.direction() == Some(direction)
}

/// Whether the member waits after the event, if it says so: by a message, or by the status of a SuperOffice session.
pub(super) fn waits(event: &Event) -> Option<bool> {
    match (event.kind().is_message(), event.direction()) {
        (true, Some(direction)) => Some(direction == Direction::In),
        _ => match event.session()?.status? {
            IN_QUEUE | CUSTOMER_LAST => Some(true),
            USER_LAST => Some(false),
            _ => None,
        },
    }
}

/// What the event says about the agent, if anything: the id, or the name if there is no id; and the name.
pub(super) fn agent(event: &Event) -> Option<Option<(&str, Option<&str>)>> {
    match event.agent() {
        AgentMention::Nobody => Some(None),
        AgentMention::Agent { id, name, .. } => Some(id.or(name).map(|agent| (agent, name))),
        _ => None,
    }
}
