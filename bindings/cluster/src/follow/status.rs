//! What a follower is doing, readable from other threads.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::agree::HashPoint;

/// What a follower is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It has not verified its bookmark yet.
    #[default]
    Starting,
    /// It reads messages.
    Following,
    /// It has read all messages.
    CaughtUp,
    /// The log does not answer, or refuses to; the follower tries again.
    Waiting {
        /// The error.
        why: String,
    },
    /// A message that cannot be an event cannot be kept; the follower tries again.
    Holding {
        /// The error.
        why: String,
    },
    /// It stopped, and somebody must act.
    Stopped {
        /// The error, with what to do.
        why: String,
    },
}

impl State {
    /// Its name in answers: `starting`, `following`, `caught-up`, `waiting`, `holding` or `stopped`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Following => "following",
            Self::CaughtUp => "caught-up",
            Self::Waiting { .. } => "waiting",
            Self::Holding { .. } => "holding",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// Why it waits, holds or has stopped.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Starting | Self::Following | Self::CaughtUp => None,
            Self::Waiting { why } | Self::Holding { why } | Self::Stopped { why } => Some(why),
        }
    }
}

/// Figures of a follower.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Since when, in milliseconds since the epoch.
    pub state_since_ms: i64,
    /// The incarnation of the log that is read ([`LogIdentity::incarnation`](crate::LogIdentity::incarnation)); `None` before the
    /// log was reached for the first time.
    pub incarnation: Option<String>,
    /// The last message that was read and submitted to the database.
    pub seq: u64,
    /// The last message of the log, as far as it is known.
    pub last: u64,
    /// When the broker took the last message that was read, in milliseconds since the epoch.
    pub read_time_ms: Option<i64>,
    /// When the bookmark was verified last, in milliseconds since the epoch.
    pub verified_ms: Option<i64>,
    /// The newest state hashes of the database, each after a message of the log; to be compared with those of the other owners
    /// ([`compare`](crate::compare)). Since the start.
    pub hashes: Vec<HashPoint>,
    /// Number of events that were read, duplicates included ([`Bookmark::events`](crate::Bookmark::events)).
    pub events: u64,
    /// Number of times that the log had lost messages that were read; since the database was made.
    pub rollbacks: u64,
    /// Number of gaps that the operator accepted; since the database was made.
    pub gaps: u64,
    /// Number of verifications that neither proved nor contradicted the bookmark ([`Verification::Unproven`]); since the
    /// start, as all below.
    ///
    /// [`Verification::Unproven`]: crate::Verification::Unproven
    pub unproven: u64,
    /// Number of inputs that cannot be events.
    pub rejected: u64,
    /// Number of inputs that are ignored.
    pub ignored: u64,
    /// Number of messages that were delivered again.
    pub repeated: u64,
    /// Number of times that the log did not answer.
    pub interruptions: u64,
}

impl Status {
    /// Number of messages that are not read yet, as far as it is known.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.last.saturating_sub(self.seq)
    }

    /// How long ago the broker took the last message that was read, at this time by the wall clock, in milliseconds; 0 if all
    /// messages were read, `None` if none was.
    #[must_use]
    pub fn lag_ms(&self, now_ms: i64) -> Option<i64> {
        match self.state {
            State::CaughtUp => Some(0),
            _ => self.read_time_ms.map(|read_ms| now_ms.saturating_sub(read_ms).max(0)),
        }
    }
}

/// Reads the status of a follower from any thread.
#[derive(Clone, Debug, Default)]
pub struct StatusHandle {
    shared: Arc<Mutex<Status>>,
}

impl StatusHandle {
    /// The status now.
    #[must_use]
    pub fn get(&self) -> Status {
        self.shared.lock().clone()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Status) -> T) -> T {
        change(&mut self.shared.lock())
    }
}
