//! Questions across the partitions of a log.

// In the order in which to read them.
mod owners;
mod options;
mod error;
mod answer;
mod asking;
mod numbers;
mod lists;
mod gather;
mod view;
mod relay;

pub use answer::{Gathered, Missing, PartitionAnswer};
pub use error::GatherError;
pub use gather::Gather;
pub use options::AskOptions;
pub use owners::{Directory, KnownOwners, Owner};
pub use view::{GatherView, StateAndArrivals};
