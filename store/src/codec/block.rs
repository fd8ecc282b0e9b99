//! Log blocks: some hundred events and the bookmarks that were committed with them.
//!
//! ```text
//! mark     "cfLB", version 1
//! fields   0  block number    u64    from 1, without holes
//!          8  first seq       u64    of its first event; of the next event to come where it has none
//!         16  events          u32
//!         20  bookmarks       u32
//!         24  previous        u128   checksum of the block before it; 0 for the first
//! body     the events, then the bookmarks, each a bincode sequence
//! ```
//!
//! The chain of checksums and the dense numbers show that no block is missing, repeated or from another log.

use convofold_engine::{Event, Seq};
use serde::{Deserialize, Serialize};

use super::event_v1::StoredEventV1;
use super::frame::{Checksum, Compressor, Frame, Mark, u32_at, u64_at, u128_at};
use crate::damage::Damage;
use crate::storage::BlockKey;

pub(crate) const MARK: Mark = Mark { magic: *b"cfLB", version: 1, field_bytes: 40 };

/// The place in the log where the next block goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) block_no: u64,
    pub(crate) seq: Seq,
    /// The checksum of the last block.
    pub(crate) chain: Checksum,
}

/// A bookmark as a block carries it; no value means that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredBookmarkV1<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Option<&'a [u8]>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BodyV1<'a> {
    #[serde(borrow)]
    pub(crate) events: Vec<StoredEventV1<'a>>,
    #[serde(borrow)]
    pub(crate) bookmarks: Vec<StoredBookmarkV1<'a>>,
}

impl Tail {
    /// Where the first block of a log goes.
    pub(crate) const START: Self = Self { block_no: 1, seq: 1, chain: 0 };

    pub(crate) fn key(self) -> BlockKey {
        BlockKey { first_seq: self.seq, block_no: self.block_no }
    }

    /// The seq of the last event in the log; 0 where there is none.
    pub(crate) fn last_seq(self) -> Seq {
        self.seq - 1
    }
}

/// A block being filled.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    events: Vec<u8>,
    count: u32,
}

impl BlockBuilder {
    pub(crate) fn push(&mut self, event: &Event) -> Result<(), Damage> {
        self.count += 1;
        super::encode_into(&StoredEventV1::of(event), &mut self.events)
    }

    /// The length of the events before compression.
    pub(crate) fn bytes(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets what a group that failed may have left, and keeps the room for the next.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.count = 0;
    }

    /// Closes the block, moves the tail behind it and begins the next.
    pub(crate) fn seal(
        &mut self,
        tail: &mut Tail,
        bookmarks: &[StoredBookmarkV1<'_>],
        compressor: &mut Compressor,
    ) -> Result<(BlockKey, Vec<u8>), Damage> {
        // A sequence is its length and then its elements; that is `BodyV1`, put together from what is encoded already.
        let mut body = Vec::with_capacity(self.events.len() + 64);
        super::encode_into(&u64::from(self.count), &mut body)?;
        body.append(&mut self.events);
        super::encode_into(&bookmarks, &mut body)?;
        let bookmark_count = u32::try_from(bookmarks.len())
            .map_err(|_| Damage::NoSuch { field: "count of bookmarks", found: bookmarks.len() as u64 })?;

        let mut fields = Vec::with_capacity(MARK.field_bytes);
        fields.extend_from_slice(&tail.block_no.to_le_bytes());
        fields.extend_from_slice(&tail.seq.to_le_bytes());
        fields.extend_from_slice(&self.count.to_le_bytes());
        fields.extend_from_slice(&bookmark_count.to_le_bytes());
        fields.extend_from_slice(&tail.chain.to_le_bytes());
        let (value, checksum) = compressor.seal(MARK, &fields, &body)?;

        let key = tail.key();
        *tail = Tail { block_no: tail.block_no + 1, seq: tail.seq + u64::from(self.count), chain: checksum };
        self.count = 0;
        Ok((key, value))
    }
}

/// A block that was read back: its header and checksum are right.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) block_no: u64,
    pub(crate) first_seq: Seq,
    pub(crate) count: u32,
    pub(crate) checksum: Checksum,
    bookmark_count: u32,
    /// The checksum of the block before it, as this one says.
    pub(crate) previous: Checksum,
    body: Vec<u8>,
}

impl Block {
    pub(crate) fn open(value: &[u8]) -> Result<Self, Damage> {
        let frame = Frame::open(MARK, value)?;
        let fields = frame.fields;
        let (first_seq, count) = (u64_at(fields, 8), u32_at(fields, 16));
        if first_seq.checked_add(count.into()).is_none() {
            return Err(Damage::NoSuch { field: "seq of an event", found: first_seq });
        }
        Ok(Self {
            block_no: u64_at(fields, 0),
            first_seq,
            count,
            bookmark_count: u32_at(fields, 20),
            previous: u128_at(fields, 24),
            checksum: frame.checksum,
            body: frame.body()?,
        })
    }

    /// Checks that the block is the one that belongs at `tail`.
    pub(crate) fn follows(&self, tail: &Tail) -> Result<(), Damage> {
        self.is_at(tail.key())?;
        if self.previous != tail.chain {
            return Err(Damage::Chain { expected: tail.chain, found: self.previous });
        }
        Ok(())
    }

    /// Checks that the block is the one that belongs at `key`.
    pub(crate) fn is_at(&self, key: BlockKey) -> Result<(), Damage> {
        expect("block number", key.block_no, self.block_no)?;
        expect("first seq", key.first_seq, self.first_seq)
    }

    /// The place after it.
    pub(crate) fn end(&self) -> Tail {
        let seq = self.first_seq.saturating_add(u64::from(self.count));
        Tail { block_no: self.block_no.saturating_add(1), seq, chain: self.checksum }
    }

    pub(crate) fn decode(&self) -> Result<BodyV1<'_>, Damage> {
        let body: BodyV1<'_> = super::decode(&self.body)?;
        expect("count of events", self.count.into(), body.events.len() as u64)?;
        expect("count of bookmarks", self.bookmark_count.into(), body.bookmarks.len() as u64)?;
        Ok(body)
    }
}

fn expect(field: &'static str, expected: u64, found: u64) -> Result<(), Damage> {
    if expected == found { Ok(()) } else { Err(Damage::Field { field, expected, found }) }
}
