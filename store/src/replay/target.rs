//! Where a replay commits its events.

use std::sync::atomic::Ordering;

use convofold_engine::ingest::Limits;

use crate::api::handle::Convofold;
use crate::write::batch::{Batch, SubmitError};
use crate::write::error::CommitError;
use crate::write::ticket::Ticket;

/// Where events are committed: an open database, or a connection to the process that holds one.
pub trait Target: Sync {
    /// The limits on inputs.
    fn limits(&self) -> Limits;

    /// Number of threads that parse a replay; 0: one per processor.
    fn parse_threads(&self) -> usize;

    /// The size of the blocks of the log, if the database is in this process. The threads that parse then encode the events
    /// for the log. The default is `None`.
    fn block_bytes(&self) -> Option<usize> {
        None
    }

    /// The value of a bookmark.
    ///
    /// # Errors
    /// [`CommitError::Remote`] if the process that holds the database does not answer.
    fn bookmark(&self, name: &str) -> Result<Option<Vec<u8>>, CommitError>;

    /// Submits a batch; blocks while the queue is full. Batches submitted by one thread are committed in the order of
    /// submission.
    ///
    /// # Errors
    /// [`SubmitError`] if the batch was not accepted.
    fn submit(&self, batch: Batch) -> Result<Ticket, SubmitError>;

    /// Writes a checkpoint now. A process that holds a database writes them on its own, so the default does nothing.
    ///
    /// # Errors
    /// [`CommitError`] if the checkpoint was not written.
    fn checkpoint(&self) -> Result<(), CommitError> {
        Ok(())
    }

    /// Adds rejections to the counters of the database, if it is in this process.
    fn count_rejected(&self, _rejections: u64) {}
}

impl Target for Convofold {
    fn limits(&self) -> Limits {
        self.shared().options.limits
    }

    fn parse_threads(&self) -> usize {
        self.shared().options.parse_threads
    }

    fn block_bytes(&self) -> Option<usize> {
        Some(self.shared().options.block_bytes)
    }

    fn bookmark(&self, name: &str) -> Result<Option<Vec<u8>>, CommitError> {
        Ok(Self::bookmark(self, name))
    }

    fn submit(&self, batch: Batch) -> Result<Ticket, SubmitError> {
        Self::submit(self, batch)
    }

    fn checkpoint(&self) -> Result<(), CommitError> {
        Self::checkpoint(self).map(drop)
    }

    fn count_rejected(&self, rejections: u64) {
        self.shared().meter.rejected.fetch_add(rejections, Ordering::Relaxed);
    }
}
