//! Figures about the database.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

use super::counts::NoParams;

/// Figures about the database.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatsAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The identity of the database.
    #[schema(value_type = String)]
    database_id: convofold::DatabaseId,
    /// The time of the newest event; null if there is none.
    latest_at: Option<i64>,
    /// Numbers of conversations, events and blocks, and sizes in bytes.
    #[schema(value_type = Object)]
    stats: convofold::Stats,
    /// What opening the database found and did.
    #[schema(value_type = Object)]
    recovery: convofold::Recovery,
}

/// Numbers and sizes of what the database contains, and how it was opened.
#[utoipa::path(
    get, path = "/api/v1/stats", tag = "out",
    responses(
        (status = 200, body = StatsAnswer),
    )
)]
pub(crate) async fn stats(
    State(app): State<App>,
    caller: Caller,
    _: Params<NoParams>,
) -> Result<Json<StatsAnswer>, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    spawn_blocking(move || {
        Ok(Json(StatsAnswer {
            seq: app.db.counters().durable_seq,
            database_id: app.db.database_id(),
            latest_at: app.db.latest_at()?,
            stats: app.db.stats(),
            recovery: app.db.recovery().clone(),
        }))
    })
    .await?
}
