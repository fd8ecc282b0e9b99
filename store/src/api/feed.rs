//! The change feed (rule Q4).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use convofold_engine::{Event, Seq};

use crate::api::error::ChangesError;
use crate::api::handle::Convofold;
use crate::damage::Damage;
use crate::format::block::{Block, LogPosition};
use crate::log::error::LogError;
use crate::log::events::DecodedBlock;
use crate::log::reader::{LogReader, block_with};
use crate::state::shared::Shared;

/// One event in the change feed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Its sequence number in the log.
    pub seq: Seq,
    /// The event.
    pub event: Event,
}

/// Its seq, its time in milliseconds since the epoch as [`HistoryEntry`](convofold_engine::HistoryEntry) gives it, and
/// the event.
#[cfg(feature = "serde")]
impl serde::Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut change = serializer.serialize_struct("Change", 3)?;
        change.serialize_field("seq", &self.seq)?;
        change.serialize_field("at", &self.event.at().alone().ms())?;
        change.serialize_field("event", &self.event)?;
        change.end()
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Change {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Fields {
            seq: Seq,
            event: Event,
        }
        let Fields { seq, event } = Fields::deserialize(deserializer)?;
        Ok(Self { seq, event })
    }
}

/// All durable events from a seq on, in log order, without gaps or duplicates: first the existing events, then new ones
/// as they are committed.
///
/// An event appears only after it survives a power cut, so that a consumer never acts on an event that a crash could
/// undo. The feed reads the log by itself and holds one block in memory. The writer never waits for it, however slow
/// the consumer is.
pub struct Changes {
    pub(crate) shared: Arc<Shared>,
    /// The seq of the next event to return.
    next_seq: Seq,
    /// The log position of the next block; `None` before the first block is found.
    position: Option<LogPosition>,
    /// The generation of the storage from which position and events were read.
    generation: u64,
    /// The events that were read and not returned yet.
    ready: VecDeque<Event>,
    pub(crate) stopped: Arc<AtomicBool>,
    /// Whether it has ended as a stream.
    pub(crate) has_ended: bool,
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
        Changes {
            shared: self.shared().clone(),
            next_seq: from_seq.max(1),
            position: None,
            generation: self.shared().generation(),
            ready: VecDeque::new(),
            stopped: Arc::default(),
            has_ended: false,
        }
    }
}

impl Changes {
    /// Returns the next event without waiting; `None` if there is none yet.
    ///
    /// # Errors
    /// [`ChangesError`] if no more events follow, because the database was closed or a write failed, or if the log
    /// cannot be read.
    pub fn try_next(&mut self) -> Result<Option<Change>, ChangesError> {
        self.follow_storage();
        loop {
            if let Some(event) = self.ready.pop_front() {
                let seq = self.next_seq;
                self.next_seq += 1;
                return Ok(Some(Change { seq, event }));
            }
            // Read before the seq, which does not move after a failure.
            let poisoned = self.shared.poisoned();
            let durable = *self.shared.durable.lock();
            if self.next_seq > durable.seq {
                return match poisoned {
                    Some(cause) => Err(ChangesError::Poisoned { cause }),
                    None if durable.is_closed => Err(ChangesError::Closed),
                    None => Ok(None),
                };
            }
            self.read_block()?;
        }
    }

