//! Errors as C receives them: a code and a message.

use std::error::Error as StdError;
use std::io;

use convofold::audit::AuditError;
use convofold::backup::{BackupError, BackupFileError, RestoreError};
use convofold::diff::DiffError;
use convofold::erase::EraseError;
use convofold::repair::RepairError;
use convofold::replay::{FindError, ReplayError};
use convofold::retention::RetainError;
use convofold::verify::VerifyError;
use convofold::{
    ChangesError, CloseError, CommitError, ExportEventsError, HoldError, IngestError, MarkError, MomentError,
    OpenError, PageError, QueryError, ReportError, ReportParamError, RewriteError, StorageError, SubmitError,
    TrimError, WhenError,
};

use crate::error::Error;

/// An error code and a message.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(error: Error, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }

    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::new(Error::InvalidArgument, message)
    }
}

/// An error of the `convofold` crate.
trait Kind: StdError {
    fn kind(&self) -> Error;
}

impl<E: Kind + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.kind(), chain(&error))
    }
}

/// The error and its causes. A cause that the text already ends with is not repeated.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

impl Kind for io::Error {
    fn kind(&self) -> Error {
        // The store wraps its own errors in an `io::Error` when it writes an export.
        let inner = self.get_ref().and_then(|inner| inner.downcast_ref::<StorageError>());
        match inner {
            Some(error) => error.kind(),
            None if io::Error::kind(self) == io::ErrorKind::NotFound => Error::NotFound,
            None => Error::Io,
        }
    }
}

impl Kind for StorageError {
    fn kind(&self) -> Error {
        match self {
            Self::Closed => Error::Closed,
            Self::Replaced => Error::Busy,
            Self::Expired { .. } => Error::BadMoment,
            Self::Value(_) | Self::Unreadable { .. } | Self::BrokenTree => Error::Damaged,
            _ => Error::Io,
        }
    }
}

impl Kind for OpenError {
    fn kind(&self) -> Error {
        match self {
            Self::AlreadyOpen { .. } => Error::AlreadyOpen,
            Self::NotFound { .. } => Error::NotFound,
            Self::NotAStore { .. } | Self::NotEmpty { .. } => Error::Exists,
            Self::UnknownFormat { .. } | Self::OtherRevision { .. } => Error::UnknownFormat,
            Self::Damaged { .. }
            | Self::Shortened { .. }
            | Self::NoCheckpoint { .. }
            | Self::Incomplete { .. }
            | Self::DamagedRecord { .. } => Error::Damaged,
            Self::Storage(error) => error.kind(),
            Self::Io { .. } | Self::NoSpace { .. } => Error::Io,
            _ => Error::Other,
        }
    }
}

impl Kind for SubmitError {
    fn kind(&self) -> Error {
        match self {
            Self::Full(_) => Error::Busy,
            Self::Closed => Error::Closed,
            Self::ReadOnly => Error::ReadOnly,
            Self::Poisoned { .. } => Error::Poisoned,
            Self::TooLarge { .. } => Error::TooLarge,
            _ => Error::Other,
        }
    }
}

impl Kind for CommitError {
    fn kind(&self) -> Error {
        match self {
            Self::Closed => Error::Closed,
            Self::ReadOnly => Error::ReadOnly,
            Self::Poisoned { .. } => Error::Poisoned,
            Self::Unstorable { .. } => Error::TooLarge,
            _ => Error::Other,
        }
    }
}

impl Kind for CloseError {
    fn kind(&self) -> Error {
        match self {
            Self::Poisoned { .. } => Error::Poisoned,
            _ => Error::Internal,
        }
    }
}

