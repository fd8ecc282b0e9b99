//! Bulk replay.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use convofold::replay::{Input, Replay};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::database::Convofold;
use crate::error::{Failure, named};
use crate::report::{EffectCounts, Ignored, Rejection};
use crate::result::{Show, result};
use crate::stream::{PyReader, as_path};

result! {
    /// What a replay found and did, all runs of it together where it was resumed.
    ReplayReport from convofold::replay::ReplayReport {
        /// Lines read.
        lines: u64,
        /// Bytes read, decompressed.
        bytes: u64,
        /// Events found.
        events: u64,
        /// What the events did.
        counts: EffectCounts,
        /// Events whose effect is not known, because an earlier run was killed.
        uncounted: u64,
        /// The number of things that were ignored, by source and reason.
        ignored: Ignored,
        /// What cannot be an event, by reason.
        rejected: std::collections::BTreeMap<String, u64>,
        /// Whether it went on where an earlier run had ended.
        resumed: bool,
        /// Whether it was told to stop before the inputs ended.
        stopped: bool,
        /// How long this run took.
        took_ms: u64 = took,
    }
}

result! {
    /// How far a replay is.
    Progress {
        /// Bytes read of all inputs; of compressed files the compressed bytes.
        bytes_read: u64,
        /// Of so many; None where an input is no file.
        bytes_total: Option<u64>,
        /// Events submitted so far, those of earlier runs included.
        events: u64,
        /// Events a second in this run.
        events_per_second: f64,
        /// How long this run has taken.
        elapsed_ms: u64,
        /// The input that is being replayed.
        input: String,
    }
}

impl Show<Progress> for convofold::replay::Progress<'_> {
    fn show(self) -> Progress {
        Progress {
            bytes_read: self.bytes_read,
            bytes_total: self.bytes_total,
            events: self.events,
            events_per_second: self.events_per_second,
            elapsed_ms: self.elapsed.show(),
            input: self.input.to_owned(),
        }
    }
}

/// Who is told of the progress.
enum Listener {
    Nobody,
    /// Called with a Progress.
    Call(Py<PyAny>),
    /// A progress bar as of tqdm: its `total`, and `update` with what was read since.
    Bar(Py<PyAny>, Mutex<u64>),
}

impl Listener {
    fn of(given: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(given) = given else { return Ok(Self::Nobody) };
        let is_bar = given.hasattr("update")? && given.hasattr("total")?;
        let object = given.clone().unbind();
        Ok(if is_bar { Self::Bar(object, Mutex::default()) } else { Self::Call(object) })
    }

    fn tell(&self, py: Python<'_>, progress: Progress) -> PyResult<()> {
        match self {
            Self::Nobody => {}
            Self::Call(listener) => {
                listener.call1(py, (progress,))?;
            }
            Self::Bar(bar, shown) => {
                let before = std::mem::replace(&mut *shown.lock(), progress.bytes_read);
                let since = progress.bytes_read.saturating_sub(before);
                bar.setattr(py, "total", progress.bytes_total)?;
                bar.call_method1(py, "update", (since,))?;
            }
        }
        Ok(())
    }
}

/// Ends the replay at the next piece, and keeps the exception that is the reason.
#[derive(Default)]
struct Interruption {
    stop: Arc<AtomicBool>,
    exception: Mutex<Option<PyErr>>,
}

impl Interruption {
    /// Calls Python, unless it raised an exception before.
    fn guard(&self, call: impl FnOnce(Python<'_>) -> PyResult<()>) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        if let Err(exception) = Python::attach(call) {
            *self.exception.lock() = Some(exception);
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// A path, a file open for bytes, or several of them.
fn inputs(given: &Bound<'_, PyAny>) -> PyResult<Vec<Input>> {
    if as_path(given).is_some() || given.hasattr("read")? {
        return Ok(vec![input(given)?]);
    }
    given.try_iter()?.map(|given| input(&given?)).collect()
}

fn input(given: &Bound<'_, PyAny>) -> PyResult<Input> {
    if given.hasattr("read")? {
        let name = given.getattr_opt("name")?.and_then(|name| name.extract().ok());
        return Ok(Input::reader(name.unwrap_or_else(|| "a file".to_owned()), PyReader::of(given)?));
    }
    given.extract::<PathBuf>().map(Input::path)
}

#[pymethods]
impl Convofold {
    /// Replays whole logs, parsed on all processors: paths, files that are open for bytes, or a list of them; plain, gzip
    /// or zstd.
    ///
    /// `progress` is called with a Progress ten times a second at most, or is a bar of tqdm
    /// (`tqdm(unit="B", unit_scale=True)`). `rejects` is called with each Rejection, for example `rejected.append`. An
    /// exception that they raise, and Ctrl-C, end the replay; so does stopping the process in any other way. The same call
    /// with the same paths goes on where it was, and tells the last rejections again rather than miss one. When it returns,
    /// everything that it reports survives a power cut.
    ///
    /// A file that is open is read ahead, so what it gives after a replay that ended early begins anywhere. Open it anew: it
    /// is read from its beginning, and what is there already counts as duplicate.
    #[pyo3(signature = (inputs, format="auto", *, progress=None, rejects=None, checkpoint=false))]
    fn replay(
        &self,
        py: Python<'_>,
        inputs: &Bound<'_, PyAny>,
        format: &str,
        progress: Option<&Bound<'_, PyAny>>,
        rejects: Option<Py<PyAny>>,
        checkpoint: bool,
    ) -> Result<ReplayReport, Failure> {
        let (db, format, inputs) = (self.open()?, named(format)?, self::inputs(inputs)?);
        let listener = Listener::of(progress)?;
        let interruption = Interruption::default();
        let report = py.detach(|| {
            let replay = Replay::new(&db).format(format).inputs(inputs).checkpoint(checkpoint);
            let replay = replay.stop(interruption.stop.clone()).on_progress(|progress| {
                interruption.guard(|py| {
                    py.check_signals()?;
                    listener.tell(py, (*progress).show())
                });
            });
            let replay = match &rejects {
                None => replay,
                Some(rejects) => replay.on_rejection(|rejection, input| {
                    interruption.guard(|py| rejects.call1(py, (Rejection::of(rejection.clone(), input),)).map(|_| ()));
                }),
            };
            replay.run()
        });
        match interruption.exception.into_inner() {
            Some(exception) => Err(exception.into()),
            None => Ok(report?.show()),
        }
    }
}
