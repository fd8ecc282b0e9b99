//! The indexes behind the queries of rules Q2 and Q3.
//!
//! They are kept beside the board and updated one conversation at a time, so that a query never waits for the fold.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::query::{AgentLoad, Cursor, OpenConversation, Page, Query, QueryError, Sort, Totals};
use crate::spelling::{Caseless, plain_number};
use crate::state::AgentRef;
use crate::unknown;

/// The number of a conversation on the board.
pub(crate) type Slot = u32;

type Row = Arc<OpenConversation>;

/// Open conversations in one sort order; the smallest key is first.
type Ordered = BTreeMap<(i64, Arc<str>), Slot>;

/// The open conversations of an agent, sorted by activity, with their rows, because this query is the most frequent.
type OfAgent = BTreeMap<(i64, Arc<str>), Row>;

/// An agent on the board. Two conversations have the same agent if they know the same id, or the same name and no id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum AgentKey {
    Id(Arc<str>),
    Name(Arc<str>),
}

/// The key of the totals: tenant and channel.
type TotalsKey = (Option<Arc<str>>, Option<Arc<str>>);

/// The counts of [`Totals`]. A source can state any number of unread messages, so their sum has more bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    conversations: u64,
    open: u64,
    waiting: u64,
    unread: u128,
}

/// The entry of a conversation in the indexes, open or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) channel: Option<Arc<str>>,
    pub(crate) open: Option<Row>,
}

impl Seen {
    pub(crate) fn of_open(row: &Row) -> Self {
        Self { tenant: row.tenant.clone(), channel: row.channel.clone(), open: Some(row.clone()) }
    }
}

/// A change of one conversation's entry in the indexes; see [`BoardEdit::finish`](crate::BoardEdit::finish).
#[derive(Clone, Debug)]
pub struct Update {
    slot: Slot,
    /// The earlier entry, if there is one.
    before: Option<Seen>,
    now: Seen,
}

impl Update {
    pub(crate) fn new(slot: Slot, before: Option<Seen>, now: Seen) -> Self {
        Self { slot, before, now }
    }
}

/// The lists and counts behind queries about many conversations: which are open, in which order, and who is assigned.
///
/// ```
/// use convofold_engine::{Board, Direction, Draft, Index, Kind, Query, Time};
///
/// let (mut board, mut index) = (Board::new(), Index::default());
/// let event = Draft::new("helpdesk", "case-7", Kind::Message, Time::from_ms(1_700_000_000_000))
///     .direction(Direction::In);
/// let mut edit = board.edit();
/// edit.apply(1, &event.build()?);
/// edit.finish().into_iter().for_each(|update| index.apply(update));
/// assert_eq!(index.query(&Query::new())?.rows[0].unread, 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// Two indexes are equal if they give the same answer to every query.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Index {
    open: HashMap<Slot, Row>,
    by_activity: Ordered,
    by_waiting: Ordered,
    by_start: Ordered,
    by_agent: HashMap<AgentKey, OfAgent>,
    unassigned: OfAgent,
    /// The agents with a name, and the number of conversations in which each has it.
    agents_named: HashMap<Caseless<Arc<str>>, BTreeMap<AgentKey, u32>>,
    /// By number without `+` and spaces.
    by_number: BTreeSet<(Arc<str>, Slot)>,
    totals: HashMap<TotalsKey, Tally>,
}

impl Index {
    /// The number of open conversations.
    #[must_use]
    pub fn open_len(&self) -> usize {
        self.open.len()
    }

    /// Replaces the entry of a conversation.
    pub fn apply(&mut self, update: Update) {
        let Update { slot, before, now } = update;
        let row = match &now.open {
            Some(row) => self.open.insert(slot, row.clone()),
            None => self.open.remove(&slot),
        };
        // Remove it from the lists under the keys by which it is in them.
        let before = row.as_ref().map(Seen::of_open).or(before);
        self.update_totals(before.as_ref(), &now);
        self.update_lists(slot, row.as_ref(), now.open.as_ref());
    }

    /// An index of all these conversations, faster than adding them one by one.
    pub(crate) fn of(all: impl Iterator<Item = (Slot, Seen)>) -> Self {
        let mut index = Self::default();
        index.fill(all);
        index
    }

