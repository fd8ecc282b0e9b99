//! Bodies as columns: numbers of the same kind stored together, repeated values stored once. Similar values that lie
//! side by side compress well.
//!
//! ```text
//! 0  length of the tables   u32, little-endian
//! 4  tables                 bincode
//!    bookmarks              in a block only, not compressed: their length and bincode, as the tables
//!    uuids                  the rest, not compressed: see `rows.rs`
//! ```

mod column;
pub(crate) mod conversations;
pub(super) mod events;
mod rows;
mod shape;
mod tables;

use serde::Serialize;

use super::encode_into;
use super::frame::{MAX_BODY_BYTES, u32_at};
use crate::damage::Damage;

/// Length of the number that states the length of the tables.
const LENGTH_BYTES: usize = 4;

/// The part of a body before the uncompressed rest: the length of the tables, and the tables.
fn join(tables: &impl Serialize) -> Result<Vec<u8>, Damage> {
    let mut body = Vec::new();
    join_into(tables, &mut body)?;
    Ok(body)
}

/// Like [`join`], into a buffer that is used again.
fn join_into(tables: &impl Serialize, body: &mut Vec<u8>) -> Result<(), Damage> {
    body.clear();
    body.extend_from_slice(&[0; LENGTH_BYTES]);
    encode_into(tables, body)?;
    let length = body.len() - LENGTH_BYTES;
    let too_long = Damage::Length { expected: MAX_BODY_BYTES as u64, found: length as u64 };
    let length = u32::try_from(length).map_err(|_| too_long)?;
    if let Some(place) = body.first_chunk_mut() {
        *place = length.to_le_bytes();
    }
    Ok(())
}

/// The tables of a body, and its rest.
fn split(body: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
    let length = u32_at(body, 0) as usize;
    let split = body.get(LENGTH_BYTES..).and_then(|rest| rest.split_at_checked(length));
    split.ok_or(Damage::TooShort { expected: length.saturating_add(LENGTH_BYTES), found: body.len() })
}
