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

use convofold_engine::{EventColumns, Seq, Time};

use super::bookmark::StoredBookmark;
pub(crate) use super::columns::events::Body;
use super::columns::events::{BodyBuilder, bookmarks_of};
use super::frame::{Checksum, Compressor, Frame, FrameKind, Packed, replace_u128, u32_at, u64_at, u128_at};
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

/// The approximate size of an event without its texts, in bytes.
pub(super) const EVENT_BYTES: usize = 128;

/// The approximate size of events that were read from a block, in bytes.
pub(crate) fn decoded_bytes(columns: &EventColumns) -> usize {
    EVENT_BYTES * columns.len() + columns.text_bytes()
}

/// Encodes the events of blocks. Reused for many, because it keeps its buffers.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    body: BodyBuilder,
}

/// The events of a block, encoded and compressed: most of the work, which needs no position in the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedEvents {
    count: u32,
    tables: Packed,
    uuids: Vec<u8>,
}

impl BlockBuilder {
    /// Encodes and compresses these events. `packed` can be used again.
    pub(crate) fn pack(
        &mut self,
        events: &EventColumns,
        compressor: &mut Compressor,
        packed: &mut PackedEvents,
    ) -> Result<(), Damage> {
        packed.count = number("number of events", events.len())?;
        let (tables, uuids) = self.body.encode(events)?;
        compressor.pack(tables, &mut packed.tables);
        packed.uuids.clear();
        packed.uuids.extend_from_slice(uuids);
        Ok(())
    }
}

impl PackedEvents {
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(events: &EventColumns, compressor: &mut Compressor) -> Result<Self, Damage> {
        let mut packed = Self::default();
        BlockBuilder::default().pack(events, compressor, &mut packed)?;
        Ok(packed)
    }

    /// The block with these events and bookmarks at a position. Moves the position past it.
    pub(crate) fn seal(
        &self,
        position: &mut LogPosition,
        bookmarks: &[StoredBookmark<'_>],
        committed_ms: u64,
        compressor: &Compressor,
    ) -> Result<(BlockKey, Vec<u8>), Damage> {
        let bookmark_count = number("number of bookmarks", bookmarks.len())?;
        let mut fields = Vec::with_capacity(MARK.field_bytes);
        fields.extend_from_slice(&position.block_no.to_le_bytes());
        fields.extend_from_slice(&position.seq.to_le_bytes());
        fields.extend_from_slice(&self.count.to_le_bytes());
        fields.extend_from_slice(&bookmark_count.to_le_bytes());
        fields.extend_from_slice(&position.chain.to_le_bytes());
        fields.extend_from_slice(&committed_ms.to_le_bytes());
        let rest = [&bookmarks_of(bookmarks)?, self.uuids.as_slice()];
        let (value, chain) = compressor.seal_packed(MARK, &fields, &self.tables, rest)?;
        let key = position.key();
        let (block_no, seq) = (position.block_no + 1, position.seq + u64::from(self.count));
        *position = LogPosition { block_no, seq, chain };
        Ok((key, value))
    }
}

fn number(what: &'static str, length: usize) -> Result<u32, Damage> {
    u32::try_from(length).map_err(|_| Damage::NoSuch { field: what, found: length as u64 })
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
            previous: u128_at(fields, PREVIOUS_AT),
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

/// The offset of the checksum of the previous block in the fields.
const PREVIOUS_AT: usize = 24;

/// Chains a block again, after a block with another checksum. `end` is the log position after the block before, and is moved
/// past it; `previous` is the checksum that the block states now.
pub(crate) fn chain_again(value: &mut [u8], previous: Checksum, end: &mut LogPosition) -> Result<Checksum, Damage> {
    let frame = Frame::open(MARK, value)?;
    let head = BlockHead::of(frame.fields)?;
    head.is_at(end.key())?;
    let (stated, before) = (u128_at(frame.fields, PREVIOUS_AT), frame.checksum);
    if stated != previous {
        return Err(Damage::Chain { expected: previous, found: stated });
    }
    let chain = if stated == end.chain { before } else { replace_u128(value, PREVIOUS_AT, end.chain) };
    *end = LogPosition { block_no: head.block_no.saturating_add(1), seq: head.end_seq(), chain };
    Ok(before)
}

fn expect(field: &'static str, expected: u64, found: u64) -> Result<(), Damage> {
    if expected == found { Ok(()) } else { Err(Damage::Field { field, expected, found }) }
}
