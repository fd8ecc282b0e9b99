//! Lists of conversations.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use convofold::{
    ConversationRow, Cursor, MomentReport, Page, PageError, Query, Seq, Sort, StatusFilter, Time, TimeField,
    UnknownValue, View,
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::conditions::{Conditions, with_conditions};
use crate::moment::Bounds;
use crate::params::PastParams;
use crate::problem::Problem;
use crate::tokens::{Role, clock_ms};

use super::conversation::without_texts;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;

/// Which conversations to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Listed {
    Open,
    Closed,
    Any,
}

impl From<Listed> for StatusFilter {
    fn from(listed: Listed) -> Self {
        match listed {
            Listed::Open => Self::Open,
            Listed::Closed => Self::Closed,
            Listed::Any => Self::Any,
        }
    }
}

with_conditions! {
    ListParams {
        /// `open`, `closed` or `any` [default: open; closed with `unanswered_after_close`].
        #[param(inline)]
        status: Option<Listed>,
        /// The id or name of an agent that is assigned or was assigned before.
        any_agent: Option<String>,
        /// Only conversations whose time `by` is this one or later, in milliseconds since the epoch.
        since: Option<i64>,
        /// Only conversations whose time `by` is before this one, in milliseconds since the epoch.
        until: Option<i64>,
        /// The time that `since` and `until` limit: `active` (default), `started` or `closed`.
        #[param(pattern = "^(active|started|closed)$")]
        by: Option<String>,
        /// Only closed conversations with a message of the member, or of unknown direction, after both their last close and
        /// their last answer.
        unanswered_after_close: bool,
        /// `activity` (default), `waiting`, `started` or `closed`.
        #[param(pattern = "^(activity|waiting|started|closed)$")]
        sort: Option<String>,
        /// Whether the order is reversed.
        reverse: bool,
        /// The maximum number of conversations, from 1 to 1000 [default: 50].
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<usize>,
        /// Lists conversations as they were then, with everything learned since: only events at this time or before it count.
        /// RFC 3339 with a zone, `latest`, or a time before now such as `-2h`.
        as_of: Option<String>,
        /// Lists conversations as they were known then: only events that had arrived count. RFC 3339 with a zone, `latest`, `-2h`,
        /// or a sequence number such as `seq:812`.
        known_at: Option<String>,
        /// Rows as lists show them, instead of whole conversations. They are smaller and also say when a closed conversation
        /// was last active.
        rows: bool,
        /// With `rows`: also the whole conversations, in the same order.
        whole: bool,
        /// `next_cursor` of the previous page, which was asked for with the same `sort` and `reverse`.
        #[param(pattern = "^[awscAWSC](-?[0-9]{1,18}|9223372036854775807):")]
        cursor: Option<String>,
    }
}

/// A page of conversations.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConversationPage {
    /// The answer reflects every event up to this sequence number. A list of open conversations, or of closed ones that are
    /// unanswered, reflects no later one, apart from the texts and other fields that its rows do not have.
    seq: u64,
    /// The conversations, each in the form of the export; none if only rows were asked for.
    #[schema(value_type = Vec<Object>)]
    conversations: Vec<convofold::State>,
    /// The rows, with the last message of each conversation, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    rows: Option<Vec<ConversationRow>>,
    /// The cursor of the next page; null on the last one.
    #[schema(value_type = Option<String>)]
    next_cursor: Option<Cursor>,
    /// Why the first page of open conversations is empty: the conditions whose value no open conversation has, with similar
    /// values.
    #[schema(value_type = Vec<Object>)]
    unknown: Vec<UnknownValue>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, and the `time` to which ages count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

/// Conversations that match every given condition.
#[utoipa::path(
    get, path = "/api/v1/conversations", tag = "out", params(ListParams),
    responses(
        (status = 200, body = ConversationPage),
    )
)]
pub(crate) async fn conversations(
    State(app): State<App>,
    caller: Caller,
    PastParams(params): PastParams<ListParams>,
) -> Result<Json<ConversationPage>, Problem> {
    caller.expect(Role::Read)?;
    if caller.reads_texts() {
        caller.log_texts("conversations");
    }
    let bounds = Bounds::parse(params.as_of.as_deref(), params.known_at.as_deref())?;
    let (view, mut scan) = bounds.scan(&app, &caller).await?.unzip();
    let list = List::new(params, caller, view)?;
    if scan.is_none() && !list.query.is_in_index() {
        scan = Some(app.scan().await?);
    }
    let asked = app.clone();
    let answer = spawn_blocking(move || {
        let _scan = scan;
        list.answer(&asked)
    });
    answer.await?.map(Json)
}

