//! Recorded hashes: each checkpoint leaves the state hash after its last event. They are the proof that the past was not
//! rewritten since.
//!
//! They are kept in values of up to [`HASHES_PER_VALUE`]. A hash is written before the record of its checkpoint and after its
//! events are durable, so it is right whether the checkpoint is completed or not. It is never replaced.
//!
//! When a value is full, old hashes are removed ([`thinned`]), so that their number grows with the logarithm of the number of
//! events. Each value loses hashes on its own: after a power cut, some of the removals may be missing, and nothing else.

use std::collections::HashSet;

use crate::checkpoint::record::read;
use crate::damage::Damage;
use crate::format::frame::Compressor;
use crate::format::recorded_hashes::{StoredHash, open, seal};
use crate::storage::{ReadStorage, Storage, StorageError};

/// Values have names that contain their number, padded so that they sort by it.
const RECORD: &str = "recorded-hashes/";

/// Number of hashes in a value: some 6 KiB, so that each value has one fragment, which sled writes atomically.
const HASHES_PER_VALUE: usize = if cfg!(test) { 3 } else { 128 };

/// Number of newest hashes that are all kept.
const KEPT: usize = 128;

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
        Some((number, _)) => {
            thin(storage, compressor)?;
            (number + 1, Vec::new())
        }
    };
    hashes.push(hash);
    put(storage, compressor, number, &hashes)
}

/// Removes old hashes.
fn thin(storage: &dyn Storage, compressor: &mut Compressor) -> Result<(), StorageError> {
    let (all, _) = recorded_hashes(storage)?;
    let kept: HashSet<_> = thinned(&all).iter().map(StoredHash::order).collect();
    if kept.len() == all.len() {
        return Ok(());
    }
    for number in numbers(storage)? {
        let Ok(mut hashes) = read_value(storage, number)? else { continue };
        let before = hashes.len();
        hashes.retain(|hash| kept.contains(&hash.order()));
        match hashes.len() {
            0 => storage.delete_record(&name_of(number))?,
            left if left < before => put(storage, compressor, number, &hashes)?,
            _ => {}
        }
    }
    Ok(())
}

/// Which of these hashes, in order, are kept: the newest [`KEPT`]; and of the others the first one of each 2, 4, 8, ... events,
/// at most a 128th of the events since. So at most 128 are kept for each doubling of that number.
fn thinned(hashes: &[StoredHash]) -> Vec<StoredHash> {
    let last_seq = hashes.last().map_or(0, |newest| newest.seq);
    let old = hashes.len().saturating_sub(KEPT);
    let mut last_stretch = None;
    let is_kept = |(place, hash): &(usize, &StoredHash)| {
        let bits = ((last_seq - hash.seq) / KEPT as u64).checked_ilog2().unwrap_or_default();
        let stretch = Some((hash.fold_version, bits, hash.seq >> bits));
        std::mem::replace(&mut last_stretch, stretch) != stretch || *place >= old
    };
    hashes.iter().enumerate().filter(is_kept).map(|(_, hash)| *hash).collect()
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
    storage.put_record(&name_of(number), &value)
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

/// Whether a record of this name has recorded hashes.
pub(crate) fn is_recorded_hashes(record_name: &str) -> bool {
    number_of(record_name).is_some()
}

fn numbers(storage: &dyn ReadStorage) -> Result<Vec<u64>, StorageError> {
    let names = storage.record_names(RECORD)?;
    Ok(names.iter().filter_map(|name| number_of(name)).collect())
}

fn read_value(storage: &dyn ReadStorage, number: u64) -> Result<Result<Vec<StoredHash>, Damage>, StorageError> {
    let value = read(storage.record(&name_of(number)))?;
    Ok(value.and_then(|value| open(number, &value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::MemoryStorage;

    fn hash(seq: u64) -> StoredHash {
        StoredHash { seq, committed_ms: 7, fold_version: 1, state_hash: [0; 32] }
    }

    /// The seqs that are left after a hash was recorded at each multiple of `step`.
    fn left_after(count: u64, step: u64) -> Vec<u64> {
        let mut left = Vec::new();
        for number in 1..=count {
            left.push(hash(number * step));
            if number % HASHES_PER_VALUE as u64 == 0 {
                left = thinned(&left);
            }
        }
        left.iter().map(|hash| hash.seq).collect()
    }

    #[test]
    fn the_newest_hashes_are_kept_and_older_ones_are_the_sparser_the_older_they_are() {
        for (count, step) in [(100, 5), (3_000, 1), (6_000, 7), (6_000, 1_000)] {
            let left = left_after(count, step);
            let last = count * step;
            let newest: Vec<_> = (1..=count).rev().take(KEPT).map(|number| number * step).collect();
            assert!(newest.iter().all(|seq| left.contains(seq)), "{count} of {step}");
            assert_eq!(left.first(), Some(&step));
            for pair in left.windows(2) {
                let (gap, age) = (pair[1] - pair[0], last - pair[0]);
                assert!(gap <= step + age / 64, "{count} of {step}: {pair:?}");
            }
            let doublings = u64::from((last / KEPT as u64).max(1).ilog2()) + 2;
            assert!(left.len() as u64 <= doublings * (KEPT as u64 + 1), "{count} of {step}: {}", left.len());
        }
        assert_eq!(left_after(100, 5).len(), 100);
        let once = thinned(&(1..5_000).map(hash).collect::<Vec<_>>());
        assert_eq!(thinned(&once), once);
    }

    #[test]
    fn a_full_value_makes_old_ones_shorter_and_removes_those_that_are_empty() {
        let storage = MemoryStorage::default();
        let mut compressor = Compressor::new().unwrap();
        let record = |compressor: &mut Compressor, seq| record_hash(&storage, compressor, hash(seq)).unwrap();
        (1..=601).for_each(|seq| record(&mut compressor, seq));
        let (found, damages) = recorded_hashes(&storage).unwrap();
        let found: Vec<_> = found.iter().map(|hash| hash.seq).collect();
        assert_eq!((found, damages.len()), (left_after(601, 1), 0));
        assert!(numbers(&storage).unwrap().len() < 200);
        // Damaged values are neither removed nor in the way.
        storage.damage(|contents| contents.records.values_mut().next().unwrap()[40] ^= 1);
        let damaged = numbers(&storage).unwrap()[0];
        (602..=700).for_each(|seq| record(&mut compressor, seq));
        let (found, damages) = recorded_hashes(&storage).unwrap();
        assert_eq!(damages.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [damaged]);
        assert!((573..=700).all(|seq| found.iter().any(|hash| hash.seq == seq)));
    }
}
