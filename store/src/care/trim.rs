//! Retention: the older part of the log goes, the state stays.
//!
//! What the blocks said is remembered by the conversations, event for event, and written with every checkpoint. So states,
//! histories and the state hash are what they were. What goes is the second copy: the change feed no longer begins before
//! the log does, and of what is older, checkpoints are the only witness.

use crate::damage::Damage;
use crate::log::error::LogError;
use crate::write::error::CommitError;
use crate::write::trim::Trimmed;
use convofold_engine::{Seq, Time};

use crate::api::handle::Convofold;
use crate::checkpoint::error::{LoadError, SkipReason};
use crate::checkpoint::load::check_pages;
use crate::checkpoint::record::{generations, record_name};
use crate::format::block::LogPosition;
use crate::format::checkpoint as record;
use crate::format::log_start::LogStart;
use crate::format::marks::Mark;
use crate::log::bookmark::set_bookmark;
use crate::log::events::{EventReader, UpTo};
use crate::state::lent_storage::LentStorage;
use crate::storage::{ReadStorage, StorageError};
use crate::trace::{span, tell};
use crate::write::writer::Command;

/// Why the beginning of the log was not dropped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrimError {
    /// A backup, a verification or an export of events reads the log from its beginning. Try again when it has ended.
    #[error("the log is being read from its beginning")]
    InUse,
    /// The checkpoint that would be the only witness of the dropped events cannot be read. Nothing was dropped.
    #[error("checkpoint {generation} cannot be read")]
    Checkpoint {
        /// Its number.
        generation: u64,
        /// Why.
        #[source]
        why: SkipReason,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The log is damaged. Nothing was dropped.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// A checkpoint, or the log, cannot be read. Nothing was dropped.
    #[error("the storage underneath failed")]
    Storage(#[source] StorageError),
    /// A write failed. What is left to drop is dropped by the next call, once the store is open again.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<LogError> for TrimError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { block_no, seq, why } => Self::Damaged { block_no, seq, why },
            LogError::Storage(error) => error.into(),
        }
    }
}

impl From<StorageError> for TrimError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Closed => Self::Closed,
            error => Self::Storage(error),
        }
    }
}

impl Convofold {
    /// Drops the beginning of the log: block by block, as long as all events of a block happened before this time and both
    /// kept checkpoints hold them. A checkpoint is written first.
    ///
    /// States, histories, the export and the state hash stay as they are, also for the dropped events, and a late event is
    /// still placed and a repeated one still known. Of the times of the dropped commits
    /// ([`Convofold::committed_at`]), the last of each second stays. The change feed no longer begins before
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
        let mut reader = EventReader::new(storage, start.position, UpTo::Now);
        // The last block that they hold stays: it shows that they belong to this log.
        while start.position.block_no < covered {
            let Some(block) = reader.next()? else { break };
            if block.events.iter().any(|event| event.at().alone() >= before) {
                break;
            }
            start.position = block.end;
            start.dropped_bytes += block.stored_bytes;
            if !block.events.is_empty() {
                start.marks.push(Mark { seq: block.end.last_seq(), committed_ms: block.committed_ms });
            }
            block.bookmarks.into_iter().for_each(|bookmark| set_bookmark(bookmark, &mut start.bookmarks));
        }
        // Blocks of bookmarks alone go with the first event: before it no conversation stands for what was dropped.
        let is_without_events = start.position.seq == LogPosition::START.seq;
        Ok(if is_without_events { self.shared().log_start.read().clone() } else { start })
    }
}

/// Reads the pages of the newest checkpoint: they are about to be the only witness of what is dropped.
fn expect_readable_checkpoint(storage: &dyn ReadStorage) -> Result<(), TrimError> {
    let Some(generation) = generations(storage)?.last().copied() else { return Ok(()) };
    check_pages(storage, generation).map_err(|error| match error {
        LoadError::Storage(error) => TrimError::Storage(error),
        LoadError::Skip(why) => TrimError::Checkpoint { generation, why },
        LoadError::Shortened { .. } => TrimError::Checkpoint { generation, why: SkipReason::OtherLog },
    })
}

/// The last block that all readable checkpoints hold; 0 where there is none.
fn covered_block_no(storage: &dyn ReadStorage) -> Result<u64, StorageError> {
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
