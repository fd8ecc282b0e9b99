//! The board as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use convofold::MomentReport;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::count::{AgentKey, Bands, Count, Load, Numbers, TenantAgent};
use super::day::LocalDay;
use super::ledger::Ledger;
use super::parts::ClusterNote;
use super::rows;
use super::view::View;
use crate::app::App;
use crate::link::{link, of_agent, of_tenant};
use crate::moment::conditions_of;
use crate::problem::Problem;
use crate::routes::Thresholds;
use crate::tokens::clock_ms;
use crate::upstreams::Upstream;

/// How far back the numbers are with which those of now are compared.
const BEFORE_MS: i64 = 15 * 60_000;

/// What is open, after exactly one event.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardAnswer {
    /// The answer reflects every event up to this sequence number, and no later one.
    pub(crate) seq: u64,
    /// The identity of the database.
    pub(super) database_id: String,
    /// The time of the server.
    now: i64,
    thresholds: Thresholds,
    /// All conversations, open or closed. At a moment, those that were open, or unanswered after their close.
    conversations: u64,
    /// The open ones, without the conditions.
    all_open: u64,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
    /// The numbers of 15 minutes ago; null until they are known.
    pub(super) before: Option<Before>,
    pub(super) bands: Bands,
    /// Conversations that wait, longest first: rows with their last messages.
    #[schema(value_type = Vec<Object>)]
    waits: Vec<Arc<RawValue>>,
    /// Conversations without an agent: the longest wait first, then the longest open. Rows with their last messages.
    #[schema(value_type = Vec<Object>)]
    nobody: Vec<Arc<RawValue>>,
    /// The agents with an open conversation that meets the conditions, the most loaded first; the unassigned conversations are
    /// last.
    pub(super) agents: Vec<BoardAgent>,
    /// The last wait of today that ended with an answer; null if there is none, or until it is known.
    pub(super) last_answered: Option<Answered>,
    choices: Choices,
    /// Where events come from.
    upstreams: Vec<Upstream>,
    /// The list behind each number; behind `unread`: the conversations whose unread messages it sums up.
    links: BTreeMap<&'static str, String>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, and the `time` to which ages count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(super) moment: Option<MomentReport>,
    /// What is not in the answer, or may be old, if it is of the partitions of a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<ClusterNote>,
}

/// Earlier numbers.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
pub(crate) struct Before {
    /// The time to which they belong.
    pub(crate) at: i64,
    #[serde(flatten)]
    pub(crate) numbers: Numbers,
}

impl Before {
    pub(super) fn plus(mut self, other: Self) -> Self {
        self.at = self.at.max(other.at);
        self.numbers.merge(other.numbers);
        self
    }
}

/// The open conversations of an agent of a tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardAgent {
    /// The tenant.
    #[schema(value_type = Option<String>)]
    tenant: Option<Arc<str>>,
    /// The agent; null for unassigned conversations.
    agent: Option<BoardAgentName>,
    /// Open conversations.
    open: u64,
    /// Unread messages in them.
    unread: u64,
    /// Open conversations that wait for an answer.
    waiting: u64,
    /// The time of the message that waits longest.
    oldest_waiting_since: Option<i64>,
    /// When the agent answered last, in any conversation of the last day; null if that is not known.
    pub(super) last_reply_at: Option<i64>,
    /// The list behind each number; behind `unread`: the conversations whose unread messages it sums up.
    links: BTreeMap<&'static str, String>,
}

/// An agent.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardAgentName {
    /// The id; null for an agent known by name only.
    #[schema(value_type = Option<String>)]
    id: Option<Arc<str>>,
    /// The name.
    #[schema(value_type = Option<String>)]
    name: Option<Arc<str>>,
}

/// A wait that ended with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub(crate) struct Answered {
    /// When it ended.
    pub(crate) at: i64,
    /// How long it was.
    pub(crate) after_ms: i64,
}

/// What the open conversations that the caller may see have, without the conditions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Choices {
    #[schema(value_type = Vec<String>)]
    tenants: Vec<Arc<str>>,
    #[schema(value_type = Vec<String>)]
    channels: Vec<Arc<str>>,
    agents: Vec<ChosenAgent>,
}

