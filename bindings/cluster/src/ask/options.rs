//! How partitions are asked.

use std::time::Duration;

/// How partitions are asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AskOptions {
    /// The token that the nodes need.
    pub token: Option<String>,
    /// If an owner has not answered after this time, the next one is asked too. Default: 300 ms.
    pub next_owner_after: Duration,
    /// The time in which a partition must answer; without an answer it is missing. Default: 10 s.
    pub answer_within: Duration,
    /// The maximum number of partitions that are asked at the same time. Default: 64.
    pub parallel_partitions: usize,
}

impl Default for AskOptions {
    fn default() -> Self {
        Self {
            token: None,
            next_owner_after: Duration::from_millis(300),
            answer_within: Duration::from_secs(10),
            parallel_partitions: 64,
        }
    }
}

impl AskOptions {
    /// Sets [`AskOptions::token`](#structfield.token).
    #[must_use]
    pub fn token(mut self, token: impl Into<Option<String>>) -> Self {
        self.token = token.into();
        self
    }

    /// Sets [`AskOptions::next_owner_after`](#structfield.next_owner_after).
    #[must_use]
    pub fn next_owner_after(mut self, time: Duration) -> Self {
        self.next_owner_after = time;
        self
    }

    /// Sets [`AskOptions::answer_within`](#structfield.answer_within).
    #[must_use]
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    /// Sets [`AskOptions::parallel_partitions`](#structfield.parallel_partitions).
    #[must_use]
    pub fn parallel_partitions(mut self, count: usize) -> Self {
        self.parallel_partitions = count.max(1);
        self
    }
}
