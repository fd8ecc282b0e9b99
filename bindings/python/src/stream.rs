//! Python's files as Rust's readers and writers, and what is given as bytes.

use std::borrow::Cow;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString};

use crate::error::Failure;

/// So much is handed to a Python file at once: taking the interpreter's lock costs more than copying.
const WRITE_BYTES: usize = 1 << 20;

/// The bytes of `bytes`, which cannot change and so are not copied, of `str`, or a copy of those of any other buffer.
pub(crate) enum Data<'py> {
    Bytes(Bound<'py, PyBytes>),
    Text(Bound<'py, PyString>),
}

impl<'py> Data<'py> {
    pub(crate) fn of(given: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = given.cast::<PyString>() {
            return Ok(Self::Text(text.clone()));
        }
        if let Ok(bytes) = given.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.clone()));
        }
        let copy = PyMemoryView::from(given)?.call_method0("tobytes")?;
        Ok(Self::Bytes(copy.cast_into()?))
    }

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

/// Whether something is a path: a text, or an object that stands for one.
pub(crate) fn as_path(given: &Bound<'_, PyAny>) -> Option<PathBuf> {
    given.extract().ok()
}

/// Something with `write`, which takes bytes.
struct PyWriter {
    file: Py<PyAny>,
    /// It raised an exception, and is not called again: a buffer that is dropped would try to.
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
            // A raw file may take a part of it; others say nothing, and take all.
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

/// Writes to a path, or to a Python file that is open for bytes, while the interpreter's lock is free.
pub(crate) fn write_to<T: Send>(
    target: &Bound<'_, PyAny>,
    write: impl FnOnce(&mut Box<dyn Write + Send>) -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let path = as_path(target);
    let object = target.clone().unbind();
    target.py().detach(move || {
        let inner: Box<dyn Write + Send> = match path {
            Some(path) => Box::new(std::fs::File::create(path)?),
            None => Box::new(PyWriter { file: object, has_failed: false }),
        };
        let mut out: Box<dyn Write + Send> = Box::new(BufWriter::with_capacity(WRITE_BYTES, inner));
        let written = write(&mut out)?;
        out.flush()?;
        Ok(written)
    })
}

/// Something with `read`, which gives bytes.
pub(crate) struct PyReader {
    read: Py<PyAny>,
    /// Gives what is there already, where `read` would wait for all that was asked for; not every file has it.
    read1: Option<Py<PyAny>>,
}

impl PyReader {
    pub(crate) fn of(file: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { read: file.getattr("read")?.unbind(), read1: file.getattr_opt("read1")?.map(Bound::unbind) })
    }

    fn call<'py>(&mut self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyAny>> {
        if let Some(read1) = &self.read1 {
            match read1.bind(py).call1((size,)) {
                // The `read1` of `io.BufferedIOBase`, which a class of one's own need not define.
                Err(exception) if is_unsupported(py, &exception)? => self.read1 = None,
                called => return called,
            }
        }
        self.read.bind(py).call1((size,))
    }

    fn read_onto(&mut self, py: Python<'_>, into: &mut [u8]) -> io::Result<usize> {
        let read = self.call(py, into.len())?;
        let bytes = read.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
        let place = into.get_mut(..bytes.len()).ok_or_else(|| io::Error::other("read gave more than asked for"))?;
        place.copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

fn is_unsupported(py: Python<'_>, exception: &PyErr) -> PyResult<bool> {
    Ok(exception.is_instance(py, &py.import("io")?.getattr("UnsupportedOperation")?))
}

impl Read for PyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A thread may wake when the interpreter is gone already. Nobody waits for what it reads then.
        Python::try_attach(|py| self.read_onto(py, into)).unwrap_or(Ok(0))
    }
}
