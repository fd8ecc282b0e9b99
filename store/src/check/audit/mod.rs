//! Audit: folds conversations again from the log and compares them with the live state, field by field.

mod background;
mod sample;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use convofold_engine::{Board, Difference, ImageError, Seq, State};

use crate::api::handle::Convofold;
use crate::check::checked;
use crate::check::shadow::Shadow;
use crate::conversations::archive::ArchiveReader;
use crate::damage::Damage;
use crate::log::error::LogError;
use crate::state::base::{BaseError, base_images, board_of};
use crate::state::lent_storage::LentStorage;
use crate::state::shared::Shared;
use crate::storage::StorageError;
use crate::trace::span;

pub use background::BackgroundAudit;
pub use sample::Sample;

/// Number of conversations that are compared under one lock.
const SLICE: usize = 64;
/// Maximum number of listed differences; with more, every conversation is suspect.
const MAX_DIFFERENCES: usize = 10_000;

/// The result of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AuditReport {
    /// Number of compared conversations.
    pub conversations: u64,
    /// Number of their events that were folded again.
    pub events: u64,
    /// The seq of the last event that was read.
    pub last_seq: Seq,
    /// The fields that differ; empty if the audit found nothing wrong.
    pub differences: Vec<AuditDifference>,
    /// Number of further differences; only the first 10,000 are listed.
    pub more_differences: u64,
    /// Duration of the audit.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "took_ms", serialize_with = "crate::json::as_ms", deserialize_with = "crate::json::of_ms")
    )]
    pub took: Duration,
}

/// A field of a conversation whose live value differs from the value that follows from its events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AuditDifference {
    /// The conversation.
    pub id: Arc<str>,
    /// The field, as a path in the export: `unread`, `agent.name`, `assignments[2].at`; `state` if the whole
    /// conversation is missing on one side.
    pub field: String,
    /// The value that follows from its events, as JSON.
    pub expected: String,
    /// The live value, as JSON.
    pub found: String,
}

