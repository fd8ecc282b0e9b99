//! Trims the beginning of the log, on the writer thread.

use std::sync::Arc;

use convofold_engine::Seq;

use crate::format::frame::Compressor;
use crate::format::log_start::{self, LogStart};
use crate::log::start::RECORD;
use crate::state::shared::Shared;
use crate::storage::{Storage, StorageError};

/// The part of the log that was trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Trimmed {
    /// Number of events that were trimmed by this call.
    pub events: u64,
    /// Number of blocks with these events.
    pub blocks: u64,
    /// Length of these blocks, in bytes. sled reuses the space at once, but returns it to the file system late.
    pub bytes: u64,
    /// The seq of the first event that remains in the log, or of the next event if none remains.
    pub first_seq: Seq,
}

/// Drops the blocks before `to`. The record is written first, so that the dropped blocks are not reported missing.
pub(super) fn trim(
    shared: &Shared,
    storage: &dyn Storage,
    compressor: &mut Compressor,
    to: LogStart,
) -> Result<Trimmed, StorageError> {
    let from = shared.log_start.read().clone();
    if to.position.block_no > from.position.block_no {
        let value = log_start::seal(&to, compressor).map_err(StorageError::Encoding)?;
        storage.put_record(RECORD, &value)?;
        storage.barrier()?;
        *shared.log_start.write() = Arc::new(to);
    }
    // Includes blocks that a killed process left before the beginning of the log.
    let start = shared.log_start.read().clone();
    storage.delete_blocks_before(start.position.key())?;
    storage.barrier()?;
    Ok(Trimmed {
        events: start.position.seq - from.position.seq,
        blocks: start.position.block_no - from.position.block_no,
        bytes: start.dropped_bytes - from.dropped_bytes,
        first_seq: start.position.seq,
    })
}