/// A list that is asked for.
struct List {
    query: Query,
    has_rows: bool,
    /// Beside the rows.
    has_whole: bool,
    conditions: Conditions,
    caller: Caller,
    /// `None` for now.
    view: Option<View>,
}

impl List {
    fn new(mut params: ListParams, caller: Caller, view: Option<View>) -> Result<Self, Problem> {
        let bad = |error: &dyn std::fmt::Display| Problem::bad_request(error.to_string());
        let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::bad_request(format!("limit is from 1 to {MAX_LIMIT}, found {limit}")));
        }
        let unknown = |error: convofold::UnknownName| bad(&error);
        let sort = params.sort.as_deref().map_or(Ok(Sort::default()), str::parse).map_err(unknown)?;
        let by = params.by.as_deref().map_or(Ok(TimeField::default()), str::parse).map_err(unknown)?;
        let cursor: Option<Cursor> = params
            .cursor
            .take()
            .map(|text| text.parse())
            .transpose()
            .map_err(|error: convofold::QueryError| bad(&error))?;
        let conditions = params.take_conditions();
        let query = conditions
            .query_at(view.as_ref().and_then(View::time).map_or_else(clock_ms, Time::ms))
            .status(params.status.map(StatusFilter::from))
            .any_agent(params.any_agent.as_deref())
            .since_ms(params.since)
            .until_ms(params.until)
            .by(by)
            .unanswered_after_close(params.unanswered_after_close)
            .sort(sort)
            .reverse(params.reverse)
            .limit(limit)
            .cursor(cursor);
        Ok(Self { query, has_rows: params.rows, has_whole: params.whole, conditions, caller, view })
    }

    fn answer(&self, app: &App) -> Result<ConversationPage, Problem> {
        let (seq, page, moment) = self.page(app)?;
        let mut conversations = Vec::with_capacity(page.rows.len());
        for row in &page.rows {
            let state = self.view.as_ref().map_or_else(|| app.db.state(row.id()), |view| view.state(row.id()));
            conversations.extend(state?);
        }
        if !self.caller.reads_texts() {
            conversations.iter_mut().for_each(without_texts);
        }
        let rows = self.has_rows.then(|| rows(&page.rows, &conversations));
        if self.has_rows && !self.has_whole {
            conversations.clear();
        }
        Ok(ConversationPage { seq, conversations, rows, next_cursor: page.next, unknown: page.unknown, moment })
    }

    /// The page, the sequence number up to which it reflects every event (exactly, if the index answers), and what it is
    /// about.
    fn page(&self, app: &App) -> Result<(Seq, Page, Option<MomentReport>), Problem> {
        let wants = |row: &ConversationRow| self.conditions.wants(row) && self.caller.sees(row.tenant.as_deref());
        let page = if let Some(view) = &self.view {
            view.query_with_report(&self.query, wants).map(|(page, moment)| (view.seq(), page, Some(moment)))
        } else if self.query.is_in_index() {
            let page = app.db.with_index(|seq, index| Ok((seq, index.query_matching(&self.query, wants)?, None)));
            page.map_err(PageError::Query)
        } else {
            // Read first, so that the answer has at least these events.
            let seq = app.db.counters().durable_seq;
            app.db.query_matching(&self.query, wants).map(|page| (seq, page, None))
        };
        page.map_err(|error| match error {
            // The cursor belongs to another sort order.
            PageError::Query(error) => Problem::new(StatusCode::CONFLICT, error.to_string()),
            PageError::Storage(error) => error.into(),
            error => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        })
    }
}

/// The rows, with the last messages of these conversations.
fn rows(rows: &[Arc<ConversationRow>], conversations: &[convofold::State]) -> Vec<ConversationRow> {
    let messages: HashMap<_, _> =
        conversations.iter().filter_map(|state| Some((&*state.id, state.last_message.as_ref()?))).collect();
    let row = |row: &Arc<ConversationRow>| {
        let mut row = ConversationRow::clone(row);
        row.last_message = messages.get(row.id()).map(|message| Box::new((*message).clone()));
        row
    };
    rows.iter().map(row).collect()
}
