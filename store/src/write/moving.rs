//! Moves a database to a copy of its storage, on the writer thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::checkpoint::record::{has_note_of_damage, note_damage};
use crate::state::shared::Shared;
use crate::storage::fragment::Tree;
use crate::storage::{ReadStorage, Storage, StorageError};

/// Maximum number of bytes that are copied at once. sled splits a leaf of the copy after each such part, and leaves some 200 KB
/// of unused room then.
const PART_BYTES: usize = 32 << 20;

/// A new storage, or why it was not created.
pub(crate) type Created = Result<Arc<dyn Storage>, Arc<StorageError>>;

/// A copy of the storage to move to.
pub(crate) struct Move {
    /// The name of its folder.
    pub(crate) name: String,
    pub(crate) storage: Arc<dyn Storage>,
    /// The number of checkpoints that had been begun when the copy was.
    pub(crate) checkpoints_begun: u64,
    /// The key of the last block that was copied.
    pub(crate) last_block: Vec<u8>,
}

/// What became of it.
#[derive(Clone)]
pub(crate) enum Moved {
    /// The database uses the copy. This is the storage that it used before.
    Done(Arc<dyn Storage>),
    /// A checkpoint was begun after the copy, so the copy is not complete. Nothing has changed.
    Outdated,
    /// Nothing has changed.
    Failed(Arc<StorageError>),
}

impl Move {
    /// Copies what was written since, durably. `from` is not changed meanwhile.
    pub(crate) fn complete(&self, shared: &Shared, from: &dyn Storage) -> Result<(), Moved> {
        if shared.log_figures.checkpoints_begun.load(Ordering::SeqCst) != self.checkpoints_begun {
            return Err(Moved::Outdated);
        }
        let copied = copy_after(from, self.storage.as_ref(), Tree::Log, self.last_block.clone())
            .and_then(|_| note_damage(self.storage.as_ref(), has_note_of_damage(from)?))
            .and_then(|()| self.storage.barrier());
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
