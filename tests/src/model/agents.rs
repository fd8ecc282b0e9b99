//! Agents (F5): who is mentioned, who is assigned, and messages by agent.

use super::event::{AgentSays, Direction, Event};

/// An agent is its id, or its name if it has no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Agent {
    Id(String),
    Name(String),
}

/// F5: the latest name of an id among these events.
fn latest_name<'a>(events: &'a [Event], id: &str) -> Option<&'a str> {
    events.iter().rev().find_map(|event| match &event.content.agent {
        AgentSays::Somebody { id: Some(said), name: Some(name) } if said == id => Some(name.as_str()),
        _ => None,
    })
}

/// F5: the assigned agent after each event, including the event's own mention.
pub(crate) fn assigned_after_each(events: &[Event]) -> Vec<Option<Agent>> {
    let mut current = None;
    let mut all = Vec::new();
    for (index, event) in events.iter().enumerate() {
        current = match &event.content.agent {
            AgentSays::Nothing => current,
            AgentSays::Nobody => None,
            AgentSays::Somebody { id: Some(id), .. } => Some(Agent::Id(id.clone())),
            AgentSays::Somebody { id: None, name } => {
                let name = name.clone().unwrap_or_default();
                Some(meant_by_name(&events[..index], current, name))
            }
        };
        all.push(current.clone());
    }
    all
}

/// F5: a mention of the current agent's name without an id, as known up to there, is the current agent.
fn meant_by_name(before: &[Event], current: Option<Agent>, name: String) -> Agent {
    match current {
        Some(Agent::Id(id)) if latest_name(before, &id) == Some(&name) => Agent::Id(id),
        _ => Agent::Name(name),
    }
}

/// The agent as the export shows it: id and the latest known name in the whole conversation (H2).
pub(crate) fn shown(events: &[Event], agent: &Agent) -> (Option<String>, Option<String>) {
    match agent {
        Agent::Id(id) => (Some(id.clone()), latest_name(events, id).map(str::to_owned)),
        Agent::Name(name) => (None, Some(name.clone())),
    }
}

/// F5: every change of the assigned agent, starting from no agent, with the event that made it.
pub(crate) fn assignments(events: &[Event]) -> Vec<(Option<Agent>, &Event)> {
    let after = assigned_after_each(events);
    let mut changes = Vec::new();
    let mut before = None;
    for (event, agent) in events.iter().zip(after) {
        if agent != before {
            changes.push((agent.clone(), event));
        }
        before = agent;
    }
    changes
}

/// F9 `by_agent`: messages in and out by the agent assigned at each message's position.
pub(crate) fn by_agent(events: &[Event]) -> Vec<(Agent, u64, u64)> {
    let mut counts: Vec<(Agent, u64, u64)> = Vec::new();
    for (event, agent) in events.iter().zip(assigned_after_each(events)) {
        let (Some(agent), true) = (agent, event.content.is_message()) else {
            continue;
        };
        let (is_in, is_out) = match event.content.direction {
            Some(Direction::In) => (1, 0),
            Some(Direction::Out) => (0, 1),
            None => continue,
        };
        match counts.iter_mut().find(|(known, _, _)| *known == agent) {
            Some((_, messages_in, messages_out)) => {
                *messages_in += is_in;
                *messages_out += is_out;
            }
            None => counts.push((agent, is_in, is_out)),
        }
    }
    counts.sort_by_key(|(agent, _, _)| shown(events, agent));
    counts
}
