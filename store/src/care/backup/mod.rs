//! Backup and restore: a database as one self-contained file.
//!
//! ```text
//! header frame      where the log in it begins
//! page frames       the base: conversations as of that position; none if the log begins with its first block
//! block frames      the log, byte for byte as it is stored
//! end frame         where the log ends, the state hash and the bookmarks there, the checksum of everything before
//! length            u64     of the end frame, so that the end is found without reading the rest
//! ```
//!
//! The frames are those of `format/`: `backup.rs`, `page.rs`, `block.rs`. Each has a checksum; a block also has the
//! checksum of the previous block, and the end has the checksum of the file. So every changed, missing or added byte is
//! detected. The file does not depend on sled, on the machine or on the options of the database.
//!
//! The state hash shows that the restored database equals the original. Another fold version gives other states for the
//! same events, so the hash is compared only if the fold version, which the end states, is the current one.
//!
//! An incremental backup is a file with the log after the position at which an earlier file ends; the chain of
//! checksums connects them. It is refused if this log does not contain that position.

mod check;
mod error;
mod file;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod reader;
mod restore;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use convofold_engine::{FOLD_VERSION, Seq};
use tempfile::{Builder, NamedTempFile};

use crate::api::handle::Convofold;
use crate::conversations::page::PAGE_SLOTS;
use crate::damage::Damage;
use crate::format::backup::BackupHeader;
use crate::format::block::LogPosition;
use crate::format::frame::Compressor;
use crate::format::key::BlockKey;
use crate::format::marks::Marks;
use crate::log::error::LogError;
use crate::log::reader::{LogReader, block_at_or_before};
use crate::state::base::{base_count, each_base_image};
use crate::state::lent_storage::LentStorage;
use crate::state::snapshot::Snapshot;
use crate::storage::files::{make_private, parent_of, sync_dir};
use crate::storage::{ReadStorage, StorageError};
use crate::trace::{span, tell};
use writer::BackupWriter;

pub use error::{BackupError, BackupFileError, RestoreError};
pub use file::{BackupContents, BackupFile};
pub use restore::{RestoreReport, restore};

/// Options of a backup. The default is a complete backup.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BackupOptions {
    /// The earlier backup file to continue. The new file contains only the events after it, and can be restored only
    /// together with it.
    pub since: Option<PathBuf>,
}

impl BackupOptions {
    /// Options of a complete backup.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the backup incremental: only the events after this earlier backup.
    #[must_use]
    pub fn since(mut self, file: impl Into<PathBuf>) -> Self {
        self.since = Some(file.into());
        self
    }
}

/// The result of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupReport {
    /// The contents of the file.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub contents: BackupContents,
    /// Duration of the backup.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// The progress of a backup, a check or a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The current step.
    pub step: Step,
    /// The seq of the last event processed.
    pub seq: Seq,
    /// The seq of the last event to process.
    pub last_seq: Seq,
}

/// The current step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The log is being copied.
    Write,
    /// A file is being read and checked.
    Check,
}

