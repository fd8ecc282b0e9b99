//! The durable half of convofold: an event log that survives crashes and power cuts, recent conversations in memory and
//! the others in stored pages, checkpoints for quick opening, a change feed, and bulk replay.
//!
//! [`Convofold`] is the entry point. One thread writes everything in one order: log, barrier, memory, answer. Queries
//! are answered from memory, except queries about one conversation that was evicted ([`Options::memory_bytes`]).
//!
//! # What survives which failure
//!
//! | acknowledged as | killed process | crash of the system, power cut |
//! |---|---|---|
//! | [`Durability::Synced`] | survives | survives |
//! | [`Durability::Buffered`] | up to the last 100 ms may be lost | up to the last 100 ms may be lost |
//!
//! This holds on a local file system, on a disk that does not lie about `fdatasync`. A loss is always at the end of the
//! log. After a crash, a bookmark ([`Batch::bookmark`]) shows where that end is in the terms of the sender of the
//! events.

#![forbid(unsafe_code)]

// From bottom to top: a module depends only on modules above it in this list.
mod damage;
mod clock;
#[cfg(feature = "serde")]
mod json;
mod in_order;
mod spread;
mod trace;
mod format;
mod bounds;
mod storage;
mod log;
mod conversations;
mod search;
mod options;
mod state;
mod checkpoint;
mod write;
mod open;
mod api;
mod check;
mod care;
pub mod replay;
pub mod diff;
#[doc(hidden)]
pub mod stages;

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
pub use api::moment::MomentError;
pub use api::moment_report::MomentReport;
pub use api::query::{ExportReport, PageError};
pub use api::recorded::{HashProof, RecordedHash, RecordedHashes};
pub use api::report::ReportError;
pub use api::scan::{ConversationRecord, Scan};
pub use api::stats::Stats;
pub use api::view::View;
pub use care::compact::Compacted;
pub use care::disclose::Disclosed;
pub use care::hold::{Hold, HoldError};
pub use care::rewrite::RewriteError;
pub use care::trim::TrimError;
pub use care::{backup, erase, repair, retention};
pub use check::{audit, verify};
pub use checkpoint::error::SkipReason;
pub use checkpoint::write::Checkpoint;
pub use damage::Damage;
pub use format::database::{DatabaseId, UnknownDatabaseId};
pub use open::error::OpenError;
pub use open::report::{Recovery, SkippedCheckpoint};
pub use options::Options;
pub use state::counters::Counters;
pub use state::histogram::LatencyHistogram;
#[cfg(feature = "metrics")]
pub use state::metrics;
pub use state::receipt::{EffectCounts, Receipt};
pub use state::records::RecordKind;
pub use storage::StorageError;
pub use storage::files::{leads_into, private_file_options};
pub use storage::sled::file::ScanFinding;
pub use write::batch::SubmitError;
pub use write::batch::{Batch, BatchParts, Durability};
pub use write::error::{CloseError, CommitError};
pub use write::ticket::{Completer, Ticket};
pub use write::trim::Trimmed;
