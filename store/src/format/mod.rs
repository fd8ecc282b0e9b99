//! The bytes on disk, and nothing else. `docs/format.md` shows them all in one place.
//!
//! Every value is a [`frame`]: a header with a version and a checksum, and a body that only this folder encodes and
//! decodes. Stored forms are separate structs, so that a change to the engine's types does not change them. The exact
//! bytes of every form are kept in `tests-data/`, and a test decodes them and encodes them again.

#[cfg(test)]
mod arbitrary;
pub(crate) mod backup;
pub(crate) mod block;
pub(crate) mod bookmark;
pub(crate) mod checkpoint;
pub(crate) mod columns;
pub(crate) mod database;
pub(crate) mod erasures;
mod fields;
pub(crate) mod frame;
pub(crate) mod holds;
pub(crate) mod key;
pub(crate) mod ledger;
pub(crate) mod log_start;
pub(crate) mod marks;
pub(crate) mod numbered;
pub(crate) mod page;
pub(crate) mod page_head;
pub(crate) mod recorded_hashes;
pub(crate) mod replay_mark;
pub(crate) mod retention;
pub(crate) mod run;
#[cfg(test)]
pub(crate) mod samples;

use bincode::Options;
use serde::{Deserialize, Serialize};

use crate::damage::Damage;

/// The revision of all stored forms together, as written in the file FORMAT. Until the first release a stored form
/// changes in place: raise this number with every change, and run `just fixtures`. A database of another revision is
/// refused.
pub(crate) const REVISION: u32 = 11;

/// The only configuration of bincode: little-endian, varint integers, no trailing bytes.
fn options() -> impl Options {
    bincode::DefaultOptions::new().reject_trailing_bytes()
}

/// Appends the encoded value.
pub(crate) fn encode_into(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Damage> {
    // No limit here: with a limit, bincode traverses the value twice. The frame checks the length of the body.
    options().serialize_into(out, value).map_err(body)
}

/// The encoded value.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Damage> {
    let mut out = Vec::new();
    encode_into(value, &mut out)?;
    Ok(out)
}

/// Decodes a value that fills `bytes`, whose length and checksum are known to be valid. The limit guards against a
/// forged length, which would allocate as much memory as it states.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Damage> {
    options().with_limit(bytes.len() as u64).deserialize(bytes).map_err(body)
}

fn body(error: bincode::Error) -> Damage {
    Damage::Body { why: error.to_string() }
}
