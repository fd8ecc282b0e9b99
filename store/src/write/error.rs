//! Errors of writing.

use std::sync::Arc;

use crate::state::shared::Shared;
use crate::storage::StorageError;
#[cfg(feature = "tracing")]
use crate::trace::Chain;
use crate::trace::tell;

/// A batch was accepted but not committed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The database was closed before the batch was written, and none of its events are in the log. Or the writer ended
    /// because of a bug, and the events may be in the log: reopen the database and submit the batch again. Events that
    /// are already in the log count as duplicates.
    #[error("the database was closed before the batch was written")]
    Closed,
    /// A value cannot be encoded. Nothing was written, and the database stays usable: none of the events of the batch
    /// are in the log, or the checkpoint was not written and the previous one stays valid.
    #[error("nothing was written, because a value cannot be encoded")]
    Unstorable {
        /// The reason.
        #[source]
        cause: Arc<StorageError>,
    },
    /// The database is open read-only ([`Options::read_only`](crate::Options::read_only)).
    #[error("the database is open read-only")]
    ReadOnly,
    /// The batch was sent to another process, which holds the database ([`Ticket::pending`](crate::Ticket::pending)). That
    /// process did not commit it, or the connection ended before the answer. In the second case the batch may be in the log:
    /// submit it again. Events that are already in the log count as duplicates.
    #[error("{why}")]
    Remote {
        /// What the other process answered, or how the connection ended.
        why: String,
    },
    /// This write or an earlier one failed. Whether the batch is in the log is unknown until the database is reopened.
    /// Submit the batch again then; events that are already in the log count as duplicates.
    #[error("a write failed; reopen the database and submit the batch again")]
    Poisoned {
        /// The failure.
        #[source]
        cause: Arc<StorageError>,
    },
}

/// A database was not closed cleanly. Its lock is released nevertheless, and what was durable stays durable.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The last checkpoint or barrier failed, or an earlier write.
    #[error("the last write before closing failed")]
    Poisoned {
        /// The failure.
        #[source]
        cause: Arc<StorageError>,
    },
    /// The last checkpoint cannot be encoded. The next opening folds the log after the previous checkpoint.
    #[error("the last checkpoint was not written, because a value cannot be encoded")]
    Unstorable {
        /// The reason.
        #[source]
        cause: Arc<StorageError>,
    },
    /// Some values are stored where no barrier makes them durable. This is a bug in convofold: please report it.
    #[error("{count} values are stored in sled's blobs/, which may not survive a power cut")]
    StrayValues {
        /// Number of values.
        count: u64,
    },
}

/// Fails if an earlier write failed.
pub(super) fn expect_healthy(shared: &Shared) -> Result<(), CommitError> {
    shared.poisoned().map_or(Ok(()), |cause| Err(CommitError::Poisoned { cause }))
}

/// The outcome of a failed operation. A value that cannot be encoded is no failure of the disk, and nothing was written,
/// so it does not poison.
pub(super) fn failed(shared: &Shared, error: StorageError) -> CommitError {
    match error {
        StorageError::Encoding(_) => {
            tell!(error, error = %Chain(&error), "a value cannot be encoded; nothing was written");
            CommitError::Unstorable { cause: Arc::new(error) }
        }
        error => CommitError::Poisoned { cause: shared.poison(error) },
    }
}
