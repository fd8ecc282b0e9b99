//! The log: blocks one after the other, each holding on to the one before it.

use std::sync::Arc;

use convofold_engine::{Event, Seq};

use crate::damage::Damage;
use crate::format::block::{Block, BlockBuilder, StoredBookmarkV1, Tail};
use crate::format::frame::Compressor;
use crate::storage::end_mark::Head;
use crate::storage::{BlockKey, Storage, StorageError};
use crate::write::batch::Bookmark;

/// Puts events into blocks.
pub(crate) struct BlockWriter {
    compressor: Compressor,
    builder: BlockBuilder,
    block_bytes: usize,
}

/// Blocks ready to be appended together.
#[derive(Default)]
pub(crate) struct SealedBlocks {
    pub(crate) blocks: Vec<(BlockKey, Vec<u8>)>,
    pub(crate) stored_bytes: u64,
}

impl BlockWriter {
    pub(crate) fn new(block_bytes: usize) -> Result<Self, StorageError> {
        let compressor = Compressor::new().map_err(StorageError::io("making a compressor"))?;
        Ok(Self { compressor, builder: BlockBuilder::default(), block_bytes })
    }

    pub(crate) fn compressor(&mut self) -> &mut Compressor {
        &mut self.compressor
    }

    /// The blocks of one group, and the tail after them. The bookmarks go into the last one.
    ///
    /// A group is appended whole or not at all, so a bookmark is never there without its events.
    pub(crate) fn seal<'a>(
        &mut self,
        mut tail: Tail,
        events: impl Iterator<Item = &'a Event>,
        bookmarks: &[&Bookmark],
    ) -> Result<(SealedBlocks, Tail), StorageError> {
        self.builder.clear();
        let mut sealed = SealedBlocks::default();
        for event in events {
            if self.builder.bytes() >= self.block_bytes {
                self.seal_one(&mut tail, &[], &mut sealed)?;
            }
            self.builder.push(event);
        }
        let bookmarks: Vec<_> = bookmarks.iter().map(|bookmark| stored_bookmark(bookmark)).collect();
        if !self.builder.is_empty() || !bookmarks.is_empty() {
            self.seal_one(&mut tail, &bookmarks, &mut sealed)?;
        }
        Ok((sealed, tail))
    }

    fn seal_one(
        &mut self,
        tail: &mut Tail,
        bookmarks: &[StoredBookmarkV1<'_>],
        sealed: &mut SealedBlocks,
    ) -> Result<(), StorageError> {
        let block = self.builder.seal(tail, bookmarks, &mut self.compressor).map_err(StorageError::Encoding)?;
        sealed.stored_bytes += block.1.len() as u64;
        sealed.blocks.push(block);
        Ok(())
    }
}

fn stored_bookmark(bookmark: &Bookmark) -> StoredBookmarkV1<'_> {
    StoredBookmarkV1 { name: &bookmark.name, value: bookmark.value.as_deref() }
}

/// Why the log cannot be read on.
#[derive(Debug)]
pub(crate) enum LogError {
    Damaged { block_no: u64, seq: Seq, why: Damage },
    Storage(StorageError),
}

impl From<StorageError> for LogError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Reads the log front to back, and makes sure that it is the log that was written.
pub(crate) struct LogReader {
    storage: Arc<dyn Storage>,
    /// Where the next block should be.
    pub(crate) tail: Tail,
    pub(crate) stored_bytes: u64,
    head: Option<Head>,
}

impl LogReader {
    /// Reads on from a tail.
    pub(crate) fn new(storage: Arc<dyn Storage>, tail: Tail) -> Self {
        Self { storage, tail, stored_bytes: 0, head: None }
    }

    /// Makes sure, where the log reaches the head mark, that it does so with the block that the mark was written for.
    pub(crate) fn expecting(mut self, head: Option<Head>) -> Result<Self, LogError> {
        self.head = head;
        self.expect_head()?;
        Ok(self)
    }

    fn expect_head(&self) -> Result<(), LogError> {
        match self.head {
            Some(head)
                if head.last_block_no.checked_add(1) == Some(self.tail.block_no) && head.chain != self.tail.chain =>
            {
                let why = Damage::Checksum { expected: head.chain, found: self.tail.chain };
                Err(LogError::Damaged { block_no: head.last_block_no, seq: head.last_seq, why })
            }
            _ => Ok(()),
        }
    }

    /// The next block; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Block>, LogError> {
        Ok(self.next_with_value()?.map(|(block, _)| block))
    }

    /// The next block, and its bytes as they are stored.
    pub(crate) fn next_with_value(&mut self) -> Result<Option<(Block, Vec<u8>)>, LogError> {
        let key = self.tail.key();
        let Some(value) = self.read(key)? else { return Ok(None) };
        let damaged = |why| LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why };
        let block = Block::open(&value).map_err(damaged)?;
        block.follows(&self.tail).map_err(damaged)?;
        self.tail = block.end();
        self.expect_head()?;
        self.stored_bytes += value.len() as u64;
        Ok(Some((block, value)))
    }

    fn read(&self, key: BlockKey) -> Result<Option<Vec<u8>>, LogError> {
        match self.storage.block(key) {
            Ok(value) => Ok(value),
            Err(StorageError::Value(why)) => Err(LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why }),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure that nothing lies behind the end that was reached: a block that is missing there would look like it.
    pub(crate) fn expect_end(&self) -> Result<(), LogError> {
        let key = self.tail.key();
        match self.storage.key_at_or_before(BlockKey { first_seq: u64::MAX, block_no: u64::MAX })? {
            Some(last) if last >= key => {
                Err(LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why: Damage::Missing })
            }
            _ => Ok(()),
        }
    }
}

/// The block with the event `seq`, or the last one before it; the tail to read on from is its [`Block::end`].
pub(crate) fn block_with(storage: &dyn Storage, seq: Seq) -> Result<Option<Block>, LogError> {
    block_at_or_before(storage, BlockKey { first_seq: seq, block_no: u64::MAX })
}

/// The block with this key, or the last one before it.
pub(crate) fn block_at_or_before(storage: &dyn Storage, key: BlockKey) -> Result<Option<Block>, LogError> {
    let Some(key) = storage.key_at_or_before(key)? else { return Ok(None) };
    let damaged = |why| LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why };
    let value = storage.block(key)?.ok_or_else(|| damaged(Damage::Missing))?;
    let block = Block::open(&value).map_err(damaged)?;
    block.is_at(key).map_err(damaged)?;
    Ok(Some(block))
}
