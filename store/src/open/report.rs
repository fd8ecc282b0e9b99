//! What opening a database found and did.

use std::path::PathBuf;
use std::time::Duration;

use convofold_engine::Seq;

use super::error::OpenError;
use crate::checkpoint::error::SkipReason;
use crate::storage::sled::file::ScanFinding;
#[cfg(feature = "tracing")]
use crate::trace::{Chain, tell};

/// What opening a store found and did.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Recovery {
    /// Whether the store was made just now.
    pub is_new: bool,
    /// The last event in the checkpoint that was used; `None` where the whole log was folded.
    pub checkpoint_seq: Option<Seq>,
    /// How many events of the log were folded after it.
    pub events_replayed: u64,
    /// How many log blocks they lay in.
    pub blocks_replayed: u64,
    /// The last event in the log; 0 where there is none.
    pub last_seq: Seq,
    /// Checkpoints that could not be used, newest first. Nothing is lost by that but time.
    pub skipped: Vec<SkippedCheckpoint>,
    /// Files that a killed process left half-written and that were removed, because sled would not open with them.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::paths"))]
    pub removed_files: Vec<PathBuf>,
    /// What in sled's file did not look like its end, as a process that was killed leaves it. Nothing that is known to have
    /// been durable is missing; otherwise the store would not have opened.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::as_text_if_any"))]
    pub scan_finding: Option<ScanFinding>,
    /// Whether the file that says how far the log reaches was damaged or gone, so that this once a log that lost its end would
    /// not have been noticed. It is written anew.
    pub unreadable_end_mark: bool,
    /// How far the wall clock was ahead of the last commit in the log, if that was more than an hour. Nothing was committed for
    /// that long, or the clock is wrong: the times of commits ([`Convofold::committed_at`](crate::Convofold::committed_at)) cannot be
    /// set back.
    #[cfg_attr(feature = "serde", serde(rename = "clock_ahead_ms", serialize_with = "crate::json::as_ms_if_any"))]
    pub clock_ahead: Option<Duration>,
    /// Values that lie where no barrier reaches them. Always 0; otherwise it is a fault of convofold: please report it.
    pub stray_values: u64,
    /// How long it took.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// A checkpoint that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SkippedCheckpoint {
    /// Its number.
    pub generation: u64,
    /// Why.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::as_text"))]
    pub why: SkipReason,
}

/// Tells what opening a store found.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "nobody is told"))]
pub(crate) fn opened(outcome: Result<&Recovery, &OpenError>) {
    #[cfg(feature = "tracing")]
    match outcome {
        Ok(recovery) => found(recovery),
        Err(error @ (OpenError::Damaged { .. } | OpenError::Shortened { .. } | OpenError::NoCheckpoint { .. })) => {
            tell!(error, error = %Chain(error), "the store is damaged and was not opened");
        }
        Err(error) => {
            tell!(error, error = %Chain(error), "the store was not opened");
        }
    }
}

#[cfg(feature = "tracing")]
fn found(recovery: &Recovery) {
    if let Some(ahead) = recovery.clock_ahead {
        tell!(info, ahead = ?ahead, "the wall clock is ahead of the last commit");
    }
    for skipped in &recovery.skipped {
        tell!(warn, generation = skipped.generation, why = %skipped.why, "a checkpoint could not be used");
    }
    for file in &recovery.removed_files {
        tell!(warn, file = %file.display(), "a half-written file was removed");
    }
    if let Some(scan_finding) = &recovery.scan_finding {
        tell!(warn, %scan_finding, "the file did not look like its end; nothing that was durable is missing");
    }
    if recovery.unreadable_end_mark {
        tell!(warn, "the mark of how far the log reaches was damaged or gone, and is written anew");
    }
    if recovery.stray_values > 0 {
        tell!(error, count = recovery.stray_values, "values lie where no barrier reaches them: please report it");
    }
    let Recovery { is_new, checkpoint_seq, events_replayed, last_seq, took, .. } = recovery;
    tell!(info, is_new, checkpoint_seq, events_replayed, last_seq, ?took, "opened");
}
