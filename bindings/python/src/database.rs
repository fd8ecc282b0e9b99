//! The store.

use std::time::{Duration, Instant};

use convofold::{Batch, Cursor, IngestOptions, Options, Query};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::changes::Changes;
use crate::error::{Failure, closed, named, value_error};
use crate::event::{events, ms};
use crate::history::{Arrivals, HistoryEntry};
use crate::query::{AgentLoad, OpenConversations, Page, Totals, page};
use crate::report::{
    Checkpoint, Counters, EventExportReport, ExportReport, IngestReport, Receipt, Recovery, Stats, Ticket, seconds,
};
use crate::result::Show;
use crate::scan::{Conversations, States};
use crate::state::State;
use crate::stream::{Data, write_to};
use crate::time::time_opt;

/// How long the interpreter waits before it looks for signals such as Ctrl-C.
const SLICE: Duration = Duration::from_millis(100);

/// An open store: a directory with the log of all events, and the state of every conversation in memory.
///
/// It is made where there is none, unless `create=False`. Use it as a context manager, or call `close()`. All methods can be
/// called from any thread; what blocks lets other threads of the interpreter run. It does not survive a fork: open it in the
/// process that uses it.
///
/// The options are meant to be left alone. `memory_bytes` is what conversations take in memory, about (256 MiB);
/// `parse_threads` how many threads parse in a replay (0: as many as there are processors).
#[pyclass(frozen, module = "convofold")]
pub(crate) struct Convofold {
    db: Mutex<Option<convofold::Convofold>>,
    dir: std::path::PathBuf,
}

impl Convofold {
    /// The open store.
    pub(crate) fn open(&self) -> Result<convofold::Convofold, Failure> {
        self.db.lock().clone().ok_or_else(closed)
    }

    /// Calls with the open store while the interpreter's lock is free.
    pub(crate) fn detached<T: Send, E: Into<Failure> + Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&convofold::Convofold) -> Result<T, E> + Send,
    ) -> Result<T, Failure> {
        let db = self.open()?;
        py.detach(move || call(&db)).map_err(Into::into)
    }

    /// As [`Convofold::detached`], of what cannot fail.
    pub(crate) fn asked<T: Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&convofold::Convofold) -> T + Send,
    ) -> Result<T, Failure> {
        self.detached(py, |db| Ok::<_, PyErr>(ask(db)))
    }
}

/// A store that nobody closed is closed when it goes, which takes its time: not with the interpreter's lock.
impl Drop for Convofold {
    fn drop(&mut self) {
        if let Some(db) = self.db.get_mut().take() {
            Python::try_attach(move |py| py.detach(move || drop(db)));
        }
    }
}

/// Waits in slices, between which signals are looked for; `None` where nothing came in time.
pub(crate) fn in_slices<T: Send>(
    py: Python<'_>,
    timeout: Option<f64>,
    wait: impl Fn(Duration) -> Option<T> + Sync,
) -> Result<Option<T>, Failure> {
    let timeout = timeout.map(seconds).transpose()?;
    let started = Instant::now();
    loop {
        let left = timeout.map_or(SLICE, |timeout| timeout.saturating_sub(started.elapsed()).min(SLICE));
        if let Some(came) = py.detach(|| wait(left)) {
            return Ok(Some(came));
        }
        py.check_signals()?;
        if timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
            return Ok(None);
        }
    }
}

/// The name and the value of a bookmark; no value deletes it.
type Bookmark<'py> = (String, Option<Bound<'py, PyAny>>);

fn batch(given: &Bound<'_, PyAny>, durable: &str, bookmark: Option<Bookmark<'_>>) -> Result<Batch, Failure> {
    let batch = Batch::new(events(given)?).durability(named(durable)?);
    Ok(match bookmark {
        None => batch,
        Some((name, None)) => batch.delete_bookmark(name),
        Some((name, Some(value))) => batch.bookmark(name, Data::of(&value)?.as_bytes()?.into_owned()),
    })
}

