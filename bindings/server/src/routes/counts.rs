//! Numbers. Each has the link to the list that it counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use convofold::engine::Index;
use convofold::{AgentLoad, MomentReport, Seq, StorageError, View};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::app::{App, Phase};
use crate::caller::Caller;
use crate::link::{link, of_agent, of_tenant};
use crate::moment::{Bounds, MomentParams, conditions_of};
use crate::params::{Params, PastParams};
use crate::problem::Problem;
use crate::tokens::{Role, clock_ms};
use crate::upstreams::Upstream;

/// No parameters.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

/// The workload of all agents.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentsAnswer {
    /// The answer reflects every event up to this sequence number, and no later one.
    seq: u64,
    /// The agents; the unassigned conversations are last.
    agents: Vec<AgentRow>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, and the `time` to which ages count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

/// The workload of an agent of a tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentRow {
    /// The tenant.
    tenant: Option<String>,
    /// The agent; null for unassigned conversations.
    agent: Option<Agent>,
    /// Open conversations.
    open: u64,
    /// Unread messages in them.
    unread: u64,
    /// Open conversations that wait for an answer.
    waiting: u64,
    /// The time of the message that waits longest.
    oldest_waiting_since: Option<i64>,
    /// The list behind each number; behind `unread`: the conversations whose unread messages it sums up.
    links: BTreeMap<&'static str, String>,
}

/// An agent.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Agent {
    /// The id; null for an agent known by name only.
    id: Option<String>,
    /// The name.
    name: Option<String>,
}

/// Counts of conversations.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotalsAnswer {
    /// The answer reflects every event up to this sequence number, and no later one.
    seq: u64,
    /// One row for each tenant and channel.
    totals: Vec<TotalsRow>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, and the `time` to which ages count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

/// Counts of the conversations of a tenant on a channel.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotalsRow {
    /// The tenant.
    tenant: Option<String>,
    /// The channel of the latest message.
    channel: Option<String>,
    /// All conversations, open or closed.
    conversations: u64,
    /// The open ones.
    open: u64,
    /// Open conversations that wait for an answer.
    waiting: u64,
    /// Unread messages in the open ones.
    unread: u64,
    /// Closed conversations that are unanswered after their close.
    unanswered_after_close: u64,
    /// The list behind each number; behind `unread`: the conversations whose unread messages it sums up.
    links: BTreeMap<&'static str, String>,
}

/// What the server is doing.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusAnswer {
    /// The version of convofold.
    version: &'static str,
    /// The identity of the database.
    database_id: String,
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// Whether the server is stopping.
    stopping: bool,
    /// Time since the server was started.
    uptime_ms: u64,
    /// All conversations, open or closed.
    conversations: u64,
    /// The open ones.
    open: u64,
    /// Open conversations that wait for an answer.
    waiting: u64,
    /// Open conversations without an agent.
    unassigned: u64,
    /// Closed conversations that are unanswered after their close.
    unanswered_after_close: u64,
    /// The time of the message that waits longest.
    oldest_waiting_since: Option<i64>,
    /// Kept rejects.
    rejects: u64,
    /// Readers of the change feed and of exports.
    readers: u64,
    /// Airship's stream, and every source and tenant that has sent events.
    upstreams: Vec<Upstream>,
    /// The list behind each number.
    links: BTreeMap<&'static str, String>,
}

/// Open conversations and unread messages by agent.
#[utoipa::path(
    get, path = "/api/v1/agents", tag = "out", params(MomentParams),
    responses(
        (status = 200, body = AgentsAnswer),
    )
)]
pub(crate) async fn agents(
    State(app): State<App>,
    caller: Caller,
    PastParams(params): PastParams<MomentParams>,
) -> Result<Json<AgentsAnswer>, Problem> {
    caller.expect(Role::Read)?;
    let counted = Counted::of((&app, &caller), params.bounds()?, Index::agents, View::agents_with_report).await?;
    let seen = counted.found.into_iter().filter(|load| caller.sees(load.tenant.as_deref()));
    let mut agents: Vec<_> = seen.map(|load| AgentRow::of(load, &counted.conditions)).collect();
    agents.sort_by_key(|row| row.agent.is_none());
    Ok(Json(AgentsAnswer { seq: counted.seq, agents, moment: counted.moment }))
}

/// What an index counts, now or at a moment.
struct Counted<T> {
    seq: Seq,
    found: T,
    moment: Option<MomentReport>,
    /// The conditions of links to lists at the same moment.
    conditions: Vec<(&'static str, String)>,
}

impl<T: Send + 'static> Counted<T> {
    async fn of(
        (app, caller): (&App, &Caller),
        bounds: Bounds,
        count: fn(&Index) -> T,
        count_past: fn(&View) -> Result<(T, MomentReport), StorageError>,
    ) -> Result<Self, Problem> {
        let Some((view, scan)) = bounds.scan(app, caller).await? else {
            let app = app.clone();
            let look = move || app.db.with_index(|seq, index| (seq, count(index)));
            let (seq, found) = spawn_blocking(look).await?;
            return Ok(Self { seq, found, moment: None, conditions: Vec::new() });
        };
        spawn_blocking(move || {
            let _scan = scan;
            let (found, moment) = count_past(&view)?;
            Ok(Self { seq: view.seq(), found, moment: Some(moment), conditions: conditions_of(&view) })
        })
        .await?
    }
}

