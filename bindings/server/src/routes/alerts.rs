//! The alerts that are active, or whose messages were not delivered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::alerts::Shown;
use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertsParams {
    /// The maximum number of alerts, from 1 to 1000 [default: 100].
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// A page of alerts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertPage {
    /// The number of alerts that are active or were not delivered.
    total: u64,
    /// Their maximum number: when it is reached, no more begin.
    max: u64,
    /// The number of messages that were not delivered.
    pending: u64,
    /// The alerts, in the order in which they began.
    alerts: Vec<Shown>,
    /// The cursor of the next page; null on the last one.
    next_cursor: Option<String>,
}

/// The alerts of the settings that are active, or of which a message was not delivered.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "out", params(AlertsParams),
    responses(
        (status = 200, body = AlertPage),
    )
)]
pub(crate) async fn alerts(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<AlertsParams>,
) -> Result<Json<AlertPage>, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is from 1 to {MAX_LIMIT}, found {limit}")));
    }
    spawn_blocking(move || {
        let Some((alerts, more)) = app.alerts.page(params.cursor.as_deref(), limit) else {
            let cursor = params.cursor.unwrap_or_default();
            let detail = format!("the alert {cursor:?} of the cursor is gone: begin with the first page");
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        };
        let counts = app.alerts.counts();
        let next_cursor = alerts.last().filter(|_| more).map(|alert| alert.id.clone());
        Ok(Json(AlertPage { total: counts.crossings, max: counts.max, pending: counts.pending, alerts, next_cursor }))
    })
    .await?
}
