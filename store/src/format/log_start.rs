//! The beginning of a trimmed log.
//!
//! ```text
//! magic    "cfLS", version 1
//! fields   0  block number    u64    of the first remaining block
//!          8  first seq       u64    of its first event
//!         16  dropped bytes   u64    length of the trimmed blocks
//!         24  previous        u128   checksum of the last trimmed block
//! body     the bookmarks at this position and the commit marks before it (`marks.rs`), in bincode
//! ```

use std::collections::BTreeMap;

use super::block::LogPosition;
use super::frame::{Compressor, Frame, FrameKind, u64_at, u128_at};
use super::marks::Marks;
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfLS", version: 1, field_bytes: 40 };

/// The position of the first block of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogStart {
    pub(crate) position: LogPosition,
    pub(crate) dropped_bytes: u64,
    pub(crate) bookmarks: BTreeMap<String, Vec<u8>>,
    /// When the trimmed events were committed.
    pub(crate) marks: Marks,
}

impl LogStart {
    /// The beginning of a log that was never trimmed.
    pub(crate) const WHOLE: Self =
        Self { position: LogPosition::START, dropped_bytes: 0, bookmarks: BTreeMap::new(), marks: Marks::NONE };
}

pub(crate) fn seal(start: &LogStart, compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    let mut fields = Vec::with_capacity(MARK.field_bytes);
    fields.extend_from_slice(&start.position.block_no.to_le_bytes());
    fields.extend_from_slice(&start.position.seq.to_le_bytes());
    fields.extend_from_slice(&start.dropped_bytes.to_le_bytes());
    fields.extend_from_slice(&start.position.chain.to_le_bytes());
    Ok(compressor.seal(MARK, &fields, &super::encode(&(&start.bookmarks, &start.marks))?)?.0)
}

pub(crate) fn open(value: &[u8]) -> Result<LogStart, Damage> {
    let frame = Frame::open(MARK, value)?;
    let (block_no, seq) = (u64_at(frame.fields, 0), u64_at(frame.fields, 8));
    for (field, found) in [("block number", block_no), ("event seq", seq)] {
        // Block numbers and seqs start at 1.
        if found == 0 {
            return Err(Damage::NoSuch { field, found });
        }
    }
    let position = LogPosition { block_no, seq, chain: u128_at(frame.fields, 24) };
    let (bookmarks, marks) = super::decode(&frame.body()?)?;
    Ok(LogStart { position, dropped_bytes: u64_at(frame.fields, 16), bookmarks, marks })
}
