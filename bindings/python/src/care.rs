//! Care of a database: backup, restore, verify, audit, repair, trim, compact.

use std::path::PathBuf;

use convofold::audit::Sample;
use convofold::backup::BackupOptions;
use convofold::repair::Repair;
use convofold::verify::Problem;
use pyo3::prelude::*;

use crate::database::Convofold;
use crate::error::{Failure, message};
use crate::result::{Show, result};
use crate::time::GivenTime;

result! {
    /// A written backup.
    BackupReport from report: convofold::backup::BackupReport {
        /// Whether the backup is incremental.
        incremental: bool = report.contents.incremental,
        /// Sequence number of the first event in the backup.
        first_seq: u64 = report.contents.first_seq,
        /// Sequence number of the last event in the backup; 0 if there is none.
        last_seq: u64 = report.contents.last_seq,
        /// Number of log blocks in the backup.
        blocks: u64 = report.contents.blocks,
        /// Number of conversations at its end.
        conversations: u64 = report.contents.conversations,
        /// Number of bookmarks at its end.
        bookmarks: u64 = report.contents.bookmarks,
        /// Version of the fold that computed the state hash.
        fold_version: u32 = report.contents.fold_version,
        /// State hash at its end.
        state_hash: String = report.contents.state_hash,
        /// Size of the file, in bytes.
        bytes: u64 = report.contents.bytes,
        /// Duration in milliseconds.
        took_ms: u64 = report.took,
    }
}

result! {
    /// A restored database.
    RestoreReport from report: convofold::backup::RestoreReport {
        /// Sequence number of the last event; 0 if there is none.
        last_seq: u64,
        /// Number of blocks in the log.
        blocks: u64,
        /// Number of conversations.
        conversations: u64,
        /// State hash.
        state_hash: String,
        /// Duration in milliseconds.
        took_ms: u64 = report.took,
    }
}

result! {
    /// The outcome of a verification.
    VerifyReport from report: convofold::verify::VerifyReport {
        /// Sequence number of the last event that was checked; 0 if there is none.
        last_seq: u64,
        /// Number of valid log blocks.
        blocks: u64,
        /// Number of events in them.
        events: u64,
        /// Size of these blocks, in bytes.
        log_bytes: u64,
        /// Whether all log blocks are valid, so that the other data could be compared with the log.
        log_is_whole: bool,
        /// The stored checkpoints.
        checkpoints: Vec<VerifiedCheckpoint>,
        /// Number of conversations in memory that were compared; 0 if the log is not whole.
        conversations: u64,
        /// State hash of the folded log; None if the log is not whole.
        state_hash: Option<String>,
        /// Number of state hashes that checkpoints recorded.
        recorded_hashes: u64,
        /// Number of these that were compared: the newest one.
        recorded_hashes_compared: u64,
        /// Description of every problem; empty if all is well.
        problems: Vec<String>,
        /// Number of further problems; only the first 10,000 are listed.
        more_problems: u64,
        /// Duration in milliseconds.
        took_ms: u64 = report.took,
    }
    methods {
        /// Whether no problem was found.
        #[getter]
        fn ok(&self) -> bool {
            self.problems.is_empty() && self.more_problems == 0
        }
    }
}

impl Show<String> for Problem {
    fn show(self) -> String {
        message(&self)
    }
}

result! {
    /// A stored checkpoint that was verified.
    VerifiedCheckpoint from convofold::verify::VerifiedCheckpoint {
        /// Generation of the checkpoint.
        generation: u64,
        /// Sequence number of its last event; 0 if it cannot be read.
        seq: u64,
        /// Number of its conversations that were compared with the log.
        conversations: u64,
        /// Whether it was compared with the log.
        compared: bool,
    }
}

result! {
    /// The outcome of an audit.
    AuditReport from report: convofold::audit::AuditReport {
        /// Number of conversations that were compared.
        conversations: u64,
        /// Number of events that were folded again.
        events: u64,
        /// Sequence number of the last event that was read.
        last_seq: u64,
        /// Every field that differs; empty if all is well.
        differences: Vec<AuditDifference>,
        /// Number of further differences; only the first 10,000 are listed.
        more_differences: u64,
        /// Duration in milliseconds.
        took_ms: u64 = report.took,
    }
    methods {
        /// Whether no field differs.
        #[getter]
        fn ok(&self) -> bool {
            self.differences.is_empty() && self.more_differences == 0
        }
    }
}

result! {
    /// A field of a conversation whose stored value differs from the value that follows from the events.
    AuditDifference from convofold::audit::AuditDifference {
        /// Id of the conversation.
        id: String,
        /// Path of the field in the export.
        field: String,
        /// Value that follows from the events, as JSON.
        expected: String,
        /// Stored value, as JSON.
        found: String,
    }
}

result! {
    /// What a trim removed from the log.
    TrimReport from convofold::Trimmed {
        /// Number of removed events.
        events: u64,
        /// Number of removed blocks.
        blocks: u64,
        /// Size of these blocks, in bytes.
        bytes: u64,
        /// Sequence number of the first remaining event, or of the next one if none remains.
        first_seq: u64,
    }
}

