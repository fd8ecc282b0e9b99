//! The log as an iterator, and written as a whole.

use std::io::{self, Write};

use crate::delivery::Delivery;
use crate::options::{Options, OptionsError};
use crate::summary::{LineKind, Summary};
use crate::timeline::Timeline;

/// Bytes gathered before they are handed to the writer.
const BLOCK_BYTES: usize = 64 * 1024;

/// A line of a generated log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The line without its line end. Not always UTF-8: see [`Faults::garbage`](crate::Faults::garbage).
    pub bytes: Vec<u8>,
    /// What a reader must do with it.
    pub kind: LineKind,
}

/// Generates the log that its [`Options`] describe.
///
/// The log contains exactly [`Options::events`] distinct events. The last conversation is cut off at that number, all
/// others are complete. As an iterator it returns the lines; [`Generator::write_to`] writes them all.
#[derive(Debug)]
pub struct Generator {
    timeline: Timeline,
    /// `None` without faults: events are then written in the order of time.
    delivery: Option<Delivery>,
    summary: Summary,
}

impl Generator {
    /// A generator at the start of its log.
    ///
    /// # Errors
    /// [`OptionsError`] names the option that is out of range.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        options.check()?;
        let delivery = (!options.faults.is_none()).then(|| Delivery::new(&options));
        Ok(Self { timeline: Timeline::new(options), delivery, summary: Summary::default() })
    }

    /// Appends the next line to `out`, without a line end, and returns its kind; `None` at the end of the log.
    ///
    /// Unlike the iterator, this allocates nothing per line.
    pub fn next_line(&mut self, out: &mut Vec<u8>) -> Option<LineKind> {
        let start = out.len();
        let kind = match &mut self.delivery {
            None => self.timeline.next_event(out).map(|_| LineKind::Event),
            Some(delivery) => delivery.next_line(&mut self.timeline, out),
        }?;
        self.summary.add(kind, (out.len() - start) as u64 + 1);
        Some(kind)
    }

    /// What the lines returned so far contain.
    ///
    /// `conversations` and `open` are exact at the end of the log. Before that, with faults, they include conversations
    /// whose events are still delayed.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary { conversations: self.timeline.conversations(), open: self.timeline.open(), ..self.summary }
    }

    /// Writes the rest of the log to `out`, each line with a line end, and flushes it.
    ///
    /// `out` needs no buffer: it receives blocks of about 64 KiB.
    ///
    /// # Errors
    /// An error of `out`, which may then contain part of the log.
    pub fn write_to(mut self, mut out: impl Write) -> io::Result<Summary> {
        let mut block = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4);
        while self.next_line(&mut block).is_some() {
            block.push(b'\n');
            if block.len() >= BLOCK_BYTES {
                out.write_all(&block)?;
                block.clear();
            }
        }
        out.write_all(&block)?;
        out.flush()?;
        Ok(self.summary())
    }
}

impl Iterator for Generator {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let mut bytes = Vec::new();
        let kind = self.next_line(&mut bytes)?;
        Some(Line { bytes, kind })
    }
}
