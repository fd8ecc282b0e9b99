//! Lists of conversations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use convofold::{ConversationRow, Cursor, Page, Query, Sort, Status, StorageError, UnknownValue};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::span::Span;
use crate::tokens::{Role, clock_ms};

use super::conversation::without_texts;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;

/// Which conversations to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Listed {
    #[default]
    Open,
    Closed,
    Any,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// `open` (default), `closed` or `any`. The last two read every conversation.
    #[param(inline)]
    status: Listed,
    /// The agent's id or name.
    agent: Option<String>,
    /// Only unassigned conversations.
    unassigned: bool,
    /// The agent with exactly this id, as `agents` lists it.
    agent_id: Option<String>,
    /// The agent that is known by exactly this name and has no id, as `agents` lists it.
    agent_name: Option<String>,
    /// The member's name, business id or channel id.
    member: Option<String>,
    /// The member's number.
    number: Option<String>,
    /// The tenant.
    tenant: Option<String>,
    /// Only conversations of no tenant.
    no_tenant: bool,
    /// The shortcode.
    shortcode: Option<String>,
    /// The channel of the latest message.
    channel: Option<String>,
    /// Only conversations without a channel.
    no_channel: bool,
    /// The minimum number of unread messages.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 4294967295_u32)]
    unread_min: Option<u32>,
    /// Only conversations that wait for an answer.
    waiting: bool,
    /// The minimum time waiting for an answer, such as `10m`.
    #[param(value_type = Option<String>, pattern = "^[0-9]{1,6}(s|m|h|d)$")]
    waiting_min: Option<Span>,
    /// The minimum time without activity, such as `30m`.
    #[param(value_type = Option<String>, pattern = "^[0-9]{1,6}(s|m|h|d)$")]
    idle_min: Option<Span>,
    /// Only conversations that wait for an answer since this time or earlier.
    waiting_since: Option<i64>,
    /// Only conversations without activity after this time.
    idle_since: Option<i64>,
    /// Closed conversations, whatever `status` says: those with a message of the member, or of unknown direction, after
    /// both their last close and their last answer.
    unanswered_after_close: bool,
    /// Only conversations whose data look wrong.
    suspect: bool,
    /// `activity` (default), `waiting` or `started`.
    #[param(pattern = "^(activity|waiting|started)$")]
    sort: Option<String>,
    /// The maximum number of conversations, from 1 to 1000 [default: 50].
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the previous page, which was asked for with the same `sort`.
    #[param(pattern = "^[aws]-?[0-9]{1,18}:")]
    cursor: Option<String>,
}

/// A page of conversations.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConversationPage {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The conversations, each in the form of the export.
    #[schema(value_type = Vec<Object>)]
    conversations: Vec<convofold::State>,
    /// The cursor of the next page; null on the last one.
    #[schema(value_type = Option<String>)]
    next_cursor: Option<Cursor>,
    /// Why the first page of open conversations is empty: the conditions whose value no open conversation has, with similar
    /// values.
    #[schema(value_type = Vec<Object>)]
    unknown: Vec<UnknownValue>,
}

