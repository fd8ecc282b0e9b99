//! Snapshots: a log position between two groups, and the state there.

use std::collections::BTreeMap;

use convofold_engine::StateHash;

use crate::format::block::LogPosition;

/// Everything before `position` is durable and on the board, and nothing after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) position: LogPosition,
    pub(crate) state_hash: StateHash,
    pub(crate) conversations: u64,
    pub(crate) bookmarks: BTreeMap<String, Vec<u8>>,
}
