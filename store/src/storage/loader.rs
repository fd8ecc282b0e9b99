//! Loads values in the order of their keys, in parts of bounded size.

use crate::storage::fragment::Tree;
use crate::storage::{Entry, Storage, StorageError};

/// Maximum size of the values that are loaded at once, in bytes; see decision 0040.
const PART_BYTES: usize = 32 << 20;

/// Values of one tree, whose other keys are all smaller. They must come in the order of their keys.
pub(crate) struct Loader<'a> {
    storage: &'a dyn Storage,
    tree: Tree,
    waiting: Vec<Entry>,
    bytes: usize,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(storage: &'a dyn Storage, tree: Tree) -> Self {
        Self { storage, tree, waiting: Vec::new(), bytes: 0 }
    }

    pub(crate) fn push(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StorageError> {
        self.bytes += value.len();
        self.waiting.push((key, value));
        if self.bytes >= PART_BYTES { self.load() } else { Ok(()) }
    }

    /// Loads what waits. Nothing is loaded if this is not called.
    pub(crate) fn finish(mut self) -> Result<(), StorageError> {
        self.load()
    }

    fn load(&mut self) -> Result<(), StorageError> {
        self.bytes = 0;
        self.storage.load(self.tree, &std::mem::take(&mut self.waiting))
    }
}
