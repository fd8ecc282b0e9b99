//! Appends groups to the log, on the thread of the writer or beside it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Mutex, MutexGuard};

use crate::format::block::LogPosition;
use crate::log::blocks::{BlockWriter, SealedBlocks};
use crate::storage::{Storage, StorageError, panic_message};
use crate::trace::inherited;
use crate::write::group::Group;

/// Appends the groups of a writer.
pub(crate) struct Appender {
    storage: Arc<dyn Storage>,
    blocks: Arc<Mutex<BlockWriter>>,
    /// Started by the first group that is appended beside the writer. It stays, because the memory of a new thread is new
    /// to the allocator and to the processor: a thread for each group cost a tenth of the processor time of a replay.
    thread: Option<LogThread>,
}

/// What appending a group did.
pub(crate) struct Appended {
    pub(crate) position: LogPosition,
    pub(crate) stored_bytes: u64,
    pub(crate) committed_ms: u64,
}

type Outcome = Result<Appended, StorageError>;

/// A group that the log thread appends.
pub(crate) struct Appending<'a>(&'a Receiver<Outcome>);

impl Appender {
    pub(crate) fn new(storage: Arc<dyn Storage>, blocks: BlockWriter) -> Self {
        Self { storage, blocks: Arc::new(Mutex::new(blocks)), thread: None }
    }

    /// Appends to this storage from now on.
    pub(crate) fn set_storage(&mut self, storage: Arc<dyn Storage>) {
        self.storage = storage;
    }

    /// The builder of blocks, with its compressor.
    pub(crate) fn blocks(&self) -> MutexGuard<'_, BlockWriter> {
        self.blocks.lock()
    }

    /// Appends a group at a position.
    pub(crate) fn append(&self, position: LogPosition, group: &Group) -> Outcome {
        append(&mut self.blocks(), self.storage.as_ref(), position, group)
    }

    /// Begins to append a group on the log thread; `None` if the system cannot start it.
    pub(crate) fn begin(&mut self, position: LogPosition, group: &Arc<Group>) -> Option<Appending<'_>> {
        if self.thread.is_none() {
            self.thread = LogThread::start();
        }
        let LogThread { jobs, outcomes, .. } = self.thread.as_ref()?;
        let (storage, blocks, group) = (self.storage.clone(), self.blocks.clone(), group.clone());
        let job = Job { storage, blocks, position, group };
        jobs.as_ref()?.send(job).is_ok().then_some(Appending(outcomes))
    }
}

impl Appending<'_> {
    /// Waits for the end. Afterwards the log thread holds neither the storage nor the group.
    pub(crate) fn wait(self) -> Outcome {
        let ended = || StorageError::Panicked { message: "the log thread ended".to_owned() };
        self.0.recv().map_err(|_| ended())?
    }
}

/// What the log thread needs for one group. It keeps none of it, so that the storage closes with the writer.
struct Job {
    storage: Arc<dyn Storage>,
    blocks: Arc<Mutex<BlockWriter>>,
    position: LogPosition,
    group: Arc<Group>,
}

impl Job {
    fn run(self) -> Outcome {
        let Self { storage, blocks, position, group } = self;
        let run = AssertUnwindSafe(|| append(&mut blocks.lock(), storage.as_ref(), position, &group));
        let panicked = |message| StorageError::Panicked { message };
        catch_unwind(run).unwrap_or_else(|payload| Err(panicked(panic_message(payload.as_ref()))))
    }
}

struct LogThread {
    /// Dropped first, which ends the thread.
    jobs: Option<Sender<Job>>,
    outcomes: Receiver<Outcome>,
    thread: Option<JoinHandle<()>>,
}

impl LogThread {
    fn start() -> Option<Self> {
        let (jobs, to_do) = bounded::<Job>(1);
        let (done, outcomes) = bounded(1);
        // Sending fails if the writer has panicked.
        let run = move || to_do.iter().for_each(|job| drop(done.send(job.run())));
        let thread = thread::Builder::new().name("convofold-log".to_owned()).spawn(inherited(run)).ok()?;
        Some(Self { jobs: Some(jobs), outcomes, thread: Some(thread) })
    }
}

impl Drop for LogThread {
    fn drop(&mut self) {
        self.jobs = None;
        // A panic of the thread was reported as the outcome of its job.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn append(blocks: &mut BlockWriter, storage: &dyn Storage, position: LogPosition, group: &Group) -> Outcome {
    let (SealedBlocks { blocks, stored_bytes }, position) =
        blocks.seal(position, group.events(), &group.bookmarks(), group.committed_ms)?;
    if !blocks.is_empty() {
        storage.append(&blocks)?;
    }
    Ok(Appended { position, stored_bytes, committed_ms: group.committed_ms })
}
