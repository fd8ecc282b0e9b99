//! What a caller hands to the writer.

use crate::log::bookmark::Bookmark;
use std::sync::Arc;

use convofold_engine::Event;

use crate::storage::StorageError;

/// So many events fit into one batch.
const MAX_EVENTS: usize = 65_536;
/// So many bytes of events fit into one batch.
const MAX_BYTES: usize = 256 << 20;
/// The longest name of a bookmark.
const MAX_NAME_BYTES: usize = 256;
/// The longest value of a bookmark.
const MAX_VALUE_BYTES: usize = 4 << 10;
/// What an event takes beside its text, about.
const EVENT_BYTES: usize = 320;

/// What has to be true before an event is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Acknowledged when it is on the disk: it survives a killed process, a crash of the system and a power cut. Events of
    /// other batches that wait at the same time share the cost.
    #[default]
    Synced,
    /// Acknowledged when it is in the log and counted. It reaches the disk within
    /// [`Options::sync_interval`](crate::Options::sync_interval) (100 ms): up to then it is lost by a power cut, and may be
    /// by a killed process. What is lost is always the end of the log, never something in its middle, and bookmarks go
    /// with their events; so for an upstream that can send again from a bookmark this loses nothing.
    Buffered,
}

convofold_engine::named! { Durability is a "durability": Synced "synced", Buffered "buffered" }

/// Events that are committed together: after a crash either all of them are there or none. While they are taken, a reader sees
/// of each conversation none of them or all; when they are acknowledged, all of all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) events: Vec<Event>,
    pub(crate) bookmark: Option<Bookmark>,
    pub(crate) durability: Durability,
    /// The time of the commit, where a repair knows it.
    pub(crate) committed_ms: Option<u64>,
}

impl Batch {
    /// A batch of these events, in this order. At most 65,536 of them, and 256 MiB.
    #[must_use]
    pub fn new(events: Vec<Event>) -> Self {
        Self { events, ..Self::default() }
    }

    /// What has to be true before it is acknowledged. Default: [`Durability::Synced`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets a bookmark together with the events: after any crash [`Convofold::bookmark`](crate::Convofold::bookmark) says
    /// what was set with the last events that are there. Names have up to 256 bytes, values up to 4 KiB.
    #[must_use]
    pub fn bookmark(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.bookmark = Some(Bookmark { name: name.into(), value: Some(value.into()) });
        self
    }

    /// Deletes a bookmark together with committing the events.
    #[must_use]
    pub fn delete_bookmark(mut self, name: impl Into<String>) -> Self {
        self.bookmark = Some(Bookmark { name: name.into(), value: None });
        self
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.events.iter().map(|event| EVENT_BYTES + event.text().map_or(0, str::len)).sum()
    }

    pub(crate) fn check(&self) -> Result<(), SubmitError> {
        let within =
            |what, found, max| if found <= max { Ok(()) } else { Err(SubmitError::TooLarge { what, found, max }) };
        within("events", self.events.len(), MAX_EVENTS)?;
        within("bytes", self.bytes(), MAX_BYTES)?;
        let Some(bookmark) = &self.bookmark else { return Ok(()) };
        within("bytes in the name of its bookmark", bookmark.name.len(), MAX_NAME_BYTES)?;
        within("bytes in its bookmark", bookmark.value.as_ref().map_or(0, Vec::len), MAX_VALUE_BYTES)
    }
}

/// Why a batch was not taken. Nothing of it is in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The queue is full; here is the batch back. Only [`Convofold::try_submit`](crate::Convofold::try_submit) says so.
    #[error("the queue is full")]
    Full(Batch),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// An earlier write failed. The store answers questions and takes no more writes; open it again.
    #[error("the store takes no more writes, because an earlier one failed; open it again")]
    Poisoned {
        /// What failed then.
        #[source]
        cause: Arc<StorageError>,
    },
    /// The batch is too large. Split it.
    #[error("the batch has {found} {what}, more than the {max} allowed")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much is allowed.
        max: usize,
    },
}
