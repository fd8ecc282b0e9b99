//! Checks of the whole database, and the trim of its log.

use std::io::Write;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use convofold::audit::{AuditError, Sample};
use convofold::verify::{VerifyError, VerifyProgress};
use convofold::{RewriteError, Time, TrimError};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

use super::{NDJSON, stream};

/// Minimum time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// A line of the answer of a verification.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerifyLine<R, P> {
    /// The step, `log`, `memory` or `past`, and how far it is.
    Progress { step: String, done: u64, of: u64 },
    /// The last line: the report.
    Report(R),
    /// The last line instead.
    Problem(P),
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerifyParams {
    /// Also computes every recorded state hash again.
    past: bool,
}

/// Checks the whole database, on disk and in memory, while it is in use.
///
/// It takes about as long as reading the log, and memory for a second set of conversations. The answer consists of lines
/// `{"progress":{...}}`; the last one is `{"report":{...}}`, in the form of `convofold verify --json`, or
/// `{"problem":{...}}`. It waits while another check runs.
#[utoipa::path(
    post, path = "/api/v1/verify", tag = "care", params(VerifyParams),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson"),
    )
)]
pub(crate) async fn verify(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Params(VerifyParams { past }): Params<VerifyParams>,
) -> Result<Response, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    caller.expect_texts("findings")?;
    let permit = app.check().await?;
    let (mut writer, body) = stream::body(&app, &headers);
    spawn_blocking(move || {
        let _permit = permit;
        let mut told: Option<Instant> = None;
        let mut tell = |progress| {
            let (step, done, of) = match progress {
                VerifyProgress::Log { seq, last_seq } => ("log", seq, last_seq),
                VerifyProgress::Live { conversations, of } => ("memory", conversations, of),
                VerifyProgress::Past { conversations, of } => ("past", conversations, of),
                _ => return,
            };
            if told.is_none_or(|told| told.elapsed() >= PROGRESS_INTERVAL) {
                told = Some(Instant::now());
                // The check ends by itself if nobody reads.
                let _ = put(&mut writer, &VerifyLine::<(), ()>::Progress { step: step.to_owned(), done, of });
            }
        };
        let report = if past { app.db.verify_past(&mut tell) } else { app.db.verify(&mut tell) };
        let line = match report {
            Ok(report) => VerifyLine::Report(report),
            Err(error) => VerifyLine::Problem(not_verified(&error)),
        };
        if put(&mut writer, &line).is_ok() {
            writer.end();
        }
    });
    Ok(stream::response(NDJSON, body))
}

fn put(writer: &mut stream::BodyWriter, line: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *writer, line)?;
    writer.write_all(b"\n")?;
    writer.flush()
}

fn not_verified(error: &VerifyError) -> Problem {
    let status = match error {
        VerifyError::Closed | VerifyError::Poisoned(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, error.to_string()).with_cause(error)
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Size of a random sample of conversations. Without it, all conversations are compared.
    #[param(format = "uint64", maximum = 18446744073709551615_u64)]
    sample: Option<u64>,
    /// Seed of the sample: the same seed selects the same conversations.
    #[param(format = "uint64", maximum = 18446744073709551615_u64)]
    seed: u64,
}

/// Folds conversations again from the log, and lists every field that differs.
///
/// The answer has the form of `convofold audit --json`. It waits while another check runs.
#[utoipa::path(
    post, path = "/api/v1/audit", tag = "care", params(AuditParams),
    responses(
        (status = 200, body = Value, content_type = "application/json"),
    )
)]
pub(crate) async fn audit(
    State(app): State<App>,
    caller: Caller,
    Params(AuditParams { sample, seed }): Params<AuditParams>,
) -> Result<Json<convofold::audit::AuditReport>, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    caller.expect_texts("findings")?;
    let permit = app.check().await?;
    let report = spawn_blocking(move || {
        let _permit = permit;
        app.db.audit(sample.map_or(Sample::All, |conversations| Sample::Random { conversations, seed }))
    });
    Ok(Json(report.await?.map_err(|error| not_audited(&error))?))
}

fn not_audited(error: &AuditError) -> Problem {
    let status = match error {
        AuditError::Closed | AuditError::Poisoned(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, error.to_string()).with_cause(error)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrimParams {
    /// Only events before this time are dropped, in milliseconds since the epoch.
    #[param(minimum = 0, maximum = 253402300799999_i64)]
    before: i64,
}

/// Drops the older part of the log and keeps the state.
///
/// States, histories, the export and the state hash do not change; make a backup first. The answer has the form of
/// `convofold trim --json`.
#[utoipa::path(
    post, path = "/api/v1/trim", tag = "care", params(TrimParams),
    responses(
        (status = 200, body = Value, content_type = "application/json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The log is being read from its beginning"),
    )
)]
pub(crate) async fn trim(
    State(app): State<App>,
    caller: Caller,
    Params(TrimParams { before }): Params<TrimParams>,
) -> Result<Json<convofold::Trimmed>, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    let before =
        Time::from_ms(before).ok_or_else(|| Problem::bad_request(format!("before: no such time: {before}")))?;
    let trimmed = spawn_blocking(move || app.db.trim_log(before)).await?;
    Ok(Json(trimmed.map_err(|error| not_trimmed(&error))?))
}

fn not_trimmed(error: &TrimError) -> Problem {
    let status = match error {
        TrimError::InUse => StatusCode::CONFLICT,
        TrimError::Closed | TrimError::Commit(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, error.to_string()).with_cause(error)
}

/// Rewrites the storage without unused room.
///
/// The database is used meanwhile, and nothing else changes. The answer has the form of `convofold compact --json`.
#[utoipa::path(
    post, path = "/api/v1/compact", tag = "care",
    responses(
        (status = 200, body = Value, content_type = "application/json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another compaction or a trim is running"),
        (status = 507, body = Problem, content_type = "application/problem+json", description = "There is no room for a second copy"),
    )
)]
pub(crate) async fn compact(State(app): State<App>, caller: Caller) -> Result<Json<convofold::Compacted>, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    let compacted = spawn_blocking(move || app.db.compact()).await?;
    Ok(Json(compacted.map_err(|error| not_compacted(&error))?))
}

fn not_compacted(error: &RewriteError) -> Problem {
    Problem::new(not_rewritten(error), error.to_string()).with_cause(error)
}

/// The status of a request for which the storage should have been written again.
pub(super) fn not_rewritten(error: &RewriteError) -> StatusCode {
    match error {
        RewriteError::InUse => StatusCode::CONFLICT,
        RewriteError::Busy { .. } | RewriteError::Commit(_) => StatusCode::SERVICE_UNAVAILABLE,
        RewriteError::NoSpace { .. } => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
