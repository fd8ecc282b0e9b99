//! State that the writer, the handle and the feeds share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use convofold_engine::Seq;
use parking_lot::{Condvar, Mutex, RwLock};

use crate::conversations::archive::Archive;
use crate::conversations::live::Live;
use crate::format::block::LogPosition;
use crate::format::log_start::LogStart;
use crate::log::columns::ColumnsPool;
use crate::options::Options;
use crate::search::SearchIndex;
use crate::state::counters::Meter;
use crate::state::erasures::Erasures;
use crate::state::holds::Holds;
use crate::state::reports::KeptReports;
use crate::state::retention::Removals;
use crate::state::wakers::Wakers;
use crate::storage::{ReadStorage, StorageError};
#[cfg(feature = "tracing")]
use crate::trace::Chain;
use crate::trace::tell;
use crate::write::ticket::Round;

/// The number of columns that are kept for the next ingest.
const POOLED_COLUMNS: usize = 64;

pub(crate) struct Shared {
    pub(crate) options: Options,
    /// The conversations in memory, and the index of all conversations.
    pub(crate) live: Live,
    /// The locations of evicted conversations.
    pub(crate) archive: Archive,
    /// Which closed conversations may match a query.
    pub(crate) search: SearchIndex,
    /// Changed after board and index, so that no reader sees a bookmark without its events.
    pub(crate) bookmarks: RwLock<BTreeMap<String, Vec<u8>>>,
    /// `None` once the database is closed. Readers hold the lock while they read, so that closing waits for them.
    pub(crate) storage: RwLock<Option<Arc<dyn ReadStorage>>>,
    /// How often a storage with other contents has replaced the one before. Changed while `storage` is locked.
    generation: AtomicU64,
    /// The storage of a database that is closed, until it is released.
    closed: Mutex<Option<Arc<dyn ReadStorage>>>,
    /// The last event on the board, in the index and in the log. Changed while `Live::applying` is held.
    pub(crate) applied_seq: AtomicU64,
    /// While this is above 0, only requested checkpoints are written; see [`CheckpointHold`].
    checkpoint_holds: AtomicU64,
    /// What was erased, and does not come back.
    pub(crate) erasures: RwLock<Erasures>,
    /// Whose conversations are neither erased nor removed.
    pub(crate) holds: Holds,
    /// What retention removed, and does not come back.
    pub(crate) removals: RwLock<Removals>,
    /// The beginning of the log. Nobody holds the lock while reading the storage: a trim, or a replacement, would wait for it.
    pub(crate) log_start: RwLock<Arc<LogStart>>,
    /// Held while the log is read from its beginning, so that it is not trimmed.
    pub(crate) log_in_use: RwLock<()>,
    /// Held while the storage is written again, by a compaction and by an erasure, and by a change of the legal holds.
    pub(crate) compacting: Mutex<()>,
    /// How far the feeds may read.
    pub(crate) durable: Mutex<Durable>,
    pub(crate) durable_moved: Condvar,
    pub(crate) feed_wakers: Wakers,
    /// For the batches of the next group.
    pub(crate) round: Mutex<Round>,
    /// Set when the writer has taken its last command; see [`Shared::end_queue`].
    queue_ended: AtomicBool,
    pub(crate) log_figures: LogFigures,
    /// For [`crate::Counters`].
    pub(crate) meter: Meter,
    /// For [`Convofold::ingest`](crate::Convofold::ingest).
    pub(crate) columns: ColumnsPool,
    pub(crate) reports: KeptReports,
    poison: OnceLock<Arc<StorageError>>,
}

/// What answers are made from: everything that changes with the contents of the storage.
pub(crate) struct Contents {
    pub(crate) live: Live,
    pub(crate) archive: Archive,
    pub(crate) search: SearchIndex,
    pub(crate) erasures: Erasures,
    pub(crate) removals: Removals,
    pub(crate) start: Arc<LogStart>,
    pub(crate) storage: Arc<dyn ReadStorage>,
}

/// How far the log is durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable {
    pub(crate) seq: Seq,
    /// No more events follow: the database is closed or being closed.
    pub(crate) is_closed: bool,
    /// Number of feeds that wait for events. Closing waits until they have read what is durable.
    pub(crate) waiting_feeds: u64,
}

/// For [`crate::Stats`].
#[derive(Debug, Default)]
pub(crate) struct LogFigures {
    pub(crate) last_seq: AtomicU64,
    pub(crate) blocks: AtomicU64,
    pub(crate) log_bytes: AtomicU64,
    pub(crate) checkpoint_seq: AtomicU64,
    pub(crate) checkpoint_bytes: AtomicU64,
    /// Incremented before a checkpoint writes its first page, which may overwrite a page of the checkpoint before the
    /// last.
    pub(crate) checkpoints_begun: AtomicU64,
}

/// Keeps the existing checkpoints from being overwritten, except by a checkpoint that is requested.
pub(crate) struct CheckpointHold<'a>(&'a Shared);

