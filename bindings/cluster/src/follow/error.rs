//! Why a follower stops.

use convofold::{CommitError, SubmitError};

use super::bookmark::BookmarkError;
use crate::log::SourceError;

/// Why a follower stops. All that was committed stays, and the database answers questions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// Messages that were not read are no longer in the log.
    #[error(
        "gap: {stream} has no message from {expected} on before {first}. Replace the database by a backup of this partition that \
         has read to {expected} or further, or accept the gap"
    )]
    Gap {
        /// The name of the stream.
        stream: String,
        /// The first message that may be missing.
        expected: u64,
        /// The first message after the gap.
        first: u64,
    },
    /// The log was deleted and made again, or is a log of another name.
    #[error(
        "another stream: the database follows {expected}, and the log is {found}. Correct the address, or accept the new stream, \
         which is then read from its first message; the database keeps what it has"
    )]
    AnotherStream {
        /// The name and incarnation that the database follows.
        expected: String,
        /// Those of the log.
        found: String,
    },
    /// What the operator accepts is not why the follower stopped.
    #[error("nothing to accept: {why}")]
    NotStopped {
        /// Why it stopped, or that it did not.
        why: String,
    },
    /// The bookmark cannot be read.
    #[error(transparent)]
    Bookmark(#[from] BookmarkError),
    /// The answers of the broker make no sense.
    #[error(transparent)]
    Source(SourceError),
    /// The database accepts no events.
    #[error("the database accepts no events")]
    Submit(#[source] Box<SubmitError>),
    /// Events were not committed.
    #[error("the database has not committed events")]
    Commit(#[from] CommitError),
}

impl From<SubmitError> for FollowError {
    fn from(error: SubmitError) -> Self {
        Self::Submit(Box::new(error))
    }
}
