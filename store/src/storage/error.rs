//! Errors of the storage.

use std::error::Error;
use std::io;

use convofold_engine::Time;

/// Bytes could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// An operation of the operating system failed.
    #[error("{doing} failed")]
    Io {
        /// The operation.
        doing: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// An operation of sled failed.
    #[error("sled: {doing} failed")]
    Sled {
        /// The operation.
        doing: &'static str,
        /// sled's error. Its type is not part of this interface.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The code below panicked. The most likely cause is sled reading a damaged file.
    #[error("panicked: {message}")]
    Panicked {
        /// The panic message.
        message: String,
    },
    /// A value cannot be encoded.
    #[error("a value cannot be encoded")]
    Encoding(#[source] crate::Damage),
    /// A stored value is damaged.
    #[error("a stored value is damaged")]
    Value(#[source] crate::Damage),
    /// A message in sled's file is damaged, and the database is open read-only.
    #[error("the message at byte {at_byte} of sled's file is damaged")]
    Unreadable {
        /// Offset of the message, in bytes.
        at_byte: u64,
    },
    /// The nodes of a tree in sled's file do not fit together, and the database is open read-only.
    #[error("a tree in sled's file is damaged")]
    BrokenTree,
    /// Retention removed conversations of this time, so there is no answer about it (rule R3). One conversation that is still there
    /// can be asked about.
    #[error("conversations that ended before {before} were removed: ask about that time or a later one")]
    Expired {
        /// The time from which on there are answers.
        before: Time,
    },
    /// The database is closed.
    #[error("the database is closed")]
    Closed,
    /// Conversations were erased while the question was being answered. Ask again.
    #[error("conversations were erased meanwhile; ask again")]
    Replaced,
    /// The writer thread ended unexpectedly.
    #[error("the writer thread ended unexpectedly: {message}")]
    WriterGone {
        /// The panic message.
        message: String,
    },
    /// A failure that a test injected.
    #[cfg(test)]
    #[error("failure injected by a test")]
    MadeToFail,
}

impl StorageError {
    /// The kind of the operating system's error, also if it was returned by sled. `None` if the cause is something
    /// else.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::Sled { source, .. } => match source.downcast_ref() {
                Some(sled::Error::Io(source)) => Some(source.kind()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}
