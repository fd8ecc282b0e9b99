//! The durable half of convofold: an event log that survives crashes and power cuts, the conversations at work in memory and
//! the others in an archive, checkpoints to open quickly, a change feed, and bulk replay.
//!
//! [`Convofold`] is the way in. Everything is written by one thread in one order: log, barrier, memory, answer. What can
//! be asked is answered from memory, but for questions about one conversation that has left it
//! ([`Options::memory_bytes`]).
//!
//! # What survives what
//!
//! | acknowledged as | killed process | crash of the system, power snapshot |
//! |---|---|---|
//! | [`Durability::Synced`] | survives | survives |
//! | [`Durability::Buffered`] | up to the last 100 ms may be lost | up to the last 100 ms may be lost |
//!
//! This holds on a disk that does not lie about `fdatasync`, on a local file system. What is lost is always the end of
//! the log. [`Batch::bookmark`] tells after any crash where that end is in the terms of whoever sent the events.

#![forbid(unsafe_code)]

// From the bottom to the top: each knows only those above it in this list.
mod damage;
mod clock;
#[cfg(feature = "serde")]
mod json;
mod in_order;
mod trace;
mod format;
mod storage;
mod log;
mod conversations;
mod options;
mod state;
mod checkpoint;
mod write;
mod open;
mod api;
mod check;
mod care;
pub mod replay;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod tests;

pub use api::error::{ChangesError, IngestError};
pub use api::export::{EventExportReport, ExportEventsError};
pub use api::feed::{Change, Changes, StopHandle};
pub use api::handle::Convofold;
pub use api::ingest::{IgnoredCounts, IngestOptions, IngestReport};
pub use api::marks::MarkError;
pub use api::query::ExportReport;
pub use api::scan::{ConversationRecord, Scan};
pub use api::stats::Stats;
pub use care::trim::TrimError;
pub use care::{backup, repair};
pub use check::{audit, verify};
pub use checkpoint::error::SkipReason;
pub use checkpoint::write::Checkpoint;
pub use damage::Damage;
pub use format::database::DatabaseId;
pub use open::error::OpenError;
pub use open::report::{Recovery, SkippedCheckpoint};
pub use options::Options;
pub use state::counters::Counters;
pub use state::histogram::LatencyHistogram;
#[cfg(feature = "metrics")]
pub use state::metrics;
pub use state::receipt::{EffectCounts, Receipt};
pub use storage::StorageError;
pub use storage::sled::file::ScanFinding;
pub use write::batch::SubmitError;
pub use write::batch::{Batch, Durability};
pub use write::error::{CloseError, CommitError};
pub use write::ticket::Ticket;
pub use write::trim::Trimmed;
