//! Legal holds.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use convofold::{Hold, HoldError, Subject};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::intake::expect_plain;
use crate::params::{Params, Segment};
use crate::problem::Problem;
use crate::tokens::Role;

use super::counts::NoParams;
use super::webhooks::read_json;

/// A legal hold to place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldRequest {
    /// Whom it is about: `{"member":"700100"}`, `{"number":"+4790000001"}` or `{"conversation":"700100_1"}`.
    #[schema(value_type = Object)]
    subject: Subject,
    /// Why.
    reason: String,
}

/// A hold that was placed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct HoldAnswer {
    /// Its number, by which it is lifted.
    pub(crate) number: u64,
}

/// All holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HoldsAnswer {
    /// In the order in which they were placed.
    #[schema(value_type = Vec<Object>)]
    holds: Vec<Hold>,
}

/// Places a legal hold: conversations of this member, those that come later included, are neither erased nor removed by
/// retention until it is lifted. It is durable when it is answered.
#[utoipa::path(
    post, path = "/api/v1/holds", tag = "care", operation_id = "hold",
    request_body(content = HoldRequest, content_type = "application/json"),
    responses(
        (status = 201, body = HoldAnswer, description = "It is placed"),
    )
)]
pub(crate) async fn place(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<HoldAnswer>), Problem> {
    expect_admin(&caller)?;
    expect_plain(&headers)?;
    let HoldRequest { subject, reason } = read_json(&app, body).await?;
    let number = spawn_blocking(move || app.db.hold(subject, reason)).await?.map_err(|error| failed(&error))?;
    Ok((StatusCode::CREATED, Json(HoldAnswer { number })))
}

/// All legal holds.
#[utoipa::path(
    get, path = "/api/v1/holds", tag = "care", operation_id = "holds",
    responses(
        (status = 200, body = HoldsAnswer),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    _: Params<NoParams>,
) -> Result<Json<HoldsAnswer>, Problem> {
    expect_admin(&caller)?;
    Ok(Json(HoldsAnswer { holds: app.db.holds() }))
}

/// Lifts a legal hold.
#[utoipa::path(
    delete, path = "/api/v1/holds/{number}", tag = "care", operation_id = "lift_hold",
    params(("number" = u64, Path, description = "The number of the hold")),
    responses(
        (status = 204, description = "It is lifted"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such hold"),
    )
)]
pub(crate) async fn lift(
    State(app): State<App>,
    caller: Caller,
    Segment(number): Segment,
) -> Result<StatusCode, Problem> {
    expect_admin(&caller)?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, format!("there is no hold {number:?}"));
    let number: u64 = number.parse().map_err(|_| unknown())?;
    spawn_blocking(move || app.db.lift_hold(number)).await?.map_err(|error| failed(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Holds name members.
fn expect_admin(caller: &Caller) -> Result<(), Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()
}

fn failed(error: &HoldError) -> Problem {
    let status = match error {
        HoldError::Unknown { .. } => StatusCode::NOT_FOUND,
        HoldError::Reason { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, error.to_string()).with_cause(error)
}
