//! The history of one conversation (rule Q1).

use serde::Serialize;

use crate::agents::Agents;
use crate::conversation::{ArrivalCounts, Conversation};
use crate::effect::Seq;
use crate::event::{AgentMention, Direction, Kind};
use crate::fact::Fact;
use crate::state::AgentRef;
use crate::texts::Field;
use crate::time::Time;

/// One event in the history of its conversation, in the order of T2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Its sequence number in the log, which is the order of arrival.
    pub seq: Seq,
    /// When it happened (rules T1 and T3), in milliseconds since the epoch.
    pub at: i64,
    /// What it did.
    pub kind: Kind,
    /// The direction of a message, or of the text that a lifecycle event carries.
    pub direction: Option<Direction>,
    /// The channel of a message.
    pub channel: Option<String>,
    /// A message's own time (T4), or the "as of" time of a lifecycle event's text (F8), in milliseconds since the
    /// epoch.
    pub said_at: Option<i64>,
    /// The text of a message, or the last text that a lifecycle event carries.
    pub text: Option<String>,
    /// What it states about the agent.
    pub agent: Mention,
    /// The agent assigned after it (F5), with the latest name known in the conversation. `None` if no agent is
    /// assigned, or if the event does not count.
    pub assigned: Option<AgentRef>,
    /// The number of unread messages that it states.
    pub unread: Option<u64>,
    /// Its identity.
    pub identity: String,
    /// `false` if it lost to another event with the same identity (rule I2) and has no effect.
    pub counts: bool,
    /// Whether an event that sorts after it was known before it.
    pub late: bool,
}

/// What an event states about the agent (rule F5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mention {
    /// Nothing.
    Silent,
    /// No agent is assigned.
    Nobody,
    /// This agent is assigned.
    Agent(AgentRef),
}

/// How the events of a conversation arrived (rule F12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Arrivals {
    /// Events that count.
    pub events: u64,
    /// Events that lost to another event with the same identity.
    pub conflicts: u64,
    /// Deliveries of events that were known already. They are not logged, so a crash loses those since the last
    /// checkpoint.
    pub duplicates: u64,
    /// Events that sort before an event that was known already, counted on arrival. A rebuild from the same log gives
    /// the same number.
    pub late: u64,
    /// The first sequence number.
    pub first_seq: Seq,
    /// The last sequence number.
    pub last_seq: Seq,
}

pub(crate) fn of(conversation: &Conversation) -> Vec<HistoryEntry> {
    let counting = conversation.in_order().map(|(at, fact)| entry(conversation, at, fact, true));
    let mut entries: Vec<_> = counting.collect();
    set_assigned(&mut entries);
    if !conversation.conflicts.is_empty() {
        let losers = conversation.conflicts.iter().map(|loser| entry(conversation, loser.at.alone(), loser, false));
        entries.extend(losers);
        entries.sort_by_key(|entry| entry.at);
    }
    set_late(&mut entries);
    entries
}

/// Derives the assignments as the fold does. Names are filled in last, because the latest name counts for all entries.
fn set_assigned(entries: &mut [HistoryEntry]) {
    let mut agents = Agents::default();
    let mut numbers = Vec::with_capacity(entries.len());
    for entry in entries.iter() {
        match &entry.agent {
            Mention::Silent => {}
            Mention::Nobody => {
                agents.assign(None);
            }
            Mention::Agent(agent) => {
                let number = agents.mention(agent.id.as_deref(), agent.name.as_deref());
                agents.assign(number);
            }
        }
        numbers.push(agents.assigned());
    }
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    for (entry, number) in entries.iter_mut().zip(numbers) {
        let agent = number.and_then(|number| agents.get(number));
        entry.assigned = agent.map(|agent| AgentRef { id: text(&agent.id), name: text(&agent.name) });
    }
}

fn set_late(entries: &mut [HistoryEntry]) {
    let mut first_after = Seq::MAX;
    for entry in entries.iter_mut().rev() {
        entry.late = first_after < entry.seq;
        first_after = first_after.min(entry.seq);
    }
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
        assigned: None,
        unread: fact.unread,
        identity: fact.identity.text().into_owned(),
        counts,
        late: false,
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
    let seqs = || conversation.facts.iter().chain(&conversation.conflicts).map(|fact| fact.seq);
    let ArrivalCounts { duplicates, late } = conversation.arrivals;
    Arrivals {
        events: conversation.facts.len() as u64,
        conflicts: conversation.conflicts.len() as u64,
        duplicates,
        late,
        first_seq: seqs().min().unwrap_or_default(),
        last_seq: seqs().max().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Board;
    use crate::draft::Draft;
    use crate::draft::tests::{at, message};

    fn history(drafts: Vec<Draft<'_>>) -> Vec<HistoryEntry> {
        let mut board = Board::new();
        for (seq, draft) in (1..).zip(drafts) {
            board.edit().apply(seq, &draft.build().unwrap());
        }
        board.history("c-1").unwrap()
    }

    fn said(ms: i64, agent: AgentMention<'static>) -> Draft<'static> {
        Draft { occurred: at(ms), sent: None, agent, ..message() }
    }

    fn ann(name: Option<&'static str>) -> AgentMention<'static> {
        AgentMention::Agent { id: Some("a"), name }
    }

    #[test]
    fn f5_each_event_shows_the_agent_assigned_after_it() {
        let entries = history(vec![
            said(1, AgentMention::Silent),
            said(2, ann(None)),
            said(3, AgentMention::Silent),
            said(4, AgentMention::Nobody),
            said(5, ann(Some("Ann"))),
            said(6, AgentMention::Agent { id: None, name: Some("Ann") }),
        ]);
        let assigned = Some(AgentRef { id: Some("a".to_owned()), name: Some("Ann".to_owned()) });
        let expected = [&None, &assigned, &assigned, &None, &assigned, &assigned];
        assert_eq!(entries.iter().map(|entry| &entry.assigned).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_event_is_late_if_a_later_one_was_known_before_it() {
        let entries = history([10, 30, 20, 40, 5].map(|ms| said(ms, AgentMention::Silent)).to_vec());
        let found: Vec<_> = entries.iter().map(|entry| (entry.at, entry.late)).collect();
        assert_eq!(found, [(5, true), (10, false), (20, true), (30, false), (40, false)]);
    }
}
