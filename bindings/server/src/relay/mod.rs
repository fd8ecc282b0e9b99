//! A server that has no database and asks elsewhere: the questions of a cluster at the paths of one database.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::caller::expect_local;
use crate::config::Config;
use crate::error::ServeError;
use crate::front::Front;
use crate::guard::GuardedAcceptor;
use crate::problem::Problem;
use crate::routes::{edge, json_text};
use crate::server::{listen, notify, raise_file_limit, start_log};

/// Answers questions.
pub trait Answers: Send + Sync + 'static {
    /// Answers a question. Blocks.
    fn answer(&self, asked: &Asked) -> Reply;
}

/// A question: a GET request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The path, such as `/api/v1/totals`, decoded.
    pub path: String,
    /// The parameters, in their order.
    pub params: Vec<(String, String)>,
    /// The token of who asks.
    pub token: Option<String>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// JSON.
    Json(String),
    /// What is wrong, with a status such as 400.
    Problem {
        /// The status.
        status: u16,
        /// What is wrong, and what was expected.
        detail: String,
    },
}

/// Answers questions on an address. A caller needs a token that the other side knows, unless only this machine can ask.
pub struct Relay {
    front: Front,
}

#[derive(Clone)]
struct Relayed {
    answers: Arc<dyn Answers>,
    is_private: bool,
}

impl Relay {
    /// Must be called on a runtime of tokio.
    ///
    /// # Errors
    /// [`ServeError`] if the address or the certificate cannot be used.
    pub fn start(config: &Config, answers: Arc<dyn Answers>) -> Result<Self, ServeError> {
        raise_file_limit(config);
        config.check(true)?;
        let tls = Front::tls(config)?;
        let guarded = GuardedAcceptor::new(config.max_connections, config.write_timeout.0, Arc::default());
        let relayed = Relayed { answers, is_private: config.is_private() };
        let router = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(|| async { "ok\n" }))
            .route("/healthz", get(|| async { "ok\n" }))
            .fallback(relay)
            .layer(from_fn(edge))
            .with_state(relayed);
        Ok(Self { front: Front::start(listen(config.listen)?, config, tls, guarded, router)? })
    }

    /// The address on which it listens; it has the real port if the setting is port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// Takes no new connections, and finishes requests within this time.
    pub async fn stop(self, within: Duration) {
        self.front.shut_down(within);
        self.front.ended(within).await;
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// Answers until SIGTERM or SIGINT. Tells systemd when it is ready. Blocks.
///
/// # Errors
/// [`ServeError`] if the server does not start.
pub fn run_relay(config: &Config, answers: Arc<dyn Answers>) -> Result<(), ServeError> {
    start_log(config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let relay = Relay::start(config, answers)?;
        tracing::info!(address = %relay.address(), "listening");
        notify(sd_notify::NotifyState::Ready);
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        notify(sd_notify::NotifyState::Stopping);
        relay.stop(config.grace.0).await;
        Ok(())
    })
}

async fn relay(State(relayed): State<Relayed>, request: Request) -> Response {
    let asked = match relayed.asked(&request) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    match spawn_blocking(move || relayed.answers.answer(&asked)).await {
        Ok(Reply::Json(text)) => json_text(text),
        Ok(Reply::Problem { status, detail }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            Problem::new(status, detail).into_response()
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

impl Relayed {
    fn asked(&self, request: &Request) -> Result<Asked, Problem> {
        if request.method() != Method::GET {
            let detail = "a cluster answers questions only: events go into its log";
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail));
        }
        let (headers, uri) = (request.headers(), request.uri());
        let given = headers.get(header::AUTHORIZATION).map(|given| given.to_str().unwrap_or_default());
        let token = given.map(|given| {
            let (scheme, token) = given.split_once(' ').unwrap_or_default();
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        let refused = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, detail);
        let token = match token {
            Some(Some(token)) => Some(token),
            Some(None) => return Err(refused("expected the header Authorization: Bearer TOKEN")),
            None if self.is_private => {
                expect_local(headers, uri)?;
                None
            }
            None => return Err(refused("a token is needed: add the header Authorization: Bearer TOKEN")),
        };
        let params = serde_urlencoded::from_str(uri.query().unwrap_or_default());
        let params = params.map_err(|error| Problem::bad_request(error.to_string()))?;
        Ok(Asked { path: decoded(uri.path())?, params, token })
    }
}

/// A path without percent-encoding.
fn decoded(path: &str) -> Result<String, Problem> {
    // The value of a parameter, in which these characters mean something else.
    let value = format!("path={}", path.replace('+', "%2B").replace('&', "%26"));
    let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(&value);
    let pairs = pairs.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(pairs.into_iter().map(|(_, path)| path).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded() {
        assert_eq!(decoded("/api/v1/conversations/a%2Fb+c&d=%20").unwrap(), "/api/v1/conversations/a/b+c&d= ");
    }
}
