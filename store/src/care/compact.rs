//! Compact: rewrites the storage without the room that sled does not use.
//!
//! sled never gives room back to the file system: after a replay, or a trim, half of its file and more is unused. A copy of its
//! entries is written to a new folder while the database is used. Then the writer copies what was added meanwhile, and HEAD names
//! the new folder, in one write. A process that is killed at any moment leaves a database with one of the two folders, and the
//! next opening removes the other.
//!
//! ```text
//!                                                      HEAD   marked as incomplete
//! mark the copy, create it, copy, barrier              old    copy
//! the writer: copy the rest, barrier, mark the old     old    copy, old: both have everything
//!             HEAD, one slot after the other           copy   copy, old
//!             unmark the copy, write to it             copy   old
//! release and remove the old, unmark it                copy
//! ```

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::api::handle::Convofold;
use crate::care::copy::{Copy, like};
use crate::checkpoint::recorded::is_recorded_hashes;
use crate::damage::Damage;
use crate::open::safety_copy::{remove_storage, unmark};
use crate::state::lent_storage::LentStorage;
use crate::storage::end_mark::{next_folder, storage_folder};
use crate::storage::files::{free_bytes, sync_dir};
use crate::storage::fragment::Tree;
use crate::storage::{ReadStorage, Storage, StorageError, release};
use crate::trace::{span, tell};
use crate::write::error::CommitError;
use crate::write::moving::{Move, Moved, copy_after};
use crate::write::writer::Command;

/// The copy is begun again if somebody requests a checkpoint meanwhile, up to this number of times.
const MAX_COPIES: u32 = 3;

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Compacted {
    /// Length of sled's file before, in bytes.
    pub before_bytes: u64,
    /// Length of sled's file now, in bytes.
    pub after_bytes: u64,
    /// Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128. Every other damaged value
    /// ends a compaction.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "crate::state::receipt::is_none"))]
    pub damaged_values: u64,
}

