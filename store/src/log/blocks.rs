//! Builds blocks from events.

use std::io;

use convofold_engine::EventColumns;

use super::bookmark::Bookmark;
use super::columns::Events;
use crate::damage::Damage;
use crate::format::block::{BlockBuilder, LogPosition, PackedEvents, decoded_bytes};
use crate::format::bookmark::StoredBookmark;
use crate::format::frame::Compressor;
use crate::format::key::BlockKey;
use crate::storage::StorageError;

/// Builds the blocks of a group.
pub(crate) struct BlockWriter {
    compressor: Compressor,
    builder: BlockBuilder,
    block_bytes: usize,
    /// Events that are collected for the next block.
    collected: EventColumns,
    packed: PackedEvents,
}

/// Blocks that are appended together.
#[derive(Default)]
pub(crate) struct SealedBlocks {
    pub(crate) blocks: Vec<(BlockKey, Vec<u8>)>,
    pub(crate) stored_bytes: u64,
}

impl BlockWriter {
    pub(crate) fn new(block_bytes: usize, max_body_bytes: usize) -> io::Result<Self> {
        let compressor = Compressor::bounded(max_body_bytes)?;
        let (builder, collected) = (BlockBuilder::default(), EventColumns::new());
        Ok(Self { compressor, builder, block_bytes, collected, packed: PackedEvents::default() })
    }

    pub(crate) fn compressor(&mut self) -> &mut Compressor {
        &mut self.compressor
    }

    /// The blocks of one group that is committed at `committed_ms`, and the position after them. `batches` states for each
    /// event whether it is new. The last block contains the bookmarks.
    ///
    /// A group is appended as a whole or not at all, so a bookmark never exists without its events.
    pub(crate) fn seal<'a>(
        &mut self,
        position: LogPosition,
        batches: impl Iterator<Item = (&'a Events, &'a [bool])>,
        bookmarks: &[&Bookmark],
        committed_ms: u64,
    ) -> Result<(SealedBlocks, LogPosition), StorageError> {
        let Self { compressor, builder, block_bytes, collected, packed } = self;
        let block_bytes = *block_bytes;
        // What a failed group may have left.
        collected.clear();
        let bookmarks = bookmarks.iter().map(|bookmark| stored_bookmark(bookmark)).collect();
        let sealed = SealedBlocks::default();
        let mut sealing = Sealing { compressor, builder, packed, position, bookmarks, committed_ms, sealed };
        let mut batches = batches.filter(|(_, is_new)| is_new.contains(&true)).peekable();
        while let Some((events, is_new)) = batches.next() {
            if let Some(packed) = events.packed().filter(|_| !is_new.contains(&false)) {
                sealing.collected(collected)?;
                sealing.packed(packed, batches.peek().is_none())?;
                continue;
            }
            for ((_, event), _) in events.iter().zip(is_new).filter(|(_, is_new)| **is_new) {
                if decoded_bytes(collected) >= block_bytes {
                    sealing.collected(collected)?;
                }
                collected.push(event).map_err(|why| StorageError::Encoding(Damage::Event(why)))?;
            }
        }
        if !collected.is_empty() || !sealing.bookmarks.is_empty() {
            sealing.events(collected, true)?;
        }
        Ok((sealing.sealed, sealing.position))
    }
}

/// Blocks being sealed.
struct Sealing<'a> {
    compressor: &'a mut Compressor,
    builder: &'a mut BlockBuilder,
    packed: &'a mut PackedEvents,
    position: LogPosition,
    /// For the last block.
    bookmarks: Vec<StoredBookmark<'a>>,
    committed_ms: u64,
    sealed: SealedBlocks,
}

impl Sealing<'_> {
    /// Seals the collected events, if there are any. More events follow.
    fn collected(&mut self, collected: &mut EventColumns) -> Result<(), StorageError> {
        if !collected.is_empty() {
            self.events(collected, false)?;
            collected.clear();
        }
        Ok(())
    }

    fn events(&mut self, events: &EventColumns, is_last: bool) -> Result<(), StorageError> {
        let mut packed = std::mem::take(self.packed);
        self.builder.pack(events, self.compressor, &mut packed).map_err(StorageError::Encoding)?;
        self.packed(&packed, is_last)?;
        *self.packed = packed;
        Ok(())
    }

    fn packed(&mut self, packed: &PackedEvents, is_last: bool) -> Result<(), StorageError> {
        let bookmarks = if is_last { std::mem::take(&mut self.bookmarks) } else { Vec::new() };
        let block = packed.seal(&mut self.position, &bookmarks, self.committed_ms, self.compressor);
        let block = block.map_err(StorageError::Encoding)?;
        self.sealed.stored_bytes += block.1.len() as u64;
        self.sealed.blocks.push(block);
        Ok(())
    }
}

fn stored_bookmark(bookmark: &Bookmark) -> StoredBookmark<'_> {
    StoredBookmark { name: &bookmark.name, value: bookmark.value.as_deref() }
}
