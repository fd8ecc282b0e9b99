//! Messages that cannot be events.

use convofold::ingest::Rejection;

/// Keeps the messages that cannot be events, so that somebody can repair them and publish them again.
///
/// The bookmark moves past a message only after it was kept. While that fails, the partition waits.
pub trait Rejects {
    /// Keeps a message; when this returns, it must survive what the database survives. After a crash or a rollback the same
    /// message can be kept again: stream and sequence number identify it.
    ///
    /// # Errors
    /// [`RejectsError`] if it could not be kept. The follower tries again.
    fn keep(&mut self, rejected: &Rejected) -> Result<(), RejectsError>;
}

impl<R: Rejects + ?Sized> Rejects for Box<R> {
    fn keep(&mut self, rejected: &Rejected) -> Result<(), RejectsError> {
        (**self).keep(rejected)
    }
}

/// A message of which at least one part cannot be an event (rule W5). Its other events were committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The name of the stream.
    pub stream: String,
    /// The sequence number of the message.
    pub seq: u64,
    /// When the broker took it, in milliseconds since the epoch. After a rollback, another message can have its number.
    pub time_ms: i64,
    /// The message.
    pub payload: Vec<u8>,
    /// The number of parts that cannot be events.
    pub count: u64,
    /// The first 100 of them, with position and reason.
    pub rejections: Vec<Rejection>,
}

/// A message could not be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message that cannot be an event cannot be kept: {why}")]
pub struct RejectsError {
    /// What failed, and what to do.
    pub why: String,
}
