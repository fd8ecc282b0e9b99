//! Builds blocks from events.

use std::io;

use convofold_engine::EventRef;

use super::bookmark::Bookmark;
use crate::format::block::{BlockBuilder, LogPosition};
use crate::format::bookmark::StoredBookmark;
use crate::format::frame::Compressor;
use crate::format::key::BlockKey;
use crate::storage::StorageError;

/// Builds the blocks of a group.
pub(crate) struct BlockWriter {
    compressor: Compressor,
    builder: BlockBuilder,
    block_bytes: usize,
}

/// Blocks that are appended together.
#[derive(Default)]
pub(crate) struct SealedBlocks {
    pub(crate) blocks: Vec<(BlockKey, Vec<u8>)>,
    pub(crate) stored_bytes: u64,
}

impl BlockWriter {
    pub(crate) fn new(block_bytes: usize, max_body_bytes: usize) -> io::Result<Self> {
        Ok(Self { compressor: Compressor::bounded(max_body_bytes)?, builder: BlockBuilder::default(), block_bytes })
    }

    pub(crate) fn compressor(&mut self) -> &mut Compressor {
        &mut self.compressor
    }

    /// The blocks of one group that is committed at `committed_ms`, and the position after them. The last block
    /// contains the bookmarks.
    ///
    /// A group is appended as a whole or not at all, so a bookmark never exists without its events.
    pub(crate) fn seal<'a>(
        &mut self,
        mut position: LogPosition,
        events: impl Iterator<Item = EventRef<'a>>,
        bookmarks: &[&Bookmark],
        committed_ms: u64,
    ) -> Result<(SealedBlocks, LogPosition), StorageError> {
        self.builder.clear();
        let mut sealed = SealedBlocks::default();
        for event in events {
            if self.builder.bytes() >= self.block_bytes {
                self.seal_one(&mut position, &[], committed_ms, &mut sealed)?;
            }
            self.builder.push(event);
        }
        let bookmarks: Vec<_> = bookmarks.iter().map(|bookmark| stored_bookmark(bookmark)).collect();
        if !self.builder.is_empty() || !bookmarks.is_empty() {
            self.seal_one(&mut position, &bookmarks, committed_ms, &mut sealed)?;
        }
        Ok((sealed, position))
    }

    fn seal_one(
        &mut self,
        position: &mut LogPosition,
        bookmarks: &[StoredBookmark<'_>],
        committed_ms: u64,
        sealed: &mut SealedBlocks,
    ) -> Result<(), StorageError> {
        let block = self
            .builder
            .seal(position, bookmarks, committed_ms, &mut self.compressor)
            .map_err(StorageError::Encoding)?;
        sealed.stored_bytes += block.1.len() as u64;
        sealed.blocks.push(block);
        Ok(())
    }
}

fn stored_bookmark(bookmark: &Bookmark) -> StoredBookmark<'_> {
    StoredBookmark { name: &bookmark.name, value: bookmark.value.as_deref() }
}
