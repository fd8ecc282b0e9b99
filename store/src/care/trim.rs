//! Trim: drops the beginning of the log and keeps the state.
//!
//! The conversations contain every event of the dropped blocks as a fact, and every checkpoint stores them. So states,
//! histories and the state hash stay the same. What is lost is the second copy: the change feed begins with the first
//! remaining event, and older events exist only in checkpoints.

use crate::damage::Damage;
use crate::log::error::LogError;
use crate::write::error::CommitError;
use crate::write::trim::Trimmed;
use convofold_engine::{Seq, Time};

use crate::api::handle::Convofold;
use crate::checkpoint::error::{LoadError, SkipReason};
use crate::checkpoint::load::check_readable;
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

/// Why the log was not trimmed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrimError {
    /// A backup, a verification or an export of events is reading the log from its beginning. Try again when it has
    /// ended.
    #[error("the log is being read from its beginning")]
    InUse,
    /// The newest checkpoint, which would become the only copy of the dropped events, cannot be read. Nothing was
    /// dropped.
    #[error("checkpoint {generation} cannot be read")]
    Checkpoint {
        /// The generation of the checkpoint.
        generation: u64,
        /// What is wrong with it.
        #[source]
        why: SkipReason,
    },
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// The log is damaged. Nothing was dropped.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The number of the block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// A checkpoint, or the log, cannot be read. Nothing was dropped.
    #[error("the storage failed")]
    Storage(#[source] StorageError),
    /// A write failed. After the database is opened again, the next call drops the rest.
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
    /// Drops the beginning of the log, block by block, up to the first block that has an event that happened at
    /// `before` or later, or that one of the two kept checkpoints does not contain. A checkpoint is written first.
    ///
    /// States, histories, the export and the state hash do not change. Late events are still placed between dropped
    /// events, and duplicates of dropped events are still recognised. Of the commit times of dropped events
    /// ([`Convofold::committed_at`]), the last of each second is kept. The change feed begins at
    /// [`Trimmed::first_seq`]. If no checkpoint can be read later, the state cannot be rebuilt from a trimmed log: make
    /// a backup first.
    ///
    /// The calling thread reads the log up to the first block that is kept.
    ///
    /// # Errors
    /// [`TrimError`] if nothing was dropped; with [`TrimError::Commit`], a part may have been dropped.
    pub fn trim_log(&self, before: Time) -> Result<Trimmed, TrimError> {
        span!("trim", before = %before);
        let _nobody_reads = self.shared().log_in_use.try_write().ok_or(TrimError::InUse)?;
        self.trim_unused_log(before)
    }

    /// The caller holds `log_in_use`.
    pub(crate) fn trim_unused_log(&self, before: Time) -> Result<Trimmed, TrimError> {
        self.checkpoint()?;
        expect_readable_checkpoint(LentStorage::of(self.shared()).as_ref())?;
        let to = self.log_start_for(before)?;
        let trimmed = self.request(|completer| Command::Trim(to, completer))?;
        tell!(info, events = trimmed.events, bytes = trimmed.bytes, first_seq = trimmed.first_seq, "trimmed");
        Ok(trimmed)
    }

    /// The log start that a trim may set.
    pub(super) fn log_start_for(&self, before: Time) -> Result<LogStart, TrimError> {
        let storage = LentStorage::of(self.shared());
        let mut start = LogStart::clone(&self.shared().log_start.read());
        let covered = covered_block_no(storage.as_ref())?;
        let mut reader = EventReader::new(storage, start.position, UpTo::Now);
        // The last block that both contain is kept: it shows that they belong to this log.
        while start.position.block_no < covered {
            let Some(block) = reader.next()? else { break };
            if block.events.iter().any(|(_, event)| event.at().alone() >= before) {
                break;
            }
            start.position = block.end;
            start.dropped_bytes += block.stored_bytes;
            if !block.events.is_empty() {
                start.marks.push(Mark { seq: block.end.last_seq(), committed_ms: block.committed_ms });
            }
            block.bookmarks.into_iter().for_each(|bookmark| set_bookmark(bookmark, &mut start.bookmarks));
        }
        // Blocks with only bookmarks are dropped together with the first event: without an event there is no
        // conversation to stand for the dropped part.
        let is_without_events = start.position.seq == LogPosition::START.seq;
        Ok(if is_without_events { LogStart::clone(&self.shared().log_start.read()) } else { start })
    }
}

/// Reads the pages of the newest checkpoint: they become the only copy of the dropped events.
fn expect_readable_checkpoint(storage: &dyn ReadStorage) -> Result<(), TrimError> {
    let Some(generation) = generations(storage)?.last().copied() else { return Ok(()) };
    check_readable(storage, generation).map_err(|error| match error {
        LoadError::Storage(error) => TrimError::Storage(error),
        LoadError::Skip(why) => TrimError::Checkpoint { generation, why },
        LoadError::Shortened { .. } => TrimError::Checkpoint { generation, why: SkipReason::OtherLog },
    })
}

/// The last block that all readable checkpoints contain; 0 if there is none.
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