/// Why an audit failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The log is damaged, so that there is nothing to compare with. [`Convofold::verify`](crate::Convofold::verify)
    /// gives details.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The number of the block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// The stored facts of a conversation do not form valid events. They replace the events that were dropped from the
    /// log.
    #[error("the stored facts of a conversation are invalid")]
    Image(#[from] ImageError),
    /// The log was trimmed during the audit ([`Convofold::trim_log`](crate::Convofold::trim_log)). Try again.
    #[error("the log was trimmed during the audit")]
    Trimmed,
    /// Conversations were erased during the audit. Try again.
    #[error("conversations were erased during the audit")]
    Replaced,
    /// The database was closed during the audit.
    #[error("the database is closed")]
    Closed,
    /// A write failed, so that memory and log may differ. Open the database again.
    #[error("an earlier write failed; open the database again")]
    Poisoned(#[source] Arc<StorageError>),
    /// The audit was stopped.
    #[error("the audit was stopped")]
    Stopped,
    /// The storage failed.
    #[error("the storage failed")]
    Storage(#[source] StorageError),
}

impl From<LogError> for AuditError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { block_no, seq, why } => Self::Damaged { block_no, seq, why },
            LogError::Storage(StorageError::Closed) => Self::Closed,
            LogError::Storage(StorageError::Replaced) => Self::Replaced,
            LogError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<BaseError> for AuditError {
    fn from(error: BaseError) -> Self {
        match error {
            BaseError::Image(error) => Self::Image(error),
            BaseError::Storage(error) => LogError::Storage(error).into(),
        }
    }
}

impl Convofold {
    /// Folds conversations again from their events in the log and reports every field in which the live state differs.
    /// A difference indicates a bug.
    ///
    /// Events that were dropped from the log ([`Convofold::trim_log`]) are taken from the facts of the conversations.
    ///
    /// It reads the whole log on all processors; for conversations outside the sample, only the ids are decoded. A
    /// second copy of the sampled conversations is held in memory. The database stays in use: the writer waits for one
    /// or two groups of events and 64 conversations at a time, a few milliseconds, and queries wait for the 64
    /// conversations.
    ///
    /// # Errors
    /// [`AuditError`] if the audit failed. Differences are not errors; they are in the report.
    pub fn audit(&self, sample: Sample) -> Result<AuditReport, AuditError> {
        audit(self.shared(), sample, |_| Ok(()))
    }
}

/// Runs an audit. `tick` is called after every block, with the seq of its last event.
fn audit(
    shared: &Arc<Shared>,
    sample: Sample,
    tick: impl FnMut(Seq) -> Result<(), AuditError>,
) -> Result<AuditReport, AuditError> {
    span!("audit");
    let started = Instant::now();
    let storage = LentStorage::of(shared);
    let start = shared.log_start.read().position;
    storage.expect_current().map_err(LogError::Storage)?;
    let slots = sample.slots(shared.live.board().slot_count());
    let wanted: Option<HashSet<_>> = match sample {
        Sample::All => None,
        Sample::Random { .. } => {
            let mut reader = ArchiveReader::new(&shared.archive, storage.as_ref());
            let ids = slots.iter().map(|slot| reader.id(&shared.live, *slot));
            Some(ids.collect::<Result<_, _>>().map_err(LogError::Storage)?)
        }
    };
    let is_wanted = |id: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(id));
    let base = board_of(base_images(shared, storage.as_ref(), start.seq, is_wanted)?)?;
    let mut shadow = Shadow::new(storage.clone(), base, start, wanted);
    let mut report = compare(shared, storage.as_ref(), &mut shadow, &slots, tick).map_err(|error| match error {
        AuditError::Damaged { .. } if shared.log_start.read().position != start => AuditError::Trimmed,
        error => error,
    })?;
    // Live conversations may have other ids than those of the log that was read.
    storage.expect_current().map_err(LogError::Storage)?;
    // A write may also have failed during the audit.
    if let Some(cause) = shared.poisoned() {
        return Err(AuditError::Poisoned(cause));
    }
    report.events = shadow.events;
    report.took = started.elapsed();
    checked("audit", report.differences.len());
    Ok(report)
}

fn compare(
    shared: &Shared,
    storage: &LentStorage,
    shadow: &mut Shadow,
    slots: &[u32],
    mut tick: impl FnMut(Seq) -> Result<(), AuditError>,
) -> Result<AuditReport, AuditError> {
    let last_seq = shared.applied_seq.load(Ordering::SeqCst);
    shadow.catch_up(shared, &mut tick)?;
    shadow.fold_up_to(last_seq, tick)?;
    let mut report = AuditReport { last_seq, ..AuditReport::default() };
    let mut reader = ArchiveReader::new(&shared.archive, storage);
    for slots in slots.chunks(SLICE) {
        reader.prepare(&shared.live, slots.iter().copied()).map_err(LogError::Storage)?;
        let pairs = shadow.beside(shared, |(live, _), shadow| {
            slots.iter().map(|slot| Ok(Pair::of(reader.state_of(live, *slot)?, shadow))).collect::<Result<Vec<_>, _>>()
        })?;
        let pairs: Vec<Pair> = pairs.map_err(LogError::Storage)?.into_iter().flatten().collect();
        report.conversations += pairs.len() as u64;
        pairs.iter().for_each(|pair| report.add(pair));
    }
    Ok(report)
}

/// The two states of one conversation, after the same event.
struct Pair {
    id: Arc<str>,
    expected: Option<State>,
    found: Option<State>,
}

impl Pair {
    fn of(found: Option<State>, shadow: &Board) -> Option<Self> {
        let found = found?;
        Some(Self { id: Arc::from(&*found.id), expected: shadow.state(&found.id), found: Some(found) })
    }
}

impl AuditReport {
    /// Returns whether there are no differences.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }

    fn add(&mut self, pair: &Pair) {
        for Difference { field, expected, found, .. } in differences(pair.expected.as_ref(), pair.found.as_ref()) {
            if self.differences.len() < MAX_DIFFERENCES {
                self.differences.push(AuditDifference { id: pair.id.clone(), field, expected, found });
            } else {
                self.more_differences += 1;
            }
        }
    }
}

/// The differences of two states, either of which can be missing.
pub(crate) fn differences(expected: Option<&State>, found: Option<&State>) -> Vec<Difference> {
    match (expected, found) {
        (Some(expected), Some(found)) if expected == found => Vec::new(),
        (Some(expected), Some(found)) => expected.differences(found),
        (None, None) => Vec::new(),
        (expected, found) => {
            let line = |state: Option<&State>| state.map_or_else(|| "nothing".to_owned(), State::export_line);
            vec![Difference::new("state", line(expected), line(found))]
        }
    }
}
