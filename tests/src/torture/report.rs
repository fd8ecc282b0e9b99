//! The result of a campaign.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The result of a campaign.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Number of trials.
    pub trials: u64,
    /// The failed trials.
    pub failures: Vec<Failure>,
    /// Counts of observations.
    pub tally: BTreeMap<String, u64>,
    /// The duration.
    pub took: Duration,
}

/// A trial in which a promise was broken, or that could not be made.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its number.
    pub trial: u64,
    /// What happened.
    pub why: String,
    /// The directory with its files.
    pub kept: Option<PathBuf>,
}

impl Report {
    /// On one line.
    #[must_use]
    pub fn in_words(&self, kind: &str) -> String {
        let seen: Vec<_> = self.tally.iter().map(|(what, count)| format!("{count} {what}")).collect();
        format!("{}: {}", self.rate(kind), seen.join(", "))
    }

    /// One line per observation.
    #[must_use]
    pub fn table(&self, kind: &str) -> String {
        let seen = self.tally.iter().map(|(what, count)| format!("\n{count:>9}  {what}"));
        self.rate(kind) + &seen.collect::<String>()
    }

    fn rate(&self, kind: &str) -> String {
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
        let rate = self.trials as f64 / seconds.max(0.001);
        format!("{kind}: {} trials in {seconds:.1} s ({rate:.1}/s)", self.trials)
    }
}
