//! The sizes of the measurements.

use std::path::PathBuf;

/// The sizes of the measurements, and the directory.
#[derive(Clone, Debug, Default)]
pub struct Scale {
    /// Number of events in a log.
    pub events: u64,
    /// Number of rounds; results are medians.
    pub rounds: usize,
    /// Number of open conversations (P4, P5, P6).
    pub open: u64,
    /// Number of closed conversations beside them (P5, P6).
    pub closed: u64,
    /// Number of events in the long replay (P9).
    pub growth: u64,
    /// Number of events with a constant number of open conversations (P6).
    pub churn: u64,
    /// Number of events in the database that is opened cold (P4).
    pub cold: u64,
    /// Number of events of the longest conversation that costs most (growth).
    pub hostile: u64,
    /// Directory for databases and logs.
    pub scratch: PathBuf,
    /// A log to use instead of a generated one.
    pub log: Option<PathBuf>,
}
