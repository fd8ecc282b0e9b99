//! The records of checkpoints: their names, and what holds their pages together.

use xxhash_rust::xxh3::Xxh3;

use crate::conversations::page::PageEntry;
use crate::format::frame::Checksum;
use crate::storage::{Storage, StorageError};

/// Records are named by their generation, padded so that their names are in its order.
const RECORD: &str = "checkpoint/";

/// The checksum over the checksums of all pages.
pub(crate) fn checksum_of(pages: &[PageEntry]) -> Checksum {
    let mut hash = Xxh3::new();
    for page in pages {
        hash.update(&page.checksum.to_le_bytes());
    }
    hash.digest128()
}

pub(crate) fn record_name(generation: u64) -> String {
    format!("{RECORD}{generation:020}")
}

/// The generations that have a record, oldest first.
pub(crate) fn generations(storage: &dyn Storage) -> Result<Vec<u64>, StorageError> {
    let names = storage.record_names(RECORD)?;
    Ok(names.iter().filter_map(|name| generation_of(name)).collect())
}

/// The generation of the checkpoint whose record has this name.
pub(crate) fn generation_of(record_name: &str) -> Option<u64> {
    record_name.strip_prefix(RECORD)?.parse().ok()
}
