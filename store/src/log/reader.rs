//! Reads the log block by block, and checks each block against the one before it.

use crate::log::error::LogError;
use std::sync::Arc;

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::format::block::{Block, BlockHead, LogPosition};
use crate::format::key::BlockKey;
use crate::storage::end_mark::EndMark;
use crate::storage::{ReadStorage, StorageError};

/// Reads the log in order, and checks that it is the log that was written.
pub(crate) struct LogReader {
    storage: Arc<dyn ReadStorage>,
    /// The log position of the next block.
    pub(crate) position: LogPosition,
    pub(crate) stored_bytes: u64,
    end_mark: Option<EndMark>,
}

impl LogReader {
    /// Reads from a log position.
    pub(crate) fn new(storage: Arc<dyn ReadStorage>, position: LogPosition) -> Self {
        Self { storage, position, stored_bytes: 0, end_mark: None }
    }

    /// If the log reaches the end mark, checks that the block there is the block that the mark names.
    pub(crate) fn expecting(mut self, end_mark: Option<EndMark>) -> Result<Self, LogError> {
        self.end_mark = end_mark;
        self.expect_end_mark()?;
        Ok(self)
    }

    fn expect_end_mark(&self) -> Result<(), LogError> {
        match self.end_mark {
            Some(end_mark)
                if end_mark.last_block_no.checked_add(1) == Some(self.position.block_no)
                    && end_mark.chain != self.position.chain =>
            {
                let why = Damage::Checksum { expected: end_mark.chain, found: self.position.chain };
                Err(LogError::Damaged { block_no: end_mark.last_block_no, seq: end_mark.last_seq, why })
            }
            _ => Ok(()),
        }
    }

    /// The next block. `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Block>, LogError> {
        Ok(self.next_with_value()?.map(|(block, _)| block))
    }

    /// The next block, and its stored bytes.
    pub(crate) fn next_with_value(&mut self) -> Result<Option<(Block, Vec<u8>)>, LogError> {
        let key = self.position.key();
        let Some(value) = self.read(key)? else { return Ok(None) };
        let damaged = |why| LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why };
        let block = Block::open(&value).map_err(damaged)?;
        block.follows(&self.position).map_err(damaged)?;
        self.position = block.end();
        self.expect_end_mark()?;
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

    /// Checks that no block follows the end: a missing block would look like the end of the log.
    pub(crate) fn expect_end(&self) -> Result<(), LogError> {
        let key = self.position.key();
        match self.storage.key_at_or_before(BlockKey { first_seq: u64::MAX, block_no: u64::MAX })? {
            Some(last) if last >= key => {
                Err(LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why: Damage::Missing })
            }
            _ => Ok(()),
        }
    }
}

/// The block with the event `seq`, or the last one before it. Reading continues at its [`Block::end`].
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

/// Like [`block_at_or_before`], without decoding the block.
pub(crate) fn head_at_or_before(storage: &dyn ReadStorage, key: BlockKey) -> Result<Option<BlockHead>, LogError> {
    let Some((key, value)) = value_at_or_before(storage, key)? else { return Ok(None) };
    let damaged = |why| LogError::Damaged { block_no: key.block_no, seq: key.first_seq, why };
    let end_mark = BlockHead::open(&value).map_err(damaged)?;
    end_mark.is_at(key).map_err(damaged)?;
    Ok(Some(end_mark))
}

fn value_at_or_before(storage: &dyn ReadStorage, key: BlockKey) -> Result<Option<(BlockKey, Vec<u8>)>, LogError> {
    let Some(key) = storage.key_at_or_before(key)? else { return Ok(None) };
    let BlockKey { first_seq: seq, block_no } = key;
    let value = storage.block(key)?.ok_or(LogError::Damaged { block_no, seq, why: Damage::Missing })?;
    Ok(Some((key, value)))
}
