//! Conversations in every sort order, by agent, and by number, updated one at a time.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::{Row, Slot};
use crate::cursor::{RowKey, Sort};
use crate::sorted::Sorted;
use crate::spelling::{Caseless, number_hash};
use crate::state::AgentRef;

/// Conversations in one sort order; the smallest key is first. Among equal keys their ids decide, which are in their rows.
pub(super) type Ordered = Sorted<Entry>;

/// The sort key of a conversation, the first bytes of its id, and its slot. With these bytes most comparisons of equal keys
/// need no row: among those that do not wait, all keys are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: i64,
    pub(super) prefix: u32,
    pub(super) slot: Slot,
}

impl Entry {
    pub(super) fn new((key, id): RowKey<'_>, slot: Slot) -> Self {
        Self { key, prefix: prefix(id), slot }
    }
}

/// The first four bytes of an id, in the order of ids.
pub(super) fn prefix(id: &str) -> u32 {
    let mut first = [0; 4];
    first.iter_mut().zip(id.bytes()).for_each(|(first, byte)| *first = byte);
    u32::from_be_bytes(first)
}

/// The conversations with a number, by the hash of the number, so that a comparison needs no row.
pub(super) type ByNumber = Sorted<(u32, Slot)>;

/// The conversations of an agent of one tenant, sorted by activity, with their sort keys and rows, because this query is the
/// most frequent.
pub(super) type OfAgent = Sorted<(i64, Row)>;

/// Agents of two tenants are two agents, whatever they are called.
pub(super) type ByTenant = BTreeMap<Option<Arc<str>>, OfAgent>;

/// An agent of a tenant. Two conversations have the same agent if they know the same id, or the same name and no id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum AgentKey {
    Id(Arc<str>),
    Name(Arc<str>),
}

/// Conversations in every sort order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lists {
    pub(super) rows: Rows,
    pub(super) by_activity: Ordered,
    pub(super) by_waiting: Ordered,
    pub(super) by_start: Ordered,
    pub(super) by_agent: HashMap<AgentKey, ByTenant>,
    pub(super) unassigned: ByTenant,
    /// The agents with a name, and the number of conversations in which each has it.
    pub(super) agents_named: HashMap<Caseless<Arc<str>>, BTreeMap<AgentKey, u32>>,
    pub(super) by_number: ByNumber,
}

impl Lists {
    /// Replaces the row of a conversation, but not its places in the lists. Returns the earlier one.
    pub(super) fn set_row(&mut self, slot: Slot, now: Option<&Row>) -> Option<Row> {
        match now {
            Some(row) => self.rows.insert(slot, row.clone()),
            None => self.rows.remove(&slot),
        }
    }

    /// Replaces the row of a conversation. Returns the earlier one.
    pub(crate) fn replace(&mut self, slot: Slot, now: Option<&Row>) -> Option<Row> {
        let before = self.set_row(slot, now);
        if before.is_some() || now.is_some() {
            self.update_lists(slot, before.as_ref(), now);
        }
        before
    }

    /// Fills all lists with the rows, sorted at once and built from the bottom up.
    pub(super) fn sort_all(&mut self) {
        let mut by_agent: HashMap<AgentKey, BTreeMap<_, Vec<_>>> = HashMap::new();
        let mut unassigned = BTreeMap::<_, Vec<_>>::new();
        let mut numbers = Vec::new();
        let rows = std::mem::take(&mut self.rows);
        let sorts = [Sort::Activity, Sort::Waiting, Sort::Started];
        let mut ordered = sorts.map(|_| Vec::with_capacity(rows.len()));
        // Rows that were made one after another are close to each other in memory.
        let mut by_slot: Vec<_> = rows.iter().collect();
        by_slot.sort_unstable_by_key(|(slot, _)| **slot);
        for (slot, row) in by_slot {
            let key = agent_key(row);
            if let Some(key) = &key {
                self.join_name(row, key);
            }
            let by_tenant = key.map_or(&mut unassigned, |key| by_agent.entry(key).or_default());
            by_tenant.entry(row.tenant.clone()).or_default().push((row.sort_key(Sort::Activity), row.clone()));
            numbers.extend(row.member_number().map(|number| (number_hash(number), *slot)));
            for (sort, list) in sorts.into_iter().zip(&mut ordered) {
                list.push((row.sort_key(sort), row.id(), *slot));
            }
        }
        [self.by_activity, self.by_waiting, self.by_start] = ordered.map(|mut list| {
            list.sort_unstable();
            list.into_iter().map(|(key, id, slot)| Entry::new((key, id), slot)).collect()
        });
        let sorted = |by_tenant: BTreeMap<_, Vec<(i64, Row)>>| -> ByTenant {
            let sort = |mut entries: Vec<(i64, Row)>| {
                entries.sort_unstable_by(|a, b| compare_rows(a, (b.0, b.1.id())));
                entries.into_iter().collect()
            };
            by_tenant.into_iter().map(|(tenant, entries)| (tenant, sort(entries))).collect()
        };
        self.by_agent = by_agent.into_iter().map(|(key, by_tenant)| (key, sorted(by_tenant))).collect();
        self.unassigned = sorted(unassigned);
        numbers.sort_unstable();
        self.by_number = numbers.into_iter().collect();
        self.rows = rows;
    }

