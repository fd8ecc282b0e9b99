//! Why a request fails.

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::storage::StorageError;
use crate::write::batch::SubmitError;
use crate::write::error::CommitError;

/// Why the events of a request were not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// They were not taken.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// They were taken and not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Why the change feed ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangesError {
    /// The store was closed. The feed can be continued from the same place when it is open again.
    #[error("the store is closed")]
    Closed,
    /// The log no longer has the event, because its beginning was dropped. The feed can begin with the first that it has.
    #[error("event {seq} was dropped from the log, which begins with event {first_seq}")]
    Dropped {
        /// The event with which the feed was to begin.
        seq: Seq,
        /// The first event in the log.
        first_seq: Seq,
    },
    /// The log is damaged.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// The storage underneath failed.
    #[error("the storage underneath failed")]
    Storage(#[from] StorageError),
}
