//! Why a store does not open.

use std::io;
use std::path::PathBuf;

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::log::error::LogError;
use crate::storage::StorageError;

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
    /// A version of convofold with another revision of the stored forms wrote it. Export its events with that version
    /// (`convofold export --events`), and replay them into a new database.
    #[error("the database has format revision {found}; this version of convofold reads revision {expected}")]
    OtherRevision {
        /// The revision of the database.
        found: u32,
        /// The revision that this version reads and writes.
        expected: u32,
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
