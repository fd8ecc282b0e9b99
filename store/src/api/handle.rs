//! The database handle: open, submit, close.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Instant;

use crossbeam_channel::{Sender, TrySendError};
use parking_lot::Mutex;

use crate::checkpoint::write::{Checkpoint, Checkpointer};
use crate::format::block::LogPosition;
use crate::format::database::DatabaseId;
use crate::open::directory::{FileId, doing, id_of_lock, id_of_lock_in};
use crate::open::error::OpenError;
use crate::open::opening::{self, Opened, OpenedReadOnly};
use crate::open::recovery::RecoveredState;
use crate::open::report::{Recovery, opened as tell_opened};
use crate::options::Options;
use crate::state::shared::{Contents, Shared};
use crate::state::snapshot::Snapshot;
#[cfg(test)]
use crate::storage::Storage;
use crate::storage::{ReadStorage, release};
use crate::trace::{span, tell};
use crate::write::batch::{Batch, SubmitError, within};
use crate::write::clock::CommitClock;
use crate::write::error::{CloseError, CommitError};
use crate::write::group::Submission;
use crate::write::ticket::{Completer, Reply, Ticket};
use crate::write::writer::{Command, Writer};

/// An open database. Clones refer to the same database; all of them can be used from any thread.
///
/// ```
/// use convofold_engine::{Direction, Draft, Kind, Time};
/// use convofold_store::{Batch, Convofold};
///
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path().join("conversations");
/// let db = Convofold::open(&dir)?;
/// let event = Draft::new("helpdesk", "case-7", Kind::Message, Time::from_ms(1_700_000_000_000))
///     .direction(Direction::In)
///     .text("Is anybody there?")
///     .build()?;
/// let receipt = db.submit(Batch::new(vec![event]))?.wait()?; // durable now
/// assert_eq!(receipt.first_seq, Some(1));
/// assert_eq!(db.state("case-7")?.map(|state| state.unread), Some(1));
/// db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// Call [`Convofold::close`] when done. Dropping the last handle closes the database too, but cannot report an error.
/// Events acknowledged as durable are safe in both cases.
#[derive(Clone)]
pub struct Convofold {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    access: Access,
    closing: Mutex<Closing>,
    recovery: Recovery,
    directory_path: std::path::PathBuf,
    /// The identity of LOCK; `None` if the system has none.
    lock_id: Option<FileId>,
    database_id: DatabaseId,
}

/// What a handle can do.
enum Access {
    Write {
        sender: Sender<Command>,
        writer_id: ThreadId,
    },
    /// The database stays at this log position.
    Read(LogPosition),
}

/// What closing releases, and its outcome. Locked while the database is being closed, so that another caller waits.
struct Closing {
    running: Option<Running>,
    outcome: Result<(), CloseError>,
}

struct Running {
    /// `None` if the database is open read-only.
    writer: Option<JoinHandle<()>>,
    lock: Option<Arc<File>>,
}

/// What a handle needs of a database that was opened, with or without a writer.
struct Ready {
    shared: Arc<Shared>,
    checkpointer: Checkpointer,
    clock: CommitClock,
    position: LogPosition,
    log_bytes: u64,
}

impl Ready {
    fn of(state: RecoveredState, options: Options, storage: Arc<dyn ReadStorage>, recovery: &mut Recovery) -> Self {
        let RecoveredState {
            live,
            archive,
            search,
            bookmarks,
            erasures,
            holds,
            removals,
            start,
            position,
            committed_ms,
            log_bytes,
            checkpointer,
            ..
        } = state;
        let clock = CommitClock::new(options.clock.clone(), committed_ms);
        recovery.clock_ahead = clock.ahead_at_opening();
        let contents = Contents { live, archive, search, erasures, removals, start: Arc::new(start), storage };
        let shared = Arc::new(Shared::new(options, contents, holds, bookmarks, position));
        shared.set_figures(&position, log_bytes, checkpointer.page_bytes, recovery.checkpoint_seq);
        Self { shared, checkpointer, clock, position, log_bytes }
    }
}

