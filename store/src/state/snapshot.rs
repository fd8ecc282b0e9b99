//! Snapshots: a log position between two groups, and the state there.

use std::collections::BTreeMap;

use convofold_engine::StateHash;

use crate::format::block::LogPosition;
use crate::state::shared::Shared;

/// Everything before `position` is durable and on the board, and nothing after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) position: LogPosition,
    pub(crate) state_hash: StateHash,
    pub(crate) conversations: u64,
    pub(crate) bookmarks: BTreeMap<String, Vec<u8>>,
}

impl Snapshot {
    /// The state of the board, which agrees with the log at this position.
    pub(crate) fn of(shared: &Shared, position: LogPosition) -> Self {
        let mut board = shared.live.board_mut();
        Self {
            position,
            state_hash: board.state_hash(),
            conversations: board.len() as u64,
            bookmarks: shared.bookmarks.read().clone(),
        }
    }
}
