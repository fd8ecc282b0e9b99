//! The interface between the store and whatever keeps its bytes. It is small, so that sled can be replaced and tests can
//! simulate a disk that fails.
//!
//! A storage keeps a log of blocks, a set of pages with two halves each, and a few named records. Values have any length.
//! [`ReadStorage`] reads, [`Storage`] also writes: what only reads is given a [`ReadStorage`].

pub(crate) mod chunk;
pub(crate) mod end_mark;
mod error;
pub(crate) mod files;
#[cfg(test)]
pub(crate) mod memory;
pub(crate) mod sled;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::error::StorageError;
use crate::format::key::{BlockKey, PageKey};

/// Reads the database's bytes. Any thread may.
pub(crate) trait ReadStorage: Send + Sync {
    /// The block with this key.
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError>;
    /// The last block key that is not greater.
    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError>;
    /// The half of a page with this key.
    fn page(&self, key: PageKey) -> Result<Option<Vec<u8>>, StorageError>;
    /// The record with this name.
    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError>;
    /// The names of all records with this prefix, in order.
    fn record_names(&self, prefix: &str) -> Result<Vec<String>, StorageError>;
    /// Size on disk, in bytes.
    fn disk_bytes(&self) -> Result<u64, StorageError>;
    /// Number of values that no barrier makes durable; see [`sled`].
    fn stray_values(&self) -> Result<u64, StorageError>;
}

/// Changes the database's bytes. One thread does: the writer of an open database, or whatever makes a new one.
pub(crate) trait Storage: ReadStorage {
    /// Appends blocks: all of them or, if the process ends meanwhile, none.
    fn append(&self, blocks: &[(BlockKey, Vec<u8>)]) -> Result<(), StorageError>;
    /// Deletes the blocks with lesser keys; only some of them if the process ends meanwhile.
    fn delete_blocks_before(&self, key: BlockKey) -> Result<(), StorageError>;

    /// Writes or overwrites halves of pages; only some of them if the process ends meanwhile.
    fn put_pages(&self, pages: &[(PageKey, Vec<u8>)]) -> Result<(), StorageError>;
    /// Deletes halves of pages; only some of them if the process ends meanwhile.
    fn delete_pages(&self, keys: &[PageKey]) -> Result<(), StorageError>;

    /// Writes or overwrites the record with this name.
    fn put_record(&self, name: &str, value: &[u8]) -> Result<(), StorageError>;
    /// Deletes the record with this name.
    fn delete_record(&self, name: &str) -> Result<(), StorageError>;

    /// Returns when everything written before survives a power cut.
    fn barrier(&self) -> Result<(), StorageError>;
}

/// Lets go of a storage, or of something of sled's. sled may panic where its last flush fails.
pub(crate) fn release<T>(storage: T) -> Result<(), StorageError> {
    catch_unwind(AssertUnwindSafe(|| drop(storage)))
        .map_err(|payload| StorageError::Panicked { message: panic_message(payload.as_ref()) })
}

/// What a panic said.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it said nothing".to_owned())
}
