//! The commands: one file each, its arguments and what it does.

pub mod replay;
pub mod ingest;
pub mod open;
pub mod list;
pub mod agents;
pub mod totals;
pub mod show;
pub mod history;
pub mod explain;
pub mod export;
pub mod hash;
pub mod diff;
pub mod disclose;
pub mod stats;
pub mod suspects;
pub mod report;
pub mod tail;
pub mod trim;
pub mod verify;
pub mod audit;
pub mod backup;
pub mod restore;
pub mod repair;
pub mod generate;
pub mod completions;
pub mod man;
pub mod compact;
pub mod retain;
pub mod erase;
mod erase_copies;
#[cfg(feature = "cluster")]
mod erase_owners;
pub mod hold;
pub mod conflicts;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "serve")]
pub mod token;
#[cfg(feature = "cluster")]
pub mod cluster;
