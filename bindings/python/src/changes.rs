//! The change feed.

use convofold::ChangesError;
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::database::in_slices;
use crate::error::Failure;
use crate::event::Event;
use crate::report::seconds;
use crate::result::{Show, result};

result! {
    /// One event in the change feed.
    Change from convofold::Change {
        /// Its place in the log.
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

/// The change feed, as an iterator.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct Changes {
    changes: Mutex<convofold::Changes>,
    stop: convofold::StopHandle,
    timeout: Option<f64>,
}

impl Changes {
    pub(crate) fn new(changes: convofold::Changes, timeout: Option<f64>) -> Result<Self, Failure> {
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
        let came = in_slices(py, self.timeout, |slice| match self.changes.lock().next_timeout(slice).transpose() {
            // Nothing will come any more, however long one waits.
            None if self.stop.is_stopped() => Some(Err(ChangesError::Closed)),
            came => came,
        });
        match came?.transpose() {
            Err(ChangesError::Closed) => Ok(None),
            came => Ok(came?.show()),
        }
    }

    /// Where to go on later: the place in the log behind the last event that was shown.
    #[getter]
    fn next_seq(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.changes.lock().next_seq())
    }

    /// Ends the waiting, from any thread. Events that are there already are still shown.
    fn stop(&self) {
        self.stop.stop();
    }
}
