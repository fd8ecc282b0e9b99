//! The storage of an open database, lent for one call at a time and for reading only.
//!
//! A long read, such as a verification, must not keep the storage of a database that is being closed: the next process
//! would find it locked. So closing waits for at most one call, and every later call fails.

use std::sync::Arc;

use crate::format::key::{BlockKey, PartKey};
use crate::state::shared::Shared;
use crate::storage::fragment::Tree;
use crate::storage::{Entry, ReadStorage, StorageError};

/// Every call fails with [`StorageError::Closed`] once the database is closed.
pub(crate) struct LentStorage(Arc<Shared>);

impl LentStorage {
    pub(crate) fn of(shared: &Arc<Shared>) -> Arc<dyn ReadStorage> {
        Arc::new(Self(shared.clone()))
    }

    fn lend<T>(&self, call: impl FnOnce(&dyn ReadStorage) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let storage = self.0.storage.read();
        call(storage.as_ref().ok_or(StorageError::Closed)?.as_ref())
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
