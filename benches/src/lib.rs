//! Measures convofold beside what one would write without it, and beside the limits of the machine.
//!
//! Times are only comparable within one run, because the speed of a machine changes from minute to minute. So
//! everything runs in turns and results are ratios. Code that reads memory use or is killed runs in a process of its
//! own ([`task`]).

#![forbid(unsafe_code)]

pub mod archive;
pub mod bitemporal;
pub mod days;
pub mod events;
pub mod figure;
pub mod hostile;
pub mod limits;
pub mod log;
pub mod machine;
pub mod ours;
pub mod outcome;
pub mod peers;
pub mod population;
pub mod results;
pub mod targets;
pub mod task;
pub mod usage;
