//! Conflicts of all conversations.

use std::io::{self, Write};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::caller::Caller;
use crate::meter::counted;
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
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn conflicts(
    State(app): State<App>,
    caller: Caller,
    _: Params<NoParams>,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    caller.expect_texts("conflicts")?;
    let permit = app.reader()?;
    caller.log_texts("conflicts");
    let (mut writer, body) = stream::body(&app);
    spawn_blocking(move || {
        let _permit = permit;
        let _counted = counted(&app.meter.readers);
        if let Err(error) = write(&app, &mut writer) {
            tracing::warn!(%error, "a list of conflicts ended early");
            writer.abort();
        }
    });
    Ok(([(header::CONTENT_TYPE, NDJSON)], body).into_response())
}

fn write(app: &App, writer: &mut BodyWriter) -> io::Result<()> {
    for conflicts in app.db.scan_conflicts() {
        for conflict in conflicts.map_err(io::Error::other)? {
            serde_json::to_writer(&mut *writer, &conflict)?;
            writer.write_all(b"\n")?;
        }
    }
    writer.flush()
}
