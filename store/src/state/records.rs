//! Reads and writes the records with numbers: erasures, legal holds, runs of retention.

use crate::damage::Damage;
use crate::format::frame::Compressor;
use crate::format::numbered::{Numbered, NumberedRecord, NumberedRecords, open, seal};
use crate::storage::{ReadStorage, Storage, StorageError};

/// A kind of record with a number ([`OpenError::DamagedRecord`](crate::OpenError::DamagedRecord)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKind {
    /// What was erased, and does not come back.
    Erasure,
    /// Whose conversations are kept from erasure and retention.
    Hold,
    /// What retention removed, and does not come back.
    RetentionRun,
}

impl std::fmt::Display for RecordKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Erasure => "erasure",
            Self::Hold => "legal hold",
            Self::RetentionRun => "run of retention",
        })
    }
}

/// Maximum number of lost records of a kind that are named.
pub(crate) const MAX_LOST_RECORDS: usize = 10_000;

/// The number of a record, and what is wrong with it.
pub(crate) type DamagedRecord = (u64, Damage);

/// The records of one kind that can be read, in order, and the others.
pub(crate) fn load<T: NumberedRecord>(
    storage: &dyn ReadStorage,
) -> Result<(Numbered<T>, Vec<DamagedRecord>), StorageError> {
    let (mut records, mut damaged) = (Vec::new(), Vec::new());
    for name in storage.record_names(T::NAMES)? {
        let Some(number) = number_of::<T>(&name) else { continue };
        let value = match storage.record(&name) {
            Ok(value) => value.ok_or(Damage::Missing),
            Err(StorageError::Value(why)) => Err(why),
            Err(error) => return Err(error),
        };
        match value.and_then(|value| open(number, &value)) {
            Ok(record) => records.push((number, record)),
            Err(why) => damaged.push((number, why)),
        }
    }
    Ok((records, damaged))
}

/// Adds the records after the last one that was found, up to the last one that is known to have existed.
pub(crate) fn add_lost(last_found: u64, damaged: &mut Vec<DamagedRecord>, last: u64) {
    let last_found = damaged.iter().map(|(number, _)| *number).fold(last_found, u64::max);
    let lost = (last_found..=last).skip(1).take(MAX_LOST_RECORDS);
    damaged.extend(lost.map(|number| (number, Damage::Missing)));
}

/// The records of one kind, in order. Fails if one of them is damaged.
pub(crate) fn read<T: NumberedRecord>(storage: &dyn ReadStorage) -> Result<Numbered<T>, StorageError> {
    let (records, damaged) = load(storage)?;
    damaged.into_iter().next().map_or(Ok(records), |(_, why)| Err(StorageError::Value(why)))
}

/// All records with numbers. Fails if one of them is damaged.
pub(crate) fn read_all(storage: &dyn ReadStorage) -> Result<NumberedRecords, StorageError> {
    Ok(NumberedRecords { erasures: read(storage)?, holds: read(storage)?, retention_runs: read(storage)? })
}

/// Writes a record, or replaces the one with this number.
pub(crate) fn store<T: NumberedRecord>(
    storage: &dyn Storage,
    number: u64,
    record: &T,
    compressor: &mut Compressor,
) -> Result<(), StorageError> {
    let value = seal(number, record, compressor).map_err(StorageError::Encoding)?;
    storage.put_record(&format!("{}{number:010}", T::NAMES), &value)
}

/// Writes all of them.
pub(crate) fn store_all(
    storage: &dyn Storage,
    records: &NumberedRecords,
    compressor: &mut Compressor,
) -> Result<(), StorageError> {
    let NumberedRecords { erasures, holds, retention_runs } = records;
    erasures.iter().try_for_each(|(number, erasure)| store(storage, *number, erasure, compressor))?;
    holds.iter().try_for_each(|(number, hold)| store(storage, *number, hold, compressor))?;
    retention_runs.iter().try_for_each(|(number, run)| store(storage, *number, run, compressor))
}

/// The number in the name of a record of this kind.
pub(crate) fn number_of<T: NumberedRecord>(name: &str) -> Option<u64> {
    name.strip_prefix(T::NAMES)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_and_not_found_after_the_last_one_is_lost() {
        let lost = |last_found, damaged: &[u64], last| {
            let mut damaged: Vec<_> = damaged.iter().map(|number| (*number, Damage::Missing)).collect();
            add_lost(last_found, &mut damaged, last);
            damaged.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
        };
        assert_eq!(lost(0, &[], 0), Vec::<u64>::new());
        assert_eq!(lost(0, &[], 2), [1, 2]);
        assert_eq!(lost(3, &[], 3), Vec::<u64>::new());
        assert_eq!(lost(1, &[2], 4), [2, 3, 4]);
        // Numbers that no database has.
        assert_eq!(lost(u64::MAX, &[], 4), Vec::<u64>::new());
        assert_eq!(lost(u64::MAX, &[], u64::MAX), Vec::<u64>::new());
        assert_eq!(lost(0, &[], u64::MAX).len(), MAX_LOST_RECORDS);
    }
}
