//! Iteration over all conversations, in memory or evicted.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use convofold_engine::{Board, Conflict, HistoryEntry, State};

use crate::api::handle::Convofold;
use crate::conversations::archive::{ArchiveReader, alone};
use crate::conversations::page::PAGE_SLOTS;
use crate::state::lent_storage::LentStorage;
use crate::state::shared::Shared;
use crate::storage::StorageError;

/// A conversation with its state and its events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConversationRecord {
    /// Its state.
    pub state: State,
    /// Its events, in the order in which they happened.
    pub history: Vec<HistoryEntry>,
}

/// An iterator over all conversations that existed when the scan began, in order of first arrival.
///
/// Each conversation is returned as it is when the scan reaches it, so that events committed during the scan may or may
/// not be included. Evicted conversations are read from their pages, 16 at a time, and stay evicted. The scan holds up
/// to 16 conversations in memory, and blocks the writer for one conversation at a time. A conversation that cannot be
/// read is returned as an error, and the scan continues with the next one. If the database was closed, the scan ends
/// with [`StorageError::Closed`] at the first evicted conversation.
pub struct Scan<T> {
    shared: Arc<Shared>,
    look: fn(&Board, &str) -> Option<T>,
    next_slot: u32,
    end_slot: u32,
    ready: VecDeque<Result<T, StorageError>>,
}

impl Convofold {
    /// Iterates over every conversation with its history.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let db = convofold_store::Convofold::open(dir.path().join("conversations"))?;
    /// let mut words = 0;
    /// for conversation in db.scan() {
    ///     let conversation = conversation?;
    ///     let texts = conversation.history.iter().filter_map(|entry| entry.event.text());
    ///     words += texts.map(|text| text.split_whitespace().count()).sum::<usize>();
    /// }
    /// # assert_eq!(words, 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn scan(&self) -> Scan<ConversationRecord> {
        self.scan_for(|board, id| Some(ConversationRecord { state: board.state(id)?, history: board.history(id)? }))
    }

    /// Iterates over the state of every conversation, in order of first arrival. [`Convofold::export`] sorts by id
    /// instead.
    #[must_use]
    pub fn scan_states(&self) -> Scan<State> {
        self.scan_for(Board::state)
    }

    /// Returns the ids that begin with these characters, sorted by their bytes, `limit` at most. An ellipsis (`…`) stands
    /// for any characters, as in ids that a narrow table shortens: `sup…:17` finds `superoffice:Cust1:17`. Reads the pages
    /// of evicted conversations.
    ///
    /// # Errors
    /// [`StorageError`] if a page cannot be read, [`StorageError::Closed`] if a conversation is evicted and the
    /// database was closed.
    pub fn find_ids(&self, beginning: &str, limit: usize) -> Result<Vec<String>, StorageError> {
        let shortened = beginning.split_once('\u{2026}');
        let is_short_form =
            |id: &str, (start, end): (&str, &str)| id.strip_prefix(start).is_some_and(|rest| rest.ends_with(end));
        let mut found = BTreeSet::new();
        for id in self.scan_for(|_, id| Some(id.to_owned())) {
            let id = id?;
            if id.starts_with(beginning) || shortened.is_some_and(|parts| is_short_form(&id, parts)) {
                found.insert(id);
            }
            if found.len() > limit {
                found.pop_last();
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Iterates over the conflicts of every conversation (rule I2); the list is empty for most of them.
    #[must_use]
    pub fn scan_conflicts(&self) -> Scan<Vec<Conflict>> {
        self.scan_for(Board::conflicts)
    }

    pub(crate) fn scan_for<T>(&self, look: fn(&Board, &str) -> Option<T>) -> Scan<T> {
        let shared = self.shared().clone();
        let end_slot = shared.live.board().slot_count();
        Scan { shared, look, next_slot: 0, end_slot, ready: VecDeque::new() }
    }
}

impl<T> Scan<T> {
    /// Number of conversations that the scan has not returned yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        (self.end_slot - self.next_slot) as usize + self.ready.len()
    }

    /// Reads the conversations of the next page.
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
