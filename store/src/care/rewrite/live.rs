//! Writes the storage of an open database again, while it is used, and moves to the copy.
//!
//! ```text
//! the caller: checkpoint, then none is written until the end unless it is requested
//!             write what this checkpoint contains, with other contents, and prove it
//!             copy the log after it, and recover the state of the copy
//!             copy and fold what arrived meanwhile
//!             the last step of the operation: what cannot be taken back
//! the writer: copy and fold the rest of the log, barrier, mark the old storage
//!             HEAD, one slot after the other
//!             replace everything in memory at once
//! the caller: release and remove the old storage
//! ```
//!
//! Before HEAD names the copy, a failure changes nothing. Afterwards only the removal of its mark can fail, which ends all writes.
//! Decision 0044 gives the reasons.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use scopeguard::ScopeGuard;

use super::RewriteError;
use super::base::Base;
use crate::api::handle::Convofold;
use crate::care::copy::{Copy, like};
use crate::format::block::LogPosition;
use crate::open::recovery::{RecoveredState, recover};
use crate::open::safety_copy::{remove_storage, unmark};
use crate::state::lent_storage::LentStorage;
use crate::storage::end_mark::{next_folder, storage_folder};
use crate::storage::files::{free_bytes, sync_dir};
use crate::storage::{ReadStorage, Storage, StorageError, release};
use crate::write::moving::Moved;
use crate::write::replacing::{CopiedLog, Late, Replacement, Spoils};
use crate::write::writer::Command;

/// The copy is begun again if events spoil it or somebody requests a checkpoint meanwhile, up to this number of times.
const MAX_COPIES: u32 = 3;

/// The newest checkpoint of an open database, to be written again.
pub(crate) struct Source<'a> {
    db: &'a Convofold,
    pub(crate) from: Arc<dyn ReadStorage>,
    pub(crate) base: Base,
    /// The folder of the storage.
    pub(crate) before: PathBuf,
    pub(crate) checkpoints_begun: u64,
}

/// A storage that is released when it is dropped.
type Released = ScopeGuard<Arc<dyn Storage>, fn(Arc<dyn Storage>)>;

/// A new storage in a new folder.
pub(crate) struct Target {
    // Dropped first: the folder is removed after its files are closed.
    storage: Released,
    copy: Copy,
}

/// What an operation does with the storage.
pub(crate) enum Rewriting<T, E> {
    /// Nothing is to be changed.
    Nothing,
    /// What was read is outdated.
    Outdated,
    Written(Written<T, E>),
}

/// What was written.
pub(crate) struct Written<T, E> {
    pub(crate) target: Target,
    /// The end of the log in the copied checkpoint, in the copy.
    pub(crate) position: LogPosition,
    pub(crate) spoils: Spoils,
    pub(crate) last_step: LastStep<E>,
    /// What the caller tells about it.
    pub(crate) report: T,
}

/// What cannot be taken back, so that it is done when the copy is complete and directly before the writer moves to it. If it
/// fails, nothing moves. An event that arrives at the same moment can spoil the copy nevertheless.
pub(crate) type LastStep<E> = Box<dyn FnOnce() -> Result<(), E>>;

/// A copy that is complete up to the events that arrive meanwhile.
struct Complete {
    // Dropped first, like the storage in it.
    replacement: Box<Replacement>,
    target: Target,
}

/// A database that moved to a copy.
pub(crate) struct Rewritten<T> {
    pub(crate) report: T,
    pub(crate) before_bytes: u64,
    pub(crate) after_bytes: u64,
}

/// What became of one attempt.
enum Attempt<T> {
    Nothing,
    Moved(Rewritten<T>),
    Outdated,
}

