//! A ledger: the erasures of a database, in a file of their own.
//!
//! ```text
//! magic    "cfEL", version 1
//! fields   0  erasures   u64    their number
//! body     bincode: the erasures with their numbers (`erasures.rs`)
//! ```

use super::erasures::StoredErasure;
use super::frame::{Compressor, Frame, FrameKind, u64_at};
use super::numbered::Numbered;
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfEL", version: 1, field_bytes: 8 };

pub(crate) fn seal(erasures: &Numbered<StoredErasure>, compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    let count = erasures.len() as u64;
    Ok(compressor.seal(MARK, &count.to_le_bytes(), &super::encode(erasures)?)?.0)
}

pub(crate) fn open(value: &[u8]) -> Result<Numbered<StoredErasure>, Damage> {
    let frame = Frame::open(MARK, value)?;
    let erasures: Numbered<StoredErasure> = super::decode(&frame.body()?)?;
    let (expected, found) = (u64_at(frame.fields, 0), erasures.len() as u64);
    if found != expected {
        return Err(Damage::Field { field: "number of erasures", expected, found });
    }
    Ok(erasures)
}
