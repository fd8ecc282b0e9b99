//! Records with numbers: erasures, legal holds and runs of retention. Each has a value of its own, so that damage costs at most
//! one of them.
//!
//! ```text
//! magic    that of its kind, version 1
//! fields   0  number    u64    from 1; a later record has a larger one
//! body     bincode: the record
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::erasures::StoredErasure;
use super::frame::{Compressor, Frame, FrameKind, u64_at};
use super::holds::StoredHold;
use super::retention::StoredRetentionRun;
use crate::damage::Damage;

/// The length of the fields before the body.
pub(super) const FIELD_BYTES: usize = 8;

/// A kind of record with a number.
pub(crate) trait NumberedRecord: Serialize + DeserializeOwned {
    const MARK: FrameKind;
    /// The name of a record is this text and its number, padded so that names sort by it.
    const NAMES: &'static str;

    /// Checks what the types do not exclude.
    fn check(&self) -> Result<(), Damage>;
}

/// Records of one kind with their numbers, in order.
pub(crate) type Numbered<T> = Vec<(u64, T)>;

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NumberedRecords {
    pub(crate) erasures: Numbered<StoredErasure>,
    pub(crate) holds: Numbered<StoredHold>,
    pub(crate) retention_runs: Numbered<StoredRetentionRun>,
}

impl NumberedRecords {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks each record, and the order of the numbers.
    pub(crate) fn check(&self) -> Result<(), Damage> {
        let Self { erasures, holds, retention_runs } = self;
        check_all(erasures)?;
        check_all(holds)?;
        check_all(retention_runs)
    }
}

pub(crate) fn seal<T: NumberedRecord>(number: u64, record: &T, compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    Ok(compressor.seal(T::MARK, &number.to_le_bytes(), &super::encode(record)?)?.0)
}

/// Decodes the record with this number.
pub(crate) fn open<T: NumberedRecord>(number: u64, value: &[u8]) -> Result<T, Damage> {
    let frame = Frame::open(T::MARK, value)?;
    let found = u64_at(frame.fields, 0);
    if found != number {
        return Err(Damage::Field { field: "number of the record", expected: number, found });
    }
    let record: T = super::decode(&frame.body()?)?;
    record.check()?;
    Ok(record)
}

fn check_all<T: NumberedRecord>(records: &Numbered<T>) -> Result<(), Damage> {
    let mut last = 0;
    for (number, record) in records {
        if *number <= last {
            return Err(Damage::NoSuch { field: "number of a record", found: *number });
        }
        record.check()?;
        last = *number;
    }
    Ok(())
}
