//! Webhooks: answered 200 exactly when their events are durable.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use convofold::ingest::Format;
use convofold::ingest::signature::superoffice as signature;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::sync::atomic::Ordering;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

use crate::app::App;
use crate::caller::{Caller, expect_local};
use crate::config::{Config, DEFAULT_HOOK};
use crate::intake::{Found, Report, durable, expect_plain, submit};
use crate::params::Segment;
use crate::problem::Problem;
use crate::tokens::Role;

const SIGNATURE: &str = "x-superoffice-signature";
const RETRY: &str = "x-superoffice-retry";

/// A SuperOffice webhook of the hook `default`.
///
/// The signature is that of the raw body with a secret of the hook. Without a secret only this machine is answered. A body
/// that cannot be an event is answered 200 too, because sending it again would not help, and kept among the rejects.
#[utoipa::path(
    post, path = "/webhooks/superoffice", tag = "in", security(()),
    params(("X-SuperOffice-Signature" = Option<String>, Header, description = "HMAC-SHA256 of the raw body in base64")),
    request_body(content = Option<Value>, description = "The webhook, as SuperOffice sends it", content_type = "application/json"),
    responses(
        (status = 200, body = Report, description = "The events survive a power cut"),
        (status = "default", body = Problem, content_type = "application/problem+json", description = "Nothing is promised: send it again"),
    )
)]
pub(crate) async fn superoffice_default(
    app: State<App>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Report>, Problem> {
    superoffice(app, Segment(DEFAULT_HOOK.to_owned()), uri, headers, body).await
}

/// A SuperOffice webhook of a named hook; see /webhooks/superoffice.
#[utoipa::path(
    post, path = "/webhooks/superoffice/{hook}", tag = "in", security(()),
    params(
        ("hook" = String, Path, description = "The name of the hook"),
        ("X-SuperOffice-Signature" = Option<String>, Header, description = "HMAC-SHA256 of the raw body in base64"),
    ),
    request_body(content = Option<Value>, description = "The webhook, as SuperOffice sends it", content_type = "application/json"),
    responses(
        (status = 200, body = Report, description = "The events survive a power cut"),
        (status = "default", body = Problem, content_type = "application/problem+json", description = "Nothing is promised: send it again"),
    )
)]
pub(crate) async fn superoffice(
    State(app): State<App>,
    Segment(hook): Segment,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Report>, Problem> {
    if headers.contains_key(RETRY) {
        app.meter.retries_seen.fetch_add(1, Ordering::Relaxed);
    }
    let outcome = receive_superoffice(&app, &hook, &uri, &headers, body).await;
    if let Err(problem) = &outcome {
        log_refused_superoffice(&hook, &headers, problem);
    }
    counted(&app, "superoffice", outcome)
}

pub(crate) fn log_refused_superoffice(hook: &str, headers: &HeaderMap, problem: &Problem) {
    let attempt = headers.get(RETRY).and_then(|value| value.to_str().ok());
    // Nine failures in a row disable the hook.
    if problem.status() == StatusCode::UNAUTHORIZED {
        tracing::error!(hook, attempt, %problem, "a webhook of SuperOffice was refused: is the secret the same?");
    } else {
        let status = problem.status().as_u16();
        tracing::warn!(hook, attempt, status, %problem, "a webhook of SuperOffice was refused");
    }
}

async fn receive_superoffice(
    app: &App,
    hook: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Report, Problem> {
    let _intake = app.take_in()?;
    let deadline = Instant::now() + app.config.hold.0;
    let body = read_superoffice(&app.config, hook, uri, headers, body).await?;
    commit(app, Format::SuperOffice, &format!("superoffice/{hook}"), &body, deadline).await
}

/// Reads the body of a webhook of SuperOffice, which has the signature of its hook.
pub(crate) async fn read_superoffice(
    config: &Config,
    hook: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    expect_plain(headers)?;
    let secrets = config.superoffice_secret.get(hook);
    if secrets.is_none() {
        if !config.is_private() {
            // Never 410: SuperOffice would disable the hook for good.
            return Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no hook {hook:?} with a secret")));
        }
        expect_local(headers, uri)?;
    }
    let body = read(config, body).await?;
    if let Some(secrets) = secrets {
        let given = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !secrets.iter().any(|secret| signature::verify(secret, &body, given)) {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "X-SuperOffice-Signature does not match the body"));
        }
    }
    Ok(body)
}

