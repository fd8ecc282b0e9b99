//! Exceptions: one for each error of the Rust crate, all below `ConvofoldError`. The message names the whole chain of
//! causes.

use std::error::Error;
use std::str::FromStr;

use convofold::audit::AuditError;
use convofold::backup::{BackupError, RestoreError};
use convofold::repair::RepairError;
use convofold::replay::ReplayError;
use convofold::verify::VerifyError;
use convofold::{
    ChangesError, CloseError, CommitError, DraftError, ExportEventsError, IngestError, OpenError, QueryError,
    StorageError, SubmitError, TrimError, UnknownName,
};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;

/// Declares the exceptions and adds them to the module.
macro_rules! exceptions {
    ($($name:ident($base:ty) $doc:literal)*) => {
        /// The exceptions, each named as in Python.
        pub(crate) mod raised {
            use super::*;
            $(create_exception!(convofold, $name, $base, $doc);)*
        }

        pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add(stringify!($name), module.py().get_type::<raised::$name>())?;)*
            Ok(())
        }
    };
}

exceptions! {
    ConvofoldError(PyException) "What every exception of convofold is."
    ClosedError(ConvofoldError) "The store was closed."
    PoisonedError(ConvofoldError) "An earlier write failed. The store answers questions and takes no more writes; open it again."
    OpenError(ConvofoldError) "The store does not open."
    AlreadyOpenError(OpenError) "Another process, or this one, has the store open."
    NoStoreError(OpenError) "There is no store, and none was to be made."
    DamagedError(OpenError) "The store is damaged. Repair it, or restore it from a backup."
    CloseError(ConvofoldError) "The store was not closed in order. Its lock is released all the same, and what was durable stays so."
    SubmitError(ConvofoldError) "A batch was not taken. Nothing of it is in the log."
    QueueFullError(SubmitError) "The queue of the writer is full. Nothing of the batch is in the log."
    CommitError(ConvofoldError) "A batch that was taken is not committed."
    EventError(ConvofoldError) "What was given is no event."
    QueryError(ConvofoldError) "A question cannot be answered."
    ChangesError(ConvofoldError) "The change feed cannot go on."
    StorageError(ConvofoldError) "The storage underneath failed."
    ExportError(ConvofoldError) "The export did not come to its end."
    ReplayError(ConvofoldError) "The replay ended before its inputs did. What was committed up to there stays, and the same call goes on from there."
    TrimError(ConvofoldError) "The beginning of the log was not dropped."
    BackupError(ConvofoldError) "The backup was not made."
    RestoreError(ConvofoldError) "The store was not restored."
    RepairError(ConvofoldError) "The repair did not come about. The damaged store is as it was."
    VerifyError(ConvofoldError) "The verification could not be carried out."
    AuditError(ConvofoldError) "The audit could not be carried out."
}

/// An exception to be raised; made of any error of the Rust crate.
#[derive(Debug)]
pub(crate) struct Failure(PyErr);

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

/// The message with all causes.
pub(crate) fn message(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    message
}

/// Says which exception an error is raised as: the first whose pattern fits, else the last.
macro_rules! raise {
    ($($error:ty as $name:ident { $($pattern:pat => $special:ident),* $(,)? } $(transparent { $($inner:pat => $value:ident),* })?;)*) => {
        $(
            impl From<$error> for Failure {
                fn from(error: $error) -> Self {
                                        match error {
                        $($($inner => $value.into(),)*)?
                        $($pattern => Self(raised::$special::new_err(message(&error))),)*
                        _ => Self(raised::$name::new_err(message(&error))),
                    }
                }
            }
        )*
    };
}

raise! {
    OpenError as OpenError {
        OpenError::AlreadyOpen { .. } => AlreadyOpenError,
        OpenError::NotFound { .. } => NoStoreError,
        OpenError::Damaged { .. } => DamagedError,
        OpenError::Shortened { .. } => DamagedError,
        OpenError::NoCheckpoint { .. } => DamagedError,
        OpenError::Storage(StorageError::Value(_)) => DamagedError };
    SubmitError as SubmitError {
        SubmitError::Full(_) => QueueFullError,
        SubmitError::Closed => ClosedError,
        SubmitError::Poisoned { .. } => PoisonedError };
    CommitError as CommitError { CommitError::Closed => ClosedError, CommitError::Poisoned { .. } => PoisonedError };
    CloseError as CloseError { CloseError::Poisoned { .. } => PoisonedError };
    DraftError as EventError {};
    QueryError as QueryError {};
    StorageError as StorageError { StorageError::Closed => ClosedError };
    ChangesError as ChangesError { ChangesError::Closed => ClosedError } transparent {
        ChangesError::Storage(inner) => inner
    };
    IngestError as SubmitError {} transparent { IngestError::Submit(inner) => inner, IngestError::Commit(inner) => inner };
    ExportEventsError as ExportError {} transparent {
        ExportEventsError::Changes(inner) => inner,
        ExportEventsError::Storage(inner) => inner,
        ExportEventsError::Write(inner) => inner
    };
    TrimError as TrimError { TrimError::Closed => ClosedError } transparent { TrimError::Commit(inner) => inner };
    BackupError as BackupError { BackupError::Closed => ClosedError, BackupError::Poisoned(_) => PoisonedError };
    RestoreError as RestoreError {} transparent { RestoreError::Open(inner) => inner };
    RepairError as RepairError {} transparent { RepairError::Open(inner) => inner };
    VerifyError as VerifyError { VerifyError::Closed => ClosedError, VerifyError::Poisoned(_) => PoisonedError };
    AuditError as AuditError { AuditError::Closed => ClosedError, AuditError::Poisoned(_) => PoisonedError };
}

/// With what the file says as its cause; where the file is Python's, that is the exception it raised.
impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let exception = raised::ReplayError::new_err(message(&error));
        match error {
            ReplayError::Submit(inner) => return inner.into(),
            ReplayError::Commit(inner) => return inner.into(),
            ReplayError::Input { source, .. } => {
                let Self(cause) = source.into();
                Python::attach(|py| exception.set_cause(py, Some(cause)));
            }
            _ => {}
        }
        Self(exception)
    }
}

/// What a file or a writer says. An exception that a Python writer raised comes back as it was.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if let Some(code) = error.raw_os_error() {
            return Self(PyOSError::new_err((code, error.to_string())));
        }
        match error.downcast::<StorageError>() {
            Ok(error) => error.into(),
            // An exception of Python's is found in it.
            Err(error) => Self(error.into()),
        }
    }
}

/// The store is closed.
pub(crate) fn closed() -> Failure {
    Failure(raised::ClosedError::new_err("the store is closed"))
}

/// A value by its name.
pub(crate) fn named<T: FromStr<Err = UnknownName>>(name: &str) -> Result<T, Failure> {
    name.parse().map_err(|error: UnknownName| value_error(error.to_string()))
}

/// An argument cannot be what it is.
pub(crate) fn value_error(message: String) -> Failure {
    Failure(PyValueError::new_err(message))
}
