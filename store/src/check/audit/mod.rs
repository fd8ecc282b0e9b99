//! Audit: conversations folded again from the log and compared with what the store answers, field by field.

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

/// So many conversations are looked at under one lock.
const SLICE: usize = 64;
/// A store that is wrong in more places than this is wrong everywhere.
const MAX_DIFFERENCES: usize = 10_000;

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AuditReport {
    /// How many conversations were compared.
    pub conversations: u64,
    /// How many events of them were folded again.
    pub events: u64,
    /// The last event of the log that was read.
    pub last_seq: Seq,
    /// Every field that differs; none where all is well.
    pub differences: Vec<AuditDifference>,
    /// How many more there are; only the first 10,000 are listed.
    pub more_differences: u64,
    /// How long it took.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// A field of a conversation that the store holds differently from what its events say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AuditDifference {
    /// The conversation.
    pub id: Arc<str>,
    /// The field, as a path in the export: `unread`, `agent.name`, `assignments[2].at`; `state` where the whole
    /// conversation is on one side only.
    pub field: String,
    /// What its events say, as JSON.
    pub expected: String,
    /// What the store holds, as JSON.
    pub found: String,
}

/// Why an audit could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The log is damaged, so that there is nothing to compare with. [`Convofold::verify`](crate::Convofold::verify) says
    /// more.
    #[error("the log is damaged at block {block_no}, which should begin with event {seq}")]
    Damaged {
        /// The block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// Of events that were dropped from the log, what a conversation remembers is not what they were.
    #[error("the memory of a conversation is damaged")]
    Image(#[from] ImageError),
    /// The beginning of the log was dropped meanwhile ([`Convofold::trim_log`](crate::Convofold::trim_log)). Try again.
    #[error("the beginning of the log was dropped meanwhile")]
    Trimmed,
    /// The store was closed meanwhile.
    #[error("the store is closed")]
    Closed,
    /// A write failed, so that memory and disk are not expected to agree. Open the store again.
    #[error("an earlier write failed; open the store again")]
    Poisoned(#[source] Arc<StorageError>),
    /// It was stopped.
    #[error("the audit was stopped")]
    Stopped,
    /// The storage underneath failed.
    #[error("the storage underneath failed")]
    Storage(#[source] StorageError),
}

impl From<LogError> for AuditError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { block_no, seq, why } => Self::Damaged { block_no, seq, why },
            LogError::Storage(StorageError::Closed) => Self::Closed,
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
    /// Folds conversations again, from their events in the log, and names every field in which the live state differs.
    /// There should never be one.
    ///
    /// Events that were dropped from the log ([`Convofold::trim_log`]) are those that the conversations remember.
    ///
    /// The whole log is read, on all processors; of conversations that are not in the sample only the ids are looked at. The
    /// sample is held in memory a second time. Meanwhile the store goes on working: the writer waits for a group or two of events
    /// and 64 conversations at a time, some milliseconds, and questions for the conversations.
    ///
    /// # Errors
    /// [`AuditError`] where it cannot be carried out. What it finds is no error.
    pub fn audit(&self, sample: Sample) -> Result<AuditReport, AuditError> {
        audit(self.shared(), sample, |_| Ok(()))
    }
}

/// `tick` is called after every block, with the last event read.
fn audit(
    shared: &Arc<Shared>,
    sample: Sample,
    tick: impl FnMut(Seq) -> Result<(), AuditError>,
) -> Result<AuditReport, AuditError> {
    span!("audit");
    let started = Instant::now();
    let storage = LentStorage::of(shared);
    let start = shared.log_start.read().position;
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
    let mut shadow = Shadow::new(storage, base, start, wanted);
    let mut report = compare(shared, &mut shadow, &slots, tick).map_err(|error| match error {
        AuditError::Damaged { .. } if shared.log_start.read().position != start => AuditError::Trimmed,
        error => error,
    })?;
    // Also where it failed meanwhile.
    if let Some(cause) = shared.poisoned() {
        return Err(AuditError::Poisoned(cause));
    }
    report.events = shadow.events;
    report.took = started.elapsed();
    checked("audit", report.differences.len());
    Ok(report)
}

fn compare(
    shared: &Arc<Shared>,
    shadow: &mut Shadow,
    slots: &[u32],
    mut tick: impl FnMut(Seq) -> Result<(), AuditError>,
) -> Result<AuditReport, AuditError> {
    let last_seq = shared.applied_seq.load(Ordering::SeqCst);
    shadow.catch_up(shared, &mut tick)?;
    shadow.fold_up_to(last_seq, tick)?;
    let mut report = AuditReport { last_seq, ..AuditReport::default() };
    let storage = LentStorage::of(shared);
    let mut reader = ArchiveReader::new(&shared.archive, storage.as_ref());
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
    /// Whether nothing differs.
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

/// Where two states differ, also where one is missing as a whole.
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
