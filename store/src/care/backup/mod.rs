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
mod source;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::{Builder, NamedTempFile};

use crate::api::handle::Convofold;
use crate::log::error::LogError;
use crate::storage::StorageError;
use crate::storage::files::{make_private, parent_of, sync_dir};
use crate::trace::{span, tell};
use convofold_engine::Seq;

pub use error::{BackupError, BackupFileError, RestoreError};
pub use file::{BackupContents, BackupFile, BackupRecords};
pub use restore::{RestoreReport, restore, restore_and_erase};
pub use source::{BackupPlace, BackupSource, InvalidPlace, RunningBackup};

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
        on_progress: impl FnMut(Progress),
    ) -> Result<BackupReport, BackupError> {
        write(self, file.as_ref(), options, on_progress)
    }
}

/// Writes a backup of a database to a new file, as [`Convofold::backup`] does. `source` can be a connection to the process
/// that holds the database; the file is written and checked here.
///
/// # Errors
/// [`BackupError`] if no backup was written.
pub fn write(
    source: &dyn BackupSource,
    file: &Path,
    options: &BackupOptions,
    mut on_progress: impl FnMut(Progress),
) -> Result<BackupReport, BackupError> {
    let started = Instant::now();
    span!("backup", file = %file.display());
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists { path: file.to_owned() });
    }
    let since = options.since.as_deref().map(BackupFile::open).transpose().map_err(BackupError::Since)?;
    let unnamed = unnamed_beside(file).map_err(BackupError::io("creating a file beside", file))?;
    source.write_backup(file, since.as_ref(), &mut unnamed.as_file(), &mut on_progress)?;
    unnamed.as_file().sync_all().map_err(BackupError::io("fsync of", file))?;

    let written = BackupFile::open(unnamed.path()).map_err(BackupError::Written)?;
    let contents = written.check(on_progress).map_err(BackupError::Written)?;
    name_durably(unnamed, file)?;
    tell!(info, last_seq = contents.last_seq, bytes = contents.bytes, took = ?started.elapsed(), "backup written");
    Ok(BackupReport { contents, took: started.elapsed() })
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

impl From<StorageError> for BackupError {
    fn from(error: StorageError) -> Self {
        LogError::Storage(error).into()
    }
}