    fn fill(&mut self, all: impl Iterator<Item = (Slot, Seen)>) {
        let mut by_agent: HashMap<AgentKey, Vec<_>> = HashMap::new();
        let (mut unassigned, mut numbers) = (Vec::new(), Vec::new());
        for (slot, seen) in all {
            self.update_totals(None, &seen);
            let Some(row) = seen.open else { continue };
            match agent_key(&row) {
                None => unassigned.push((entry(&row, Sort::Activity), row.clone())),
                Some(key) => {
                    self.join_name(&row, &key);
                    by_agent.entry(key).or_default().push((entry(&row, Sort::Activity), row.clone()));
                }
            }
            numbers.extend(number_key(&row).map(|number| (number, slot)));
            self.open.insert(slot, row);
        }
        // Sorted at once and built from the bottom up.
        let ordered = |sort| self.open.iter().map(|(slot, row)| (entry(row, sort), *slot)).collect();
        let [by_activity, by_waiting, by_start] = [Sort::Activity, Sort::Waiting, Sort::Started].map(ordered);
        (self.by_activity, self.by_waiting, self.by_start) = (by_activity, by_waiting, by_start);
        self.by_agent = by_agent.into_iter().map(|(key, entries)| (key, entries.into_iter().collect())).collect();
        self.unassigned = unassigned.into_iter().collect();
        self.by_number = numbers.into_iter().collect();
    }

    fn update_lists(&mut self, slot: Slot, before: Option<&Row>, now: Option<&Row>) {
        for sort in [Sort::Activity, Sort::Waiting, Sort::Started] {
            let key = |row: &Row| row.sort_key(sort);
            if before.map(key) != now.map(key) {
                let ordered = self.ordered_mut(sort);
                if let Some(row) = before {
                    ordered.remove(&entry(row, sort));
                }
                if let Some(row) = now {
                    ordered.insert(entry(row, sort), slot);
                }
            }
        }
        if before.map(place_with_agent) != now.map(place_with_agent) {
            if let Some(row) = before {
                self.leave_agent(row);
            }
            if let Some(row) = now {
                self.join_agent(row);
            }
        } else if let Some(row) = now {
            self.of_agent_mut(row).insert(entry(row, Sort::Activity), row.clone());
        }
        if before.map(|row| &row.member_number) != now.map(|row| &row.member_number) {
            if let Some(row) = before {
                self.leave_number(slot, row);
            }
            if let Some(row) = now {
                self.join_number(slot, row);
            }
        }
    }

    fn ordered_mut(&mut self, sort: Sort) -> &mut Ordered {
        match sort {
            Sort::Activity => &mut self.by_activity,
            Sort::Waiting => &mut self.by_waiting,
            Sort::Started => &mut self.by_start,
        }
    }

    fn join_agent(&mut self, row: &Row) {
        if let Some(key) = agent_key(row) {
            self.join_name(row, &key);
        }
        self.of_agent_mut(row).insert(entry(row, Sort::Activity), row.clone());
    }

    /// The list of the agent assigned to a conversation.
    fn of_agent_mut(&mut self, row: &Row) -> &mut OfAgent {
        match agent_key(row) {
            None => &mut self.unassigned,
            Some(key) => self.by_agent.entry(key).or_default(),
        }
    }

    fn join_name(&mut self, row: &Row, key: &AgentKey) {
        if let Some(name) = agent_name(row) {
            let agents = self.agents_named.entry(Caseless(name.clone())).or_default();
            *agents.entry(key.clone()).or_default() += 1;
        }
    }

