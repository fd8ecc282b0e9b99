//! The conversations at work and the index of all, each under a lock of its own.
//!
//! Questions about many conversations take the index alone, and it changes one conversation at a time: whoever asks waits
//! some microseconds for it, however much is folded meanwhile. A question that goes over all that is open holds the index for
//! as long as that takes, and where the writer waits for it, the questions after it wait too.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};

use convofold_engine::{Board, Index, Update};
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How often a lock is tried before a thread is put to sleep: some ten microseconds, several times what the index is held for.
/// To wake a thread costs ten times as much.
const TRIES: usize = 256;

/// The live board and its index. Written by the writer only, after what they show is in the log or while it gets there.
#[derive(Debug, Default)]
pub(crate) struct Live {
    board: RwLock<Board>,
    /// What it lists is what the board holds, whenever `applying` is free.
    index: RwLock<Index>,
    /// How many wait for the index.
    asking: AtomicUsize,
    applying: Mutex<()>,
}

impl Live {
    pub(crate) fn new(board: Board, index: Index) -> Self {
        Self { board: RwLock::new(board), index: RwLock::new(index), ..Self::default() }
    }

    pub(crate) fn board(&self) -> RwLockReadGuard<'_, Board> {
        self.board.read()
    }

    pub(crate) fn board_mut(&self) -> RwLockWriteGuard<'_, Board> {
        self.board.write()
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        if let Some(index) = self.index.try_read() {
            return index;
        }
        self.asking.fetch_add(1, Ordering::SeqCst);
        let index = tried(|| self.index.try_read()).unwrap_or_else(|| self.index.read());
        self.asking.fetch_sub(1, Ordering::SeqCst);
        index
    }

    /// Held by the writer from when it changes the board until it has listed that, and by whoever needs both as they are
    /// after one event.
    pub(crate) fn applying(&self) -> MutexGuard<'_, ()> {
        self.applying.lock()
    }

    /// Brings the index up to what changed on the board.
    pub(crate) fn list(&self, updates: Vec<Update>) {
        for update in updates {
            let mut index = tried(|| self.index.try_write()).unwrap_or_else(|| self.index.write());
            index.apply(update);
            drop(index);
            // Who asks comes first.
            let _ = tried(|| (self.asking.load(Ordering::SeqCst) == 0).then_some(()));
        }
    }
}

/// What was to be had within some tries.
fn tried<T>(attempt: impl Fn() -> Option<T>) -> Option<T> {
    (0..TRIES).find_map(|_| {
        let found = attempt();
        if found.is_none() {
            spin_loop();
        }
        found
    })
}
