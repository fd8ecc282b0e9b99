//! Makes event logs: the machinery behind `convofold generate`.
//!
//! A log is a day in several contact centres, told in the wire formats the engine accepts: members write, agents take
//! over, hand on, put back and close, some members come back. Nothing in it is random in the sense that matters: the
//! same [`GenerateOptions`] give the same bytes on every machine and in every version, so that a log can be named by
//! its options instead of being stored.
//!
//! Two promises carry the tests that use it:
//!
//! * **What happens is independent of how it is told and of what goes wrong.** Who writes what and when is drawn from
//!   dice of its own. The envelope only changes the telling, and the faults only change the delivery. Line `n` of a
//!   mixed log is line `n` of the log written wholly in that line's envelope.
//! * **Memory does not grow with the log.** Only the conversations being talked in and the shuffle window are held.
//!
//! The way through the code: `plan` decides what happens in one conversation, `conversation` lives through it,
//! `timeline` interleaves many of them, `airship` and `superoffice` write them down, `delivery` and
//! `garbage` spoil the result on request.

#![forbid(unsafe_code)]

mod airship;
mod clock;
mod conversation;
mod delivery;
mod dice;
mod garbage;
mod json;
mod options;
mod people;
mod phrase;
mod phrasebook;
mod plan;
mod superoffice;
mod timeline;

#[cfg(test)]
mod tests;

pub use options::{Envelope, Faults, GenerateOptions, Mix, UnknownEnvelope};

use delivery::Delivery;
use std::io::{self, Write};
use timeline::Timeline;

/// Bytes gathered before they are handed to the writer.
const BLOCK: usize = 64 * 1024;

/// What a generated log holds.
///
/// `lines` is always `events + duplicates + garbage`, and `garbage` is always `must_reject + must_ignore`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenerateSummary {
    /// Lines written, of any kind.
    pub lines: u64,
    /// Different events, each counted once.
    pub events: u64,
    /// Different conversations.
    pub conversations: u64,
    /// Conversations that are open once every event has arrived.
    pub open: u64,
    /// Lines that repeat an earlier line byte for byte.
    pub duplicates: u64,
    /// Lines that are no event.
    pub garbage: u64,
    /// Lines among the garbage that a reader has to reject.
    pub must_reject: u64,
    /// Lines among the garbage that a reader has to pass over without complaint: blank or of no concern to it.
    pub must_ignore: u64,
    /// Bytes written, line ends included.
    pub bytes: u64,
}

/// Writes the log that `options` describe to `out`, one event a line, and flushes it.
///
/// Exactly [`GenerateOptions::events`] different events are written. The last conversation is cut where the number is
/// reached; all others are told to their end.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] where an option makes no sense, before anything is written; otherwise whatever
/// `out` returns.
pub fn generate(options: &GenerateOptions, out: &mut dyn Write) -> io::Result<GenerateSummary> {
    options.check()?;
    let mut timeline = Timeline::new(options);
    let mut summary = if options.faults.is_none() {
        write_clean(&mut timeline, out)?
    } else {
        write_faulty(&mut timeline, options, out)?
    };
    out.flush()?;
    summary.conversations = timeline.conversations();
    summary.open = timeline.open();
    Ok(summary)
}

/// The fast way: every event goes straight into the block that is written next.
fn write_clean(timeline: &mut Timeline<'_>, out: &mut dyn Write) -> io::Result<GenerateSummary> {
    let mut summary = GenerateSummary::default();
    let mut block = Vec::with_capacity(BLOCK + BLOCK / 4);
    while timeline.next_event(&mut block).is_some() {
        block.push(b'\n');
        summary.events += 1;
        if block.len() >= BLOCK {
            summary.bytes += block.len() as u64;
            out.write_all(&block)?;
            block.clear();
        }
    }
    summary.bytes += block.len() as u64;
    out.write_all(&block)?;
    summary.lines = summary.events;
    Ok(summary)
}

/// The way through the delivery that loses order, repeats itself and picks up rubbish.
fn write_faulty(
    timeline: &mut Timeline<'_>,
    options: &GenerateOptions,
    out: &mut dyn Write,
) -> io::Result<GenerateSummary> {
    let mut delivery = Delivery::new(options, io::BufWriter::with_capacity(BLOCK, out));
    let mut line = Vec::new();
    while let Some(moment) = timeline.next_event(&mut line) {
        delivery.accept(&line, moment)?;
        line.clear();
    }
    delivery.finish()
}
