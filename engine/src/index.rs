//! The indexes behind the queries of rules Q2 and Q3.
//!
//! They are kept beside the board and updated one conversation at a time, so that a query never waits for the fold.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::cursor::{Cursor, Order, RowKey, Sort};
use crate::newest::{Largest, Newest};
use crate::query::{AgentLoad, ConversationRow, Page, Query, QueryError, Totals};
use crate::sorted::Sorted;
use crate::spelling::{Caseless, number_hash};
use crate::state::AgentRef;
use crate::unknown;

/// The number of a conversation on the board.
pub(crate) type Slot = u32;

pub(crate) type Row = Arc<ConversationRow>;

/// Conversations in one sort order; the smallest key is first. Among equal keys their ids decide, which are in their rows.
type Ordered = Sorted<Entry>;

/// The sort key of a conversation, the first bytes of its id, and its slot. With these bytes most comparisons of equal keys
/// need no row: among those that do not wait, all keys are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    key: i64,
    prefix: u32,
    slot: Slot,
}

impl Entry {
    fn new((key, id): RowKey<'_>, slot: Slot) -> Self {
        Self { key, prefix: prefix(id), slot }
    }
}

/// The first four bytes of an id, in the order of ids.
fn prefix(id: &str) -> u32 {
    let mut first = [0; 4];
    first.iter_mut().zip(id.bytes()).for_each(|(first, byte)| *first = byte);
    u32::from_be_bytes(first)
}

/// The conversations with a number, by the hash of the number, so that a comparison needs no row.
type ByNumber = Sorted<(u32, Slot)>;

/// The conversations of an agent of one tenant, sorted by activity, with their sort keys and rows, because this query is the
/// most frequent.
type OfAgent = Sorted<(i64, Row)>;

/// Agents of two tenants are two agents, whatever they are called.
type ByTenant = BTreeMap<Option<Arc<str>>, OfAgent>;

/// An agent of a tenant. Two conversations have the same agent if they know the same id, or the same name and no id.
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
    unanswered_after_close: u64,
}

/// The entry of a conversation in the indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) channel: Option<Arc<str>>,
    pub(crate) newest: Newest,
    /// Its row in lists, if it is open or unanswered after its close.
    pub(crate) row: Option<Row>,
}

impl Seen {
    pub(crate) fn of_row(row: &Row, newest: Newest) -> Self {
        Self { tenant: row.tenant.clone(), channel: row.channel.clone(), newest, row: Some(row.clone()) }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open().is_some()
    }

    fn totals_key(&self) -> TotalsKey {
        (self.tenant.clone(), self.channel.clone())
    }

    fn open(&self) -> Option<&Row> {
        self.row.as_ref().filter(|row| row.closed_at.is_none())
    }

    fn after_close(&self) -> Option<&Row> {
        self.row.as_ref().filter(|row| row.closed_at.is_some())
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
#[derive(Debug, Default, PartialEq)]
pub struct Index {
    open: Lists,
    /// Closed conversations that are unanswered after their close.
    after_close: Lists,
    totals: HashMap<TotalsKey, Tally>,
    newest: Largest,
}

/// Conversations in every sort order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lists {
    rows: Rows,
    by_activity: Ordered,
    by_waiting: Ordered,
    by_start: Ordered,
    by_agent: HashMap<AgentKey, ByTenant>,
    unassigned: ByTenant,
    /// The agents with a name, and the number of conversations in which each has it.
    agents_named: HashMap<Caseless<Arc<str>>, BTreeMap<AgentKey, u32>>,
    by_number: ByNumber,
}

impl Index {
    /// The number of open conversations.
    #[must_use]
    pub fn open_len(&self) -> usize {
        self.open.rows.len()
    }

    /// All open conversations, in no particular order.
    pub fn open_rows(&self) -> impl Iterator<Item = &Arc<ConversationRow>> {
        self.open.rows.values()
    }

    /// Replaces the entry of a conversation.
    pub fn apply(&mut self, update: Update) {
        self.apply_with(update, Lists::replace);
    }

    /// `replace` replaces the row of a conversation and returns the earlier one.
    fn apply_with(&mut self, update: Update, replace: fn(&mut Lists, Slot, Option<&Row>) -> Option<Row>) {
        let Update { slot, before, now } = update;
        self.newest.replace(before.as_ref().map(|seen| seen.newest), now.newest);
        let open = replace(&mut self.open, slot, now.open());
        let row = replace(&mut self.after_close, slot, now.after_close()).or(open);
        // Remove it from the totals under the keys by which it is in them.
        let before = row.map(|row| Seen::of_row(&row, now.newest)).or(before);
        self.update_totals(before.as_ref(), &now);
    }

