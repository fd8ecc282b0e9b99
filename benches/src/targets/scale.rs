//! How much is measured.

use std::path::PathBuf;

/// How much is measured, and where.
#[derive(Clone, Debug, Default)]
pub struct Scale {
    /// Events of a log.
    pub events: u64,
    /// How often everything is measured; the median counts.
    pub rounds: usize,
    /// Open conversations (P4, P5, P6).
    pub open: u64,
    /// Closed conversations beside them (P5, P6).
    pub closed: u64,
    /// Events of the replay that grows (P9).
    pub growth: u64,
    /// Events with the same number of conversations open (P6).
    pub churn: u64,
    /// Where databases and logs are put.
    pub scratch: PathBuf,
    /// A log that is used instead of a generated one.
    pub log: Option<PathBuf>,
}
