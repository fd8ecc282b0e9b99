//! The database.

use std::borrow::Cow;
use std::collections::BTreeMap;

use convofold::ingest::Format;
use convofold::{Batch, CloseError, Durability, IngestOptions, Options};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::error::{Failure, closed};
use crate::event::Events;
use crate::history::Arrivals;
use crate::names::{self, Choice};
use crate::number::Whole;
use crate::report::{Checkpoint, Counters, IngestReport, Receipt, Recovery, Stats, Ticket};
use crate::result::Show;
use crate::stream::Data;
use crate::wait::seconds;

/// An open database: a directory with the log of all events, and the state of every conversation.
///
/// It is created if it does not exist, unless `create=False`. With `read_only=True`, nothing in its directory is created or
/// changed: a read-only file system is enough, several processes can read at the same time, and methods that write raise
/// an error. Use it as a context manager, or call `close()`. All methods can
/// be called from any thread, and release the interpreter's lock while they block. A database does not survive a fork: open
/// it in the process that uses it.
///
/// The other options rarely need to change:
///
/// - `memory_bytes`: approximate memory for conversations (default: 256 MiB).
/// - `checkpoint_log_bytes`: log size after which a checkpoint is written (64 MiB).
/// - `cache_bytes`: cache of the storage engine (64 MiB).
/// - `queue_submissions`: capacity of the queue of the writer, in batches (256).
/// - `sync_interval`: time until buffered events survive a power cut, in seconds (0.1).
/// - `parse_threads`: number of threads that parse in a replay (0: one per processor).
/// - `max_line_bytes`, `max_id_bytes`, `max_document_bytes`: limits of the input (1 MiB, 1 KiB, 64 MiB).
#[pyclass(frozen, module = "convofold")]
pub(crate) struct Convofold {
    db: Mutex<Option<convofold::Convofold>>,
    /// The outcome of closing. Locked while the database is being closed, so that another caller waits.
    closed: Mutex<Result<(), CloseError>>,
    dir: std::path::PathBuf,
}

impl Convofold {
    /// The open database.
    pub(crate) fn open(&self) -> Result<convofold::Convofold, Failure> {
        self.db.lock().clone().ok_or_else(closed)
    }

    pub(crate) fn expect_open(&self) -> Result<(), Failure> {
        self.open().map(|_| ())
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// Calls with the open database, without the interpreter's lock.
    pub(crate) fn detached<T: Send, E: Into<Failure> + Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&convofold::Convofold) -> Result<T, E> + Send,
    ) -> Result<T, Failure> {
        detached(py, self.open()?, call)
    }

    /// Like [`Convofold::detached`], for calls that cannot fail.
    pub(crate) fn asked<T: Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&convofold::Convofold) -> T + Send,
    ) -> Result<T, Failure> {
        self.detached(py, |db| Ok::<_, PyErr>(ask(db)))
    }
}

/// Calls without the interpreter's lock.
pub(crate) fn detached<D: Send, T: Send, E: Into<Failure> + Send>(
    py: Python<'_>,
    asked: D,
    call: impl FnOnce(&D) -> Result<T, E> + Send,
) -> Result<T, Failure> {
    py.detach(move || call(&asked)).map_err(Into::into)
}

/// Closes a database that was not closed. This can take a while, so it releases the interpreter's lock.
impl Drop for Convofold {
    fn drop(&mut self) {
        if let Some(db) = self.db.get_mut().take() {
            Python::try_attach(move |py| py.detach(move || drop(db)));
        }
    }
}

/// Name and value of a bookmark. Without a value, it is deleted.
type Bookmark<'py> = (String, Option<Data<'py>>);

fn batch(
    events: Events,
    durability: Option<Choice<Durability>>,
    bookmark: Option<Bookmark<'_>>,
) -> Result<Batch, Failure> {
    let batch = Batch::new(events.0).durability(Choice::or_default(durability));
    Ok(match bookmark {
        None => batch,
        Some((name, None)) => batch.delete_bookmark(name),
        Some((name, Some(value))) => batch.bookmark(name, value.as_bytes()?.into_owned()),
    })
}

