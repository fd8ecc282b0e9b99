//! Alerts: a message when a conversation crosses a threshold, and one when that is over.
//!
//! A thread evaluates the alerts after commits and every second (`watch.rs`), keeps what it finds durably (`table.rs`), and a
//! task for each alert delivers the messages (`deliver.rs`). A slow receiver holds up neither the writer nor another alert.

mod settings;
mod signature;
mod post;
mod alert;
mod crossing;
mod message;
mod table;
mod watch;
mod deliver;
#[cfg(test)]
pub(crate) mod tests;

pub use settings::{AlertBody, AlertSettings, AlertWhen};

pub(crate) use alert::resolve;
pub(crate) use crossing::Reason;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use convofold::{Changes, ChangesError, StopHandle};
use parking_lot::Mutex;
use tokio::sync::watch as channel;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use self::alert::Alert;
use self::table::{Crossing, Table};
use self::watch::{Changed, View, Watch};
use crate::app::App;
use crate::config::Config;
use crate::error::ServeError;
use crate::tokens::clock_ms;

/// How often alerts are evaluated while nothing is committed.
const TICK: Duration = Duration::from_secs(1);
/// The least time between two evaluations.
const PAUSE: Duration = Duration::from_millis(200);
/// The time in which a receiver must have answered.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of the server waits for answers of receivers.
const FINISH: Duration = Duration::from_secs(3);
/// If more events are committed between two evaluations, all conversations are looked at.
const MAX_CHANGES: usize = 20_000;

/// The alerts of a server and their crossings.
pub(crate) struct Alerts {
    alerts: Vec<Alert>,
    /// `None` without alerts.
    table: Option<Table>,
    max: usize,
    /// By alert and outcome.
    deliveries: Mutex<BTreeMap<(String, String), u64>>,
    /// Crossings that have no room in the table, by alert.
    left_out: Mutex<BTreeMap<String, u64>>,
    /// Set when there is a new message.
    news: channel::Sender<()>,
    stopping: channel::Sender<bool>,
    /// The time in which a receiver must have answered.
    timeout: Duration,
    /// Whether nothing is evaluated, because an erasure has cleaned the table and is not complete. Locked during an evaluation.
    is_paused: Mutex<bool>,
}

impl Alerts {
    /// Reads the crossings.
    pub(crate) fn open(config: &Config) -> Result<Self, ServeError> {
        let alerts = resolve(&config.alert).map_err(|why| ServeError::Settings { why })?;
        let folder = config.folder();
        let table = if alerts.is_empty() { None } else { Some(Table::open(&folder, config.max_alerts)?) };
        if let Some(table) = &table {
            let dropped = table.retain_alerts(|name| alerts.iter().any(|alert| alert.name == name));
            let dropped = dropped.map_err(|source| ServeError::Alerts { path: folder, source })?;
            if dropped > 0 {
                tracing::warn!(
                    crossings = dropped,
                    "crossings of alerts that are not in the settings any more are removed, without a message"
                );
            }
        }
        Ok(Self {
            alerts,
            table,
            max: config.max_alerts,
            deliveries: Mutex::default(),
            left_out: Mutex::default(),
            news: channel::Sender::new(()),
            stopping: channel::Sender::new(false),
            timeout: TIMEOUT,
            is_paused: Mutex::new(false),
        })
    }

    fn count_delivery(&self, alert: &str, outcome: String) {
        *self.deliveries.lock().entry((alert.to_owned(), outcome)).or_default() += 1;
    }

    /// Attempts to deliver since the start of the server, by alert and outcome.
    pub(crate) fn deliveries(&self) -> Vec<(String, String, u64)> {
        let deliveries = self.deliveries.lock();
        deliveries.iter().map(|((alert, outcome), count)| (alert.clone(), outcome.clone(), *count)).collect()
    }

    /// Counts, each with an entry for every alert.
    pub(crate) fn counts(&self) -> Counts {
        let (crossings, mut active, pending) = self.table.as_ref().map(Table::counts).unwrap_or_default();
        for alert in &self.alerts {
            active.entry(alert.name.clone()).or_default();
        }
        let left_out = self.left_out.lock().clone();
        Counts { crossings, max: self.max as u64, active, pending, left_out }
    }

