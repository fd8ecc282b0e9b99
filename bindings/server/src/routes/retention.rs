//! Retention: what is older than its rules allow is removed.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use convofold::retention::{RetainError, Retained, Retention, RetentionRun};
use convofold::{Time, TrimError};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::intake::expect_plain;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

use super::care::not_rewritten;
use super::counts::NoParams;
use super::webhooks::read;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct RetainParams {
    /// Says what would be removed, and changes nothing.
    dry_run: bool,
    /// The time to which ages count, in milliseconds since the epoch. Without it: now.
    #[param(minimum = 0, maximum = 253402300799999_i64)]
    now: Option<i64>,
}

/// Applies rules of retention.
///
/// The body has the rules, with durations in milliseconds:
/// `{"log_ms":7776000000,"texts_ms":2592000000,"closed_ms":63072000000,"tenants":{"North":{"texts_ms":604800000}}}`, each of them
/// optional; an empty body stands for those of the settings file. The database is used meanwhile. The answer has the form of
/// `convofold retain --json`.
#[utoipa::path(
    post, path = "/api/v1/retain", tag = "care", params(RetainParams),
    request_body(content = Option<Value>, description = "The rules", content_type = "application/json"),
    responses(
        (status = 200, body = Value, content_type = "application/json"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "The rules do not fit together"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another operation reads or writes the whole database"),
        (status = 507, body = Problem, content_type = "application/problem+json", description = "There is no room for a second copy"),
    )
)]
pub(crate) async fn retain(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Params(RetainParams { dry_run, now }): Params<RetainParams>,
    body: Body,
) -> Result<Json<Retained>, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    expect_plain(&headers)?;
    let body = read(&app.config, body).await?;
    let rules: Retention = match &app.config.retention {
        Some(settings) if body.is_empty() => settings.rules(),
        _ => serde_json::from_slice(&body).map_err(|error| Problem::bad_request(format!("the body: {error}")))?,
    };
    if rules == Retention::new() {
        return Err(Problem::bad_request("the body: expected log_ms, texts_ms, closed_ms or tenants, found no rule"));
    }
    let no_time = |ms| Problem::bad_request(format!("now: no such time: {ms}"));
    let now = now.map_or_else(|| Ok(Time::now()), |ms| Time::from_ms(ms).ok_or_else(|| no_time(ms)))?;
    let retained = spawn_blocking(move || {
        let retained = app.db.retain(&rules, now, dry_run);
        if !dry_run {
            app.show_again();
        }
        retained
    });
    Ok(Json(retained.await?.map_err(|error| not_retained(&error))?))
}

fn not_retained(error: &RetainError) -> Problem {
    let status = match error {
        RetainError::Rules(_) => StatusCode::UNPROCESSABLE_ENTITY,
        RetainError::Trim(TrimError::InUse) => StatusCode::CONFLICT,
        RetainError::Rewrite(error) => not_rewritten(error),
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, error.to_string()).with_cause(error)
}

/// All runs of retention.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunsAnswer {
    /// In the order in which they were made.
    #[schema(value_type = Vec<Object>)]
    runs: Vec<RetentionRun>,
}

/// All runs of retention: when, by which rules, and how much was removed.
#[utoipa::path(
    get, path = "/api/v1/retention-runs", tag = "care",
    responses(
        (status = 200, body = RunsAnswer),
    )
)]
pub(crate) async fn runs(
    State(app): State<App>,
    caller: Caller,
    _: Params<NoParams>,
) -> Result<Json<RunsAnswer>, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    Ok(Json(RunsAnswer { runs: app.db.retention_runs() }))
}
