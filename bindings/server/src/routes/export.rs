//! Exports.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use convofold::ExportEventsError;
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

use super::tenants::SeenLines;
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
/// The bytes are those of `convofold export`; a token for some tenants gets the lines of their conversations. If an export
/// ends early, the connection ends without the end of the body.
#[utoipa::path(
    get, path = "/api/v1/export", tag = "out", params(ExportParams),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson"),
    )
)]
pub(crate) async fn export(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_texts("exports")?;
    let permit = app.reader()?;
    caller.log_texts("export");
    let (mut writer, body) = stream::body(&app, &headers);
    spawn_blocking(move || {
        let _permit = permit;
        let _export = app.export();
        let mut lines = SeenLines::new(&app, &caller, &mut writer);
        let written = if params.events {
            app.db.export_events(&mut lines).map(drop).map_err(|error| events_unreadable(&error))
        } else {
            app.db.export(&mut lines).map(drop).map_err(|error| unreadable(&error))
        };
        match written {
            Ok(()) => writer.end(),
            Err(problem) => {
                tracing::warn!(?problem, "an export ended early");
                writer.fail(&problem);
            }
        }
    });
    Ok(stream::response(NDJSON, body))
}

/// Says whether the log is to blame.
fn events_unreadable(error: &ExportEventsError) -> Problem {
    unreadable(error).with_report(&json!({"log": matches!(error, ExportEventsError::Changes(_))}))
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the export is incomplete").with_cause(error)
}
