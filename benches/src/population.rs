//! Conversations by the million, computed from numbers, the same every time: faster than parsing JSON, and with any
//! number of open conversations.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use convofold::{AIRSHIP, AgentMention, Batch, Convofold, Direction, Draft, Durability, Event, Identity, Kind, Time};

pub(crate) const FIRST_MS: i64 = 1_700_000_000_000;
/// Time between the starts of two conversations, in milliseconds.
pub(crate) const APART_MS: i64 = 250;
const BATCH: usize = 1_000;
const TENANTS: u64 = 12;
const NAMES: [&str; 6] = ["Yara Kovács", "Luca Bose", "Thị Mai Eriksen", "Hugo Castro", "佐藤 花子", "Dagný Gruber"];
const TEXTS: [&str; 6] = [
    "Hey, quick question about my debit card",
    "I am running 3 minutes late, will you still see me?",
    "Let me check that for you.",
    "Could you tell me the number on the back?",
    "Thank you, that was all.",
    "Nothing has arrived yet, and it was promised for Tuesday. Can somebody look into this?",
];

/// The agents of the conversations.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// Number of agents that share the open conversations.
    pub agents: u64,
}

/// The member and the texts of one conversation.
struct Person {
    number: u64,
    id: String,
    business_id: String,
    channel_id: String,
    phone: String,
    tenant: String,
    began: i64,
    /// The time between two places of events, in milliseconds.
    step_ms: u64,
}

impl Population {
    /// A population with some hundred open conversations per agent, for this number of open conversations.
    #[must_use]
    pub fn of(open: u64) -> Self {
        Self { agents: (open / 500).max(4) }
    }

    /// The id of an agent.
    #[must_use]
    pub fn agent(self, number: u64) -> String {
        uuid(mixed(0xa6e7, number % self.agents))
    }

    /// Conversation `number`, open: five events.
    ///
    /// # Errors
    /// Never, unless the engine refuses a valid event.
    pub fn open(self, number: u64) -> Result<Vec<Event>> {
        let person = Person::new(number);
        let agent = self.agent(number);
        Ok(vec![
            person.convo(0, Kind::Open, AgentMention::Nobody)?,
            person.message(1, Direction::In)?,
            person.convo(2, Kind::Open, AgentMention::agent(agent.as_str(), "An Agent"))?,
            person.message(3, Direction::Out)?,
            person.message(4, Direction::In)?,
        ])
    }

    /// Conversation `number`, closed: three events.
    ///
    /// # Errors
    /// Never, unless the engine refuses a valid event.
    pub fn closed(self, number: u64) -> Result<Vec<Event>> {
        let person = Person::new(number);
        Ok(vec![
            person.convo(0, Kind::Open, AgentMention::Nobody)?,
            person.message(1, Direction::In)?,
            person.convo(2, Kind::Close, AgentMention::Nobody)?,
        ])
    }

    /// Conversation `number` of one of `members` members, closed: three events. It begins with an agent.
    ///
    /// # Errors
    /// Never, unless the engine refuses a valid event.
    pub fn archived(self, number: u64, members: u64) -> Result<Vec<Event>> {
        let person = Person::of(number, mixed(14, number) % members);
        let agent = self.agent(mixed(15, number));
        Ok(vec![
            person.convo(0, Kind::Open, AgentMention::agent(agent.as_str(), "An Agent"))?,
            person.message(1, Direction::In)?,
            person.convo(2, Kind::Close, AgentMention::agent(agent.as_str(), "An Agent"))?,
        ])
    }

    /// Conversation `number`, closed `length_ms` after its beginning: four or five events. The member writes twice and is
    /// answered once; of each five conversations one gets another agent in the middle.
    ///
    /// # Errors
    /// Never, unless the engine refuses a valid event.
    pub fn lasting(self, number: u64, length_ms: u64) -> Result<Vec<Event>> {
        let person = Person { step_ms: length_ms / 8, ..Person::new(number) };
        let agents = [15, 16].map(|salt| self.agent(mixed(salt, number)));
        let [first, second] = agents.each_ref().map(|agent| AgentMention::agent(agent.as_str(), "An Agent"));
        let is_moved = mixed(17, number).is_multiple_of(5);
        let mut events = vec![
            person.convo(0, Kind::Open, first)?,
            person.message(1, Direction::In)?,
            person.message(3, Direction::Out)?,
            person.message(5, Direction::In)?,
        ];
        if is_moved {
            events.push(person.convo(4, Kind::Open, second)?);
        }
        events.push(person.convo(8, Kind::Close, if is_moved { second } else { first })?);
        Ok(events)
    }

