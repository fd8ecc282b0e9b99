//! The groups of a report.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
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
    met: MetGroups,
    names: Names,
}

/// Groups, each with its number.
#[derive(Debug, Default)]
struct MetGroups {
    /// The values of each group. An agent with an id is without a name.
    all: Vec<Vec<GroupValue>>,
    numbers: HashTable<Group>,
    hasher: DefaultHashBuilder,
}

/// A [`GroupValue`], borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum ValueRef<'a> {
    Agent { tenant: Option<&'a str>, id: Option<&'a str>, name: Option<&'a str> },
    Text(Option<&'a str>),
}

/// The groups of one conversation that are known already.
#[derive(Debug, Default)]
pub(crate) struct KnownGroups {
    last: Option<(AgentAndPlace, Group)>,
    known: HashMap<AgentAndPlace, Group>,
    /// Whether the conversation tells the names of its agents.
    has_names: bool,
}

/// What decides the group of a standing of a conversation.
type AgentAndPlace = (Option<u32>, u32);

impl KnownGroups {
    /// The maximum number of groups whose memory is kept: to clear it costs the more the larger it is.
    const KEPT: usize = 64;

    /// None yet. A conversation that is not in these buckets tells no names.
    pub(crate) fn new(of: &Transitions, buckets: &Buckets) -> Self {
        let mut known = Self::default();
        known.begin(of, buckets);
        known
    }

    /// Forgets all groups, before the next conversation.
    pub(crate) fn begin(&mut self, of: &Transitions, buckets: &Buckets) {
        self.last = None;
        self.has_names = of.meets(buckets.from(), buckets.to());
        if self.known.capacity() > Self::KEPT { self.known = HashMap::new() } else { self.known.clear() }
    }
}

impl Groups {
    pub(crate) fn new(by: &[GroupBy]) -> Self {
        let mut groups = Self { by: by.to_vec(), ..Self::default() };
        if by.is_empty() {
            groups.met.number(std::iter::empty(), Vec::new);
        }
        groups
    }

    /// Groups with these values, in the order of their numbers, and these names of agents; `None` if two groups have the same
    /// values.
    pub(crate) fn of_parts(
        by: Vec<GroupBy>,
        values: Vec<Vec<GroupValue>>,
        names: impl IntoIterator<Item = (AgentOfTenant, i64, Option<Arc<str>>)>,
    ) -> Option<Self> {
        let mut groups = Self { by, ..Self::default() };
        for (number, values) in (0..).zip(values) {
            if groups.met.number(values.iter().map(ValueRef::from), || values.clone()) != number {
                return None;
            }
        }
        names.into_iter().for_each(|(agent, at, name)| groups.names.add(&agent, at, name));
        Some(groups)
    }

    /// The values of each group, by its number. An agent with an id is without a name.
    pub(crate) fn values(&self) -> &[Vec<GroupValue>] {
        &self.met.all
    }

    /// The latest name of each agent with an id, with the time of the last event of the conversation that has it.
    pub(crate) fn names(&self) -> impl Iterator<Item = (AgentOfTenant, i64, Option<Arc<str>>)> {
        self.names.all()
    }

    /// The number of groups.
    pub(crate) fn len(&self) -> usize {
        self.met.all.len()
    }

    /// The group of a standing of a conversation, or [`HIDDEN`] if the report is not of its tenant.
    pub(crate) fn of_query(
        &mut self,
        query: &ReportQuery,
        known: &mut KnownGroups,
        of: &Transitions,
        standing: &Standing,
    ) -> Group {
        if self.by.is_empty() && query.tenants.is_none() {
            return 0;
        }
        let key = (standing.agent, standing.place);
        if let Some((_, number)) = known.last.filter(|(last, _)| *last == key) {
            return number;
        }
        let has_names = known.has_names;
        let tenant = || of.places.get(standing.place as usize).and_then(|place| place.tenant.as_deref());
        let is_hidden = || query.tenants.is_some() && !query.has_tenant(tenant());
        let find = || if is_hidden() { HIDDEN } else { self.meet(has_names, of, standing) };
        let number = *known.known.entry(key).or_insert_with(find);
        known.last = Some((key, number));
        number
    }

    fn meet(&mut self, has_names: bool, of: &Transitions, standing: &Standing) -> Group {
        let nowhere = ReportPlace::default();
        let place = of.places.get(standing.place as usize).unwrap_or(&nowhere);
        let agent = standing.agent.and_then(|agent| of.agents.get(agent as usize));
        let Self { by, met, names } = self;
        let values = by.iter().map(|by| ValueRef::of(*by, place, agent));
        let number = met.number(values, || by.iter().map(|by| value_of(*by, place, agent)).collect());
        let has_names = has_names && by.contains(&GroupBy::Agent);
        if let Some(AgentRef { id: id @ Some(_), name }) = agent.filter(|_| has_names) {
            let key = AgentOfTenant { tenant: place.tenant.clone(), id: id.clone(), name: None };
            names.add(&key, of.steps.last().map_or(i64::MIN, |step| step.at), name.clone());
        }
        number
    }

    /// The names so far. They are forgotten.
    pub(crate) fn take_names(&mut self) -> Names {
        std::mem::take(&mut self.names)
    }

    /// Adds the groups of another report. Returns the number of each one here.
    pub(crate) fn merge(&mut self, other: Self) -> Vec<Group> {
        self.names.merge(&other.names);
        let number = |values: Vec<GroupValue>| self.met.number(values.iter().map(ValueRef::from), || values.clone());
        other.met.all.into_iter().map(number).collect()
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
        let values = self.met.all.into_iter().map(|values| values.into_iter().map(named).collect::<Vec<_>>());
        let mut sorted: Vec<(Vec<GroupValue>, Group)> = values.zip(0..).collect();
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

impl MetGroups {
    /// The number of the group with these values.
    #[expect(clippy::cast_possible_truncation, reason = "four billion groups do not fit into memory")]
    fn number<'a>(
        &mut self,
        values: impl Iterator<Item = ValueRef<'a>> + Clone,
        to_values: impl FnOnce() -> Vec<GroupValue>,
    ) -> Group {
        let Self { all, numbers, hasher } = self;
        let next = all.len() as Group;
        // All groups have the same number of values.
        let is_same =
            |number: &Group| values_of(all, *number).zip(values.clone()).all(|(known, value)| known.is(value));
        let hash_of = |number: &Group| hash(hasher, values_of(all, *number));
        let entry = numbers.entry(hash(hasher, values.clone()), is_same, hash_of);
        let number = *entry.or_insert(next).get();
        if number == next {
            all.push(to_values());
        }
        number
    }
}

fn values_of(all: &[Vec<GroupValue>], number: Group) -> impl Iterator<Item = ValueRef<'_>> {
    all.get(number as usize).into_iter().flatten().map(ValueRef::from)
}

impl<'a> ValueRef<'a> {
    fn is(self, other: Self) -> bool {
        self == other
    }

    fn of(by: GroupBy, place: &'a ReportPlace, agent: Option<&'a AgentRef>) -> Self {
        match by {
            GroupBy::Agent => {
                let tenant = place.tenant.as_deref();
                let id = agent.and_then(|agent| agent.id.as_deref());
                let name = agent.and_then(|agent| agent.name.as_deref()).filter(|_| id.is_none());
                Self::Agent { tenant, id, name }
            }
            GroupBy::Tenant => Self::Text(place.tenant.as_deref()),
            GroupBy::Channel => Self::Text(place.channel.as_deref()),
            GroupBy::Source => Self::Text(place.source.as_deref()),
            GroupBy::Shortcode => Self::Text(place.shortcode.as_deref()),
        }
    }
}

impl<'a> From<&'a GroupValue> for ValueRef<'a> {
    fn from(value: &'a GroupValue) -> Self {
        match value {
            GroupValue::Agent(AgentOfTenant { tenant, id, name }) => {
                Self::Agent { tenant: tenant.as_deref(), id: id.as_deref(), name: name.as_deref() }
            }
            GroupValue::Text(text) => Self::Text(text.as_deref()),
        }
    }
}

/// The value of a place and its agent. The name of an agent with an id is not part of it.
fn value_of(by: GroupBy, place: &ReportPlace, agent: Option<&AgentRef>) -> GroupValue {
    match by {
        GroupBy::Agent => {
            let (id, name) = agent.map(|agent| (agent.id.clone(), agent.name.clone())).unwrap_or_default();
            let name = name.filter(|_| id.is_none());
            GroupValue::Agent(AgentOfTenant { tenant: place.tenant.clone(), id, name })
        }
        GroupBy::Tenant => GroupValue::Text(place.tenant.clone()),
        GroupBy::Channel => GroupValue::Text(place.channel.clone()),
        GroupBy::Source => GroupValue::Text(place.source.clone()),
        GroupBy::Shortcode => GroupValue::Text(place.shortcode.clone()),
    }
}

fn hash<'a>(hasher: &DefaultHashBuilder, values: impl Iterator<Item = ValueRef<'a>>) -> u64 {
    let mut hasher = hasher.build_hasher();
    values.for_each(|value| value.hash(&mut hasher));
    hasher.finish()
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
