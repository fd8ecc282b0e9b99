//! The events of a moment.

use std::io::{self, Write};

use convofold_engine::{Conflict, Moment, Time};

use crate::api::export::EventExportReport;
use crate::api::sorted_lines::SortedLines;
use crate::api::view::{Among, SLOTS_AT_ONCE, View};
use crate::conversations::page::{PAGE_SLOTS, page_of};
use crate::state::lent_storage::{LentStorage, until_current};
use crate::storage::StorageError;

/// The number of conversations that are remembered in the search for the first event.
const EARLIEST_AT_ONCE: usize = if cfg!(test) { 4 } else { 1_024 };

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method does not fit each lifetime of its type"
)]
impl View {
    /// The conflicts of one conversation: its events within the bounds of the moment that lost to another one within them
    /// (rule I2); `None` if it did not exist.
    ///
    /// # Errors
    /// As for [`Convofold::state`](crate::Convofold::state).
    pub fn conflicts(&self, id: &str) -> Result<Option<Vec<Conflict>>, StorageError> {
        self.about(id, |past| past.conflicts())
    }

    /// Writes every event within the bounds of the moment, conflicts included, as one line of JSON in convofold's own format,
    /// in the order of arrival. If there are many, the lines are sorted in a temporary file.
    ///
    /// An empty database that ingests or replays these lines has the states of this moment.
    ///
    /// # Errors
    /// The error of `out` or of the temporary file, or of reading an evicted conversation.
    pub fn export_events(&self, out: &mut impl Write) -> io::Result<EventExportReport> {
        let mut lines = SortedLines::new(self.db().shared().options.bounds.sorted_bytes);
        let mut report = EventExportReport::default();
        self.each(
            Among::Existing,
            |past| past.events(),
            |found| {
                for events in found {
                    for (seq, event) in events.map_err(io::Error::other)? {
                        let line = event.export_line();
                        report.add(seq, line.len());
                        lines.push(&seq.to_be_bytes(), |out| out.write_all(line.as_bytes()))?;
                    }
                }
                Ok::<_, io::Error>(())
            },
        )?;
        lines.write_to(out)?;
        out.flush()?;
        Ok(report)
    }

    /// The time of the first event of all that were known at the moment, before or after its bound of time. Reads the
    /// conversations that began in the second of that event; with a bound of arrival, also those that began before and of which
    /// the first events were not known.
    pub(super) fn first_known_at(&self) -> Result<Option<Time>, StorageError> {
        until_current(|| self.first_known_in(&LentStorage::of(self.db().shared())))
    }

    fn first_known_in(&self, storage: &LentStorage) -> Result<Option<Time>, StorageError> {
        let known = self.db().at(Moment { as_of: None, ..self.moment() });
        let mut first: Option<Time> = None;
        let mut after = None;
        loop {
            let earliest = known.earliest(after);
            for same in earliest.chunk_by(|a, b| a.0 == b.0 && page_of(a.1) == page_of(b.1)) {
                let Some((second, slot)) = same.first() else { continue };
                if first.is_some_and(|first| first.ms() < i64::from(*second) * 1_000) {
                    return Ok(first);
                }
                let wanted = same.iter().fold(0, |wanted, (_, slot)| wanted | 1 << (slot % PAGE_SLOTS));
                let mut found = Vec::new();
                known.look_at(storage, page_of(*slot), wanted, |past| past.first_at(), &mut found)?;
                first = first.into_iter().chain(found.into_iter().flatten()).min();
            }
            storage.expect_current()?;
            let Some(last) = earliest.last() else { return Ok(first) };
            after = Some(*last);
        }
    }

    /// The next of the conversations that may have begun first ([`Board::beginnings`](convofold_engine::Board::beginnings)),
    /// in this order.
    fn earliest(&self, after: Option<(u32, u32)>) -> Vec<(u32, u32)> {
        let live = &self.db().shared().live;
        let mut earliest: Vec<(u32, u32)> = Vec::new();
        let mut first = 0;
        loop {
            let board = live.board();
            if first >= board.slot_count() {
                return earliest;
            }
            let next = first.saturating_add(SLOTS_AT_ONCE);
            let beginnings = board.beginnings(self.pinned(), first..next);
            drop(board);
            let last = earliest.get(EARLIEST_AT_ONCE - 1).copied();
            let is_next = |it: &(u32, u32)| last.is_none_or(|last| *it < last) && Some(*it) > after;
            earliest.extend(beginnings.into_iter().filter(is_next));
            earliest.sort_unstable();
            earliest.truncate(EARLIEST_AT_ONCE);
            first = next;
        }
    }
}
