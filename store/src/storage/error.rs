//! Why bytes could not be kept or read back.

use std::error::Error;
use std::io;

/// Why bytes could not be kept or read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system refused.
    #[error("{doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// sled refused.
    #[error("sled: {doing} failed")]
    Sled {
        /// What was being done.
        doing: &'static str,
        /// sled's error. Its type is no part of this interface.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something panicked, sled on a damaged file most likely; what it said is in the message.
    #[error("it panicked: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
    /// A value cannot be encoded.
    #[error("a value cannot be encoded")]
    Encoding(#[source] crate::Damage),
    /// A stored value is damaged.
    #[error("a stored value is damaged")]
    Value(#[source] crate::Damage),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The writer thread is gone; what it said is in the message.
    #[error("the writer thread ended unexpectedly: {message}")]
    WriterGone {
        /// What it said.
        message: String,
    },
    /// A test made it fail.
    #[cfg(test)]
    #[error("made to fail")]
    MadeToFail,
}

impl StorageError {
    /// What kind of failure of the operating system it was, also where it came through sled; `None` where it was none.
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
