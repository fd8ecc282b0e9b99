//! Maintenance: backup and restore, repair of a damaged database, dropping the beginning of the log.

pub mod backup;
pub mod repair;
pub(crate) mod trim;
mod new_store;
