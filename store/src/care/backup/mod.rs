//! Backup and restore: a database as one file that rests on nothing but itself.
//!
//! ```text
//! header frame      where the log in it begins
//! page frames       the base: conversations as they were there; none where the log begins with its first block
//! block frames      the log, byte for byte as it is stored
//! end frame         where the log ends, the state hash and the bookmarks there, the checksum of everything before
//! length            u64     of the end frame, so that the end is found without reading the rest
//! ```
//!
//! The frames are those of `codec/`: `backup.rs`, `page.rs`, `block.rs`. Each carries a checksum; blocks carry the checksum
//! of the one before, and the end that of the file. So every changed, missing or added byte is found. Nothing in the file
//! depends on sled, on the machine, or on how the database was set up.
//!
//! The state hash says that what is restored is what was backed up. A version with other rules of the fold gives another
//! state from the same events, so it is compared by the rules that it was made by only; the end says which.
//!
//! An incremental backup is the same file with the log after the place where an earlier file ends; the chain of checksums
//! ties them together. It is refused where this log does not have that place.

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
use crate::state::base::base_images;
use crate::state::lent_storage::LentStorage;
use crate::state::snapshot::Snapshot;
use crate::storage::files::{parent_of, sync_dir};
use crate::storage::{ReadStorage, StorageError};
use crate::trace::{span, tell};
use writer::BackupWriter;

pub use error::{BackupError, BackupFileError, RestoreError};
pub use file::{BackupContents, BackupFile};
pub use restore::{RestoreReport, restore};

/// How a backup is made. The default is a complete one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BackupOptions {
    /// The earlier backup file from which this one goes on; it then holds only what came since, and is of use only
    /// together with that one.
    pub since: Option<PathBuf>,
}

impl BackupOptions {
    /// A complete backup.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what came since this earlier backup was made.
    #[must_use]
    pub fn since(mut self, file: impl Into<PathBuf>) -> Self {
        self.since = Some(file.into());
        self
    }
}

/// A backup that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupReport {
    /// What is in the file.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub contents: BackupContents,
    /// How long it took.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// How far a backup, a check or a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// The last event that it came to.
    pub seq: Seq,
    /// The last event that it will come to.
    pub last_seq: Seq,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The log is copied.
    Write,
    /// A file is read and checked.
    Check,
}

impl Convofold {
    /// Writes a backup to a new file, while the store goes on working. What is in it is the store as it was at one moment
    /// after this was called.
    ///
    /// The file is written under another name beside its own, made durable, read again and checked, a complete one by
    /// folding it, and only then given its name; so a file with that name is a good one. Folding takes the memory of a
    /// second set of conversations. Nobody but the owner may read the file. Readers and the writer wait only while the
    /// state hash is taken, as for [`Convofold::state_hash`].
    ///
    /// # Errors
    /// [`BackupError`] says why there is no backup. There is no file with that name then that was not there before.
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
        let unnamed = unnamed_beside(path).map_err(BackupError::io("making a file beside", path))?;
        let base_seq = if since.is_none() { start.position.seq } else { 1 };
        let base = base_images(self.shared(), storage.as_ref(), base_seq, |_| true)?;
        let header = BackupHeader {
            is_incremental: since.is_some(),
            base_conversations: u32::try_from(base.len()).unwrap_or(u32::MAX),
            begin,
            bookmarks: if since.is_none() { start.bookmarks } else { [].into() },
            marks: if since.is_none() { start.marks } else { Marks::NONE },
        };
        let mut compressor = Compressor::new().map_err(BackupError::io("making a compressor for", path))?;
        let mut out = BackupWriter::new(unnamed.as_file(), &mut compressor, path);
        out.begin(&header)?;
        out.base(&base)?;
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

/// Makes sure that this log has the place where an earlier backup ends.
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
        // The one block that ends there.
        let before = BlockKey { first_seq: place.seq, block_no: place.block_no - 1 };
        block_at_or_before(storage, before)?.is_some_and(|block| block.end() == place)
    } else {
        false
    };
    let diverged = || BackupError::Diverged { since: since.path().to_owned(), seq: place.last_seq() };
    has_place.then_some(()).ok_or_else(diverged)
}

/// A file that goes away by itself unless it is given a name.
fn unnamed_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    Builder::new().prefix(&prefix).suffix(".partial").tempfile_in(parent_of(path))
}

/// Gives a file its name, where no other has it.
fn name_durably(unnamed: NamedTempFile, path: &Path) -> Result<(), BackupError> {
    match unnamed.persist_noclobber(path) {
        Ok(_) => sync_dir(parent_of(path)).map_err(BackupError::io("fsync of the folder of", path)),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists { path: path.to_owned() })
        }
        Err(failed) => Err(BackupError::io("naming", path)(failed.error)),
    }
}

/// How many conversations a page of the base holds.
const BASE_PAGE: usize = PAGE_SLOTS as usize;

impl From<StorageError> for BackupError {
    fn from(error: StorageError) -> Self {
        LogError::Storage(error).into()
    }
}
