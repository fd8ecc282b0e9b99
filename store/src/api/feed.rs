//! The change feed (rule Q4).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use convofold_engine::{Event, Seq};

use crate::api::error::ChangesError;
use crate::api::handle::Convofold;
use crate::format::block::{Block, LogPosition};
use crate::log::error::LogError;
use crate::log::reader::{LogReader, block_with};
use crate::state::shared::Shared;

/// One event in the change feed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Change {
    /// Its sequence number in the log.
    pub seq: Seq,
    /// The event.
    pub event: Event,
}

/// All durable events from a seq on, in log order, without gaps or duplicates: first the existing events, then new ones
/// as they are committed.
///
/// An event appears only after it survives a power cut, so that a consumer never acts on an event that a crash could
/// undo. The feed reads the log by itself and holds one block in memory. The writer never waits for it, however slow
/// the consumer is.
pub struct Changes {
    shared: Arc<Shared>,
    /// The seq of the next event to return.
    next_seq: Seq,
    /// The log position of the next block; `None` before the first block is found.
    position: Option<LogPosition>,
    ready: std::vec::IntoIter<Event>,
    stopped: Arc<AtomicBool>,
}

/// Interrupts a waiting feed from any thread ([`Changes::stop_handle`]).
#[derive(Clone)]
pub struct StopHandle {
    shared: Arc<Shared>,
    stopped: Arc<AtomicBool>,
}

impl Convofold {
    /// Returns a feed of the events from `from_seq` on. To continue a feed, pass the seq after the last event that was
    /// processed; 0 and 1 both mean the beginning of the log.
    #[must_use]
    pub fn changes(&self, from_seq: Seq) -> Changes {
        let next_seq = from_seq.max(1);
        let ready = Vec::new().into_iter();
        Changes { shared: self.shared().clone(), next_seq, position: None, ready, stopped: Arc::default() }
    }
}

impl Changes {
    /// Returns the next event without waiting; `None` if there is none yet.
    ///
    /// # Errors
    /// [`ChangesError`] if the database was closed or its log cannot be read.
    pub fn try_next(&mut self) -> Result<Option<Change>, ChangesError> {
        loop {
            if let Some(event) = self.ready.next() {
                let seq = self.next_seq;
                self.next_seq += 1;
                return Ok(Some(Change { seq, event }));
            }
            if self.next_seq > self.shared.durable.lock().seq {
                return if self.is_closed() { Err(ChangesError::Closed) } else { Ok(None) };
            }
            self.read_block()?;
        }
    }

    /// Returns the next event, waiting up to `timeout` for it; `None` on timeout. A stopped feed does not wait
    /// ([`StopHandle::stop`]).
    ///
    /// # Errors
    /// [`ChangesError`] if the database was closed or its log cannot be read.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Change>, ChangesError> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(change) = self.try_next()? {
                return Ok(Some(change));
            }
            let mut durable = self.shared.durable.lock();
            while self.next_seq > durable.seq && !durable.is_closed {
                if self.stopped.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                match deadline {
                    None => self.shared.durable_moved.wait(&mut durable),
                    Some(deadline) => {
                        if self.shared.durable_moved.wait_until(&mut durable, deadline).timed_out() {
                            return Ok(None);
                        }
                    }
                }
            }
        }
    }

    /// Returns a handle with which another thread interrupts this feed while it waits.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle { shared: self.shared.clone(), stopped: self.stopped.clone() }
    }

    /// The seq of the next event: pass it to [`Convofold::changes`] to continue later.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    fn is_closed(&self) -> bool {
        self.shared.durable.lock().is_closed
    }

    /// Reads the block with the next event.
    fn read_block(&mut self) -> Result<(), ChangesError> {
        // Held while reading, so that closing waits for it.
        let storage = self.shared.storage.read();
        let storage = storage.as_ref().ok_or(ChangesError::Closed)?;
        self.expect_kept()?;
        let block = match self.position {
            Some(position) => LogReader::new(storage.clone(), position).next()?,
            None => block_with(storage.as_ref(), self.next_seq)?,
        };
        // A concurrent trim may have dropped it.
        let missing = || self.expect_kept().err().unwrap_or_else(|| self.damaged(crate::Damage::Missing));
        let block = block.ok_or_else(missing)?;
        self.position = Some(block.end());
        self.ready = decode(&block, self.next_seq)?.into_iter();
        Ok(())
    }

    fn expect_kept(&self) -> Result<(), ChangesError> {
        let (seq, first_seq) = (self.next_seq, self.shared.log_start.read().position.seq);
        if seq < first_seq { Err(ChangesError::Dropped { seq, first_seq }) } else { Ok(()) }
    }

    fn damaged(&self, why: crate::Damage) -> ChangesError {
        let LogPosition { block_no, seq, .. } =
            self.position.unwrap_or(LogPosition { seq: self.next_seq, ..LogPosition::START });
        ChangesError::Damaged { block_no, seq, why }
    }
}

impl StopHandle {
    /// From now on [`Changes::next_timeout`] returns `None` instead of waiting. It still returns events that already
    /// exist.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        // With the lock, so that the feed cannot start to wait between its check and this notification.
        let _durable = self.shared.durable.lock();
        self.shared.durable_moved.notify_all();
    }

    /// Whether the feed was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for StopHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StopHandle").field("is_stopped", &self.is_stopped()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("next_seq", &self.next_seq).finish_non_exhaustive()
    }
}

impl From<LogError> for ChangesError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { block_no, seq, why } => Self::Damaged { block_no, seq, why },
            LogError::Storage(error) => Self::Storage(error),
        }
    }
}

/// The events of a block from `from_seq` on.
fn decode(block: &Block, from_seq: Seq) -> Result<Vec<Event>, ChangesError> {
    let damaged = |why| ChangesError::Damaged { block_no: block.block_no, seq: block.first_seq, why };
    let body = block.decode().map_err(damaged)?;
    let skipped = usize::try_from(from_seq.saturating_sub(block.first_seq)).unwrap_or(usize::MAX);
    let mut events = body.events().map_err(damaged)?;
    events.drain(..skipped.min(events.len()));
    Ok(events)
}
