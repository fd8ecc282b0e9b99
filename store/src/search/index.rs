//! The search index of an open database: its runs, and the rows of conversations that changed since the last checkpoint.

use std::collections::BTreeSet;
use std::sync::Arc;

use convofold_engine::{ClosedRows, ConversationRow, Query, Seq};
use parking_lot::{Mutex, MutexGuard};

use crate::conversations::live::Live;
use crate::search::run::Run;
use crate::trace::tell;

/// Number of conversations whose rows are made under one lock.
const ROWS_AT_ONCE: usize = 256;

/// The runs of an index.
pub(crate) type Runs = Arc<[Arc<Run>]>;

/// What a query about closed conversations searches, as of one event.
pub(crate) struct Sources {
    /// The last event before the question. Conversations that are found in the runs count as they were after it, so that none is
    /// listed twice or not at all if it changes meanwhile.
    pub(crate) seq: Seq,
    /// `None` if the index is unusable: then all conversations are read.
    pub(crate) runs: Option<Runs>,
    /// The first rows that match, in the order of the query: of open conversations if it asks for them, and of closed ones
    /// that changed since the last checkpoint.
    pub(crate) rows: Vec<Arc<ConversationRow>>,
}

/// See [`crate::search`].
#[derive(Debug, Default)]
pub(crate) struct SearchIndex(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The runs of the last checkpoint; `None` if one of them is missing or damaged.
    runs: Option<Runs>,
    is_damaged: bool,
    /// The conversations that a checkpoint is saving.
    saving: BTreeSet<u32>,
    /// The closed conversations that are unsaved or being saved. Made by the first query after a checkpoint, so that the
    /// writer does not have to keep it.
    recent: Option<ClosedRows>,
}

impl SearchIndex {
    /// An index of these runs; `None` if there is no usable index.
    pub(crate) fn new(runs: Option<&[Arc<Run>]>, is_damaged: bool) -> Self {
        Self(Mutex::new(State { runs: runs.map(Arc::from), is_damaged, ..State::default() }))
    }

    /// Exchanges two indexes, and calls `also` before anybody can search them.
    pub(crate) fn swap(&self, other: &Self, also: impl FnOnce()) {
        let mut state = self.0.lock();
        std::mem::swap(&mut *state, &mut *other.0.lock());
        also();
    }

    /// Whether there is an index.
    pub(crate) fn is_usable(&self) -> bool {
        self.0.lock().runs.is_some()
    }

    /// The runs, and the conversations that changed since these were written; `None` if there is no usable index.
    pub(crate) fn with_unsaved(&self, live: &Live) -> Option<(Runs, BTreeSet<u32>)> {
        let state = self.0.lock();
        let unsaved = live.board().unsaved().union(&state.saving).copied().collect();
        state.runs.clone().map(|runs| (runs, unsaved))
    }

    /// Whether the index was given up because it is damaged.
    pub(crate) fn was_given_up(&self) -> bool {
        self.0.lock().is_damaged
    }

    /// Gives up the index if it still consists of these runs, because one of them is missing or damaged. The next opening
    /// builds it again. Returns whether it did.
    pub(crate) fn give_up(&self, damaged: &Runs) -> bool {
        let mut state = self.0.lock();
        let is_damaged = state.runs.as_ref().is_some_and(|runs| Arc::ptr_eq(runs, damaged));
        if is_damaged {
            state.runs = None;
            state.is_damaged = true;
            tell!(
                error,
                "the search index is damaged; queries read all conversations until the database is opened again"
            );
        }
        is_damaged
    }

    /// Takes the unsaved conversations of the board. Queries still find them in memory until
    /// [`SearchIndex::publish`].
    pub(crate) fn take_unsaved(&self, live: &Live) -> BTreeSet<u32> {
        let mut state = self.0.lock();
        let unsaved = live.board_mut().take_unsaved();
        state.saving.extend(&unsaved);
        unsaved
    }

    /// Reverts [`SearchIndex::take_unsaved`] after a failed save.
    pub(crate) fn put_back_unsaved(&self, live: &Live, unsaved: BTreeSet<u32>) {
        let mut state = self.0.lock();
        live.board_mut().put_back_unsaved(unsaved);
        state.saving.clear();
    }

    /// Makes these the runs of the index. They contain everything that was saved. `None` makes the index unusable.
    pub(crate) fn publish(&self, live: &Live, runs: Option<&[Arc<Run>]>) {
        let mut state = self.0.lock();
        // An index that was given up has lost entries.
        state.runs = state.runs.take().and(runs.map(Arc::from));
        state.saving.clear();
        if state.recent.take().is_some() {
            live.board_mut().forget_changes();
        }
    }

    /// What a query searches, with at most `max_rows` rows from memory.
    pub(crate) fn sources(
        &self,
        live: &Live,
        query: &Query,
        is_wanted: impl Fn(&ConversationRow) -> bool,
        max_rows: usize,
    ) -> Sources {
        let mut state = self.0.lock();
        // Most of the work, while events are being applied.
        state.update_recent(live);
        let (seq, mut rows) = {
            // Board and index after exactly one event.
            let listed = live.listed();
            state.update_recent(live);
            let open = query.wants_open().then(|| live.index().open_matching(query, &is_wanted, max_rows));
            (*listed, open.unwrap_or_default())
        };
        let runs = state.runs.clone();
        let recent = MutexGuard::map(state, |state| state.recent.get_or_insert_default());
        rows.extend(recent.matching(query, is_wanted, max_rows));
        Sources { seq, runs, rows }
    }
}

impl State {
    /// Adds what changed on the board.
    fn update_recent(&mut self, live: &Live) {
        let changes = live.board_mut().take_changes();
        let (mut recent, slots) = match (self.recent.take(), changes) {
            (Some(recent), Some(changes)) => (recent, changes),
            _ => {
                let unsaved = live.board().unsaved().clone();
                (ClosedRows::default(), unsaved.union(&self.saving).copied().collect())
            }
        };
        for slots in slots.chunks(ROWS_AT_ONCE) {
            let board = live.board();
            for slot in slots {
                recent.replace(*slot, board.row_at(*slot));
            }
        }
        self.recent = Some(recent);
    }
}
