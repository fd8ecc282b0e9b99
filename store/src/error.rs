//! What can go wrong, by what was being done.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::log::reader::LogError;
use crate::open::recovery::SkipReason;
use crate::storage::StorageError;
use crate::write::batch::Batch;

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or this one, has it open. To go on: close it there.
    #[error("already open by process {}", .pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))]
    AlreadyOpen {
        /// Which process, where it could be read.
        pid: Option<u32>,
    },
    /// There is no store, and none was to be made.
    #[error("there is no store at {}", .dir.display())]
    NotFound {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory holds something else. Nothing in it was touched.
    #[error("{} is no store: expected the file FORMAT, found {found:?}", .dir.display())]
    NotAStore {
        /// The directory.
        dir: PathBuf,
        /// A file in it.
        found: String,
    },
    /// The directory was to be a new store, and holds something. Nothing in it was touched.
    #[error("{} is not empty: it holds {found:?}", .dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// A file in it.
        found: String,
    },
    /// It was made by a version of convofold with another format. To go on: use that version.
    #[error("the store is in format {found:?}; this version of convofold reads {known:?}")]
    UnknownFormat {
        /// What the file FORMAT says.
        found: String,
        /// What it should say.
        known: String,
    },
    /// The log is damaged: what is after this place cannot be trusted. Repair it, or restore it from a backup.
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
    /// The log ends before a place that it is known to have reached: something was cut off. Repair it, or restore
    /// it from a backup.
    #[error("the log ends with event {found}, and is known to have reached event {expected}")]
    Shortened {
        /// The seq of the last event it is known to have had.
        expected: Seq,
        /// The seq of the last event it has.
        found: Seq,
    },
    /// The beginning of the log was dropped ([`Convofold::trim_log`](crate::Convofold::trim_log)), and no checkpoint that holds
    /// its events can be used. Repair it, or restore it from a backup.
    #[error("no checkpoint can be used, and the log begins with event {first_seq}")]
    NoCheckpoint {
        /// The first event in the log.
        first_seq: Seq,
    },
    /// The operating system refused.
    #[error("{doing} {} failed", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The storage underneath failed.
    #[error("the storage underneath failed")]
    Storage(#[from] StorageError),
}

impl From<LogError> for OpenError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { block_no, seq, why } => Self::Damaged { block_no, seq, why },
            LogError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Why a batch was not taken. Nothing of it is in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The queue is full; here is the batch back. Only [`Convofold::try_submit`](crate::Convofold::try_submit) says so.
    #[error("the queue is full")]
    Full(Batch),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// An earlier write failed. The store answers questions and takes no more writes; open it again.
    #[error("the store takes no more writes, because an earlier one failed; open it again")]
    Poisoned {
        /// What failed then.
        #[source]
        cause: Arc<StorageError>,
    },
    /// The batch is too large. Split it.
    #[error("the batch has {found} {what}, more than the {max} allowed")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much is allowed.
        max: usize,
    },
}

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

/// Why the beginning of the log was not dropped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrimError {
    /// A backup, a verification or an export of events reads the log from its beginning. Try again when it has ended.
    #[error("the log is being read from its beginning")]
    InUse,
    /// The checkpoint that would be the only witness of the dropped events cannot be read. Nothing was dropped.
    #[error("checkpoint {generation} cannot be read")]
    Checkpoint {
        /// Its number.
        generation: u64,
        /// Why.
        #[source]
        why: SkipReason,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The log is damaged. Nothing was dropped.
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
    /// A checkpoint, or the log, cannot be read. Nothing was dropped.
    #[error("the storage underneath failed")]
    Storage(#[source] StorageError),
    /// A write failed. What is left to drop is dropped by the next call, once the store is open again.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<LogError> for TrimError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { block_no, seq, why } => Self::Damaged { block_no, seq, why },
            LogError::Storage(error) => error.into(),
        }
    }
}

impl From<StorageError> for TrimError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Closed => Self::Closed,
            error => Self::Storage(error),
        }
    }
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