#[pymethods]
impl Convofold {
    #[new]
    #[pyo3(signature = (
        path, *, create=None, memory_bytes=None, checkpoint_log_bytes=None, cache_bytes=None, queue_submissions=None,
        sync_interval=None, parse_threads=None, max_line_bytes=None, max_id_bytes=None, max_document_bytes=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn new(
        py: Python<'_>,
        path: std::path::PathBuf,
        create: Option<bool>,
        memory_bytes: Option<u64>,
        checkpoint_log_bytes: Option<u64>,
        cache_bytes: Option<u64>,
        queue_submissions: Option<usize>,
        sync_interval: Option<f64>,
        parse_threads: Option<usize>,
        max_line_bytes: Option<usize>,
        max_id_bytes: Option<usize>,
        max_document_bytes: Option<usize>,
    ) -> Result<Self, Failure> {
        fn set<T>(options: Options, value: Option<T>, set: impl FnOnce(Options, T) -> Options) -> Options {
            match value {
                Some(value) => set(options, value),
                None => options,
            }
        }
        let mut limits = convofold::ingest::Limits::default();
        limits.max_line_bytes = max_line_bytes.unwrap_or(limits.max_line_bytes);
        limits.max_id_bytes = max_id_bytes.unwrap_or(limits.max_id_bytes);
        limits.max_document_bytes = max_document_bytes.unwrap_or(limits.max_document_bytes);
        let options = Options::new().limits(limits);
        let options = set(options, create, Options::create);
        let options = set(options, memory_bytes, Options::memory_bytes);
        let options = set(options, checkpoint_log_bytes, Options::checkpoint_log_bytes);
        let options = set(options, cache_bytes, Options::cache_bytes);
        let options = set(options, queue_submissions, Options::queue_submissions);
        let options = set(options, sync_interval.map(seconds).transpose()?, Options::sync_interval);
        let options = set(options, parse_threads, Options::parse_threads);
        let db = py.detach(|| options.open(&path))?;
        Ok(Self { dir: db.dir().to_owned(), db: Mutex::new(Some(db)) })
    }

    /// Commits what is queued up, writes a checkpoint and lets go of the directory. Closing again does nothing; everything
    /// else raises ClosedError afterwards.
    fn close(&self, py: Python<'_>) -> Result<(), Failure> {
        let Some(db) = self.db.lock().take() else { return Ok(()) };
        Ok(py.detach(move || db.close())?)
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.db.lock().is_none()
    }

    /// The directory of the store.
    #[getter]
    fn path(&self) -> &std::path::Path {
        &self.dir
    }

