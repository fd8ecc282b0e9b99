//! Verify: checks everything on disk and in memory against the log while the database stays in use.
//!
//! ```text
//! snapshot --> log: read and fold every block --> checkpoints at their positions --> state hash at the snapshot --> the live board
//! ```
//!
//! The log is authoritative: everything else is derived from it. If possible, verification reports a problem and
//! continues: after a damaged block it still reads the other blocks, but without a complete fold it cannot compare
//! states.

mod checkpoints;
mod compare;
mod live;
mod log;
mod past;
mod recorded;
mod report;
mod search;

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
use recorded::Recorded;

pub use report::{Problem, VerifiedCheckpoint, VerifyReport};

/// The progress of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyProgress {
    /// The log is being read and folded.
    Log {
        /// The seq of the last event read.
        seq: Seq,
        /// The seq of the last event to read.
        last_seq: Seq,
    },
    /// The conversations in memory are being compared.
    Live {
        /// Number of conversations compared.
        conversations: u64,
        /// Number of conversations to compare.
        of: u64,
    },
    /// The recorded state hashes are being computed again.
    Past {
        /// Number of conversations folded.
        conversations: u64,
        /// Number of conversations to fold.
        of: u64,
    },
}

/// Why a verification failed. Problems of the database are not errors; they are in the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The database was closed before or during the verification.
    #[error("the database is closed")]
    Closed,
    /// An earlier write failed, so that memory and log may differ. Open the database again.
    #[error("an earlier write failed; open the database again")]
    Poisoned(#[source] Arc<StorageError>),
    /// The file with the end mark could not be read. A damaged end mark is a problem in the report instead.
    #[error("cannot read the end mark")]
    EndMark(#[source] io::Error),
    /// The storage failed.
    #[error("the storage failed")]
    Storage(#[source] StorageError),
}

impl From<CommitError> for VerifyError {
    fn from(error: CommitError) -> Self {
        match error {
            // A snapshot is taken of a database that is open read-only, too.
            CommitError::Closed | CommitError::ReadOnly | CommitError::Remote { .. } => Self::Closed,
            CommitError::Poisoned { cause } | CommitError::Unstorable { cause } => Self::Poisoned(cause),
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
    /// Verifies the database: each block of the log, the end mark, the pages of both kept checkpoints, the search index, the
    /// newest recorded state hash, and every conversation and every query result in memory against a new fold of the log.
    ///
    /// It takes about as long as folding the log, uses the calling thread and a thread that reads ahead, and needs
    /// memory for a second copy of all conversations. The database stays in use. Queries and the writer wait while the
    /// state hash is computed, as for [`Convofold::state_hash`]; then for 64 conversations at a time, the writer also
    /// for one or two groups of events, a few milliseconds; and once while all lists of open conversations are
    /// compared, about a second for a million conversations. Automatic checkpoints and evictions are postponed until
    /// the verification has ended.
    ///
    /// Events that were dropped from the log ([`Convofold::trim_log`]) are taken from the facts of the conversations.
    ///
    /// The number of duplicates is not in the log and therefore not checked.
    ///
    /// # Errors
    /// [`VerifyError`] if the verification failed. Problems of the database are in the report.
    pub fn verify(&self, on_progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, VerifyError> {
        self.verify_with(false, on_progress)
    }

    /// Like [`Convofold::verify`], and computes every recorded state hash ([`Convofold::recorded_hashes`]) of the current fold
    /// version again, also of the time before a trim: the proof that the past was not rewritten.
    ///
    /// That takes one pass over all conversations. The events of each are applied once, in the order of arrival, and it is hashed
    /// for each recorded hash before which some of its events arrived.
    ///
    /// # Errors
    /// As for [`Convofold::verify`].
    pub fn verify_past(&self, on_progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, VerifyError> {
        self.verify_with(true, on_progress)
    }

    fn verify_with(
        &self,
        with_past: bool,
        mut on_progress: impl FnMut(VerifyProgress),
    ) -> Result<VerifyReport, VerifyError> {
        span!("verify");
        let started = Instant::now();
        let shared = self.shared();
        let _held = shared.hold_checkpoints();
        // Before the snapshot, so that no trim drops a part of the log that it needs. The storage is lent afterwards: an erasure
        // replaces it before it frees the log.
        let _log = shared.log_in_use.read();
        let storage: Arc<dyn ReadStorage> = LentStorage::of(shared);
        // Read before the snapshot, so that the log must contain its position.
        let end_mark = EndMark::read(self.dir()).map_err(VerifyError::EndMark)?;
        let snapshot = self.snapshot()?;
        let mut report = VerifyReport { last_seq: snapshot.position.last_seq(), ..VerifyReport::default() };
        check_end_mark(end_mark, &mut report);
        let start = LogStart::clone(&shared.log_start.read());
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
        let recorded = Recorded::find(shared, storage.as_ref(), &snapshot, &mut report)?;
        let newest = recorded.newest().filter(|_| !with_past);
        let mut log = LogCheck::new(&storage, start, base, checkpoints, newest, end_mark.known());
        log.run(&snapshot, &mut report, &mut on_progress)?;
        report.log_is_whole = log.is_whole;
        if let Some((board, bookmarks)) = log.into_fold(&mut report) {
            search::check(shared, storage.as_ref(), &board, &snapshot, &mut report)?;
            live::check(shared, storage.clone(), board, bookmarks, &snapshot, &mut report, &mut on_progress)?;
        }
        if with_past {
            past::check(shared, storage.as_ref(), &recorded, &mut report, &mut on_progress)?;
        }
        let stray_values = storage.stray_values()?;
        if stray_values > 0 {
            report.add(Problem::StrayValues { count: stray_values });
        }
        // If a write failed meanwhile, memory can be ahead of the log.
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

/// Compares the log start in memory with the stored one.
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

/// Returns the damage of the log, or the failure of the storage as an error.
fn damage(error: LogError) -> Result<(u64, Seq, crate::Damage), VerifyError> {
    match error {
        LogError::Damaged { block_no, seq, why } => Ok((block_no, seq, why)),
        LogError::Storage(error) => Err(error.into()),
    }
}