impl Kind for IngestError {
    fn kind(&self) -> Error {
        match self {
            Self::Submit(error) => error.kind(),
            Self::Commit(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for ReplayError {
    fn kind(&self) -> Error {
        match self {
            Self::Input { source, .. } => Kind::kind(source),
            Self::OtherZone { .. } => Error::InvalidArgument,
            Self::Thread(_) => Error::Io,
            Self::Panicked { .. } => Error::Internal,
            Self::Submit(error) => error.kind(),
            Self::Commit(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for QueryError {
    fn kind(&self) -> Error {
        Error::BadCursor
    }
}

impl Kind for PageError {
    fn kind(&self) -> Error {
        match self {
            Self::Query(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for WhenError {
    fn kind(&self) -> Error {
        Error::BadMoment
    }
}

impl Kind for MomentError {
    fn kind(&self) -> Error {
        match self {
            Self::Mark(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            _ => Error::BadMoment,
        }
    }
}

impl Kind for MarkError {
    fn kind(&self) -> Error {
        match self {
            Self::BeforeFirst { .. } | Self::Empty => Error::BadMoment,
            Self::Damaged { .. } => Error::Damaged,
            Self::Closed => Error::Closed,
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for FindError {
    fn kind(&self) -> Error {
        match self {
            Self::NotFound { .. } | Self::NoMatch { .. } => Error::NotFound,
            Self::Pattern { .. } => Error::InvalidArgument,
            _ => Error::Io,
        }
    }
}

impl Kind for ChangesError {
    fn kind(&self) -> Error {
        match self {
            Self::Closed => Error::Closed,
            Self::Poisoned { .. } => Error::Poisoned,
            Self::Dropped { .. } => Error::Dropped,
            Self::Damaged { .. } => Error::Damaged,
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for ExportEventsError {
    fn kind(&self) -> Error {
        match self {
            Self::Image(_) => Error::Damaged,
            Self::Storage(error) => error.kind(),
            Self::Changes(error) => error.kind(),
            Self::Write(error) => Kind::kind(error),
            _ => Error::Other,
        }
    }
}

impl Kind for TrimError {
    fn kind(&self) -> Error {
        match self {
            Self::InUse => Error::Busy,
            Self::Checkpoint { .. } | Self::Damaged { .. } => Error::Damaged,
            Self::Closed => Error::Closed,
            Self::Storage(error) => error.kind(),
            Self::Commit(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for EraseError {
    fn kind(&self) -> Error {
        match self {
            Self::Held { .. } | Self::StillOpen { .. } => Error::Held,
            Self::Move(_) => Error::Io,
            Self::Open(error) => error.kind(),
            Self::Rewrite(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for RetainError {
    fn kind(&self) -> Error {
        match self {
            Self::Rules(_) => Error::InvalidArgument,
            Self::Open(error) => error.kind(),
            Self::Trim(error) => error.kind(),
            Self::Rewrite(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for HoldError {
    fn kind(&self) -> Error {
        match self {
            Self::Reason { .. } => Error::InvalidArgument,
            Self::Unknown { .. } => Error::NotFound,
            Self::Commit(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for RewriteError {
    fn kind(&self) -> Error {
        match self {
            Self::InUse | Self::Busy { .. } => Error::Busy,
            Self::NoSpace { .. } | Self::Displaced { .. } | Self::Remains { .. } => Error::Io,
            Self::Copy(error) => error.kind(),
            Self::Open(error) => error.kind(),
            Self::Commit(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for BackupFileError {
    fn kind(&self) -> Error {
        match self {
            Self::Io { source, .. } => Kind::kind(source),
            Self::Damaged { .. } => Error::Damaged,
            Self::State { .. } => Error::Internal,
            _ => Error::Other,
        }
    }
}

impl Kind for BackupError {
    fn kind(&self) -> Error {
        match self {
            Self::Exists { .. } => Error::Exists,
            Self::Io { source, .. } => Kind::kind(source),
            Self::Since(error) => error.kind(),
            Self::Dropped { .. } => Error::Dropped,
            Self::Damaged { .. } | Self::Image(_) => Error::Damaged,
            Self::Written(_) => Error::Io,
            Self::Closed => Error::Closed,
            Self::Poisoned(_) => Error::Poisoned,
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for RestoreError {
    fn kind(&self) -> Error {
        match self {
            Self::NoFile | Self::NotComplete { .. } | Self::NotNext { .. } => Error::InvalidArgument,
            Self::File(error) => error.kind(),
            Self::State { .. } => Error::Internal,
            Self::Open(error) => error.kind(),
            Self::Close(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for RepairError {
    fn kind(&self) -> Error {
        match self {
            Self::Nothing { .. } => Error::NotFound,
            Self::Open(error) => error.kind(),
            Self::Submit(error) => error.kind(),
            Self::Commit(error) => error.kind(),
            Self::Close(error) => error.kind(),
            Self::Different { .. } => Error::Internal,
            _ => Error::Other,
        }
    }
}

impl Kind for DiffError {
    fn kind(&self) -> Error {
        match self {
            Self::NoConversation { .. } => Error::NotFound,
            Self::Temporary(_) => Error::Io,
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for ReportError {
    fn kind(&self) -> Error {
        match self {
            Self::Query(_) => Error::InvalidArgument,
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for ReportParamError {
    fn kind(&self) -> Error {
        Error::InvalidArgument
    }
}

impl Kind for VerifyError {
    fn kind(&self) -> Error {
        match self {
            Self::Closed => Error::Closed,
            Self::Poisoned(_) => Error::Poisoned,
            Self::EndMark(_) => Error::Io,
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}

impl Kind for AuditError {
    fn kind(&self) -> Error {
        match self {
            Self::Damaged { .. } | Self::Image(_) => Error::Damaged,
            Self::Trimmed => Error::Busy,
            Self::Closed => Error::Closed,
            Self::Poisoned(_) => Error::Poisoned,
            Self::Stopped => Error::Stopped,
            Self::Storage(error) => error.kind(),
            _ => Error::Other,
        }
    }
}