    /// The crossings after the one with this id, in the order in which they began, and whether there are more; `None` if
    /// there is no such crossing.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> Option<(Vec<Shown>, bool)> {
        let Some(table) = &self.table else { return after.is_none().then(Default::default) };
        if after.is_some_and(|id| !table.contains(id)) {
            return None;
        }
        let (page, more) = table.page(after, limit);
        Some((page.into_iter().map(|crossing| self.shown(crossing)).collect(), more))
    }

    fn shown(&self, crossing: Crossing) -> Shown {
        let when = self.alerts.iter().find(|alert| alert.name == crossing.began.alert).map(|alert| alert.when);
        let pending = crossing.pending();
        let Crossing { began, over, delivery, .. } = crossing;
        Shown {
            id: began.id,
            alert: began.alert,
            when: when.unwrap_or(AlertWhen::Waiting),
            subject: began.subject,
            since: began.since,
            began_at: began.at,
            over_at: over.as_ref().map(|over| over.at),
            reason: over.map(|over| over.reason),
            pending,
            attempts: delivery.attempts,
            next_try_at: delivery.last.as_ref().map(|_| delivery.next_try_at),
            why: delivery.last,
        }
    }

    /// Evaluates every alert and keeps what is found, durably. Blocks.
    fn evaluate(&self, app: &App, watches: &mut [Watch], changed: &Changed, now: i64) {
        let Some(table) = &self.table else { return };
        let is_paused = self.is_paused.lock();
        if *is_paused {
            watches.iter_mut().for_each(|watch| watch.is_behind = true);
            return;
        }
        let upstreams = app.upstreams(now);
        let public_url = app.config.public_url.as_deref();
        let view = View { db: &app.db, database: &app.identity, public_url, upstreams: &upstreams, changed, now };
        for (alert, watch) in self.alerts.iter().zip(watches) {
            let found = match watch.evaluate(alert, &view, table) {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(alert = alert.name, %error, "an alert cannot be evaluated");
                    watch.is_behind = true;
                    continue;
                }
            };
            let is_news = !found.began.is_empty() || !found.over.is_empty();
            match table.add(found) {
                Ok(left_out) => {
                    watch.is_behind = left_out > 0;
                    self.leave_out(&alert.name, left_out);
                }
                Err(error) => {
                    watch.is_behind = true;
                    tracing::error!(alert = alert.name, %error, "the table of alerts cannot be written");
                }
            }
            if is_news {
                self.news.send_replace(());
            }
        }
    }

    /// Removes what is found, and evaluates nothing more until [`Alerts::go_on`]. Blocks.
    pub(crate) fn clean(&self, folder: &Path, finds: &dyn Fn(&[u8]) -> bool) -> Result<Cleaned, ServeError> {
        let mut is_paused = self.is_paused.lock();
        *is_paused = true;
        match &self.table {
            Some(table) => clean_table(table, folder, finds),
            None => clean(folder, finds),
        }
    }

    /// Evaluates again.
    pub(crate) fn go_on(&self) {
        *self.is_paused.lock() = false;
    }

    fn leave_out(&self, alert: &str, count: u64) {
        let before = self.left_out.lock().insert(alert.to_owned(), count).unwrap_or_default();
        if count > 0 && before == 0 {
            tracing::error!(
                alert,
                crossings = count,
                max = self.max,
                "the table of alerts is full: no more begin until there is room"
            );
        }
    }
}

/// Crossings that were removed, and their messages that were not delivered.
pub(crate) struct Cleaned {
    pub(crate) crossings: u64,
    pub(crate) undelivered: u64,
}

/// Removes what is found from the crossings in a folder that no server uses. Blocks.
pub(crate) fn clean(folder: &Path, finds: &dyn Fn(&[u8]) -> bool) -> Result<Cleaned, ServeError> {
    clean_table(&Table::open(folder, usize::MAX)?, folder, finds)
}

fn clean_table(table: &Table, folder: &Path, finds: &dyn Fn(&[u8]) -> bool) -> Result<Cleaned, ServeError> {
    let cleaned = table.remove_found(finds).and_then(|(crossings, undelivered)| {
        table::remove_damaged(folder, finds)?;
        Ok(Cleaned { crossings, undelivered })
    });
    cleaned.map_err(|source| ServeError::Alerts { path: folder.to_owned(), source })
}

/// Counts of crossings.
pub(crate) struct Counts {
    pub(crate) crossings: u64,
    pub(crate) max: u64,
    /// Active ones by alert.
    pub(crate) active: BTreeMap<String, u64>,
    /// Messages that were not delivered.
    pub(crate) pending: u64,
    /// Those that have no room in the table, by alert.
    pub(crate) left_out: BTreeMap<String, u64>,
}

