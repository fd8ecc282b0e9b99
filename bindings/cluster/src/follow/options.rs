//! Options of a follower.

use std::sync::Arc;
use std::time::Duration;

use convofold::ingest::{Format, Limits, Parser};

use super::clock::{Clock, SystemClock};

/// Options of a follower. The defaults suit most logs; each one states its reason.
#[derive(Clone)]
pub struct FollowOptions {
    pub(super) log: String,
    pub(super) partition: u32,
    pub(super) parser: Parser,
    pub(super) verify_interval: Duration,
    pub(super) read_messages: usize,
    pub(super) read_wait: Duration,
    pub(super) hash_interval: u64,
    pub(super) clock: Arc<dyn Clock>,
}

impl FollowOptions {
    /// The default options for a partition of a log. Both are part of the name of the bookmark.
    #[must_use]
    pub fn new(log: impl Into<String>, partition: u32) -> Self {
        Self {
            log: log.into(),
            partition,
            parser: Parser::new(Format::Auto, Limits::default()),
            verify_interval: Duration::from_secs(10),
            read_messages: 8_192,
            read_wait: Duration::from_millis(500),
            hash_interval: 100_000,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Sets the parser of payloads. All owners of a partition need the same one. Default: the source is detected, times
    /// without a zone are UTC.
    #[must_use]
    pub fn parser(mut self, parser: Parser) -> Self {
        self.parser = parser;
        self
    }

    /// Sets how often the bookmark is verified while messages are read. Default: 10 s, which costs a few small requests. It is
    /// also verified at the start and after each interruption.
    #[must_use]
    pub fn verify_interval(mut self, interval: Duration) -> Self {
        self.verify_interval = interval;
        self
    }

    /// Sets the maximum number of messages of one read. Default: 8,192, as many events as the database commits together.
    #[must_use]
    pub fn read_messages(mut self, count: usize) -> Self {
        self.read_messages = count.max(1);
        self
    }

    /// Sets how long a read waits for a message. Default: 500 ms. A follower notices within this time that it has to stop.
    #[must_use]
    pub fn read_wait(mut self, wait: Duration) -> Self {
        self.read_wait = wait;
        self
    }

    /// Sets after how many messages of the log the state is hashed, so that owners can compare themselves. All owners of a
    /// partition need the same number; 0 switches it off. Default: 100,000, because the conversations that changed since
    /// are hashed again, some hundred thousand a second.
    #[must_use]
    pub fn hash_interval(mut self, messages: u64) -> Self {
        self.hash_interval = messages;
        self
    }

    /// Sets the clock. Default: the clocks of the machine.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl std::fmt::Debug for FollowOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, partition, verify_interval, read_messages, read_wait, hash_interval, .. } = self;
        f.debug_struct("FollowOptions")
            .field("log", log)
            .field("partition", partition)
            .field("verify_interval", verify_interval)
            .field("read_messages", read_messages)
            .field("read_wait", read_wait)
            .field("hash_interval", hash_interval)
            .finish_non_exhaustive()
    }
}