/// An agent of a tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChosenAgent {
    #[schema(value_type = Option<String>)]
    tenant: Option<Arc<str>>,
    #[schema(value_type = Option<String>)]
    id: Option<Arc<str>>,
    #[schema(value_type = Option<String>)]
    name: Option<Arc<str>>,
    /// The last activity of the conversation that gives the name.
    named_at: Option<i64>,
}

impl BoardAnswer {
    /// The board of a view now, and when a number may change without an event. Blocks: it can read conversations from the
    /// disk.
    pub(crate) fn of(app: &App, view: &View) -> Result<(Self, Option<i64>), Problem> {
        let now = clock_ms();
        let count = app.db.with_index(|seq, index| Count::of(view, now, seq, index));
        let next_change = count.next_change;
        let lists = Lists {
            waits: app.rows.json(&app.db, &count.waits, view.has_texts)?,
            nobody: app.rows.json(&app.db, &count.nobody, view.has_texts)?,
        };
        let database_id = app.db.database_id().to_string();
        let mut answer = Self::new(database_id, (view, now), count, lists, &Links::of(view, now));
        answer.upstreams = app.upstreams(now);
        answer.upstreams.retain(|upstream| view.sees(upstream.tenant.as_deref()));
        answer.tell_of_the_day(app, view, app.ledger.last_replies().as_deref());
        Ok((answer, next_change))
    }

    /// The board of a view at a moment. Blocks for as long as it takes to read the conversations.
    pub(crate) fn at(app: &App, view: &View, then: &convofold::View) -> Result<Self, Problem> {
        let report = then.report(None)?;
        let now = report.time.unwrap_or_else(clock_ms);
        let count = Count::of(view, now, then.seq(), &then.index_of_listed()?);
        let lists = Lists {
            waits: rows::json_at(then, &count.waits, view.has_texts)?,
            nobody: rows::json_at(then, &count.nobody, view.has_texts)?,
        };
        let mut links = Links::of(view, now);
        links.conditions.extend(conditions_of(then));
        let mut answer = Self::new(app.db.database_id().to_string(), (view, now), count, lists, &links);
        // The ledger knows what happened with everything learned since.
        if report.known_at.is_none() {
            let last_replies = app.ledger.last_replies_until(now);
            answer.tell_of_the_day(app, view, last_replies.as_ref());
        }
        answer.moment = Some(report);
        Ok(answer)
    }

    pub(super) fn new(
        database_id: String,
        (view, now): (&View, i64),
        count: Count,
        lists: Lists,
        links: &Links,
    ) -> Self {
        Self {
            seq: count.seq,
            database_id,
            now,
            thresholds: view.thresholds,
            conversations: count.conversations,
            all_open: count.all_open,
            numbers: count.numbers,
            before: None,
            bands: count.bands,
            waits: lists.waits,
            nobody: lists.nobody,
            choices: choices(&count),
            agents: agents(count.agents, links),
            last_answered: None,
            upstreams: Vec::new(),
            links: links.all(),
            moment: None,
            cluster: None,
        }
    }

    /// Adds what was before its time, as far as it is known.
    fn tell_of_the_day(&mut self, app: &App, view: &View, last_replies: Option<&BTreeMap<TenantAgent, i64>>) {
        let before_at = self.now - BEFORE_MS;
        let before = app.ledger.numbers_at(view, &[before_at]).and_then(|numbers| numbers.first().copied());
        self.before = before.filter(|_| Ledger::remembers(before_at)).map(|numbers| Before { at: before_at, numbers });
        let today = LocalDay::of(self.now, &view.zone);
        self.last_answered = app.ledger.last_answered(view, today.from, self.now.saturating_add(1));
        for agent in &mut self.agents {
            let key = agent.key();
            agent.last_reply_at =
                last_replies.and_then(|replies| replies.get(&key)).copied().filter(|_| agent.agent.is_some());
        }
    }
}

/// Rows as JSON.
pub(super) struct Lists {
    pub(super) waits: Vec<Arc<RawValue>>,
    pub(super) nobody: Vec<Arc<RawValue>>,
}

