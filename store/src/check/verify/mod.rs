//! Verify: everything that is on the disk and in memory, checked against the log while the store goes on working.
//!
//! ```text
//! snapshot --> log: every block, folded anew --> checkpoints on the way --> state hash at the snapshot --> the live board
//! ```
//!
//! The log is the truth; what is compared with it was made from it. What is wrong is told and passed over where that is
//! possible: after a damaged block the others are still read, but nothing can be compared with a fold that has a hole.

mod checkpoints;
mod compare;
mod live;
mod log;
mod report;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use convofold_engine::Seq;

use crate::api::handle::Convofold;
use crate::check::checked;
use crate::format::log_start::LogStart;
use crate::log::error::LogError;
use crate::log::start::read_log_start;
use crate::state::base::{BaseError, base_images, board_of};
use crate::state::lent_storage::LentStorage;
use crate::storage::end_mark::{EndMark, EndMarkState};
use crate::storage::{ReadStorage, StorageError};
use crate::trace::span;
use crate::write::error::CommitError;
use checkpoints::Checkpoints;
use log::LogCheck;

pub use report::{Problem, VerifiedCheckpoint, VerifyReport};

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyProgress {
    /// The log is read and folded.
    Log {
        /// The last event that was read.
        seq: Seq,
        /// The last one that will be.
        last_seq: Seq,
    },
    /// The conversations in memory are compared.
    Live {
        /// How many were.
        conversations: u64,
        /// How many there are.
        of: u64,
    },
}

/// Why a verification could not be carried out. What it finds is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The store was closed, before or meanwhile.
    #[error("the store is closed")]
    Closed,
    /// An earlier write failed, so that memory and disk are not expected to agree. Open the store again.
    #[error("an earlier write failed; open the store again")]
    Poisoned(#[source] Arc<StorageError>),
    /// The end mark cannot be read for a reason that is not in it.
    #[error("cannot read the end mark")]
    EndMark(#[source] io::Error),
    /// The storage underneath failed.
    #[error("the storage underneath failed")]
    Storage(#[source] StorageError),
}

impl From<CommitError> for VerifyError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Closed => Self::Closed,
            CommitError::Poisoned { cause } => Self::Poisoned(cause),
        }
    }
}

impl From<StorageError> for VerifyError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Closed => Self::Closed,
            error => Self::Storage(error),
        }
    }
}

impl Convofold {
    /// Checks everything: each block of the log, the end mark, the pages of both checkpoints that are kept, and every
    /// conversation and every answer in memory against the log folded anew.
    ///
    /// It takes about as long as folding the log, on this thread and one that reads ahead, and the memory of a second set
    /// of conversations. The store goes on working. Questions and the writer wait while the state hash is taken, as for
    /// [`Convofold::state_hash`]; then for 64 conversations at a time, the writer also for a group or two of events, some
    /// milliseconds; and once while all lists of open conversations are compared, about a second for a million of them. Checkpoints
    /// that nobody asks for wait until it has ended, and so do conversations that should leave memory.
    ///
    /// Events that were dropped from the log ([`Convofold::trim_log`]) are those that the conversations remember.
    ///
    /// How often known events were delivered again is not in the log, and so not checked.
    ///
    /// # Errors
    /// [`VerifyError`] where it cannot be carried out. What is wrong with the store is in the report.
    pub fn verify(&self, mut on_progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, VerifyError> {
        span!("verify");
        let started = Instant::now();
        let shared = self.shared();
        let storage = LentStorage::of(shared);
        let _held = shared.hold_checkpoints();
        // Before the snapshot, so that the log has to reach it.
        let end_mark = EndMark::read(self.dir()).map_err(VerifyError::EndMark)?;
        let snapshot = self.snapshot()?;
        let mut report = VerifyReport { last_seq: snapshot.position.last_seq(), ..VerifyReport::default() };
        check_end_mark(end_mark, &mut report);
        let _log = shared.log_in_use.read();
        let start = shared.log_start.read().clone();
        check_start(&start, storage.as_ref(), &mut report)?;
        let base = base_images(shared, storage.as_ref(), start.position.seq, |_| true);
        let base = match base.and_then(|images| Ok(board_of(images)?)) {
            Ok(base) => Some(base),
            Err(BaseError::Storage(error)) if !matches!(error, StorageError::Value(_)) => return Err(error.into()),
            Err(why) => {
                report.add(Problem::Memory { why: why.to_string() });
                None
            }
        };
        let checkpoints = Checkpoints::find(shared, &storage, &snapshot, &mut report)?;
        let mut log = LogCheck::new(&storage, start, base, checkpoints, end_mark.known());
        log.run(&snapshot, &mut report, &mut on_progress)?;
        report.log_is_whole = log.is_whole;
        if let Some((board, bookmarks)) = log.into_fold() {
            live::check(shared, storage.clone(), board, bookmarks, &snapshot, &mut report, &mut on_progress)?;
        }
        let stray_values = storage.stray_values()?;
        if stray_values > 0 {
            report.add(Problem::StrayValues { count: stray_values });
        }
        // Where a write failed meanwhile, memory may be ahead of the log.
        if let Some(cause) = shared.poisoned() {
            return Err(VerifyError::Poisoned(cause));
        }
        report.took = started.elapsed();
        checked("verification", report.problems.len());
        Ok(report)
    }
}

fn check_end_mark(mark: EndMarkState, report: &mut VerifyReport) {
    match mark {
        EndMarkState::None => report.add(Problem::EndMarkMissing),
        EndMarkState::Unreadable => report.add(Problem::EndMarkUnreadable),
        EndMarkState::At(end_mark) if end_mark.last_seq > report.last_seq => {
            report.add(Problem::Shortened { expected: end_mark.last_seq, found: report.last_seq });
        }
        EndMarkState::At(_) => {}
    }
}

/// Holds where the log is taken to begin against what is stored of it.
fn check_start(start: &LogStart, storage: &dyn ReadStorage, report: &mut VerifyReport) -> Result<(), VerifyError> {
    let marked = start.marks.last().map_or(0, |mark| mark.seq);
    let last_seq = start.position.last_seq();
    let why = match read_log_start(storage) {
        Ok(_) if marked != last_seq => Some(format!("expected marks up to event {last_seq}, found {marked}")),
        Ok(found) if found == *start => None,
        Ok(found) => Some(format!("expected event {}, found event {}", start.position.seq, found.position.seq)),
        Err(StorageError::Value(why)) => Some(why.to_string()),
        Err(error) => return Err(error.into()),
    };
    report.add_all(why.map(|why| Problem::LogStart { why }));
    Ok(())
}

/// What is wrong with the log, or the failure of the storage that it hides.
fn damage(error: LogError) -> Result<(u64, Seq, crate::Damage), VerifyError> {
    match error {
        LogError::Damaged { block_no, seq, why } => Ok((block_no, seq, why)),
        LogError::Storage(error) => Err(error.into()),
    }
}
