//! The history of one conversation (spec Q1).

use serde::Serialize;

use crate::conversation::{ArrivalCounts, Conversation};
use crate::effect::Seq;
use crate::event::{AgentMention, Direction, Kind};
use crate::fact::Fact;
use crate::state::AgentRef;
use crate::texts::Field;
use crate::time::Time;

/// One event in the history of its conversation, in the order of T2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// Its place in the log: when it was learned.
    pub seq: Seq,
    /// When it happened (T1, T3), in milliseconds since the epoch.
    pub at: i64,
    /// What it did.
    pub kind: Kind,
    /// A message's direction, or that of the text a lifecycle event carries.
    pub direction: Option<Direction>,
    /// A message's channel.
    pub channel: Option<String>,
    /// A message's own time (T4), or the time as of which a lifecycle event's text counts (F8).
    pub said_at: Option<i64>,
    /// A message's text, or the last text that a lifecycle event carries.
    pub text: Option<String>,
    /// What it says of the agent.
    pub agent: Mention,
    /// How many unread messages it states.
    pub unread: Option<u64>,
    /// Its identity.
    pub identity: String,
    /// False for one that lost to another event of the same identity (I2): shown, and without effect.
    pub counts: bool,
}

/// What an event says of the agent (F5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mention {
    /// Nothing.
    Silent,
    /// That nobody is assigned.
    Nobody,
    /// That this agent is.
    Agent(AgentRef),
}

/// How the events of a conversation arrived (spec F12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Arrivals {
    /// Events that count.
    pub events: u64,
    /// Events that lost to another of the same identity.
    pub conflicts: u64,
    /// Deliveries of events known already. Not logged, so those since the last checkpoint are not counted after a
    /// crash.
    pub duplicates: u64,
    /// Events that took a place before ones known already. Counted as they arrive: a rebuild that reads the same log
    /// counts the same.
    pub late: u64,
    /// The first place in the log.
    pub first_seq: Seq,
    /// The last place in the log.
    pub last_seq: Seq,
}

pub(crate) fn of(conversation: &Conversation) -> Vec<HistoryEntry> {
    let counting = conversation.in_order().map(|(at, fact)| entry(conversation, at, fact, true));
    let losers = conversation.conflicts.iter().map(|loser| entry(conversation, loser.at.alone(), loser, false));
    let mut entries: Vec<_> = counting.chain(losers).collect();
    if !conversation.conflicts.is_empty() {
        entries.sort_by_key(|entry| entry.at);
    }
    entries
}

fn entry(conversation: &Conversation, at: Time, fact: &Fact, counts: bool) -> HistoryEntry {
    let context = conversation.contexts.get(fact.context as usize);
    let channel = context.and_then(|context| context.get(Field::Channel));
    let said_at = match fact.text {
        _ if fact.kind.is_message() => Some(fact.message_time(at)),
        Some(_) => Some(fact.text_as_of(at)),
        None => None,
    };
    HistoryEntry {
        seq: fact.seq,
        at: at.ms(),
        kind: fact.kind,
        direction: fact.direction,
        channel: channel.map(str::to_owned),
        said_at: said_at.map(Time::ms),
        text: fact.text.as_deref().map(str::to_owned),
        agent: context.map_or(Mention::Silent, |context| mention(context.agent())),
        unread: fact.unread,
        identity: fact.identity.text().into_owned(),
        counts,
    }
}

fn mention(mention: AgentMention<'_>) -> Mention {
    match mention {
        AgentMention::Silent => Mention::Silent,
        AgentMention::Nobody => Mention::Nobody,
        AgentMention::Agent { id, name } => {
            Mention::Agent(AgentRef { id: id.map(str::to_owned), name: name.map(str::to_owned) })
        }
    }
}

pub(crate) fn arrivals(conversation: &Conversation) -> Arrivals {
    let counting = || conversation.timed.facts().iter().chain(&conversation.untimed);
    let seqs = || counting().chain(&conversation.conflicts).map(|fact| fact.seq);
    let ArrivalCounts { duplicates, late } = conversation.arrivals;
    Arrivals {
        events: counting().count() as u64,
        conflicts: conversation.conflicts.len() as u64,
        duplicates,
        late,
        first_seq: seqs().min().unwrap_or_default(),
        last_seq: seqs().max().unwrap_or_default(),
    }
}