    /// Message `place` of conversation `number`, from 5.
    ///
    /// # Errors
    /// Never, unless the engine refuses a valid event.
    pub fn later(self, number: u64, place: u64) -> Result<Event> {
        let direction = if place.is_multiple_of(2) { Direction::In } else { Direction::Out };
        Person::new(number).message(place, direction)
    }
}

impl Person {
    fn new(number: u64) -> Self {
        Self::of(number, number)
    }

    /// A conversation of a member who may have others.
    fn of(number: u64, member: u64) -> Self {
        let business_id = uuid(mixed(1, member));
        let began = FIRST_MS.saturating_add_unsigned(number * APART_MS.unsigned_abs());
        Self {
            number,
            id: format!("{business_id}_{began}"),
            channel_id: uuid(mixed(2, member)),
            phone: format!("1555{:07}", mixed(3, member) % 10_000_000),
            tenant: uuid(mixed(4, number % TENANTS)),
            business_id,
            began,
            step_ms: 5_000,
        }
    }

    fn at(&self, place: u64) -> Option<Time> {
        Time::from_ms(self.began.saturating_add_unsigned(place * self.step_ms))
    }

    fn draft(&self, place: u64, kind: Kind) -> Draft<'_> {
        let identity = u128::from(mixed(5 + place, self.number)) << 64 | u128::from(mixed(6 + place, !self.number));
        let pick = usize::try_from(mixed(7, self.number + place) % 6).unwrap_or_default();
        Draft::new(AIRSHIP, &self.id, kind, self.at(place))
            .identity(Identity::from_uuid(identity.to_be_bytes(), 0))
            .text(TEXTS.get(pick).copied())
            .member_number(self.phone.as_str())
            .member_business_id(self.business_id.as_str())
            .tenant(self.tenant.as_str())
            .shortcode("363450")
    }

    fn convo(&self, place: u64, kind: Kind, agent: AgentMention<'_>) -> Result<Event> {
        let active = if kind == Kind::Close { None } else { self.at(place) };
        Ok(self
            .draft(place, kind)
            .started(self.at(0))
            .active(active)
            .agent(agent)
            .direction(Direction::In)
            .member_name(NAMES.get(usize::try_from(self.number % 6)?).copied())
            .build()?)
    }

    fn message(&self, place: u64, direction: Direction) -> Result<Event> {
        Ok(self
            .draft(place, Kind::Message)
            .sent(self.at(place))
            .direction(direction)
            .channel("sms")
            .member_channel_id(self.channel_id.as_str())
            .app_key("QNOXAh8PA6pekvhz3cwHOf")
            .build()?)
    }
}

/// The bytes of a conversation's own content: its id, each of its different texts once, and for every event 16 bytes of
/// identity and 8 bytes of time. Shared content (agents, tenants, senders, app keys, channels) is not counted.
#[must_use]
pub fn content_bytes(events: &[Event]) -> u64 {
    let mut texts = HashSet::new();
    for event in events {
        texts.insert(event.conversation());
        let said = [
            event.text(),
            event.member_name(),
            event.member_number(),
            event.member_business_id(),
            event.member_channel_id(),
        ];
        texts.extend(said.into_iter().flatten());
    }
    let texts: usize = texts.iter().map(|text| text.len()).sum();
    texts as u64 + events.len() as u64 * 24
}

/// Submits the events of conversations in batches and returns when all are durable.
///
/// # Errors
/// If the database fails.
pub fn fill(db: &Convofold, conversations: impl IntoIterator<Item = Result<Vec<Event>>>) -> Result<u64> {
    let mut count = 0;
    let mut batch = Vec::with_capacity(BATCH);
    let submit = |batch: Vec<Event>| db.submit(Batch::new(batch).durability(Durability::Buffered));
    for events in conversations {
        batch.extend(events?);
        if batch.len() >= BATCH {
            count += batch.len() as u64;
            // Without waiting for tickets, a submission blocks only when the queue is full.
            submit(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)))?;
        }
    }
    count += batch.len() as u64;
    submit(batch)?.wait()?;
    db.sync()?;
    Ok(count)
}

/// Waits until the background work after a write has ended.
pub fn settle() {
    std::thread::sleep(Duration::from_millis(500));
}

/// A pseudo-random number (splitmix64).
pub(crate) fn mixed(salt: u64, number: u64) -> u64 {
    let mut value = number.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn uuid(number: u64) -> String {
    let bits = u128::from(number) << 64 | u128::from(mixed(9, number));
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