impl Convofold {
    /// Opens the database in this directory with the default [`Options`], and creates it if it does not exist.
    ///
    /// # Errors
    /// [`OpenError`] if the database cannot be opened. The failed opening has changed nothing, except for what
    /// `docs/durability.md` lists as not guaranteed. [`Repair`](crate::care::repair::Repair) saves the readable part of
    /// a damaged database.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        Options::new().open(dir)
    }

    /// Opens a database on another storage.
    #[cfg(test)]
    pub(crate) fn open_on(options: Options, path: &Path, storage: Arc<dyn Storage>) -> Result<Self, OpenError> {
        let opened = opening::open_on(path, &options, storage)?;
        Self::start(options, opened)
    }

    /// Starts the writer.
    fn start(options: Options, opened: Opened) -> Result<Self, OpenError> {
        let Opened { directory, storage, state, end_mark, mut recovery } = opened;
        let Ready { shared, checkpointer, clock, position, log_bytes } =
            Ready::of(state, options, storage.clone(), &mut recovery);
        let (path, lock) = (directory.path(), directory.lock.clone());
        let (sender, writer) =
            Writer::spawn(shared.clone(), storage, position, log_bytes, checkpointer, clock, end_mark, lock.clone())
                .map_err(doing("starting the writer of", path))?;
        let access = Access::Write { sender, writer_id: writer.thread().id() };
        let running = Running { writer: Some(writer), lock: Some(lock) };
        Ok(Self::opened(shared, access, running, recovery, path, directory.format.id))
    }

    /// A handle without a writer.
    fn read(options: Options, path: &Path, opened: OpenedReadOnly) -> Self {
        let OpenedReadOnly { lock, format, storage, state, mut recovery } = opened;
        let Ready { shared, position, .. } = Ready::of(state, options, storage, &mut recovery);
        let running = Running { writer: None, lock: lock.map(Arc::new) };
        Self::opened(shared, Access::Read(position), running, recovery, path, format.id)
    }

    fn opened(
        shared: Arc<Shared>,
        access: Access,
        running: Running,
        recovery: Recovery,
        path: &Path,
        database_id: DatabaseId,
    ) -> Self {
        tell_opened(Ok(&recovery));
        let lock_id = running.lock.as_deref().and_then(id_of_lock);
        let closing = Mutex::new(Closing { running: Some(running), outcome: Ok(()) });
        let directory_path = path.to_owned();
        Self { inner: Arc::new(Inner { shared, access, closing, recovery, directory_path, lock_id, database_id }) }
    }

    /// What opening the database found and did.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.inner.recovery
    }

    /// The identity of this database. A copy made with the operating system has the same one; a restored or repaired
    /// database has its own.
    #[must_use]
    pub fn database_id(&self) -> DatabaseId {
        self.inner.database_id
    }

    /// Whether the directory is still that of this database: it may have been moved, and its path be that of another one.
    pub(crate) fn is_at_home(&self) -> bool {
        // Not from `closing`, which is locked while closing waits for a compaction.
        self.inner.lock_id.is_none_or(|held| id_of_lock_in(self.dir()) == Some(held))
    }

    /// The directory of the database.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.directory_path
    }

    /// Submits a batch to the writer; blocks while the queue is full. Batches submitted by one thread are committed in
    /// the order of submission.
    ///
    /// # Errors
    /// [`SubmitError`] if the batch was not accepted.
    pub fn submit(&self, batch: Batch) -> Result<Ticket, SubmitError> {
        self.check(&batch)?;
        let sender = self.inner.sender()?;
        let (ticket, completer) = Ticket::in_round(self.shared().round.lock().clone());
        let submission = Submission { batch, submitted: Instant::now(), completer };
        sender.send(Command::Submit(submission)).map_err(|_| SubmitError::Closed)?;
        Ok(self.inner.in_time(ticket))
    }

    /// Like [`Convofold::submit`], but returns [`SubmitError::Full`] with the batch instead of blocking.
    ///
    /// # Errors
    /// [`SubmitError`] if the batch was not accepted.
    pub fn try_submit(&self, batch: Batch) -> Result<Ticket, SubmitError> {
        self.check(&batch)?;
        let sender = self.inner.sender()?;
        let (ticket, completer) = Ticket::in_round(self.shared().round.lock().clone());
        let submission = Submission { batch, submitted: Instant::now(), completer };
        match sender.try_send(Command::Submit(submission)) {
            Ok(()) => Ok(self.inner.in_time(ticket)),
            Err(TrySendError::Full(Command::Submit(submission))) => {
                self.shared().meter.queue_full.fetch_add(1, Ordering::Relaxed);
                tell!(debug, capacity = self.queue().1, "the queue is full");
                Err(SubmitError::Full(submission.batch))
            }
            Err(_) => Err(SubmitError::Closed),
        }
    }

    /// Refuses what cannot be stored, before it is queued.
    pub(crate) fn check(&self, batch: &Batch) -> Result<(), SubmitError> {
        let bounds = &self.shared().options.bounds;
        batch.check(bounds)?;
        if let Some(bookmark) = &batch.bookmark {
            let bookmarks = self.shared().bookmarks.read();
            let is_new = bookmark.value.is_some() && !bookmarks.contains_key(&bookmark.name);
            within("bookmarks with those of the database", bookmarks.len() + usize::from(is_new), bounds.bookmarks)?;
        }
        self.inner.sender().map(drop)
    }

    /// Returns when every batch submitted before survives a power cut.
    ///
    /// # Errors
    /// [`CommitError`] if a write failed or the database is closed. Batches submitted before may then be lost.
    pub fn sync(&self) -> Result<(), CommitError> {
        self.request(Command::Sync)
    }

    /// Writes a checkpoint now, so that the next opening has nothing to fold. Checkpoints are also written every
    /// [`Options::checkpoint_log_bytes`] and by [`Convofold::close`].
    ///
    /// # Errors
    /// [`CommitError`] if the checkpoint was not written. The previous checkpoint stays valid.
    pub fn checkpoint(&self) -> Result<Checkpoint, CommitError> {
        self.request(Command::Checkpoint)
    }

    /// A durable log position with the state of the database there.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, CommitError> {
        match self.inner.access {
            Access::Write { .. } => self.request(Command::Snapshot),
            Access::Read(_) if self.shared().durable.lock().is_closed => Err(CommitError::Closed),
            Access::Read(position) => Ok(Snapshot::of(self.shared(), position)),
        }
    }

    pub(crate) fn request<T: Clone>(&self, command: impl FnOnce(Completer<T>) -> Command) -> Result<T, CommitError> {
        let Access::Write { sender, .. } = &self.inner.access else { return Err(CommitError::ReadOnly) };
        let (reply, completer) = Reply::new();
        sender.send(command(completer)).map_err(|_| CommitError::Closed)?;
        if self.shared().has_queue_ended() {
            reply.came_too_late();
        }
        reply.wait()
    }

    /// Commits the queued batches, writes a last checkpoint and releases the directory. Batches submitted from now on
    /// are refused. Queries are still answered from memory; those about an evicted conversation, and exports if any
    /// conversation is evicted, fail with [`StorageError::Closed`](crate::StorageError::Closed). Change feeds end.
    /// A second call waits for the first and returns its outcome.
    ///
    /// A waker that closes the database on the thread of the writer cannot wait for it: the call returns at once, and the
    /// directory is released when the last handle is dropped or another thread closes the database.
    ///
    /// # Errors
    /// [`CloseError`] if the last write, or an earlier one, failed. The directory is released in any case.
    pub fn close(&self) -> Result<(), CloseError> {
        self.inner.close()
    }

    /// Length and capacity of the queue, in submissions.
    pub(crate) fn queue(&self) -> (u64, u64) {
        match &self.inner.access {
            Access::Write { sender, .. } => (sender.len() as u64, sender.capacity().unwrap_or_default() as u64),
            Access::Read(_) => (0, 0),
        }
    }

    /// Whether both are handles of one database.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }
}

