//! Errors of writing.

use std::sync::Arc;

use crate::state::shared::Shared;
use crate::storage::StorageError;

/// A batch was accepted but not committed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The database was closed before the batch was written, and none of its events are in the log. Or the writer ended
    /// because of a bug, and the events may be in the log: reopen the database and submit the batch again. Events that
    /// are already in the log count as duplicates.
    #[error("the database was closed before the batch was written")]
    Closed,
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