    fn leave_agent(&mut self, row: &Row) {
        let Some(key) = agent_key(row) else {
            self.unassigned.remove(&entry(row, Sort::Activity));
            return;
        };
        if let Some(ordered) = self.by_agent.get_mut(&key) {
            ordered.remove(&entry(row, Sort::Activity));
            if ordered.is_empty() {
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

    fn join_number(&mut self, slot: Slot, row: &Row) {
        if let Some(number) = number_key(row) {
            self.by_number.insert((number, slot));
        }
    }

    fn leave_number(&mut self, slot: Slot, row: &Row) {
        if let Some(number) = number_key(row) {
            self.by_number.remove(&(number, slot));
        }
    }

    fn update_totals(&mut self, before: Option<&Seen>, now: &Seen) {
        if let Some(before) = before {
            let key = (before.tenant.clone(), before.channel.clone());
            if let Some(tally) = self.totals.get_mut(&key) {
                tally.conversations -= 1;
                if let Some(row) = &before.open {
                    tally.open -= 1;
                    tally.waiting -= u64::from(row.waiting_since.is_some());
                    tally.unread -= u128::from(row.unread);
                }
                if tally.conversations == 0 {
                    self.totals.remove(&key);
                }
            }
        }
        let tally = self.totals.entry((now.tenant.clone(), now.channel.clone())).or_default();
        tally.conversations += 1;
        if let Some(row) = &now.open {
            tally.open += 1;
            tally.waiting += u64::from(row.waiting_since.is_some());
            tally.unread += u128::from(row.unread);
        }
    }

    /// A page of open conversations (rule Q2).
    ///
    /// # Errors
    /// [`QueryError`] if the cursor belongs to another sort order.
    pub fn query(&self, query: &Query) -> Result<Page, QueryError> {
        if let Some(cursor) = query.cursor.as_ref().filter(|cursor| cursor.sort != query.sort) {
            return Err(QueryError::CursorOfAnotherOrder { expected: query.sort, found: cursor.sort });
        }
        let mut page = fill_page(query, self.rows_for(query));
        if page.rows.is_empty() && query.cursor.is_none() && self.open_len() > 0 {
            page.unknown = unknown::of(self, query);
        }
        Ok(page)
    }

    /// The rows that a query finds, after its cursor and in its order.
    pub(crate) fn rows_for<'a>(&'a self, query: &'a Query) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let cursor = query.cursor.as_ref();
        let wanted = |row: &&Row| query.wants(row);
        match self.candidates(query) {
            Candidates::All(ordered) => Box::new(self.rows(after(ordered, cursor)).filter(wanted)),
            Candidates::OfAgent(rows) => Box::new(after(rows, cursor).filter(wanted)),
            Candidates::Any(rows) => Box::new(sorted(query, rows).into_iter().filter(wanted)),
        }
    }

    /// All rows, the most recently active one first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &Row> {
        self.rows(self.by_activity.values())
    }

    /// The smallest set that contains every match of the query.
    fn candidates(&self, query: &Query) -> Candidates<'_> {
        if let Some(number) = &query.number {
            let number: Arc<str> = plain_number(number).map_or_else(|| number.as_str().into(), Into::into);
            let of_number = self.by_number.range((number.clone(), Slot::MIN)..=(number, Slot::MAX));
            return Candidates::Any(of_number.filter_map(|(_, slot)| self.open.get(slot)).collect());
        }
        let sets = match &query.agent {
            Some(agent) => self.of_agent(agent),
            None if query.unassigned => vec![&self.unassigned],
            None => return Candidates::All(self.ordered(query.sort)),
        };
        match sets.as_slice() {
            [one] if query.sort == Sort::Activity => Candidates::OfAgent(one),
            several => Candidates::Any(several.iter().flat_map(|rows| rows.values()).collect()),
        }
    }

    fn ordered(&self, sort: Sort) -> &Ordered {
        match sort {
            Sort::Activity => &self.by_activity,
            Sort::Waiting => &self.by_waiting,
            Sort::Started => &self.by_start,
        }
    }

    /// The conversations of every agent with this id, or with this name in one of them, in upper or lower case.
    fn of_agent(&self, agent: &str) -> Vec<&OfAgent> {
        let by_id = AgentKey::Id(agent.into());
        let by_name = self
            .agents_named
            .get(&Caseless(agent.into()))
            .into_iter()
            .flat_map(BTreeMap::keys)
            .filter(|key| **key != by_id);
        std::iter::once(&by_id).chain(by_name).filter_map(|key| self.by_agent.get(key)).collect()
    }

    fn rows<'a>(&'a self, slots: impl Iterator<Item = &'a Slot>) -> impl Iterator<Item = &'a Row> {
        slots.filter_map(|slot| self.open.get(slot))
    }