impl AgentRow {
    /// `conditions` are those of its links.
    fn of(load: AgentLoad, conditions: &[(&'static str, String)]) -> Self {
        let text = |text: Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let agent = load.agent.map(|agent| Agent { id: text(agent.id), name: text(agent.name) });
        let is_of_agent = of_agent(agent.as_ref().map(|agent| (agent.id.as_deref(), agent.name.as_deref())));
        let is_of_tenant = of_tenant(load.tenant.as_deref());
        let list = |more: &[(&'static str, &'static str)]| {
            let conditions = conditions.iter().map(|(name, value)| (*name, value.as_str()));
            link([is_of_agent, is_of_tenant].into_iter().chain(more.iter().copied()).chain(conditions))
        };
        let links =
            [("open", list(&[])), ("unread", list(&[("unread_min", "1")])), ("waiting", list(&[("waiting", "true")]))];
        Self {
            links: links.into(),
            tenant: load.tenant.as_deref().map(str::to_owned),
            open: load.open,
            unread: load.unread,
            waiting: load.waiting,
            oldest_waiting_since: load.oldest_waiting_since,
            agent,
        }
    }
}

/// Counts by tenant and channel.
#[utoipa::path(
    get, path = "/api/v1/totals", tag = "out", params(MomentParams),
    responses(
        (status = 200, body = TotalsAnswer),
    )
)]
pub(crate) async fn totals(
    State(app): State<App>,
    caller: Caller,
    PastParams(params): PastParams<MomentParams>,
) -> Result<Json<TotalsAnswer>, Problem> {
    caller.expect(Role::Read)?;
    let Counted { seq, found: totals, moment, conditions } =
        Counted::of((&app, &caller), params.bounds()?, Index::totals, View::totals_with_report).await?;
    let seen = totals.into_iter().filter(|row| caller.sees(row.tenant.as_deref()));
    let rows = seen.map(|row| {
        let tenant = of_tenant(row.tenant.as_deref());
        let channel = row.channel.as_deref().map_or(("no_channel", "true"), |channel| ("channel", channel));
        let list = |more: &[(&'static str, &'static str)]| {
            let conditions = conditions.iter().map(|(name, value)| (*name, value.as_str()));
            link([tenant, channel].into_iter().chain(more.iter().copied()).chain(conditions))
        };
        TotalsRow {
            conversations: row.conversations,
            open: row.open,
            waiting: row.waiting,
            unread: row.unread,
            unanswered_after_close: row.unanswered_after_close,
            links: [
                ("conversations", list(&[("status", "any")])),
                ("open", list(&[])),
                ("waiting", list(&[("waiting", "true")])),
                ("unread", list(&[("unread_min", "1")])),
                ("unanswered_after_close", list(&[("unanswered_after_close", "true")])),
            ]
            .into(),
            tenant: row.tenant.as_deref().map(str::to_owned),
            channel: row.channel.as_deref().map(str::to_owned),
        }
    });
    Ok(Json(TotalsAnswer { seq, totals: rows.collect(), moment }))
}

/// The size of the database and what the server is doing.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "out",
    responses(
        (status = 200, body = StatusAnswer),
    )
)]
pub(crate) async fn status(
    State(app): State<App>,
    caller: Caller,
    _: Params<NoParams>,
) -> Result<Json<StatusAnswer>, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    let counters = app.db.counters();
    let agents = app.db.agents();
    let links = [
        ("conversations", link([("status", "any")])),
        ("open", link([])),
        ("waiting", link([("waiting", "true")])),
        ("unassigned", link([("unassigned", "true")])),
        ("unanswered_after_close", link([("unanswered_after_close", "true")])),
        ("rejects", "/api/v1/rejects".to_owned()),
    ];
    Ok(Json(StatusAnswer {
        version: env!("CARGO_PKG_VERSION"),
        database_id: app.db.database_id().to_string(),
        seq: counters.durable_seq,
        stopping: app.phase() > Phase::Running,
        uptime_ms: u64::try_from(app.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        conversations: counters.conversations,
        open: counters.open,
        waiting: agents.iter().map(|load| load.waiting).sum(),
        unassigned: agents.iter().filter(|load| load.agent.is_none()).map(|load| load.open).sum(),
        unanswered_after_close: app.db.totals().iter().map(|row| row.unanswered_after_close).sum(),
        oldest_waiting_since: agents.iter().filter_map(|load| load.oldest_waiting_since).min(),
        rejects: app.rejects.len() as u64,
        readers: app.reader_count(),
        upstreams: app.upstreams(clock_ms()),
        links: links.into(),
    }))
}
