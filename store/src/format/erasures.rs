//! Erasures: for each, a receipt, and hashes by which erased events are recognised if they arrive again.
//!
//! ```text
//! magic    "cfER", version 1
//! fields   0  number          u64    of the erasure, from 1
//! body     bincode: [`StoredErasure`]
//! ```

use convofold_engine::Time;
use serde::{Deserialize, Serialize};

use super::frame::{Compressor, Frame, FrameKind, u64_at};
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfER", version: 1, field_bytes: 8 };

/// The key of the hashes, which all erasures of a database share.
pub(crate) type Key = [u8; 32];

/// The first half of HMAC-SHA-256 over an id.
pub(crate) type KeyedHash = [u8; 16];

/// One erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredErasure {
    pub(crate) key: Key,
    /// When, in milliseconds since the epoch.
    pub(crate) at_ms: u64,
    /// Why these conversations.
    pub(crate) rule: String,
    /// The last event in the log then.
    pub(crate) last_seq: u64,
    /// HMAC-SHA-256 over the state hash of before: the difference of two state hashes is the hash of what was erased, and
    /// would allow to test guesses.
    pub(crate) keyed_hash_before: [u8; 32],
    pub(crate) hash_after: [u8; 32],
    /// By which both states were derived.
    pub(crate) fold_version: u32,
    /// The ids of the erased conversations, in ascending order of their hashes.
    pub(crate) conversations: Vec<KeyedHash>,
    /// The erased events, each with its conversation, in ascending order of their hashes.
    pub(crate) events: Vec<KeyedHash>,
}

pub(crate) fn seal(number: u64, erasure: &StoredErasure, compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    Ok(compressor.seal(MARK, &number.to_le_bytes(), &super::encode(erasure)?)?.0)
}

/// Decodes the erasure with this number.
pub(crate) fn open(number: u64, value: &[u8]) -> Result<StoredErasure, Damage> {
    let frame = Frame::open(MARK, value)?;
    let found = u64_at(frame.fields, 0);
    if found != number {
        return Err(Damage::Field { field: "number of the erasure", expected: number, found });
    }
    let erasure: StoredErasure = super::decode(&frame.body()?)?;
    if erasure.at_ms > Time::MAX.ms().unsigned_abs() {
        return Err(Damage::NoSuch { field: "time of an erasure", found: erasure.at_ms });
    }
    Ok(erasure)
}