impl Drop for CheckpointHold<'_> {
    fn drop(&mut self) {
        self.0.checkpoint_holds.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        contents: Contents,
        holds: Holds,
        bookmarks: BTreeMap<String, Vec<u8>>,
        position: LogPosition,
    ) -> Self {
        let Contents { live, archive, search, erasures, removals, start, storage } = contents;
        *live.listed() = position.last_seq();
        Self {
            options,
            live,
            archive,
            search,
            bookmarks: RwLock::new(bookmarks),
            storage: RwLock::new(Some(storage)),
            generation: AtomicU64::new(0),
            closed: Mutex::default(),
            applied_seq: AtomicU64::new(position.last_seq()),
            checkpoint_holds: AtomicU64::new(0),
            erasures: RwLock::new(erasures),
            holds,
            removals: RwLock::new(removals),
            log_start: RwLock::new(start),
            log_in_use: RwLock::new(()),
            compacting: Mutex::default(),
            durable: Mutex::new(Durable { seq: position.last_seq(), is_closed: false, waiting_feeds: 0 }),
            durable_moved: Condvar::new(),
            feed_wakers: Wakers::default(),
            round: Mutex::default(),
            queue_ended: AtomicBool::new(false),
            log_figures: LogFigures::default(),
            meter: Meter::default(),
            columns: ColumnsPool::new(POOLED_COLUMNS),
            reports: KeptReports::default(),
            poison: OnceLock::new(),
        }
    }

    /// Sets the figures of a database that was just opened.
    pub(crate) fn set_figures(
        &self,
        position: &LogPosition,
        log_bytes: u64,
        checkpoint_bytes: u64,
        checkpoint_seq: Option<Seq>,
    ) {
        self.log_figures.set_log(position, log_bytes);
        self.log_figures.checkpoint_bytes.store(checkpoint_bytes, Ordering::Relaxed);
        self.log_figures.checkpoint_seq.store(checkpoint_seq.unwrap_or_default(), Ordering::Relaxed);
    }

    /// Lets the feeds read up to this seq.
    pub(crate) fn set_durable(&self, seq: Seq) {
        self.durable.lock().seq = seq;
        self.wake_feeds();
    }

    /// Tells the feeds that no more events follow.
    pub(crate) fn end_feeds(&self) {
        self.durable.lock().is_closed = true;
        self.wake_feeds();
    }

    /// Wakes the threads and tasks that wait for a feed.
    pub(crate) fn wake_feeds(&self) {
        // With the lock, so that no feed starts to wait between its check and this notification.
        drop(self.durable.lock());
        self.durable_moved.notify_all();
        self.feed_wakers.wake_all();
    }

    /// Ends the feeds, and reading from the storage. Feeds that wait read the rest of the durable events first.
    pub(crate) fn close(&self) {
        self.end_feeds();
        let mut durable = self.durable.lock();
        while durable.waiting_feeds > 0 {
            self.durable_moved.wait(&mut durable);
        }
        drop(durable);
        // Not released here: sled may read and write long while it is dropped, and readers would wait.
        let storage = self.storage.write().take();
        if storage.is_some() {
            *self.closed.lock() = storage;
        }
    }

    /// How often a storage with other contents has replaced the one before. Waits until the memory agrees with it.
    pub(crate) fn generation(&self) -> u64 {
        let _storage = self.storage.read();
        self.generation_now()
    }

    /// Like [`Shared::generation`], for threads that borrow the storage, or do not need it yet.
    pub(crate) fn generation_now(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Replaces everything that answers are made from, at once: with the same events up to the same seq, as an erasure leaves
    /// them. Questions that have read the old storage fail with [`StorageError::Replaced`]. Returns what was there before, whose
    /// release can take long.
    ///
    /// Called by the writer. It waits until nobody holds one of the locks; nobody holds one while waiting for something else.
    pub(crate) fn replace(&self, new: Contents) -> Contents {
        let Contents { live, archive, search, mut erasures, mut removals, mut start, storage } = new;
        let mut before = None;
        self.search.swap(&search, || {
            self.live.swap(&live, || {
                let mut log_start = self.log_start.write();
                let mut used = self.storage.write();
                self.archive.swap(&archive);
                std::mem::swap(&mut *self.erasures.write(), &mut erasures);
                std::mem::swap(&mut *self.removals.write(), &mut removals);
                std::mem::swap(&mut *log_start, &mut start);
                self.reports.clear();
                self.generation.fetch_add(1, Ordering::SeqCst);
                before = used.replace(storage.clone());
            });
        });
        Contents { live, archive, search, erasures, removals, start, storage: before.unwrap_or(storage) }
    }

    /// The storage of a database that was closed, for its release.
    pub(crate) fn take_closed(&self) -> Option<Arc<dyn ReadStorage>> {
        self.closed.lock().take()
    }

    /// Called by the writer when it has taken its last command, before it drops the remaining queue. The queue keeps
    /// later submissions as long as handles exist, so senders check this flag after sending.
    pub(crate) fn end_queue(&self) {
        self.queue_ended.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_queue_ended(&self) -> bool {
        self.queue_ended.load(Ordering::SeqCst)
    }

    /// Holds off checkpoints until the returned value is dropped.
    pub(crate) fn hold_checkpoints(&self) -> CheckpointHold<'_> {
        self.checkpoint_holds.fetch_add(1, Ordering::SeqCst);
        CheckpointHold(self)
    }

    pub(crate) fn are_checkpoints_held(&self) -> bool {
        self.checkpoint_holds.load(Ordering::SeqCst) > 0
    }

    /// Refuses writes from now on. A failed write or barrier is not retried, because the operating system may have
    /// dropped the data and report success.
    pub(crate) fn poison(&self, error: StorageError) -> Arc<StorageError> {
        let poison = || {
            tell!(error, error = %Chain(&error), "a write failed; no more writes are accepted until the database is reopened");
            Arc::new(error)
        };
        let cause = self.poison.get_or_init(poison).clone();
        self.wake_feeds();
        cause
    }

    pub(crate) fn poisoned(&self) -> Option<Arc<StorageError>> {
        self.poison.get().cloned()
    }
}

impl LogFigures {
    pub(crate) fn set_log(&self, position: &LogPosition, log_bytes: u64) {
        self.last_seq.store(position.last_seq(), Ordering::Relaxed);
        self.blocks.store(position.block_no - 1, Ordering::Relaxed);
        self.log_bytes.store(log_bytes, Ordering::Relaxed);
    }
}