impl Convofold {
    /// Writes a backup to a new file while the database stays in use. It contains the state of the database at one
    /// moment after the call.
    ///
    /// The file is written under a temporary name next to its own, made durable, and read again and checked; a complete
    /// backup is also folded. Only then is the file renamed, so that a file with this name is a valid backup, even
    /// after a crash. The check needs memory for a second copy of all conversations. The file is readable only by its
    /// owner. Readers and the writer wait only while the state hash is computed, as for [`Convofold::state_hash`].
    ///
    /// # Errors
    /// [`BackupError`] if no backup was written. An existing file with this name is unchanged, and no new one was
    /// created.
    pub fn backup(
        &self,
        file: impl AsRef<Path>,
        options: &BackupOptions,
        mut on_progress: impl FnMut(Progress),
    ) -> Result<BackupReport, BackupError> {
        let started = Instant::now();
        let path = file.as_ref();
        span!("backup", file = %path.display());
        if path.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { path: path.to_owned() });
        }
        let since = options.since.as_deref().map(BackupFile::open).transpose().map_err(BackupError::Since)?;
        let storage = LentStorage::of(self.shared());
        let _log = self.shared().log_in_use.read();
        let start = self.shared().log_start.read().clone();
        let snapshot = self.snapshot()?;
        let begin = match &since {
            Some(since) => since.end(),
            None => start.position,
        };
        if let Some(since) = &since {
            expect_place(storage.as_ref(), start.position, since, &snapshot)?;
        }
        let unnamed = unnamed_beside(path).map_err(BackupError::io("creating a file beside", path))?;
        let base_seq = if since.is_none() { start.position.seq } else { 1 };
        let base_conversations = base_count(self.shared(), storage.as_ref(), base_seq)?;
        let header = BackupHeader {
            is_incremental: since.is_some(),
            base_conversations,
            begin,
            bookmarks: if since.is_none() { start.bookmarks } else { [].into() },
            marks: if since.is_none() { start.marks } else { Marks::NONE },
        };
        let mut compressor = Compressor::new().map_err(BackupError::io("creating a compressor for", path))?;
        let mut out = BackupWriter::new(unnamed.as_file(), &mut compressor, path);
        out.begin(&header)?;
        let base = each_base_image(self.shared(), storage.as_ref(), base_seq, base_conversations);
        out.base(base, self.shared().options.bounds.part_bytes)?;
        let mut log = LogReader::new(storage, begin);
        copy_log(&mut log, &snapshot, &mut out, &mut on_progress)?;
        out.end(&snapshot, FOLD_VERSION)?;

        let written = BackupFile::open(unnamed.path()).map_err(BackupError::Written)?;
        let contents = written.check(on_progress).map_err(BackupError::Written)?;
        name_durably(unnamed, path)?;
        tell!(info, last_seq = contents.last_seq, bytes = contents.bytes, took = ?started.elapsed(), "backup written");
        Ok(BackupReport { contents, took: started.elapsed() })
    }
}

/// Copies the blocks up to the snapshot.
fn copy_log(
    log: &mut LogReader,
    snapshot: &Snapshot,
    out: &mut BackupWriter<'_>,
    on_progress: &mut impl FnMut(Progress),
) -> Result<(), BackupError> {
    let last_seq = snapshot.position.last_seq();
    while log.position.block_no < snapshot.position.block_no {
        let LogPosition { block_no, seq, .. } = log.position;
        let missing = LogError::Damaged { block_no, seq, why: Damage::Missing };
        let (_, value) = log.next_with_value()?.ok_or(missing)?;
        out.block(&value)?;
        on_progress(Progress { step: Step::Write, seq: log.position.last_seq(), last_seq });
    }
    if log.position == snapshot.position {
        return Ok(());
    }
    let why = Damage::Checksum { expected: snapshot.position.chain, found: log.position.chain };
    Err(LogError::Damaged { block_no: snapshot.position.block_no - 1, seq: last_seq, why }.into())
}

/// Checks that this log contains the position at which an earlier backup ends.
fn expect_place(
    storage: &dyn ReadStorage,
    start: LogPosition,
    since: &BackupFile,
    snapshot: &Snapshot,
) -> Result<(), BackupError> {
    let place = since.end();
    if place.block_no < start.block_no {
        let (since, seq, first_seq) = (since.path().to_owned(), place.last_seq(), start.seq);
        return Err(BackupError::Dropped { since, seq, first_seq });
    }
    let has_place = if place == start {
        true
    } else if place.block_no <= snapshot.position.block_no && place.seq <= snapshot.position.seq {
        // The only block that can end there.
        let before = BlockKey { first_seq: place.seq, block_no: place.block_no - 1 };
        block_at_or_before(storage, before)?.is_some_and(|block| block.end() == place)
    } else {
        false
    };
    let diverged = || BackupError::Diverged { since: since.path().to_owned(), seq: place.last_seq() };
    has_place.then_some(()).ok_or_else(diverged)
}

/// A temporary file, which is removed unless it is renamed.
fn unnamed_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let unnamed = Builder::new().prefix(&prefix).suffix(".partial").tempfile_in(parent_of(path))?;
    make_private(unnamed.as_file())?;
    Ok(unnamed)
}

/// Renames the file, unless a file with that name exists.
fn name_durably(unnamed: NamedTempFile, path: &Path) -> Result<(), BackupError> {
    match unnamed.persist_noclobber(path) {
        Ok(_) => sync_dir(parent_of(path)).map_err(BackupError::io("fsync of the folder of", path)),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists { path: path.to_owned() })
        }
        Err(failed) => Err(BackupError::io("renaming a file to", path)(failed.error)),
    }
}

/// Number of conversations in a page of the base.
const BASE_PAGE: usize = PAGE_SLOTS as usize;

impl From<StorageError> for BackupError {
    fn from(error: StorageError) -> Self {
        LogError::Storage(error).into()
    }
}
