//! What runs in the databases of [`Mounts`](crate::Mounts), when their host says so: retention, compaction, alerts.
//!
//! The databases of several processes that follow one log must be given the same times, and only one of them sends alerts, so
//! that a clock of each process would not do.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use convofold::Time;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::mounts::Shared;
use crate::schedule::{Job, JobOutcome, Schedule, run};

/// What runs in the databases of [`Mounts`](crate::Mounts). The methods block, and cannot be called by an asynchronous task.
#[derive(Clone)]
pub struct Jobs {
    shared: Arc<Shared>,
    runtime: Handle,
    schedule: Arc<Schedule>,
}

impl Jobs {
    pub(crate) fn new(shared: Arc<Shared>, runtime: Handle) -> Self {
        let schedule = Arc::new(Schedule::new(shared.config()));
        Self { shared, runtime, schedule }
    }

    /// When a job was due last, until this time; both in milliseconds since the epoch. `None` if the settings do not have it.
    #[must_use]
    pub fn last_due(&self, job: Job, now_ms: i64) -> Option<i64> {
        self.schedule.last(job, now_ms)
    }

    /// Runs a job of the settings in a database; ages count to `now`. `None` if there is no database of this name.
    #[must_use]
    pub fn run(&self, name: &str, job: Job, now: Time) -> Option<JobOutcome> {
        self.shared.app(name).map(|app| run(&app, job, now))
    }

    /// Whether the settings have alerts.
    #[must_use]
    pub fn has_alerts(&self) -> bool {
        !self.shared.config().alert.is_empty()
    }

    /// Evaluates and sends the alerts of the settings about a database, until [`Jobs::stop_alerts`], or until it is unmounted. Does
    /// nothing if it does so already.
    ///
    /// Messages that were not delivered before are. A crossing has the same id in each database that follows the same log.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start_alerts(&self, name: &str) -> io::Result<()> {
        let _on_runtime = self.runtime.enter();
        self.shared.start_alerts(name)
    }

    /// Evaluates and sends no alerts about a database any more. Waits for at most this time until messages that are being sent are
    /// answered.
    pub fn stop_alerts(&self, name: &str, within: Duration) {
        if let Some(running) = self.shared.take_alerts(name) {
            self.runtime.block_on(running.stop_by(Instant::now() + within));
        }
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use convofold::Convofold;
    use convofold::ingest::Format;

    use super::*;
    use crate::alerts::tests::receiver::Receiver;
    use crate::{Mounts, Overview, Settings};

    struct Silent;

    impl Overview for Silent {
        fn ready(&self) -> Result<(), String> {
            Ok(())
        }

        fn metrics(&self) -> String {
            String::new()
        }

        fn about(&self, _name: Option<&str>) -> Option<String> {
            None
        }

        fn answers(&self, _name: &str) -> Result<(), String> {
            Ok(())
        }

        fn headers(&self, _name: &str) -> Vec<(&'static str, String)> {
            Vec::new()
        }
    }

    struct Node {
        _dir: tempfile::TempDir,
        mounts: Mounts,
        db: Convofold,
    }

    fn node(toml: &str) -> Node {
        let dir = tempfile::tempdir().unwrap();
        let settings = format!("db = {:?}\nlisten = \"127.0.0.1:0\"\n{toml}", dir.path());
        let settings: Settings = toml::from_str(&settings).unwrap();
        let mounts = Mounts::start(settings.resolve().unwrap(), Arc::new(Silent)).unwrap();
        let db = Convofold::open(dir.path().join("p3")).unwrap();
        mounts.mount("3", db.clone()).unwrap();
        Node { _dir: dir, mounts, db }
    }

    fn waits(node: &Node, conversation: &str) {
        let event = format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","kind":"message","direction":"in","occurred":"2026-03-02T09:00:00Z"}}"#
        );
        assert_eq!(node.db.ingest(event.as_bytes(), Format::Auto).unwrap().counts.applied, 1);
    }

    fn ids(receiver: &Receiver, count: usize) -> Vec<String> {
        receiver.wait_until(|got| got.len() >= count).into_iter().map(|got| got.id).collect()
    }

    #[test]
    fn one_of_two_databases_sends_alerts_and_the_next_one_continues_with_the_same_ids() {
        let receiver = Receiver::start().unwrap();
        let toml = format!(
            "[[alert]]\nname = \"slow\"\nwhen = \"waiting\"\nafter = \"5m\"\nurl = \"{}\"",
            receiver.url("/hook")
        );
        let nodes = [node(&toml), node(&toml)];
        let [one, other] = nodes.each_ref().map(|node| node.mounts.jobs());
        assert!(one.has_alerts());
        nodes.iter().for_each(|node| waits(node, "c-1"));
        one.start_alerts("3").unwrap();
        one.start_alerts("3").unwrap();
        let first = ids(&receiver, 1);
        one.stop_alerts("3", Duration::from_secs(30));
        nodes.iter().for_each(|node| waits(node, "c-2"));
        other.start_alerts("3").unwrap();
        let all = ids(&receiver, 3);
        assert_eq!(all.iter().filter(|id| **id == first[0]).count(), 2, "{all:?}");
        assert_eq!(all.len(), 3);
        // Unmounting ends them.
        nodes[1].mounts.unmount("3", Duration::from_secs(30));
        other.start_alerts("3").unwrap();
    }

    #[test]
    fn a_job_of_the_settings_runs_in_a_database_with_the_time_that_it_is_given() {
        let node = node("[retention]\nat = \"03:30\"\ntexts = \"1d\"");
        let jobs = node.mounts.jobs();
        // 2026-03-02T04:00:00Z.
        let now_ms = 1_772_424_000_000;
        let due_ms = jobs.last_due(Job::Retention, now_ms).unwrap();
        assert_eq!((due_ms, jobs.last_due(Job::Compact, now_ms)), (now_ms - 30 * 60_000, None));
        let due = Time::from_ms(due_ms).unwrap();
        assert_eq!(jobs.run("3", Job::Retention, due), Some(JobOutcome::Skipped));
        assert_eq!(node.db.retention_runs().iter().map(|run| run.at).collect::<Vec<_>>(), [due_ms]);
        assert_eq!(jobs.run("4", Job::Retention, due), None);
        node.mounts.stop(Duration::from_secs(1));
        node.db.close().unwrap();
    }
}
