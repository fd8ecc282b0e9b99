//! Exports.

use std::io::Write;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::meter::counted;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

use super::{NDJSON, stream};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// Every event instead of the state of every conversation.
    events: bool,
}

/// The state of every conversation, one JSON object a line, sorted by id; or every event, in the order of arrival.
///
/// The bytes are those of `convofold export`. If an export ends early, the connection ends without the end of the body.
#[utoipa::path(
    get, path = "/api/v1/export", tag = "out", params(ExportParams),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    caller.expect_texts("exports")?;
    let permit = app.reader()?;
    caller.log_texts("export");
    let (mut writer, body) = stream::body(&app);
    spawn_blocking(move || {
        let _permit = permit;
        let _counted = counted(&app.meter.readers);
        let written = if params.events {
            app.db.export_events(&mut writer).map(drop).map_err(|error| error.to_string())
        } else {
            app.db.export(&mut writer).map(drop).map_err(|error| error.to_string())
        };
        let written = written.and_then(|()| writer.flush().map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(error, "an export ended early");
            writer.abort();
        }
    });
    Ok(([(header::CONTENT_TYPE, NDJSON)], body).into_response())
}
