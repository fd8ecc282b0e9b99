//! Conflicts of all conversations.

use std::io::Write;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use convofold::{Conflict, StorageError};
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::caller::Caller;
use crate::moment::MomentParams;
use crate::params::PastParams;
use crate::problem::Problem;
use crate::tokens::Role;

use super::stream::BodyWriter;
use super::{NDJSON, stream};

/// The events of all conversations that contradict another one with the same identity, one JSON object a line.
///
/// Conversations are in the order of their first arrival. If the list ends early, the connection ends without the end of the
/// body.
#[utoipa::path(
    get, path = "/api/v1/conflicts", tag = "out", params(MomentParams),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson"),
    )
)]
pub(crate) async fn conflicts(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PastParams(params): PastParams<MomentParams>,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    caller.expect_texts("conflicts")?;
    let bounds = params.bounds()?;
    let permit = app.reader()?;
    let (view, scan) = bounds.scan(&app, &caller).await?.unzip();
    caller.log_texts("conflicts");
    let (mut writer, body) = stream::body(&app, &headers);
    spawn_blocking(move || {
        let _permits = (permit, scan);
        let _export = app.export();
        let written = match &view {
            Some(view) => write(view.scan_conflicts(), &mut writer),
            None => write(app.db.scan_conflicts(), &mut writer),
        };
        match written {
            Ok(()) => writer.end(),
            Err(error) => {
                tracing::warn!(%error, "a list of conflicts ended early");
                let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the list is incomplete");
                writer.fail(&problem.with_cause(&*error));
            }
        }
    });
    Ok(stream::response(NDJSON, body))
}

fn write(
    conflicts: impl Iterator<Item = Result<Vec<Conflict>, StorageError>>,
    writer: &mut BodyWriter,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for conflicts in conflicts {
        for conflict in conflicts? {
            serde_json::to_writer(&mut *writer, &conflict)?;
            writer.write_all(b"\n")?;
        }
    }
    Ok(())
}
