//! The durable half of convofold: an event log that survives crashes and power cuts, the conversations at work in memory and
//! the others in an archive, checkpoints to open quickly, a change feed, and bulk replay.
//!
//! [`Convofold`] is the way in. Everything is written by one thread in one order: log, barrier, memory, answer. What can
//! be asked is answered from memory, but for questions about one conversation that has left it
//! ([`Options::memory_bytes`]).
//!
//! # What survives what
//!
//! | acknowledged as | killed process | crash of the system, power cut |
//! |---|---|---|
//! | [`Durability::Synced`] | survives | survives |
//! | [`Durability::Buffered`] | up to the last 100 ms may be lost | up to the last 100 ms may be lost |
//!
//! This holds on a disk that does not lie about `fdatasync`, on a local file system. What is lost is always the end of
//! the log. [`Batch::bookmark`] tells after any crash where that end is in the terms of whoever sent the events.

#![forbid(unsafe_code)]

// In the order in which to read them.
mod damage;
#[cfg(feature = "serde")]
mod json;
mod error;
mod storage;
#[cfg(test)]
mod memory_storage;
mod part;
mod sled_tree;
mod rescue;
mod sled_file;
mod sled_storage;
mod codec;
mod directory;
mod head;
mod log;
mod event_reader;
mod submission;
mod receipt;
mod ticket;
mod base;
mod cut;
mod in_order;
mod stored_page;
mod archive;
mod live;
mod trace;
mod histogram;
mod counters;
mod shared;
mod lent_storage;
mod checkpoint;
mod recovery;
mod evidence;
mod opening;
mod group;
mod writer;
mod options;
mod handle;
mod sorted_lines;
mod queries;
mod scan;
mod shadow;
pub mod audit;
pub mod backup;
pub mod verify;
mod trim;
mod feed;
mod export;
mod ingest;
pub mod replay;
mod new_store;
pub mod repair;
#[cfg(feature = "metrics")]
pub mod metrics;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod tests;

pub use checkpoint::Checkpoint;
pub use counters::Counters;
pub use damage::Damage;
pub use error::{ChangesError, CloseError, CommitError, IngestError, OpenError, SubmitError, TrimError};
pub use export::{EventExportReport, ExportEventsError};
pub use feed::{Change, Changes, StopHandle};
pub use handle::Convofold;
pub use histogram::LatencyHistogram;
pub use ingest::{IgnoredCounts, IngestOptions, IngestReport};
pub use options::Options;
pub use queries::{ExportReport, Stats};
pub use receipt::{EffectCounts, Receipt};
pub use recovery::{Recovery, SkipReason, SkippedCheckpoint};
pub use scan::{Conversation, Scan};
pub use sled_file::Doubt;
pub use storage::StorageError;
pub use submission::{Batch, Durability};
pub use ticket::Ticket;
pub use trim::Trimmed;
