//! The agents of one conversation (rules F5 and F9, `by_agent`).

use std::sync::Arc;

use hashbrown::HashMap;

use crate::event::Direction;
use crate::state::AgentRef;

/// The index of an agent in [`Agents`].
pub(crate) type AgentNumber = u32;

/// An agent of one conversation, known by id, or by name if no event gave an id with that name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agent {
    pub(crate) id: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) messages_in: u64,
    pub(crate) messages_out: u64,
}

impl Agent {
    pub(crate) fn to_ref(&self) -> AgentRef {
        AgentRef { id: self.id.clone(), name: self.name.clone() }
    }
}

/// All agents that a conversation mentions, and the assigned one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agents {
    all: Vec<Agent>,
    by_id: HashMap<Arc<str>, AgentNumber>,
    by_name: HashMap<Arc<str>, AgentNumber>,
    assigned: Option<AgentNumber>,
    /// The total length of all ids and names, keys included.
    text_bytes: usize,
}

impl Agents {
    pub(crate) fn get(&self, number: AgentNumber) -> Option<&Agent> {
        self.all.get(number as usize)
    }

    pub(crate) fn all(&self) -> &[Agent] {
        &self.all
    }

    pub(crate) fn assigned(&self) -> Option<AgentNumber> {
        self.assigned
    }

    /// Assigns `agent`; `None` assigns no agent. Returns whether the assignment changed.
    pub(crate) fn assign(&mut self, agent: Option<AgentNumber>) -> bool {
        let changed = self.assigned != agent;
        self.assigned = agent;
        changed
    }

    /// The agent that a mention refers to; `None` if the mention has neither id nor name.
    pub(crate) fn mention(&mut self, id: Option<&str>, name: Option<&str>) -> Option<AgentNumber> {
        match (id, name) {
            (Some(id), name) => Some(self.mention_by_id(id, name)),
            (None, Some(name)) => Some(self.mention_by_name(name)),
            (None, None) => None,
        }
    }

    fn mention_by_id(&mut self, id: &str, name: Option<&str>) -> AgentNumber {
        let number = match self.assigned_with(|agent| agent.id.as_deref() == Some(id)) {
            Some(number) => number,
            None => self.known_by_id(id),
        };
        if let (Some(agent), Some(name)) = (self.all.get_mut(number as usize), name)
            && agent.name.as_deref() != Some(name)
        {
            self.text_bytes += name.len();
            self.text_bytes -= agent.name.as_ref().map_or(0, |before| before.len());
            agent.name = Some(name.into());
        }
        number
    }

    /// A mention of the assigned agent's name alone refers to the assigned agent. Any other name alone refers to an
    /// agent known by name only.
    fn mention_by_name(&mut self, name: &str) -> AgentNumber {
        match self.assigned_with(|agent| agent.name.as_deref() == Some(name)) {
            Some(number) => number,
            None => self.known_by_name(name),
        }
    }

    fn assigned_with(&self, is: impl Fn(&Agent) -> bool) -> Option<AgentNumber> {
        self.assigned.filter(|number| self.get(*number).is_some_and(is))
    }

    fn known_by_id(&mut self, id: &str) -> AgentNumber {
        if let Some(number) = self.by_id.get(id) {
            return *number;
        }
        let id: Arc<str> = id.into();
        let number = self.add(Agent { id: Some(id.clone()), ..Agent::default() });
        self.by_id.insert(id, number);
        number
    }

    fn known_by_name(&mut self, name: &str) -> AgentNumber {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let name: Arc<str> = name.into();
        let number = self.add(Agent { name: Some(name.clone()), ..Agent::default() });
        self.by_name.insert(name, number);
        number
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion agents do not fit into memory")]
    fn add(&mut self, agent: Agent) -> AgentNumber {
        // The text, and the key by which the agent is found.
        self.text_bytes += 2 * agent.id.as_ref().or(agent.name.as_ref()).map_or(0, |text| text.len());
        self.all.push(agent);
        (self.all.len() - 1) as AgentNumber
    }

    /// Counts a message for the assigned agent (rule F9).
    pub(crate) fn count_message(&mut self, direction: Option<Direction>) {
        let Some(agent) = self.assigned.and_then(|number| self.all.get_mut(number as usize)) else { return };
        match direction {
            Some(Direction::In) => agent.messages_in += 1,
            Some(Direction::Out) => agent.messages_out += 1,
            None => {}
        }
    }

    /// Approximate size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let keys = self.by_id.capacity() + self.by_name.capacity();
        let key_bytes = size_of::<(Box<str>, AgentNumber)>() + 1;
        self.all.capacity() * size_of::<Agent>() + keys * key_bytes + self.text_bytes
    }
}
