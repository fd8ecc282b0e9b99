//! The checkpoint record. It is written last and names everything that belongs to the checkpoint.
//!
//! ```text
//! magic    "cfCK", version 1
//! fields   0  generation      u64
//! body     tagged fields: 1 (required) the [`CheckpointRecord`]
//! ```

use serde::{Deserialize, Serialize};

use super::fields::{Fields, FieldsBuilder, required};
use super::frame::{Compressor, Frame, FrameKind, u64_at};
use super::run::StoredRun;
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfCK", version: 1, field_bytes: 8 };

const RECORD: u16 = required(1);

/// A checkpoint: the state after the block `last_block_no`, as pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckpointRecord {
    pub(crate) generation: u64,
    /// The fold version of the pages.
    pub(crate) fold_version: u32,
    pub(crate) last_seq: u64,
    pub(crate) last_block_no: u64,
    /// The checksum of that block.
    pub(crate) chain: [u8; 16],
    /// Number of conversations.
    pub(crate) slot_count: u32,
    /// Number of conversations per page.
    pub(crate) page_slots: u32,
    /// The checksum of the checksums of all lists of heads, in order.
    pub(crate) heads_checksum: [u8; 16],
    /// The half of each list of heads that is in use: one bit per list (0: half A), the lowest bit of a byte first.
    pub(crate) halves: Vec<u8>,
    /// Total length of all pages and lists of heads, in bytes.
    pub(crate) page_bytes: u64,
    /// Length of the log up to the checkpoint, in bytes.
    pub(crate) log_bytes: u64,
    /// The state hash, under `fold_version`.
    pub(crate) state_hash: [u8; 32],
    pub(crate) bookmarks: Vec<(String, Vec<u8>)>,
    /// The runs of the search index; `None` if there is no index.
    pub(crate) search: Option<Vec<StoredRun>>,
}

pub(crate) fn seal(record: &CheckpointRecord, compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    let body = FieldsBuilder::default().put(RECORD, record)?.into_body();
    Ok(compressor.seal(MARK, &record.generation.to_le_bytes(), &body)?.0)
}

/// Decodes the record of this generation.
pub(crate) fn open(generation: u64, value: &[u8]) -> Result<CheckpointRecord, Damage> {
    let frame = Frame::open(MARK, value)?;
    let body = frame.body()?;
    let record: CheckpointRecord = Fields::open(&body, &[RECORD])?.get(RECORD)?;
    for found in [u64_at(frame.fields, 0), record.generation] {
        if found != generation {
            return Err(Damage::Field { field: "generation", expected: generation, found });
        }
    }
    Ok(record)
}
