//! Conflicts of all conversations.

use std::io::Write;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

use super::counts::NoParams;
use super::stream::BodyWriter;
use super::{NDJSON, stream};

/// The events of all conversations that contradict another one with the same identity, one JSON object a line.
///
/// Conversations are in the order of their first arrival. If the list ends early, the connection ends without the end of the
/// body.
#[utoipa::path(
    get, path = "/api/v1/conflicts", tag = "out",
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson"),
    )
)]
pub(crate) async fn conflicts(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    _: Params<NoParams>,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    caller.expect_texts("conflicts")?;
    let permit = app.reader()?;
    caller.log_texts("conflicts");
    let (mut writer, body) = stream::body(&app, &headers);
    spawn_blocking(move || {
        let _permit = permit;
        let _export = app.export();
        match write(&app, &mut writer) {
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

fn write(app: &App, writer: &mut BodyWriter) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for conflicts in app.db.scan_conflicts() {
        for conflict in conflicts? {
            serde_json::to_writer(&mut *writer, &conflict)?;
            writer.write_all(b"\n")?;
        }
    }
    Ok(())
}
