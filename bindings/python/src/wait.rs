//! Blocking calls that react to Ctrl-C.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::error::{Failure, value_error};

/// How long a wait blocks before it checks for signals such as Ctrl-C.
const SLICE: Duration = Duration::from_millis(100);

/// Waits in slices, without the interpreter's lock, and checks for signals between them. `None` after the timeout.
pub(crate) fn in_slices<T: Send>(
    py: Python<'_>,
    timeout: Option<f64>,
    wait: impl Fn(Duration) -> Option<T> + Sync,
) -> Result<Option<T>, Failure> {
    let timeout = timeout.map(seconds).transpose()?;
    let started = Instant::now();
    loop {
        let left = timeout.map_or(SLICE, |timeout| timeout.saturating_sub(started.elapsed()).min(SLICE));
        if let Some(outcome) = py.detach(|| wait(left)) {
            return Ok(Some(outcome));
        }
        py.check_signals()?;
        if timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
            return Ok(None);
        }
    }
}

/// A duration given in seconds.
pub(crate) fn seconds(given: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(given).map_err(|error| value_error(format!("{given} seconds: {error}")))
}
