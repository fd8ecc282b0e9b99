//! Measurements of convofold beside what one would write without it, and beside what the machine can do at all.
//!
//! Times are only comparable within one run, because machines differ from minute to minute; so everything takes turns and
//! ratios are shown. What reads memory, or ends by being killed, runs in a process of its own ([`task`]).

#![forbid(unsafe_code)]

pub mod events;
pub mod figure;
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
