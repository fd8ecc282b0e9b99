//! Questions across the partitions of a log.

// In the order in which to read them.
mod owners;
#[cfg(feature = "nats")]
mod registered;
mod options;
mod error;
mod answer;
mod asking;
mod numbers;
mod lists;
mod gather;
mod view;
mod export;
mod relay;
#[cfg(feature = "nats")]
mod intake;

pub use answer::{Gathered, Missing, PartitionAnswer};
pub use error::GatherError;
pub use gather::Gather;
pub use options::AskOptions;
pub use owners::{Directory, KnownOwners, Owner};
#[cfg(feature = "nats")]
pub use registered::RegisteredOwners;
pub use view::{GatherView, StateAndArrivals};
