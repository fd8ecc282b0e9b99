//! Errors of opening a database.

use std::io;
use std::path::PathBuf;

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::log::error::LogError;
use crate::state::records::RecordKind;
use crate::storage::StorageError;

/// A database cannot be opened. A failed opening changes no data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database is already open in another process or in this one. Close it there first. Any number of processes can
    /// read a database, or one process can write it.
    #[error("already open {}", holder(*.pid, *.here))]
    AlreadyOpen {
        /// The process that has it open, if known. Processes that read are not known.
        pid: Option<u32>,
        /// Whether it is this process. The number alone does not say so: in containers, several processes have number 1.
        here: bool,
    },
    /// There is no database, and the options do not allow creating one.
    #[error("no database at {}", .dir.display())]
    NotFound {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory contains something else. Nothing in it was changed.
    #[error("{} is not a database: expected the file FORMAT, found {found:?}", .dir.display())]
    NotAStore {
        /// The directory.
        dir: PathBuf,
        /// A file in it.
        found: String,
    },
    /// A part of the database is gone. Without FORMAT or HEAD, repair the database; without the storage folder or its
    /// file, restore it from a backup. Nothing was changed.
    #[error("the database in {} is incomplete: {missing} is missing", .dir.display())]
    Incomplete {
        /// The directory.
        dir: PathBuf,
        /// The missing file or folder, relative to the directory.
        missing: String,
    },
    /// A new database needs an empty directory. Nothing in this one was changed.
    #[error("{} is not empty: it contains {found:?}", .dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// A file in it.
        found: String,
    },
    /// A new database needs more space than its file system has free. Nothing was created.
    #[error("at least {needed_bytes} bytes are needed in {}, where {free_bytes} bytes are free", .dir.display())]
    NoSpace {
        /// The directory.
        dir: PathBuf,
        /// The minimum size of the new database, in bytes.
        needed_bytes: u64,
        /// The free space, in bytes.
        free_bytes: u64,
    },
    /// A version of convofold with another format created the database. Open it with that version.
    #[error("the database has format {found:?}; this version of convofold reads {known:?}")]
    UnknownFormat {
        /// The contents of the file FORMAT.
        found: String,
        /// The expected contents.
        known: String,
    },
    /// A version of convofold with another revision of the stored forms wrote the database. Export its events with that
    /// version (`convofold export --events`), and replay them into a new database.
    #[error("the database has format revision {found}; this version of convofold reads revision {expected}")]
    OtherRevision {
        /// The revision of the database.
        found: u32,
        /// The revision that this version reads and writes.
        expected: u32,
    },
    /// The log is damaged. Nothing after this block can be trusted. Repair the database, or restore it from a backup.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The block.
        block_no: u64,
        /// The seq of the block's first event.
        seq: Seq,
        /// The damage.
        #[source]
        why: Damage,
    },
    /// The log is shorter than it is known to have been: its end was lost. Repair the database, or restore it from a
    /// backup.
    #[error("the log ends with event {found}, but is known to have reached event {expected}")]
    Shortened {
        /// The seq of the last event that the log is known to have had.
        expected: Seq,
        /// The seq of the last event in the log.
        found: Seq,
    },
    /// The beginning of the log was trimmed ([`Convofold::trim_log`](crate::Convofold::trim_log)), and no checkpoint
    /// with the trimmed events is usable. Repair the database, or restore it from a backup.
    #[error("no usable checkpoint, and the log begins with event {first_seq}")]
    NoCheckpoint {
        /// The seq of the first event in the log.
        first_seq: Seq,
    },
    /// The record of an erasure, a legal hold or a run of retention is damaged or lost: what is gone would come back, or what must
    /// stay could be removed. Unless it is a run of retention, the database can be opened for reading. Repair it, or restore a
    /// backup that has the record.
    #[error("the record of {kind} {number} is damaged")]
    DamagedRecord {
        /// What the record is of.
        kind: RecordKind,
        /// Its number.
        number: u64,
        /// The damage.
        #[source]
        why: Damage,
    },
    /// An operation of the operating system failed.
    #[error("{doing} {} failed", .path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The storage failed.
    #[error("the storage failed")]
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

fn holder(pid: Option<u32>, here: bool) -> String {
    match pid {
        _ if here => "in this process".to_owned(),
        Some(pid) => format!("by process {pid}"),
        None => "by another process".to_owned(),
    }
}
