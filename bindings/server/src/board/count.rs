//! The numbers and lists of a board, counted in one pass over the index.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use convofold::engine::Index;
use convofold::{AgentRef, ConversationRow, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::{View, ViewAt};

/// Numbers of open conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Numbers {
    /// Open conversations.
    pub(crate) open: u64,
    /// Those that wait for an answer.
    pub(crate) waiting: u64,
    /// Those without an agent.
    pub(crate) unassigned: u64,
    /// Unread messages in all of them.
    pub(crate) unread: u64,
    /// Those whose data look wrong.
    pub(crate) suspect: u64,
    /// The time of the message that waits longest.
    pub(crate) oldest_waiting_since: Option<i64>,
}

impl Numbers {
    pub(crate) fn add(&mut self, row: &ConversationRow) {
        self.open += 1;
        self.waiting += u64::from(row.waiting_since.is_some());
        self.unassigned += u64::from(row.agent.is_none());
        self.unread = self.unread.saturating_add(row.unread);
        self.suspect += u64::from(row.suspect);
        self.oldest_waiting_since = earlier(self.oldest_waiting_since, row.waiting_since);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.open += other.open;
        self.waiting += other.waiting;
        self.unassigned += other.unassigned;
        self.unread = self.unread.saturating_add(other.unread);
        self.suspect += other.suspect;
        self.oldest_waiting_since = earlier(self.oldest_waiting_since, other.oldest_waiting_since);
    }
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    [one, other].into_iter().flatten().min()
}

/// Conversations that wait, by the length of the wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Bands {
    /// Waits of `crit_ms` or more.
    pub(crate) critical: u64,
    /// Shorter ones of `warn_ms` or more.
    pub(crate) warning: u64,
    /// Shorter ones.
    pub(crate) under: u64,
}

impl Bands {
    pub(super) fn merge(&mut self, other: Self) {
        self.critical += other.critical;
        self.warning += other.warning;
        self.under += other.under;
    }
}

/// The agent of a conversation: two are the same if they have the same id, or the same name and no id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AgentKey {
    Id(Arc<str>),
    Name(Arc<str>),
    /// Nobody is assigned.
    Nobody,
}

impl AgentKey {
    pub(crate) fn of(agent: Option<&AgentRef>) -> Self {
        match agent {
            Some(AgentRef { id: Some(id), .. }) => Self::Id(id.clone()),
            Some(AgentRef { name: Some(name), .. }) => Self::Name(name.clone()),
            _ => Self::Nobody,
        }
    }
}

/// An agent of a tenant.
pub(crate) type TenantAgent = (Option<Arc<str>>, AgentKey);

/// The open conversations of an agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) agent: Option<AgentRef>,
    /// Those that meet the conditions.
    pub(crate) numbers: Numbers,
    /// The last activity of the conversation that gives the name.
    pub(crate) named_at: Option<i64>,
}

impl Load {
    /// Takes the name in the conversation that was active last.
    pub(super) fn name_if_later(&mut self, agent: Option<AgentRef>, named_at: Option<i64>) {
        let name = |agent: &Option<AgentRef>| agent.as_ref().and_then(|agent| agent.name.clone());
        if self.agent.is_none() || (named_at, name(&agent)) > (self.named_at, name(&self.agent)) {
            (self.named_at, self.agent) = (named_at, agent);
        }
    }
}

/// The tenants, channels and agents of all open conversations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    pub(crate) tenants: BTreeSet<Arc<str>>,
    pub(crate) channels: BTreeSet<Arc<str>>,
}

/// The open conversations after exactly one event, as a view shows them.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) seq: Seq,
    /// All conversations, open or closed.
    pub(crate) conversations: u64,
    /// The open ones, without the conditions.
    pub(crate) all_open: u64,
    pub(crate) numbers: Numbers,
    pub(crate) bands: Bands,
    /// Those that wait, longest first.
    pub(crate) waits: Vec<Arc<ConversationRow>>,
    /// Those without an agent: the longest wait first, then the longest open.
    pub(crate) nobody: Vec<Arc<ConversationRow>>,
    /// Also agents without a conversation that meets the conditions.
    pub(crate) agents: BTreeMap<TenantAgent, Load>,
    pub(crate) choices: Choices,
    /// The first time at which a number may change without an event.
    pub(crate) next_change: Option<i64>,
}

impl Count {
    pub(crate) fn of(view: &View, now: i64, seq: Seq, index: &Index) -> Self {
        let at = view.at(now);
        let mut pass = Pass::new(&at);
        index.open_rows().filter(|row| view.sees(row.tenant.as_deref())).for_each(|row| pass.add(row));
        let totals = index.totals();
        let seen = totals.iter().filter(|totals| view.sees(totals.tenant.as_deref()));
        pass.finish(seq, seen.map(|totals| totals.conversations).sum())
    }
}

/// Where the texts of a tenant and of an agent's id and name are. Equal texts are usually one text in memory.
type Place = [usize; 3];

