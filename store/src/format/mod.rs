//! The bytes on the disk, and nothing else about them. `docs/format.md` draws them in one place.
//!
//! Every value is a [`frame`]: a header with a version and a checksum, and a body that only this folder encodes and
//! decodes. Stored forms are structs of their own, so that a change to the engine's types does not change them. The exact
//! bytes of every form are kept in `tests-data/`, and a test reads them and encodes them again.

#[cfg(test)]
mod arbitrary;
pub(crate) mod backup;
pub(crate) mod block;
pub(crate) mod bookmark;
pub(crate) mod checkpoint;
mod columns;
pub(crate) mod database;
mod fields;
pub(crate) mod frame;
pub(crate) mod key;
pub(crate) mod log_start;
pub(crate) mod marks;
pub(crate) mod page;
pub(crate) mod page_head;
pub(crate) mod replay_mark;
#[cfg(test)]
pub(crate) mod samples;

use bincode::Options;
use serde::{Deserialize, Serialize};

use crate::damage::Damage;

/// The revision of all stored forms together, as the file FORMAT names it. Until the first release a stored form changes in
/// place: raise this number with every change, and run `just fixtures`. A database of another revision is refused.
pub(crate) const REVISION: u32 = 2;

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

/// Decodes a value that is all there is in `bytes`, whose length and checksum were found to be right. The limit is for
/// what only looks right: a length that is a lie would ask for that much memory.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Damage> {
    options().with_limit(bytes.len() as u64).deserialize(bytes).map_err(body)
}

fn body(error: bincode::Error) -> Damage {
    Damage::Body { why: error.to_string() }
}
