//! Health.

use axum::extract::State;
use axum::http::StatusCode;

use crate::app::{App, Phase};
use crate::problem::Problem;

/// The tag of the probes.
pub(super) const TAG: &str = "health";

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", tag = TAG, security(()), responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether events are accepted: the database takes writes, the disk has space, the table of rejects has room, and the
/// server is not stopping.
#[utoipa::path(
    get, path = "/readyz", tag = TAG, security(()),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    ready(&app)
}

/// The same as /readyz.
#[utoipa::path(
    get, path = "/healthz", tag = TAG, security(()),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn healthz(State(app): State<App>) -> Result<&'static str, Problem> {
    ready(&app)
}

fn ready(app: &App) -> Result<&'static str, Problem> {
    let not = |detail: String| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    if app.phase() > Phase::Running {
        return not("the server is stopping".to_owned());
    }
    if app.db.counters().poisoned {
        return not("a write failed: restart the server".to_owned());
    }
    if app.rejects.is_full() {
        return not(format!("the table of rejects is full ({} rejects): repair or drop some", app.rejects.len()));
    }
    let min_free = app.config.min_free;
    match free_bytes(app) {
        Some(free) if free < min_free => not(format!("the disk has {free} bytes left, but the minimum is {min_free}")),
        _ => Ok("ok\n"),
    }
}

/// Free bytes on the disk of the database.
pub(super) fn free_bytes(app: &App) -> Option<u64> {
    let about = rustix::fs::statvfs(app.db.dir()).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}
