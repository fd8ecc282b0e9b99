//! Backups.

use std::path::Path;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use convofold::backup::{BackupError, BackupPlace};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

use super::stream;

/// The name of the earlier backup in messages.
const EARLIER: &str = "the earlier backup";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct BackupParams {
    /// Where the earlier backup ends that this one continues: BLOCK-SEQ-CHECKSUM. Without it, the backup is complete.
    #[param(pattern = "^[1-9][0-9]{0,17}-[1-9][0-9]{0,17}-[0-9a-f]{1,32}$")]
    since: Option<String>,
}

/// A backup: the bytes of the file that `convofold backup` writes and `convofold restore` reads.
///
/// It contains the state of the database at the moment of the request. `convofold backup` checks the file; do the same with
/// what another client wrote, because a backup that ends early is damaged.
#[utoipa::path(
    get, path = "/api/v1/backup", tag = "care", params(BackupParams),
    responses(
        (status = 200, body = String, content_type = "application/octet-stream"),
        (status = "default", body = Problem, content_type = "application/problem+json", description = "`report.backup` is `diverged` or `dropped` if this log does not continue the earlier backup"),
    )
)]
pub(crate) async fn backup(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<BackupParams>,
) -> Result<Response, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    caller.expect_texts("backups")?;
    let since: Option<BackupPlace> = params.since.as_deref().map(str::parse).transpose().map_err(|error| {
        Problem::bad_request(format!("since: {error}, found {:?}", params.since.as_deref().unwrap_or_default()))
    })?;
    let permit = app.reader()?;
    caller.log_texts("backup");
    let (mut writer, body) = stream::body(&app, &headers);
    let (begun, begins) = oneshot::channel();
    spawn_blocking(move || {
        let _permit = permit;
        let _export = app.export();
        let running = match app.db.begin_backup(since.map(|place| (place, Path::new(EARLIER)))) {
            Ok(running) => running,
            Err(error) => return drop(begun.send(Err(problem(&error)))),
        };
        if begun.send(Ok(())).is_err() {
            return;
        }
        match running.write(Path::new("the backup"), &mut writer, &mut |_| {}) {
            Ok(()) => writer.end(),
            Err(error) => {
                tracing::warn!(%error, "a backup ended early");
                writer.fail(&problem(&error));
            }
        }
    });
    begins.await.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the backup failed"))??;
    Ok(stream::response("application/octet-stream", body))
}

fn problem(error: &BackupError) -> Problem {
    let (status, report) = match error {
        BackupError::Diverged { seq, .. } => (StatusCode::CONFLICT, json!({"backup": "diverged", "seq": seq})),
        BackupError::Dropped { seq, first_seq, .. } => {
            (StatusCode::CONFLICT, json!({"backup": "dropped", "seq": seq, "first_seq": first_seq}))
        }
        BackupError::Damaged { .. } => (StatusCode::INTERNAL_SERVER_ERROR, json!({"backup": "damaged"})),
        BackupError::Closed | BackupError::Poisoned(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, json!({"backup": "closed"}))
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, json!({"backup": "failed"})),
    };
    Problem::new(status, error.to_string()).with_cause(error).with_report(&report)
}
