//! Reasons why a checkpoint is unusable.

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::storage::StorageError;

/// Why a checkpoint is unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Another fold version wrote it.
    #[error("expected fold version {expected}, found {found}")]
    FoldVersion {
        /// The fold version of this version of convofold.
        expected: u32,
        /// The fold version of the checkpoint.
        found: u32,
    },
    /// Its record is damaged.
    #[error("the record is damaged: {0}")]
    Record(Damage),
    /// One of its pages is damaged.
    #[error("page {page_no} is damaged: {why}")]
    Page {
        /// Number of the page, from 0.
        page_no: u32,
        /// The damage.
        why: Damage,
    },
    /// Its pages are intact, but belong to another checkpoint.
    #[error("the pages belong to another checkpoint")]
    OtherPages,
    /// The log does not contain the checkpoint's last block.
    #[error("the log does not contain the last block of the checkpoint")]
    OtherLog,
}

pub(crate) enum LoadError {
    Skip(SkipReason),
    /// The checkpoint contains events that the log does not.
    Shortened {
        expected: Seq,
        found: Seq,
    },
    Storage(StorageError),
}

impl From<SkipReason> for LoadError {
    fn from(why: SkipReason) -> Self {
        Self::Skip(why)
    }
}

impl From<StorageError> for LoadError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
