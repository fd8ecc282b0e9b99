//! State hashes that checkpoints recorded, some in each value.
//!
//! ```text
//! magic    "cfRH", version 1
//! fields   0  number   u64    of the value, from 0
//! body     the hashes in the order of their seqs, in bincode
//! ```

use convofold_engine::{Seq, Time};
use serde::{Deserialize, Serialize};

use super::frame::{Compressor, Frame, FrameKind, u64_at};
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfRH", version: 1, field_bytes: 8 };

/// The state hash after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHash {
    /// The last event of the state.
    pub(crate) seq: Seq,
    /// When the last commit in it was made, in milliseconds since the epoch.
    pub(crate) committed_ms: u64,
    /// The fold version by which the state was derived.
    pub(crate) fold_version: u32,
    pub(crate) state_hash: [u8; 32],
}

impl StoredHash {
    /// The order of recorded hashes. A new fold version may record another hash of the same events.
    pub(crate) fn order(&self) -> (Seq, u32) {
        (self.seq, self.fold_version)
    }
}

pub(crate) fn seal(number: u64, hashes: &[StoredHash], compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    Ok(compressor.seal(MARK, &number.to_le_bytes(), &super::encode(&hashes)?)?.0)
}

/// Decodes the value with this number.
pub(crate) fn open(number: u64, value: &[u8]) -> Result<Vec<StoredHash>, Damage> {
    let frame = Frame::open(MARK, value)?;
    let found = u64_at(frame.fields, 0);
    if found != number {
        return Err(Damage::Field { field: "number of recorded hashes", expected: number, found });
    }
    let hashes: Vec<StoredHash> = super::decode(&frame.body()?)?;
    checked(&hashes)?;
    Ok(hashes)
}

/// Checks the order, and that each number can be one.
pub(crate) fn checked(hashes: &[StoredHash]) -> Result<(), Damage> {
    let mut last = (0, u32::MAX);
    for hash in hashes {
        if hash.order() <= last {
            return Err(Damage::NoSuch { field: "seq of a recorded hash", found: hash.seq });
        }
        if hash.committed_ms > Time::MAX.ms().unsigned_abs() {
            return Err(Damage::NoSuch { field: "time of a recorded hash", found: hash.committed_ms });
        }
        last = hash.order();
    }
    Ok(())
}
