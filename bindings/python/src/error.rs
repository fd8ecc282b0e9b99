//! Exceptions: one for each error of the Rust crate. The package declares them in Python. The message includes the chain of
//! causes.

use std::error::Error;

use convofold::audit::AuditError;
use convofold::backup::{BackupError, RestoreError};
use convofold::diff::DiffError;
use convofold::erase::EraseError;
use convofold::repair::RepairError;
use convofold::replay::{FindError, ReplayError};
use convofold::retention::RetainError;
use convofold::verify::VerifyError;
use convofold::{
    ChangesError, CloseError, CommitError, DraftError, ExportEventsError, HoldError, IngestError, MarkError,
    MomentError, OpenError, PageError, QueryError, ReportError, ReportParamError, RewriteError, StorageError,
    SubmitError, TrimError,
};
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;

/// The exceptions of `convofold/__init__.py`.
mod raised {
    macro_rules! import {
        ($($name:ident)*) => {
            $(pyo3::import_exception!(convofold, $name);)*
        };
    }

    import! {
        AlreadyOpenError AuditError BackupError ChangesError CloseError ClosedError CommitError CompactError DamagedError
        DiffError EraseError EventError ExportError HoldError MomentError NotFoundError OpenError PoisonedError QueryError
        QueueFullError RepairError ReplayError RestoreError RetainError StorageError SubmitError TrimError VerifyError
    }
}

/// An exception to raise, converted from any error of the Rust crate.
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

/// The message with the chain of causes.
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

/// Declares as which exception an error is raised: that of the first pattern that matches, otherwise that of its type.
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
        OpenError::NotFound { .. } => NotFoundError,
        OpenError::Damaged { .. } => DamagedError,
        OpenError::Shortened { .. } => DamagedError,
        OpenError::NoCheckpoint { .. } => DamagedError,
        OpenError::Incomplete { .. } => DamagedError,
        OpenError::DamagedRecord { .. } => DamagedError,
        OpenError::Storage(StorageError::Value(_)) => DamagedError };
    SubmitError as SubmitError {
        SubmitError::Full(_) => QueueFullError,
        SubmitError::Closed => ClosedError,
        SubmitError::Poisoned { .. } => PoisonedError };
    CommitError as CommitError { CommitError::Closed => ClosedError, CommitError::Poisoned { .. } => PoisonedError };
    CloseError as CloseError { CloseError::Poisoned { .. } => PoisonedError };
    DraftError as EventError {};
    QueryError as QueryError {};
    PageError as QueryError {} transparent { PageError::Query(inner) => inner, PageError::Storage(inner) => inner };
    StorageError as StorageError { StorageError::Closed => ClosedError, StorageError::Expired { .. } => MomentError };
    ReportError as QueryError {} transparent { ReportError::Storage(inner) => inner };
    MomentError as MomentError { MomentError::Mark(MarkError::Closed) => ClosedError } transparent {
        MomentError::Storage(inner) => inner
    };
    ChangesError as ChangesError {
        ChangesError::Closed => ClosedError,
        ChangesError::Poisoned { .. } => PoisonedError } transparent {
        ChangesError::Storage(inner) => inner
    };
    DiffError as DiffError {} transparent { DiffError::Storage(inner) => inner };
    IngestError as SubmitError {} transparent { IngestError::Submit(inner) => inner, IngestError::Commit(inner) => inner };
    ExportEventsError as ExportError {} transparent {
        ExportEventsError::Changes(inner) => inner,
        ExportEventsError::Storage(inner) => inner,
        ExportEventsError::Write(inner) => inner
    };
    TrimError as TrimError { TrimError::Closed => ClosedError } transparent { TrimError::Commit(inner) => inner };
    EraseError as EraseError {} transparent { EraseError::Rewrite(RewriteError::Commit(inner)) => inner };
    RetainError as RetainError {} transparent { RetainError::Rewrite(RewriteError::Commit(inner)) => inner };
    HoldError as HoldError {} transparent { HoldError::Commit(inner) => inner };
    RewriteError as CompactError {} transparent { RewriteError::Commit(inner) => inner };
    BackupError as BackupError { BackupError::Closed => ClosedError, BackupError::Poisoned(_) => PoisonedError };
    RestoreError as RestoreError {} transparent { RestoreError::Open(inner) => inner };
    RepairError as RepairError {} transparent { RepairError::Open(inner) => inner };
    VerifyError as VerifyError { VerifyError::Closed => ClosedError, VerifyError::Poisoned(_) => PoisonedError };
    AuditError as AuditError { AuditError::Closed => ClosedError, AuditError::Poisoned(_) => PoisonedError };
}

/// The cause is the error of the file; for a Python file, the exception that it raised.
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

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        let exception = raised::ReplayError::new_err(message(&error));
        if let FindError::NotFound { path } = &error {
            let cause = PyFileNotFoundError::new_err(path.display().to_string());
            Python::attach(|py| exception.set_cause(py, Some(cause)));
        }
        Self(exception)
    }
}

impl Failure {
    /// A file object of this name raised an exception while a replay read it.
    pub(crate) fn of_file(py: Python<'_>, name: &str, cause: PyErr) -> Self {
        let exception = raised::ReplayError::new_err(format!("cannot read {name}: {cause}"));
        exception.set_cause(py, Some(cause));
        Self(exception)
    }
}

/// The error of a file. An exception that a Python file raised is raised unchanged.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if let Some(code) = error.raw_os_error() {
            return Self(PyOSError::new_err((code, error.to_string())));
        }
        match error.downcast::<StorageError>() {
            Ok(error) => error.into(),
            // It can contain a Python exception.
            Err(error) => Self(error.into()),
        }
    }
}

/// A text that asks for no report.
impl From<ReportParamError> for Failure {
    fn from(error: ReportParamError) -> Self {
        value_error(error.to_string())
    }
}

/// The database is closed.
pub(crate) fn closed() -> Failure {
    Failure(raised::ClosedError::new_err("the database is closed"))
}

/// An argument has an invalid value.
pub(crate) fn value_error(message: String) -> Failure {
    Failure(PyValueError::new_err(message))
}
