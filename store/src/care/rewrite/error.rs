//! The error of a rewriting.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use convofold_engine::ImageError;

use crate::checkpoint::error::LoadError;
use crate::damage::Damage;
use crate::log::error::LogError;
use crate::open::error::OpenError;
use crate::storage::StorageError;
use crate::write::error::CommitError;

/// Why the storage was not written again by a compaction, an erasure or a run of retention. Nothing has changed, except with
/// [`RewriteError::Commit`] and [`RewriteError::Remains`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// A compaction, an erasure or a run of retention is writing the storage again, or the log is being trimmed. An erasure and
    /// a run of retention also end if the log is being read from its beginning, by a verification, a backup or an export. Try
    /// again when it has ended.
    #[error("the storage is being written again, or the log is being trimmed or read from its beginning")]
    InUse,
    /// While copies were written, checkpoints were requested again and again, or events arrived that an erasure or a run of
    /// retention must remove.
    #[error("checkpoints were requested or events to be removed arrived while the storage was copied, {copies} times")]
    Busy {
        /// Number of copies that were begun.
        copies: u32,
    },
    /// There is no usable checkpoint with all events of the log. Open and close the database, and try again.
    #[error("the newest checkpoint cannot be used, or does not contain all of the log")]
    Unsaved,
    /// The file system has less room than a copy may need.
    #[error("a copy needs up to {needed_bytes} bytes, and {free_bytes} are free in {}", dir.display())]
    NoSpace {
        /// The directory of the database.
        dir: PathBuf,
        /// Length of the storage, in bytes.
        needed_bytes: u64,
        /// What is free, in bytes.
        free_bytes: u64,
    },
    /// The directory was moved while the database is open, or its path was relative and the process has another working
    /// directory: nothing at this path belongs to this database.
    #[error("the directory {} is no longer that of this database", dir.display())]
    Displaced {
        /// The path with which the database was opened.
        dir: PathBuf,
    },
    /// The storage cannot be read, or the copy cannot be written.
    #[error("the copy failed")]
    Copy(#[source] Arc<StorageError>),
    /// The copy cannot be opened.
    #[error("the copy cannot be opened")]
    Open(#[source] OpenError),
    /// Writing failed. The next opening finds the database as it was, or the copy.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The database uses the copy, and the old storage cannot be removed. The next opening tries again.
    #[error("the database uses the copy, and the old storage {} cannot be removed", folder.display())]
    Remains {
        /// The folder of the old storage.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl From<StorageError> for RewriteError {
    fn from(error: StorageError) -> Self {
        Self::Copy(Arc::new(error))
    }
}

impl From<ImageError> for RewriteError {
    fn from(error: ImageError) -> Self {
        StorageError::Value(Damage::Conversation(error)).into()
    }
}

impl From<LogError> for RewriteError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { why, .. } => StorageError::Value(why).into(),
            LogError::Storage(error) => error.into(),
        }
    }
}

impl From<LoadError> for RewriteError {
    fn from(error: LoadError) -> Self {
        if let LoadError::Storage(error) = error { error.into() } else { Self::Unsaved }
    }
}
