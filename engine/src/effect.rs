//! What an event did, as a value (spec I2, F12): nothing that arrives is an error.

use serde::Serialize;

/// The place of an event in the log: from 1, without holes (spec section 2).
pub type Seq = u64;

/// What one event did when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is the latest event of its conversation.
    Applied,
    /// It took its place before events that were known already.
    Late,
    /// It was known already; nothing changed and nothing was logged.
    Duplicate,
    /// Another event of the same identity says something else. Both are kept; the one with the smaller content hash
    /// counts, so that the order of arrival does not matter.
    Conflict {
        /// Whether the event that just arrived is the one that counts.
        counts: bool,
    },
}

/// Whether an event belongs into the log; see [`crate::Board::admissions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// It is new, or conflicts with one that is known: to be logged, then applied.
    Log,
    /// It is known already.
    Duplicate,
}
