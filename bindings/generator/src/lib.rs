//! Reproducible logs of live-chat events, for tests and benchmarks.
//!
//! A [`Generator`] simulates contact centers: members write, agents take over, transfer, requeue and close conversations,
//! and some members return. It writes the events in the wire formats of Airship and SuperOffice, one per line. The same
//! [`Options`] give the same bytes on every machine and in every version, so a log can be stored as its options.
//!
//! [`Faults`] add what happens in delivery: reordered and repeated events, and lines that are no valid events. Each
//! [`Line`] says which of these it is, so a test knows what its reader must report.
//!
//! ```
//! use convofold_generator::{Faults, Generator, LineKind, Options};
//!
//! let faults = Faults::new().duplicates(0.05).shuffle(100).garbage(0.02);
//! let options = Options::new().events(1_000).seed(7).faults(faults);
//!
//! // Line by line:
//! let lines: Vec<_> = Generator::new(options.clone())?.collect();
//! let events = lines.iter().filter(|line| line.kind == LineKind::Event).count();
//! assert_eq!(events, 1_000);
//!
//! // Or the whole log, into a file or a buffer:
//! let mut log = Vec::new();
//! let summary = Generator::new(options)?.write_to(&mut log)?;
//! assert_eq!(summary.lines, lines.len() as u64);
//! assert_eq!(summary.lines, summary.events + summary.duplicates + summary.must_reject + summary.must_ignore);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Tests can rely on two properties:
//!
//! * **Format and faults do not change what happens.** Each purpose has a random stream of its own. The envelope only
//!   changes the format of an event, and faults only change its delivery. Line `n` of a mixed log equals line `n` of the
//!   log that is written wholly in that line's envelope.
//! * **Memory does not grow with the log.** Only the active conversations and the shuffle window are held.
//!
//! How the code is organized: `plan` decides what happens in one conversation, `conversation` holds its current state,
//! `timeline` interleaves conversations by time, `airship` and `superoffice` format events, `delivery` and `garbage`
//! apply faults.

#![forbid(unsafe_code)]

// In the order in which to read them.
mod options;
mod summary;
mod generator;
mod rng;
mod json;
mod clock;
mod people;
mod phrasebook;
mod phrase;
mod plan;
mod conversation;
mod airship;
mod superoffice;
mod timeline;
mod garbage;
mod delivery;

#[cfg(test)]
mod tests;

pub use generator::{Generator, Line};
pub use options::{Envelope, Faults, Mix, Options, OptionsError, UnknownEnvelope};
pub use summary::{LineKind, Summary};