    /// Returns the next event, waiting up to `timeout` for it; `None` on timeout. A stopped feed does not wait
    /// ([`StopHandle::stop`]).
    ///
    /// A feed that waits when the database is closed, or when a write fails, returns every event that is durable by then
    /// before it returns the error.
    ///
    /// # Errors
    /// [`ChangesError`] if no more events follow, because the database was closed or a write failed, or if the log
    /// cannot be read.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Change>, ChangesError> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(change) = self.try_next()? {
                return Ok(Some(change));
            }
            let shared = self.shared.clone();
            let waiting = WaitingFeed::of(&shared);
            if !self.wait(deadline) {
                return Ok(None);
            }
            if shared.durable.lock().is_closed {
                self.read_rest()?;
            }
            drop(waiting);
        }
    }

    /// Waits until an event is durable or no more events follow. Returns false if the feed was stopped or the time is
    /// over.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut durable = self.shared.durable.lock();
        while self.next_seq > durable.seq && !durable.is_closed && self.shared.poisoned().is_none() {
            if self.is_stopped() {
                return false;
            }
            match deadline {
                None => self.shared.durable_moved.wait(&mut durable),
                Some(deadline) => {
                    if self.shared.durable_moved.wait_until(&mut durable, deadline).timed_out() {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Reads all durable events, before the storage is released.
    fn read_rest(&mut self) -> Result<(), ChangesError> {
        while self.next_to_read() <= self.shared.durable.lock().seq {
            self.read_block()?;
        }
        Ok(())
    }

    /// The seq of the first event that was not read.
    fn next_to_read(&self) -> Seq {
        self.next_seq + self.ready.len() as Seq
    }

    /// Returns a handle with which another thread interrupts this feed while it waits.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle { shared: self.shared.clone(), stopped: self.stopped.clone() }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The seq of the next event: pass it to [`Convofold::changes`] to continue later.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// Continues with another event.
    pub(crate) fn move_to(&mut self, seq: Seq) {
        (self.next_seq, self.position) = (seq, None);
        self.ready.clear();
    }

    /// Forgets what was read from a storage that an erasure replaced. The events have the same seqs in the new one.
    fn follow_storage(&mut self) {
        self.follow(self.shared.generation_now());
    }

    fn follow(&mut self, generation: u64) {
        if generation != self.generation {
            self.generation = generation;
            self.move_to(self.next_seq);
        }
    }

    /// Reads the block with the next event that was not read.
    fn read_block(&mut self) -> Result<(), ChangesError> {
        self.expect_kept()?;
        let block = {
            let shared = self.shared.clone();
            // Held while reading, so that closing waits for it.
            let storage = shared.storage.read();
            self.follow(shared.generation_now());
            let storage = storage.as_ref().ok_or(ChangesError::Closed)?;
            match self.position {
                Some(position) => LogReader::new(storage.clone(), position).next(),
                None => block_with(storage.as_ref(), self.next_to_read()),
            }
        };
        let block = match block {
            Ok(Some(block)) => block,
            // A trim may have dropped the block, or a part of it, in the meantime.
            failed => {
                self.expect_kept()?;
                return Err(failed.err().map_or_else(|| self.damaged(Damage::Missing), Into::into));
            }
        };
        let decoded = DecodedBlock::of(&block).map_err(|why| damaged(&block, why))?;
        let skipped = usize::try_from(self.next_to_read().saturating_sub(block.first_seq)).unwrap_or(usize::MAX);
        self.position = Some(block.end());
        self.ready.extend(decoded.events.iter().skip(skipped).map(|(_, event)| event.to_event()));
        Ok(())
    }

    fn expect_kept(&self) -> Result<(), ChangesError> {
        let (seq, first_seq) = (self.next_to_read(), self.shared.log_start.read().position.seq);
        if seq < first_seq { Err(ChangesError::Dropped { seq, first_seq }) } else { Ok(()) }
    }

    fn damaged(&self, why: Damage) -> ChangesError {
        let LogPosition { block_no, seq, .. } =
            self.position.unwrap_or(LogPosition { seq: self.next_to_read(), ..LogPosition::START });
        ChangesError::Damaged { block_no, seq, why }
    }
}

/// A feed that waits, until this value is dropped.
struct WaitingFeed<'a>(&'a Shared);

impl<'a> WaitingFeed<'a> {
    fn of(shared: &'a Shared) -> Self {
        shared.durable.lock().waiting_feeds += 1;
        Self(shared)
    }
}

impl Drop for WaitingFeed<'_> {
    fn drop(&mut self) {
        self.0.durable.lock().waiting_feeds -= 1;
        self.0.durable_moved.notify_all();
    }
}

impl StopHandle {
    /// From now on [`Changes::next_timeout`] returns `None` instead of waiting. It still returns events that already
    /// exist.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.shared.wake_feeds();
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

fn damaged(block: &Block, why: Damage) -> ChangesError {
    ChangesError::Damaged { block_no: block.block_no, seq: block.first_seq, why }
}
