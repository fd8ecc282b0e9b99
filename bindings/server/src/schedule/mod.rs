//! What runs at a time of day: retention and compaction.

mod settings;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use convofold::retention::Retained;
use convofold::{Stats, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

pub use settings::{CompactSettings, RetentionSettings, TenantRetention, TimeOfDay};

use crate::app::{App, Phase};
use crate::config::Config;
use crate::tokens::clock_ms;

/// The longest sleep: the clock of the machine can be set meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// What runs at a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// The rules of retention. Before the compaction, if both are due at the same time.
    Retention,
    /// The compaction, if more than half of the storage is unused.
    Compact,
}

impl Job {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Retention => "retention",
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

/// How a run of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// It did something.
    Done,
    /// There was nothing to do.
    Skipped,
    /// It failed. The log of the process says why.
    Failed,
}

impl Schedule {
    pub(crate) fn new(config: &Config) -> Self {
        let zone = TimeZoneDatabase::bundled().get(&config.zone).unwrap_or(TimeZone::UTC);
        let retention = config.retention.iter().map(|retention| (Job::Retention, retention.at));
        let compact = config.compact.iter().map(|compact| (Job::Compact, compact.at));
        let times: Vec<_> = retention.chain(compact).collect();
        let runs = times.iter().map(|(job, _)| (*job, Runs::default())).collect();
        Self { times, zone, runs: Mutex::new(runs) }
    }

    /// The jobs of the settings with their runs.
    pub(crate) fn runs(&self) -> BTreeMap<Job, Runs> {
        self.runs.lock().clone()
    }

    /// When a job was due last, until this time; `None` if the settings do not have it.
    pub(crate) fn last(&self, job: Job, now: i64) -> Option<i64> {
        let (_, at) = self.times.iter().find(|(known, _)| *known == job)?;
        at.last(now, &self.zone)
    }

    /// When each job is due next, after this time.
    fn next(&self, now: i64) -> BTreeMap<Job, i64> {
        self.times.iter().map(|(job, at)| (*job, at.next(now, &self.zone))).collect()
    }
}

impl Runs {
    fn count(&mut self, outcome: JobOutcome) {
        match outcome {
            JobOutcome::Done => self.done += 1,
            JobOutcome::Skipped => self.skipped += 1,
            JobOutcome::Failed => self.failed += 1,
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
        if spawn_blocking(move || run(&running, job, Time::now())).await.is_err() {
            return;
        }
        due.extend(app.schedule.next(clock_ms().max(at)).into_iter().filter(|(next, _)| *next == job));
    }
}

/// Runs a job now; ages count to `now`. Blocks.
pub(crate) fn run(app: &App, job: Job, now: Time) -> JobOutcome {
    let (at, started, before_bytes) = (clock_ms(), Instant::now(), app.db.stats().disk_bytes);
    let outcome = match job {
        Job::Retention => retain(app, now),
        Job::Compact => compact(app),
    };
    let after_bytes = app.db.stats().disk_bytes;
    let mut runs = app.schedule.runs.lock();
    let runs = runs.entry(job).or_default();
    runs.count(outcome);
    (runs.last_at, runs.last_took) = (at, started.elapsed());
    if let JobOutcome::Done = outcome {
        runs.freed_bytes += before_bytes.saturating_sub(after_bytes);
    }
    outcome
}

/// Removes what is older than the rules of the settings allow.
fn retain(app: &App, now: Time) -> JobOutcome {
    let Some(settings) = &app.config.retention else { return JobOutcome::Skipped };
    let retained = app.db.retain(&settings.rules(), now, false);
    // Rows have texts.
    app.show_again();
    match retained {
        Ok(Retained { run, .. }) => {
            let removed = run.horizons.iter().map(|horizon| horizon.texts + horizon.conversations).sum::<u64>();
            tracing::info!(
                number = run.number,
                trimmed = run.trimmed_events,
                removed,
                held = run.held,
                "retention ran"
            );
            if removed + run.trimmed_events > 0 { JobOutcome::Done } else { JobOutcome::Skipped }
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "what is old cannot be removed");
            JobOutcome::Failed
        }
    }
}

/// Compacts if more than half of the storage is unused.
fn compact(app: &App) -> JobOutcome {
    let Stats { disk_bytes, unused_bytes, .. } = app.db.stats();
    if unused_bytes <= disk_bytes / 2 {
        tracing::info!(unused_bytes, disk_bytes, "less than half of the storage is unused: not compacted");
        return JobOutcome::Skipped;
    }
    match app.db.compact() {
        // The store writes to the log what it did.
        Ok(_) => JobOutcome::Done,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the storage cannot be compacted");
            JobOutcome::Failed
        }
    }
}

#[cfg(test)]
mod tests;
