//! The log read block by block, each checked against the one before it.

use crate::log::error::LogError;
use std::sync::Arc;

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::format::block::{Block, BlockHead, Tail};
use crate::format::key::BlockKey;
use crate::storage::end_mark::Head;
use crate::storage::{ReadStorage, StorageError};

/// Reads the log front to back, and makes sure that it is the log that was written.
pub(crate) struct LogReader {
    storage: Arc<dyn ReadStorage>,
    /// Where the next block should be.
    pub(crate) tail: Tail,
    pub(crate) stored_bytes: u64,
    head: Option<Head>,
}

impl LogReader {
    /// Reads on from a tail.
    pub(crate) fn new(storage: Arc<dyn ReadStorage>, tail: Tail) -> Self {
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
pub(crate) fn block_with(storage: &dyn ReadStorage, seq: Seq) -> Result<Option<Block>, LogError> {
    block_at_or_before(storage, BlockKey { first_seq: seq, block_no: u64::MAX })
}

/// The block with this key, or the last one before it.
pub(crate) fn block_at_or_before(storage: &dyn ReadStorage, key: BlockKey) -> Result<Option<Block>, LogError> {
    let Some((key, value)) = value_at_or_before(storage, key)? else { return Ok(None) };
    let damaged = |why| LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why };
    let block = Block::open(&value).map_err(damaged)?;
    block.is_at(key).map_err(damaged)?;
    Ok(Some(block))
}

/// The same without decoding the block.
pub(crate) fn head_at_or_before(storage: &dyn ReadStorage, key: BlockKey) -> Result<Option<BlockHead>, LogError> {
    let Some((key, value)) = value_at_or_before(storage, key)? else { return Ok(None) };
    let damaged = |why| LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why };
    let head = BlockHead::open(&value).map_err(damaged)?;
    head.is_at(key).map_err(damaged)?;
    Ok(Some(head))
}

fn value_at_or_before(storage: &dyn ReadStorage, key: BlockKey) -> Result<Option<(BlockKey, Vec<u8>)>, LogError> {
    let Some(key) = storage.key_at_or_before(key)? else { return Ok(None) };
    let BlockKey { first_seq: seq, block_no } = key;
    let value = storage.block(key)?.ok_or(LogError::Damaged { block_no, seq, why: Damage::Missing })?;
    Ok(Some((key, value)))
}