impl Options {
    /// Opens the database in this directory and recovers its state.
    ///
    /// # Errors
    /// [`OpenError`] if the database cannot be opened. The failed opening has changed nothing, except for what
    /// `docs/durability.md` lists as not guaranteed. [`Repair`](crate::care::repair::Repair) saves the readable part of
    /// a damaged database.
    pub fn open(self, dir: impl AsRef<Path>) -> Result<Convofold, OpenError> {
        open(self, dir.as_ref()).inspect_err(|error| tell_opened(Err(error)))
    }
}

// Not a method: the compiler would propose a private one to hosts that look for `Options::open`.
fn open(options: Options, path: &Path) -> Result<Convofold, OpenError> {
    span!("open", dir = %path.display());
    if options.read_only {
        let opened = opening::open_read_only(path, &options)?;
        return Ok(Convofold::read(options, path, opened));
    }
    let opened = opening::open(path, &options)?;
    Convofold::start(options, opened)
}

impl std::fmt::Debug for Convofold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Convofold").field("dir", &self.inner.directory_path).finish_non_exhaustive()
    }
}

impl Inner {
    /// The queue of the writer, if the database can be written.
    fn sender(&self) -> Result<&Sender<Command>, SubmitError> {
        let Access::Write { sender, .. } = &self.access else { return Err(SubmitError::ReadOnly) };
        match self.shared.poisoned() {
            Some(cause) => Err(SubmitError::Poisoned { cause }),
            None if self.shared.durable.lock().is_closed => Err(SubmitError::Closed),
            None => Ok(sender),
        }
    }