    fn __enter__(slf: PyRef<'_, Self>) -> Result<PyRef<'_, Self>, Failure> {
        slf.open()?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> Result<(), Failure> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let closed = if self.closed() { ", closed" } else { "" };
        format!("<Convofold {:?}{closed}>", self.dir)
    }

    /// What opening the store found and did.
    #[getter]
    fn recovery(&self) -> Result<Recovery, Failure> {
        Ok(self.open()?.recovery().clone().show())
    }

    /// Parses the body of a webhook, or any input in memory, and commits its events. When it returns they survive a power
    /// cut (`durability="synced"`), or do so within a tenth of a second (`"buffered"`).
    ///
    /// `data` is `bytes`, which is not copied, `str`, or any other buffer, which is. `format` is `auto` or
    /// the name of a source: `airship`, `superoffice`, `convofold`. What cannot be an event does not stop its neighbours: it is in the report. `bookmark` is
    /// a name and a value that are committed with the last of the events. Ingesting the same again is safe: what is there
    /// already counts as duplicate.
    #[pyo3(signature = (data, format="auto", *, durability="synced", bookmark=None))]
    fn ingest(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        format: &str,
        durability: &str,
        bookmark: Option<(String, Bound<'_, PyAny>)>,
    ) -> Result<IngestReport, Failure> {
        let options = IngestOptions::new().format(named(format)?).durability(named(durability)?);
        let options = match bookmark {
            Some((name, value)) => options.bookmark(name, Data::of(&value)?.as_bytes()?.into_owned()),
            None => options,
        };
        let data = Data::of(data)?;
        let bytes = data.as_bytes()?;
        let report = self.detached(py, |db| db.ingest_with(&bytes, &options))?;
        Ok(report.show())
    }

    /// Commits events of a host's own source, Event objects or dicts in convofold's own form: after a crash either all of
    /// them are there or none. Waits until they are committed. In a dict `"agent": None` says that nobody is assigned, as
    /// `null` does in that form.
    ///
    /// `bookmark` is a name and a value (bytes or a text; None deletes it) that are committed with them, so that an upstream
    /// can be read from where the events end. At most 65,536 events at once.
    #[pyo3(signature = (events, *, durability="synced", bookmark=None))]
    fn submit(
        &self,
        py: Python<'_>,
        events: &Bound<'_, PyAny>,
        durability: &str,
        bookmark: Option<Bookmark<'_>>,
    ) -> Result<Receipt, Failure> {
        let batch = batch(events, durability, bookmark)?;
        let ticket = self.detached(py, move |db| db.submit(batch))?;
        Ticket(ticket).wait(py, None)
    }

    /// Like `submit`, but returns at once with a ticket to wait for; raises QueueFullError where the queue of the writer
    /// is full, unless `block=True`: then it waits for its turn in the queue.
    #[pyo3(signature = (events, *, durability="synced", bookmark=None, block=false))]
    fn submit_nowait(
        &self,
        py: Python<'_>,
        events: &Bound<'_, PyAny>,
        durability: &str,
        bookmark: Option<Bookmark<'_>>,
        block: bool,
    ) -> Result<Ticket, Failure> {
        let batch = batch(events, durability, bookmark)?;
        self.detached(py, move |db| if block { db.submit(batch) } else { db.try_submit(batch) }).map(Ticket)
    }

    /// Returns when everything submitted before survives a power cut.
    fn sync(&self, py: Python<'_>) -> Result<(), Failure> {
        self.detached(py, convofold::Convofold::sync)
    }

    /// Writes a checkpoint now, so that the next opening has nothing to fold. It happens by itself from time to time, and
    /// on closing.
    fn checkpoint(&self, py: Python<'_>) -> Result<Checkpoint, Failure> {
        self.detached(py, convofold::Convofold::checkpoint).map(Show::show)
    }

    /// The state of one conversation; None where there is none.
    fn state(&self, py: Python<'_>, id: &str) -> Result<Option<State>, Failure> {
        self.detached(py, |db| db.state(id)).map(Show::show)
    }

    /// Every event of one conversation, in the order in which they happened; None where there is no such conversation.
    fn history(&self, py: Python<'_>, id: &str) -> Result<Option<Vec<HistoryEntry>>, Failure> {
        self.detached(py, |db| db.history(id)).map(Show::show)
    }

    /// How the events of one conversation arrived; None where there is no such conversation.
    fn arrivals(&self, py: Python<'_>, id: &str) -> Result<Option<Arrivals>, Failure> {
        self.detached(py, |db| db.arrivals(id)).map(Show::show)
    }

    /// A page of open conversations. Every condition that is given must hold.
    ///
    /// `agent` is an id or a name, `member` a name, business id or channel id. `idle_since` wants those last active then or
    /// before, `waiting_since` those that wait since then or before; both are milliseconds since the epoch, datetimes or RFC
    /// 3339 texts. `sort` is `activity` (the one active last comes first), `waiting` (the one that waits longest) or
    /// `started` (the one that began first). `cursor` is `next` of the page before.
    #[pyo3(signature = (
        *, agent=None, unassigned=false, member=None, number=None, tenant=None, shortcode=None, channel=None,
        unread_min=None, idle_since=None, waiting_since=None, suspect=false, sort="activity", limit=None, cursor=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn query(
        &self,
        py: Python<'_>,
        agent: Option<&str>,
        unassigned: bool,
        member: Option<&str>,
        number: Option<&str>,
        tenant: Option<&str>,
        shortcode: Option<&str>,
        channel: Option<&str>,
        unread_min: Option<u64>,
        idle_since: Option<&Bound<'_, PyAny>>,
        waiting_since: Option<&Bound<'_, PyAny>>,
        suspect: bool,
        sort: &str,
        limit: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<Page, Failure> {
        if agent.is_some() && unassigned {
            return Err(value_error("a conversation of an agent is not unassigned: give one of them".to_owned()));
        }
        let query = Query::new()
            .agent(agent)
            .unassigned(unassigned)
            .member(member)
            .number(number)
            .tenant(tenant)
            .shortcode(shortcode)
            .channel(channel)
            .unread_min(unread_min)
            .idle_since_ms(ms(time_opt(idle_since)?))
            .waiting_since_ms(ms(time_opt(waiting_since)?))
            .suspect(suspect)
            .sort(named(sort)?)
            .limit(limit)
            .cursor(cursor.map(str::parse::<Cursor>).transpose()?);
        self.detached(py, |db| page(db, &query))
    }

    /// An iterator over all rows of an answer, with the arguments of `query`; `limit` is the size of the pages in which they
    /// are read (1,000).
    #[pyo3(signature = (**filters))]
    fn query_all(slf: Bound<'_, Self>, filters: Option<Bound<'_, PyDict>>) -> Result<OpenConversations, Failure> {
        slf.get().open()?;
        let filters = filters.unwrap_or_else(|| PyDict::new(slf.py()));
        if !filters.contains("limit")? {
            filters.set_item("limit", 1_000)?;
        }
        Ok(OpenConversations::new(slf.unbind(), filters.unbind()))
    }

    /// What every agent has to do.
    fn agents(&self, py: Python<'_>) -> Result<Vec<AgentLoad>, Failure> {
        self.asked(py, convofold::Convofold::agents).map(Show::show)
    }

    /// Counts per tenant and channel.
    fn totals(&self, py: Python<'_>) -> Result<Vec<Totals>, Failure> {
        self.asked(py, convofold::Convofold::totals).map(Show::show)
    }

    /// Figures about the store.
    fn stats(&self, py: Python<'_>) -> Result<Stats, Failure> {
        self.asked(py, convofold::Convofold::stats).map(Show::show)
    }

    /// What the store has done since it was opened, and how it stands: for whoever watches it. Never looks at the disk.
    fn counters(&self, py: Python<'_>) -> Result<Counters, Failure> {
        self.asked(py, convofold::Convofold::counters).map(Show::show)
    }

    /// The state hash: 64 hexadecimal digits, equal where the states of all conversations are.
    fn state_hash(&self, py: Python<'_>) -> Result<String, Failure> {
        self.asked(py, |db| db.state_hash().to_string())
    }

    /// The value of a bookmark; None where it is not set.
    fn bookmark(&self, py: Python<'_>, name: &str) -> Result<Option<std::borrow::Cow<'static, [u8]>>, Failure> {
        Ok(self.asked(py, |db| db.bookmark(name))?.map(Into::into))
    }

    /// All bookmarks by name.
    fn bookmarks<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>, Failure> {
        let bookmarks = PyDict::new(py);
        for (name, value) in self.asked(py, convofold::Convofold::bookmarks)? {
            bookmarks.set_item(name, pyo3::types::PyBytes::new(py, &value))?;
        }
        Ok(bookmarks)
    }

    /// Writes every conversation as a line of JSON, sorted by id, to a path or to a file that is open for bytes.
    fn export(&self, target: &Bound<'_, PyAny>) -> Result<ExportReport, Failure> {
        let db = self.open()?;
        write_to(target, move |mut out| Ok(db.export(&mut out)?)).map(Show::show)
    }

    /// Writes every accepted event as a line of JSON in convofold's own form, in the order of the log, to a path or to a
    /// file that is open for bytes. Replayed into an empty store, they give the same states and the same hash.
    fn export_events(&self, target: &Bound<'_, PyAny>) -> Result<EventExportReport, Failure> {
        let db = self.open()?;
        write_to(target, move |mut out| Ok(db.export_events(&mut out)?)).map(Show::show)
    }

    /// An iterator over every conversation, each with its state and its history, in the order of first arrival and in
    /// bounded memory. Where the store is closed meanwhile, it goes on with what is in memory, and raises ClosedError where
    /// it would have to read.
    fn conversations(&self, py: Python<'_>) -> Result<Conversations, Failure> {
        self.asked(py, convofold::Convofold::scan).map(Conversations::new)
    }

    /// An iterator over the state of every conversation, otherwise as `conversations`.
    fn states(&self, py: Python<'_>) -> Result<States, Failure> {
        self.asked(py, convofold::Convofold::scan_states).map(States::new)
    }

    /// The change feed: an iterator over all events from this place in the log on, first those that are there, then those
    /// that come, without hole or repeat.
    ///
    /// It waits for `timeout` seconds (None: for as long as it takes; 0: not at all) and ends when nothing came; iterating
    /// again goes on. It ends when the store is closed. An event is shown once it survives a power cut.
    #[pyo3(signature = (from_seq=1, *, timeout=None))]
    fn changes(&self, py: Python<'_>, from_seq: u64, timeout: Option<f64>) -> Result<Changes, Failure> {
        Changes::new(self.asked(py, |db| db.changes(from_seq))?, timeout)
    }
}
