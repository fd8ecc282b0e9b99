//! Why a cluster cannot be made, read or changed.

use super::streams::Finding;
use crate::log::SourceError;
use crate::records::RecordError;

/// Why a cluster cannot be made, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The brokers do not answer, or refuse to.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A record says what this process cannot do.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Nobody has made the log.
    #[error("there is no log {log}: `convofold cluster init` makes one")]
    NotFound {
        /// The name of the log.
        log: String,
    },
    /// A record cannot be read.
    #[error("the record {key} of the log cannot be read: {why}")]
    Damaged {
        /// The key of the record.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else changed a record at the same time.
    #[error("the record {key} was changed by another process: look at it, and try again")]
    Changed {
        /// The key of the record.
        key: String,
    },
    /// A stream has settings with which events can be lost or cannot be read.
    #[error("{0}")]
    Setting(Finding),
    /// The brokers refuse to make a stream.
    #[error("{stream} cannot be made: {why}")]
    Stream {
        /// The name of the stream.
        stream: String,
        /// What the brokers say.
        why: String,
    },
}

impl ClusterError {
    /// Whether the brokers do not answer, which can change by itself.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Source(SourceError::Unreachable { .. }))
    }
}
