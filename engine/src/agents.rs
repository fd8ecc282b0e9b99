//! The agents of one conversation (rules F5 and F9, `by_agent`).

use std::sync::Arc;

use hashbrown::HashMap;

use crate::event::Direction;
use crate::growth::{ARC_BYTES, reserve_one};
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

/// The maximum number of agents for a linear search.
const LINEAR_UP_TO: usize = if cfg!(test) { 2 } else { 8 };

/// Agents by id, and those without an id by name.
#[derive(Clone, Debug, Default)]
struct Maps {
    by_id: HashMap<Arc<str>, AgentNumber>,
    by_name: HashMap<Arc<str>, AgentNumber>,
}

impl Maps {
    fn insert(&mut self, agent: &Agent, number: AgentNumber) {
        match (&agent.id, &agent.name) {
            (Some(id), _) => self.by_id.insert(id.clone(), number),
            (None, Some(name)) => self.by_name.insert(name.clone(), number),
            (None, None) => None,
        };
    }
}

/// All agents that a conversation mentions, and the assigned one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agents {
    all: Vec<Agent>,
    /// Where to find them, if there are many.
    maps: Option<Box<Maps>>,
    assigned: Option<AgentNumber>,
    /// The total length of all ids and names.
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
        let known = match &self.maps {
            Some(maps) => maps.by_id.get(id).copied(),
            None => self.position(|agent| agent.id.as_deref() == Some(id)),
        };
        known.unwrap_or_else(|| self.add(Agent { id: Some(id.into()), ..Agent::default() }))
    }

    fn known_by_name(&mut self, name: &str) -> AgentNumber {
        let known = match &self.maps {
            Some(maps) => maps.by_name.get(name).copied(),
            None => self.position(|agent| agent.id.is_none() && agent.name.as_deref() == Some(name)),
        };
        known.unwrap_or_else(|| self.add(Agent { name: Some(name.into()), ..Agent::default() }))
    }

    fn position(&self, is_it: impl Fn(&Agent) -> bool) -> Option<AgentNumber> {
        (0..).zip(&self.all).find(|(_, agent)| is_it(agent)).map(|(number, _)| number)
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion agents do not fit into memory")]
    fn add(&mut self, agent: Agent) -> AgentNumber {
        self.text_bytes += agent.id.as_ref().or(agent.name.as_ref()).map_or(0, |text| text.len());
        let number = self.all.len() as AgentNumber;
        reserve_one(&mut self.all);
        self.all.push(agent);
        match &mut self.maps {
            Some(maps) => self.all.last().into_iter().for_each(|agent| maps.insert(agent, number)),
            None if self.all.len() > LINEAR_UP_TO => {
                let maps = self.maps.get_or_insert_default();
                (0..).zip(&self.all).for_each(|(number, agent)| maps.insert(agent, number));
            }
            None => {}
        }
        number
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
        let keys = |map: &HashMap<Arc<str>, AgentNumber>| map.capacity() * (size_of::<(Arc<str>, AgentNumber)>() + 1);
        let maps = self.maps.as_ref().map_or(0, |maps| size_of::<Maps>() + keys(&maps.by_id) + keys(&maps.by_name));
        // An id and a name are one allocation each.
        self.all.capacity() * size_of::<Agent>() + maps + self.text_bytes + self.all.len() * 2 * ARC_BYTES
    }
}
