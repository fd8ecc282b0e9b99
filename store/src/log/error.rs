//! Errors of reading the log.

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::storage::StorageError;

/// The log cannot be read further.
#[derive(Debug)]
pub(crate) enum LogError {
    Damaged { block_no: u64, seq: Seq, why: Damage },
    Storage(StorageError),
}

impl From<StorageError> for LogError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
