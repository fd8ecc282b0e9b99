//! What all requests share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use convofold::ingest::{Format, IgnoreList, Limits, Parser};
use convofold::{Convofold, Zone};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::airship;
use crate::alerts::Alerts;
use crate::board::{Hub, Ledger, Rows, WeekAgo};
use crate::config::Config;
use crate::error::ServeError;
use crate::meter::Meter;
use crate::problem::Problem;
use crate::rejects::Rejects;
use crate::schedule::Schedule;
use crate::tokens::{TokenFile, Tokens};
use crate::upstreams::Deliveries;

/// How far the end of the server has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It answers.
    Running,
    /// It takes no new connections and finishes its requests.
    Stopping,
    /// The stream of Airship ends.
    EndingStream,
    /// Feeds and exports end.
    EndingReaders,
}

/// The state that all requests share.
#[derive(Clone)]
pub(crate) struct App {
    shared: Arc<Shared>,
    /// Whether the requests come over the socket in the folder of the database. Only those who may read and write that folder
    /// can send them.
    pub(crate) is_socket: bool,
}

pub(crate) struct Shared {
    pub(crate) db: Convofold,
    /// What names the database to receivers of alerts: its id, or what all databases have that follow the same log.
    pub(crate) identity: String,
    pub(crate) config: Config,
    pub(crate) tokens: Arc<Tokens>,
    /// Whether requests may bring events. A database that follows a log has events of the log only.
    takes_events: bool,
    pub(crate) rejects: Rejects,
    pub(crate) meter: Meter,
    pub(crate) alerts: Arc<Alerts>,
    pub(crate) deliveries: Deliveries,
    /// What Airship's stream is doing; `None` if the settings do not name it.
    pub(crate) stream: Option<Arc<airship::Status>>,
    /// The rows that boards show.
    pub(crate) rows: Rows,
    /// The boards that are watched.
    pub(crate) hub: Hub,
    /// What the conversations of the last day were, over time.
    pub(crate) ledger: Ledger,
    /// What was open a week ago.
    pub(crate) week_ago: WeekAgo,
    /// What runs at a time of day.
    pub(crate) schedule: Schedule,
    pub(crate) started: Instant,
    zone: Zone,
    ignored: IgnoreList,
    phase: watch::Sender<Phase>,
    /// Number of requests that bring events.
    intake: watch::Sender<u64>,
    /// Number of exports and backups.
    exports: watch::Sender<u64>,
    readers: Arc<Semaphore>,
    screens: Arc<Semaphore>,
    checks: Arc<Semaphore>,
    erasures: Arc<Semaphore>,
    /// One scan over all conversations at a time.
    scan: Arc<Semaphore>,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl App {
    pub(crate) fn new(db: Convofold, config: Config) -> Result<Self, ServeError> {
        let alerts = Alerts::open(&config)?;
        Self::with_alerts(db, config, alerts)
    }

    pub(crate) fn with_alerts(db: Convofold, config: Config, alerts: Alerts) -> Result<Self, ServeError> {
        let tokens = Tokens::open(TokenFile::of(&config.db))?;
        config.check(!tokens.is_empty())?;
        let identity = db.database_id().to_string();
        Self::with(db, identity, config, alerts, Arc::new(tokens), true)
    }

    /// For a database that follows a log, under the name of what it follows, with the tokens of the process that follows it.
    pub(crate) fn of_follower(
        db: Convofold,
        name: &str,
        config: Config,
        tokens: Arc<Tokens>,
    ) -> Result<Self, ServeError> {
        let alerts = Alerts::open(&config)?;
        Self::with(db, name.to_owned(), config, alerts, tokens, false)
    }

    fn with(
        db: Convofold,
        identity: String,
        config: Config,
        alerts: Alerts,
        tokens: Arc<Tokens>,
        takes_events: bool,
    ) -> Result<Self, ServeError> {
        let (zone, ignored) = config.reading()?;
        let rejects = Rejects::open(&config)?;
        let deliveries = Deliveries::open(&config.folder());
        let readers = Arc::new(Semaphore::new(config.max_readers));
        let screens = Arc::new(Semaphore::new(config.max_screens));
        Ok(Self {
            shared: Arc::new(Shared {
                db,
                identity,
                tokens,
                takes_events,
                rejects,
                alerts: Arc::new(alerts),
                readers,
                checks: Arc::new(Semaphore::new(1)),
                erasures: Arc::new(Semaphore::new(1)),
                stream: config.airship.as_ref().map(|_| Arc::new(airship::Status::with(deliveries.stream()))),
                deliveries,
                schedule: Schedule::new(&config),
                config,
                meter: Meter::default(),
                rows: Rows::default(),
                hub: Hub::default(),
                ledger: Ledger::default(),
                week_ago: WeekAgo::default(),
                screens,
                started: Instant::now(),
                zone,
                ignored,
                phase: watch::Sender::new(Phase::Running),
                intake: watch::Sender::new(0),
                exports: watch::Sender::new(0),
                scan: Arc::new(Semaphore::new(1)),
            }),
            is_socket: false,
        })
    }

    /// For the requests that come over the socket.
    pub(crate) fn for_socket(&self) -> Self {
        Self { is_socket: true, ..self.clone() }
    }

    /// The time after which a client is cut off that does not read. On the socket there is none: somebody may page through
    /// the output of a command.
    pub(crate) fn write_timeout(&self) -> Duration {
        if self.is_socket { Duration::MAX } else { self.config.write_timeout.0 }
    }

    /// A parser with the settings of the server.
    pub(crate) fn parser(&self, format: Format) -> Parser {
        Parser::new(format, Limits::default()).zone(self.zone.clone()).ignore(self.ignored.clone())
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the end of the server has come this far.
    pub(crate) async fn reach(&self, phase: Phase) {
        // The sender is in `self`.
        let _ = self.phase.subscribe().wait_for(|reached| *reached >= phase).await;
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Counts a request that brings events until the guard is dropped. The end of the server waits for it.
    pub(crate) fn take_in(&self) -> Result<Counted, Problem> {
        self.expect_intake()?;
        Ok(Counted::new(self, |shared| &shared.intake))
    }

    /// Refuses events for a database that follows a log.
    fn expect_intake(&self) -> Result<(), Problem> {
        if self.takes_events {
            return Ok(());
        }
        Err(Problem::new(StatusCode::CONFLICT, "this database follows a log: publish events into the log"))
    }

    /// Counts an export until the guard is dropped.
    pub(crate) fn export(&self) -> Counted {
        Counted::new(self, |shared| &shared.exports)
    }

    /// Waits until no export is written.
    pub(crate) async fn finish_exports(&self) {
        // The sender is in `self`.
        let _ = self.exports.subscribe().wait_for(|exports| *exports == 0).await;
    }

    /// Waits until no request brings events.
    pub(crate) async fn finish_intake(&self) {
        // The sender is in `self`.
        let _ = self.intake.subscribe().wait_for(|requests| *requests == 0).await;
    }

    /// Counts a reader of the feed or of an export until the permit is dropped.
    pub(crate) fn reader(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let max = self.config.max_readers;
        let busy = |_| Problem::unavailable(format!("there are {max} readers of the feed and of exports already"));
        self.readers.clone().try_acquire_owned().map_err(busy)
    }

    /// Counts a reader of the board until the permit is dropped.
    pub(crate) fn screen(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let max = self.config.max_screens;
        let busy = |_| Problem::unavailable(format!("there are {max} readers of the board already"));
        self.screens.clone().try_acquire_owned().map_err(busy)
    }

    /// Number of readers of the feed and of exports.
    pub(crate) fn reader_count(&self) -> u64 {
        held(&self.readers, self.config.max_readers)
    }

    /// Number of readers of the board.
    pub(crate) fn screen_count(&self) -> u64 {
        held(&self.screens, self.config.max_screens)
    }
}

impl App {
    /// Waits until no other scan over all conversations runs, and excludes others until the permit is dropped. Move it into the
    /// scan: a request that is cancelled does not end the scan.
    pub(crate) async fn scan(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let scan = self.scan.clone().acquire_owned().await;
        scan.map_err(|_| Problem::unavailable("the server is stopping"))
    }

    /// Excludes other erasures until the permit is dropped, and refuses if one runs.
    pub(crate) fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = |_| Problem::new(StatusCode::CONFLICT, "another erasure is running");
        self.erasures.clone().try_acquire_owned().map_err(busy)
    }

    /// Waits until no other check of the whole database runs, and excludes others until the permit is dropped.
    pub(crate) async fn check(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let closed = |_| Problem::unavailable("the server is stopping");
        self.checks.clone().acquire_owned().await.map_err(closed)
    }
}

/// A request that is counted.
pub(crate) struct Counted {
    app: App,
    count: fn(&Shared) -> &watch::Sender<u64>,
}

impl Counted {
    fn new(app: &App, count: fn(&Shared) -> &watch::Sender<u64>) -> Self {
        count(app).send_modify(|requests| *requests += 1);
        Self { app: app.clone(), count }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.count)(&self.app).send_modify(|requests| *requests -= 1);
    }
}

/// Number of permits that are held. A count of its own could differ from what the next request finds.
fn held(permits: &Semaphore, max: usize) -> u64 {
    max.saturating_sub(permits.available_permits()) as u64
}
