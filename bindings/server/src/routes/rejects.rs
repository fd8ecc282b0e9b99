//! The kept rejects: list, repair, drop.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::intake::{Report, expect_plain};
use crate::params::{Params, Segment};
use crate::problem::Problem;
use crate::tokens::Role;

use super::events::commit_all;
use super::{json_text, webhooks};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// The maximum number of rejects, from 1 to 1000 [default: 100].
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// A page of rejects.
#[expect(dead_code, reason = "describes an answer that is written from the stored lines")]
#[derive(ToSchema)]
pub(crate) struct RejectPage {
    /// The number of kept rejects.
    total: u64,
    /// Reject records, oldest first: what was rejected (`raw`, or `raw_base64` if it is no text), where and why.
    #[schema(value_type = Vec<Object>)]
    rejects: Vec<serde_json::Value>,
    /// The cursor of the next page; null on the last one.
    next_cursor: Option<String>,
}

/// What webhooks delivered that cannot be an event.
#[utoipa::path(
    get, path = "/api/v1/rejects", tag = "rejects", operation_id = "rejects", params(ListParams),
    responses(
        (status = 200, body = RejectPage),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    expect_reader(&caller)?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is from 1 to {MAX_LIMIT}, found {limit}")));
    }
    if let Some(cursor) = params.cursor.as_deref().filter(|cursor| app.rejects.get(cursor).is_none()) {
        let detail = format!("the reject {cursor:?} of the cursor is gone: begin with the first page");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    let (page, more) = app.rejects.page(params.cursor.as_deref(), limit);
    let lines: Vec<_> = page.iter().map(crate::rejects::Kept::line).collect();
    let next = page.last().filter(|_| more).map(crate::rejects::Kept::id);
    let next = next.map_or_else(|| "null".to_owned(), |id| format!("\"{id}\""));
    let total = app.rejects.len();
    Ok(json_text(format!("{{\"total\":{total},\"rejects\":[{}],\"next_cursor\":{next}}}", lines.join(","))))
}

/// Stores a repaired reject.
///
/// The body is the repaired text; an empty body stands for the rejected text as it is. If all of it is accepted, the reject
/// is dropped, and 200 means that its events survive a power cut. Otherwise the reject stays.
#[utoipa::path(
    post, path = "/api/v1/rejects/{id}", tag = "rejects", operation_id = "repair_reject",
    params(("id" = String, Path, description = "The `id` of the reject")),
    request_body(content = Option<Value>, description = "The repaired text", content_type = "application/json"),
    responses(
        (status = 200, body = Report),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Still rejected: `report` says why"),
    )
)]
pub(crate) async fn repair(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Report>, Problem> {
    let _intake = app.take_in()?;
    // The report may contain the rejected text.
    expect_reader(&caller)?;
    expect_plain(&headers)?;
    let kept = app.rejects.get(&id).ok_or_else(|| missing(&id))?;
    let body = webhooks::read(&app.config, body).await?;
    let raw = if body.is_empty() { kept.raw().unwrap_or_default() } else { body.to_vec() };
    let report = commit_all(&app, &raw).await?;
    if report.rejected > 0 {
        let detail = format!("{} of the input cannot be an event; the reject stays", report.rejected);
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_report(&report));
    }
    remove(app, id).await?;
    Ok(Json(report))
}

/// Drops a reject.
#[utoipa::path(
    delete, path = "/api/v1/rejects/{id}", tag = "rejects", operation_id = "drop_reject",
    params(("id" = String, Path, description = "The `id` of the reject")),
    responses(
        (status = 204, description = "It is dropped"),
    )
)]
pub(crate) async fn drop_one(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<StatusCode, Problem> {
    caller.expect(Role::Admin)?;
    if remove(app, id.clone()).await? { Ok(StatusCode::NO_CONTENT) } else { Err(missing(&id)) }
}

/// Refuses a caller who may not read rejects.
fn expect_reader(caller: &Caller) -> Result<(), Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_texts("rejects")?;
    caller.log_texts("rejects");
    Ok(())
}

async fn remove(app: App, id: String) -> Result<bool, Problem> {
    let removed = tokio::task::spawn_blocking(move || app.rejects.remove(&id)).await?;
    removed.map_err(|error| Problem::unavailable(format!("the rejects cannot be written: {error}")))
}

fn missing(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no reject {id:?}"))
}
