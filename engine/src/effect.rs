//! The effect of an event as a value (rules I2 and F12). No event is an error.

use serde::Serialize;

/// The sequence number of an event in the log: from 1, without gaps.
pub type Seq = u64;

/// The effect of an event on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is now the latest event of its conversation.
    Applied,
    /// It sorts before an event that was known already.
    Late,
    /// It was known already. Nothing changed and nothing was logged.
    Duplicate,
    /// Another event with the same identity has different content. Both are kept. The one with the smaller content hash
    /// counts, so that the order of arrival does not matter.
    Conflict {
        /// Whether the event that just arrived counts.
        counts: bool,
    },
    /// It, or another event with its identity, was erased. Nothing changed and nothing was logged.
    Erased,
}

/// Whether to log an event; see [`crate::Board::admissions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// It is new, or conflicts with a known event: log it, then apply it.
    Log,
    /// It is known already.
    Duplicate,
}
