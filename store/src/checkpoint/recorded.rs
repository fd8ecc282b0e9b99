//! Recorded hashes: each checkpoint leaves the state hash after its last event, for good. They are the proof that the past
//! was not rewritten since.
//!
//! They are kept in values of up to [`HASHES_PER_VALUE`], of which only the last one is written again. A hash is written
//! before the record of its checkpoint and after its events are durable, so it is right whether the checkpoint is completed or
//! not.

use crate::checkpoint::record::read;
use crate::damage::Damage;
use crate::format::frame::Compressor;
use crate::format::recorded_hashes::{StoredHash, open, seal};
use crate::storage::{ReadStorage, Storage, StorageError};

/// Values have names that contain their number, padded so that they sort by it.
const RECORD: &str = "recorded-hashes/";

/// Number of hashes in a value: some 6 KiB, so that each value has one fragment, which sled writes atomically.
const HASHES_PER_VALUE: usize = if cfg!(test) { 3 } else { 128 };

/// Adds a hash after all others, unless it is recorded already: the first record of a state is never replaced.
pub(crate) fn record_hash(
    storage: &dyn Storage,
    compressor: &mut Compressor,
    hash: StoredHash,
) -> Result<(), StorageError> {
    if hash.seq == 0 {
        return Ok(());
    }
    let last = numbers(storage)?.last().copied();
    let found = last.map(|number| Ok((number, read_value(storage, number)?))).transpose()?;
    let (number, mut hashes) = match found {
        None => (0, Vec::new()),
        Some((_, Ok(hashes))) if hashes.last().is_some_and(|last| last.order() >= hash.order()) => return Ok(()),
        Some((number, Ok(hashes))) if hashes.len() < HASHES_PER_VALUE => (number, hashes),
        // A damaged value stays as it is, so that a verification reports it.
        Some((number, _)) => (number + 1, Vec::new()),
    };
    hashes.push(hash);
    put(storage, compressor, number, &hashes)
}

/// Replaces all values, in a database that is being created.
pub(crate) fn write_recorded_hashes(
    storage: &dyn Storage,
    compressor: &mut Compressor,
    hashes: &[StoredHash],
) -> Result<(), StorageError> {
    for (number, hashes) in (0..).zip(hashes.chunks(HASHES_PER_VALUE)) {
        put(storage, compressor, number, hashes)?;
    }
    Ok(())
}

fn put(
    storage: &dyn Storage,
    compressor: &mut Compressor,
    number: u64,
    hashes: &[StoredHash],
) -> Result<(), StorageError> {
    let value = seal(number, hashes, compressor).map_err(StorageError::Encoding)?;
    storage.put_record(&format!("{RECORD}{number:010}"), &value)
}

fn name_of(number: u64) -> String {
    format!("{RECORD}{number:010}")
}

/// The number of a value that cannot be read, and why.
pub(crate) type DamagedValue = (u64, Damage);

/// All recorded hashes, in order, and the values that cannot be read.
pub(crate) fn recorded_hashes(storage: &dyn ReadStorage) -> Result<(Vec<StoredHash>, Vec<DamagedValue>), StorageError> {
    let (mut hashes, mut damages) = (Vec::new(), Vec::new());
    for number in numbers(storage)? {
        match read_value(storage, number)? {
            Ok(of_value) => hashes.extend(of_value),
            Err(why) => damages.push((number, why)),
        }
    }
    Ok((in_order(hashes), damages))
}

/// The hashes in order, each once. Of several for one state, the first in the list is kept.
pub(crate) fn in_order(mut hashes: Vec<StoredHash>) -> Vec<StoredHash> {
    hashes.sort_by_key(StoredHash::order);
    hashes.dedup_by_key(|hash| hash.order());
    hashes
}

/// The number in the name of a record of this kind.
pub(crate) fn number_of(record_name: &str) -> Option<u64> {
    record_name.strip_prefix(RECORD)?.parse().ok()
}

fn numbers(storage: &dyn ReadStorage) -> Result<Vec<u64>, StorageError> {
    let names = storage.record_names(RECORD)?;
    Ok(names.iter().filter_map(|name| number_of(name)).collect())
}

fn read_value(storage: &dyn ReadStorage, number: u64) -> Result<Result<Vec<StoredHash>, Damage>, StorageError> {
    let value = read(storage.record(&format!("{RECORD}{number:010}")))?;
    Ok(value.and_then(|value| open(number, &value)))
}
