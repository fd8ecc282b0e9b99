//! Measurements of convofold beside what one would write without it.
//!
//! Every peer does the same job on the same file: parse, deduplicate by identity, append to a log, keep the same fields
//! of every conversation, and be able to list the open ones by agent, with everything durable at the end. Times are only
//! comparable within one run, because machines differ from minute to minute; so peers take turns and ratios are shown.

pub mod log;
pub mod ours;
pub mod outcome;
pub mod sqlite;
