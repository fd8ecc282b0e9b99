//! How a store is opened.

use std::time::Duration;

use convofold_engine::ingest::Limits;

use crate::clock::Clock;
use crate::storage::sled::{MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES};

/// How to open a store. The defaults are meant to be left alone; each says why it is what it is.
///
/// ```no_run
/// use convofold_store::Options;
///
/// let db = Options::new().queue_submissions(1024).open("conversations")?;
/// # Ok::<_, convofold_store::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) create: bool,
    pub(crate) segment_bytes: usize,
    pub(crate) block_bytes: usize,
    pub(crate) queue_submissions: usize,
    pub(crate) group_max_events: usize,
    pub(crate) group_max_bytes: usize,
    pub(crate) sync_interval: Duration,
    pub(crate) checkpoint_log_bytes: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) parse_threads: usize,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            segment_bytes: MIN_SEGMENT_BYTES,
            block_bytes: 1 << 20,
            queue_submissions: 256,
            group_max_events: 8_192,
            group_max_bytes: 2 << 20,
            sync_interval: Duration::from_millis(100),
            checkpoint_log_bytes: 64 << 20,
            cache_bytes: 64 << 20,
            memory_bytes: 256 << 20,
            parse_threads: 0,
            limits: Limits::default(),
            clock: Clock::default(),
        }
    }
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to make the directory where there is none. Default: yes. A command that only reads should say no, so that
    /// a misspelt path is an error and not an empty store.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// The size of the segments of sled's file, in bytes: a power of two from 2 to 16 MiB; others are brought there.
    /// Default: 2 MiB, the smallest that keeps our values out of files that sled does not make durable; larger ones were
    /// not faster. It is fixed when the directory is made; after that this setting has no effect.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: usize) -> Self {
        self.segment_bytes = bytes.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES).next_power_of_two();
        self
    }

    /// How much a log block holds, in bytes as its events take them one by one. Default: 1 MiB, some 2,500 events: half of
    /// that needs a fifth more disk, and twice of it makes the feed unpack much for a single event. Only full under load: a
    /// block ends with its group.
    #[must_use]
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes.clamp(1, 16 << 20);
        self
    }

    /// How many submissions wait for the writer before [`Convofold::submit`] blocks. Default: 256, enough to fill a group
    /// while one is being written, and little enough that a host feels the back-pressure within milliseconds.
    #[must_use]
    pub fn queue_submissions(mut self, count: usize) -> Self {
        self.queue_submissions = count.max(1);
        self
    }

    /// How many events the writer makes durable together. Default: 8,192: a barrier costs as much as some hundred
    /// events, so it vanishes, and readers never wait for more than a few milliseconds of folding.
    #[must_use]
    pub fn group_max_events(mut self, count: usize) -> Self {
        self.group_max_events = count.max(1);
        self
    }

    /// How many bytes of events the writer makes durable together. Default: 2 MiB, which bounds its memory where events
    /// carry long texts, and what sled writes between barriers.
    #[must_use]
    pub fn group_max_bytes(mut self, bytes: usize) -> Self {
        self.group_max_bytes = bytes.max(1);
        self
    }

    /// How long after its acknowledgement a [`Durability::Buffered`](crate::Durability::Buffered) event may still be lost.
    /// Default: 100 ms; a barrier ten times a second costs next to nothing.
    #[must_use]
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.sync_interval = interval;
        self
    }

    /// How much log, in stored bytes, is written before a checkpoint is. Default: 64 MiB, about a million events and a
    /// second or two of recovery. Where the checkpoint is larger than twice this, half of its size counts instead, so
    /// that the cost of checkpoints stays in proportion to the log.
    #[must_use]
    pub fn checkpoint_log_bytes(mut self, bytes: u64) -> Self {
        self.checkpoint_log_bytes = bytes.max(1);
        self
    }

    /// How much sled caches, in bytes. Default: 64 MiB: answers come from our own memory and the log is read front to
    /// back, so sled's cache only has to hold what it is writing.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How many bytes conversations take in memory, about. Default: 256 MiB, some ten thousand conversations at work or
    /// a hundred thousand short ones. Where it would be more, a checkpoint is written and half of it leaves memory: closed
    /// conversations first, and of these the ones that were touched for longest ago. They still count everywhere, and
    /// open ones are still listed. An event brings its conversation back, for one reading of a page; a question about one
    /// conversation reads its page and leaves it there.
    ///
    /// It may be more for a while: where one conversation alone takes more than half of it, then twice that one; while a
    /// verification holds checkpoints off; and where a store is opened without a checkpoint that can be used, so that the
    /// whole log is folded.
    ///
    /// Beside it stand some 20 bytes for each conversation there ever was, and some hundred for each row of a list.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// How many threads parse in a bulk replay. Default: 0, as many as there are processors.
    #[must_use]
    pub fn parse_threads(mut self, count: usize) -> Self {
        self.parse_threads = count;
        self
    }

    /// How large the parts of an input may be. Default: those of [`Limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where commits get their times from.
    #[cfg(test)]
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}