impl Convofold {
    /// Writes the storage again with `write`, and moves to the copy. `write` copies what the checkpoint contains, unless there is
    /// nothing to change. It is called again if what it read is outdated, or the copy is when it is complete.
    pub(crate) fn rewrite<T, E: From<RewriteError>>(
        &self,
        write: impl Fn(&Source<'_>) -> Result<Rewriting<T, E>, E>,
    ) -> Result<Option<Rewritten<T>>, E> {
        let shared = self.shared();
        let _turn = shared.compacting.try_lock().ok_or(RewriteError::InUse)?;
        let _log = shared.log_in_use.try_write().ok_or(RewriteError::InUse)?;
        let _held = shared.hold_checkpoints();
        for _ in 0..MAX_COPIES {
            let Some(source) = Source::of(self)? else { return Ok(None) };
            let attempt = match write(&source) {
                Ok(Rewriting::Written(written)) => source.attempt(written)?,
                Ok(Rewriting::Nothing) => Attempt::Nothing,
                Ok(Rewriting::Outdated) => Attempt::Outdated,
                // A checkpoint has overwritten pages.
                Err(_) if source.is_outdated() => Attempt::Outdated,
                Err(error) => return Err(error),
            };
            match attempt {
                Attempt::Nothing => return Ok(None),
                Attempt::Moved(rewritten) => return Ok(Some(rewritten)),
                Attempt::Outdated => {}
            }
        }
        Err(RewriteError::Busy { copies: MAX_COPIES }.into())
    }
}

impl<'a> Source<'a> {
    /// `None` if there are no events.
    fn of(db: &'a Convofold) -> Result<Option<Self>, RewriteError> {
        expect_home(db)?;
        db.checkpoint()?;
        let shared = db.shared();
        let checkpoints_begun = shared.log_figures.checkpoints_begun.load(Ordering::SeqCst);
        // Whatever was begun before is complete then.
        db.sync()?;
        let from = LentStorage::of(shared);
        let before = storage_folder(db.dir()).map_err(StorageError::io("reading the end mark"))?;
        let base = Base::of_open(shared, from.as_ref())?;
        Ok(base.map(|base| Self { db, from, base, before, checkpoints_begun }))
    }

    /// Whether another checkpoint was begun.
    fn is_outdated(&self) -> bool {
        self.db.shared().log_figures.checkpoints_begun.load(Ordering::SeqCst) != self.checkpoints_begun
    }

    /// The directory of the database.
    pub(crate) fn dir(&self) -> &Path {
        self.db.dir()
    }

    /// Creates an empty storage for the copy.
    pub(crate) fn begin(&self) -> Result<Target, RewriteError> {
        let dir = self.db.dir();
        expect_room(dir, self.from.disk_bytes()?)?;
        let name = next_folder(dir).map_err(StorageError::io("listing the directory"))?;
        let copy = Copy::begin(dir.join(name)).map_err(StorageError::io("creating the mark of the copy"))?;
        let folder = copy.folder.clone();
        let storage = self.db.request(|completer| Command::Create(folder, completer))?.map_err(RewriteError::Copy)?;
        let storage = scopeguard::guard(storage, released as fn(Arc<dyn Storage>));
        // The folder of the copy must be there when HEAD names it.
        sync_dir(dir).map_err(StorageError::io("fsync of the directory"))?;
        Ok(Target { storage, copy })
    }

    /// What a check of a copy reads: it fails once the database is closed.
    pub(crate) fn reader_of(&self, target: &Target) -> Arc<LentStorage> {
        LentStorage::of_copy(self.db.shared(), target.storage.clone())
    }

    fn attempt<T, E: From<RewriteError>>(&self, written: Written<T, E>) -> Result<Attempt<T>, E> {
        let Written { target, position, spoils, last_step, report } = written;
        let Some(complete) = self.complete(target, position, spoils)? else { return Ok(Attempt::Outdated) };
        last_step()?;
        Ok(self.move_to(complete, report)?)
    }

    /// Copies what was committed since the checkpoint, and recovers the state of the copy. `None` if the copy is outdated.
    fn complete(
        &self,
        target: Target,
        position: LogPosition,
        spoils: Spoils,
    ) -> Result<Option<Complete>, RewriteError> {
        let Target { storage, copy } = &target;
        let mut log = CopiedLog { before: self.base.position, copy: position };
        // Not those that arrive meanwhile, or it would never end.
        let has_spoilt = log.go_on(self.from.as_ref(), storage.as_ref(), self.db.last_seq(), &spoils)?;
        like(&self.before, &copy.folder).map_err(StorageError::io("setting the modes of the copy"))?;
        let state = recovered(storage, self.reader_of(&target))?;
        let is_spoilt = has_spoilt || {
            let board = state.live.board();
            board.unsaved().iter().filter_map(|slot| board.image(*slot)).any(|image| spoils(Late::Conversation(&image)))
        };
        if is_spoilt {
            return Ok(None);
        }
        expect_home(self.db)?;
        let mut replacement = Box::new(Replacement {
            folder: copy.folder.clone(),
            before: self.before.clone(),
            storage: (**storage).clone(),
            checkpoints_begun: self.checkpoints_begun,
            log,
            state,
            spoils,
        });
        // What arrived while the copy was opened, so that little is left for the writer.
        let is_spoilt = replacement.catch_up(self.from.as_ref(), self.db.last_seq())?;
        Ok((!is_spoilt && !self.is_outdated()).then_some(Complete { replacement, target }))
    }

