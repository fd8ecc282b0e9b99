//! Why something is not written.

use std::sync::Arc;

use crate::state::shared::Shared;
use crate::storage::StorageError;

/// Why a batch that was taken is not committed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The store was closed before its turn, and nothing of it is in the log; or the writer ended by a fault of its own,
    /// and then submitting it again once the store is open finds out: what is there already counts as duplicate.
    #[error("the store was closed before the batch was written")]
    Closed,
    /// A write failed, this one or an earlier one. Whether this batch is in the log shows when the store is opened again;
    /// submit it then: what is there already counts as duplicate.
    #[error("a write failed; open the store again and submit once more")]
    Poisoned {
        /// What failed.
        #[source]
        cause: Arc<StorageError>,
    },
}

/// Why a store could not be closed in order. Its lock is released all the same, and what was durable stays so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The last checkpoint or barrier failed, or an earlier write.
    #[error("the last write failed")]
    Poisoned {
        /// What failed.
        #[source]
        cause: Arc<StorageError>,
    },
    /// Values lie where no barrier reaches them. A fault of convofold: please report it.
    #[error("{count} values lie in sled's blobs/, which does not survive a power cut")]
    StrayValues {
        /// How many.
        count: u64,
    },
}

/// Writes are taken as long as none has failed.
pub(super) fn expect_healthy(shared: &Shared) -> Result<(), CommitError> {
    shared.poisoned().map_or(Ok(()), |cause| Err(CommitError::Poisoned { cause }))
}
