//! Dropping the beginning of the log, on the writer thread.

use convofold_engine::Seq;

use crate::format::frame::Compressor;
use crate::format::log_start::{self, LogStart};
use crate::log::start::RECORD;
use crate::state::shared::Shared;
use crate::storage::{Storage, StorageError};

/// What was dropped of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Trimmed {
    /// How many events went, this time.
    pub events: u64,
    /// In how many blocks.
    pub blocks: u64,
    /// How many bytes these had. sled gives room back to the file system late, and uses it again at once.
    pub bytes: u64,
    /// The first event that the log still has, or will have.
    pub first_seq: Seq,
}

/// Drops the blocks before `to`. The record is written first: what lies before it is not missed.
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
        *shared.log_start.write() = to;
    }
    // Also what a process that was killed meanwhile has left.
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
