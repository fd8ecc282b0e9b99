//! The conversations in memory and the index of all conversations, each with its own lock.
//!
//! Queries over many conversations lock only the index. The writer updates it one conversation at a time, so a query
//! waits some microseconds, however many events are being folded. A query over all open conversations holds the index
//! for its whole duration. If the writer waits for it, later queries wait too.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};

use convofold_engine::{Board, Index, Seq, Update};
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How often a lock is tried before the thread sleeps: some ten microseconds, several times as long as the index is
/// locked for. Waking a thread costs ten times as much.
const TRIES: usize = 256;

/// The live board and its index. Only the writer changes them, after the events are in the log or while they are being
/// logged.
#[derive(Debug, Default)]
pub(crate) struct Live {
    board: RwLock<Board>,
    /// Agrees with the board whenever `applying` is free.
    index: RwLock<Index>,
    /// The last event in the index. Held by the writer from the first to the last update of a group, so that a thread that
    /// holds it finds the index after exactly this event.
    listed: Mutex<Seq>,
    /// Number of threads that wait for the index.
    asking: AtomicUsize,
    applying: Mutex<()>,
}

impl Live {
    /// A board whose index follows; see [`Live::set_index`].
    pub(crate) fn new(board: Board) -> Self {
        Self { board: RwLock::new(board), ..Self::default() }
    }

    /// Exchanges board and index, which know the same events, and calls `also` before anybody can read them.
    pub(crate) fn swap(&self, other: &Self, also: impl FnOnce()) {
        let _applying = self.applying.lock();
        let _listed = self.listed.lock();
        let (mut board, mut index) = (self.board.write(), self.index.write());
        std::mem::swap(&mut *board, &mut *other.board.write());
        std::mem::swap(&mut *index, &mut *other.index.write());
        also();
    }

    pub(crate) fn set_index(&self, index: Index) {
        *self.index.write() = index;
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

    /// The index after exactly one event, and the seq of that event. Waits until the group that is being folded is
    /// complete, but never for the log.
    pub(crate) fn index_at(&self) -> (Seq, RwLockReadGuard<'_, Index>) {
        let listed = self.listed.lock();
        (*listed, self.index())
    }

    /// The last event in the index. Held while the index is updated.
    pub(crate) fn listed(&self) -> MutexGuard<'_, Seq> {
        self.listed.lock()
    }

    /// Held by the writer from changing the board until the index is updated, and by readers that need both after the
    /// same event.
    pub(crate) fn applying(&self) -> MutexGuard<'_, ()> {
        self.applying.lock()
    }

    /// Derives the states that edits left unsettled: of `max_conversations` conversations, with `max_steps` steps, under one
    /// lock of the board, and of longer conversations one at a time, while readers use the board.
    pub(crate) fn settle(&self, max_conversations: usize, max_steps: usize) {
        loop {
            let updates = self.board_mut().settle_within(max_conversations, max_steps);
            if updates.is_empty() {
                break;
            }
            self.list(updates);
        }
        loop {
            let derived = self.board().derive_unsettled();
            let Some(mut derived) = derived else { return };
            let update = self.board_mut().set_derived(&mut derived);
            self.list(update);
        }
    }

    /// Updates the index with the changes on the board.
    pub(crate) fn list(&self, updates: impl IntoIterator<Item = Update>) {
        for update in updates {
            let mut index = tried(|| self.index.try_write()).unwrap_or_else(|| self.index.write());
            index.apply(update);
            drop(index);
            // Queries go first.
            let _ = tried(|| (self.asking.load(Ordering::SeqCst) == 0).then_some(()));
        }
    }
}

/// The result of `attempt`, if it succeeds within some tries.
fn tried<T>(attempt: impl Fn() -> Option<T>) -> Option<T> {
    (0..TRIES).find_map(|_| {
        let found = attempt();
        if found.is_none() {
            spin_loop();
        }
        found
    })
}
