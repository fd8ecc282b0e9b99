//! A report of opening a database.

use std::path::PathBuf;
use std::time::Duration;

use convofold_engine::Seq;

use super::error::OpenError;
use crate::checkpoint::error::SkipReason;
use crate::storage::sled::file::ScanFinding;
#[cfg(feature = "tracing")]
use crate::trace::{Chain, tell};

/// What opening a database found and did.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Recovery {
    /// Whether opening created the database.
    pub is_new: bool,
    /// The seq of the last event in the checkpoint that was used. `None` if the whole log was folded.
    pub checkpoint_seq: Option<Seq>,
    /// Number of events folded from the log after the checkpoint.
    pub events_replayed: u64,
    /// Number of log blocks with these events.
    pub blocks_replayed: u64,
    /// The seq of the last event in the log; 0 if the log is empty.
    pub last_seq: Seq,
    /// Checkpoints that could not be used, newest first. Opening took longer because of them, but no data is lost.
    pub skipped: Vec<SkippedCheckpoint>,
    /// Unfinished files of a killed process that were removed, because sled would not open with them.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::paths"))]
    pub removed_files: Vec<PathBuf>,
    /// Something in sled's file that does not look like the end that a killed process leaves. No data that is known to
    /// be durable is missing; otherwise opening fails.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::as_text_if_any"))]
    pub scan_finding: Option<ScanFinding>,
    /// Whether the end mark was damaged. It was rewritten. This opening could not check whether the end of
    /// the log was lost.
    pub unreadable_end_mark: bool,
    /// How far the wall clock was ahead of the last commit in the log, if that was more than an hour. Either nothing
    /// was committed for that long, or the clock is wrong. Commit times
    /// ([`Convofold::committed_at`](crate::Convofold::committed_at)) never go back.
    #[cfg_attr(feature = "serde", serde(rename = "clock_ahead_ms", serialize_with = "crate::json::as_ms_if_any"))]
    pub clock_ahead: Option<Duration>,
    /// The numbers of erasures ([`Convofold::erasures`](crate::Convofold::erasures)) whose records are damaged. Only a database that
    /// is opened for reading has any; otherwise opening fails.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub damaged_erasures: Vec<u64>,
    /// The numbers of legal holds ([`Convofold::holds`](crate::Convofold::holds)) whose records are damaged. Only a database that is
    /// opened for reading has any; otherwise opening fails.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub damaged_holds: Vec<u64>,
    /// Number of values that no barrier makes durable. Always 0; any other number is a bug in convofold: please report
    /// it.
    pub stray_values: u64,
    /// Duration of the opening.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// A checkpoint that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SkippedCheckpoint {
    /// The number of the checkpoint.
    pub generation: u64,
    /// Why it could not be used.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::as_text"))]
    pub why: SkipReason,
}

/// Logs what opening a database found.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "used only for logging"))]
pub(crate) fn opened(outcome: Result<&Recovery, &OpenError>) {
    #[cfg(feature = "tracing")]
    match outcome {
        Ok(recovery) => found(recovery),
        Err(
            error @ (OpenError::Damaged { .. }
            | OpenError::Shortened { .. }
            | OpenError::NoCheckpoint { .. }
            | OpenError::Incomplete { .. }),
        ) => {
            tell!(error, error = %Chain(error), "the database is damaged and was not opened");
        }
        Err(error) => {
            tell!(error, error = %Chain(error), "the database was not opened");
        }
    }
}

#[cfg(feature = "tracing")]
fn found(recovery: &Recovery) {
    if let Some(ahead) = recovery.clock_ahead {
        tell!(info, ahead = ?ahead, "the wall clock is ahead of the last commit");
    }
    for skipped in &recovery.skipped {
        tell!(warn, generation = skipped.generation, why = %skipped.why, "skipped an unusable checkpoint");
    }
    for file in &recovery.removed_files {
        tell!(warn, file = %file.display(), "removed an unfinished file of a killed process");
    }
    if let Some(scan_finding) = &recovery.scan_finding {
        tell!(warn, %scan_finding, "unexpected data at the end of sled's file; no durable data is missing");
    }
    if recovery.unreadable_end_mark {
        tell!(warn, "the end mark was damaged or missing; it was rewritten");
    }
    if !recovery.damaged_erasures.is_empty() {
        tell!(error, numbers = ?recovery.damaged_erasures, "the records of erasures are damaged");
    }
    if !recovery.damaged_holds.is_empty() {
        tell!(error, numbers = ?recovery.damaged_holds, "the records of legal holds are damaged");
    }
    if recovery.stray_values > 0 {
        tell!(
            error,
            count = recovery.stray_values,
            "some values are never made durable; this is a bug: please report it"
        );
    }
    let Recovery { is_new, checkpoint_seq, events_replayed, last_seq, took, .. } = recovery;
    tell!(info, is_new, checkpoint_seq, events_replayed, last_seq, ?took, "opened");
}
