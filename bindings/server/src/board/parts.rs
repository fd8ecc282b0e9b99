//! One board of the boards of several databases: what a server in front of a cluster shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use convofold::{AgentRef, ConversationRow, MomentReport, Seq};
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use utoipa::ToSchema;

use super::answer::{Answered, Before, BoardAnswer, Links, Lists};
use super::count::{AgentKey, Bands, Count, First, Numbers, TenantAgent, rank_nobody, rank_waits};
use super::view::View;
use crate::tokens::clock_ms;

/// Stands for the identity of a database in answers of several.
pub(crate) const CLUSTER: &str = "cluster";

/// The board of one of several databases, in its JSON.
#[derive(Deserialize)]
pub(crate) struct BoardPart {
    conversations: u64,
    all_open: u64,
    #[serde(flatten)]
    numbers: Numbers,
    before: Option<Before>,
    bands: Bands,
    waits: Vec<ConversationRow>,
    nobody: Vec<ConversationRow>,
    agents: Vec<AgentPart>,
    choices: ChoicesPart,
    last_answered: Option<Answered>,
    moment: Option<MomentReport>,
}

#[derive(Deserialize)]
struct AgentPart {
    tenant: Option<Arc<str>>,
    agent: Option<AgentRef>,
    open: u64,
    unread: u64,
    waiting: u64,
    oldest_waiting_since: Option<i64>,
    last_reply_at: Option<i64>,
}

#[derive(Deserialize)]
struct ChoicesPart {
    tenants: Vec<Arc<str>>,
    channels: Vec<Arc<str>>,
    agents: Vec<ChosenPart>,
}

#[derive(Deserialize)]
struct ChosenPart {
    tenant: Option<Arc<str>>,
    id: Option<Arc<str>>,
    name: Option<Arc<str>>,
    named_at: Option<i64>,
}

/// What of a cluster is not in an answer, or may be old.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ClusterNote {
    /// The partitions that are not in the answer, each with the reasons.
    pub(crate) missing: Vec<String>,
    /// The partitions whose part may be old, each with the reason.
    pub(crate) stale: Vec<String>,
}

/// What a board must have of the past to be the same for all databases.
pub(crate) type PastBounds = Vec<(&'static str, String)>;

impl BoardAnswer {
    /// The board of several databases, each at its own present or at the same moment. The numbers are added; the lists are the first
    /// rows of all lists.
    pub(crate) fn of_parts(
        view: &View,
        seq: Seq,
        parts: Vec<BoardPart>,
        bounds: PastBounds,
        cluster: ClusterNote,
    ) -> Self {
        let moment = parts.iter().filter_map(|part| part.moment).reduce(later);
        let now = moment.map_or_else(clock_ms, |moment| moment.time.unwrap_or_else(clock_ms));
        let last_replies = last_replies(&parts);
        let last_answered = parts.iter().filter_map(|part| part.last_answered).max();
        let before: Option<Vec<Before>> = parts.iter().map(|part| part.before).collect();
        let before = before.and_then(|before| before.into_iter().reduce(Before::plus));
        let count = Count::of_parts(view, seq, parts);
        let json = |rows: &[Arc<ConversationRow>]| {
            rows.iter().map(|row| to_raw_value(&**row).unwrap_or_default().into()).collect()
        };
        let lists = Lists { waits: json(&count.waits), nobody: json(&count.nobody) };
        let mut links = Links::of(view, now);
        links.conditions.extend(bounds);
        let mut answer = Self::new(CLUSTER.to_owned(), (view, now), count, lists, &links);
        (answer.before, answer.last_answered, answer.moment) = (before, last_answered, moment);
        for agent in &mut answer.agents {
            agent.last_reply_at = last_replies.get(&agent.key()).copied();
        }
        answer.cluster = Some(cluster);
        answer
    }

    /// What changes when something happens; times and links change always.
    pub(crate) fn fingerprint(&self) -> (Seq, Numbers, Bands, Option<ClusterNote>) {
        (self.seq, self.numbers, self.bands, self.cluster.clone())
    }
}

/// What several answers about the same moment are about. Sequence numbers differ.
fn later(one: MomentReport, other: MomentReport) -> MomentReport {
    let mut later = if other.time > one.time { other } else { one };
    later.as_of = one.as_of.max(other.as_of);
    (later.known_at, later.late_events) = (None, None);
    later
}

fn last_replies(parts: &[BoardPart]) -> BTreeMap<TenantAgent, i64> {
    let mut found = BTreeMap::new();
    for agent in parts.iter().flat_map(|part| &part.agents).filter(|agent| agent.agent.is_some()) {
        let Some(at) = agent.last_reply_at else { continue };
        let key = (agent.tenant.clone(), AgentKey::of(agent.agent.as_ref()));
        found.entry(key).and_modify(|known: &mut i64| *known = at.max(*known)).or_insert(at);
    }
    found
}

impl Count {
    fn of_parts(view: &View, seq: Seq, parts: Vec<BoardPart>) -> Self {
        let mut count = Self { seq, ..Self::default() };
        let (mut waits, mut nobody) = (Vec::new(), Vec::new());
        let mut channels = BTreeSet::new();
        for part in parts {
            count.conversations += part.conversations;
            count.all_open += part.all_open;
            count.numbers.merge(part.numbers);
            count.bands.merge(part.bands);
            waits.extend(part.waits.into_iter().map(Arc::new));
            nobody.extend(part.nobody.into_iter().map(Arc::new));
            count.choices.tenants.extend(part.choices.tenants);
            channels.extend(part.choices.channels);
            part.choices.agents.into_iter().for_each(|agent| count.choose(agent));
            part.agents.into_iter().for_each(|agent| count.add_load(agent));
        }
        count.choices.channels = channels;
        count.waits = first(view.limit, &waits, |row| row.waiting_since.map(rank_waits));
        count.nobody = first(view.limit, &nobody, |row| Some(rank_nobody(row)));
        count
    }

    /// Adds an agent whom somebody can choose, with the name in the conversation that was active last.
    fn choose(&mut self, ChosenPart { tenant, id, name, named_at }: ChosenPart) {
        let agent = AgentRef::of(id, name);
        let known = self.agents.entry((tenant, AgentKey::of(agent.as_ref()))).or_default();
        known.name_if_later(agent, named_at);
    }

    fn add_load(&mut self, part: AgentPart) {
        let AgentPart { tenant, agent, open, unread, waiting, oldest_waiting_since, .. } = part;
        let known = self.agents.entry((tenant, AgentKey::of(agent.as_ref()))).or_default();
        known.numbers.merge(Numbers { open, unread, waiting, oldest_waiting_since, ..Numbers::default() });
        // An agent is among those to choose, too.
        known.agent = known.agent.take().or(agent);
    }
}

/// The first rows in an order.
fn first(
    limit: usize,
    rows: &[Arc<ConversationRow>],
    rank: impl Fn(&ConversationRow) -> Option<(i64, i64)>,
) -> Vec<Arc<ConversationRow>> {
    let mut found = First::new(limit);
    for row in rows {
        if let Some(rank) = rank(row) {
            found.offer(rank, row);
        }
    }
    found.sorted()
}
