//! The storage of an open database, lent for one call at a time and for reading only.
//!
//! A long read, such as a verification, must not keep the storage of a database that is being closed: the next process
//! would find it locked. So closing waits for at most one call, and every later call fails. The same holds if an erasure
//! replaces the storage: what a reader learned from the old one, such as the places of pages, says nothing about the new one.

use std::sync::Arc;

use crate::format::key::{BlockKey, PartKey};
use crate::state::shared::Shared;
use crate::storage::fragment::Tree;
use crate::storage::{Entry, ReadStorage, StorageError};

/// Every call fails with [`StorageError::Closed`] once the database is closed, and with [`StorageError::Replaced`] once another
/// storage has replaced the one that was lent.
pub(crate) struct LentStorage {
    shared: Arc<Shared>,
    generation: u64,
    /// A copy that is read in place of the storage.
    copy: Option<Arc<dyn ReadStorage>>,
}

impl LentStorage {
    /// Lends the present storage. An answer that takes it before everything else never mixes two storages.
    pub(crate) fn of(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { shared: shared.clone(), generation: shared.generation(), copy: None })
    }

    /// Lends a copy of the storage that is being made, so that closing does not wait for the end of a long check of it. Closing
    /// releases no copy, so it does not wait for a call either.
    pub(crate) fn of_copy(shared: &Arc<Shared>, copy: Arc<dyn ReadStorage>) -> Arc<Self> {
        Arc::new(Self { shared: shared.clone(), generation: shared.generation(), copy: Some(copy) })
    }

    /// Fails if the database is closed, for work between two calls.
    pub(crate) fn expect_open(&self) -> Result<(), StorageError> {
        if self.shared.storage.read().is_some() { Ok(()) } else { Err(StorageError::Closed) }
    }

    /// Fails if another storage has replaced this one: for answers that read memory in several steps.
    pub(crate) fn expect_current(&self) -> Result<(), StorageError> {
        if self.shared.generation() == self.generation { Ok(()) } else { Err(StorageError::Replaced) }
    }

    fn lend<T>(&self, call: impl FnOnce(&dyn ReadStorage) -> Result<T, StorageError>) -> Result<T, StorageError> {
        if let Some(copy) = &self.copy {
            self.expect_open()?;
            return call(copy.as_ref());
        }
        let storage = self.shared.storage.read();
        if self.shared.generation_now() != self.generation {
            return Err(StorageError::Replaced);
        }
        call(storage.as_ref().ok_or(StorageError::Closed)?.as_ref())
    }
}

/// Asks again as long as the storage was replaced meanwhile.
pub(crate) fn until_current<T, E: MayBeReplaced>(mut ask: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    loop {
        match ask() {
            Err(error) if error.is_replaced() => {}
            answer => return answer,
        }
    }
}

/// An error that may be [`StorageError::Replaced`].
pub(crate) trait MayBeReplaced {
    fn is_replaced(&self) -> bool;
}

impl MayBeReplaced for StorageError {
    fn is_replaced(&self) -> bool {
        matches!(self, Self::Replaced)
    }
}

impl ReadStorage for LentStorage {
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.lend(|storage| storage.block(key))
    }

    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError> {
        self.lend(|storage| storage.key_at_or_before(key))
    }

    fn page(&self, key: PartKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.lend(|storage| storage.page(key))
    }

    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.lend(|storage| storage.record(name))
    }

    fn entries_after(&self, tree: Tree, key: &[u8], max_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        self.lend(|storage| storage.entries_after(tree, key, max_bytes))
    }

    fn record_names(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.lend(|storage| storage.record_names(prefix))
    }

    fn disk_bytes(&self) -> Result<u64, StorageError> {
        self.lend(|storage| storage.disk_bytes())
    }

    fn stray_values(&self) -> Result<u64, StorageError> {
        self.lend(|storage| storage.stray_values())
    }
}
