//! The events of a batch, and columns whose memory is used again.

use std::io;
use std::ops::Deref;

use convofold_engine::{Draft, Event, EventColumns, EventNumbers, EventRef};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::format::block::{BlockBuilder, PackedEvents, decoded_bytes};
use crate::format::frame::Compressor;

/// The approximate size of an event without its texts, in bytes.
const EVENT_BYTES: usize = 320;

/// The events of a batch: a list from a host, or columns from a parser.
#[derive(Clone, Debug)]
pub(crate) enum Events {
    List(Vec<Event>),
    Columns(PooledColumns),
}

/// What an event shares with others of its batch, as indexes: its conversation in [`Events::conversations`], and its context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared {
    pub(crate) conversation: usize,
    pub(crate) context: usize,
}

impl Shared {
    pub(crate) fn of(numbers: EventNumbers) -> Self {
        Self { conversation: numbers.conversation as usize, context: numbers.context as usize }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Events {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::List(events) => events.len(),
            Self::Columns(columns) => columns.len(),
        }
    }

    fn parts(&self) -> (&[Event], Option<&EventColumns>) {
        match self {
            Self::List(events) => (events, None),
            Self::Columns(columns) => (&[], Some(columns)),
        }
    }

    /// The events in order, with what they share.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Shared, EventRef<'_>)> {
        self.iter_from(0)
    }

    /// Like [`Events::iter`], without the first `skipped` events.
    pub(crate) fn iter_from(&self, skipped: usize) -> impl Iterator<Item = (Shared, EventRef<'_>)> {
        let (list, columns) = self.parts();
        let columns = columns.into_iter().flat_map(move |columns| columns.iter().skip(skipped));
        let columns = columns.map(|(numbers, event)| (Shared::of(numbers), event));
        let list = list.iter().map(Event::as_ref).enumerate().skip(skipped);
        list.map(|(index, event)| (Shared { conversation: index, context: index }, event)).chain(columns)
    }

    /// The ids of the conversations. Those of a list can repeat.
    pub(crate) fn conversations(&self) -> impl Iterator<Item = &str> + Clone {
        let (list, columns) = self.parts();
        list.iter().map(Event::conversation).chain(columns.into_iter().flat_map(EventColumns::conversations))
    }

    /// The number of [`Events::conversations`].
    pub(crate) fn conversation_count(&self) -> usize {
        match self {
            Self::List(events) => events.len(),
            Self::Columns(columns) => columns.conversation_count(),
        }
    }

    /// The number of contexts. Those of a list can repeat.
    pub(crate) fn context_count(&self) -> usize {
        match self {
            Self::List(events) => events.len(),
            Self::Columns(columns) => columns.context_count(),
        }
    }

    /// The approximate size of the events with all of their texts, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::List(events) => events.iter().map(bytes_of).sum(),
            Self::Columns(columns) => bytes_of_columns(columns),
        }
    }

    /// The events as a block, if they were packed.
    pub(crate) fn packed(&self) -> Option<&PackedEvents> {
        match self {
            Self::List(_) => None,
            Self::Columns(columns) => columns.held.is_packed.then_some(&columns.held.packed),
        }
    }

    pub(crate) fn into_list(self) -> Vec<Event> {
        match self {
            Self::List(events) => events,
            Self::Columns(columns) => columns.iter().map(|(_, event)| event.to_event()).collect(),
        }
    }
}

/// The approximate size of an event with all of its texts, in bytes.
pub(crate) fn bytes_of(event: &Event) -> usize {
    let session = event.session().map_or(0, |session| session.texts().into_iter().flatten().map(str::len).sum());
    EVENT_BYTES + event.text_bytes() + event.identity().text_bytes() + session
}

/// The same before the event is built.
pub(crate) fn bytes_of_draft(draft: &Draft<'_>) -> usize {
    EVENT_BYTES + draft.text_bytes()
}

