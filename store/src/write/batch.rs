//! Batches: what a caller submits to the writer.

use crate::log::bookmark::Bookmark;
use std::sync::Arc;

use convofold_engine::{Event, EventRef, Time};

use crate::bounds::Bounds;
use crate::log::columns::{Events, PooledColumns};
use crate::storage::StorageError;

/// The maximum number of events in a batch.
const MAX_EVENTS: usize = 65_536;
/// The maximum length of a bookmark's name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// The maximum length of a bookmark's value, in bytes.
const MAX_VALUE_BYTES: usize = 4 << 10;
/// When a batch is acknowledged, and which failures it survives then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Acknowledged once it is durable: it survives a killed process, a crash of the system and a power cut. Batches
    /// that wait at the same time share the cost of one barrier.
    #[default]
    Synced,
    /// Acknowledged once it is logged and applied, and durable within
    /// [`Options::sync_interval`](crate::Options::sync_interval) (100 ms). Until then a power cut loses it, and a
    /// killed process may lose it. Only the end of the log can be lost, never a part in the middle, and bookmarks are
    /// lost together with their events. So a host that can resend events from a bookmark on loses nothing.
    Buffered,
}

convofold_engine::named! { Durability is a "durability": Synced "synced", Buffered "buffered" }

/// Events that are committed atomically: after a crash either all or none of them exist. While a batch is being
/// applied, a reader sees all or none of its events per conversation. Once it is acknowledged, readers see all of them.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) events: Events,
    pub(crate) bookmark: Option<Bookmark>,
    pub(crate) durability: Durability,
    /// Whether readers may see a part of its events before the others, as of several batches.
    pub(crate) is_divisible: bool,
    /// The commit time, if the host or a repair knows it.
    pub(crate) committed_ms: Option<u64>,
}

impl Batch {
    /// A batch of these events, in this order. The limits are 65,536 events and 256 MiB, all texts included.
    #[must_use]
    pub fn new(events: Vec<Event>) -> Self {
        Self { events: Events::List(events), ..Self::default() }
    }

    pub(crate) fn of_columns(columns: PooledColumns) -> Self {
        Self { events: Events::Columns(columns), ..Self::default() }
    }

    /// Sets the durability of the batch. Default: [`Durability::Synced`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets a bookmark together with the events: after a crash, [`Convofold::bookmark`](crate::Convofold::bookmark)
    /// returns the value that was committed with the last surviving events. Names have at most 256 bytes, values at
    /// most 4 KiB, and a database has at most 65,536 bookmarks.
    #[must_use]
    pub fn bookmark(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.bookmark = Some(Bookmark { name: name.into(), value: Some(value.into()) });
        self
    }

    /// Deletes a bookmark together with the commit of the events.
    #[must_use]
    pub fn delete_bookmark(mut self, name: impl Into<String>) -> Self {
        self.bookmark = Some(Bookmark { name: name.into(), value: None });
        self
    }

    /// Sets the commit time of the batch ([`Convofold::committed_at`](crate::Convofold::committed_at)), to the millisecond.
    /// Default: the wall clock of the machine at the commit.
    ///
    /// For a host that copies an ordered log, each entry of which has a time: databases that copy the same log then agree
    /// on what was known when. No commit has a time before that of the commit before it, so an earlier time has no effect. A
    /// time that is too late holds the times of all later commits until they have caught up.
    ///
    /// Batches with different times are not committed together, so give many batches the same time where that is exact
    /// enough. Only batches of the process that holds the database can have a time.
    #[must_use]
    pub fn committed_at(mut self, at: Time) -> Self {
        self.committed_ms = Some(at.ms().unsigned_abs());
        self
    }

    /// The events.
    pub fn events(&self) -> impl Iterator<Item = EventRef<'_>> {
        self.events.iter().map(|(_, event)| event)
    }

    /// The number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are no events. There can be a bookmark.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the batch apart, to send it to another process.
    #[must_use]
    pub fn into_parts(self) -> BatchParts {
        let Self { events, bookmark, durability, committed_ms, .. } = self;
        BatchParts {
            events: events.into_list(),
            bookmark: bookmark.map(|Bookmark { name, value }| (name, value)),
            durability,
            committed_at: committed_ms.and_then(|ms| Time::from_ms(i64::try_from(ms).ok()?)),
        }
    }

    /// Checks the limits of a batch, as [`Convofold::submit`](crate::Convofold::submit) does.
    ///
    /// # Errors
    /// [`SubmitError::TooLarge`] names the limit.
    pub fn check_limits(&self) -> Result<(), SubmitError> {
        self.check(&Bounds::default())
    }

    /// The approximate size of the batch, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.events.bytes()
    }

    pub(crate) fn check(&self, bounds: &Bounds) -> Result<(), SubmitError> {
        within("events", self.events.len(), MAX_EVENTS)?;
        within("bytes", self.bytes(), bounds.batch_bytes)?;
        let Some(bookmark) = &self.bookmark else { return Ok(()) };
        within("bytes in a bookmark name", bookmark.name.len(), MAX_NAME_BYTES)?;
        within("bytes in a bookmark value", bookmark.value.as_ref().map_or(0, Vec::len), MAX_VALUE_BYTES)
    }
}

/// The parts of a [`Batch`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchParts {
    /// The events.
    pub events: Vec<Event>,
    /// The name of the bookmark and its value; `None` as the value deletes it.
    pub bookmark: Option<(String, Option<Vec<u8>>)>,
    /// The durability.
    pub durability: Durability,
    /// The commit time, if it was given ([`Batch::committed_at`]).
    pub committed_at: Option<Time>,
}

pub(crate) fn within(what: &'static str, found: usize, max: usize) -> Result<(), SubmitError> {
    if found <= max { Ok(()) } else { Err(SubmitError::TooLarge { what, found, max }) }
}

/// A batch was not accepted. None of its events are in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The queue is full. Contains the batch. Only [`Convofold::try_submit`](crate::Convofold::try_submit) returns this
    /// error.
    #[error("the queue is full")]
    Full(Batch),
    /// The database is closed.
    #[error("the database is closed")]
    Closed,
    /// The database is open read-only ([`Options::read_only`](crate::Options::read_only)).
    #[error("the database is open read-only")]
    ReadOnly,
    /// An earlier write failed. The database still answers queries, but accepts no more writes until it is reopened.
    #[error("an earlier write failed; reopen the database before writing")]
    Poisoned {
        /// The failure of the earlier write.
        #[source]
        cause: Arc<StorageError>,
    },
    /// The batch, or a single value in it, is too large to be stored. Split it.
    #[error("the batch has {found} {what}, but the maximum is {max}")]
    TooLarge {
        /// The quantity that exceeds its limit.
        what: &'static str,
        /// The quantity in the batch.
        found: usize,
        /// The limit.
        max: usize,
    },
}
