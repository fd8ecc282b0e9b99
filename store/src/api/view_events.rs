//! The events of a moment.

use std::io::{self, Write};

use convofold_engine::{Conflict, Moment, Seq, Time};

use crate::api::export::EventExportReport;
use crate::api::sorted_lines::SortedLines;
use crate::api::view::{Among, View};
use crate::storage::StorageError;

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

    /// The conflicts of all conversations, by conversation, in the order of their first arrival.
    ///
    /// # Errors
    /// As for [`Convofold::state`](crate::Convofold::state).
    pub fn scan_conflicts(&self) -> Result<impl Iterator<Item = Vec<Conflict>>, StorageError> {
        let mut all = self.each(
            Among::Existing,
            |past| (past.first_seq(), past.conflicts()),
            |found| {
                let is_without = |it: &Result<(Seq, Vec<Conflict>), StorageError>| {
                    it.as_ref().is_ok_and(|(_, found)| found.is_empty())
                };
                found.filter(|it| !is_without(it)).collect::<Result<Vec<_>, _>>()
            },
        )?;
        all.sort_by_key(|(first_seq, _)| *first_seq);
        Ok(all.into_iter().map(|(_, conflicts)| conflicts))
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

    /// The time of the first event of all that were known at the moment, before or after its bound of time.
    pub(super) fn first_known_at(&self) -> Result<Option<Time>, StorageError> {
        let known = self.db().at(Moment { as_of: None, ..self.moment() });
        known.each(
            Among::Existing,
            |past| past.first_at(),
            |times| {
                let mut first: Option<Time> = None;
                for at in times {
                    first = [first, at?].into_iter().flatten().min();
                }
                Ok(first)
            },
        )
    }
}
