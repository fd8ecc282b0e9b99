//! What the store asks of whatever keeps its bytes: so little that sled can be replaced, and that a test can lie about the
//! disk.
//!
//! There is a log of blocks, a set of pages that each have two places, and a few named records. All values may be of any
//! length.

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

/// Keeps the store's bytes. One thread writes; any may read.
pub(crate) trait Storage: Send + Sync {
    /// Appends blocks: all of them or, should the process end, none.
    fn append(&self, blocks: &[(BlockKey, Vec<u8>)]) -> Result<(), StorageError>;
    /// The block with this key.
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError>;
    /// The last key that is not greater.
    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError>;

    /// Deletes the blocks whose keys are less; some of them where the process ends meanwhile.
    fn delete_blocks_before(&self, key: BlockKey) -> Result<(), StorageError>;

    /// Writes pages over what is in their places; some of them where the process ends meanwhile.
    fn put_pages(&self, pages: &[(PageKey, Vec<u8>)]) -> Result<(), StorageError>;
    /// Deletes pages; some of them where the process ends meanwhile.
    fn delete_pages(&self, keys: &[PageKey]) -> Result<(), StorageError>;
    /// The page in this place.
    fn page(&self, key: PageKey) -> Result<Option<Vec<u8>>, StorageError>;

    /// Writes a record over the one with this name.
    fn put_record(&self, name: &str, value: &[u8]) -> Result<(), StorageError>;
    /// The record with this name.
    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError>;
    /// The names of all records that begin like this, in order.
    fn record_names(&self, beginning: &str) -> Result<Vec<String>, StorageError>;
    /// Deletes a record.
    fn delete_record(&self, name: &str) -> Result<(), StorageError>;

    /// Returns when everything written before survives a power cut.
    fn barrier(&self) -> Result<(), StorageError>;
    /// What it takes up on the disk, in bytes.
    fn disk_bytes(&self) -> Result<u64, StorageError>;
    /// How many values lie where no barrier reaches them; see `sled_storage`.
    fn stray_values(&self) -> Result<u64, StorageError>;
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
