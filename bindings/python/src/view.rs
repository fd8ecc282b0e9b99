//! The database at a moment.

use std::path::Path;

use convofold::Time;
use pyo3::prelude::*;

use crate::database::{Convofold, detached};
use crate::error::Failure;
use crate::result::{Show, result};
use crate::time::{GivenBound, Utc};

/// The database at a moment, from `Convofold.at`. It answers the questions of the database as a database that was given
/// exactly the events within the bounds of the moment, whatever arrived later, and while events arrive.
///
/// Questions about many conversations read all of them. Like the methods of the database, those of a view can be called from
/// any thread, release the interpreter's lock while they block, and raise ClosedError after the database is closed.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct View {
    /// Freed before `db`, so that it is never the last handle, whose end would close the database under the interpreter's
    /// lock.
    view: convofold::View,
    db: Py<Convofold>,
}

impl View {
    pub(crate) fn open(&self) -> Result<convofold::View, Failure> {
        self.expect_open()?;
        Ok(self.view.clone())
    }

    pub(crate) fn expect_open(&self) -> Result<(), Failure> {
        self.db.get().expect_open()
    }

    /// The directory of the database.
    pub(crate) fn dir(&self) -> &Path {
        self.db.get().dir()
    }

    /// Calls with the view, without the interpreter's lock.
    pub(crate) fn detached<T: Send, E: Into<Failure> + Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&convofold::View) -> Result<T, E> + Send,
    ) -> Result<T, Failure> {
        detached(py, self.open()?, call)
    }

    /// Like [`View::detached`], for calls that cannot fail.
    pub(crate) fn asked<T: Send>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&convofold::View) -> T + Send,
    ) -> Result<T, Failure> {
        self.detached(py, |view| Ok::<_, PyErr>(ask(view)))
    }
}

#[pymethods]
impl View {
    /// The bound of event time, in milliseconds since the epoch; None if there is none.
    #[getter]
    fn as_of(&self) -> Option<i64> {
        self.view.moment().as_of.map(Time::ms)
    }

    /// The bound of arrival, as the sequence number of the last known event; None if there is none.
    #[getter]
    fn known_at(&self) -> Option<u64> {
        self.view.moment().known_at
    }

    /// Sequence number of the last event of which the answers can know.
    #[getter]
    fn seq(&self) -> u64 {
        self.view.seq()
    }

    /// The time to which ages count, in milliseconds since the epoch: `as_of`, else the time at which the last known event
    /// was committed. None if the moment has no bound.
    #[getter]
    fn time(&self, py: Python<'_>) -> Result<Option<i64>, Failure> {
        Ok(self.asked(py, convofold::View::time)?.map(Time::ms))
    }

    /// `time` as a `datetime` in UTC.
    #[getter]
    fn time_utc(&self, py: Python<'_>) -> Result<Option<Utc>, Failure> {
        self.time(py).map(Show::show)
    }

    /// Returns the number of events of a conversation that had happened by `time` and were learned later: with `as_of` alone
    /// they are in the answers and have changed them since, with `known_at` they are missing from them. None if it is not
    /// recorded what was known then, or the moment has no bound.
    fn late_events(&self, py: Python<'_>, id: &str) -> Result<Option<u64>, Failure> {
        self.detached(py, |view| view.late_events(id))
    }

    /// Returns what the answers are about; with `id`, also the number of late events of that conversation.
    #[pyo3(signature = (id=None))]
    fn moment(&self, py: Python<'_>, id: Option<&str>) -> Result<MomentReport, Failure> {
        self.detached(py, |view| view.report(id)).map(Show::show)
    }

    fn __repr__(&self) -> String {
        let moment = self.view.moment();
        let as_of = moment.as_of.map(|time| format!(" as_of={}", time.to_rfc3339()));
        let known_at = moment.known_at.map(|seq| format!(" known_at=seq:{seq}"));
        format!("<View of {:?}{}{}>", self.dir(), as_of.unwrap_or_default(), known_at.unwrap_or_default())
    }
}

result! {
    /// What an answer about the past is about.
    MomentReport from report: convofold::MomentReport {
        /// The bound of event time, in milliseconds since the epoch; None if there is none.
        as_of: Option<i64>,
        /// Sequence number of the last known event; None if there is no bound of arrival.
        known_at: Option<u64>,
        /// The time to which ages count, in milliseconds since the epoch.
        time: Option<i64>,
        /// Number of late events of the conversation that the answer is about; see `View.late_events`.
        late_events: Option<u64>,
        /// Whether the event `known_at` came with history that was replayed: each event of its commit had happened more than
        /// an hour before. `time` is then the time of the replay. None without `known_at`, and where the log was trimmed.
        replayed: Option<bool>,
        /// All of this in words, with times in UTC.
        words: String = report.to_string(),
    }
    utc {
        as_of_utc: Option<Utc> = as_of,
        time_utc: Option<Utc> = time,
    }
}

#[pymethods]
impl Convofold {
    /// Returns the database at a moment, for questions about the past. Events that arrive after this call are in no answer of
    /// the view.
    ///
    /// - `as_of`: only events at this time or before it count: as it was, corrected by everything that was learned later.
    /// - `known_at`: only events that had arrived by then count: as it was known. For history that was replayed in bulk, that
    ///   is the time of the replay.
    ///
    /// With both, what was known then of the time `as_of`. A bound is a `datetime` with a time zone, milliseconds since the
    /// epoch, or a text: an RFC 3339 time with a zone, `latest`, or a time before now such as `-2h`; for `known_at` also the
    /// sequence number of the last known event, such as `seq:812`.
    ///
    /// A bound in the future, or of which nothing is recorded, raises MomentError; the message says what to do.
    ///
    ///     >>> message = {"source": "desk", "conversation": "case-7", "kind": "message", "direction": "in"}
    ///     >>> db.submit([{**message, "occurred": "2026-03-02T09:15:00Z"}]).last_seq
    ///     1
    ///     >>> db.submit([{**message, "occurred": "2026-03-02T09:10:00Z"}]).counts.late
    ///     1
    ///     >>> db.at(as_of="2026-03-02T09:12:00Z").state("case-7").unread
    ///     1
    ///     >>> before = db.at(known_at="seq:1")
    ///     >>> before.state("case-7").unread, before.late_events("case-7")
    ///     (1, 1)
    #[pyo3(signature = (*, as_of=None, known_at=None))]
    fn at(slf: Bound<'_, Self>, as_of: Option<GivenBound>, known_at: Option<GivenBound>) -> Result<View, Failure> {
        let (as_of, known_at) = (GivenBound::when(as_of), GivenBound::when(known_at));
        let view = slf.get().detached(slf.py(), |db| {
            let moment = db.moment(as_of, known_at, Time::now())?;
            Ok::<_, convofold::MomentError>(db.at(moment))
        })?;
        Ok(View { view, db: slf.unbind() })
    }
}
