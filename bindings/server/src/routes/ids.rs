//! Ids of conversations.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IdsParams {
    /// The first characters of the ids.
    prefix: String,
    /// The maximum number of ids, from 1 to 1000 [default: 50].
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Ids of conversations.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdsAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The ids, sorted by their bytes.
    ids: Vec<String>,
}

/// The ids that begin with a prefix, of open and closed conversations. Reads every conversation that is not in memory.
#[utoipa::path(
    get, path = "/api/v1/ids", tag = "out", params(IdsParams),
    responses(
        (status = 200, body = IdsAnswer),
    )
)]
pub(crate) async fn ids(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<IdsParams>,
) -> Result<Json<IdsAnswer>, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is from 1 to {MAX_LIMIT}, found {limit}")));
    }
    let (scan, asked) = (app.scan().await?, app.clone());
    spawn_blocking(move || {
        let _scan = scan;
        let seq = asked.db.counters().durable_seq;
        Ok(Json(IdsAnswer { seq, ids: asked.db.find_ids(&params.prefix, limit)? }))
    })
    .await?
}
