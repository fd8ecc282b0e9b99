//! Checkpoints: the state as pages, so that opening does not have to fold the whole log.

pub(crate) mod error;
pub(crate) mod heads;
pub(crate) mod record;
pub(crate) mod recorded;
pub(crate) mod load;
pub(crate) mod write;