    /// A page of conversations (rule Q2): open ones, or closed ones that are unanswered after their close.
    ///
    /// # Errors
    /// [`QueryError`] if the cursor belongs to another sort order, or the query concerns closed conversations that are not
    /// in the index ([`Query::is_in_index`]).
    pub fn query(&self, query: &Query) -> Result<Page, QueryError> {
        self.query_matching(query, |_| true)
    }

    /// Like [`Index::query`], with a condition of the caller.
    ///
    /// # Errors
    /// As for [`Index::query`].
    pub fn query_matching(
        &self,
        query: &Query,
        is_wanted: impl Fn(&ConversationRow) -> bool,
    ) -> Result<Page, QueryError> {
        query.check_cursor()?;
        if !query.is_in_index() {
            return Err(QueryError::NotInIndex);
        }
        let lists = if query.unanswered_after_close { &self.after_close } else { &self.open };
        let mut page = fill_page(query, lists.rows_for(query).filter(|row| is_wanted(row)));
        let is_of_open = !query.unanswered_after_close && self.open_len() > 0;
        if is_of_open && page.rows.is_empty() && query.cursor.is_none() {
            page.unknown = unknown::of(lists, query, is_wanted);
        }
        Ok(page)
    }

    /// The first open conversations that match a query and a condition of the caller, after the query's cursor and in its
    /// order.
    pub fn open_matching(
        &self,
        query: &Query,
        is_wanted: impl Fn(&ConversationRow) -> bool,
        max_rows: usize,
    ) -> Vec<Arc<ConversationRow>> {
        self.open.rows_for(query).filter(|row| is_wanted(row)).take(max_rows).cloned().collect()
    }

    /// The workload of every agent of every tenant (rule Q3), the agent with the most open conversations first. One entry
    /// of each tenant can be for nobody.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentLoad> {
        let of_agents = self.open.by_agent.values().chain([&self.open.unassigned]).flatten();
        let mut loads: Vec<_> = of_agents.filter_map(|(tenant, rows)| load(tenant.as_ref(), rows)).collect();
        loads.sort_by(|a, b| {
            b.open.cmp(&a.open).then_with(|| a.agent.cmp(&b.agent)).then_with(|| a.tenant.cmp(&b.tenant))
        });
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
            unanswered_after_close: tally.unanswered_after_close,
        });
        let mut totals: Vec<_> = totals.collect();
        totals.sort_by(|a, b| (&a.tenant, &a.channel).cmp(&(&b.tenant, &b.channel)));
        totals
    }

    /// The newest event of all conversations (rule T1); `None` if there is none, or if it is not known because an event
    /// with the same identity took the place of the newest one. Then it is the largest [`Outline::newest`] of all
    /// conversations.
    ///
    /// [`Outline::newest`]: crate::Outline::newest
    #[must_use]
    pub fn newest(&self) -> Option<Newest> {
        self.newest.get()
    }

    fn update_totals(&mut self, before: Option<&Seen>, now: &Seen) {
        let stays = before.is_some_and(|before| before.tenant == now.tenant && before.channel == now.channel);
        if let Some(before) = before.filter(|_| !stays) {
            let key = before.totals_key();
            if let Some(tally) = self.totals.get_mut(&key) {
                tally.remove(before);
                if tally.conversations == 0 {
                    self.totals.remove(&key);
                }
            }
        }
        let tally = self.totals.entry(now.totals_key()).or_default();
        if let Some(before) = before.filter(|_| stays) {
            tally.remove(before);
        }
        tally.add(now);
    }
}

/// An index that answers no query yet: its lists are sorted once, at the end. This is faster than to keep them sorted
/// while many conversations are added or replaced.
#[derive(Debug, Default)]
pub struct UnsortedIndex(Index);

impl UnsortedIndex {
    /// An index of all these conversations.
    pub(crate) fn of(all: impl Iterator<Item = (Slot, Seen)>) -> Self {
        let mut index = Index::default();
        for (slot, seen) in all {
            index.update_totals(None, &seen);
            index.newest.replace(None, seen.newest);
            let lists = if seen.is_open() { &mut index.open } else { &mut index.after_close };
            lists.rows.extend(seen.row.map(|row| (slot, row)));
        }
        Self(index)
    }

