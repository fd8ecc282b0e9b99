//! Bulk replay.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use convofold::ingest::Format;
use convofold::replay::{FindError, Input, Replay};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::database::Convofold;
use crate::error::Failure;
use crate::names::{self, Choice};
use crate::report::{EffectCounts, Ignored, Rejection};
use crate::result::{Show, result};
use crate::stream::{PyReader, Raised};

result! {
    /// The outcome of a replay. After a resumed replay, the counts are those of all runs together.
    ReplayReport from report: convofold::replay::ReplayReport {
        /// Number of lines read.
        lines: u64,
        /// Number of bytes read, decompressed.
        bytes: u64,
        /// Number of events found.
        events: u64,
        /// Number of events by effect.
        counts: EffectCounts,
        /// Number of events with an unknown effect, because an earlier run was killed.
        uncounted: u64,
        /// Number of ignored lines and elements by source and reason.
        ignored: Ignored,
        /// Number of rejections by reason.
        rejected: std::collections::BTreeMap<String, u64>,
        /// Number of inputs that could not be read to their end; their complete lines before that were read.
        incomplete_inputs: u64,
        /// The first problems with inputs, at most 100.
        problems: Vec<InputProblem>,
        /// Whether the replay resumed an earlier run.
        resumed: bool,
        /// Whether the replay was stopped before the end of the inputs.
        stopped: bool,
        /// Duration of this run in milliseconds.
        took_ms: u64 = report.took,
    }
}

result! {
    /// A problem with an input.
    InputProblem from problem: convofold::replay::InputProblem {
        /// Name of the input.
        input: String,
        /// Number of the line after the last one that was read, from 1.
        line: u64,
        /// Offset of that line, decompressed.
        byte_offset: u64,
        /// What was found.
        problem: String,
        /// Whether the input was read to its end, and only something after it was ignored.
        is_harmless: bool,
    }
}

result! {
    /// The progress of a replay.
    Progress from progress: convofold::replay::Progress<'_> {
        /// Number of bytes read; for compressed files, of compressed bytes.
        bytes_read: u64,
        /// Size of all inputs in bytes; None if an input is not a file.
        bytes_total: Option<u64>,
        /// Number of events submitted, those of earlier runs included.
        events: u64,
        /// Events per second in this run.
        events_per_second: f64,
        /// Duration of this run in milliseconds.
        elapsed_ms: u64 = progress.elapsed,
        /// Name of the current input.
        input: String,
    }
}

/// The argument `progress`.
enum Listener {
    /// A function that is called with a Progress.
    Call(Py<PyAny>),
    /// A progress bar like those of tqdm, with `total` and `update`, and the number of bytes it received.
    Bar(Py<PyAny>, Mutex<u64>),
}

impl FromPyObject<'_, '_> for Listener {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = {
        use crate::stub::{CALLABLE, OBJECT, PROGRESS_BAR};
        use pyo3::inspect::PyStaticExpr;
        use pyo3::{PyTypeInfo, type_hint_subscript, type_hint_union};

        const CALL: PyStaticExpr =
            type_hint_subscript!(CALLABLE, PyStaticExpr::List { elts: &[Progress::TYPE_HINT] }, OBJECT);
        type_hint_union!(CALL, PROGRESS_BAR)
    };

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let is_bar = given.hasattr("update")? && given.hasattr("total")?;
        let object = given.to_owned().unbind();
        Ok(if is_bar { Self::Bar(object, Mutex::default()) } else { Self::Call(object) })
    }
}

impl Listener {
    fn tell(&self, py: Python<'_>, progress: Progress) -> PyResult<()> {
        match self {
            Self::Call(listener) => {
                listener.call1(py, (progress,))?;
            }
            Self::Bar(bar, told) => {
                let before = std::mem::replace(&mut *told.lock(), progress.bytes_read);
                let since = progress.bytes_read.saturating_sub(before);
                bar.setattr(py, "total", progress.bytes_total)?;
                bar.call_method1(py, "update", (since,))?;
            }
        }
        Ok(())
    }
}

/// The argument `rejects`: a function that is called with each Rejection.
struct Rejects(Py<PyAny>);

impl FromPyObject<'_, '_> for Rejects {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = {
        use crate::stub::{CALLABLE, OBJECT};
        use pyo3::inspect::PyStaticExpr;
        use pyo3::{PyTypeInfo, type_hint_subscript};

        type_hint_subscript!(CALLABLE, PyStaticExpr::List { elts: &[Rejection::TYPE_HINT] }, OBJECT)
    };

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(Self(given.to_owned().unbind()))
    }
}

/// Stops the replay at the next piece and keeps the exception that is the reason.
#[derive(Default)]
struct Interruption {
    stop: Arc<AtomicBool>,
    exception: Mutex<Option<PyErr>>,
}

