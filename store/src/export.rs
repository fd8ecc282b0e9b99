//! The way out: every accepted event, in a form that can be read back.

use std::io::{self, Write};

use convofold_engine::Seq;

use crate::error::ChangesError;
use crate::feed::Change;
use crate::handle::Convofold;

/// How much was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// same lines once more. The log is read a block at a time, and nobody waits for the writer given here.
    ///
    /// # Errors
    /// [`ExportEventsError`] where the log cannot be read, or the writer takes no more.
    pub fn export_events(&self, out: &mut impl Write) -> Result<EventExportReport, ExportEventsError> {
        let last_seq = self.shared().durable.lock().seq;
        let mut changes = self.changes(0);
        let mut report = EventExportReport::default();
        while report.last_seq < last_seq {
            let Some(Change { seq, event }) = changes.try_next()? else { break };
            let line = event.export_line();
            out.write_all(line.as_bytes())?;
            out.write_all(b"\n")?;
            let line_bytes = line.len() as u64;
            report.events += 1;
            report.last_seq = seq;
            report.bytes += line_bytes + 1;
            report.longest_line_bytes = report.longest_line_bytes.max(line_bytes);
        }
        out.flush()?;
        Ok(report)
    }
}
