//! The position of a bulk replay, as stored in its bookmark.

use serde::{Deserialize, Serialize};

use crate::damage::Damage;

/// The first byte of the bookmark.
const VERSION: u8 = 3;

/// A position in the inputs of a replay, and the counts up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReplayMark {
    /// Index of the input.
    pub(crate) input: u32,
    /// The line at which it continues, from 1.
    pub(crate) line: u64,
    /// The offset at which it continues in the decompressed and decoded input.
    pub(crate) byte_offset: u64,
    /// In an array, the index of its next element.
    pub(crate) element: Option<u64>,
    /// XXH3-64 of the first bytes of the decompressed input, combined by XOR with the XXH3-64 of the state of all
    /// inputs (see `state_of`).
    pub(crate) fingerprint: u64,
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) events: u64,
    pub(crate) applied: u64,
    pub(crate) late: u64,
    pub(crate) duplicates: u64,
    pub(crate) conflicts: u64,
    pub(crate) erased: u64,
    /// The zone of times that are written without one. A replay is resumed with the same zone only.
    pub(crate) zone: String,
    /// By source and reason.
    pub(crate) ignored: Vec<(String, String, u64)>,
    pub(crate) rejected: Vec<(String, u64)>,
    pub(crate) incomplete_inputs: u64,
    pub(crate) problems: Vec<ProblemMark>,
    /// The input whose problem was counted last.
    pub(crate) last_problem: Option<u32>,
}

/// A problem with an input. Its name and description would be too long for a bookmark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProblemMark {
    pub(crate) input: u32,
    pub(crate) line: u64,
    pub(crate) byte_offset: u64,
    pub(crate) is_harmless: bool,
}

pub(crate) fn seal(mark: &ReplayMark) -> Result<Vec<u8>, Damage> {
    let mut value = vec![VERSION];
    super::encode_into(mark, &mut value)?;
    Ok(value)
}

pub(crate) fn open(value: &[u8]) -> Result<ReplayMark, Damage> {
    match value.split_first() {
        Some((&VERSION, body)) => super::decode(body),
        Some((found, _)) => Err(Damage::UnknownVersion { expected: VERSION, found: *found }),
        None => Err(Damage::TooShort { expected: 1, found: 0 }),
    }
}
