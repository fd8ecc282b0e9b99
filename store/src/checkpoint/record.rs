//! Checkpoint records, and the note of a damaged page.

use crate::checkpoint::error::{LoadError, SkipReason};
use crate::damage::Damage;
use crate::format::block::LogPosition;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::storage::{ReadStorage, Storage, StorageError};

/// Record names contain the generation, padded so that they sort by it.
const RECORD: &str = "checkpoint/";

/// The note of a damaged page: a record that exists until an opening has found all pages intact.
const DAMAGED: &str = "damaged-page";

/// Whether a page was found to be damaged, so that opening has to check every page.
pub(crate) fn has_note_of_damage(storage: &dyn ReadStorage) -> Result<bool, StorageError> {
    Ok(read(storage.record(DAMAGED))?.map_or_else(|why| why != Damage::Missing, |_| true))
}

/// Leaves the note of a damaged page, or removes it.
pub(crate) fn note_damage(storage: &dyn Storage, is_damaged: bool) -> Result<(), StorageError> {
    if is_damaged { storage.put_record(DAMAGED, &[]) } else { storage.delete_record(DAMAGED) }
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
