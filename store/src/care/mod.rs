//! Maintenance: backup and restore, repair of a damaged database, trim.

pub mod backup;
pub mod repair;
pub(crate) mod trim;
pub(crate) mod compact;
mod new_store;
