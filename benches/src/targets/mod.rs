//! What issue 4 asks for, P1 to P9, each measured as it says.

pub mod live;
pub mod replay;

use std::path::PathBuf;

/// How much is measured, and where.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Events of a log.
    pub events: u64,
    /// How often everything is measured; the median counts.
    pub rounds: usize,
    /// Where databases and logs are put.
    pub scratch: PathBuf,
    /// A log that is used instead of a generated one.
    pub log: Option<PathBuf>,
}
