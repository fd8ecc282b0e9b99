//! The way out: every accepted event, in a form that can be read back.

use std::io::{self, Write};

use convofold_engine::{Event, ImageError, Seq};

use crate::api::error::ChangesError;
use crate::api::feed::Change;
use crate::api::handle::Convofold;
use crate::state::base::all_images;
use crate::state::lent_storage::LentStorage;
use crate::storage::StorageError;

/// How much was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EventExportReport {
    /// Events, one a line.
    pub events: u64,
    /// The place in the log of the last of them; 0 where there is none.
    pub last_seq: Seq,
    /// Bytes, line feeds included.
    pub bytes: u64,
    /// The longest line without its line feed. Where it is longer than
    /// [`Limits::max_own_line_bytes`](convofold_engine::ingest::Limits::max_own_line_bytes), reading everything back takes
    /// a larger limit.
    pub longest_line_bytes: u64,
}

/// Why events could not be exported. What was written up to there is whole lines, or the beginning of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportEventsError {
    /// An event that was dropped from the log is not remembered as it was.
    #[error("the memory of a conversation is damaged")]
    Image(#[from] ImageError),
    /// A conversation that is not in memory could not be read.
    #[error("a conversation that is not in memory could not be read")]
    Storage(#[from] StorageError),
    /// The log could not be read.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// The writer takes no more.
    #[error("the events could not be written")]
    Write(#[from] io::Error),
}

impl Convofold {
    /// Writes every accepted event as a line of JSON in convofold's own form, conflicts included, in the order of their
    /// places in the log, up to the last one that survives a power cut at the time of the call.
    ///
    /// Ingested or replayed into an empty store, these lines give the same log: the same states, the same hash, and the
    /// same lines once more. The log is read a block at a time, and nobody waits for the writer given here. Events that were
    /// dropped from the log ([`Convofold::trim_log`]) are told by the conversations, which takes memory for all of them.
    ///
    /// # Errors
    /// [`ExportEventsError`] where the log cannot be read, or the writer takes no more.
    pub fn export_events(&self, out: &mut impl Write) -> Result<EventExportReport, ExportEventsError> {
        let _log = self.shared().log_in_use.read();
        let last_seq = self.shared().durable.lock().seq;
        let first_seq = self.shared().log_start.read().position.seq;
        let mut report = EventExportReport::default();
        for (seq, event) in self.dropped_events(first_seq)? {
            report.write(out, seq, &event)?;
        }
        let mut changes = self.changes(first_seq);
        while report.last_seq < last_seq {
            let Some(Change { seq, event }) = changes.try_next()? else { break };
            report.write(out, seq, &event)?;
        }
        out.flush()?;
        Ok(report)
    }

    /// The events before the beginning of the log, in their order.
    fn dropped_events(&self, first_seq: Seq) -> Result<Vec<(Seq, Event)>, ExportEventsError> {
        let mut dropped = Vec::new();
        if first_seq == 1 {
            return Ok(dropped);
        }
        let storage = LentStorage::of(self.shared());
        for image in all_images(self.shared(), storage.as_ref()) {
            dropped.extend(image?.events()?.into_iter().filter(|(seq, _)| *seq < first_seq));
        }
        dropped.sort_unstable_by_key(|(seq, _)| *seq);
        Ok(dropped)
    }
}

impl EventExportReport {
    fn write(&mut self, out: &mut impl Write, seq: Seq, event: &Event) -> io::Result<()> {
        let line = event.export_line();
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        let line_bytes = line.len() as u64;
        self.events += 1;
        self.last_seq = seq;
        self.bytes += line_bytes + 1;
        self.longest_line_bytes = self.longest_line_bytes.max(line_bytes);
        Ok(())
    }
}
