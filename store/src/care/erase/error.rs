//! Errors of an erasure.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use convofold_engine::ImageError;

use crate::care::rewrite::RewriteError;
use crate::care::rewrite::live::LiveError;
use crate::checkpoint::error::LoadError;
use crate::damage::Damage;
use crate::log::error::LogError;
use crate::open::error::OpenError;
use crate::storage::StorageError;
use crate::write::error::{CloseError, CommitError};

/// Why nothing was erased, or not everything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The database is in use, or cannot be opened. Nothing has changed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database could not be closed after a checkpoint was written. Nothing was erased.
    #[error("a checkpoint could not be written before the erasure")]
    Close(#[from] CloseError),
    /// Conversations are open, and their later events would make conversations under the ids of before. Nothing has changed.
    /// Close them, or erase them with [`Erase::open_too`](super::Erase::open_too).
    #[error("{conversations} of the conversations are still open")]
    StillOpen {
        /// Their number.
        conversations: u64,
    },
    /// There is no usable checkpoint with all events of the log. Open and close the database, and try again. Nothing has
    /// changed.
    #[error("the newest checkpoint cannot be used, or does not contain all of the log")]
    Unsaved,
    /// A legal hold keeps some of the conversations, or a subject ([`Convofold::hold`](crate::Convofold::hold)). Nothing has
    /// changed.
    #[error("a legal hold keeps {}", kept(*conversations))]
    Held {
        /// How many. 0 if it has a subject of whom there is no conversation: the files beside the storage can be about it.
        conversations: u64,
    },
    /// The storage is being written again by a compaction or another erasure, or the log is being read from its beginning by a
    /// verification, a backup or an export. Try again when it has ended. Nothing has changed.
    #[error("the storage is being written again, or the log is being read from its beginning")]
    InUse,
    /// While copies were written, events arrived again and again for conversations that were to be erased, or checkpoints were
    /// requested. Nothing has changed.
    #[error("events of erased conversations arrived while the storage was copied, {copies} times")]
    Busy {
        /// Number of copies that were begun.
        copies: u32,
    },
    /// The directory was moved while the database is open, or its path was relative and the process has another working
    /// directory: nothing at this path belongs to this database. Nothing has changed.
    #[error("the directory {} is no longer that of this database", dir.display())]
    Displaced {
        /// The path with which the database was opened.
        dir: PathBuf,
    },
    /// The file system has less room than a copy may need. Nothing has changed.
    #[error("a copy needs up to {needed_bytes} bytes, and {free_bytes} are free in {}", dir.display())]
    NoSpace {
        /// The directory of the database.
        dir: PathBuf,
        /// Length of the storage.
        needed_bytes: u64,
        /// What is free.
        free_bytes: u64,
    },
    /// The storage cannot be read, or the copy cannot be written. Nothing has changed.
    #[error("the copy failed")]
    Storage(#[from] StorageError),
    /// The storage of an open database cannot be read, or the copy cannot be written. Nothing has changed.
    #[error("the copy failed")]
    Copy(#[source] Arc<StorageError>),
    /// Writing to an open database failed. Everything is erased, or nothing is; the next opening uses what is there.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Something of the subject would be left, so the copy is not used. Nothing has changed.
    #[error("the erasure would leave something: {what}")]
    Left {
        /// What, without naming the subject.
        what: String,
    },
    /// Another file of the directory contains something of the subject. Remove it, and try again. Nothing has changed, except what
    /// [`Erase::beside`](super::Erase::beside) removed.
    #[error("{}, line {line}, contains an id, a number or a text of what is to be erased", file.display())]
    Beside {
        /// The file.
        file: PathBuf,
        /// The number of the line, from 1.
        line: u64,
    },
    /// The directory contains a compressed file, or another storage, in which nobody can search. Move it to another place, where it
    /// is a copy like a backup, or remove it. Nothing has changed.
    #[error("{} is compressed, and may contain what is to be erased", path.display())]
    Unsearchable {
        /// The file, or the folder of the storage.
        path: PathBuf,
    },
    /// A bookmark of the host contains something of the subject. Set another value, or remove the bookmark, and try again: values
    /// of before are erased. Nothing has changed.
    #[error("the bookmark {name} contains an id, a number or a text of what is to be erased")]
    InBookmark {
        /// Its name, quoted; `(name)` if the name contains it.
        name: String,
    },
    /// Writing HEAD failed. Everything is erased, or nothing is; the next opening removes the storage that is not used.
    #[error("moving to the erased storage failed")]
    Move(#[source] io::Error),
    /// The database is erased, and the storage of before cannot be removed. The next opening tries again.
    #[error("the database is erased, and {} cannot be removed", folder.display())]
    Remains {
        /// The folder of the storage.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

fn kept(conversations: u64) -> String {
    match conversations {
        0 => "the subject, of whom there is no conversation".to_owned(),
        conversations => format!("{conversations} of the conversations"),
    }
}

impl From<RewriteError> for EraseError {
    fn from(error: RewriteError) -> Self {
        match error {
            RewriteError::Unsaved => Self::Unsaved,
            RewriteError::Storage(error) => error.into(),
        }
    }
}

impl From<LogError> for EraseError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { why, .. } => StorageError::Value(why).into(),
            LogError::Storage(error) => error.into(),
        }
    }
}

impl From<ImageError> for EraseError {
    fn from(error: ImageError) -> Self {
        StorageError::Value(Damage::Conversation(error)).into()
    }
}

impl From<LiveError> for EraseError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::InUse => Self::InUse,
            LiveError::Busy { copies } => Self::Busy { copies },
            LiveError::Unsaved => Self::Unsaved,
            LiveError::NoSpace { dir, needed_bytes, free_bytes } => Self::NoSpace { dir, needed_bytes, free_bytes },
            LiveError::Displaced { dir } => Self::Displaced { dir },
            LiveError::Copy(error) => Self::Copy(error),
            LiveError::Open(error) => Self::Open(error),
            LiveError::Commit(error) => Self::Commit(error),
            LiveError::Remains { folder, source } => Self::Remains { folder, source },
        }
    }
}

impl From<LoadError> for EraseError {
    fn from(error: LoadError) -> Self {
        if let LoadError::Storage(error) = error { error.into() } else { Self::Unsaved }
    }
}
