//! Errors of requests.

use std::sync::Arc;

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::storage::StorageError;
use crate::write::batch::SubmitError;
use crate::write::error::CommitError;

/// Why the events of a request were not committed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The events were not accepted into the queue.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The events were accepted, but the commit failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Why a change feed ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangesError {
    /// The database was closed. When it is open again, a new feed can continue from the same seq.
    #[error("the database is closed")]
    Closed,
    /// The log no longer has the event, because it was trimmed. A new feed can begin with `first_seq`.
    #[error("event {seq} was dropped from the log, which now begins with event {first_seq}")]
    Dropped {
        /// The event at which the feed was to begin.
        seq: Seq,
        /// The first event in the log.
        first_seq: Seq,
    },
    /// A write failed, so no more events follow until the database is opened again. All durable events were returned.
    #[error("a write failed; reopen the database and continue from the same seq")]
    Poisoned {
        /// The failure.
        #[source]
        cause: Arc<StorageError>,
    },
    /// The log is damaged.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The number of the block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// The storage failed.
    #[error("the storage failed")]
    Storage(#[from] StorageError),
}