    fn move_to<T>(&self, complete: Complete, report: T) -> Result<Attempt<T>, RewriteError> {
        // Variables are dropped in reverse order.
        let Complete { target: Target { copy, storage }, replacement } = complete;
        let before_bytes = self.from.disk_bytes()?;
        // Unless the answer says so, HEAD may name the copy.
        copy.leave(true);
        let old = match self.db.request(|completer| Command::Replace(replacement, completer))? {
            Moved::Done(old) => old,
            Moved::Outdated => {
                copy.leave(false);
                return Ok(Attempt::Outdated);
            }
            Moved::Failed(error) => {
                copy.leave(false);
                let _ = unmark(&self.before);
                return Err(RewriteError::Copy(error));
            }
        };
        drop(ScopeGuard::into_inner(storage));
        // Nothing depends on it any more.
        let _ = release(old.take());
        let after_bytes = LentStorage::of(self.db.shared()).disk_bytes().unwrap_or_default();
        let remains = |source| RewriteError::Remains { folder: self.before.clone(), source };
        remove_storage(&self.before).map_err(remains)?;
        Ok(Attempt::Moved(Rewritten { report, before_bytes, after_bytes }))
    }
}

impl Target {
    pub(crate) fn folder(&self) -> &Path {
        &self.copy.folder
    }

    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }
}

/// The state of the copy.
fn recovered(storage: &Arc<dyn Storage>, reader: Arc<LentStorage>) -> Result<RecoveredState, RewriteError> {
    let (mut state, recovery) = recover(reader, None, false).map_err(RewriteError::Open)?;
    if recovery.checkpoint_seq.is_none() || !recovery.skipped.is_empty() {
        return Err(RewriteError::Unsaved);
    }
    state.complete_search_index(storage.as_ref())?;
    Ok(state)
}

fn released(storage: Arc<dyn Storage>) {
    let _ = release(storage);
}

/// Fails if the directory is not that of this database any more.
pub(crate) fn expect_home(db: &Convofold) -> Result<(), RewriteError> {
    if db.is_at_home() { Ok(()) } else { Err(RewriteError::Displaced { dir: db.dir().to_owned() }) }
}

/// Fails if the file system has less room than this.
pub(crate) fn expect_room(dir: &Path, needed_bytes: u64) -> Result<(), RewriteError> {
    match free_bytes(dir) {
        Some(free_bytes) if free_bytes < needed_bytes => {
            Err(RewriteError::NoSpace { dir: dir.to_owned(), needed_bytes, free_bytes })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::storage::memory::MemoryStorage;

    thread_local! {
        static FOLDER: RefCell<PathBuf> = const { RefCell::new(PathBuf::new()) };
        /// Whether it existed when its storage was released.
        static WAS_THERE: Cell<Option<bool>> = const { Cell::new(None) };
    }

    fn release_and_look(storage: Arc<dyn Storage>) {
        released(storage);
        WAS_THERE.set(Some(FOLDER.with_borrow(|folder| folder.exists())));
    }

    /// sled writes when it is dropped.
    #[test]
    fn the_folder_of_an_unused_copy_is_removed_after_its_storage_was_released() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("sled-2");
        let copy = Copy::begin(folder.clone()).unwrap();
        std::fs::create_dir(&folder).unwrap();
        FOLDER.set(folder.clone());
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let storage = scopeguard::guard(storage, release_and_look as fn(Arc<dyn Storage>));
        drop(Target { storage, copy });
        assert_eq!((WAS_THERE.get(), folder.exists()), (Some(true), false));
    }
}