/// A conversation or an upstream that has crossed the threshold of an alert, until both messages are delivered.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(crate) struct Shown {
    /// The `webhook-id` of its first message.
    pub(crate) id: String,
    /// The name of the alert.
    alert: String,
    when: AlertWhen,
    /// The id of the conversation, or the upstream as `KIND/SOURCE[/TENANT]`.
    subject: String,
    /// When it began to wait, to be idle and so on.
    since: i64,
    /// When the crossing was found.
    began_at: i64,
    /// When it ended; null while it is active.
    over_at: Option<i64>,
    /// Why it ended.
    reason: Option<Reason>,
    /// Number of messages that were not delivered, 0 to 2.
    pending: u64,
    /// Attempts to deliver the next message that failed, since the server was started.
    attempts: u32,
    /// When the next attempt is due, after a failed one.
    next_try_at: Option<i64>,
    /// How the last attempt failed.
    why: Option<String>,
}

/// The running evaluation and delivery.
pub(crate) struct Running {
    alerts: Arc<Alerts>,
    feed: Arc<Mutex<Option<StopHandle>>>,
    thread: thread::JoinHandle<()>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Starts to evaluate and to deliver; `None` without alerts.
    pub(crate) fn start(app: &App) -> std::io::Result<Option<Self>> {
        let alerts = app.alerts.clone();
        if alerts.alerts.is_empty() {
            return Ok(None);
        }
        // It may have been stopped before.
        alerts.stopping.send_replace(false);
        let feed = Arc::new(Mutex::new(None));
        let mut evaluation = Evaluation { app: app.clone(), alerts: alerts.clone(), stop: feed.clone() };
        let thread = thread::Builder::new().name("convofold-alerts".to_owned()).spawn(move || evaluation.run())?;
        let mut tasks = JoinSet::new();
        for number in 0..alerts.alerts.len() {
            tasks.spawn(deliver::run(alerts.clone(), number));
        }
        Ok(Some(Self { alerts, feed, thread, tasks }))
    }

    /// Ends the evaluation, and waits for the attempts that are being made: a chat shows a message twice if its answer does
    /// not arrive.
    pub(crate) async fn stop_by(self, deadline: Instant) {
        self.alerts.stopping.send_replace(true);
        if let Some(feed) = self.feed.lock().take() {
            feed.stop();
        }
        let thread = self.thread;
        // An evaluation ends by itself.
        let _ = timeout_at(deadline, spawn_blocking(move || thread.join())).await;
        deliver::finish(self.tasks, deadline.min(Instant::now() + FINISH)).await;
    }
}

/// What the thread does.
struct Evaluation {
    app: App,
    alerts: Arc<Alerts>,
    stop: Arc<Mutex<Option<StopHandle>>>,
}

impl Evaluation {
    fn run(&mut self) {
        let mut watches: Vec<_> = self.alerts.alerts.iter().map(|_| Watch::new()).collect();
        let mut feed = self.feed();
        let mut changed = Changed::All;
        while !self.is_stopping() {
            self.alerts.evaluate(&self.app, &mut watches, &changed, clock_ms());
            changed = match self.changes(&mut feed) {
                Ok(Some(ids)) => Changed::These(ids),
                Ok(None) => {
                    feed = self.feed();
                    Changed::All
                }
                Err(ChangesError::Closed) => return,
                Err(error) => {
                    tracing::debug!(%error, "the feed of the alerts ended");
                    thread::sleep(TICK);
                    feed = self.feed();
                    Changed::All
                }
            };
        }
    }

    fn is_stopping(&self) -> bool {
        *self.alerts.stopping.borrow()
    }

    /// A feed from the next event on.
    fn feed(&self) -> Changes {
        let feed = self.app.db.changes(self.app.db.counters().durable_seq + 1);
        *self.stop.lock() = Some(feed.stop_handle());
        feed
    }

    /// The conversations that changed, after a wait for the first one; `None` if there are too many, or the feed is behind.
    fn changes(&self, feed: &mut Changes) -> Result<Option<BTreeSet<String>>, ChangesError> {
        let mut ids = BTreeSet::new();
        let mut next = feed.next_timeout(TICK);
        if !self.is_stopping() && matches!(next, Ok(Some(_))) {
            thread::sleep(PAUSE);
        }
        for _ in 0..MAX_CHANGES {
            match next {
                Ok(Some(change)) => ids.insert(change.event.conversation().to_owned()),
                Ok(None) => return Ok(Some(ids)),
                Err(ChangesError::Dropped { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            next = feed.try_next();
        }
        Ok(None)
    }
}
