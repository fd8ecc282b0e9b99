//! Signing in from a browser: its event streams cannot send a header with the token, so a cookie holds it.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{COOKIE, Caller, expect_local, expect_own_origin};
use crate::config::Config;
use crate::params::Params;
use crate::problem::Problem;

use super::counts::NoParams;

/// Maximum size of the body of `/login`.
const MAX_BODY_BYTES: usize = 4 << 10;

/// A token to sign in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The token, as `convofold token add` prints it.
    token: String,
}

/// Who asks, and what they may see.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    /// The name of the token; null without one.
    name: Option<String>,
    /// `read`, `ingest` or `admin`.
    role: String,
    /// The tenants that the token is for; null: all.
    tenants: Option<Vec<String>>,
    /// Whether message texts are shown.
    texts: bool,
    /// Whether the server has tokens, so that one is needed.
    needs_token: bool,
    /// The address on which the server listens.
    listen: String,
    /// The version of convofold.
    version: &'static str,
    /// The zone of times that are written without one.
    zone: String,
    thresholds: Thresholds,
}

/// The times after which the live page shows something as a warning or as critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
pub(crate) struct Thresholds {
    /// A wait of this length is a warning.
    pub(crate) warn_ms: u64,
    /// A wait of this length is critical.
    pub(crate) crit_ms: u64,
    /// An agent who has conversations and sent nothing for this time is marked as silent.
    pub(crate) silent_ms: u64,
}

impl Thresholds {
    pub(crate) fn of(config: &Config) -> Self {
        let ms = |span: crate::span::Span| u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX);
        Self { warn_ms: ms(config.wait_warn), crit_ms: ms(config.wait_crit), silent_ms: ms(config.agent_silent) }
    }
}

/// Keeps the token in a cookie, for the live page.
///
/// The cookie lasts until the browser is closed, the token is removed, or `/logout`. Scripts cannot read it, and it is not sent
/// with requests from other sites.
#[utoipa::path(
    post, path = "/login", tag = "session", security(()),
    request_body(content((Login = "application/json"), (Login = "application/x-www-form-urlencoded"))),
    responses(
        (status = 204, description = "Signed in"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    _: Params<NoParams>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let token = read_login(&uri, &headers, body).await?;
    if app.config.is_private() && app.tokens.is_empty() {
        return expect_local(&headers, &uri).map(|()| StatusCode::NO_CONTENT.into_response());
    }
    if app.tokens.find(&token).is_none() {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "this token is not known"));
    }
    Ok(with_cookie(&app.config, &token))
}

/// The token with which somebody signs in on a page of this server.
pub(crate) async fn read_login(uri: &Uri, headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let too_large = |_| {
        let detail = format!("the body can have at most {MAX_BODY_BYTES} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(too_large)?;
    if headers.contains_key(header::ORIGIN) {
        expect_own_origin(headers, uri)?;
    }
    let is_form =
        headers.get(header::CONTENT_TYPE).is_some_and(|of| of.as_bytes().starts_with(b"application/x-www-form"));
    // Without the reason, which may contain a part of the token.
    let expected = || Problem::bad_request("expected {\"token\": \"...\"}, or a form with the field token");
    let Login { token } = if is_form {
        serde_urlencoded::from_bytes(&body).map_err(|_| expected())?
    } else {
        serde_json::from_slice(&body).map_err(|_| expected())?
    };
    Ok(token.trim().to_owned())
}

/// Removes the cookie.
#[utoipa::path(
    post, path = "/logout", tag = "session", security(()),
    responses((status = 204, description = "Signed out"))
)]
pub(crate) async fn logout(State(app): State<App>, _: Params<NoParams>) -> Response {
    without_cookie(&app.config)
}

/// Who asks, what they may see, and the settings of the live page.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = SessionAnswer)))]
pub(crate) async fn session(
    State(app): State<App>,
    caller: Caller,
    _: Params<NoParams>,
) -> Result<Json<SessionAnswer>, Problem> {
    Ok(Json(SessionAnswer {
        name: caller.name().map(str::to_owned),
        role: caller.role().to_string(),
        tenants: caller.tenants().map(|tenants| tenants.iter().cloned().collect()),
        texts: caller.reads_texts(),
        needs_token: !app.tokens.is_empty(),
        listen: app.config.listen.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        zone: app.config.zone.clone(),
        thresholds: Thresholds::of(&app.config),
    }))
}

/// The answer that keeps a token in the browser.
pub(crate) fn with_cookie(config: &Config, token: &str) -> Response {
    set_cookie(config, token, "")
}

/// The answer that removes it.
pub(crate) fn without_cookie(config: &Config) -> Response {
    set_cookie(config, "", "; Max-Age=0")
}

fn set_cookie(config: &Config, value: &str, more: &str) -> Response {
    let is_encrypted = config.tls_cert.is_some() || config.behind_proxy;
    let secure = if is_encrypted { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}");
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