/// Conversations that match every given condition.
#[utoipa::path(
    get, path = "/api/v1/conversations", tag = "out", params(ListParams),
    responses(
        (status = 200, body = ConversationPage),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn conversations(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<ConversationPage>, Problem> {
    caller.expect(Role::Read)?;
    if caller.reads_texts() {
        caller.log_texts("conversations");
    }
    let list = List::new(params, caller)?;
    let _scan = if list.listed == Listed::Open {
        None
    } else {
        Some(app.scan.acquire().await.map_err(|_| Problem::unavailable("the server is stopping"))?)
    };
    let asked = app.clone();
    spawn_blocking(move || list.answer(&asked)).await?.map(Json)
}

/// A list that is asked for.
struct List {
    listed: Listed,
    query: Query,
    exact: Exact,
    caller: Caller,
}

/// Conditions that [`Query`] does not have.
struct Exact {
    agent_id: Option<String>,
    agent_name: Option<String>,
    no_tenant: bool,
    no_channel: bool,
}

impl Exact {
    fn is_empty(&self) -> bool {
        self.agent_id.is_none() && self.agent_name.is_none() && !self.no_tenant && !self.no_channel
    }

    fn wants(&self, row: &ConversationRow) -> bool {
        let agent = row.agent.as_ref();
        let has_id = |id: &String| agent.is_some_and(|agent| agent.id.as_deref() == Some(id));
        let has_name =
            |name: &String| agent.is_some_and(|agent| agent.id.is_none() && agent.name.as_deref() == Some(name));
        self.agent_id.as_ref().is_none_or(has_id)
            && self.agent_name.as_ref().is_none_or(has_name)
            && !(self.no_tenant && row.tenant.is_some())
            && !(self.no_channel && row.channel.is_some())
    }
}

impl List {
    fn new(params: ListParams, caller: Caller) -> Result<Self, Problem> {
        let bad = |error: &dyn std::fmt::Display| Problem::bad_request(error.to_string());
        let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::bad_request(format!("limit is from 1 to {MAX_LIMIT}, found {limit}")));
        }
        let sort = params.sort.as_deref().map_or_else(|| Ok(Sort::default()), str::parse);
        let sort = sort.map_err(|error: convofold::UnknownName| bad(&error))?;
        let cursor: Option<Cursor> =
            params.cursor.map(|text| text.parse()).transpose().map_err(|error: convofold::QueryError| bad(&error))?;
        let now = clock_ms();
        let before = |span: Option<Span>| {
            span.map(|Span(span)| now.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
        };
        // Also what waits since a time that lies ahead of this clock.
        let waiting_since = [before(params.waiting_min), params.waiting_since].into_iter().flatten().min();
        let waiting_since = waiting_since.or(params.waiting.then_some(i64::MAX));
        let idle_since = [before(params.idle_min), params.idle_since].into_iter().flatten().min();
        let agent = params.agent.as_deref().or(params.agent_id.as_deref()).or(params.agent_name.as_deref());
        let query = Query::new()
            .agent(agent)
            .unassigned(params.unassigned)
            .member(params.member.as_deref())
            .number(params.number.as_deref())
            .tenant(params.tenant.as_deref())
            .shortcode(params.shortcode.as_deref())
            .channel(params.channel.as_deref())
            .unread_min(params.unread_min.map(u64::from))
            .waiting_since_ms(waiting_since)
            .idle_since_ms(idle_since)
            .suspect(params.suspect)
            .unanswered_after_close(params.unanswered_after_close)
            .sort(sort)
            .limit(limit)
            .cursor(cursor);
        let ListParams { agent_id, agent_name, no_tenant, no_channel, .. } = params;
        // Those are in an index, as open ones are.
        let listed = if params.unanswered_after_close { Listed::Open } else { params.status };
        Ok(Self { listed, query, exact: Exact { agent_id, agent_name, no_tenant, no_channel }, caller })
    }

    fn answer(&self, app: &App) -> Result<ConversationPage, Problem> {
        // Read first, so that the answer has at least these events.
        let seq = app.db.counters().durable_seq;
        let page = self.page(app)?;
        let mut conversations = Vec::with_capacity(page.rows.len());
        for row in &page.rows {
            conversations.extend(app.db.state(&row.id)?);
        }
        if !self.caller.reads_texts() {
            conversations.iter_mut().for_each(without_texts);
        }
        Ok(ConversationPage { seq, conversations, next_cursor: page.next, unknown: page.unknown })
    }

    fn page(&self, app: &App) -> Result<Page, Problem> {
        // The cursor belongs to another sort order.
        let refused = |error: convofold::QueryError| Problem::new(StatusCode::CONFLICT, error.to_string());
        let wants = |row: &ConversationRow| self.exact.wants(row) && self.caller.sees(row.tenant.as_deref());
        if self.listed == Listed::Open {
            if self.exact.is_empty() && self.caller.tenants().is_none() {
                return app.db.query(&self.query).map_err(refused);
            }
            let all = app.db.query(&self.query.clone().limit(None).cursor(None)).map_err(refused)?;
            let rows = all.rows.iter().filter(|row| wants(row)).map(|row| ConversationRow::clone(row));
            return self.query.page_of(rows).map_err(refused);
        }
        let mut failure: Option<StorageError> = None;
        let states = app.db.scan_states().map_while(|state| state.map_err(|error| failure = Some(error)).ok());
        let wanted = states.filter(|state| self.listed == Listed::Any || state.status == Status::Closed);
        let rows = wanted.map(|state| ConversationRow::from(&state)).filter(|row| wants(row));
        let page = self.query.page_of(rows).map_err(refused);
        match failure {
            Some(error) => Err(error.into()),
            None => page,
        }
    }
}