    /// The ticket of a queued submission. If the writer has already ended, the ticket fails instead of waiting forever.
    fn in_time(&self, ticket: Ticket) -> Ticket {
        if self.shared.has_queue_ended() {
            ticket.came_too_late();
        }
        ticket
    }

    fn close(&self) -> Result<(), CloseError> {
        if matches!(self.access, Access::Write { writer_id, .. } if writer_id == thread::current().id()) {
            // A waker closes the database on the writer's thread, which cannot join itself. The writer ends when it finds
            // no handle left, or when another thread closes the database.
            self.shared.close();
            return Ok(());
        }
        let mut closing = self.closing.lock();
        if let Some(running) = closing.running.take() {
            closing.outcome = self.release(running);
        }
        closing.outcome.clone()
    }

    fn release(&self, Running { writer, lock }: Running) -> Result<(), CloseError> {
        let outcome = writer.map_or(Ok(()), |writer| self.finish(writer));
        self.shared.close();
        let storage = self.shared.take_closed();
        let stray_values = storage.as_ref().and_then(|storage| storage.stray_values().ok()).unwrap_or_default();
        // The storage is closed before the lock is released, so that the next process finds it closed.
        let _ = release(storage).map_err(|error| self.shared.poison(error));
        // A compaction ends at its next call, and removes its files while the folder is still locked.
        drop(self.shared.compacting.lock());
        drop(lock);
        match (outcome, self.shared.poisoned()) {
            (Err(CommitError::Poisoned { cause }), _) | (_, Some(cause)) => Err(CloseError::Poisoned { cause }),
            (Err(CommitError::Unstorable { cause }), None) => Err(CloseError::Unstorable { cause }),
            _ if stray_values > 0 => Err(CloseError::StrayValues { count: stray_values }),
            _ => Ok(()),
        }
    }

    /// Ends the writer, after its last checkpoint.
    fn finish(&self, writer: JoinHandle<()>) -> Result<(), CommitError> {
        let Access::Write { sender, .. } = &self.access else { return Ok(()) };
        let (reply, completer) = Reply::new();
        // If the writer has already ended, the reply reports it.
        let _ = sender.send(Command::Close(completer));
        if self.shared.has_queue_ended() {
            reply.came_too_late();
        }
        let outcome = reply.wait();
        // A panic of the writer has poisoned the database, which the caller reports.
        let _ = writer.join();
        outcome
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Errors cannot be reported here; hosts that need them call `close`.
        let _ = self.close();
    }
}
