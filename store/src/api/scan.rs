//! Iteration over all conversations, in memory or evicted.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use convofold_engine::{Board, Conflict, HistoryEntry, Moment, Past, State};

use crate::api::handle::Convofold;
use crate::api::view::View;
use crate::api::view_tenants::SeenTenants;
use crate::conversations::archive::{ArchiveReader, alone, past_of};
use crate::conversations::page::PAGE_SLOTS;
use crate::state::lent_storage::{LentStorage, until_current};
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
/// not be included. The scan of a [`View`] returns the conversations that existed at its moment, as they were. Evicted conversations are read from their pages, 16 at a time, and stay evicted. The scan holds up
/// to 16 conversations in memory, and blocks the writer for one conversation at a time. A conversation that cannot be
/// read is returned as an error, and the scan continues with the next one. If the database was closed, the scan ends
/// with [`StorageError::Closed`] at the first evicted conversation. If conversations were erased meanwhile, it ends with
/// [`StorageError::Replaced`].
pub struct Scan<T> {
    shared: Arc<Shared>,
    storage: Arc<LentStorage>,
    look: Look<T>,
    next_slot: u32,
    end_slot: u32,
    ready: VecDeque<Result<T, StorageError>>,
}

/// What a scan finds in a conversation.
enum Look<T> {
    Now(fn(&Board, &str) -> Option<T>),
    Then(Moment, SeenTenants, fn(&Past<'_>) -> T),
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
        until_current(|| {
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
        })
    }

    /// Iterates over the conflicts of every conversation (rule I2); the list is empty for most of them.
    #[must_use]
    pub fn scan_conflicts(&self) -> Scan<Vec<Conflict>> {
        self.scan_for(Board::conflicts)
    }

    pub(crate) fn scan_for<T>(&self, look: fn(&Board, &str) -> Option<T>) -> Scan<T> {
        Scan::new(self, Look::Now(look))
    }
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method does not fit each lifetime of its type"
)]
impl View {
    /// Like [`Convofold::scan`], at the moment.
    #[must_use]
    pub fn scan(&self) -> Scan<ConversationRecord> {
        self.scan_for(|past| ConversationRecord { state: past.state(), history: past.history() })
    }

    /// Like [`Convofold::scan_states`], at the moment.
    #[must_use]
    pub fn scan_states(&self) -> Scan<State> {
        self.scan_for(|past| past.state())
    }

    /// Like [`Convofold::scan_conflicts`], at the moment: the events within its bounds that lost to another one within them.
    #[must_use]
    pub fn scan_conflicts(&self) -> Scan<Vec<Conflict>> {
        self.scan_for(|past| past.conflicts())
    }

    fn scan_for<T>(&self, look: fn(&Past<'_>) -> T) -> Scan<T> {
        let mut scan = Scan::new(self.db(), Look::Then(self.pinned(), self.tenants.clone(), look));
        if let Err(expired) = self.expect_whole(self.tenants.named(), None) {
            scan.next_slot = scan.end_slot;
            scan.ready.push_back(Err(expired));
        }
        scan
    }
}

impl<T> Scan<T> {
    fn new(db: &Convofold, look: Look<T>) -> Self {
        let shared = db.shared().clone();
        let storage = LentStorage::of(&shared);
        let end_slot = shared.live.board().slot_count();
        Self { shared, storage, look, next_slot: 0, end_slot, ready: VecDeque::new() }
    }

    /// Number of conversations that the scan has not returned yet. That of a [`View`] returns fewer if some of them did not
    /// exist at its moment.
    #[must_use]
    pub fn remaining(&self) -> usize {
        (self.end_slot - self.next_slot) as usize + self.ready.len()
    }

    /// Reads the conversations of the next page.
    fn fill(&mut self) {
        let storage = self.storage.clone();
        let mut reader = ArchiveReader::new(&self.shared.archive, storage.as_ref());
        let (first_new, end) = (self.ready.len(), (self.next_slot + PAGE_SLOTS).min(self.end_slot));
        for slot in self.slots(self.next_slot..end) {
            let found = self.look_at(slot, &mut reader);
            let is_closed = matches!(found, Err(StorageError::Closed));
            self.ready.extend(found.transpose());
            if is_closed {
                self.next_slot = self.end_slot;
                return;
            }
        }
        self.next_slot = end;
        if let Err(error) = storage.expect_current() {
            self.ready.truncate(first_new);
            self.ready.push_back(Err(error));
            self.next_slot = self.end_slot;
        }
    }

    /// The slots among these whose conversations may be returned.
    fn slots(&self, among: Range<u32>) -> Vec<u32> {
        match &self.look {
            Look::Now(_) => among.collect(),
            Look::Then(moment, ..) => self.shared.live.board().slots_existing_at(*moment, among),
        }
    }

    /// `None` if the conversation did not exist.
    fn look_at(&self, slot: u32, reader: &mut ArchiveReader<'_>) -> Result<Option<T>, StorageError> {
        match &self.look {
            Look::Now(look) => self.look_now(slot, reader, *look).map(Some),
            Look::Then(moment, tenants, look) => {
                let look = |past: &Past<'_>| tenants.look(past, look);
                Ok(self.look_then(slot, reader, *moment, look)?.flatten())
            }
        }
    }

    fn look_now(
        &self,
        slot: u32,
        reader: &mut ArchiveReader<'_>,
        look: fn(&Board, &str) -> Option<T>,
    ) -> Result<T, StorageError> {
        let here = {
            let board = self.shared.live.board();
            board.id(slot).and_then(|id| look(&board, id))
        };
        if let Some(here) = here {
            return Ok(here);
        }
        let image = reader.image(slot)?;
        let id = image.id.clone();
        look(&alone(image)?, &id).ok_or(StorageError::Value(crate::Damage::Missing))
    }

    fn look_then<R>(
        &self,
        slot: u32,
        reader: &mut ArchiveReader<'_>,
        moment: Moment,
        look: impl Fn(&Past<'_>) -> R,
    ) -> Result<Option<R>, StorageError> {
        let here = {
            let board = self.shared.live.board();
            board.id(slot).map(|id| board.past(id, moment, &look))
        };
        // If it was reloaded meanwhile, its page still has all events up to the bound of arrival.
        here.map_or_else(|| past_of(reader.image(slot)?, moment, &look), Ok)
    }
}

impl<T> Iterator for Scan<T> {
    type Item = Result<T, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && self.next_slot < self.end_slot {
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
