//! Maintenance: backup and restore, repair of a damaged database, trim, compact, erase, legal holds.

pub mod backup;
pub mod repair;
pub(crate) mod trim;
mod beside;
mod copy;
pub(crate) mod disclose;
pub(crate) mod compact;
pub(crate) mod rewrite;
pub mod erase;
pub(crate) mod hold;
pub mod retention;
mod new_store;
