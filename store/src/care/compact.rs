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

use std::sync::atomic::Ordering;

use crate::api::handle::Convofold;
use crate::care::copy::{Copy, like};
use crate::care::rewrite::RewriteError;
use crate::care::rewrite::live::{expect_home, expect_room};
use crate::checkpoint::recorded::is_recorded_hashes;
use crate::damage::Damage;
use crate::open::safety_copy::{remove_storage, unmark};
use crate::state::lent_storage::LentStorage;
use crate::storage::end_mark::{next_folder, storage_folder};
use crate::storage::files::sync_dir;
use crate::storage::fragment::Tree;
use crate::storage::{ReadStorage, Storage, StorageError, release};
use crate::trace::{span, tell};
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

impl Convofold {
    /// Rewrites the storage without unused room, and gives that room back to the file system. States, log, checkpoints and
    /// hashes do not change.
    ///
    /// The database can be used meanwhile: commits wait only for the last step, in which the writer copies the newest events.
    /// Until the end, no checkpoint is written unless it is requested, so that conversations stay in memory, and the file system
    /// must have room for a second copy. If the process is killed, the database is compacted or as it was.
    ///
    /// # Errors
    /// [`RewriteError`]. Nothing has changed, except with [`RewriteError::Commit`].
    pub fn compact(&self) -> Result<Compacted, RewriteError> {
        span!("compact");
        let shared = self.shared();
        let _turn = shared.compacting.try_lock().ok_or(RewriteError::InUse)?;
        let _log = shared.log_in_use.try_read().ok_or(RewriteError::InUse)?;
        expect_home(self)?;
        let before_bytes = self.storage_bytes()?;
        expect_room(self.dir(), before_bytes)?;
        self.checkpoint()?;
        let _held = shared.hold_checkpoints();
        for _ in 0..MAX_COPIES {
            if let Some(damaged_values) = self.compact_once()? {
                let after_bytes = self.storage_bytes()?;
                tell!(info, before_bytes, after_bytes, "compacted");
                return Ok(Compacted { before_bytes, after_bytes, damaged_values });
            }
        }
        Err(RewriteError::Busy { copies: MAX_COPIES })
    }

    fn storage_bytes(&self) -> Result<u64, RewriteError> {
        Ok(LentStorage::of(self.shared()).disk_bytes()?)
    }

    /// Copies the storage and moves to the copy. Returns the number of damaged values that are not in it; `None` if a checkpoint
    /// was written meanwhile.
    fn compact_once(&self) -> Result<Option<u64>, RewriteError> {
        expect_home(self)?;
        let before = storage_folder(self.dir()).map_err(StorageError::io("reading the end mark"))?;
        let name = next_folder(self.dir()).map_err(StorageError::io("listing the directory"))?;
        let copy = Copy::begin(self.dir().join(name)).map_err(StorageError::io("creating the mark of the copy"))?;
        let checkpoints_begun = self.shared().log_figures.checkpoints_begun.load(Ordering::SeqCst);
        let folder = copy.folder.clone();
        let storage = self.request(|completer| Command::Create(folder, completer))?.map_err(RewriteError::Copy)?;
        let storage = scopeguard::guard(storage, |storage| drop(release(storage)));
        // The folder of the copy must be there when HEAD names it.
        sync_dir(self.dir()).map_err(StorageError::io("fsync of the directory"))?;
        let (last_block, damaged_values) = self.copy_to(storage.as_ref())?;
        like(&before, &copy.folder).map_err(StorageError::io("setting the modes of the copy"))?;
        expect_home(self)?;
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
                return Err(RewriteError::Copy(error));
            }
        };
        drop(scopeguard::ScopeGuard::into_inner(storage));
        // Nothing depends on it any more; if it cannot be removed, the next opening tries again.
        let _ = release(old.take());
        let _ = remove_storage(&before);
        Ok(Some(damaged_values))
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
