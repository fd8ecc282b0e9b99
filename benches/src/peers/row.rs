//! A conversation and an event as the peers keep them.

use convofold::{AgentMention, Direction, Event, Kind};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::outcome::Known;

/// A conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The business.
    pub tenant: Option<String>,
    /// The channel of the latest message.
    pub channel: Option<String>,
    /// Whether it is open.
    pub open: bool,
    /// The agent's id, or name where there is none.
    pub agent: Option<String>,
    /// When it was first heard of, in milliseconds.
    pub started_at: i64,
    /// When it was last heard of, in milliseconds.
    pub last_active_at: i64,
    /// Messages from the member.
    pub messages_in: u64,
    /// Messages to the member.
    pub messages_out: u64,
    /// Messages from the member since the last to them.
    pub unread: u64,
    /// The member's name.
    pub member_name: Option<String>,
    /// The member's number.
    pub member_number: Option<String>,
    /// The last text.
    pub last_message: Option<String>,
}

impl Row {
    /// A conversation of which this event is the first that is heard.
    #[must_use]
    pub fn begun_by(event: &Event) -> Self {
        let at = event.at().alone().ms();
        Self { open: true, started_at: at, last_active_at: at, ..Self::default() }
    }

    /// Takes up an event.
    pub fn fold(&mut self, event: &Event) {
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
        keep(&mut self.last_message, event.text());
        self.open = opens(event).unwrap_or(self.open);
        match agent(event) {
            None => {}
            Some(None) => self.agent = None,
            Some(agent) => keep(&mut self.agent, agent),
        }
        self.last_active_at = self.last_active_at.max(event.at().alone().ms());
        if is_message(event, Direction::In) {
            self.messages_in += 1;
            self.unread += 1;
        }
        if is_message(event, Direction::Out) {
            self.messages_out += 1;
            self.unread = 0;
        }
    }

    /// What the peers agree on.
    #[must_use]
    pub fn known<'a>(&'a self, id: &'a str) -> Known<'a> {
        Known {
            id,
            open: self.open,
            agent: self.agent.as_deref(),
            member_name: self.member_name.as_deref(),
            messages_in: self.messages_in,
            messages_out: self.messages_out,
        }
    }
}

/// An event in a log.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    /// The conversation.
    pub conversation: &'a str,
    /// When, in milliseconds.
    pub at: i64,
    /// What it does, as a number.
    pub kind: u8,
    /// A message's direction.
    pub direction: Option<bool>,
    /// The agent's id, or name where there is none.
    pub agent: Option<&'a str>,
    /// The text.
    pub text: Option<&'a str>,
}

impl<'a> From<&'a Event> for Entry<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            conversation: event.conversation(),
            at: event.at().alone().ms(),
            kind: event.kind().rank(),
            direction: event.direction().map(|direction| direction == Direction::Out),
            agent: agent(event).flatten(),
            text: event.text(),
        }
    }
}

/// What tells an event from every other: 128 bits over its conversation and its identity.
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
        Kind::Message | Kind::Update => None,
    }
}

/// Whether it is a message in this direction.
pub(super) fn is_message(event: &Event, direction: Direction) -> bool {
    event.kind().is_message() && event.direction() == Some(direction)
}

/// What it says of the agent, if anything.
pub(super) fn agent(event: &Event) -> Option<Option<&str>> {
    match event.agent() {
        AgentMention::Silent => None,
        AgentMention::Nobody => Some(None),
        AgentMention::Agent { id, name } => Some(id.or(name)),
    }
}
