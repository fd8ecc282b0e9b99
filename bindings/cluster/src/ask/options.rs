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
    /// The maximum number of bytes that the answers of all partitions to a question may have together, as they are sent. Those of a report
    /// are long: some 10 bytes for each duration. Default: 1 GiB.
    pub answer_bytes: u64,
}

impl Default for AskOptions {
    fn default() -> Self {
        Self {
            token: None,
            next_owner_after: Duration::from_millis(300),
            answer_within: Duration::from_secs(10),
            parallel_partitions: 64,
            answer_bytes: 1 << 30,
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

    /// Sets [`AskOptions::answer_bytes`](#structfield.answer_bytes).
    #[must_use]
    pub fn answer_bytes(mut self, bytes: u64) -> Self {
        self.answer_bytes = bytes;
        self
    }
}
