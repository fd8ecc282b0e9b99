//! The interface between the engine's durable half and the storage of its bytes. It is small, so that sled can be
//! replaced and tests can simulate a failing disk.
//!
//! A storage contains a log of blocks, a set of pages with two halves each, and a few named records. Values have any
//! length. [`ReadStorage`] reads, and [`Storage`] also writes. Code that only reads receives a [`ReadStorage`].

pub(crate) mod fragment;
pub(crate) mod end_mark;
mod error;
pub(crate) mod files;
pub(crate) mod loader;
#[cfg(test)]
pub(crate) mod memory;
pub(crate) mod sled;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

pub use self::error::StorageError;
use crate::format::key::{BlockKey, PageKey, PartKey};
use crate::storage::fragment::Tree;

/// The key of a value in its tree, and the value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// Reads the database's bytes, from any thread.
pub(crate) trait ReadStorage: Send + Sync {
    /// The block with this key.
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError>;
    /// The largest block key that is not greater than `key`.
    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError>;
    /// The part of a page with this key.
    fn page(&self, key: PartKey) -> Result<Option<Vec<u8>>, StorageError>;
    /// The record with this name.
    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError>;
    /// The entries of a tree after this key, in order: as many as fit into `max_bytes`, and at least one if there is one.
    fn entries_after(&self, tree: Tree, key: &[u8], max_bytes: usize) -> Result<Vec<Entry>, StorageError>;
    /// The names of all records with this prefix, in order.
    fn record_names(&self, prefix: &str) -> Result<Vec<String>, StorageError>;
    /// Size on disk, in bytes.
    fn disk_bytes(&self) -> Result<u64, StorageError>;
    /// Number of values that no barrier makes durable; see [`sled`].
    fn stray_values(&self) -> Result<u64, StorageError>;
}

/// Changes the database's bytes. Only one thread does so: the writer of an open database, or the code that creates a
/// database.
pub(crate) trait Storage: ReadStorage {
    /// Appends blocks atomically: if the process ends, either all or none of them are written.
    fn append(&self, blocks: &[(BlockKey, Vec<u8>)]) -> Result<(), StorageError>;
    /// Deletes the blocks with smaller keys. If the process ends, some of them may remain.
    fn delete_blocks_before(&self, key: BlockKey) -> Result<(), StorageError>;

    /// Writes or overwrites parts of pages. If the process ends, only some of them may be written.
    fn put_pages(&self, parts: &[(PartKey, Vec<u8>)]) -> Result<(), StorageError>;
    /// Deletes halves of pages with all their parts. If the process ends, some of them may remain.
    fn delete_pages(&self, keys: &[PageKey]) -> Result<(), StorageError>;

    /// Writes or overwrites the record with this name.
    fn put_record(&self, name: &str, value: &[u8]) -> Result<(), StorageError>;
    /// Deletes the record with this name.
    fn delete_record(&self, name: &str) -> Result<(), StorageError>;

    /// An empty storage in another folder, with the settings of this one.
    fn create(&self, folder: &Path) -> Result<Arc<dyn Storage>, StorageError>;
    /// Adds entries to a tree whose keys are all smaller. They take less room than if they are written one by one. If the
    /// process ends, only some of them may be written.
    fn load(&self, tree: Tree, entries: &[Entry]) -> Result<(), StorageError>;

    /// Returns once everything written before survives a power cut.
    fn barrier(&self) -> Result<(), StorageError>;

    /// Called after the last write of a clean close: the storage may do now what the next opening would have to do.
    fn prepare_next_opening(&self) {}
}

/// Drops a storage or a part of sled. sled may panic if its last flush fails.
pub(crate) fn release<T>(storage: T) -> Result<(), StorageError> {
    catch_unwind(AssertUnwindSafe(|| drop(storage)))
        .map_err(|payload| StorageError::Panicked { message: panic_message(payload.as_ref()) })
}

/// The message of a panic.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
