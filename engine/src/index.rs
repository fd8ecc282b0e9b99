//! The indexes behind the queries of rules Q2 and Q3.
//!
//! They are kept beside the board and updated one conversation at a time, so that a query never waits for the fold.

mod candidates;
mod lists;

use std::sync::Arc;

use hashbrown::HashMap;

pub(crate) use self::lists::Lists;
use self::lists::{OfAgent, agent_name, rows_of};
use crate::cursor::Cursor;
use crate::newest::{Largest, Newest};
use crate::query::{AgentLoad, ConversationRow, Page, Query, QueryError, Totals};
use crate::state::AgentRef;
use crate::unknown;

/// The number of a conversation on the board.
pub(crate) type Slot = u32;

pub(crate) type Row = Arc<ConversationRow>;

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

fn fill_page<'a>(query: &Query, mut wanted: impl Iterator<Item = &'a Row>) -> Page {
    let rows: Vec<_> = wanted.by_ref().take(query.page_rows()).cloned().collect();
    let next = rows.last().filter(|_| wanted.next().is_some());
    let next = next.map(|row| Cursor::at(query.order, row));
    Page { rows, next, unknown: Vec::new() }
}
