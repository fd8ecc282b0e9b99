//! What keeps a store safe: backup, restore, verify, audit, repair, trim.

use std::path::PathBuf;

use convofold::audit::Sample;
use convofold::backup::BackupOptions;
use convofold::repair::Repair;
use convofold::verify::Problem;
use pyo3::prelude::*;

use crate::database::Convofold;
use crate::error::{Failure, message};
use crate::result::{Show, result};
use crate::time::time;

result! {
    /// A backup that was made.
    BackupReport {
        /// Whether it holds only what came since another backup.
        incremental: bool,
        /// The first event in it.
        first_seq: u64,
        /// The last event in it; 0 where there is none.
        last_seq: u64,
        /// Blocks of the log in it.
        blocks: u64,
        /// Conversations there were at its end.
        conversations: u64,
        /// Bookmarks that were set at its end.
        bookmarks: u64,
        /// The rules of the fold by which the state hash was made.
        fold_version: u32,
        /// The state hash at its end.
        state_hash: String,
        /// The length of the file.
        bytes: u64,
        /// How long it took.
        took_ms: u64,
    }
}

impl Show<BackupReport> for convofold::backup::BackupReport {
    fn show(self) -> BackupReport {
        let contents = self.contents;
        BackupReport {
            incremental: contents.incremental,
            first_seq: contents.first_seq,
            last_seq: contents.last_seq,
            blocks: contents.blocks,
            conversations: contents.conversations,
            bookmarks: contents.bookmarks,
            fold_version: contents.fold_version,
            state_hash: contents.state_hash.show(),
            bytes: contents.bytes,
            took_ms: self.took.show(),
        }
    }
}

result! {
    /// A store that was restored.
    RestoreReport from convofold::backup::RestoreReport {
        /// The last event in it; 0 where there is none.
        last_seq: u64,
        /// Blocks of its log.
        blocks: u64,
        /// Conversations in it.
        conversations: u64,
        /// Its state hash.
        state_hash: String,
        /// How long it took.
        took_ms: u64 = took,
    }
}