/// Why a database was not compacted. Nothing has changed, except with [`CompactError::Commit`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// Another compaction is running.
    #[error("another compaction is running")]
    InUse,
    /// The log is being trimmed. Try again when it has ended.
    #[error("the log is being trimmed")]
    Trimming,
    /// The file system has less room than a copy may need.
    #[error("a copy needs up to {needed_bytes} bytes, and {free_bytes} are free in {}", dir.display())]
    NoSpace {
        /// The directory of the database.
        dir: PathBuf,
        /// Length of sled's file.
        needed_bytes: u64,
        /// What is free.
        free_bytes: u64,
    },
    /// Checkpoints were requested again and again while the copy was written.
    #[error("checkpoints were requested while the storage was copied, {copies} times")]
    Busy {
        /// Number of copies that were begun.
        copies: u32,
    },
    /// The directory was moved while the database is open, or its path was relative and the process has another working
    /// directory: nothing at this path belongs to this database.
    #[error("the directory {} is no longer that of this database", dir.display())]
    Displaced {
        /// The path with which the database was opened.
        dir: PathBuf,
    },
    /// The storage cannot be read, or the copy cannot be written.
    #[error("the copy failed")]
    Copy(#[source] Arc<StorageError>),
    /// Writing failed. The database is compacted or as before; the next opening uses what is there.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Convofold {
    /// Rewrites the storage without unused room, and gives that room back to the file system. States, log, checkpoints and
    /// hashes do not change.
    ///
    /// The database can be used meanwhile: commits wait only for the last step, in which the writer copies the newest events.
    /// Until the end, no checkpoint is written unless it is requested, so that conversations stay in memory, and the file system
    /// must have room for a second copy. If the process is killed, the database is compacted or as it was.
    ///
    /// # Errors
    /// [`CompactError`].
    pub fn compact(&self) -> Result<Compacted, CompactError> {
        span!("compact");
        let shared = self.shared();
        let _turn = shared.compacting.try_lock().ok_or(CompactError::InUse)?;
        let _log = shared.log_in_use.try_read().ok_or(CompactError::Trimming)?;
        self.expect_home()?;
        let before_bytes = self.storage_bytes()?;
        self.expect_room(before_bytes)?;
        self.checkpoint()?;
        let _held = shared.hold_checkpoints();
        for _ in 0..MAX_COPIES {
            if let Some(damaged_values) = self.compact_once()? {
                let after_bytes = self.storage_bytes()?;
                tell!(info, before_bytes, after_bytes, "compacted");
                return Ok(Compacted { before_bytes, after_bytes, damaged_values });
            }
        }
        Err(CompactError::Busy { copies: MAX_COPIES })
    }

    fn expect_room(&self, needed_bytes: u64) -> Result<(), CompactError> {
        match free_bytes(self.dir()) {
            Some(free_bytes) if free_bytes < needed_bytes => {
                Err(CompactError::NoSpace { dir: self.dir().to_owned(), needed_bytes, free_bytes })
            }
            _ => Ok(()),
        }
    }

    fn storage_bytes(&self) -> Result<u64, CompactError> {
        LentStorage::of(self.shared()).disk_bytes().map_err(copy_failed)
    }

    /// Copies the storage and moves to the copy. Returns the number of damaged values that are not in it; `None` if a checkpoint
    /// was written meanwhile.
    fn compact_once(&self) -> Result<Option<u64>, CompactError> {
        self.expect_home()?;
        let before = storage_folder(self.dir()).map_err(io_failed("reading the end mark"))?;
        let name = next_folder(self.dir()).map_err(io_failed("listing the directory"))?;
        let copy = Copy::begin(self.dir().join(name)).map_err(io_failed("creating the mark of the copy"))?;
        let checkpoints_begun = self.shared().log_figures.checkpoints_begun.load(Ordering::SeqCst);
        let folder = copy.folder.clone();
        let storage = self.request(|completer| Command::Create(folder, completer))?.map_err(CompactError::Copy)?;
        let storage = scopeguard::guard(storage, |storage| drop(release(storage)));
        // The folder of the copy must be there when HEAD names it.
        sync_dir(self.dir()).map_err(io_failed("fsync of the directory"))?;
        let (last_block, damaged_values) = self.copy_to(storage.as_ref()).map_err(copy_failed)?;
        like(&before, &copy.folder).map_err(io_failed("setting the modes of the copy"))?;
        self.expect_home()?;
        let (folder, storage_copy) = (copy.folder.clone(), storage.clone());
        let to = Move { folder, before: before.clone(), storage: storage_copy, checkpoints_begun, last_block };
        // Unless the answer says so, HEAD may name the copy.
        copy.leave(true);
        let old = match self.request(|completer| Command::Move(to, completer))? {
            Moved::Done(old) => old,
            Moved::Outdated => {
                copy.leave(false);
                return Ok(None);
            }
            Moved::Failed(error) => {
                copy.leave(false);
                let _ = unmark(&before);
                return Err(CompactError::Copy(error));
            }
        };
        drop(scopeguard::ScopeGuard::into_inner(storage));
        // Nothing depends on it any more; if it cannot be removed, the next opening tries again.
        let _ = release(old.take());
        let _ = remove_storage(&before);
        Ok(Some(damaged_values))
    }

    /// Fails if the directory is not that of this database any more.
    fn expect_home(&self) -> Result<(), CompactError> {
        if self.is_at_home() { Ok(()) } else { Err(CompactError::Displaced { dir: self.dir().to_owned() }) }
    }

    /// Copies everything. Returns the key of the last block, and the number of damaged values that are left out.
    fn copy_to(&self, to: &dyn Storage) -> Result<(Vec<u8>, u64), StorageError> {
        let from = LentStorage::of(self.shared());
        let copy = |tree| copy_after(from.as_ref(), to, tree, Vec::new());
        let damaged_values = copy_records(from.as_ref(), to)?;
        copy(Tree::Pages)?;
        let last_block = copy(Tree::Log)?;
        to.barrier()?;
        // What was appended while the barrier ran.
        Ok((copy_after(from.as_ref(), to, Tree::Log, last_block)?, damaged_values))
    }
}

/// Copies the records, without recorded hashes that cannot be read: nothing needs them. Returns their number.
fn copy_records(from: &dyn ReadStorage, to: &dyn Storage) -> Result<u64, StorageError> {
    match copy_after(from, to, Tree::Records, Vec::new()) {
        Err(StorageError::Value(_)) => {}
        copied => return copied.map(|_| 0),
    }
    let (copied, mut damaged_values) = (to.record_names("")?, 0);
    for name in from.record_names("")?.into_iter().filter(|name| copied.last().is_none_or(|last| name > last)) {
        match from.record(&name) {
            Ok(Some(value)) => to.load(Tree::Records, &[(name.into_bytes(), value)])?,
            Ok(None) => return Err(StorageError::Value(Damage::Missing)),
            Err(StorageError::Value(_)) if is_recorded_hashes(&name) => damaged_values += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(damaged_values)
}

fn copy_failed(error: StorageError) -> CompactError {
    CompactError::Copy(Arc::new(error))
}

fn io_failed(doing: &'static str) -> impl FnOnce(io::Error) -> CompactError {
    move |error| copy_failed(StorageError::io(doing)(error))
}