/// A webhook of the hook `default` with events in Airship's forms.
///
/// Needs a token with the role `ingest`. A body that cannot be an event is answered 200 too, and kept among the rejects.
#[utoipa::path(
    post, path = "/webhooks/airship", tag = "in",
    request_body(content = Option<Value>, description = "One event, or lines or an array of events", content_type = "application/json"),
    responses(
        (status = 200, body = Report, description = "The events survive a power cut"),
        (status = "default", body = Problem, content_type = "application/problem+json", description = "Nothing is promised: send it again"),
    )
)]
pub(crate) async fn airship_default(
    app: State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Report>, Problem> {
    airship(app, caller, Segment(DEFAULT_HOOK.to_owned()), headers, body).await
}

/// A webhook of a named hook with events in Airship's forms; see /webhooks/airship.
#[utoipa::path(
    post, path = "/webhooks/airship/{hook}", tag = "in",
    params(("hook" = String, Path, description = "The name of the hook, by which its rejects are known")),
    request_body(content = Option<Value>, description = "One event, or lines or an array of events", content_type = "application/json"),
    responses(
        (status = 200, body = Report, description = "The events survive a power cut"),
        (status = "default", body = Problem, content_type = "application/problem+json", description = "Nothing is promised: send it again"),
    )
)]
pub(crate) async fn airship(
    State(app): State<App>,
    caller: Caller,
    Segment(hook): Segment,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Report>, Problem> {
    let outcome = receive_airship(&app, &caller, &hook, &headers, body).await;
    counted(&app, "airship", outcome)
}

async fn receive_airship(
    app: &App,
    caller: &Caller,
    hook: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Report, Problem> {
    let _intake = app.take_in()?;
    let deadline = Instant::now() + app.config.hold.0;
    caller.expect(Role::Ingest)?;
    expect_plain(headers)?;
    let body = read(&app.config, body).await?;
    commit(app, Format::Airship, &format!("airship/{hook}"), &body, deadline).await
}

fn counted(app: &App, source: &'static str, outcome: Result<Report, Problem>) -> Result<Json<Report>, Problem> {
    let status = outcome.as_ref().err().map_or(StatusCode::OK, Problem::status);
    app.meter.webhook(source, status.as_u16());
    outcome.map(Json)
}

/// Reads the body of a webhook within its limits of size and time.
pub(crate) async fn read(config: &Config, body: Body) -> Result<Bytes, Problem> {
    let max_bytes = config.max_body;
    let collected = timeout(config.read_timeout.0, Limited::new(body, max_bytes).collect()).await;
    let too_slow =
        |_| Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body took longer than {}", config.read_timeout));
    match collected.map_err(too_slow)? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("this body has at most {max_bytes} bytes; that of POST /api/v1/events has no limit");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
        }
        Err(error) => Err(Problem::bad_request(format!("the body is incomplete: {error}"))),
    }
}

/// Reads a JSON body within the limits of a webhook.
pub(super) async fn read_json<T: DeserializeOwned>(app: &App, body: Body) -> Result<T, Problem> {
    let body = read(&app.config, body).await?;
    serde_json::from_slice(&body).map_err(|error| Problem::bad_request(format!("the body: {error}")))
}

/// Commits the events of a body and keeps its rejections. Returns when both are durable.
async fn commit(app: &App, format: Format, source: &str, body: &Bytes, deadline: Instant) -> Result<Report, Problem> {
    let mut found = Found::default();
    app.parser(format).parse_input(body, &mut found);
    let mut report = Report::default();
    let rejections = report.count(app, &mut found);
    for ticket in submit(app, found.events, deadline).await? {
        report.add(&durable(ticket, deadline).await?);
    }
    if !rejections.is_empty() {
        tracing::warn!(source, rejection = %rejections.first().map(ToString::to_string).unwrap_or_default(), "a webhook has rejects");
        let (app, source, body) = (app.clone(), source.to_owned(), body.clone());
        let kept = spawn_blocking(move || app.rejects.keep(&source, Some(&body), &rejections));
        let slow = |_| Problem::unavailable("the disk is slow, and the rejects are not durable yet: send them again");
        let kept = timeout_at(deadline, kept).await.map_err(slow)??;
        kept.map_err(|error| Problem::unavailable(error.to_string()))?;
    }
    Ok(report)
}
