//! What can go wrong with backups.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use convofold_engine::{ImageError, Seq};

use crate::damage::Damage;
use crate::log::error::LogError;
use crate::open::error::OpenError;
use crate::state::base::BaseError;
use crate::storage::StorageError;
use crate::write::error::{CloseError, CommitError};

/// Why a file is no good backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupFileError {
    /// The operating system refused.
    #[error("{doing} {} failed", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what was written, or was never a backup.
    #[error("{} is damaged at byte {at_byte}, or is no backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where what is wrong begins.
        at_byte: u64,
        /// What is wrong.
        #[source]
        why: Damage,
    },
    /// Its events do not give what its end says. A fault of convofold: please report it.
    #[error("{}: expected the {what} {expected}, but its events give {found}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What does not agree.
        what: &'static str,
        /// What the end says.
        expected: String,
        /// What the events give.
        found: String,
    },
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is a file with that name. It was not touched.
    #[error("{} is there already", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{doing} {} failed", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The earlier backup cannot be read.
    #[error("the earlier backup cannot be gone on from")]
    Since(#[source] BackupFileError),
    /// The log does not have the place where the earlier backup ends: that is one of another database, or of this one
    /// before it was restored to an earlier state. Make a complete backup.
    #[error("this database does not have event {seq} as {} ends with it", .since.display())]
    Diverged {
        /// The earlier backup.
        since: PathBuf,
        /// The last event in it.
        seq: Seq,
    },
    /// The log no longer has the events after the earlier backup. Make a complete one.
    #[error("{} ends with event {seq}, and the log begins with event {first_seq}", .since.display())]
    Dropped {
        /// The earlier backup.
        since: PathBuf,
        /// The last event in it.
        seq: Seq,
        /// The first event in the log.
        first_seq: Seq,
    },
    /// The log is damaged. A backup of what cannot be read would be worth nothing.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// What was written is not what was read again.
    #[error("the backup was written, and is wrong when read again")]
    Written(#[source] BackupFileError),
    /// The store was closed, before or meanwhile.
    #[error("the store is closed")]
    Closed,
    /// An earlier write failed. Open the store again.
    #[error("an earlier write failed; open the store again")]
    Poisoned(#[source] Arc<StorageError>),
    /// The storage underneath failed.
    #[error("the storage underneath failed")]
    Storage(#[source] StorageError),
    /// Of events that were dropped from the log, what a conversation remembers is not what they were.
    #[error("the memory of a conversation is damaged")]
    Image(#[from] ImageError),
}

/// Why nothing was restored. There is no store in the directory then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// No file was named.
    #[error("there is nothing to restore from")]
    NoFile,
    /// A file is no good backup.
    #[error(transparent)]
    File(#[from] BackupFileError),
    /// The first file is an incremental backup.
    #[error("{} goes on from another backup, which has to come first", .path.display())]
    NotComplete {
        /// The file.
        path: PathBuf,
    },
    /// A file does not go on where the one before ends.
    #[error("{} does not go on from the file before it, which ends with event {expected}", .path.display())]
    NotNext {
        /// The file.
        path: PathBuf,
        /// The last event of the file before.
        expected: Seq,
        /// The event with which this one begins.
        found: Seq,
    },
    /// The new store does not hold what the last file says. A fault of convofold, or of the machine.
    #[error("the restored store is wrong: expected the {what} {expected}, found {found}")]
    State {
        /// What does not agree.
        what: &'static str,
        /// What the file says.
        expected: String,
        /// What the store says.
        found: String,
    },
    /// The directory is not empty, or the new store cannot be made there or does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new store does not close.
    #[error("the restored store does not close")]
    Close(#[from] CloseError),
    /// The storage underneath failed.
    #[error("the storage underneath failed")]
    Storage(#[from] StorageError),
}

impl BackupFileError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

impl BackupError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

impl From<CommitError> for BackupError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Closed => Self::Closed,
            CommitError::Poisoned { cause } => Self::Poisoned(cause),
        }
    }
}

impl From<BaseError> for BackupError {
    fn from(error: BaseError) -> Self {
        match error {
            BaseError::Image(error) => Self::Image(error),
            BaseError::Storage(StorageError::Closed) => Self::Closed,
            BaseError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<LogError> for BackupError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { block_no, seq, why } => Self::Damaged { block_no, seq, why },
            LogError::Storage(StorageError::Closed) => Self::Closed,
            LogError::Storage(error) => Self::Storage(error),
        }
    }
}