/// The same for all events of columns.
pub(crate) fn bytes_of_columns(columns: &EventColumns) -> usize {
    EVENT_BYTES * columns.len() + columns.text_bytes()
}

/// Columns that return to their pool when they are dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct PooledColumns {
    held: Box<Held>,
    pool: Option<Sender<Box<Held>>>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    columns: EventColumns,
    packed: PackedEvents,
    is_packed: bool,
}

impl PooledColumns {
    /// The columns, to append events.
    pub(crate) fn as_mut(&mut self) -> &mut EventColumns {
        self.held.is_packed = false;
        &mut self.held.columns
    }
}

impl Deref for PooledColumns {
    type Target = EventColumns;

    fn deref(&self) -> &EventColumns {
        &self.held.columns
    }
}

impl Drop for PooledColumns {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool
            && self.held.columns.capacity_bytes() <= MAX_POOLED_BYTES
        {
            let _ = pool.try_send(std::mem::take(&mut self.held));
        }
    }
}

/// Columns below this fraction of the size of a block are not packed: the writer collects them with others.
const MIN_PART: usize = 8;
/// Columns above this multiple of the size of a block are not packed: the writer makes several blocks of them.
const MAX_MULTIPLE: usize = 2;

/// Packs columns into blocks, on the thread that parsed them.
pub(crate) struct Packer {
    builder: BlockBuilder,
    compressor: Compressor,
    block_bytes: usize,
}

impl Packer {
    /// For blocks of this size.
    pub(crate) fn new(block_bytes: usize) -> io::Result<Self> {
        Ok(Self { builder: BlockBuilder::default(), compressor: Compressor::new()?, block_bytes })
    }

    /// Packs the columns if they make a block. If they cannot be encoded, the writer finds that out.
    pub(crate) fn pack(&mut self, columns: &mut PooledColumns) {
        let Held { columns, packed, is_packed } = &mut *columns.held;
        let range = self.block_bytes / MIN_PART..=self.block_bytes * MAX_MULTIPLE;
        let makes_block = range.contains(&decoded_bytes(columns));
        *is_packed = makes_block && self.builder.pack(columns, &mut self.compressor, packed).is_ok();
    }
}

/// The memory of columns that were used for more is freed.
const MAX_POOLED_BYTES: usize = 4 << 20;

/// Columns for the next events, so that their memory is neither freed nor cleared by the system.
#[derive(Clone, Debug)]
pub(crate) struct ColumnsPool {
    used: Receiver<Box<Held>>,
    sender: Sender<Box<Held>>,
}

impl ColumnsPool {
    /// A pool that keeps at most `capacity` columns.
    pub(crate) fn new(capacity: usize) -> Self {
        let (sender, used) = bounded(capacity);
        Self { used, sender }
    }

    pub(crate) fn take(&self) -> PooledColumns {
        let mut columns = PooledColumns { held: self.used.try_recv().unwrap_or_default(), pool: None };
        columns.as_mut().clear();
        columns.pool = Some(self.sender.clone());
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::message_with;

    #[test]
    fn every_text_of_an_event_counts() {
        let event = message_with("c", 1, "hi");
        let name = "n".repeat(1_000);
        let session = convofold_engine::Session::new().customer_alias(name.clone());
        let identity = convofold_engine::Identity::given(&name, 0);
        for longer in [
            event.draft().member_name(name.as_str()),
            event.draft().text(name.as_str()),
            event.draft().session(session),
            event.draft().identity(identity),
        ] {
            let longer = longer.build().unwrap();
            assert!(bytes_of(&longer) >= bytes_of(&event) + 900, "{longer:?}");
            let mut columns = EventColumns::new();
            columns.push(&longer).unwrap();
            assert_eq!(bytes_of_columns(&columns), bytes_of(&longer));
            assert_eq!(bytes_of_draft(&longer.draft()), bytes_of(&longer));
        }
    }
}
