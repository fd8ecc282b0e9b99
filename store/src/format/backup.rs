//! The two frames that only a backup file has: its beginning and its end. [`crate::care::backup`] describes the order
//! of all frames and what lies between these two.
//!
//! ```text
//! magic    "cfBK", version 1
//! fields   0  kind            u32    0 complete, 1 continues another file
//!          4  conversations   u32    number of conversations in the base that follows
//!          8  block number    u64    of the first block in the file
//!         16  first seq       u64    of that block
//!         24  chain           u128   the checksum of the previous block; 0 if there is none
//! body     the bookmarks and the commit marks at the beginning (`marks.rs`), in bincode; empty in an incremental file
//!
//! magic    "cfBE", version 1
//! fields   0  block number    u64    of the block after the last one in the file
//!          8  next seq        u64    of the event after the last one in the file
//!         16  chain           u128   the checksum of the last block
//!         32  state hash      32 bytes, big-endian
//!         64  conversations   u64    number of conversations in the hashed state
//!         72  bytes before    u64    length of everything before this frame
//!         80  checksum        u128   XXH3-128, seed 0, of these bytes
//!         96  fold version    u32    of the hashed state
//! body     the bookmarks, the hashes recorded in the file (`recorded_hashes.rs`), and all records with numbers
//!          (`numbered.rs`): erasures, legal holds, runs of retention, in bincode
//! ```

use std::collections::BTreeMap;

use convofold_engine::{Seq, StateHash};

use super::block::LogPosition;
use super::frame::{Checksum, Compressor, Frame, FrameKind, u32_at, u64_at, u128_at};
use super::marks::Marks;
use super::numbered::NumberedRecords;
use super::recorded_hashes::{self, StoredHash};
use crate::damage::Damage;

pub(crate) const HEADER: FrameKind = FrameKind { magic: *b"cfBK", version: 1, field_bytes: 40 };
pub(crate) const END: FrameKind = FrameKind { magic: *b"cfBE", version: 1, field_bytes: 100 };

/// Higher than any seq of a real log, so that adding the counts in a file never overflows.
const MAX_SEQ: Seq = 1 << 62;

/// The beginning of a backup file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackupHeader {
    /// Whether it continues another file.
    pub(crate) is_incremental: bool,
    /// Number of conversations with events that are not in the file.
    pub(crate) base_conversations: u32,
    /// The position of the first block.
    pub(crate) begin: LogPosition,
    /// The bookmarks at that position.
    pub(crate) bookmarks: BTreeMap<String, Vec<u8>>,
    /// The times of the commits before that position.
    pub(crate) marks: Marks,
}

/// The end of a backup file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackupEnd {
    /// The log position after the last block.
    pub(crate) end: LogPosition,
    pub(crate) state_hash: StateHash,
    pub(crate) conversations: u64,
    pub(crate) bookmarks: Vec<(String, Vec<u8>)>,
    /// The recorded hashes up to this position; in an incremental file those after its beginning.
    pub(crate) recorded: Vec<StoredHash>,
    /// All erasures, legal holds and runs of retention.
    pub(crate) records: NumberedRecords,
    pub(crate) bytes_before: u64,
    pub(crate) checksum: Checksum,
    /// The fold version of the hashed state.
    pub(crate) fold_version: u32,
}

pub(crate) fn seal_header(header: &BackupHeader, compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    let mut fields = Vec::with_capacity(HEADER.field_bytes);
    fields.extend_from_slice(&u32::from(header.is_incremental).to_le_bytes());
    fields.extend_from_slice(&header.base_conversations.to_le_bytes());
    put_place(header.begin, &mut fields);
    Ok(compressor.seal(HEADER, &fields, &super::encode(&(&header.bookmarks, &header.marks))?)?.0)
}

pub(crate) fn open_header(value: &[u8]) -> Result<BackupHeader, Damage> {
    let frame = Frame::open(HEADER, value)?;
    let kind = u32_at(frame.fields, 0);
    if kind > 1 {
        return Err(Damage::NoSuch { field: "backup kind", found: kind.into() });
    }
    let begin = place_at(frame.fields, 8)?;
    let (bookmarks, marks) = super::decode(&frame.body()?)?;
    Ok(BackupHeader { is_incremental: kind == 1, base_conversations: u32_at(frame.fields, 4), begin, bookmarks, marks })
}

pub(crate) fn seal_end(end: &BackupEnd, compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    let mut fields = Vec::with_capacity(END.field_bytes);
    put_place(end.end, &mut fields);
    fields.extend_from_slice(&end.state_hash.to_bytes());
    fields.extend_from_slice(&end.conversations.to_le_bytes());
    fields.extend_from_slice(&end.bytes_before.to_le_bytes());
    fields.extend_from_slice(&end.checksum.to_le_bytes());
    fields.extend_from_slice(&end.fold_version.to_le_bytes());
    let body = super::encode(&(&end.bookmarks, &end.recorded, &end.records))?;
    Ok(compressor.seal(END, &fields, &body)?.0)
}

pub(crate) fn open_end(value: &[u8]) -> Result<BackupEnd, Damage> {
    let frame = Frame::open(END, value)?;
    let (bookmarks, recorded, records): (_, Vec<StoredHash>, NumberedRecords) = super::decode(&frame.body()?)?;
    recorded_hashes::checked(&recorded)?;
    records.check()?;
    let place = place_at(frame.fields, 0)?;
    if let Some(later) = recorded.last().filter(|last| last.seq > place.last_seq()) {
        return Err(Damage::NoSuch { field: "seq of a recorded hash", found: later.seq });
    }
    let hash = frame.fields.get(32..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    Ok(BackupEnd {
        end: place,
        state_hash: StateHash::from_bytes(hash),
        conversations: u64_at(frame.fields, 64),
        bytes_before: u64_at(frame.fields, 72),
        checksum: u128_at(frame.fields, 80),
        fold_version: u32_at(frame.fields, 96),
        bookmarks,
        recorded,
        records,
    })
}

fn put_place(place: LogPosition, fields: &mut Vec<u8>) {
    fields.extend_from_slice(&place.block_no.to_le_bytes());
    fields.extend_from_slice(&place.seq.to_le_bytes());
    fields.extend_from_slice(&place.chain.to_le_bytes());
}

/// Block numbers and seqs start at 1. A seq of [`MAX_SEQ`] or more is invalid.
fn place_at(fields: &[u8], at: usize) -> Result<LogPosition, Damage> {
    let number = |field, found: Seq| match found {
        1..=MAX_SEQ => Ok(found),
        _ => Err(Damage::NoSuch { field, found }),
    };
    Ok(LogPosition {
        block_no: number("block number", u64_at(fields, at))?,
        seq: number("seq", u64_at(fields, at + 8))?,
        chain: u128_at(fields, at + 16),
    })
}
