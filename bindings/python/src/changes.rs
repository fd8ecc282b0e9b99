//! The change feed.

use std::convert::Infallible;

use convofold::ChangesError;
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::database::Convofold;
use crate::error::Failure;
use crate::event::Event;
use crate::number::Whole;
use crate::result::{Show, result};
use crate::wait::{in_slices, seconds};

result! {
    /// An event in the change feed.
    Change from convofold::Change {
        /// Sequence number of the event.
        seq: u64,
        /// The event.
        event: Event,
    }
}

impl Show<Event> for convofold::Event {
    fn show(self) -> Event {
        Event(self)
    }
}

/// An iterator over the change feed.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct Changes {
    changes: Mutex<convofold::Changes>,
    stop: convofold::StopHandle,
    timeout: Option<f64>,
}

impl Changes {
    fn new(changes: convofold::Changes, timeout: Option<f64>) -> Result<Self, Failure> {
        timeout.map(seconds).transpose()?;
        let stop = changes.stop_handle();
        Ok(Self { changes: Mutex::new(changes), stop, timeout })
    }
}

#[pymethods]
impl Changes {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Result<Option<Change>, Failure> {
        let next = in_slices(py, self.timeout, |slice| match self.changes.lock().next_timeout(slice).transpose() {
            // A stopped feed has no further events, so waiting is pointless.
            None if self.stop.is_stopped() => Some(Err(ChangesError::Closed)),
            next => next,
        });
        match next?.transpose() {
            Err(ChangesError::Closed) => Ok(None),
            next => Ok(next?.show()),
        }
    }

    /// Iterates with `async for`. It ends as the iterator does, and does not block the loop. If the task is cancelled while it
    /// waits, the feed is stopped: continue with a new one.
    fn __aiter__<'py>(slf: Bound<'py, Self>) -> PyResult<AsyncChanges<'py>> {
        slf.py().import("convofold._feed")?.call_method1("follow", (slf,)).map(AsyncChanges)
    }

    /// Sequence number from which to resume: one after the last event that was returned.
    #[getter]
    fn next_seq(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.changes.lock().next_seq())
    }

    /// Stops waiting, from any thread. Events that have already arrived are still returned.
    fn stop(&self) {
        self.stop.stop();
    }
}

/// An asynchronous iterator over the change feed.
struct AsyncChanges<'py>(Bound<'py, PyAny>);

impl<'py> IntoPyObject<'py> for AsyncChanges<'py> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = Infallible;

    #[cfg(feature = "stub")]
    const OUTPUT_TYPE: pyo3::inspect::PyStaticExpr =
        pyo3::type_hint_subscript!(crate::stub::ASYNC_ITERATOR, <Change as pyo3::PyTypeInfo>::TYPE_HINT);

    fn into_pyobject(self, _py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(self.0)
    }
}

#[pymethods]
impl Convofold {
    /// Returns the change feed: an iterator over all events from a sequence number on, first the existing ones, then new
    /// ones, without gaps or repeats.
    ///
    /// The iterator waits at most `timeout` seconds for the next event (None: without limit; 0: not at all) and then ends;
    /// iterating again resumes. `async for` iterates without blocking the loop of asyncio. It ends when the database is closed. An event is returned once it survives a power cut.
    #[pyo3(signature = (from_seq=Whole(1), *, timeout=None))]
    fn changes(&self, py: Python<'_>, from_seq: Whole<u64>, timeout: Option<f64>) -> Result<Changes, Failure> {
        Changes::new(self.asked(py, |db| db.changes(from_seq.0))?, timeout)
    }
}