result! {
    /// What was checked, and what is wrong.
    VerifyReport from convofold::verify::VerifyReport {
        /// The last event of the log that was checked; 0 where there is none.
        last_seq: u64,
        /// Blocks of the log that are right.
        blocks: u64,
        /// Events in them.
        events: u64,
        /// Their length in bytes.
        log_bytes: u64,
        /// Whether all blocks are right, so that there was something to compare with.
        log_is_whole: bool,
        /// The checkpoints that are kept.
        checkpoints: Vec<VerifiedCheckpoint>,
        /// Conversations in memory that were compared; none where the log is not whole.
        conversations: u64,
        /// The state hash of the log folded anew, where it is whole.
        state_hash: Option<String>,
        /// Everything that is wrong, in words; nothing where all is well.
        problems: Vec<String>,
        /// How many more problems there are; only the first 10,000 are listed.
        more_problems: u64,
        /// How long it took.
        took_ms: u64 = took,
    }
    methods {
        /// Whether nothing is wrong.
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
    /// A checkpoint that is kept.
    VerifiedCheckpoint from convofold::verify::VerifiedCheckpoint {
        /// Its number.
        generation: u64,
        /// The last event in it; 0 where that cannot be read.
        seq: u64,
        /// How many of its conversations were compared with the log.
        conversations: u64,
        /// Whether it was compared.
        compared: bool,
    }
}

result! {
    /// What an audit found.
    AuditReport from convofold::audit::AuditReport {
        /// How many conversations were compared.
        conversations: u64,
        /// How many events of them were folded again.
        events: u64,
        /// The last event of the log that was read.
        last_seq: u64,
        /// Every field that differs; none where all is well.
        differences: Vec<AuditDifference>,
        /// How many more there are; only the first 10,000 are listed.
        more_differences: u64,
        /// How long it took.
        took_ms: u64 = took,
    }
    methods {
        /// Whether nothing differs.
        #[getter]
        fn ok(&self) -> bool {
            self.differences.is_empty() && self.more_differences == 0
        }
    }
}

result! {
    /// A field of a conversation that the store holds differently from what its events say.
    AuditDifference from convofold::audit::AuditDifference {
        /// The conversation.
        id: String,
        /// The field, as a path in the export.
        field: String,
        /// What its events say, as JSON.
        expected: String,
        /// What the store holds, as JSON.
        found: String,
    }
}

result! {
    /// What was dropped of the log.
    TrimReport from convofold::Trimmed {
        /// How many events went, this time.
        events: u64,
        /// In how many blocks.
        blocks: u64,
        /// How many bytes these had.
        bytes: u64,
        /// The first event that the log still has, or will have.
        first_seq: u64,
    }
}

result! {
    /// What a repair saved and what is lost.
    RepairReport from convofold::repair::RepairReport {
        /// Blocks of the log that could be read.
        blocks: u64,
        /// Events that are in the new store.
        events: u64,
        /// Those of them that the log no longer had, and a checkpoint did.
        from_checkpoints: u64,
        /// Events that are gone, in the order of the log. Empty where everything was saved.
        lost: Vec<Lost>,
        /// Bookmarks that were set after something was lost and so are not in the new store.
        bookmarks_dropped: Vec<String>,
        /// Conversations in the new store.
        conversations: u64,
        /// Its state hash.
        state_hash: String,
        /// How long it took.
        took_ms: u64 = took,
    }
}

result! {
    /// Events that are gone.
    Lost from convofold::repair::Lost {
        /// The first of them, by its place in the old log.
        first_seq: u64,
        /// The last of them.
        last_seq: u64,
        /// The time of the event before them in the log; None where there is none.
        after_ms: Option<i64>,
        /// The time of the event after them in the log; None where there is none.
        before_ms: Option<i64>,
    }
}

#[pymethods]
impl Convofold {
    /// Writes a backup to a new file, while the store goes on working. It is read again and checked before it gets its
    /// name. `since` is an earlier backup from which this one goes on; it is of use only together with that one.
    #[pyo3(signature = (file, *, since=None))]
    fn backup(&self, py: Python<'_>, file: PathBuf, since: Option<PathBuf>) -> Result<BackupReport, Failure> {
        let options = since.map_or_else(BackupOptions::new, |since| BackupOptions::new().since(since));
        self.detached(py, |db| db.backup(file, &options, |_| {})).map(Show::show)
    }

    /// Checks everything, on disk and in memory, against the log folded anew, while the store goes on working. What is wrong
    /// is in the report.
    fn verify(&self, py: Python<'_>) -> Result<VerifyReport, Failure> {
        self.detached(py, |db| db.verify(|_| {})).map(Show::show)
    }

    /// Folds conversations again, from their events in the log, and names every field in which the live state differs:
    /// all of them, or so many drawn by lot with this seed.
    #[pyo3(signature = (conversations=None, *, seed=0))]
    fn audit(&self, py: Python<'_>, conversations: Option<u64>, seed: u64) -> Result<AuditReport, Failure> {
        let sample = conversations.map_or(Sample::All, |conversations| Sample::Random { conversations, seed });
        self.detached(py, |db| db.audit(sample)).map(Show::show)
    }

    /// Drops the beginning of the log: blocks of which all events happened before this time. States, histories and the
    /// state hash stay as they are. Make a backup first.
    fn trim(&self, py: Python<'_>, before: &Bound<'_, PyAny>) -> Result<TrimReport, Failure> {
        let before = time(before)?;
        self.detached(py, |db| db.trim_log(before)).map(Show::show)
    }
}

/// Makes a new store of a complete backup and the incremental ones that go on from it, in this order. All of them are
/// checked before anything is written.
#[pyfunction]
pub(crate) fn restore(py: Python<'_>, files: Vec<PathBuf>, path: PathBuf) -> Result<RestoreReport, Failure> {
    let options = convofold::Options::new();
    Ok(py.detach(|| convofold::backup::restore(&files, &path, &options, |_| {}))?.show())
}

/// Saves what can be read of the damaged store in `damaged`, which is only read, into a new one in `into`, and lists what is
/// lost.
#[pyfunction]
pub(crate) fn repair(py: Python<'_>, damaged: PathBuf, into: PathBuf) -> Result<RepairReport, Failure> {
    Ok(py.detach(|| Repair::new(&damaged, &into).run())?.show())
}
