//! The handle: opening, submitting, closing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Sender, TrySendError};
use parking_lot::Mutex;

use crate::checkpoint::write::Checkpoint;
use crate::format::database::DatabaseId;
use crate::open::directory::{Directory, doing};
use crate::open::error::OpenError;
use crate::open::opening::{self, Opened};
use crate::open::recovery::RecoveredState;
use crate::open::report::{Recovery, opened as tell_opened};
use crate::options::Options;
use crate::state::shared::Shared;
use crate::state::snapshot::Snapshot;
use crate::storage::{Storage, release};
use crate::trace::{span, tell};
use crate::write::batch::{Batch, SubmitError};
use crate::write::clock::CommitClock;
use crate::write::error::{CloseError, CommitError};
use crate::write::group::Submission;
use crate::write::ticket::{Completer, Reply, Ticket};
use crate::write::writer::{Command, Writer};

/// An open store. Clones are handles to the same one; all of them can be used from any thread.
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
/// let receipt = db.submit(Batch::new(vec![event]))?.wait()?; // on the disk now
/// assert_eq!(receipt.first_seq, Some(1));
/// assert_eq!(db.state("case-7")?.map(|state| state.unread), Some(1));
/// db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// Call [`Convofold::close`] when done. Dropping the last handle does the same as far as it can, and cannot say so where
/// it fails; what was acknowledged as durable is safe either way.
#[derive(Clone)]
pub struct Convofold {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    sender: Sender<Command>,
    running: Mutex<Option<Running>>,
    recovery: Recovery,
    directory_path: std::path::PathBuf,
    database_id: DatabaseId,
}

/// What ends when the store is closed.
struct Running {
    writer: JoinHandle<()>,
    storage: Arc<dyn Storage>,
    directory: Directory,
}

impl Convofold {
    /// Opens the store in this directory with the default [`Options`], and makes it where there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        Options::new().open(dir)
    }

    pub(crate) fn open_with(options: Options, path: &Path) -> Result<Self, OpenError> {
        span!("open", dir = %path.display());
        let opened = opening::open(path, &options)?;
        Self::start(options, opened)
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
        let RecoveredState { live, archive, bookmarks, start, position, committed_ms, log_bytes, checkpointer } = state;
        let clock = CommitClock::new(options.clock.clone(), committed_ms);
        recovery.clock_ahead = clock.ahead_at_opening();
        let directory_path = directory.path().to_owned();
        let database_id = directory.format.id;
        let shared = Arc::new(Shared::new(options, live, archive, bookmarks, storage.clone(), start, position));
        shared.log_figures.set_log(&position, log_bytes);
        shared.log_figures.checkpoint_bytes.store(shared.archive.bytes(), Ordering::Relaxed);
        shared.log_figures.checkpoint_seq.store(recovery.checkpoint_seq.unwrap_or_default(), Ordering::Relaxed);
        let lock = directory.lock.clone();
        let (sender, writer) =
            Writer::spawn(shared.clone(), storage.clone(), position, log_bytes, checkpointer, clock, end_mark, lock)
                .map_err(doing("starting the writer of", &directory_path))?;
        tell_opened(Ok(&recovery));
        let running = Mutex::new(Some(Running { writer, storage, directory }));
        Ok(Self { inner: Arc::new(Inner { shared, sender, running, recovery, directory_path, database_id }) })
    }

    /// What opening the store found and did.
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

    /// The directory of the store.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.directory_path
    }

    /// Hands a batch to the writer; blocks while its queue is full. Batches of one thread are committed in the order in
    /// which it submits them.
    ///
    /// # Errors
    /// [`SubmitError`] says why it was not taken.
    pub fn submit(&self, batch: Batch) -> Result<Ticket, SubmitError> {
        batch.check()?;
        self.inner.expect_open()?;
        let (ticket, completer) = Ticket::new();
        let submission = Submission { batch, submitted: Instant::now(), completer };
        self.inner.sender.send(Command::Submit(submission)).map_err(|_| SubmitError::Closed)?;
        Ok(self.inner.in_time(ticket))
    }

    /// Like [`Convofold::submit`], but says [`SubmitError::Full`] instead of blocking, and gives the batch back.
    ///
    /// # Errors
    /// [`SubmitError`] says why it was not taken.
    pub fn try_submit(&self, batch: Batch) -> Result<Ticket, SubmitError> {
        batch.check()?;
        self.inner.expect_open()?;
        let (ticket, completer) = Ticket::new();
        let submission = Submission { batch, submitted: Instant::now(), completer };
        match self.inner.sender.try_send(Command::Submit(submission)) {
            Ok(()) => Ok(self.inner.in_time(ticket)),
            Err(TrySendError::Full(Command::Submit(submission))) => {
                self.shared().meter.queue_full.fetch_add(1, Ordering::Relaxed);
                tell!(debug, capacity = self.queue().1, "the queue is full");
                Err(SubmitError::Full(submission.batch))
            }
            Err(_) => Err(SubmitError::Closed),
        }
    }

    /// Returns when everything submitted before survives a power snapshot.
    ///
    /// # Errors
    /// [`CommitError`] says why it may not.
    pub fn sync(&self) -> Result<(), CommitError> {
        self.request(Command::Sync)
    }

    /// Writes a checkpoint now, so that the next opening has nothing to fold. It happens by itself every
    /// [`Options::checkpoint_log_bytes`] and on [`Convofold::close`].
    ///
    /// # Errors
    /// [`CommitError`] says why it was not written.
    pub fn checkpoint(&self) -> Result<Checkpoint, CommitError> {
        self.request(Command::Checkpoint)
    }

    /// A place in the log that is durable, and what the store is there.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, CommitError> {
        self.request(Command::Snapshot)
    }

    pub(crate) fn request<T: Clone>(&self, command: impl FnOnce(Completer<T>) -> Command) -> Result<T, CommitError> {
        let (reply, completer) = Reply::new();
        self.inner.sender.send(command(completer)).map_err(|_| CommitError::Closed)?;
        if self.shared().has_queue_ended() {
            reply.came_too_late();
        }
        reply.wait()
    }

    /// Commits what is in the queue, writes a last checkpoint and lets go of the directory. Batches submitted meanwhile
    /// or later are not taken. Questions are answered as before, from memory; those about a conversation that has left it, and
    /// the export where any has, fail with [`StorageError::Closed`](crate::StorageError::Closed). Feeds end. Closing again
    /// does nothing.
    ///
    /// # Errors
    /// [`CloseError`] where the last write, or an earlier one, failed. The directory is let go of all the same.
    pub fn close(&self) -> Result<(), CloseError> {
        self.inner.close()
    }

    /// How many submissions wait, and how many may.
    pub(crate) fn queue(&self) -> (u64, u64) {
        let sender = &self.inner.sender;
        (sender.len() as u64, sender.capacity().unwrap_or_default() as u64)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }
}

