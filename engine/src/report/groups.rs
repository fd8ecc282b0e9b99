//! The groups of a report.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::report::buckets::Buckets;
use crate::report::names::Names;
use crate::report::query::{GroupBy, ReportQuery};
use crate::report::transitions::{ReportPlace, Standing, Transitions};
use crate::report::walk::{Group, HIDDEN};
use crate::state::AgentRef;

/// The value that distinguishes a row from the others of its bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum GroupValue {
    /// An agent of a tenant.
    Agent(AgentOfTenant),
    /// A tenant, channel, source or shortcode; `None` if it is not known.
    Text(Option<Arc<str>>),
}

/// An agent of a tenant, or nobody: without id and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgentOfTenant {
    /// The tenant.
    pub tenant: Option<Arc<str>>,
    /// The id; `None` for an agent known by name only.
    pub id: Option<Arc<str>>,
    /// The name: the latest one of an agent with an id.
    pub name: Option<Arc<str>>,
}

/// All groups that were met, by number.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by: Vec<GroupBy>,
    numbers: HashMap<Vec<GroupValue>, Group>,
    names: Names,
}

/// The groups of one conversation that are known already.
#[derive(Debug)]
pub(crate) struct KnownGroups {
    /// By agent and place.
    known: HashMap<(Option<u32>, u32), Group>,
    /// Whether the conversation tells the names of its agents.
    has_names: bool,
}

impl KnownGroups {
    /// None yet. A conversation that is not in these buckets tells no names.
    pub(crate) fn new(of: &Transitions, buckets: &Buckets) -> Self {
        Self { known: HashMap::new(), has_names: of.meets(buckets.from(), buckets.to()) }
    }
}

impl Groups {
    pub(crate) fn new(by: &[GroupBy]) -> Self {
        let mut groups = Self { by: by.to_vec(), ..Self::default() };
        if by.is_empty() {
            groups.numbers.insert(Vec::new(), 0);
        }
        groups
    }

    /// The group of a standing of a conversation, or [`HIDDEN`] if the report is not of its tenant.
    pub(crate) fn of_query(
        &mut self,
        query: &ReportQuery,
        known: &mut KnownGroups,
        of: &Transitions,
        standing: &Standing,
    ) -> Group {
        let tenant = || of.places.get(standing.place as usize).and_then(|place| place.tenant.as_deref());
        let is_hidden = query.tenants.is_some() && !query.has_tenant(tenant());
        if is_hidden { HIDDEN } else { self.number(known, of, standing) }
    }

    /// The group of a standing of a conversation.
    #[expect(clippy::cast_possible_truncation, reason = "four billion groups do not fit into memory")]
    fn number(&mut self, known: &mut KnownGroups, of: &Transitions, standing: &Standing) -> Group {
        if self.by.is_empty() {
            return 0;
        }
        let key = (standing.agent, standing.place);
        if let Some(number) = known.known.get(&key) {
            return *number;
        }
        let values = self.values(known.has_names, of, standing);
        let next = self.numbers.len() as Group;
        let number = *self.numbers.entry(values).or_insert(next);
        known.known.insert(key, number);
        number
    }

    fn values(&mut self, has_names: bool, of: &Transitions, standing: &Standing) -> Vec<GroupValue> {
        let nowhere = ReportPlace::default();
        let place = of.places.get(standing.place as usize).unwrap_or(&nowhere);
        let ReportPlace { tenant, channel, source, shortcode } = place;
        let agent = standing.agent.and_then(|agent| of.agents.get(agent as usize));
        let by = self.by.clone();
        let value = |by| match by {
            GroupBy::Agent => GroupValue::Agent(self.agent(has_names, of, (tenant.clone(), agent))),
            GroupBy::Tenant => GroupValue::Text(tenant.clone()),
            GroupBy::Channel => GroupValue::Text(channel.clone()),
            GroupBy::Source => GroupValue::Text(source.clone()),
            GroupBy::Shortcode => GroupValue::Text(shortcode.clone()),
        };
        by.into_iter().map(value).collect()
    }

    /// The key of an agent. The name of an agent with an id is not part of it.
    fn agent(
        &mut self,
        has_names: bool,
        of: &Transitions,
        (tenant, agent): (Option<Arc<str>>, Option<&AgentRef>),
    ) -> AgentOfTenant {
        let Some(AgentRef { id, name }) = agent.cloned() else {
            return AgentOfTenant { tenant, ..AgentOfTenant::default() };
        };
        if id.is_none() {
            return AgentOfTenant { tenant, id, name };
        }
        let key = AgentOfTenant { tenant, id, name: None };
        if has_names {
            self.names.add(&key, of.steps.last().map_or(i64::MIN, |step| step.at), name);
        }
        key
    }

    /// The names so far. They are forgotten.
    pub(crate) fn take_names(&mut self) -> Names {
        std::mem::take(&mut self.names)
    }

    /// The groups in order.
    pub(crate) fn into_ranks(self) -> (RankedGroups, Names) {
        let name_of = &self.names;
        let named = |value| match value {
            GroupValue::Agent(agent) if agent.id.is_some() => {
                let name = name_of.latest(&agent);
                GroupValue::Agent(AgentOfTenant { name, ..agent })
            }
            value => value,
        };
        let named = |(values, number): (Vec<_>, _)| (values.into_iter().map(named).collect::<Vec<_>>(), number);
        let mut sorted: Vec<(Vec<GroupValue>, Group)> = self.numbers.into_iter().map(named).collect();
        sorted.sort_unstable();
        let mut ranks = vec![0; sorted.len()];
        for (rank, (_, number)) in sorted.iter().enumerate() {
            if let Some(place) = ranks.get_mut(*number as usize) {
                *place = rank;
            }
        }
        (RankedGroups { ranks, sorted: sorted.into_iter().map(|(values, _)| values).collect() }, self.names)
    }
}

/// All groups in the order of their values.
#[derive(Debug)]
pub(crate) struct RankedGroups {
    /// The place of each group in the order, by its number.
    ranks: Vec<usize>,
    sorted: Vec<Vec<GroupValue>>,
}

impl RankedGroups {
    /// The place of a group in the order.
    pub(crate) fn rank(&self, group: Group) -> usize {
        self.ranks.get(group as usize).copied().unwrap_or_default()
    }

    /// The values of the group at this place in the order.
    pub(crate) fn values(&self, rank: usize) -> &[GroupValue] {
        self.sorted.get(rank).map_or(&[], Vec::as_slice)
    }
}
