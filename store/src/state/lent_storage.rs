//! The storage of an open store, lent for one call at a time.
//!
//! What reads for long, such as a verification, must not keep the storage of a store that is being closed: the next
//! process would find it locked. So closing waits for one call at most, and whoever calls again is told.

use std::sync::Arc;

use crate::format::key::{BlockKey, PageKey};
use crate::state::shared::Shared;
use crate::storage::{Storage, StorageError};

/// [`StorageError::Closed`] is all it says once the store is closed.
pub(crate) struct LentStorage(Arc<Shared>);

impl LentStorage {
    pub(crate) fn of(shared: &Arc<Shared>) -> Arc<dyn Storage> {
        Arc::new(Self(shared.clone()))
    }

    fn lend<T>(&self, call: impl FnOnce(&dyn Storage) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let storage = self.0.storage.read();
        call(storage.as_ref().ok_or(StorageError::Closed)?.as_ref())
    }
}

impl Storage for LentStorage {
    fn append(&self, blocks: &[(BlockKey, Vec<u8>)]) -> Result<(), StorageError> {
        self.lend(|storage| storage.append(blocks))
    }

    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.lend(|storage| storage.block(key))
    }

    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError> {
        self.lend(|storage| storage.key_at_or_before(key))
    }

    fn delete_blocks_before(&self, key: BlockKey) -> Result<(), StorageError> {
        self.lend(|storage| storage.delete_blocks_before(key))
    }

    fn put_pages(&self, pages: &[(PageKey, Vec<u8>)]) -> Result<(), StorageError> {
        self.lend(|storage| storage.put_pages(pages))
    }

    fn delete_pages(&self, keys: &[PageKey]) -> Result<(), StorageError> {
        self.lend(|storage| storage.delete_pages(keys))
    }

    fn page(&self, key: PageKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.lend(|storage| storage.page(key))
    }

    fn put_record(&self, name: &str, value: &[u8]) -> Result<(), StorageError> {
        self.lend(|storage| storage.put_record(name, value))
    }

    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.lend(|storage| storage.record(name))
    }

    fn record_names(&self, beginning: &str) -> Result<Vec<String>, StorageError> {
        self.lend(|storage| storage.record_names(beginning))
    }

    fn delete_record(&self, name: &str) -> Result<(), StorageError> {
        self.lend(|storage| storage.delete_record(name))
    }

    fn barrier(&self) -> Result<(), StorageError> {
        self.lend(|storage| storage.barrier())
    }

    fn disk_bytes(&self) -> Result<u64, StorageError> {
        self.lend(|storage| storage.disk_bytes())
    }

    fn stray_values(&self) -> Result<u64, StorageError> {
        self.lend(|storage| storage.stray_values())
    }
}