fn choices(count: &Count) -> Choices {
    let agents = count.agents.iter().filter_map(|((tenant, _), load)| {
        let agent = load.agent.clone()?;
        Some(ChosenAgent { tenant: tenant.clone(), id: agent.id, name: agent.name, named_at: load.named_at })
    });
    Choices {
        agents: agents.collect(),
        tenants: count.choices.tenants.iter().cloned().collect(),
        channels: count.choices.channels.iter().cloned().collect(),
    }
}

fn agents(agents: BTreeMap<TenantAgent, Load>, links: &Links) -> Vec<BoardAgent> {
    let shown = agents.into_iter().filter(|(_, load)| load.numbers.open > 0);
    let mut shown: Vec<_> = shown.map(|((tenant, _), load)| agent(tenant, load, links)).collect();
    // Stable: then by tenant and agent.
    shown.sort_by_key(|agent| (agent.agent.is_none(), std::cmp::Reverse(agent.open)));
    shown
}

fn agent(tenant: Option<Arc<str>>, load: Load, links: &Links) -> BoardAgent {
    let named = load.agent.as_ref().map(|agent| (agent.id.as_deref(), agent.name.as_deref()));
    let own = [of_agent(named), of_tenant(tenant.as_deref())];
    BoardAgent {
        links: [
            ("open", links.list(own)),
            ("unread", links.list(own.into_iter().chain([UNREAD]))),
            ("waiting", links.list(own.into_iter().chain([WAITING]))),
        ]
        .into(),
        tenant,
        agent: load.agent.map(|agent| BoardAgentName { id: agent.id, name: agent.name }),
        open: load.numbers.open,
        unread: load.numbers.unread,
        waiting: load.numbers.waiting,
        oldest_waiting_since: load.numbers.oldest_waiting_since,
        last_reply_at: None,
    }
}

impl BoardAgent {
    pub(super) fn key(&self) -> TenantAgent {
        let agent = self.agent.as_ref();
        let [id, name] = [agent.and_then(|agent| agent.id.clone()), agent.and_then(|agent| agent.name.clone())];
        let key = id.map(AgentKey::Id).or(name.map(AgentKey::Name)).unwrap_or(AgentKey::Nobody);
        (self.tenant.clone(), key)
    }
}

const UNREAD: (&str, &str) = ("unread_min", "1");
const WAITING: (&str, &str) = ("waiting", "true");

/// Links to lists with the conditions of a view at a time.
pub(super) struct Links {
    pub(super) conditions: Vec<(&'static str, String)>,
    warn_since: i64,
    crit_since: i64,
}

impl Links {
    pub(super) fn of(view: &View, now: i64) -> Self {
        let at = view.at(now);
        let (warn_since, crit_since) = (at.warn_since, at.crit_since);
        Self { conditions: view.conditions.pairs_at(now), warn_since, crit_since }
    }

    /// The list with these conditions, too. Of two limits of the same kind the stricter one counts; another condition that
    /// the view has already is the same as the given one, or more.
    fn list<'a>(&'a self, more: impl IntoIterator<Item = (&'static str, &'a str)>) -> String {
        let mut pairs: Vec<(&str, &str)> =
            self.conditions.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (name, value) in more {
            let Some((_, known)) = pairs.iter_mut().find(|(known, _)| *known == name) else {
                pairs.push((name, value));
                continue;
            };
            let numbers = known.parse::<i64>().ok().zip(value.parse::<i64>().ok());
            let is_stricter = |(known, value)| match name {
                "waiting_since" => value < known,
                "waiting_after" | "unread_min" => value > known,
                _ => false,
            };
            if numbers.is_some_and(is_stricter) {
                *known = value;
            }
        }
        link(pairs)
    }

    fn all(&self) -> BTreeMap<&'static str, String> {
        let (warn, crit) = (self.warn_since.to_string(), self.crit_since.to_string());
        [
            ("open", self.list([])),
            ("waiting", self.list([WAITING])),
            ("unassigned", self.list([("unassigned", "true")])),
            ("unread", self.list([UNREAD])),
            ("suspect", self.list([("suspect", "true")])),
            ("critical", self.list([("waiting_since", crit.as_str())])),
            ("warning", self.list([("waiting_since", warn.as_str()), ("waiting_after", &crit)])),
            ("under", self.list([WAITING, ("waiting_after", &warn)])),
        ]
        .into()
    }
}
