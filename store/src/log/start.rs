//! The beginning of the log.

use crate::format::log_start::{self, LogStart};
use crate::storage::{ReadStorage, StorageError};

/// The record with the beginning of the log.
pub(crate) const RECORD: &str = "log-start";

/// Reads the beginning of the log.
pub(crate) fn read_log_start(storage: &dyn ReadStorage) -> Result<LogStart, StorageError> {
    storage.record(RECORD)?.map_or(Ok(LogStart::WHOLE), |value| log_start::open(&value).map_err(StorageError::Value))
}