#[pymethods]
impl Convofold {
    #[new]
    #[pyo3(signature = (
        path, *, create=None, read_only=None, memory_bytes=None, checkpoint_log_bytes=None, cache_bytes=None, queue_submissions=None,
        sync_interval=None, parse_threads=None, max_line_bytes=None, max_id_bytes=None, max_document_bytes=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn new(
        py: Python<'_>,
        path: std::path::PathBuf,
        create: Option<bool>,
        read_only: Option<bool>,
        memory_bytes: Option<Whole<u64>>,
        checkpoint_log_bytes: Option<Whole<u64>>,
        cache_bytes: Option<Whole<u64>>,
        queue_submissions: Option<Whole<usize>>,
        sync_interval: Option<f64>,
        parse_threads: Option<Whole<usize>>,
        max_line_bytes: Option<Whole<usize>>,
        max_id_bytes: Option<Whole<usize>>,
        max_document_bytes: Option<Whole<usize>>,
    ) -> Result<Self, Failure> {
        fn set<T>(options: Options, value: Option<T>, set: impl FnOnce(Options, T) -> Options) -> Options {
            match value {
                Some(value) => set(options, value),
                None => options,
            }
        }
        let mut limits = convofold::ingest::Limits::default();
        limits.max_line_bytes = Whole::get(max_line_bytes).unwrap_or(limits.max_line_bytes);
        limits.max_id_bytes = Whole::get(max_id_bytes).unwrap_or(limits.max_id_bytes);
        limits.max_document_bytes = Whole::get(max_document_bytes).unwrap_or(limits.max_document_bytes);
        let options = Options::new().limits(limits);
        let options = set(options, create, Options::create);
        let options = set(options, read_only, Options::read_only);
        let options = set(options, Whole::get(memory_bytes), Options::memory_bytes);
        let options = set(options, Whole::get(checkpoint_log_bytes), Options::checkpoint_log_bytes);
        let options = set(options, Whole::get(cache_bytes), Options::cache_bytes);
        let options = set(options, Whole::get(queue_submissions), Options::queue_submissions);
        let options = set(options, sync_interval.map(seconds).transpose()?, Options::sync_interval);
        let options = set(options, Whole::get(parse_threads), Options::parse_threads);
        let db = py.detach(|| options.open(&path))?;
        Ok(Self { dir: db.dir().to_owned(), db: Mutex::new(Some(db)), closed: Mutex::new(Ok(())) })
    }

    /// Commits queued batches, writes a checkpoint and releases the directory. Closing again waits for the first call and has
    /// the same outcome; all other methods raise ClosedError afterwards.
    fn close(&self, py: Python<'_>) -> Result<(), Failure> {
        let close = || {
            let mut closed = self.closed.lock();
            let db = self.db.lock().take();
            if let Some(db) = db {
                *closed = db.close();
            }
            closed.clone()
        };
        Ok(py.detach(close)?)
    }

