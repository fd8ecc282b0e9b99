//! Why a checkpoint cannot be used.

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::storage::StorageError;

/// Why a checkpoint could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// The state was folded by other rules.
    #[error("it was folded by rules {found}, this version has rules {expected}")]
    FoldVersion {
        /// The rules of this version.
        expected: u32,
        /// Those of the checkpoint.
        found: u32,
    },
    /// Its record is damaged.
    #[error("its record is damaged: {0}")]
    Record(Damage),
    /// One of its pages is damaged.
    #[error("page {page_no} is damaged: {why}")]
    Page {
        /// Which page.
        page_no: u32,
        /// What is wrong with it.
        why: Damage,
    },
    /// Its pages are whole but not those it was made of.
    #[error("its pages are not those it was made of")]
    OtherPages,
    /// The log does not have the block after which it was made.
    #[error("the log does not have the block after which it was made")]
    OtherLog,
}

pub(crate) enum LoadError {
    Skip(SkipReason),
    /// The checkpoint knows of events that the log no longer has.
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
