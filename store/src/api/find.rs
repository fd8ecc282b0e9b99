//! Queries that concern closed conversations.

use std::sync::Arc;

use convofold_engine::{Board, ConversationRow, Page, Query, Search, Seq};

use crate::api::handle::Convofold;
use crate::api::query::PageError;
use crate::conversations::archive::alone;
use crate::conversations::page::page_of;
use crate::format::run::Hit;
use crate::search::{Hits, Runs, Sources, slots_with};
use crate::state::lent_storage::{LentStorage, until_current};
use crate::state::shared::Shared;
use crate::storage::{ReadStorage, StorageError};

/// Conversations of a member, or of another short list, are all read and sorted up to this number. Of more, a query reads
/// those that come first in its order.
const SORTED_SLOTS: usize = if cfg!(test) { 3 } else { 256 };
/// The hits in a range of times are sorted in memory up to this number. Of more, all hits are read in the order of the
/// query.
const SORTED_HITS: usize = if cfg!(test) { 40 } else { 1 << 20 };
/// Pages with more rows are read slot by slot, so that each page of conversations is read once.
const LONG_PAGE_ROWS: usize = if cfg!(test) { 30 } else { 4_096 };

impl Convofold {
    /// A page of a query that concerns closed conversations.
    pub(super) fn find(&self, query: &Query, is_wanted: impl Fn(&ConversationRow) -> bool) -> Result<Page, PageError> {
        // An empty page checks the cursor.
        query.page_of([])?;
        // One more than the page shows whether there is a next one.
        let max_rows = query.max_rows().saturating_add(1);
        let shared = self.shared();
        let Some(search) = query.search() else {
            // No closed conversation waits.
            let index = shared.live.index();
            let open = if query.wants_open() { index.open_matching(query, is_wanted, max_rows) } else { Vec::new() };
            return Ok(query.page_of(open.into_iter().map(Arc::unwrap_or_clone))?);
        };
        loop {
            let storage = LentStorage::of(shared);
            let Sources { seq, runs, rows } = shared.search.sources(&shared.live, query, &is_wanted, max_rows);
            let Some(runs) = runs else { return until_current(|| self.find_by_scan(query, &is_wanted)) };
            let mut finder = Finder { shared, storage: storage.as_ref(), query, search: &search, seq, runs: &runs };
            match finder.find(max_rows, &is_wanted) {
                Ok(_) | Err(FindError::Storage(_)) if storage.expect_current().is_err() => {}
                Ok(found) => return Ok(query.page_of(rows.into_iter().map(Arc::unwrap_or_clone).chain(found))?),
                // If they are not damaged, checkpoints have replaced and deleted runs meanwhile.
                Err(FindError::Index) => drop(shared.search.give_up(&runs)),
                Err(FindError::Storage(error)) => return Err(error.into()),
            }
        }
    }

    /// Reads all conversations.
    fn find_by_scan(&self, query: &Query, is_wanted: impl Fn(&ConversationRow) -> bool) -> Result<Page, PageError> {
        let mut failure = None;
        let rows = self.scan_for(Board::row).map_while(|row| row.map_err(|error| failure = Some(error)).ok());
        let page = query.page_of(rows.filter(is_wanted));
        failure.map_or_else(|| Ok(page?), |error| Err(error.into()))
    }
}

/// Why the index does not answer.
enum FindError {
    /// A block of the index is missing or damaged.
    Index,
    Storage(StorageError),
}

struct Finder<'a> {
    shared: &'a Arc<Shared>,
    storage: &'a dyn ReadStorage,
    query: &'a Query,
    search: &'a Search,
    /// The rows are those after this event.
    seq: Seq,
    runs: &'a Runs,
}

