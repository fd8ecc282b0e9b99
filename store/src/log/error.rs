//! Why the log cannot be read.

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::storage::StorageError;

/// Why the log cannot be read on.
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