impl Options {
    /// Opens the store in this directory and recovers what is in it.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way. Nothing was changed then, but for what `docs/durability.md` lists as not
    /// promised. What can be read of a damaged store is saved by [`Repair`](crate::care::repair::Repair).
    pub fn open(self, dir: impl AsRef<Path>) -> Result<Convofold, OpenError> {
        Convofold::open_with(self, dir.as_ref()).inspect_err(|error| tell_opened(Err(error)))
    }
}

impl std::fmt::Debug for Convofold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Convofold").field("dir", &self.inner.directory_path).finish_non_exhaustive()
    }
}

impl Inner {
    fn expect_open(&self) -> Result<(), SubmitError> {
        match self.shared.poisoned() {
            Some(cause) => Err(SubmitError::Poisoned { cause }),
            None if self.shared.durable.lock().is_closed => Err(SubmitError::Closed),
            None => Ok(()),
        }
    }

    /// A ticket for what is in the queue, whether or not anybody takes it from there.
    fn in_time(&self, ticket: Ticket) -> Ticket {
        if self.shared.has_queue_ended() {
            ticket.came_too_late();
        }
        ticket
    }

    fn close(&self) -> Result<(), CloseError> {
        let Some(Running { writer, storage, directory }) = self.running.lock().take() else { return Ok(()) };
        if writer.thread().id() == thread::current().id() {
            // A waker let go of the last handle. The writer finishes by itself, as soon as it finds nobody left.
            self.shared.close();
            return Ok(());
        }
        let (reply, completer) = Reply::new();
        // Where the writer is gone already, the reply says so by itself.
        let _ = self.sender.send(Command::Close(completer));
        if self.shared.has_queue_ended() {
            reply.came_too_late();
        }
        let outcome = reply.wait();
        // A panic in it has poisoned the store, which is told below.
        let _ = writer.join();
        let stray_values = storage.stray_values().unwrap_or_default();
        self.shared.close();
        // The storage before the lock, so that the next process finds it closed.
        let _ = release(storage).map_err(|error| self.shared.poison(error));
        drop(directory);
        match (outcome, self.shared.poisoned()) {
            (Err(CommitError::Poisoned { cause }), _) | (_, Some(cause)) => Err(CloseError::Poisoned { cause }),
            _ if stray_values > 0 => Err(CloseError::StrayValues { count: stray_values }),
            _ => Ok(()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // As far as it goes; `close` is for those who want to know.
        let _ = self.close();
    }
}
