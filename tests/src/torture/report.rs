//! What became of a campaign.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What became of a campaign.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many trials were made.
    pub trials: u64,
    /// Those that failed.
    pub failures: Vec<Failure>,
    /// How often what was seen.
    pub tally: BTreeMap<String, u64>,
    /// How long it took.
    pub took: Duration,
}

/// A trial in which a promise was broken, or that could not be made.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its number.
    pub trial: u64,
    /// What happened.
    pub why: String,
    /// What is left of it.
    pub kept: Option<PathBuf>,
}

impl Report {
    /// In one line.
    #[must_use]
    pub fn in_words(&self, kind: &str) -> String {
        let seen: Vec<_> = self.tally.iter().map(|(what, count)| format!("{count} {what}")).collect();
        format!("{}: {}", self.rate(kind), seen.join(", "))
    }

    /// In one line for everything that was seen.
    #[must_use]
    pub fn table(&self, kind: &str) -> String {
        let seen = self.tally.iter().map(|(what, count)| format!("\n{count:>9}  {what}"));
        self.rate(kind) + &seen.collect::<String>()
    }

    fn rate(&self, kind: &str) -> String {
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
        let rate = self.trials as f64 / seconds.max(0.001);
        format!("{kind}: {} trials in {seconds:.1} s ({rate:.1}/s)", self.trials)
    }
}
