//! Errors of backup and restore.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use convofold_engine::{ImageError, Seq};

use crate::care::erase::EraseError;
use crate::damage::Damage;
use crate::log::error::LogError;
use crate::open::error::OpenError;
use crate::state::base::BaseError;
use crate::storage::StorageError;
use crate::write::error::{CloseError, CommitError};

/// Why a backup file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupFileError {
    /// A file operation failed.
    #[error("{doing} {} failed", .path.display())]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is damaged, or is not a backup.
    #[error("{} is damaged at byte {at_byte}, or is not a backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The offset of the damaged frame, in bytes.
        at_byte: u64,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// The events do not fold to the state at the end of the file. A bug in convofold: please report it.
    #[error("{}: expected {what} {expected}, but its events fold to {found}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The value that differs.
        what: &'static str,
        /// The value at the end of the file.
        expected: String,
        /// The value that the events fold to.
        found: String,
    },
}

/// Why no backup was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file with that name already exists. It was not changed.
    #[error("{} already exists", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("{doing} {} failed", .path.display())]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The earlier backup cannot be read.
    #[error("cannot continue from the earlier backup")]
    Since(#[source] BackupFileError),
    /// The log does not contain the position at which the earlier backup ends. The earlier backup is of another
    /// database, or of this database before it was restored to an earlier state. Make a complete backup.
    #[error("{} ends with event {seq} of another log", .since.display())]
    Diverged {
        /// The earlier backup.
        since: PathBuf,
        /// The seq of its last event.
        seq: Seq,
    },
    /// The log was written again by an erasure after the earlier backup. Make a complete backup, and delete those from before.
    #[error("{} ends with event {seq}, which erasure {number} has replaced or chained again", .since.display())]
    Erased {
        /// The earlier backup.
        since: PathBuf,
        /// The seq of its last event.
        seq: Seq,
        /// The number of the erasure.
        number: u64,
    },
    /// The log was written again by a run of retention after the earlier backup. Make a complete backup, and delete those from
    /// before.
    #[error("{} ends with event {seq}, which run {number} of retention has replaced or chained again", .since.display())]
    Retained {
        /// The earlier backup.
        since: PathBuf,
        /// The seq of its last event.
        seq: Seq,
        /// The number of the run.
        number: u64,
    },
    /// The events after the earlier backup were dropped from the log. Make a complete backup.
    #[error("{} ends with event {seq}, but the log begins with event {first_seq}", .since.display())]
    Dropped {
        /// The earlier backup.
        since: PathBuf,
        /// The seq of its last event.
        seq: Seq,
        /// The seq of the first event in the log.
        first_seq: Seq,
    },
    /// The log is damaged, so that a complete copy is not possible.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The number of the block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// The backup was written, but reading it again found an error. The file was removed.
    #[error("the check of the written backup failed")]
    Written(#[source] BackupFileError),
    /// The process that holds the database did not send the whole backup.
    #[error("{why}")]
    Remote {
        /// What it answered, or how the connection ended.
        why: String,
        /// Whether the log is damaged.
        is_damaged: bool,
    },
    /// The database was closed before or during the backup.
    #[error("the database is closed")]
    Closed,
    /// An earlier write failed. Open the database again.
    #[error("an earlier write failed; open the database again")]
    Poisoned(#[source] Arc<StorageError>),
    /// The storage failed.
    #[error("the storage failed")]
    Storage(#[source] StorageError),
    /// The stored facts of a conversation do not form valid events. They replace the events that were dropped from the
    /// log.
    #[error("the stored facts of a conversation are invalid")]
    Image(#[from] ImageError),
}

/// Why nothing was restored. The directory then contains no database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// No backup file was given.
    #[error("no backup file was given")]
    NoFile,
    /// A backup file cannot be used.
    #[error(transparent)]
    File(#[from] BackupFileError),
    /// The first file is an incremental backup.
    #[error("{} is incremental: the backup that it continues has to come first", .path.display())]
    NotComplete {
        /// The file.
        path: PathBuf,
    },
    /// A file does not continue the one before it.
    #[error("{} begins with event {found} and does not continue the file before it, which ends with event {expected}", .path.display())]
    NotNext {
        /// The file.
        path: PathBuf,
        /// The seq of the last event of the file before.
        expected: Seq,
        /// The seq of the first event of this file.
        found: Seq,
    },
    /// The restored database differs from the end of the last file. A bug in convofold, or a fault of the machine.
    #[error("the restored database is wrong: expected {what} {expected}, found {found}")]
    State {
        /// The value that differs.
        what: &'static str,
        /// The value at the end of the last file.
        expected: String,
        /// The value in the restored database.
        found: String,
    },
    /// The directory is not empty, or the new database cannot be created or opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What was erased cannot be erased again from the restored database.
    #[error("what the ledger knows cannot be erased")]
    Erase(#[source] Box<EraseError>),
    /// The restored database cannot be closed.
    #[error("cannot close the restored database")]
    Close(#[from] CloseError),
    /// The storage failed.
    #[error("the storage failed")]
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
            // A snapshot is taken of a database that is open read-only, too.
            CommitError::Closed | CommitError::ReadOnly | CommitError::Remote { .. } => Self::Closed,
            CommitError::Poisoned { cause } | CommitError::Unstorable { cause } => Self::Poisoned(cause),
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
