//! The seam between convofold and a distributed log: what a follower needs of one partition.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

/// One partition of a distributed log, as a consumer sees it.
///
/// An implementation blocks, and belongs to one thread. What it must guarantee:
///
/// - Sequence numbers count from 1, without holes between the first and the last message. A log that counts from 0, or an
///   offset, is translated.
/// - A message is delivered once or several times, and never changes, unless the log itself was changed.
/// - **After anything that can change the log** ([`SourceError::Unreachable`] says when), the next call of
///   [`Source::read`] fails once before it returns messages. The follower then verifies its bookmark before it reads on.
///
/// The rules in `testing::RULES` test this.
pub trait Source {
    /// What the log is, and which messages it has.
    ///
    /// # Errors
    /// [`SourceError`]
    fn identity(&mut self) -> Result<LogIdentity, SourceError>;

    /// The mark of the message with this sequence number; `None` if the log does not have it. An answer of a replica that
    /// may be behind is no proof that a message is missing: ask the leader where the broker allows it.
    ///
    /// # Errors
    /// [`SourceError`]
    fn mark(&mut self, seq: u64) -> Result<Option<Mark>, SourceError>;

    /// The messages after this sequence number, at most `max`, in ascending order; all of them were in the log at one
    /// moment. Waits for at most `wait` until there is one, then the list is empty.
    ///
    /// If the log begins later, the first message is the first one of the log. `after` need not be the last message of the
    /// previous call.
    ///
    /// # Errors
    /// [`SourceError`]
    fn read(&mut self, after: u64, max: usize, wait: Duration) -> Result<Vec<Message>, SourceError>;
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn identity(&mut self) -> Result<LogIdentity, SourceError> {
        (**self).identity()
    }

    fn mark(&mut self, seq: u64) -> Result<Option<Mark>, SourceError> {
        (**self).mark(seq)
    }

    fn read(&mut self, after: u64, max: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
        (**self).read(after, max, wait)
    }
}

/// What a log is, and which messages it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    /// The name of the stream, or topic and partition.
    pub name: String,
    /// What is different when a log of this name is made again: the time of its creation (NATS) or its id (Kafka).
    pub incarnation: String,
    /// The first sequence number; `last_seq + 1` if the log has no messages.
    pub first_seq: u64,
    /// The last sequence number that was given to a message, even if that message was trimmed; 0 if there was none.
    pub last_seq: u64,
}

/// What identifies a message among all that ever had its sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The sequence number.
    pub seq: u64,
    /// When the broker took the message, in milliseconds since the epoch.
    pub time_ms: i64,
    /// The XXH3 hash of the payload, 64 bits.
    pub hash: u64,
}

impl Mark {
    /// The mark of a message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self { seq: message.seq, time_ms: message.time_ms, hash: xxh3_64(&message.payload) }
    }
}

/// A message of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The sequence number.
    pub seq: u64,
    /// When the broker took the message, in milliseconds since the epoch.
    pub time_ms: i64,
    /// What was published.
    pub payload: Vec<u8>,
}

/// Why a source has no answer, by who must act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Nobody: the follower tries again. The connection or the session of the consumer was lost, a heartbeat is overdue, the
    /// leader changed, or an answer did not come in time.
    #[error("the log cannot be reached: {why}")]
    Unreachable {
        /// What happened.
        why: String,
    },
    /// The operator: the log does not exist, access is denied, or the server is too old. The follower tries again slowly.
    #[error("the log is refused: {why}")]
    Refused {
        /// What the broker says, and what to do.
        why: String,
    },
    /// A maintainer of the source: the broker's answers make no sense. The follower stops.
    #[error("the log answers what it cannot answer: {why}")]
    Broken {
        /// What was expected, and what was found.
        why: String,
    },
}
