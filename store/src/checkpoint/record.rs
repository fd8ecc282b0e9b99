//! Checkpoint records: their names and checksums.

use xxhash_rust::xxh3::Xxh3;

use crate::checkpoint::error::{LoadError, SkipReason};
use crate::conversations::page::PageEntry;
use crate::damage::Damage;
use crate::format::block::LogPosition;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::frame::Checksum;
use crate::format::key::PageHalf;
use crate::storage::{ReadStorage, StorageError};

/// Record names contain the generation, padded so that they sort by it.
const RECORD: &str = "checkpoint/";

/// The checksum of the checksums of all pages.
pub(crate) fn checksum_of(pages: &[PageEntry]) -> Checksum {
    let mut hash = Xxh3::new();
    for page in pages {
        hash.update(&page.checksum.to_le_bytes());
    }
    hash.digest128()
}

/// The half of each page that is in use, as in [`CheckpointRecord::halves`].
pub(crate) fn halves_of(pages: &[PageEntry]) -> Vec<u8> {
    let mut halves = vec![0; pages.len().div_ceil(8)];
    for (page_no, page) in pages.iter().enumerate() {
        if let Some(byte) = halves.get_mut(page_no / 8) {
            *byte |= (page.half as u8) << (page_no % 8);
        }
    }
    halves
}

/// The half of a page that the checkpoint uses.
pub(crate) fn half_of(record: &CheckpointRecord, page_no: u32) -> PageHalf {
    let byte = record.halves.get(page_no as usize / 8).copied().unwrap_or_default();
    PageHalf::from_u8(byte >> (page_no % 8) & 1).unwrap_or_default()
}

/// The record of the checkpoint of this generation.
pub(crate) fn read_record(storage: &dyn ReadStorage, generation: u64) -> Result<CheckpointRecord, LoadError> {
    let value = read(storage.record(&record_name(generation)))?.map_err(SkipReason::Record)?;
    Ok(record::open(generation, &value).map_err(SkipReason::Record)?)
}

/// The value, or its damage. Only a failure of the storage itself is an error.
pub(crate) fn read(outcome: Result<Option<Vec<u8>>, StorageError>) -> Result<Result<Vec<u8>, Damage>, StorageError> {
    match outcome {
        Ok(value) => Ok(value.ok_or(Damage::Missing)),
        Err(StorageError::Value(why)) => Ok(Err(why)),
        Err(error) => Err(error),
    }
}

/// The end of the log at the checkpoint.
pub(crate) fn position_of(record: &CheckpointRecord) -> LogPosition {
    LogPosition {
        block_no: record.last_block_no.saturating_add(1),
        seq: record.last_seq.saturating_add(1),
        chain: u128::from_le_bytes(record.chain),
    }
}

pub(crate) fn record_name(generation: u64) -> String {
    format!("{RECORD}{generation:020}")
}

/// The generations that have a record, oldest first.
pub(crate) fn generations(storage: &dyn ReadStorage) -> Result<Vec<u64>, StorageError> {
    let names = storage.record_names(RECORD)?;
    Ok(names.iter().filter_map(|name| generation_of(name)).collect())
}

/// The generation of the checkpoint whose record has this name.
pub(crate) fn generation_of(record_name: &str) -> Option<u64> {
    record_name.strip_prefix(RECORD)?.parse().ok()
}
