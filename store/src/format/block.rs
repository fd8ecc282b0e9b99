//! Log blocks: some hundred events and the bookmarks that were committed with them.
//!
//! ```text
//! magic    "cfLB", version 1
//! fields   0  block number    u64    from 1, without gaps
//!          8  first seq       u64    of its first event; of the next event if the block has none
//!         16  events          u32    number of events
//!         20  bookmarks       u32    number of bookmarks
//!         24  previous        u128   checksum of the previous block; 0 in the first
//!         40  committed       u64    commit time of its group, in milliseconds since the epoch
//! body     the events and the bookmarks: `columns/events.rs`
//! ```
//!
//! The checksum chain and the dense numbers show that no block is missing, repeated or from another log.

use convofold_engine::{EventRef, Seq, Time};

use super::bookmark::StoredBookmark;
use super::columns::events::{Body, BodyBuilder};
use super::frame::{Checksum, Compressor, Frame, FrameKind, u32_at, u64_at, u128_at};
use super::key::BlockKey;
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfLB", version: 1, field_bytes: 48 };

/// A point between two blocks of the log: where the next block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogPosition {
    pub(crate) block_no: u64,
    pub(crate) seq: Seq,
    /// The checksum of the last block.
    pub(crate) chain: Checksum,
}

impl LogPosition {
    /// The position of the first block of a log.
    pub(crate) const START: Self = Self { block_no: 1, seq: 1, chain: 0 };

    pub(crate) fn key(self) -> BlockKey {
        BlockKey { first_seq: self.seq, block_no: self.block_no }
    }

    /// The seq of the last event in the log; 0 if the log is empty.
    pub(crate) fn last_seq(self) -> Seq {
        self.seq - 1
    }
}

/// A block being filled.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    body: BodyBuilder,
}

impl BlockBuilder {
    pub(crate) fn push(&mut self, event: EventRef<'_>) {
        self.body.push(event);
    }

    /// The approximate size of the decoded events, before repeated values are removed, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.body.bytes()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.body.count() == 0
    }

    /// Drops what a failed group may have left, and keeps the allocations.
    pub(crate) fn clear(&mut self) {
        self.body.clear();
    }

    /// Encodes the block, moves the position past it and starts the next block.
    pub(crate) fn seal(
        &mut self,
        position: &mut LogPosition,
        bookmarks: &[StoredBookmark<'_>],
        committed_ms: u64,
        compressor: &mut Compressor,
    ) -> Result<(BlockKey, Vec<u8>), Damage> {
        let count = self.body.count();
        let bookmark_count = u32::try_from(bookmarks.len())
            .map_err(|_| Damage::NoSuch { field: "number of bookmarks", found: bookmarks.len() as u64 })?;

        let mut fields = Vec::with_capacity(MARK.field_bytes);
        fields.extend_from_slice(&position.block_no.to_le_bytes());
        fields.extend_from_slice(&position.seq.to_le_bytes());
        fields.extend_from_slice(&count.to_le_bytes());
        fields.extend_from_slice(&bookmark_count.to_le_bytes());
        fields.extend_from_slice(&position.chain.to_le_bytes());
        fields.extend_from_slice(&committed_ms.to_le_bytes());
        let body = self.body.encode(bookmarks)?;
        let (value, checksum) = compressor.seal_with_rest(MARK, &fields, &body, self.body.rest())?;

        let key = position.key();
        *position =
            LogPosition { block_no: position.block_no + 1, seq: position.seq + u64::from(count), chain: checksum };
        self.body.clear();
        Ok((key, value))
    }
}

/// The header of a block whose body was not decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockHead {
    pub(crate) block_no: u64,
    pub(crate) first_seq: Seq,
    pub(crate) count: u32,
    /// Commit time, in milliseconds since the epoch.
    pub(crate) committed_ms: u64,
}

impl BlockHead {
    pub(crate) fn open(value: &[u8]) -> Result<Self, Damage> {
        Self::of(Frame::open(MARK, value)?.fields)
    }

    fn of(fields: &[u8]) -> Result<Self, Damage> {
        let (first_seq, count, committed_ms) = (u64_at(fields, 8), u32_at(fields, 16), u64_at(fields, 40));
        if first_seq.checked_add(count.into()).is_none() {
            return Err(Damage::NoSuch { field: "event seq", found: first_seq });
        }
        if committed_ms > Time::MAX.ms().unsigned_abs() {
            return Err(Damage::NoSuch { field: "commit time", found: committed_ms });
        }
        Ok(Self { block_no: u64_at(fields, 0), first_seq, count, committed_ms })
    }

    /// Checks that the block belongs at `key`.
    pub(crate) fn is_at(&self, key: BlockKey) -> Result<(), Damage> {
        expect("block number", key.block_no, self.block_no)?;
        expect("first seq", key.first_seq, self.first_seq)
    }

    /// The seq after its last event.
    pub(crate) fn end_seq(&self) -> Seq {
        self.first_seq.saturating_add(self.count.into())
    }
}

/// A block that was read. Its header and checksum are valid.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) block_no: u64,
    pub(crate) first_seq: Seq,
    pub(crate) count: u32,
    pub(crate) checksum: Checksum,
    /// Commit time, in milliseconds since the epoch.
    pub(crate) committed_ms: u64,
    bookmark_count: u32,
    /// The checksum of the previous block, as stored in this one.
    pub(crate) previous: Checksum,
    body: Vec<u8>,
}

impl Block {
    pub(crate) fn open(value: &[u8]) -> Result<Self, Damage> {
        let frame = Frame::open(MARK, value)?;
        let fields = frame.fields;
        let BlockHead { block_no, first_seq, count, committed_ms } = BlockHead::of(fields)?;
        Ok(Self {
            block_no,
            first_seq,
            count,
            committed_ms,
            bookmark_count: u32_at(fields, 20),
            previous: u128_at(fields, 24),
            checksum: frame.checksum,
            body: frame.body()?,
        })
    }

    /// Checks that the block belongs at `position`.
    pub(crate) fn follows(&self, position: &LogPosition) -> Result<(), Damage> {
        self.is_at(position.key())?;
        if self.previous != position.chain {
            return Err(Damage::Chain { expected: position.chain, found: self.previous });
        }
        Ok(())
    }

    /// Checks that the block belongs at `key`.
    pub(crate) fn is_at(&self, key: BlockKey) -> Result<(), Damage> {
        expect("block number", key.block_no, self.block_no)?;
        expect("first seq", key.first_seq, self.first_seq)
    }

    /// The log position after the block.
    pub(crate) fn end(&self) -> LogPosition {
        let seq = self.first_seq.saturating_add(u64::from(self.count));
        LogPosition { block_no: self.block_no.saturating_add(1), seq, chain: self.checksum }
    }

    pub(crate) fn decode(&self) -> Result<Body<'_>, Damage> {
        let body = Body::open(&self.body)?;
        expect("number of events", self.count.into(), body.count() as u64)?;
        expect("number of bookmarks", self.bookmark_count.into(), body.bookmarks().len() as u64)?;
        Ok(body)
    }
}

fn expect(field: &'static str, expected: u64, found: u64) -> Result<(), Damage> {
    if expected == found { Ok(()) } else { Err(Damage::Field { field, expected, found }) }
}
