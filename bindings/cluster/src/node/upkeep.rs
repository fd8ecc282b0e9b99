//! What runs in the databases of a node at a time of day: retention and compaction.
//!
//! The owners of a partition must remove the same, or their states differ. So ages count to the time of day and not to the moment
//! of a run, and a database has a run only when it has read what the log had at that time. A run that was missed is made up for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use convofold::{Convofold, Time};
use convofold_server::{Job, JobOutcome, Jobs};

use super::life::Open;
use super::pause::pause;
use crate::follow::clock::{Clock, SystemClock};
use crate::follow::status::{State, Status};

/// How often it looks what is due.
const INTERVAL: Duration = Duration::from_secs(10);
/// For how long after a time of day a log at rest may still get messages of before: the clocks of brokers and nodes differ.
const REST_MS: i64 = 5 * 60_000;
/// The pause after a run that failed.
const RETRY_PAUSE_MS: i64 = 10 * 60_000;

/// Runs the jobs of the settings in the partitions of a node, one partition after the other.
pub(super) struct Upkeep {
    jobs: Jobs,
    /// The node; it may have ended.
    open: Weak<Open>,
    stop: Arc<AtomicBool>,
    /// The time of day for which each partition was compacted last.
    compacted: BTreeMap<u32, i64>,
    /// When a run of retention failed, by partition.
    failed: BTreeMap<u32, i64>,
    /// A compaction that was due before is not made up for.
    started_ms: i64,
}

impl Upkeep {
    /// The jobs of the settings; `None` if there are none.
    pub(super) fn of(jobs: Jobs, open: Weak<Open>, stop: Arc<AtomicBool>) -> Option<Self> {
        let started_ms = SystemClock::default().now_ms();
        let has = |job| jobs.last_due(job, started_ms).is_some();
        let has_jobs = has(Job::Retention) || has(Job::Compact);
        let (compacted, failed) = (BTreeMap::new(), BTreeMap::new());
        has_jobs.then_some(Self { jobs, open, stop, compacted, failed, started_ms })
    }

    /// Runs what is due until the node ends.
    pub(super) fn run(mut self) {
        while pause(&self.stop, INTERVAL) {
            let Some(open) = self.open.upgrade() else { return };
            let followed = open.followed();
            drop(open);
            for (partition, db, status) in followed {
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                self.retain(partition, &db, &status, SystemClock::default().now_ms());
                self.compact(partition, SystemClock::default().now_ms());
            }
        }
    }

    fn retain(&mut self, partition: u32, db: &Convofold, status: &Status, now_ms: i64) {
        let Some(due_ms) = self.jobs.last_due(Job::Retention, now_ms) else { return };
        let last_ms = db.retention_runs().last().map(|run| run.at);
        let pauses = self.failed.get(&partition).is_some_and(|failed_ms| now_ms < failed_ms + RETRY_PAUSE_MS);
        if pauses || !is_due(due_ms, last_ms, status) {
            return;
        }
        let Some(due) = Time::from_ms(due_ms) else { return };
        match self.jobs.run(&partition.to_string(), Job::Retention, due) {
            Some(JobOutcome::Failed) => drop(self.failed.insert(partition, now_ms)),
            _ => drop(self.failed.remove(&partition)),
        }
    }

    fn compact(&mut self, partition: u32, now_ms: i64) {
        let due_ms = self.jobs.last_due(Job::Compact, now_ms).filter(|due_ms| *due_ms >= self.started_ms);
        if let Some(due_ms) = due_ms
            && self.compacted.insert(partition, due_ms) != Some(due_ms)
        {
            // The next one is tomorrow; the log says why it failed.
            let _ = self.jobs.run(&partition.to_string(), Job::Compact, Time::now());
        }
    }
}

/// Whether a database needs a run of retention for a time of day: it had none since, and has read what the log had then.
fn is_due(due_ms: i64, last_ms: Option<i64>, status: &Status) -> bool {
    let is_new = last_ms.is_none_or(|last_ms| last_ms < due_ms);
    let has_passed = status.read_time_ms.is_some_and(|read_ms| read_ms >= due_ms);
    let is_verified = status.verified_ms.is_some_and(|verified_ms| verified_ms >= due_ms + REST_MS);
    is_new && (has_passed || (status.state == State::CaughtUp && is_verified))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE_MS: i64 = 1_772_424_000_000;

    #[test]
    fn a_run_is_due_once_when_the_log_of_before_was_read() {
        let reading = |read_ms| Status { state: State::Following, read_time_ms: Some(read_ms), ..Status::default() };
        let due = |last_ms, status: &Status| is_due(DUE_MS, last_ms, status);
        assert!(!due(None, &Status::default()));
        assert!(!due(None, &reading(DUE_MS - 1)) && due(None, &reading(DUE_MS)));
        for (last_ms, expected) in [(DUE_MS - 1, true), (DUE_MS, false), (DUE_MS + 1, false)] {
            assert_eq!(due(Some(last_ms), &reading(DUE_MS)), expected);
        }
    }

    #[test]
    fn a_log_at_rest_is_waited_for_as_long_as_clocks_may_differ() {
        let at_rest = |state, verified_ms| Status {
            state,
            verified_ms: Some(verified_ms),
            read_time_ms: Some(DUE_MS - 3_600_000),
            ..Status::default()
        };
        let (before, after) = (DUE_MS + REST_MS - 1, DUE_MS + REST_MS);
        assert!(!is_due(DUE_MS, None, &at_rest(State::CaughtUp, before)));
        assert!(is_due(DUE_MS, None, &at_rest(State::CaughtUp, after)));
        // It may be behind.
        assert!(!is_due(DUE_MS, None, &at_rest(State::Following, after)));
        assert!(!is_due(DUE_MS, None, &at_rest(State::Waiting { why: "no leader".to_owned() }, after)));
    }
}
