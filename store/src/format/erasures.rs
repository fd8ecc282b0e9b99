//! Erasures: for each, a receipt, and hashes by which erased events are recognised if they arrive again. Each is a numbered
//! record (`numbered.rs`) with the magic "cfER".

use convofold_engine::Time;
use serde::{Deserialize, Serialize};

use super::frame::FrameKind;
use super::numbered::{FIELD_BYTES, NumberedRecord};
use crate::damage::Damage;

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
    /// The sum of the hashes of the random ids that the conversations have now.
    pub(crate) pseudonyms: u64,
}

impl NumberedRecord for StoredErasure {
    const MARK: FrameKind = FrameKind { magic: *b"cfER", version: 1, field_bytes: FIELD_BYTES };
    const NAMES: &'static str = "erasures/";

    fn check(&self) -> Result<(), Damage> {
        if self.at_ms > Time::MAX.ms().unsigned_abs() {
            return Err(Damage::NoSuch { field: "time of an erasure", found: self.at_ms });
        }
        Ok(())
    }
}
