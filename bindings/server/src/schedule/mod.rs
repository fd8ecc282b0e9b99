//! What runs at a time of day: the compaction.

mod settings;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

pub use settings::{CompactSettings, TimeOfDay};

use crate::app::{App, Phase};
use crate::config::Config;
use crate::tokens::clock_ms;

/// The longest sleep: the clock of the machine can be set meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// What runs at a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    Compact,
}

impl Job {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
        }
    }
}

/// The jobs of the settings, and their runs since the server was started.
pub(crate) struct Schedule {
    times: Vec<(Job, TimeOfDay)>,
    zone: TimeZone,
    runs: Mutex<BTreeMap<Job, Runs>>,
}

/// How often a job ran, and how its last run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    /// Runs that did something.
    pub(crate) done: u64,
    /// Runs that found nothing to do.
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
    /// By how much all runs shortened the storage.
    pub(crate) freed_bytes: u64,
    /// When the last run began.
    pub(crate) last_at: i64,
    /// How long it took.
    pub(crate) last_took: Duration,
}

/// How a run ended.
#[derive(Clone, Copy)]
enum Outcome {
    Done,
    Skipped,
    Failed,
}

impl Schedule {
    pub(crate) fn new(config: &Config) -> Self {
        let zone = TimeZoneDatabase::bundled().get(&config.zone).unwrap_or(TimeZone::UTC);
        let times: Vec<_> = config.compact.iter().map(|compact| (Job::Compact, compact.at)).collect();
        let runs = times.iter().map(|(job, _)| (*job, Runs::default())).collect();
        Self { times, zone, runs: Mutex::new(runs) }
    }

    /// The jobs of the settings with their runs.
    pub(crate) fn runs(&self) -> BTreeMap<Job, Runs> {
        self.runs.lock().clone()
    }

    /// When each job is due next, after this time.
    fn next(&self, now: i64) -> BTreeMap<Job, i64> {
        self.times.iter().map(|(job, at)| (*job, at.next(now, &self.zone))).collect()
    }
}

impl Runs {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Failed => self.failed += 1,
        }
    }
}

/// Runs each job at its time until the server ends. A job that becomes due while another one runs, runs after it.
pub(crate) async fn follow(app: App) {
    let mut due = app.schedule.next(clock_ms());
    while let Some((job, at)) = due.iter().map(|(job, at)| (*job, *at)).min_by_key(|(_, at)| *at) {
        let left_ms = at.saturating_sub(clock_ms());
        if left_ms > 0 {
            tokio::select! {
                () = sleep(LOOK_INTERVAL.min(Duration::from_millis(left_ms.unsigned_abs()))) => {}
                () = app.reach(Phase::Stopping) => return,
            }
            continue;
        }
        let running = app.clone();
        // An error means that the runtime ends.
        if spawn_blocking(move || run(&running, job)).await.is_err() {
            return;
        }
        due.extend(app.schedule.next(clock_ms().max(at)).into_iter().filter(|(next, _)| *next == job));
    }
}

/// Runs a job now. Blocks.
fn run(app: &App, job: Job) {
    let (at, started, before_bytes) = (clock_ms(), Instant::now(), app.db.stats().disk_bytes);
    let outcome = match job {
        Job::Compact => compact(app),
    };
    let after_bytes = app.db.stats().disk_bytes;
    let mut runs = app.schedule.runs.lock();
    let runs = runs.entry(job).or_default();
    runs.count(outcome);
    (runs.last_at, runs.last_took) = (at, started.elapsed());
    if let Outcome::Done = outcome {
        runs.freed_bytes += before_bytes.saturating_sub(after_bytes);
    }
}

/// Compacts if more than half of the storage is unused.
fn compact(app: &App) -> Outcome {
    let (counters, disk_bytes) = (app.db.counters(), app.db.stats().disk_bytes);
    let used_bytes = counters.log_bytes + counters.checkpoint_bytes;
    if used_bytes.saturating_mul(2) >= disk_bytes {
        tracing::info!(used_bytes, disk_bytes, "less than half of the storage is unused: not compacted");
        return Outcome::Skipped;
    }
    match app.db.compact() {
        // The store writes to the log what it did.
        Ok(_) => Outcome::Done,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the storage cannot be compacted");
            Outcome::Failed
        }
    }
}

#[cfg(test)]
mod tests;