impl Interruption {
    /// Calls Python, unless an earlier call raised an exception.
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

/// The argument `inputs`: a path, a file that is opened in binary mode, or several of them.
struct Inputs(Vec<Given>);

enum Given {
    Path(PathBuf),
    File(Input, Raised),
}

impl Inputs {
    /// The names of the file objects, and the exceptions that they raise.
    fn files(&self) -> Vec<(String, Raised)> {
        let files = self.0.iter().filter_map(|given| match given {
            Given::File(input, raised) => Some((input.name().to_owned(), raised.clone())),
            Given::Path(_) => None,
        });
        files.collect()
    }

    /// The inputs, with the files of folders and patterns.
    fn find(self, db: &convofold::Convofold) -> Result<Vec<Input>, FindError> {
        let mut inputs = Vec::new();
        for given in self.0 {
            match given {
                Given::Path(path) => inputs.extend(Input::find(path, &[db.dir()])?.inputs),
                Given::File(input, _) => inputs.push(input),
            }
        }
        Ok(inputs)
    }
}

impl FromPyObject<'_, '_> for Inputs {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::INPUTS;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if given.extract::<PathBuf>().is_ok() || given.hasattr("read")? {
            return Ok(Self(vec![input(&given)?]));
        }
        given.try_iter()?.map(|given| input(&given?)).collect::<PyResult<_>>().map(Self)
    }
}

fn input(given: &Bound<'_, PyAny>) -> PyResult<Given> {
    if given.hasattr("read")? {
        let name = given.getattr_opt("name")?.and_then(|name| name.extract().ok());
        let raised = Raised::default();
        let reader = PyReader::of(given, raised.clone())?;
        let input = Input::reader(name.unwrap_or_else(|| "a file".to_owned()), reader);
        return Ok(Given::File(input, raised));
    }
    given.extract::<PathBuf>().map(Given::Path)
}

#[pymethods]
impl Convofold {
    /// Replays whole logs, parsed on all processors.
    ///
    /// - `inputs`: paths or files opened in binary mode, one or several; plain, gzip or zstd. A folder stands for all files
    ///   in it and its subfolders, sorted by name, and a pattern such as `logs/*.gz` for the files that match it.
    /// - `format`: the source; by default, or with `auto`, it is detected.
    /// - `progress`: a function that is called with a Progress at most ten times a second, or a progress bar of tqdm
    ///   (`tqdm(unit="B", unit_scale=True)`).
    /// - `rejects`: a function that is called with each Rejection, for example `rejected.append`.
    /// - `checkpoint`: whether to write a checkpoint at the end.
    /// - `zone`: the time zone of times that are written without one, as in `ingest`. A replay that resumes refuses another
    ///   one.
    /// - `ignore`: unknown interaction types to ignore, as in `ingest`.
    ///
    /// An input that is damaged or cannot be read does not stop the others: `problems` lists it.
    ///
    /// When the call returns, everything in the report survives a power cut. An exception in `progress` or `rejects`, and
    /// Ctrl-C, stop the replay. The same call with the same paths then resumes it, also after the process was killed; the
    /// last rejections before the stop can be reported twice.
    ///
    /// A replay of open files does not resume, because they are read ahead. Open them again and replay them from the
    /// beginning: known events count as duplicates.
    #[pyo3(signature = (
        inputs, format=None, *, progress=None, rejects=None, checkpoint=false, zone=None, ignore=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn replay(
        &self,
        py: Python<'_>,
        inputs: Inputs,
        format: Option<Choice<Format>>,
        progress: Option<Listener>,
        rejects: Option<Rejects>,
        checkpoint: bool,
        zone: Option<&str>,
        ignore: Option<Vec<String>>,
    ) -> Result<ReplayReport, Failure> {
        let (zone, ignored) = (names::zone(zone)?, names::ignored(ignore)?);
        let db = self.open()?;
        let files = inputs.files();
        let inputs = py.detach(|| inputs.find(&db))?;
        let interruption = Interruption::default();
        let report = py.detach(|| {
            let replay = Replay::new(&db).format(Choice::or_default(format)).zone(zone).ignore(ignored);
            let replay = replay.inputs(inputs).checkpoint(checkpoint);
            let replay = replay.stop(interruption.stop.clone()).on_progress(|now| {
                interruption.guard(|py| {
                    py.check_signals()?;
                    progress.as_ref().map_or(Ok(()), |listener| listener.tell(py, (*now).show()))
                });
            });
            let replay = match &rejects {
                None => replay,
                Some(Rejects(call)) => replay.on_rejection(|rejection, input| {
                    let rejection = Rejection { input: input.to_owned(), ..rejection.clone().show() };
                    interruption.guard(|py| call.call1(py, (rejection,)).map(|_| ()));
                }),
            };
            replay.run()
        });
        if let Some(exception) = interruption.exception.into_inner() {
            return Err(exception.into());
        }
        let report = report?;
        for (name, raised) in files {
            if let Some(exception) = raised.lock().take() {
                return Err(Failure::of_file(py, &name, exception));
            }
        }
        Ok(report.show())
    }
}
