//! The history of one conversation (rule Q1).

use serde::{Deserialize, Serialize};

use crate::agents::{Agent, Agents};
use crate::conversation::{ArrivalCounts, Conversation};
use crate::effect::Seq;
use crate::event::{AgentMention, Event};
use crate::fact::Fact;
use crate::fold::Lists;
use crate::state::AgentRef;
use crate::time::Time;

/// One event in the history of its conversation, in the order of T2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Its sequence number in the log, which is the order of arrival.
    pub seq: Seq,
    /// When it happened (rules T1 and T3), in milliseconds since the epoch.
    pub at: i64,
    /// The event. Its JSON is a line of [`Event::export_line`].
    pub event: Event,
    /// A message's own time (T4), or the "as of" time of a lifecycle event's text (F8), in milliseconds since the
    /// epoch.
    pub said_at: Option<i64>,
    /// The agent assigned after it (F5), with the latest name known in the conversation. `None` if no agent is
    /// assigned, or if the event does not count.
    pub assigned: Option<AgentRef>,
    /// `false` if it lost to another event with the same identity (rule I2) and has no effect.
    pub counts: bool,
    /// Whether an event that sorts after it was known before it.
    pub late: bool,
}

/// How the events of a conversation arrived (rule F12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    of_facts((&conversation.id, conversation.lists()), conversation.in_order(), conversation.conflicts.iter())
}

/// The history of the conversation with this id and these lists: the facts that count, in the order of T2, and those that
/// lost to one of them.
pub(crate) fn of_facts<'a>(
    of: (&str, Lists<'_>),
    counting: impl Iterator<Item = (Time, Fact<'a>)>,
    lost: impl Iterator<Item = Fact<'a>>,
) -> Vec<HistoryEntry> {
    let mut entries: Vec<_> = counting.filter_map(|(at, fact)| entry(of, at, &fact, true)).collect();
    set_assigned(&mut entries);
    let known = entries.len();
    entries.extend(lost.filter_map(|loser| entry(of, loser.at.alone(), &loser, false)));
    if entries.len() > known {
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
        match entry.event.agent() {
            AgentMention::Silent => {}
            AgentMention::Nobody => {
                agents.assign(None);
            }
            AgentMention::Agent { id, name } => {
                let number = agents.mention(id, name);
                agents.assign(number);
            }
        }
        numbers.push(agents.assigned());
    }
    for (entry, number) in entries.iter_mut().zip(numbers) {
        entry.assigned = number.and_then(|number| agents.get(number)).map(Agent::to_ref);
    }
}

fn set_late(entries: &mut [HistoryEntry]) {
    let mut first_after = Seq::MAX;
    for entry in entries.iter_mut().rev() {
        entry.late = first_after < entry.seq;
        first_after = first_after.min(entry.seq);
    }
}

/// `None` is impossible: the fact was made from a valid event.
fn entry((id, lists): (&str, Lists<'_>), at: Time, fact: &Fact<'_>, counts: bool) -> Option<HistoryEntry> {
    let said_at = match fact.text {
        _ if fact.kind.is_message() => Some(fact.message_time(at)),
        Some(_) => Some(fact.text_as_of(at)),
        None => None,
    };
    Some(HistoryEntry {
        seq: fact.seq,
        at: at.ms(),
        event: fact.event(id, lists).ok()?,
        said_at: said_at.map(Time::ms),
        assigned: None,
        counts,
        late: false,
    })
}

pub(crate) fn arrivals(conversation: &Conversation) -> Arrivals {
    let ArrivalCounts { duplicates, late } = conversation.arrivals;
    Arrivals {
        events: conversation.facts.len() as u64,
        conflicts: conversation.conflicts.len() as u64,
        duplicates,
        late,
        first_seq: conversation.bounds.first_seq(),
        last_seq: conversation.bounds.last_seq(),
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
        let assigned = Some(AgentRef::new("a", "Ann"));
        let expected = [&None, &assigned, &assigned, &None, &assigned, &assigned];
        assert_eq!(entries.iter().map(|entry| &entry.assigned).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_entry_has_the_event_as_it_was_accepted() {
        let drafts = vec![said(1, ann(Some("Ann"))), said(2, AgentMention::Nobody)];
        let events: Vec<_> = drafts.iter().map(|draft| draft.clone().build().unwrap()).collect();
        assert_eq!(history(drafts).into_iter().map(|entry| entry.event).collect::<Vec<_>>(), events);
    }

    #[test]
    fn an_event_is_late_if_a_later_one_was_known_before_it() {
        let entries = history([10, 30, 20, 40, 5].map(|ms| said(ms, AgentMention::Silent)).to_vec());
        let found: Vec<_> = entries.iter().map(|entry| (entry.at, entry.late)).collect();
        assert_eq!(found, [(5, true), (10, false), (20, true), (30, false), (40, false)]);
    }
}