    fn update_lists(&mut self, slot: Slot, before: Option<&Row>, now: Option<&Row>) {
        let Self { rows, by_activity, by_waiting, by_start, .. } = self;
        let lists = [(Sort::Activity, by_activity), (Sort::Waiting, by_waiting), (Sort::Started, by_start)];
        for (sort, ordered) in lists {
            let key = |row: &Row| row.sort_key(sort);
            if before.map(key) != now.map(key) {
                if let Some(row) = before {
                    let entry = Entry::new((key(row), row.id()), slot);
                    ordered.remove(order_of(rows, entry, row.id()));
                }
                if let Some(row) = now {
                    let entry = Entry::new((key(row), row.id()), slot);
                    ordered.insert(entry, order_of(rows, entry, row.id()));
                }
            }
        }
        match (before, now) {
            (Some(before), Some(now)) if before.tenant == now.tenant && before.agent == now.agent => {
                let of_agent = self.of_agent_mut(now);
                if before.last_active_at != now.last_active_at {
                    leave(of_agent, before);
                }
                join(of_agent, now);
            }
            _ => {
                if let Some(row) = before {
                    self.leave_agent(row);
                }
                if let Some(row) = now {
                    self.join_agent(row);
                }
            }
        }
        let [before, now] = [before, now].map(|row| row.and_then(|row| row.member_number()));
        if before != now {
            if let Some(number) = before {
                let entry = (number_hash(number), slot);
                self.by_number.remove(|other| other.cmp(&entry));
            }
            if let Some(number) = now {
                let entry = (number_hash(number), slot);
                self.by_number.insert(entry, |other| other.cmp(&entry));
            }
        }
    }

    fn join_agent(&mut self, row: &Row) {
        if let Some(key) = agent_key(row) {
            self.join_name(row, &key);
        }
        join(self.of_agent_mut(row), row);
    }

    /// The list of the agent assigned to a conversation.
    fn of_agent_mut(&mut self, row: &Row) -> &mut OfAgent {
        let by_tenant = match agent_key(row) {
            None => &mut self.unassigned,
            Some(key) => self.by_agent.entry(key).or_default(),
        };
        by_tenant.entry(row.tenant.clone()).or_default()
    }

    fn join_name(&mut self, row: &Row, key: &AgentKey) {
        if let Some(name) = agent_name(row) {
            let agents = self.agents_named.entry(Caseless(name.clone())).or_default();
            *agents.entry(key.clone()).or_default() += 1;
        }
    }

    fn leave_agent(&mut self, row: &Row) {
        let Some(key) = agent_key(row) else {
            leave_tenant(&mut self.unassigned, row);
            return;
        };
        if let Some(by_tenant) = self.by_agent.get_mut(&key) {
            leave_tenant(by_tenant, row);
            if by_tenant.is_empty() {
                self.by_agent.remove(&key);
            }
        }
        if let Some(name) = agent_name(row) {
            self.forget_name(name, &key);
        }
    }

    fn forget_name(&mut self, name: &Arc<str>, key: &AgentKey) {
        let name = Caseless(name.clone());
        let Some(agents) = self.agents_named.get_mut(&name) else { return };
        if let Some(conversations) = agents.get_mut(key) {
            *conversations -= 1;
            if *conversations == 0 {
                agents.remove(key);
            }
        }
        if agents.is_empty() {
            self.agents_named.remove(&name);
        }
    }
}

pub(super) type Rows = HashMap<Slot, Row>;

/// The order of two entries, the second of which has this id.
pub(super) fn compare_entry(rows: &Rows, a: Entry, b: Entry, id: &str) -> Ordering {
    let order = (a.key, a.prefix).cmp(&(b.key, b.prefix));
    order.then_with(|| rows.get(&a.slot).map_or(Ordering::Less, |row| row.id().cmp(id)))
}

/// The order of other conversations and of this one, whose row has changed or is gone.
pub(super) fn order_of(rows: &Rows, entry: Entry, id: &str) -> impl Fn(&Entry) -> Ordering {
    move |other| match other.slot == entry.slot {
        true => other.key.cmp(&entry.key),
        false => compare_entry(rows, *other, entry, id),
    }
}

pub(super) fn compare_rows((a_key, a): &(i64, Row), (key, id): RowKey<'_>) -> Ordering {
    a_key.cmp(&key).then_with(|| a.id().cmp(id))
}

/// Adds a conversation to the list of its agent, or replaces its row there.
pub(super) fn join(of_agent: &mut OfAgent, row: &Row) {
    let key = row.sort_key(Sort::Activity);
    of_agent.insert((key, row.clone()), |other| compare_rows(other, (key, row.id())));
}

pub(super) fn leave(of_agent: &mut OfAgent, row: &Row) {
    of_agent.remove(|other| compare_rows(other, (row.sort_key(Sort::Activity), row.id())));
}

pub(super) fn rows_of(of_agent: &OfAgent) -> impl Iterator<Item = &Row> {
    of_agent.iter().map(|(_, row)| row)
}

/// Removes a conversation from the list of its tenant.
pub(super) fn leave_tenant(by_tenant: &mut ByTenant, row: &Row) {
    if let Some(of_agent) = by_tenant.get_mut(&row.tenant) {
        leave(of_agent, row);
        if of_agent.is_empty() {
            by_tenant.remove(&row.tenant);
        }
    }
}

pub(super) fn agent_key(row: &Row) -> Option<AgentKey> {
    let AgentRef { id, name } = row.agent.as_ref()?;
    id.clone().map(AgentKey::Id).or_else(|| name.clone().map(AgentKey::Name))
}

pub(super) fn agent_name(row: &Row) -> Option<&Arc<str>> {
    row.agent.as_ref()?.name.as_ref()
}
