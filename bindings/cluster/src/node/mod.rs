//! A node: one database for each partition that it owns, a thread that follows each, and one server for all.

mod error;
mod identity;
mod known;
mod options;
mod partition;
mod pause;
mod status;
mod comparison;
mod upkeep;
mod alerts;
mod life;

pub use error::NodeError;
pub use known::KnownCluster;
pub use life::Node;
pub use options::NodeOptions;
pub use status::{Different, NodeStatus, NotComparable, PartitionStatus};
