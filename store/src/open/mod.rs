//! From a directory to an open database: lock, safety copy, storage, checkpoint, log.

pub(crate) mod error;
mod evicted;
pub(crate) mod report;
pub(crate) mod directory;
pub(crate) mod safety_copy;
pub(crate) mod recovery;
pub(crate) mod opening;
