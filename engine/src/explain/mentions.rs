//! Which events decide the agent, and whose messages they are (rules F5 and F9).

use std::collections::HashMap;

use super::cause::Causes;
use super::seen::Seen;
use crate::agents::AgentNumber;
use crate::effect::Seq;
use crate::event::AgentMention;

const NAMED: &str = "gives the name of the agent";

/// An event that states something about the agent.
#[derive(Clone, Copy, Debug)]
struct Mention<'a> {
    seq: Seq,
    states: AgentMention<'a>,
    /// The agent who is assigned after it.
    agent: Option<AgentNumber>,
}

/// The mentions of agents.
///
/// A mention by name alone is the agent who is assigned there, if that is the agent's name there. So it depends on the mention
/// before it, and on the event that gave the name.
#[derive(Debug, Default)]
pub(super) struct Mentions<'a> {
    last: Option<Mention<'a>>,
    /// The last mention before all that are like the last one, if that is by name alone.
    before_run: Option<Mention<'a>>,
    /// The last event that names an agent by id and name.
    namers: HashMap<AgentNumber, Seq>,
    /// The events that changed the agent.
    changes: Vec<Seq>,
    /// The events on whose names later mentions depend.
    read: Vec<Seq>,
    /// The messages that count for an agent.
    messages: Vec<Seq>,
    /// The agents that have messages, not sorted.
    busy: Vec<AgentNumber>,
    /// The number of `changes` and of `read` up to the last message with a direction.
    up_to_last_message: (usize, usize),
}

impl<'a> Mentions<'a> {
    pub(super) fn see(&mut self, seen: &Seen<'_, 'a>) {
        let states = seen.mention();
        if states != AgentMention::Silent {
            self.mention(seen, Mention { seq: seen.seq(), states, agent: seen.after.agents.assigned() });
        }
        if seen.is_inbound() || seen.is_outbound() {
            if let Some(agent) = seen.after.agents.assigned() {
                self.messages.push(seen.seq());
                self.busy.extend(Some(agent).filter(|agent| self.busy.last() != Some(agent)));
            }
            self.up_to_last_message = (self.changes.len(), self.read.len());
        }
    }

    fn mention(&mut self, seen: &Seen<'_, '_>, mention: Mention<'a>) {
        if let AgentMention::Agent { id: None, .. } = mention.states {
            let namer = seen.assigned_before().and_then(|agent| self.namers.get(&agent)).copied();
            self.read.extend(namer.filter(|namer| self.read.last() != Some(namer)));
            if self.last.is_none_or(|last| last.states != mention.states) {
                self.before_run = self.last;
            }
        } else {
            self.before_run = None;
        }
        if let (AgentMention::Agent { id: Some(_), name: Some(_) }, Some(agent)) = (mention.states, mention.agent) {
            self.namers.insert(agent, mention.seq);
        }
        self.changes.extend(seen.assigns().then_some(mention.seq));
        self.last = Some(mention);
    }

    fn namer(&self, agent: Option<AgentNumber>) -> Option<Seq> {
        agent.and_then(|agent| self.namers.get(&agent)).copied()
    }

    /// Who is assigned.
    pub(super) fn agent_id(&self) -> Causes {
        let causes = Causes::of(self.last.map(|last| last.seq));
        let Some(before) = self.before_run else { return causes };
        let causes = causes.and(Some(before.seq), "decides whose name it is");
        match before.states {
            AgentMention::Agent { id: Some(_), .. } => causes.and(self.namer(before.agent), NAMED),
            _ => causes,
        }
    }

    /// Under which name.
    pub(super) fn agent_name(&self) -> Causes {
        self.agent_id().and(self.namer(self.last.and_then(|last| last.agent)), NAMED)
    }

    pub(super) fn assignments(&self) -> Causes {
        let named = self.read.iter().chain(self.namers.values());
        named.fold(Causes::of(self.changes.iter().copied()), |causes, namer| causes.and(Some(*namer), NAMED))
    }

    pub(super) fn by_agent(&self) -> Causes {
        let (changes, read) = self.up_to_last_message;
        let causes = Causes::of(self.messages.iter().copied());
        let changes = self.changes.iter().take(changes);
        let causes = changes.fold(causes, |causes, change| causes.and(Some(*change), "changes the agent"));
        let busy = self.busy.iter().filter_map(|agent| self.namers.get(agent));
        let named = self.read.iter().take(read).chain(busy);
        named.fold(causes, |causes, namer| causes.and(Some(*namer), NAMED))
    }
}
