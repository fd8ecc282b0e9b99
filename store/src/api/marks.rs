//! When events were committed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use convofold_engine::{Seq, Time};

use super::handle::Convofold;
use crate::damage::Damage;
use crate::log::error::LogError;
use crate::log::marks::CommitTimes;
use crate::state::lent_storage::LentStorage;
use crate::storage::StorageError;

/// Why the time of a commit cannot be determined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarkError {
    /// No event had been committed at this time.
    #[error("no event had been committed at {at}; the first commit was made at {first}")]
    BeforeFirst {
        /// The requested time.
        at: Time,
        /// The time of the first commit.
        first: Time,
    },
    /// No event has been committed yet.
    #[error("the database has no events")]
    Empty,
    /// The log is damaged.
    #[error("the log is damaged at block {block_no}, which should contain event {seq}")]
    Damaged {
        /// The block.
        block_no: u64,
        /// The event.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Storage(#[source] StorageError),
}

impl From<LogError> for MarkError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damaged { block_no, seq, why } => Self::Damaged { block_no, seq, why },
            LogError::Storage(StorageError::Closed) => Self::Closed,
            LogError::Storage(error) => Self::Storage(error),
        }
    }
}

impl Convofold {
    /// When an event was committed, by the wall clock of the machine or the host ([`Batch::committed_at`]), to the
    /// millisecond; `None` if there is no event with this seq.
    ///
    /// [`Batch::committed_at`]: crate::Batch::committed_at
    ///
    /// All events of a commit have one time, and no commit has a time before that of the commit before it, even if the clock
    /// was set back or the database was opened again. This is the time at which the database learned of the event, not the
    /// time at which the event happened: an event that a bulk replay read from an old file has the time of the replay.
    ///
    /// The time survives what the event survives: a trim ([`Convofold::trim_log`]), a backup and its restoration, and a
    /// repair as far as blocks can be read. Of commits that were dropped from the log, one a second is kept, so that their
    /// times are rounded up, by less than a second.
    ///
    /// Reads one block of the log.
    ///
    /// # Errors
    /// [`MarkError`] if the log cannot be read, or the database is closed.
    pub fn committed_at(&self, seq: Seq) -> Result<Option<Time>, MarkError> {
        self.with_commit_times(|times| Ok(times.committed_ms(seq)?.map(time)))
    }

    /// The last event that was committed at this time or before: what the database had learned by then. See
    /// [`Convofold::committed_at`].
    ///
    /// An event that is committed later gets a time after `at` if the clock has passed it; so for a time in the past the
    /// answer stays the same, except that a trim can lower it by the events of less than a second.
    ///
    /// Reads about as many blocks as the number of events has binary digits.
    ///
    /// # Errors
    /// [`MarkError::BeforeFirst`] if no event had been committed then, [`MarkError::Empty`] if none has been yet, others if
    /// the log cannot be read or the database is closed.
    pub fn seq_at(&self, at: Time) -> Result<Seq, MarkError> {
        self.with_commit_times(|times| match times.seq_at(at.ms().unsigned_abs())? {
            Some(seq) => Ok(seq),
            None => {
                let first = times.first_ms()?.map(time).ok_or(MarkError::Empty)?;
                Err(MarkError::BeforeFirst { at, first })
            }
        })
    }

    /// When each of these events was committed ([`Convofold::committed_at`]), without those for which the log cannot be read.
    /// Reads each block once.
    #[must_use]
    pub fn committed_at_each(&self, seqs: BTreeSet<Seq>) -> HashMap<Seq, Time> {
        let times = self.with_commit_times(|times| Ok(times.committed_ms_of(seqs.iter().copied())));
        let known = seqs.into_iter().zip(times.unwrap_or_default());
        known.filter_map(|(seq, ms)| Some((seq, time(ms?)))).collect()
    }

    /// Asks again if the log was trimmed, or replaced, meanwhile: blocks that are missing may have been dropped.
    fn with_commit_times<T>(&self, ask: impl Fn(&CommitTimes<'_>) -> Result<T, MarkError>) -> Result<T, MarkError> {
        let shared = self.shared();
        loop {
            let start = shared.log_start.read().clone();
            let storage = LentStorage::of(shared);
            let last_seq = shared.applied_seq.load(Ordering::SeqCst);
            let answer = ask(&CommitTimes { storage: storage.as_ref(), start: &start, last_seq });
            if Arc::ptr_eq(&start, &shared.log_start.read()) {
                return answer;
            }
        }
    }
}

fn time(ms: u64) -> Time {
    i64::try_from(ms).ok().and_then(Time::from_ms).unwrap_or(Time::MAX)
}
