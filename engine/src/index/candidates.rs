//! The smallest list that contains every match of a query, and its rows in the order of the query.

use std::collections::BTreeMap;

use super::Row;
use super::lists::{AgentKey, ByTenant, Entry, Lists, OfAgent, Ordered, compare_entry, compare_rows, rows_of};
use crate::cursor::{Cursor, Order, RowKey, Sort};
use crate::query::Query;
use crate::spelling::{Caseless, number_hash};

impl Lists {
    /// The rows that a query finds, after its cursor and in its order.
    pub(crate) fn rows_for<'a>(&'a self, query: &'a Query) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let (order, cursor) = (query.order, query.cursor.as_ref());
        let wanted = |row: &&Row| query.wants(row);
        match self.candidates(query) {
            Candidates::All(ordered) => {
                let compare =
                    |entry: &Entry, key: RowKey<'_>| compare_entry(&self.rows, *entry, Entry::new(key, 0), key.1);
                let mut rest = ordered.side(order.gap(cursor, ordered, compare), order.reverse);
                let entries = std::iter::from_fn(move || order.next(&mut rest));
                let entries = entries.take_while(|entry| !query.is_past(entry.key));
                Box::new(self.rows(entries).filter(wanted))
            }
            Candidates::OfAgents(sets) => Box::new(merged(sets, order, cursor).filter(wanted)),
            Candidates::Any(rows) => Box::new(sorted(query, rows).into_iter().filter(wanted)),
        }
    }

    /// All rows, the most recently active one first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &Row> {
        self.rows(self.by_activity.iter())
    }

    /// The smallest set that contains every match of the query.
    fn candidates(&self, query: &Query) -> Candidates<'_> {
        if let Some(number) = &query.number {
            let wanted = number_hash(number);
            let rest = self.by_number.side(self.by_number.gap(|(hash, _)| *hash < wanted), false);
            let of_number = rest.take_while(|(hash, _)| *hash == wanted);
            return Candidates::Any(of_number.filter_map(|(_, slot)| self.rows.get(slot)).collect());
        }
        let sets = match &query.agent {
            Some(agent) => self.of_agent(agent, query.tenant.as_deref()),
            None if query.unassigned => of_tenant(&self.unassigned, query.tenant.as_deref()).collect(),
            None => {
                let all = || Candidates::Any(self.rows.values().collect());
                return self.ordered(query.order.sort).map_or_else(all, Candidates::All);
            }
        };
        if query.order.sort == Sort::Activity {
            return Candidates::OfAgents(sets);
        }
        Candidates::Any(sets.into_iter().flat_map(rows_of).collect())
    }

    /// The list in this order. There is none by close: open conversations have no such time.
    fn ordered(&self, sort: Sort) -> Option<&Ordered> {
        match sort {
            Sort::Activity => Some(&self.by_activity),
            Sort::Waiting => Some(&self.by_waiting),
            Sort::Started => Some(&self.by_start),
            Sort::Closed => None,
        }
    }

    /// The conversations of every agent with this id, or with this name in one of them, in upper or lower case.
    fn of_agent(&self, agent: &str, tenant: Option<&str>) -> Vec<&OfAgent> {
        let by_id = AgentKey::Id(agent.into());
        let by_name = self
            .agents_named
            .get(&Caseless(agent.into()))
            .into_iter()
            .flat_map(BTreeMap::keys)
            .filter(|key| **key != by_id);
        let by_tenant = std::iter::once(&by_id).chain(by_name).filter_map(|key| self.by_agent.get(key));
        by_tenant.flat_map(|by_tenant| of_tenant(by_tenant, tenant)).collect()
    }

    fn rows<'a>(&'a self, entries: impl Iterator<Item = &'a Entry>) -> impl Iterator<Item = &'a Row> {
        entries.filter_map(|entry| self.rows.get(&entry.slot))
    }
}

/// The set in which to search for matches.
enum Candidates<'a> {
    All(&'a Ordered),
    OfAgents(Vec<&'a OfAgent>),
    Any(Vec<&'a Row>),
}

fn sorted<'a>(query: &Query, mut rows: Vec<&'a Row>) -> Vec<&'a Row> {
    let order = query.order;
    rows.retain(|row| order.is_after(query.cursor.as_ref(), row));
    rows.sort_by_cached_key(|row| order.key(row));
    if order.reverse {
        rows.reverse();
    }
    rows
}

/// The lists of one tenant, or of all.
fn of_tenant<'a>(by_tenant: &'a ByTenant, tenant: Option<&str>) -> impl Iterator<Item = &'a OfAgent> + use<'a> {
    let one = tenant.map(|tenant| by_tenant.get(&Some(tenant.into())));
    let all = one.is_none().then(|| by_tenant.values());
    one.flatten().into_iter().chain(all.into_iter().flatten())
}

/// The rows of several lists by activity, after a cursor.
fn merged<'a>(
    sets: Vec<&'a OfAgent>,
    order: Order,
    cursor: Option<&Cursor>,
) -> impl Iterator<Item = &'a Row> + use<'a> {
    let mut rests: Vec<_> =
        sets.into_iter().map(|rows| rows.side(order.gap(cursor, rows, compare_rows), order.reverse)).collect();
    let mut heads: BTreeMap<RowKey<'_>, (usize, &Row)> = BTreeMap::new();
    let head = |set, (key, row): &'a (i64, Row)| ((*key, row.id()), (set, row));
    for (set, rest) in rests.iter_mut().enumerate() {
        heads.extend(order.next(rest).map(|entry| head(set, entry)));
    }
    std::iter::from_fn(move || {
        let (_, (set, row)) = if order.reverse { heads.pop_last() } else { heads.pop_first() }?;
        let next = rests.get_mut(set).and_then(|rest| order.next(rest));
        heads.extend(next.map(|entry| head(set, entry)));
        Some(row)
    })
}
