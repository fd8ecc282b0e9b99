//! State that the threads of an open database share, and counters.

pub(crate) mod histogram;
pub(crate) mod receipt;
pub(crate) mod reports;
pub(crate) mod counters;
#[cfg(feature = "metrics")]
pub mod metrics;
pub(crate) mod snapshot;
pub(crate) mod wakers;
pub(crate) mod shared;
pub(crate) mod lent_storage;
pub(crate) mod base;
pub(crate) mod erasures;
pub(crate) mod holds;
pub(crate) mod retention;
pub(crate) mod records;