result! {
    /// What a compaction did.
    Compacted from convofold::Compacted {
        /// Size of the storage before, in bytes.
        before_bytes: u64,
        /// Size of the storage now, in bytes.
        after_bytes: u64,
        /// Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128.
        damaged_values: u64,
    }
}

result! {
    /// What a repair recovered, and what is lost.
    RepairReport from report: convofold::repair::RepairReport {
        /// Number of readable log blocks.
        blocks: u64,
        /// Number of events in the new database.
        events: u64,
        /// Number of these that were recovered from a checkpoint, not from the log.
        from_checkpoints: u64,
        /// Ranges of lost events, in the order of the log; empty if everything was recovered.
        lost: Vec<Lost>,
        /// Bookmarks that were set after a lost event, and are therefore not in the new database.
        bookmarks_dropped: Vec<String>,
        /// Numbers of erasures whose records are lost: what they erased comes back if it arrives again.
        lost_erasures: Vec<u64>,
        /// Numbers of legal holds whose records are lost: they keep nothing any more, so place them again.
        lost_holds: Vec<u64>,
        /// Numbers of runs of retention whose records are lost: what they removed comes back if it arrives again.
        lost_retention_runs: Vec<u64>,
        /// Number of conversations in the new database.
        conversations: u64,
        /// State hash of the new database.
        state_hash: String,
        /// Duration in milliseconds.
        took_ms: u64 = report.took,
    }
}

result! {
    /// A range of lost events.
    Lost from convofold::repair::Lost {
        /// Sequence number of the first lost event, in the old log.
        first_seq: u64,
        /// Sequence number of the last lost event, in the old log.
        last_seq: u64,
        /// Time of the preceding event, in milliseconds since the epoch; None if there is none.
        after_ms: Option<i64>,
        /// Time of the following event, in milliseconds since the epoch; None if there is none.
        before_ms: Option<i64>,
    }
}

#[pymethods]
impl Convofold {
    /// Writes a backup to a new file while the database is in use. The file is read back and checked before it gets its
    /// name.
    ///
    /// With `since`, an earlier backup, the new one is incremental: it holds only later events, and needs the earlier one
    /// for a restore.
    #[pyo3(signature = (file, *, since=None))]
    fn backup(&self, py: Python<'_>, file: PathBuf, since: Option<PathBuf>) -> Result<BackupReport, Failure> {
        let options = since.map_or_else(BackupOptions::new, |since| BackupOptions::new().since(since));
        self.detached(py, |db| db.backup(file, &options, |_| {})).map(Show::show)
    }

    /// Checks all data on disk and in memory against the log, while the database is in use. Problems are listed in the
    /// report.
    fn verify(&self, py: Python<'_>) -> Result<VerifyReport, Failure> {
        self.detached(py, |db| db.verify(|_| {})).map(Show::show)
    }

    /// Folds conversations again from their events in the log and reports every field whose stored value differs.
    ///
    /// - `conversations`: size of a random sample (default: all conversations).
    /// - `seed`: seed of the sample.
    #[pyo3(signature = (conversations=None, *, seed=0))]
    fn audit(&self, py: Python<'_>, conversations: Option<u64>, seed: u64) -> Result<AuditReport, Failure> {
        let sample = conversations.map_or(Sample::All, |conversations| Sample::Random { conversations, seed });
        self.detached(py, |db| db.audit(sample)).map(Show::show)
    }

    /// Removes the beginning of the log: blocks in which all events happened before a time. States, histories and the state
    /// hash stay the same. Make a backup first.
    fn trim(&self, py: Python<'_>, before: GivenTime) -> Result<TrimReport, Failure> {
        self.detached(py, |db| db.trim_log(before.0)).map(Show::show)
    }

    /// Writes the storage again without the room that it no longer uses, while the database is in use. A replay leaves about
    /// half of the file unused, and a trim what it removed. Needs room for a second copy on the disk; nothing else changes.
    fn compact(&self, py: Python<'_>) -> Result<Compacted, Failure> {
        self.detached(py, convofold::Convofold::compact).map(Show::show)
    }
}

/// The argument `files` of a restore.
pub(crate) struct Files(Vec<PathBuf>);

impl FromPyObject<'_, '_> for Files {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::FILES;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        given.extract().map(Self)
    }
}

/// Creates a database from a complete backup followed by its incremental backups, in order. All files are checked before
/// anything is written.
#[pyfunction]
pub(crate) fn restore(py: Python<'_>, files: Files, path: PathBuf) -> Result<RestoreReport, Failure> {
    let options = convofold::Options::new();
    Ok(py.detach(|| convofold::backup::restore(&files.0, &path, &options, |_| {}))?.show())
}

/// Recovers the readable data of the damaged database in `damaged` into a new database in `into`, and reports what is lost.
/// The damaged database is only read.
#[pyfunction]
pub(crate) fn repair(py: Python<'_>, damaged: PathBuf, into: PathBuf) -> Result<RepairReport, Failure> {
    Ok(py.detach(|| Repair::new(&damaged, &into).run())?.show())
}
