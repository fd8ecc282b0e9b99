//! Python files as Rust readers and writers, and arguments that are bytes.

use std::borrow::Cow;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString};

use crate::error::{Failure, value_error};

/// Size of a write to a Python file. Acquiring the interpreter's lock costs more than copying.
const WRITE_BYTES: usize = 1 << 20;

/// A bytes argument: `bytes`, which are immutable and not copied, `str`, or a copy of any other buffer.
pub(crate) enum Data<'py> {
    Bytes(Bound<'py, PyBytes>),
    Text(Bound<'py, PyString>),
}

impl<'py> Data<'py> {
    pub(crate) fn as_bytes(&self) -> PyResult<Cow<'_, [u8]>> {
        match self {
            Self::Bytes(bytes) => Ok(Cow::Borrowed(bytes.as_bytes())),
            Self::Text(text) => Ok(match text.to_cow()? {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Data<'py> {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::DATA;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = given.cast::<PyString>() {
            return Ok(Self::Text(text.to_owned()));
        }
        if let Ok(bytes) = given.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.to_owned()));
        }
        let copy = PyMemoryView::from(&given)?.call_method0("tobytes")?;
        Ok(Self::Bytes(copy.cast_into()?))
    }
}

/// An object with `write`, which accepts bytes.
struct PyWriter {
    file: Py<PyAny>,
    /// Whether it raised an exception. It is not called again then, which dropping a buffer would do.
    has_failed: bool,
}

impl PyWriter {
    fn call<T>(&mut self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> io::Result<T> {
        if self.has_failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        let called = Python::attach(|py| call(self.file.bind(py)));
        self.has_failed = called.is_err();
        called.map_err(io::Error::from)
    }
}

impl Write for PyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call(|file| {
            let written = file.call_method1("write", (PyBytes::new(file.py(), bytes),))?;
            // A raw file can write a part; other objects return None and write everything.
            Ok(written.extract::<usize>().map_or(bytes.len(), |taken| taken.min(bytes.len())))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call(|file| match file.getattr_opt("flush")? {
            Some(flush) => flush.call0().map(|_| ()),
            None => Ok(()),
        })
    }
}

/// The target of an export: a path, or a Python file that is opened in binary mode.
pub(crate) struct Target {
    path: Option<PathBuf>,
    object: Py<PyAny>,
}

impl FromPyObject<'_, '_> for Target {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::TARGET;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(Self { path: given.extract().ok(), object: given.to_owned().unbind() })
    }
}

impl Target {
    /// Refuses a path inside the database.
    pub(crate) fn outside(self, db: &Path) -> Result<Self, Failure> {
        match &self.path {
            Some(path) if convofold::leads_into(path, db) => {
                Err(value_error(format!("{} is inside the database", path.display())))
            }
            _ => Ok(self),
        }
    }

    /// Writes without the interpreter's lock.
    pub(crate) fn write<T: Send>(
        self,
        py: Python<'_>,
        write: impl FnOnce(&mut Box<dyn Write + Send>) -> Result<T, Failure> + Send,
    ) -> Result<T, Failure> {
        py.detach(move || {
            let inner: Box<dyn Write + Send> = match self.path {
                Some(path) => {
                    Box::new(convofold::private_file_options().write(true).create(true).truncate(true).open(path)?)
                }
                None => Box::new(PyWriter { file: self.object, has_failed: false }),
            };
            let mut out: Box<dyn Write + Send> = Box::new(BufWriter::with_capacity(WRITE_BYTES, inner));
            let written = write(&mut out)?;
            out.flush()?;
            Ok(written)
        })
    }
}

/// An object with `read`, which returns bytes.
pub(crate) struct PyReader {
    read: Py<PyAny>,
    /// Returns available data immediately, while `read` waits for the full size. Not every file has it.
    read1: Option<Py<PyAny>>,
    raised: Raised,
}

/// The exception that a file object raised.
pub(crate) type Raised = Arc<Mutex<Option<PyErr>>>;

impl PyReader {
    pub(crate) fn of(file: &Bound<'_, PyAny>, raised: Raised) -> PyResult<Self> {
        let read1 = file.getattr_opt("read1")?.map(Bound::unbind);
        Ok(Self { read: file.getattr("read")?.unbind(), read1, raised })
    }

    fn call<'py>(&mut self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyAny>> {
        if let Some(read1) = &self.read1 {
            match read1.bind(py).call1((size,)) {
                // The default `read1` of `io.BufferedIOBase`, which a subclass does not have to implement.
                Err(exception) if is_unsupported(py, &exception)? => self.read1 = None,
                called => return called,
            }
        }
        self.read.bind(py).call1((size,))
    }

    fn read_onto(&mut self, py: Python<'_>, into: &mut [u8]) -> io::Result<usize> {
        let read = self.call(py, into.len())?;
        let bytes = read.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
        let target =
            into.get_mut(..bytes.len()).ok_or_else(|| io::Error::other("read returned more bytes than requested"))?;
        target.copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

fn is_unsupported(py: Python<'_>, exception: &PyErr) -> PyResult<bool> {
    Ok(exception.is_instance(py, &py.import("io")?.getattr("UnsupportedOperation")?))
}

impl Read for PyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A thread can wake after the interpreter has exited. Nobody waits for its data then.
        Python::try_attach(|py| {
            self.read_onto(py, into).map_err(|error| {
                let exception = PyErr::from(error);
                *self.raised.lock() = Some(exception.clone_ref(py));
                exception.into()
            })
        })
        .unwrap_or(Ok(0))
    }
}
