//! Errors of a run of retention.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::rules::NeedsLog;
use crate::care::rewrite::RewriteError;
use crate::care::rewrite::live::LiveError;
use crate::care::trim::TrimError;
use crate::checkpoint::error::LoadError;
use crate::log::error::LogError;
use crate::open::error::OpenError;
use crate::storage::StorageError;
use crate::write::error::{CloseError, CommitError};

/// Why a run of retention removed nothing, or not everything. The log may have been trimmed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetainError {
    /// The rules do not fit together. Nothing has changed.
    #[error(transparent)]
    Rules(#[from] NeedsLog),
    /// The database, or the copy, cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log was not trimmed. Nothing has changed, except with [`TrimError::Commit`].
    #[error(transparent)]
    Trim(#[from] TrimError),
    /// The database could not be closed after the run, which is complete.
    #[error("the database could not be closed after the run")]
    Close(#[from] CloseError),
    /// The storage is being written again by a compaction, an erasure or another run, or the log is being read from its beginning
    /// by a verification, a backup or an export. Try again when it has ended.
    #[error("the storage is being written again, or the log is being read from its beginning")]
    InUse,
    /// While copies were written, events with old texts arrived again and again, or checkpoints were requested.
    #[error("old events arrived or checkpoints were requested while the storage was copied, {copies} times")]
    Busy {
        /// Number of copies that were begun.
        copies: u32,
    },
    /// The newest checkpoint cannot be used. Open and close the database, and try again.
    #[error("the newest checkpoint cannot be used, or does not contain all of the log")]
    Unsaved,
    /// The file system has less room than a copy may need.
    #[error("a copy needs up to {needed_bytes} bytes, and {free_bytes} are free in {}", dir.display())]
    NoSpace {
        /// The directory of the database.
        dir: PathBuf,
        /// Length of the storage.
        needed_bytes: u64,
        /// What is free.
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
    Storage(#[source] Arc<StorageError>),
    /// The copy would not be what the rules say, so it is not used.
    #[error("the run would leave something: {what}")]
    Left {
        /// What.
        what: String,
    },
    /// Writing failed. Everything of the run is done, or nothing; the next opening uses what is there.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The run is complete, and the storage of before cannot be removed. The next opening tries again.
    #[error("the run is complete, and {} cannot be removed", folder.display())]
    Remains {
        /// The folder of the storage.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl From<StorageError> for RetainError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<RewriteError> for RetainError {
    fn from(error: RewriteError) -> Self {
        match error {
            RewriteError::Unsaved => Self::Unsaved,
            RewriteError::Storage(error) => error.into(),
        }
    }
}

impl From<LogError> for RetainError {
    fn from(error: LogError) -> Self {
        RewriteError::from(error).into()
    }
}

impl From<LoadError> for RetainError {
    fn from(error: LoadError) -> Self {
        RewriteError::from(error).into()
    }
}

impl From<LiveError> for RetainError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::InUse => Self::InUse,
            LiveError::Busy { copies } => Self::Busy { copies },
            LiveError::Unsaved => Self::Unsaved,
            LiveError::NoSpace { dir, needed_bytes, free_bytes } => Self::NoSpace { dir, needed_bytes, free_bytes },
            LiveError::Displaced { dir } => Self::Displaced { dir },
            LiveError::Copy(error) => Self::Storage(error),
            LiveError::Open(error) => Self::Open(error),
            LiveError::Commit(error) => Self::Commit(error),
            LiveError::Remains { folder, source } => Self::Remains { folder, source },
        }
    }
}
