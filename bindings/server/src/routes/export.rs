//! Exports.

use std::io::{self, Write};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use convofold::{ExportEventsError, View};
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::moment::Bounds;
use crate::params::PastParams;
use crate::problem::Problem;
use crate::tokens::Role;

use super::tenants::SeenLines;
use super::{NDJSON, stream};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// Every event instead of the state of every conversation. At a moment, those that count then.
    events: bool,
    /// Exports conversations as they were then, with everything learned since: only events at this time or before it count.
    /// RFC 3339 with a zone, `latest`, or a time before now such as `-2h`.
    as_of: Option<String>,
    /// Exports conversations as they were known then: only events that had arrived count. RFC 3339 with a zone, `latest`, `-2h`,
    /// or a sequence number such as `seq:812`.
    known_at: Option<String>,
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
    PastParams(params): PastParams<ExportParams>,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_texts("exports")?;
    let bounds = Bounds::parse(params.as_of.as_deref(), params.known_at.as_deref())?;
    let permit = app.reader()?;
    let (view, scan) = bounds.scan(&app, &caller).await?.unzip();
    caller.log_texts("export");
    let (mut writer, body) = stream::body(&app, &headers);
    spawn_blocking(move || {
        let _permits = (permit, scan);
        let _export = app.export();
        let written = match &view {
            None => export_now(&app, params.events, &mut SeenLines::new(&app, &caller, &mut writer)),
            Some(view) => export_at(view, params.events, &mut writer).map_err(|error| unreadable(&error)),
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

fn export_now(app: &App, is_of_events: bool, out: &mut impl Write) -> Result<(), Problem> {
    if is_of_events {
        return app.db.export_events(out).map(drop).map_err(|error| events_unreadable(&error));
    }
    app.db.export(out).map(drop).map_err(|error| unreadable(&error))
}

/// A view has what the caller may see.
fn export_at(view: &View, is_of_events: bool, out: &mut impl Write) -> io::Result<()> {
    if is_of_events { view.export_events(out).map(drop) } else { view.export(out).map(drop) }
}

/// Says whether the log is to blame.
pub(super) fn events_unreadable(error: &ExportEventsError) -> Problem {
    unreadable(error).with_report(&json!({"log": matches!(error, ExportEventsError::Changes(_))}))
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the export is incomplete").with_cause(error)
}