struct Pass<'a, 'b> {
    at: &'a ViewAt<'a>,
    all_open: u64,
    numbers: Numbers,
    bands: Bands,
    waits: First<'b>,
    nobody: First<'b>,
    /// Grouped by place, because comparing and hashing texts would take most of the time.
    loads: HashMap<Place, (Option<Arc<str>>, Load)>,
    channels: HashMap<usize, Arc<str>>,
    next_change: Option<i64>,
}

impl<'a, 'b> Pass<'a, 'b> {
    fn new(at: &'a ViewAt<'a>) -> Self {
        Self {
            at,
            all_open: 0,
            numbers: Numbers::default(),
            bands: Bands::default(),
            waits: First::new(at.view.limit),
            nobody: First::new(at.view.limit),
            loads: HashMap::new(),
            channels: HashMap::new(),
            next_change: None,
        }
    }

    fn add(&mut self, row: &'b Arc<ConversationRow>) {
        self.all_open += 1;
        if let Some(channel) = &row.channel {
            self.channels.entry(place(Some(channel))).or_insert_with(|| channel.clone());
        }
        let is_wanted = self.at.wants(row);
        self.add_load(row, is_wanted);
        if is_wanted || self.at.view.conditions.depend_on_time() {
            self.next_change = earlier(self.next_change, self.at.next_change(row));
        }
        if !is_wanted {
            return;
        }
        self.numbers.add(row);
        if let Some(since) = row.waiting_since {
            let band = match since {
                since if since <= self.at.crit_since => &mut self.bands.critical,
                since if since <= self.at.warn_since => &mut self.bands.warning,
                _ => &mut self.bands.under,
            };
            *band += 1;
            self.waits.offer(rank_waits(since), row);
        }
        if row.agent.is_none() {
            self.nobody.offer(rank_nobody(row), row);
        }
    }

    fn add_load(&mut self, row: &ConversationRow, is_wanted: bool) {
        let agent = row.agent.as_ref();
        let id = agent.and_then(|agent| agent.id.as_ref());
        let name = agent.and_then(|agent| agent.name.as_ref());
        let of = [row.tenant.as_ref(), id, name].map(place);
        let (_, load) = self.loads.entry(of).or_insert_with(|| {
            (row.tenant.clone(), Load { agent: row.agent.clone(), named_at: None, numbers: Numbers::default() })
        });
        load.named_at = load.named_at.max(name.map(|_| row.last_active_at));
        if is_wanted {
            load.numbers.add(row);
        }
    }

    fn finish(self, seq: Seq, conversations: u64) -> Count {
        let mut agents: BTreeMap<TenantAgent, Load> = BTreeMap::new();
        for (tenant, load) in self.loads.into_values() {
            let known = agents.entry((tenant, AgentKey::of(load.agent.as_ref()))).or_default();
            known.numbers.merge(load.numbers);
            known.name_if_later(load.agent, load.named_at);
        }
        let choices = Choices {
            tenants: agents.keys().filter_map(|(tenant, _)| tenant.clone()).collect(),
            channels: self.channels.into_values().collect(),
        };
        Count {
            seq,
            conversations,
            all_open: self.all_open,
            numbers: self.numbers,
            bands: self.bands,
            waits: self.waits.sorted(),
            nobody: self.nobody.sorted(),
            agents,
            choices,
            next_change: self.next_change,
        }
    }
}

fn place(text: Option<&Arc<str>>) -> usize {
    text.map_or(0, |text| text.as_ptr().addr())
}

/// The place among those that wait since then: the longest wait first.
pub(super) fn rank_waits(since: i64) -> (i64, i64) {
    (since, 0)
}

/// The place among those without an agent: the longest wait first, then the longest open.
pub(super) fn rank_nobody(row: &ConversationRow) -> (i64, i64) {
    (row.waiting_since.unwrap_or(i64::MAX), row.started_at)
}

/// The first rows in an order, up to a number of them. Only these are cloned.
pub(super) struct First<'a> {
    limit: usize,
    /// The last one is on top.
    rows: BinaryHeap<Ranked<'a>>,
}

/// A row with its rank; the id decides between equal ones.
struct Ranked<'a> {
    rank: (i64, i64),
    row: &'a Arc<ConversationRow>,
}

impl Ranked<'_> {
    fn key(&self) -> ((i64, i64), &str) {
        (self.rank, self.row.id())
    }
}

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Ranked<'_> {}

impl<'a> First<'a> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, rows: BinaryHeap::new() }
    }

    pub(super) fn offer(&mut self, rank: (i64, i64), row: &'a Arc<ConversationRow>) {
        let offered = Ranked { rank, row };
        if self.rows.len() < self.limit {
            self.rows.push(offered);
        } else if let Some(mut last) = self.rows.peek_mut()
            && offered < *last
        {
            *last = offered;
        }
    }

    pub(super) fn sorted(self) -> Vec<Arc<ConversationRow>> {
        self.rows.into_sorted_vec().into_iter().map(|ranked| ranked.row.clone()).collect()
    }
}
