//! The conversations at work and the index of all, each under a lock of its own.
//!
//! Questions about many conversations take the index alone, and it changes one conversation at a time: whoever asks waits
//! for some microseconds at most, however much is folded meanwhile.

use convofold_engine::{Board, Index, Update};
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The live board and its index. Written by the writer only, after what they show is in the log.
#[derive(Debug, Default)]
pub(crate) struct Live {
    board: RwLock<Board>,
    /// What it lists is what the board holds, whenever `applying` is free.
    index: RwLock<Index>,
    applying: Mutex<()>,
}

impl Live {
    pub(crate) fn new(board: Board, index: Index) -> Self {
        Self { board: RwLock::new(board), index: RwLock::new(index), applying: Mutex::default() }
    }

    pub(crate) fn board(&self) -> RwLockReadGuard<'_, Board> {
        self.board.read()
    }

    pub(crate) fn board_mut(&self) -> RwLockWriteGuard<'_, Board> {
        self.board.write()
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read()
    }

    /// Held by the writer from when it changes the board until it has listed that, and by whoever needs both as they are
    /// after one event.
    pub(crate) fn applying(&self) -> MutexGuard<'_, ()> {
        self.applying.lock()
    }

    /// Brings the index up to what changed on the board.
    pub(crate) fn list(&self, updates: Vec<Update>) {
        for update in updates {
            let mut index = self.index.write();
            index.apply(update);
            // Who waits comes first.
            RwLockWriteGuard::unlock_fair(index);
        }
    }
}