    /// The workload of every agent (rule Q3), the agent with the most open conversations first.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentLoad> {
        let of_agents = self.by_agent.values().filter_map(load);
        let mut loads: Vec<_> = of_agents.chain(load(&self.unassigned)).collect();
        loads.sort_by(|a, b| b.open.cmp(&a.open).then_with(|| a.agent.cmp(&b.agent)));
        loads
    }

    /// Counts per tenant and channel (rule Q3), in that order.
    #[must_use]
    pub fn totals(&self) -> Vec<Totals> {
        let totals = self.totals.iter().map(|((tenant, channel), tally)| Totals {
            tenant: tenant.clone(),
            channel: channel.clone(),
            conversations: tally.conversations,
            open: tally.open,
            waiting: tally.waiting,
            unread: u64::try_from(tally.unread).unwrap_or(u64::MAX),
        });
        let mut totals: Vec<_> = totals.collect();
        totals.sort_by(|a, b| (&a.tenant, &a.channel).cmp(&(&b.tenant, &b.channel)));
        totals
    }
}

/// The set in which to search for matches.
enum Candidates<'a> {
    All(&'a Ordered),
    OfAgent(&'a OfAgent),
    Any(Vec<&'a Row>),
}

fn sorted<'a>(query: &Query, mut rows: Vec<&'a Row>) -> Vec<&'a Row> {
    rows.sort_by_cached_key(|row| entry(row, query.sort));
    let seen = query.cursor.as_ref().map(|cursor| (cursor.key, cursor.id.clone()));
    let skipped = seen.map_or(0, |seen| rows.partition_point(|row| entry(row, query.sort) <= seen));
    rows.split_off(skipped)
}

fn load(rows: &OfAgent) -> Option<AgentLoad> {
    let agent = rows.values().next()?.agent.as_ref();
    let name = rows.values().find_map(agent_name);
    let waiting = || rows.values().filter_map(|row| row.waiting_since);
    Some(AgentLoad {
        agent: agent.map(|agent| AgentRef { id: agent.id.clone(), name: name.cloned() }),
        open: rows.len() as u64,
        unread: rows.values().fold(0, |sum, row| sum.saturating_add(row.unread)),
        waiting: waiting().count() as u64,
        oldest_waiting_since: waiting().min(),
    })
}

fn agent_key(row: &Row) -> Option<AgentKey> {
    let AgentRef { id, name } = row.agent.as_ref()?;
    id.clone().map(AgentKey::Id).or_else(|| name.clone().map(AgentKey::Name))
}

fn agent_name(row: &Row) -> Option<&Arc<str>> {
    row.agent.as_ref()?.name.as_ref()
}

fn number_key(row: &Row) -> Option<Arc<str>> {
    let number = row.member_number.as_ref()?;
    Some(plain_number(number).map_or_else(|| number.clone(), Into::into))
}

/// The values that decide the rank of a conversation among those of its agent.
fn place_with_agent(row: &Row) -> (Option<&AgentRef>, i64) {
    (row.agent.as_ref(), row.last_active_at)
}

fn entry(row: &Row, sort: Sort) -> (i64, Arc<str>) {
    (row.sort_key(sort), row.id.clone())
}

fn after<'a, V>(
    ordered: &'a BTreeMap<(i64, Arc<str>), V>,
    cursor: Option<&Cursor>,
) -> impl Iterator<Item = &'a V> + use<'a, V> {
    let from = cursor.map_or(Bound::Unbounded, |cursor| Bound::Excluded((cursor.key, cursor.id.clone())));
    ordered.range((from, Bound::Unbounded)).map(|(_, value)| value)
}

fn fill_page<'a>(query: &Query, mut wanted: impl Iterator<Item = &'a Row>) -> Page {
    let limit = query.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let rows: Vec<_> = wanted.by_ref().take(limit).cloned().collect();
    let next = rows.last().filter(|_| wanted.next().is_some());
    let next = next.map(|row| Cursor { sort: query.sort, key: row.sort_key(query.sort), id: row.id.clone() });
    Page { rows, next, unknown: Vec::new() }
}
