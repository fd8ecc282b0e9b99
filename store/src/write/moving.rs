//! Moves a database to a copy of its storage, on the writer thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::checkpoint::record::{has_note_of_damage, note_damage};
use crate::open::safety_copy::{mark, unmark};
use crate::state::shared::{Contents, Shared};
use crate::storage::fragment::Tree;
use crate::storage::{ReadStorage, Storage, StorageError, release};

/// Maximum number of bytes that are copied at once. sled splits a leaf of the copy after each such part, and leaves some 200 KB
/// of unused room then.
pub(super) const PART_BYTES: usize = 32 << 20;

/// A new storage, or why it was not created.
pub(crate) type Created = Result<Arc<dyn Storage>, Arc<StorageError>>;

/// A copy of the storage to move to.
pub(crate) struct Move {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The folder of the storage before.
    pub(crate) before: PathBuf,
    pub(crate) storage: Arc<dyn Storage>,
    /// The number of checkpoints that had been begun when the copy was.
    pub(crate) checkpoints_begun: u64,
    /// The key of the last block that was copied.
    pub(crate) last_block: Vec<u8>,
}

/// What became of it.
#[derive(Clone)]
pub(crate) enum Moved {
    /// The database uses the copy.
    Done(Before),
    /// A checkpoint was begun after the copy, so the copy is not complete. Nothing has changed.
    Outdated,
    /// Nothing has changed.
    Failed(Arc<StorageError>),
}

/// What was used before, for the first thread that takes it. Dropping the last reference can take long and panic, so the queue
/// keeps none.
#[derive(Clone)]
pub(crate) struct Before(Arc<Mutex<Option<Unused>>>);

/// What was used before a move.
pub(crate) struct Unused {
    _storage: Arc<dyn Storage>,
    /// `None` if memory stays as it is.
    _contents: Option<Contents>,
}

impl Moved {
    /// The database uses the storage in this folder. Removes its mark before anything is committed to it: without a readable
    /// HEAD, a marked storage is not opened.
    pub(super) fn to(folder: &Path, before: Before) -> Result<Self, StorageError> {
        let Err(error) = unmark(folder) else { return Ok(Self::Done(before)) };
        let _ = release(before.take());
        Err(StorageError::io("removing the mark of an incomplete storage")(error))
    }
}

impl Before {
    pub(crate) fn new(storage: Arc<dyn Storage>, contents: Option<Contents>) -> Self {
        Self(Arc::new(Mutex::new(Some(Unused { _storage: storage, _contents: contents }))))
    }

    pub(crate) fn take(self) -> Option<Unused> {
        self.0.lock().take()
    }
}

impl Move {
    /// Marks the storage before as incomplete, durably. Once HEAD names the copy, nothing else says that it is not needed.
    fn mark_before(&self) -> Result<(), StorageError> {
        mark(&self.before).map_err(StorageError::io("marking the storage before"))
    }

    /// Copies what was written since, durably, and marks the storage before. `from` is not changed meanwhile.
    pub(crate) fn complete(&self, shared: &Shared, from: &dyn Storage) -> Result<(), Moved> {
        if shared.storage.read().is_none() {
            return Err(Moved::Failed(Arc::new(StorageError::Closed)));
        }
        if shared.log_figures.checkpoints_begun.load(Ordering::SeqCst) != self.checkpoints_begun {
            return Err(Moved::Outdated);
        }
        let copied = copy_after(from, self.storage.as_ref(), Tree::Log, self.last_block.clone())
            .and_then(|_| note_damage(self.storage.as_ref(), has_note_of_damage(from)?))
            .and_then(|()| self.storage.barrier())
            .and_then(|()| self.mark_before());
        copied.map_err(|error| Moved::Failed(Arc::new(error)))
    }
}

/// Copies the entries of a tree after this key. Returns the last key.
pub(crate) fn copy_after(
    from: &dyn ReadStorage,
    to: &dyn Storage,
    tree: Tree,
    mut key: Vec<u8>,
) -> Result<Vec<u8>, StorageError> {
    loop {
        let entries = from.entries_after(tree, &key, PART_BYTES)?;
        let Some((last, _)) = entries.last() else { return Ok(key) };
        key.clone_from(last);
        to.load(tree, &entries)?;
    }
}
