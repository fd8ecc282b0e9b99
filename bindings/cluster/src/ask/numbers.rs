//! Numbers of several partitions in one.

use std::collections::BTreeMap;
use std::sync::Arc;

use convofold::{AgentLoad, AgentRef, MomentReport, Totals};

type Name = Option<Arc<str>>;

/// An agent of a tenant; the name counts without an id only.
type AgentKey = (Name, Option<(Name, Name)>);

/// The workload of every agent in several partitions, and the agents with an id that have different names in them.
pub(super) fn agents(parts: impl IntoIterator<Item = Vec<AgentLoad>>) -> (Vec<AgentLoad>, Vec<(Name, Arc<str>)>) {
    let mut all: BTreeMap<AgentKey, AgentLoad> = BTreeMap::new();
    let mut renamed = Vec::new();
    for load in parts.into_iter().flatten() {
        let agent = load.agent.as_ref().map(|agent| match &agent.id {
            Some(id) => (Some(id.clone()), None),
            None => (None, agent.name.clone()),
        });
        match all.get_mut(&(load.tenant.clone(), agent.clone())) {
            None => drop(all.insert((load.tenant.clone(), agent), load)),
            Some(known) => {
                if let Some(id) = add(known, &load) {
                    renamed.push((load.tenant, id));
                }
            }
        }
    }
    let mut agents: Vec<_> = all.into_values().collect();
    sort(&mut agents);
    renamed.sort_unstable();
    renamed.dedup();
    (agents, renamed)
}

/// The busiest agent first, nobody last.
pub(super) fn sort(agents: &mut [AgentLoad]) {
    agents.sort_by(|a, b| {
        let by_open = a.agent.is_none().cmp(&b.agent.is_none()).then(b.open.cmp(&a.open));
        by_open.then_with(|| a.agent.cmp(&b.agent)).then_with(|| a.tenant.cmp(&b.tenant))
    });
}

/// Adds the numbers of the same agent. Returns its id if the names differ.
fn add(known: &mut AgentLoad, other: &AgentLoad) -> Option<Arc<str>> {
    known.open += other.open;
    known.unread = known.unread.saturating_add(other.unread);
    known.waiting += other.waiting;
    known.oldest_waiting_since = known.oldest_waiting_since.into_iter().chain(other.oldest_waiting_since).min();
    let (Some(AgentRef { id, name, .. }), Some(other)) = (&mut known.agent, &other.agent) else { return None };
    let is_other = name.is_some() && other.name.is_some() && *name != other.name;
    if name.is_none() {
        name.clone_from(&other.name);
    }
    id.clone().filter(|_| is_other)
}

/// Counts per tenant and channel in several partitions.
pub(super) fn totals(parts: impl IntoIterator<Item = Vec<Totals>>) -> Vec<Totals> {
    let mut all: BTreeMap<(Name, Name), Totals> = BTreeMap::new();
    for row in parts.into_iter().flatten() {
        match all.get_mut(&(row.tenant.clone(), row.channel.clone())) {
            None => drop(all.insert((row.tenant.clone(), row.channel.clone()), row)),
            Some(known) => {
                known.conversations += row.conversations;
                known.open += row.open;
                known.waiting += row.waiting;
                known.unread = known.unread.saturating_add(row.unread);
                known.unanswered_after_close += row.unanswered_after_close;
            }
        }
    }
    all.into_values().collect()
}

/// What an answer of several partitions is about. `known_at` has no sequence number that they share; the time is the latest one.
pub(super) fn moment(parts: impl IntoIterator<Item = MomentReport>) -> MomentReport {
    let add = |known: MomentReport, other: MomentReport| {
        let mut latest = if other.time > known.time { other } else { known };
        latest.as_of = known.as_of.max(other.as_of);
        latest.late_events = known.late_events.zip(other.late_events).map(|(known, other)| known + other);
        latest
    };
    let mut moment = parts.into_iter().reduce(add).unwrap_or_default();
    moment.known_at = None;
    moment
}
