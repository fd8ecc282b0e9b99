//! A look at every conversation, one after the other, wherever it is.

use std::collections::VecDeque;
use std::sync::Arc;

use convofold_engine::{Board, HistoryEntry, State};

use crate::api::handle::Convofold;
use crate::conversations::archive::{ArchiveReader, alone};
use crate::conversations::page::PAGE_SLOTS;
use crate::state::lent_storage::LentStorage;
use crate::state::shared::Shared;
use crate::storage::StorageError;

/// A conversation with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConversationRecord {
    /// Its state.
    pub state: State,
    /// Its events, in the order in which they happened.
    pub history: Vec<HistoryEntry>,
}

/// Every conversation there was when the scan began, in the order in which they first arrived.
///
/// Each is shown as it is when it is come to, so what is submitted meanwhile may be seen or not. Conversations that are not
/// in memory are read from their pages, sixteen at a time, and stay where they are; no more than these are held, and the
/// writer waits for one conversation at most. One that cannot be read is an error, and the scan goes on behind it; where one
/// would have to be read of a store that was closed, it ends with [`StorageError::Closed`].
pub struct Scan<T> {
    shared: Arc<Shared>,
    look: fn(&Board, &str) -> Option<T>,
    next_slot: u32,
    end_slot: u32,
    ready: VecDeque<Result<T, StorageError>>,
}

impl Convofold {
    /// Every conversation with its history.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let db = convofold_store::Convofold::open(dir.path().join("conversations"))?;
    /// let mut words = 0;
    /// for conversation in db.scan() {
    ///     let texts = conversation?.history.into_iter().filter_map(|entry| entry.text);
    ///     words += texts.map(|text| text.split_whitespace().count()).sum::<usize>();
    /// }
    /// # assert_eq!(words, 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn scan(&self) -> Scan<ConversationRecord> {
        self.scan_for(|board, id| Some(ConversationRecord { state: board.state(id)?, history: board.history(id)? }))
    }

    /// The state of every conversation, in the order of first arrival and without sorting them; see
    /// [`Convofold::export`] for all of them sorted.
    #[must_use]
    pub fn scan_states(&self) -> Scan<State> {
        self.scan_for(Board::state)
    }

    fn scan_for<T>(&self, look: fn(&Board, &str) -> Option<T>) -> Scan<T> {
        let shared = self.shared().clone();
        let end_slot = shared.live.board().slot_count();
        Scan { shared, look, next_slot: 0, end_slot, ready: VecDeque::new() }
    }
}

impl<T> Scan<T> {
    /// How many conversations there are still to come.
    #[must_use]
    pub fn remaining(&self) -> usize {
        (self.end_slot - self.next_slot) as usize + self.ready.len()
    }

    /// Looks at the conversations of the next page.
    fn fill(&mut self) {
        let storage = LentStorage::of(&self.shared);
        let mut reader = ArchiveReader::new(&self.shared.archive, storage.as_ref());
        let end = (self.next_slot + PAGE_SLOTS).min(self.end_slot);
        for slot in self.next_slot..end {
            let found = self.look_at(slot, &mut reader);
            let is_closed = matches!(found, Err(StorageError::Closed));
            self.ready.push_back(found);
            if is_closed {
                self.next_slot = self.end_slot;
                return;
            }
        }
        self.next_slot = end;
    }

    fn look_at(&self, slot: u32, reader: &mut ArchiveReader<'_>) -> Result<T, StorageError> {
        let here = {
            let board = self.shared.live.board();
            board.id(slot).and_then(|id| (self.look)(&board, id))
        };
        if let Some(here) = here {
            return Ok(here);
        }
        let image = reader.image(slot)?;
        let id = image.id.clone();
        (self.look)(&alone(image)?, &id).ok_or(StorageError::Value(crate::Damage::Missing))
    }
}

impl<T> Iterator for Scan<T> {
    type Item = Result<T, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            self.fill();
        }
        self.ready.pop_front()
    }
}

impl<T> std::fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}