    /// Whether the database was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.db.lock().is_none()
    }

    /// The directory of the database.
    #[getter]
    fn path(&self) -> &std::path::Path {
        &self.dir
    }

    fn __enter__(slf: PyRef<'_, Self>) -> Result<PyRef<'_, Self>, Failure> {
        slf.open()?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception: "object"))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> Result<(), Failure> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let closed = if self.closed() { ", closed" } else { "" };
        format!("<Convofold {:?}{closed}>", self.dir)
    }

    /// What opening the database found and did.
    #[getter]
    fn recovery(&self) -> Result<Recovery, Failure> {
        Ok(self.open()?.recovery().clone().show())
    }

    /// Parses the body of a webhook, or any other input in memory, and commits its events.
    ///
    /// - `data`: `bytes`, which are not copied, `str`, or any other buffer, which is copied.
    /// - `format`: the source; by default, or with `auto`, it is detected.
    /// - `durability`: with `synced` (the default), the events survive a power cut when the call returns; with `buffered`,
    ///   within a tenth of a second.
    /// - `bookmark`: a name and a value that are committed together with the last events.
    /// - `max_rejections`: the maximum number of rejections to list in the report; all of them are counted.
    /// - `zone`: the time zone of times that are written without one, such as `Europe/Berlin`; UTC by default. Use the same
    ///   one for all inputs of a source: it is part of the identity of events that have no id.
    /// - `ignore`: unknown interaction types to ignore instead of rejecting them.
    ///
    /// Input that is not a valid event is counted and listed in the report and does not affect other events. Ingesting the
    /// same input again is safe: known events count as duplicates.
    #[pyo3(signature = (
        data, format=None, *, durability=None, bookmark=None, max_rejections=1000, zone=None, ignore=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn ingest(
        &self,
        py: Python<'_>,
        data: Data<'_>,
        format: Option<Choice<Format>>,
        durability: Option<Choice<Durability>>,
        bookmark: Option<(String, Data<'_>)>,
        max_rejections: usize,
        zone: Option<&str>,
        ignore: Option<Vec<String>>,
    ) -> Result<IngestReport, Failure> {
        let options =
            IngestOptions::new().format(Choice::or_default(format)).durability(Choice::or_default(durability));
        let options = options.max_rejections(max_rejections);
        let options = options.zone(names::zone(zone)?).ignore(names::ignored(ignore)?);
        let options = match bookmark {
            Some((name, value)) => options.bookmark(name, value.as_bytes()?.into_owned()),
            None => options,
        };
        let bytes = data.as_bytes()?;
        let report = self.detached(py, |db| db.ingest_with(&bytes, &options))?;
        Ok(report.show())
    }

    /// Commits events of a custom source and waits for the commit. After a crash, either all of them are in the database or
    /// none.
    ///
    /// - `events`: Event objects, or dicts with the arguments of Event as keys. In a dict, `"agent": None` states that nobody
    ///   is assigned, like `null` in the JSON form. At most 65,536 events.
    /// - `durability`: as in `ingest`.
    /// - `bookmark`: a name and a value (bytes or str; None deletes the bookmark) that are committed together with the
    ///   events, for example the position in an upstream from which to resume.
    #[pyo3(signature = (events, *, durability=None, bookmark=None))]
    fn submit(
        &self,
        py: Python<'_>,
        events: Events,
        durability: Option<Choice<Durability>>,
        bookmark: Option<Bookmark<'_>>,
    ) -> Result<Receipt, Failure> {
        let batch = batch(events, durability, bookmark)?;
        let ticket = self.detached(py, move |db| db.submit(batch))?;
        Ticket(ticket).wait(py, None)
    }

    /// Like `submit`, but returns a ticket immediately. If the queue of the writer is full, it raises QueueFullError, or
    /// waits for a place in the queue with `block=True`.
    #[pyo3(signature = (events, *, durability=None, bookmark=None, block=false))]
    fn submit_nowait(
        &self,
        py: Python<'_>,
        events: Events,
        durability: Option<Choice<Durability>>,
        bookmark: Option<Bookmark<'_>>,
        block: bool,
    ) -> Result<Ticket, Failure> {
        let batch = batch(events, durability, bookmark)?;
        self.detached(py, move |db| if block { db.submit(batch) } else { db.try_submit(batch) }).map(Ticket)
    }

    /// Waits until everything that was submitted before survives a power cut.
    fn sync(&self, py: Python<'_>) -> Result<(), Failure> {
        self.detached(py, convofold::Convofold::sync)
    }

    /// Writes a checkpoint, so that the next opening has no events to fold. Checkpoints are also written automatically, at
    /// intervals and on closing.
    fn checkpoint(&self, py: Python<'_>) -> Result<Checkpoint, Failure> {
        self.detached(py, convofold::Convofold::checkpoint).map(Show::show)
    }

    /// Returns how the events of a conversation arrived; None if there is no such conversation.
    fn arrivals(&self, py: Python<'_>, id: &str) -> Result<Option<Arrivals>, Failure> {
        self.detached(py, |db| db.arrivals(id)).map(Show::show)
    }

    /// Returns the ids that begin with these characters, in order, at most `limit`.
    #[pyo3(signature = (beginning, limit=Whole(10)))]
    fn find_ids(&self, py: Python<'_>, beginning: &str, limit: Whole<usize>) -> Result<Vec<String>, Failure> {
        self.detached(py, |db| db.find_ids(beginning, limit.0))
    }

    /// Returns figures about the database.
    fn stats(&self, py: Python<'_>) -> Result<Stats, Failure> {
        self.asked(py, convofold::Convofold::stats).map(Show::show)
    }

    /// Returns counters and gauges for monitoring. Never reads from disk.
    fn counters(&self, py: Python<'_>) -> Result<Counters, Failure> {
        self.asked(py, convofold::Convofold::counters).map(Show::show)
    }

    /// Returns the value of a bookmark; None if it is not set.
    fn bookmark(&self, py: Python<'_>, name: &str) -> Result<Option<Cow<'static, [u8]>>, Failure> {
        Ok(self.asked(py, |db| db.bookmark(name))?.map(Into::into))
    }

    /// Returns all bookmarks by name.
    fn bookmarks(&self, py: Python<'_>) -> Result<BTreeMap<String, Cow<'static, [u8]>>, Failure> {
        let bookmarks = self.asked(py, convofold::Convofold::bookmarks)?;
        Ok(bookmarks.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}
