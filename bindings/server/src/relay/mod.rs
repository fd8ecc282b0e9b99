//! A server that has no database and asks elsewhere: the questions of a cluster at the paths of one database, its live page, and a
//! way for events into its log.

mod asked;
mod intake;
mod metrics;
mod page;
mod screens;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use convofold::Zone;
use convofold::ingest::IgnoreList;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::config::Config;
use crate::error::ServeError;
use crate::front::Front;
use crate::guard::GuardedAcceptor;
use crate::meter::Meter;
use crate::problem::Problem;
use crate::routes::edge;
use crate::server::{listen, notify, raise_file_limit, start_log};
use screens::Screens;
use session::Sessions;

pub use asked::{Answers, Asked, PartAnswers, Reply};
pub use intake::{Intake, IntakeFigures, NotPut, Putting};

/// Answers questions on an address, shows the live page, and takes events. A caller needs a token that the other side knows, unless
/// only this machine can ask.
pub struct Relay {
    front: Front,
    relayed: Relayed,
}

/// What the requests share.
#[derive(Clone)]
struct Relayed {
    shared: Arc<Shared>,
}

struct Shared {
    answers: Arc<dyn Answers>,
    intake: Option<Arc<dyn Intake>>,
    config: Config,
    zone: Zone,
    ignored: IgnoreList,
    sessions: Sessions,
    screens: Screens,
    meter: Meter,
    /// Readers of the board and of conversations.
    readers: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
}

impl std::ops::Deref for Relayed {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Relay {
    /// Without an intake, events are refused. Must be called on a runtime of tokio.
    ///
    /// # Errors
    /// [`ServeError`] if the address or the certificate cannot be used, or a setting needs a database.
    pub fn start(
        config: &Config,
        answers: Arc<dyn Answers>,
        intake: Option<Arc<dyn Intake>>,
    ) -> Result<Self, ServeError> {
        raise_file_limit(config);
        config.check(true)?;
        expect_no_database(config)?;
        let tls = Front::tls(config)?;
        let guarded = GuardedAcceptor::new(config.max_connections, config.write_timeout.0, Arc::default());
        let (zone, ignored) = config.reading()?;
        let readers = Arc::new(Semaphore::new(config.max_screens));
        let shared = Shared {
            answers,
            intake,
            config: config.clone(),
            zone,
            ignored,
            sessions: Sessions::default(),
            screens: Screens::default(),
            meter: Meter::default(),
            readers,
            stopping: watch::Sender::new(false),
        };
        let relayed = Relayed { shared: Arc::new(shared) };
        let router = routes().with_state(relayed.clone());
        let front = Front::start(listen(config.listen)?, config, tls, guarded, router)?;
        Ok(Self { front, relayed })
    }

    /// The address on which it listens; it has the real port if the setting is port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// Takes no new connections, ends streams, and finishes requests within this time.
    pub async fn stop(self, within: Duration) {
        self.relayed.stopping.send_replace(true);
        self.front.shut_down(within);
        self.front.ended(within).await;
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("address", &self.address()).finish_non_exhaustive()
    }
}

fn routes() -> Router<Relayed> {
    page::add_to(Router::new())
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(|| async { "ok\n" }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::metrics))
        .route("/webhooks/superoffice", post(intake::superoffice_default))
        .route("/webhooks/superoffice/{hook}", post(intake::superoffice))
        .route("/webhooks/airship", post(intake::airship_default))
        .route("/webhooks/airship/{hook}", post(intake::airship))
        .route("/api/v1/events", post(intake::events))
        .route("/api/v1/session", get(session::session))
        .route("/api/v1/board", get(screens::board))
        .route("/api/v1/day", get(screens::day))
        .route("/api/v1/changes", get(screens::changes))
        .fallback(asked::relay)
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has other methods")
        })
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(edge))
}

/// Refuses settings that would do nothing.
fn expect_no_database(config: &Config) -> Result<(), ServeError> {
    let given = [
        ("airship", config.airship.is_some()),
        ("alert", !config.alert.is_empty()),
        ("retention", config.retention.is_some()),
        ("compact", config.compact.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => {
            let why = format!("the setting {name} needs a database, and a cluster has those of its nodes");
            Err(ServeError::Settings { why })
        }
        None => Ok(()),
    }
}

/// Answers until SIGTERM or SIGINT, as [`Relay`] does. Tells systemd when it is ready. Blocks.
///
/// # Errors
/// [`ServeError`] if the server does not start.
pub fn run_relay(
    config: &Config,
    answers: Arc<dyn Answers>,
    intake: Option<Arc<dyn Intake>>,
) -> Result<(), ServeError> {
    start_log(config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stopped = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let relay = Relay::start(config, answers, intake)?;
        tracing::info!(address = %relay.address(), "listening");
        notify(sd_notify::NotifyState::Ready);
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        notify(sd_notify::NotifyState::Stopping);
        relay.stop(config.grace.0).await;
        Ok(())
    });
    // Streams of the live page may still wait for an answer of a node.
    runtime.shutdown_background();
    stopped
}
