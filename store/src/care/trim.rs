//! Retention: the older part of the log goes, the state stays.
//!
//! What the blocks said is remembered by the conversations, event for event, and written with every checkpoint. So states,
//! histories and the state hash are what they were. What goes is the second copy: the change feed no longer begins before
//! the log does, and of what is older, checkpoints are the only witness.

use convofold_engine::{Seq, Time};

use crate::api::handle::Convofold;
use crate::checkpoint::write::{generations, record_name};
use crate::error::TrimError;
use crate::format::block::Tail;
use crate::format::checkpoint as record;
use crate::format::log_start::{self, LogStart};
use crate::log::events::{EventReader, UpTo, set_bookmark};
use crate::open::recovery::{LoadError, SkipReason, check_pages};
use crate::state::lent_storage::LentStorage;
use crate::storage::{Storage, StorageError};
use crate::trace::{span, tell};
use crate::write::writer::{Command, Writer};

/// The record that says where the log begins.
pub(crate) const RECORD: &str = "log-start";

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

impl Convofold {
    /// Drops the beginning of the log: block by block, as long as all events of a block happened before this time and both
    /// kept checkpoints hold them. A checkpoint is written first.
    ///
    /// States, histories, the export and the state hash stay as they are, also for the dropped events, and a late event is
    /// still placed and a repeated one still known. The change feed no longer begins before
    /// [`Trimmed::first_seq`]. Where no checkpoint can be read any more, the state cannot be folded again from such a log:
    /// make a backup first.
    ///
    /// The log is read up to the first block that stays, by the thread that calls.
    ///
    /// # Errors
    /// [`TrimError`] says why nothing was dropped, or that not all of it may have been.
    pub fn trim_log(&self, before: Time) -> Result<Trimmed, TrimError> {
        span!("trim", before = %before);
        let _nobody_reads = self.shared().log_in_use.try_write().ok_or(TrimError::InUse)?;
        self.checkpoint()?;
        expect_readable_checkpoint(LentStorage::of(self.shared()).as_ref())?;
        let to = self.log_start_for(before)?;
        let trimmed = self.request(|completer| Command::Trim(to, completer))?;
        tell!(info, events = trimmed.events, bytes = trimmed.bytes, first_seq = trimmed.first_seq, "trimmed");
        Ok(trimmed)
    }

    /// Where the log may begin.
    fn log_start_for(&self, before: Time) -> Result<LogStart, TrimError> {
        let storage = LentStorage::of(self.shared());
        let mut start = self.shared().log_start.read().clone();
        let covered = covered_block_no(storage.as_ref())?;
        let mut reader = EventReader::new(storage, start.tail, UpTo::Now);
        // The last block that they hold stays: it shows that they belong to this log.
        while start.tail.block_no < covered {
            let Some(block) = reader.next()? else { break };
            if block.events.iter().any(|event| event.at().alone() >= before) {
                break;
            }
            start.tail = block.end;
            start.dropped_bytes += block.stored_bytes;
            block.bookmarks.into_iter().for_each(|bookmark| set_bookmark(bookmark, &mut start.bookmarks));
        }
        // Blocks of bookmarks alone go with the first event: before it no conversation stands for what was dropped.
        let is_without_events = start.tail.seq == Tail::START.seq;
        Ok(if is_without_events { self.shared().log_start.read().clone() } else { start })
    }
}

impl Writer {
    /// Drops the blocks before `to`. The record first: what lies before it is not missed.
    pub(crate) fn trim(&mut self, to: LogStart) -> Result<Trimmed, StorageError> {
        let from = self.shared.log_start.read().clone();
        if to.tail.block_no > from.tail.block_no {
            let value = log_start::seal(&to, self.blocks.compressor()).map_err(StorageError::Encoding)?;
            self.storage.put_record(RECORD, &value)?;
            self.storage.barrier()?;
            *self.shared.log_start.write() = to;
        }
        // Also what a process that was killed meanwhile has left.
        let start = self.shared.log_start.read().clone();
        self.storage.delete_blocks_before(start.tail.key())?;
        self.storage.barrier()?;
        Ok(Trimmed {
            events: start.tail.seq - from.tail.seq,
            blocks: start.tail.block_no - from.tail.block_no,
            bytes: start.dropped_bytes - from.dropped_bytes,
            first_seq: start.tail.seq,
        })
    }
}

/// Where the log begins.
pub(crate) fn read_log_start(storage: &dyn Storage) -> Result<LogStart, StorageError> {
    storage.record(RECORD)?.map_or(Ok(LogStart::WHOLE), |value| log_start::open(&value).map_err(StorageError::Value))
}

/// Reads the pages of the newest checkpoint: they are about to be the only witness of what is dropped.
fn expect_readable_checkpoint(storage: &dyn Storage) -> Result<(), TrimError> {
    let Some(generation) = generations(storage)?.last().copied() else { return Ok(()) };
    check_pages(storage, generation).map_err(|error| match error {
        LoadError::Storage(error) => TrimError::Storage(error),
        LoadError::Skip(why) => TrimError::Checkpoint { generation, why },
        LoadError::Shortened { .. } => TrimError::Checkpoint { generation, why: SkipReason::OtherLog },
    })
}

/// The last block that all readable checkpoints hold; 0 where there is none.
fn covered_block_no(storage: &dyn Storage) -> Result<u64, StorageError> {
    let mut covered = None;
    for generation in generations(storage)? {
        let value = match storage.record(&record_name(generation)) {
            Err(StorageError::Value(_)) => None,
            other => other?,
        };
        if let Some(record) = value.and_then(|value| record::open(generation, &value).ok()) {
            covered = Some(covered.unwrap_or(u64::MAX).min(record.last_block_no));
        }
    }
    Ok(covered.unwrap_or_default())
}
