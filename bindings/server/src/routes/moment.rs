//! What the bounds of a moment mean.

use axum::Json;
use axum::extract::State;
use convofold::{MomentReport, Seq};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::moment::MomentParams;
use crate::params::PastParams;
use crate::problem::Problem;
use crate::tokens::Role;

/// A moment.
#[derive(Serialize, ToSchema)]
pub(crate) struct MomentAnswer {
    /// The last event of which an answer at this moment can know.
    seq: Seq,
    /// `as_of` in milliseconds since the epoch and `known_at` as a sequence number, and the `time` to which ages count.
    #[schema(value_type = Object)]
    moment: MomentReport,
}

/// The moment that `as_of` and `known_at` mean now. Without both, it is the present, which has no bounds.
#[utoipa::path(
    get, path = "/api/v1/moment", tag = "out", params(MomentParams),
    responses(
        (status = 200, body = MomentAnswer),
    )
)]
pub(crate) async fn moment(
    State(app): State<App>,
    caller: Caller,
    PastParams(params): PastParams<MomentParams>,
) -> Result<Json<MomentAnswer>, Problem> {
    caller.expect(Role::Read)?;
    let bounds = params.bounds()?;
    let answer = spawn_blocking(move || match bounds.view(&app, &caller)? {
        Some(view) => Ok(MomentAnswer { seq: view.seq(), moment: view.report(None)? }),
        None => Ok(MomentAnswer { seq: app.db.counters().durable_seq, moment: MomentReport::default() }),
    });
    answer.await?.map(Json)
}
