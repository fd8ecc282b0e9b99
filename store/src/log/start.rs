//! Where the log begins.

use crate::format::log_start::{self, LogStart};
use crate::storage::{ReadStorage, StorageError};

/// The record that says where the log begins.
pub(crate) const RECORD: &str = "log-start";

/// Where the log begins.
pub(crate) fn read_log_start(storage: &dyn ReadStorage) -> Result<LogStart, StorageError> {
    storage.record(RECORD)?.map_or(Ok(LogStart::WHOLE), |value| log_start::open(&value).map_err(StorageError::Value))
}