    /// Replaces the entry of a conversation.
    pub fn apply(&mut self, update: Update) {
        self.0.apply_with(update, Lists::set_row);
    }

    /// Sorts the lists.
    #[must_use]
    pub fn sort(self) -> Index {
        let Self(mut index) = self;
        index.open.sort_all();
        index.after_close.sort_all();
        index
    }
}

impl Tally {
    fn add(&mut self, seen: &Seen) {
        self.conversations += 1;
        self.unanswered_after_close += u64::from(seen.after_close().is_some());
        if let Some(row) = seen.open() {
            self.open += 1;
            self.waiting += u64::from(row.waiting_since.is_some());
            self.unread += u128::from(row.unread);
        }
    }

    fn remove(&mut self, seen: &Seen) {
        self.conversations -= 1;
        self.unanswered_after_close -= u64::from(seen.after_close().is_some());
        if let Some(row) = seen.open() {
            self.open -= 1;
            self.waiting -= u64::from(row.waiting_since.is_some());
            self.unread -= u128::from(row.unread);
        }
    }
}

impl Lists {
    /// Replaces the row of a conversation, but not its places in the lists. Returns the earlier one.
    fn set_row(&mut self, slot: Slot, now: Option<&Row>) -> Option<Row> {
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
    fn sort_all(&mut self) {
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

type Rows = HashMap<Slot, Row>;

/// The order of two entries, the second of which has this id.
fn compare_entry(rows: &Rows, a: Entry, b: Entry, id: &str) -> Ordering {
    let order = (a.key, a.prefix).cmp(&(b.key, b.prefix));
    order.then_with(|| rows.get(&a.slot).map_or(Ordering::Less, |row| row.id().cmp(id)))
}

/// The order of other conversations and of this one, whose row has changed or is gone.
fn order_of(rows: &Rows, entry: Entry, id: &str) -> impl Fn(&Entry) -> Ordering {
    move |other| match other.slot == entry.slot {
        true => other.key.cmp(&entry.key),
        false => compare_entry(rows, *other, entry, id),
    }
}

fn compare_rows((a_key, a): &(i64, Row), (key, id): RowKey<'_>) -> Ordering {
    a_key.cmp(&key).then_with(|| a.id().cmp(id))
}

/// Adds a conversation to the list of its agent, or replaces its row there.
fn join(of_agent: &mut OfAgent, row: &Row) {
    let key = row.sort_key(Sort::Activity);
    of_agent.insert((key, row.clone()), |other| compare_rows(other, (key, row.id())));
}

fn leave(of_agent: &mut OfAgent, row: &Row) {
    of_agent.remove(|other| compare_rows(other, (row.sort_key(Sort::Activity), row.id())));
}

fn rows_of(of_agent: &OfAgent) -> impl Iterator<Item = &Row> {
    of_agent.iter().map(|(_, row)| row)
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

/// Removes a conversation from the list of its tenant.
fn leave_tenant(by_tenant: &mut ByTenant, row: &Row) {
    if let Some(of_agent) = by_tenant.get_mut(&row.tenant) {
        leave(of_agent, row);
        if of_agent.is_empty() {
            by_tenant.remove(&row.tenant);
        }
    }
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

fn load(tenant: Option<&Arc<str>>, rows: &OfAgent) -> Option<AgentLoad> {
    let agent = rows.first()?.1.agent.as_ref();
    let name = rows_of(rows).find_map(agent_name);
    let waiting = || rows_of(rows).filter_map(|row| row.waiting_since);
    Some(AgentLoad {
        tenant: tenant.cloned(),
        agent: agent.map(|agent| AgentRef { id: agent.id.clone(), name: name.cloned() }),
        open: rows.len() as u64,
        unread: rows_of(rows).fold(0, |sum, row| sum.saturating_add(row.unread)),
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

fn fill_page<'a>(query: &Query, mut wanted: impl Iterator<Item = &'a Row>) -> Page {
    let rows: Vec<_> = wanted.by_ref().take(query.page_rows()).cloned().collect();
    let next = rows.last().filter(|_| wanted.next().is_some());
    let next = next.map(|row| Cursor::at(query.order, row));
    Page { rows, next, unknown: Vec::new() }
}
