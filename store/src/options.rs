//! Options for opening a database.

use std::time::Duration;

use convofold_engine::ingest::Limits;

use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::storage::sled::{MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES};

/// Options for opening a database. The defaults suit most databases; each one states its reason.
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
    pub(crate) read_only: bool,
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
    pub(crate) bounds: Bounds,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            read_only: false,
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
            bounds: Bounds::default(),
        }
    }
}

impl Options {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to create the database if it does not exist. Default: true. A program that only reads should pass false,
    /// so that a misspelt path is an error and not an empty database. [`Options::read_only`]
    /// never creates one.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether to open the database only for reading. Default: false. Nothing in its directory is created or changed, so
    /// this works on a read-only file system and without write permission. Several processes can read a database at the
    /// same time; while one process writes it, opening fails with
    /// [`OpenError::AlreadyOpen`](crate::OpenError::AlreadyOpen).
    ///
    /// Everything that does not write works as usual, including verification and backup. What writes fails with
    /// [`SubmitError::ReadOnly`](crate::SubmitError::ReadOnly) or
    /// [`CommitError::ReadOnly`](crate::CommitError::ReadOnly). No checkpoint is written: if the last process was killed,
    /// each opening folds the end of the log again.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The segment size of sled's file in bytes: a power of two from 2 MiB to 16 MiB. Other values are rounded up or
    /// clamped. Default: 2 MiB, the smallest size for which sled stores our values in its main file, which it makes
    /// durable; larger segments were not faster. The size is fixed when the database is created; afterwards the option
    /// has no effect.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: usize) -> Self {
        self.segment_bytes = bytes.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES).next_power_of_two();
        self
    }

    /// The maximum size of a log block in bytes, before compression. Default: 1 MiB, about 2,500 events. Half of it
    /// needs a fifth more disk space; twice as much makes the change feed decompress more for a single event. Blocks
    /// reach this size only under load, because each group of submissions ends its block.
    #[must_use]
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes.clamp(1, 16 << 20);
        self
    }

    /// The maximum number of submissions in the queue; when it is full, [`Convofold::submit`](crate::Convofold::submit) blocks. Default: 256,
    /// enough to fill one group while another is being written, and small enough that a host feels back-pressure within
    /// milliseconds.
    #[must_use]
    pub fn queue_submissions(mut self, count: usize) -> Self {
        self.queue_submissions = count.max(1);
        self
    }

    /// The maximum number of events in a group, which the writer makes durable together. Default: 8,192. A barrier
    /// costs as much as about a hundred events, so that its share is negligible, and readers wait a few milliseconds at
    /// most while a group is folded.
    #[must_use]
    pub fn group_max_events(mut self, count: usize) -> Self {
        self.group_max_events = count.max(1);
        self
    }

    /// The maximum size of a group in bytes of events. Default: 2 MiB. It bounds the memory of the writer if events
    /// have long texts, and the amount that sled writes between two barriers.
    #[must_use]
    pub fn group_max_bytes(mut self, bytes: usize) -> Self {
        self.group_max_bytes = bytes.max(1);
        self
    }

    /// The time after its acknowledgement in which a [`Durability::Buffered`](crate::Durability::Buffered) event may
    /// still be lost. Default: 100 ms; ten barriers per second cost next to nothing.
    #[must_use]
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.sync_interval = interval;
        self
    }

    /// The amount of log, in stored bytes, after which a checkpoint is written. Default: 64 MiB, about a million events
    /// and one or two seconds of recovery. If the last checkpoint is larger than twice this value, half of its size is
    /// used instead, so that the cost of checkpoints stays proportional to the log.
    #[must_use]
    pub fn checkpoint_log_bytes(mut self, bytes: u64) -> Self {
        self.checkpoint_log_bytes = bytes.max(1);
        self
    }

    /// The size of sled's cache in bytes. Default: 64 MiB. Queries are answered from our own memory and the log is read
    /// sequentially, so that the cache only has to hold what sled is writing.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The approximate memory for conversations in bytes. Default: 256 MiB, which is enough for some 90,000 open
    /// conversations of five events, 55,000 of twenty or 9,000 of two hundred; a closed one takes about half as much. Closed
    /// conversations take at most a quarter of it. When either is exceeded, a checkpoint is written and conversations are
    /// evicted until half of it is free: closed conversations first, and of these the least recently used. Evicted
    /// conversations still count in all totals, and open ones and those that are unanswered after their close are still
    /// listed. An event reloads its conversation by reading one page; a query about one conversation reads the page and
    /// leaves the conversation evicted.
    ///
    /// Memory use can exceed this value temporarily: if a single conversation takes more than half of it, up to twice
    /// the size of that conversation; while a verification holds checkpoints back; and while a database without a
    /// usable checkpoint is opened, because the whole log is folded.
    ///
    /// In addition, about 20 bytes are used for each conversation that ever existed, and about 400 plus the length of its
    /// id and of the texts of its member for each open conversation in the lists.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// The number of threads that parse in a bulk replay. Default: 0, one for each processor.
    #[must_use]
    pub fn parse_threads(mut self, count: usize) -> Self {
        self.parse_threads = count;
        self
    }

    /// The limits on the size of inputs. Default: those of [`Limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The clock that gives the times of commits.
    #[cfg(test)]
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}