impl Finder<'_> {
    /// The first rows among archived conversations.
    fn find(
        &mut self,
        max_rows: usize,
        is_wanted: &impl Fn(&ConversationRow) -> bool,
    ) -> Result<Vec<ConversationRow>, FindError> {
        let slots = self.index(slots_with(self.search, self.runs, self.storage))?;
        let is_short = slots.as_ref().is_some_and(|slots| slots.len() <= SORTED_SLOTS);
        if let Some(slots) = slots.as_ref().filter(|_| is_short) {
            let slots: Vec<_> = slots.iter().copied().collect();
            return self.rows(&slots, is_wanted);
        }
        let order = self.search.order.filter(|_| max_rows <= LONG_PAGE_ROWS);
        let is_listed = |hit: &Hit| {
            self.search.may_match(&hit.times, hit.tags) && slots.as_ref().is_none_or(|slots| slots.contains(&hit.slot))
        };
        let Some((list, is_latest_first)) = order else {
            let mut slots = Vec::new();
            for hit in self.narrowest() {
                let hit = self.index(hit)?;
                slots.extend(is_listed(&hit).then_some(hit.slot));
            }
            slots.sort_unstable();
            slots.dedup();
            return self.rows(&slots, is_wanted);
        };
        let (narrowest, estimate) = self.narrowest_list();
        if narrowest == list || estimate > SORTED_HITS {
            let range = self.range(list);
            let hits = Hits::new(self.storage, self.runs, list, is_latest_first, range);
            let hits = hits.map(|hit| self.index(hit)).filter(|hit| hit.as_ref().map_or(true, is_listed));
            return self.rows_in_order(hits, list, max_rows, is_wanted);
        }
        let mut hits = Vec::new();
        for hit in self.narrowest() {
            let hit = self.index(hit)?;
            hits.extend(Some(hit).filter(is_listed));
        }
        let time = |hit: &Hit| hit.times.get(list).copied().unwrap_or_default();
        hits.sort_by_key(|hit| (time(hit), hit.slot));
        if is_latest_first {
            hits.reverse();
        }
        self.rows_in_order(hits.into_iter().map(Ok), list, max_rows, is_wanted)
    }

    fn range(&self, list: usize) -> (i64, i64) {
        self.search.ranges.get(list).copied().unwrap_or((i64::MIN, i64::MAX))
    }

    /// The list with the fewest hits in its range of times, and about how many those are.
    fn narrowest_list(&self) -> (usize, usize) {
        let lists = 0..self.search.ranges.len();
        let estimates = lists.map(|list| (list, Hits::estimate(self.runs, list, self.range(list))));
        let preferred = self.search.order.map(|(list, _)| list);
        estimates.min_by_key(|(list, estimate)| (*estimate, Some(*list) != preferred)).unwrap_or_default()
    }

    fn narrowest(&self) -> Hits<'_> {
        let (list, _) = self.narrowest_list();
        Hits::new(self.storage, self.runs, list, false, self.range(list))
    }

    /// The first rows of these hits, which are in the order of a list. Rows with the same time as the last one are among them:
    /// their ids decide.
    fn rows_in_order(
        &self,
        hits: impl Iterator<Item = Result<Hit, FindError>>,
        list: usize,
        max_rows: usize,
        is_wanted: &impl Fn(&ConversationRow) -> bool,
    ) -> Result<Vec<ConversationRow>, FindError> {
        let mut rows: Vec<ConversationRow> = Vec::new();
        let mut last = None;
        for hit in hits {
            let hit = hit?;
            let at = hit.times.get(list).copied();
            let is_same = last == Some((at, hit.slot));
            let is_later = last.is_some_and(|(last_at, _)| last_at != at);
            if is_later && rows.len() >= max_rows {
                break;
            }
            last = Some((at, hit.slot));
            if is_same {
                continue;
            }
            let row = self.row(hit.slot)?;
            // A conversation that had changed has another hit with its time then, or is among the rows in memory.
            let is_current = self.query.time_of(&row) == at;
            if is_current && self.query.is_match(&row) && is_wanted(&row) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// The rows of the conversations in these slots, which are in order. Of each page, only these conversations are decoded.
    fn rows(
        &self,
        slots: &[u32],
        is_wanted: &impl Fn(&ConversationRow) -> bool,
    ) -> Result<Vec<ConversationRow>, FindError> {
        let mut rows = Vec::new();
        for of_page in slots.chunk_by(|slot, next| page_of(*slot) == page_of(*next)) {
            let mut evicted = Vec::new();
            for slot in of_page {
                let here = self.shared.live.board().row_known_at(*slot, self.seq);
                match here {
                    Some(row) => rows.extend(Some(row).filter(is_wanted)),
                    None => evicted.push(*slot),
                }
            }
            let read = self.shared.archive.each(self.storage, &evicted, |image| {
                rows.extend(alone(image)?.row_known_at(0, self.seq).filter(is_wanted));
                Ok(())
            });
            read.map_err(FindError::Storage)?;
        }
        Ok(rows)
    }

    fn row(&self, slot: u32) -> Result<ConversationRow, FindError> {
        let here = self.shared.live.board().row_known_at(slot, self.seq);
        let read = || alone(self.shared.archive.one(self.storage, slot)?).map(|board| board.row_known_at(0, self.seq));
        let row = here.map_or_else(read, |row| Ok(Some(row))).map_err(FindError::Storage)?;
        row.ok_or(FindError::Storage(StorageError::Value(crate::Damage::Missing)))
    }

    /// The outcome of reading the index.
    fn index<T>(&self, outcome: Result<T, StorageError>) -> Result<T, FindError> {
        outcome.map_err(|error| match error {
            StorageError::Value(_) => FindError::Index,
            error => FindError::Storage(error),
        })
    }
}
