//! Export of every accepted event, in a form that can be ingested again.

use std::io::{self, Write};

use convofold_engine::{ImageError, Seq};

use crate::api::error::ChangesError;
use crate::api::feed::Change;
use crate::api::handle::Convofold;
use crate::api::sorted_lines::SortedLines;
use crate::state::base::all_images;
use crate::state::lent_storage::LentStorage;
use crate::storage::StorageError;

/// The size of an export of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EventExportReport {
    /// Number of events; each is one line.
    pub events: u64,
    /// The seq of the last exported event; 0 if there are no events.
    pub last_seq: Seq,
    /// Number of bytes, including line feeds.
    pub bytes: u64,
    /// Length of the longest line in bytes, without its line feed. If it exceeds
    /// [`Limits::max_own_line_bytes`](convofold_engine::ingest::Limits::max_own_line_bytes), set a larger limit to
    /// ingest the export.
    pub longest_line_bytes: u64,
}

/// Why events could not be exported. The output so far consists of whole lines, except that the last line can be
/// incomplete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportEventsError {
    /// The stored facts of a conversation do not form valid events. They replace the events that were dropped from the
    /// log.
    #[error("the stored facts of a conversation are invalid")]
    Image(#[from] ImageError),
    /// An evicted conversation could not be read.
    #[error("an evicted conversation could not be read")]
    Storage(#[from] StorageError),
    /// The log could not be read.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// The output could not be written.
    #[error("the events could not be written")]
    Write(#[from] io::Error),
}

impl Convofold {
    /// Writes every accepted event, conflicts included, as one line of JSON in convofold's own format, in log order.
    /// The export ends with the last event that was durable at the time of the call.
    ///
    /// An empty database that ingests or replays these lines has the same events in the same order, the same states,
    /// the same state hash and the same export. The log is read one block at a time, and no other operation waits for
    /// `out`. Events that were dropped from the log ([`Convofold::trim_log`]) are taken from the facts of the
    /// conversations, and sorted in temporary files if they are many.
    ///
    /// # Errors
    /// [`ExportEventsError`] if the log or a conversation cannot be read, or `out` cannot be written.
    pub fn export_events(&self, out: &mut impl Write) -> Result<EventExportReport, ExportEventsError> {
        let _log = self.shared().log_in_use.read();
        let last_seq = self.shared().durable.lock().seq;
        let first_seq = self.shared().log_start.read().position.seq;
        let mut report = EventExportReport::default();
        if first_seq > 1 {
            self.dropped_events(first_seq, &mut report)?.write_to(out)?;
        }
        let mut changes = self.changes(first_seq);
        while report.last_seq < last_seq {
            let Some(Change { seq, event }) = changes.try_next()? else { break };
            let line = event.export_line();
            report.add(seq, line.len());
            out.write_all(line.as_bytes())?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(report)
    }

    /// The lines of the events that were dropped from the log, in log order.
    fn dropped_events(&self, first_seq: Seq, report: &mut EventExportReport) -> Result<SortedLines, ExportEventsError> {
        let storage = LentStorage::of(self.shared());
        let mut lines = SortedLines::new(self.shared().options.bounds.sorted_bytes);
        for image in all_images(self.shared(), storage.as_ref()) {
            image?.each_event(|seq, event| {
                if seq >= first_seq {
                    return Ok(());
                }
                let line = event.export_line();
                report.add(seq, line.len());
                lines.push(&seq.to_be_bytes(), |out| out.write_all(line.as_bytes())).map_err(ExportEventsError::Write)
            })?;
        }
        Ok(lines)
    }
}

impl EventExportReport {
    pub(super) fn add(&mut self, seq: Seq, line_bytes: usize) {
        let line_bytes = line_bytes as u64;
        self.events += 1;
        self.last_seq = self.last_seq.max(seq);
        self.bytes += line_bytes + 1;
        self.longest_line_bytes = self.longest_line_bytes.max(line_bytes);
    }
}
