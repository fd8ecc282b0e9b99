//! Errors of a run of retention.

use super::rules::NeedsLog;
use crate::care::rewrite::RewriteError;
use crate::care::trim::TrimError;
use crate::open::error::OpenError;
use crate::write::error::CloseError;

/// Why a run of retention removed nothing, or not everything. The log may have been trimmed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetainError {
    /// The rules do not fit together. Nothing has changed.
    #[error(transparent)]
    Rules(#[from] NeedsLog),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log was not trimmed. Nothing has changed, except with [`TrimError::Commit`].
    #[error(transparent)]
    Trim(#[from] TrimError),
    /// The database could not be closed after the run, which is complete.
    #[error("the database could not be closed after the run")]
    Close(#[from] CloseError),
    /// The storage was not written again. With [`RewriteError::Remains`], the run is complete.
    #[error(transparent)]
    Rewrite(RewriteError),
    /// The copy would not be what the rules say, so it is not used.
    #[error("the run would leave something: {what}")]
    Left {
        /// What.
        what: String,
    },
}

/// Whatever ends a rewriting.
impl<E> From<E> for RetainError
where
    RewriteError: From<E>,
{
    fn from(error: E) -> Self {
        Self::Rewrite(error.into())
    }
}
