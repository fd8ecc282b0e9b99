//! What lies on disk, byte by byte, and nothing else about it.
//!
//! Every value is a [`frame`]: a hand-written header with a format version and a checksum, and a body that only this
//! folder encodes and decodes. Stored forms are structs of their own, one file a version; a change to the engine's types
//! does not change them. Values written by earlier versions stay in `tests-data/` and are decoded by a test for ever.

#[cfg(test)]
mod arbitrary;
pub(crate) mod backup;
pub(crate) mod block;
mod block_v1;
mod block_v2;
pub(crate) mod checkpoint;
mod column;
mod conversation_v1;
mod conversation_v2;
pub(crate) mod event_v1;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod frame;
pub(crate) mod key;
pub(crate) mod log_start;
pub(crate) mod page;
pub(crate) mod page_head;
pub(crate) mod replay_mark;
mod rows_v2;
mod tables_v2;

use bincode::Options;
use serde::{Deserialize, Serialize};

use crate::damage::Damage;

/// The one way in which bincode is used: little-endian, integers of variable length, nothing left over.
fn options() -> impl Options {
    bincode::DefaultOptions::new().reject_trailing_bytes()
}

/// Appends the encoded value.
pub(crate) fn encode_into(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Damage> {
    // No limit here: with one, bincode goes through the value twice. The frame looks at the length of the body.
    options().serialize_into(out, value).map_err(body)
}

/// The encoded value.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Damage> {
    let mut out = Vec::new();
    encode_into(value, &mut out)?;
    Ok(out)
}

/// Where tables and what is not compressed lie in one body: how long the tables are.
const LENGTH_BYTES: usize = 4;

/// The first part of a body, of which what is not compressed is the rest: its length, and the tables.
fn join(tables: &impl Serialize) -> Result<Vec<u8>, Damage> {
    let mut body = vec![0; LENGTH_BYTES];
    encode_into(tables, &mut body)?;
    let length = body.len() - LENGTH_BYTES;
    let too_long = Damage::Length { expected: frame::MAX_BODY_BYTES as u64, found: length as u64 };
    let length = u32::try_from(length).map_err(|_| too_long)?;
    if let Some(place) = body.first_chunk_mut() {
        *place = length.to_le_bytes();
    }
    Ok(body)
}

/// The tables of a body, and its rest.
fn split(body: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
    let length = frame::u32_at(body, 0) as usize;
    let split = body.get(LENGTH_BYTES..).and_then(|rest| rest.split_at_checked(length));
    split.ok_or(Damage::TooShort { expected: length.saturating_add(LENGTH_BYTES), found: body.len() })
}

/// Decodes a value that is all there is in `bytes`, whose length and checksum were found to be right. The limit is for
/// what only looks right: a length that is a lie would ask for that much memory.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Damage> {
    options().with_limit(bytes.len() as u64).deserialize(bytes).map_err(body)
}

fn body(error: bincode::Error) -> Damage {
    Damage::Body { why: error.to_string() }
}
