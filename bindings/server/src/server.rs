//! The life of a server: open, answer, end.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use convofold::{Convofold, Options};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::airship::Stream;
use crate::alerts::Running;
use crate::answering::SocketServer;
use crate::app::{App, Phase};
use crate::config::{Config, LogFormat};
use crate::error::ServeError;
use crate::front::Front;
use crate::guard::GuardedAcceptor;
use crate::routes::router;
use crate::schedule;
use crate::tokens::{TokenFile, Tokens};
use crate::upstreams::save_regularly;

/// Files that the server and the database have open, besides the connections.
const OWN_FILES: u64 = 128;
/// The part of the grace period that is kept for closing the database.
const CLOSE_PART: u32 = 3;

/// Opens the database, and answers until SIGTERM or SIGINT. Tells systemd when it is ready. Blocks.
///
/// At the end it takes no new connections, finishes the requests that bring events, ends the change feeds, writes a
/// checkpoint and closes the database, all within the grace period.
///
/// # Errors
/// [`ServeError`] if the server does not start, or the database was not closed cleanly.
pub fn run(config: Config) -> Result<(), ServeError> {
    start_log(config.log);
    raise_file_limit(&config);
    // Before the database, because opening it may take long, and these errors need nothing of it.
    config.check(!Tokens::open(TokenFile::of(&config.db))?.is_empty())?;
    let listener = listen(config.listen)?;
    let db = Options::new().create(true).open(&config.db)?;
    let grace = config.grace;
    let closing = db.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let deadline = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let server = Server::on(listener, config, db)?;
        tracing::info!(address = %server.address(), "listening");
        notify(sd_notify::NotifyState::Ready);
        let mut server = server;
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            ended = &mut server.front.task => return Err(ended.map_err(std::io::Error::other)?.err().map_or_else(
                || ServeError::Failed(std::io::Error::other("the server ended by itself")),
                ServeError::Failed,
            )),
        }
        notify(sd_notify::NotifyState::Stopping);
        tracing::info!("stopping");
        let deadline = Instant::now() + grace.0;
        server.stop_by(deadline - grace.0 / CLOSE_PART).await;
        Ok::<_, ServeError>(deadline)
    });
    let closed = match deadline {
        Ok(deadline) => runtime.block_on(async {
            let close = tokio::task::spawn_blocking(move || closing.close());
            match timeout_at(deadline, close).await {
                Ok(closed) => Ok(closed.map_err(std::io::Error::other)??),
                Err(_) => Err(ServeError::Grace { grace }),
            }
        }),
        Err(error) => Err(error),
    };
    runtime.shutdown_background();
    tracing::info!("stopped");
    closed
}

pub(crate) fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be notified");
    }
}

/// Writes the log of the process to standard error. The environment variable `CONVOFOLD_LOG_FILTER` says what is written.
pub fn start_log(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CONVOFOLD_LOG_FILTER");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // The program may have a log of its own already.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// Raises the soft limit of open files to the hard one: a shell and systemd set it to 1024, which the connections alone
/// can use up.
pub(crate) fn raise_file_limit(config: &Config) {
    let limits = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits });
    let files = if raised.is_ok() { limits.maximum } else { limits.current };
    let needed = config.max_connections as u64 + OWN_FILES;
    if files.is_some_and(|files| files < needed) {
        tracing::warn!(?files, needed, "max-connections needs more open files than are allowed (ulimit -n)");
    }
}

pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|source| ServeError::Listen { listen: address, source })
}

/// A running server for a database that the program holds.
pub struct Server {
    app: App,
    front: Front,
    /// Airship's stream.
    stream: Option<JoinHandle<()>>,
    /// Saves what is known of upstreams.
    saving: JoinHandle<()>,
    /// Runs what has a time of day.
    scheduled: JoinHandle<()>,
    /// For the processes of this machine that may use the folder of the database.
    socket: Option<SocketServer>,
    alerts: Option<Running>,
}

impl Server {
    /// Starts to answer for this database, which must be that of [`Config::db`]. Must be called on a runtime of tokio.
    ///
    /// # Errors
    /// [`ServeError`] if the address cannot be used, others can reach it without tokens or TLS, or the files of the server
    /// cannot be used.
    pub fn start(config: Config, db: Convofold) -> Result<Self, ServeError> {
        Self::on(listen(config.listen)?, config, db)
    }

    fn on(listener: TcpListener, config: Config, db: Convofold) -> Result<Self, ServeError> {
        let tls = Front::tls(&config)?;
        let app = App::new(db, config)?;
        let front = Front::start(listener, &app.config, tls, GuardedAcceptor::of(&app), router(app.clone()))?;
        let socket = SocketServer::start(&app);
        let socket = socket.inspect_err(|error| tracing::warn!(%error, "no socket in the folder of the database")).ok();
        let alerts = Running::start(&app)?;
        let stream = Stream::start(&app)?;
        let saving = tokio::spawn(save_regularly(app.clone()));
        let scheduled = tokio::spawn(schedule::follow(app.clone()));
        Ok(Self { app, front, stream, saving, scheduled, socket, alerts })
    }

    /// The address on which it listens; it has the real port if the setting is port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// Takes no new connections, finishes the requests that bring events, and ends the change feeds, within this time. The
    /// database stays open.
    pub async fn stop(self, within: Duration) {
        self.stop_by(Instant::now() + within).await;
    }

    async fn stop_by(self, deadline: Instant) {
        self.app.enter(Phase::Stopping);
        let left = deadline.saturating_duration_since(Instant::now());
        self.front.shut_down(left);
        if let Some(socket) = &self.socket {
            socket.shut_down(left);
        }
        if timeout_at(deadline, self.app.finish_intake()).await.is_err() {
            tracing::warn!("requests that bring events were not finished in time; they were not answered 200");
        }
        self.app.enter(Phase::EndingStream);
        if let Some(mut stream) = self.stream
            && timeout_at(deadline, &mut stream).await.is_err()
        {
            tracing::warn!("Airship's stream was not ended in time; it continues after its last committed event");
            stream.abort();
        }
        if let Some(alerts) = self.alerts {
            alerts.stop_by(deadline).await;
        }
        self.app.enter(Phase::EndingReaders);
        let _ = timeout_at(deadline, self.saving).await;
        if timeout_at(deadline, self.scheduled).await.is_err() {
            tracing::warn!("a compaction was not ended in time; the database is compacted or as it was");
        }
        self.front.ended(left).await;
        if let Some(socket) = self.socket {
            socket.ended(left).await;
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address()).finish_non_exhaustive()
    }
}
