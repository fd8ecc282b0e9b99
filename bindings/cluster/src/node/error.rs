//! Why a node does not start, or does not end well.

use std::path::PathBuf;

use convofold::OpenError;
use convofold_server::ServeError;

use crate::follow::error::FollowError;
use crate::nats::ClusterError;

/// Why a node did not start, or did not end as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The log cannot be used.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The server did not start.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Others need an address under which they reach the node.
    #[error("the node listens on all addresses of the machine: say under which URL others reach it")]
    NoUrl,
    /// The database of a partition cannot be opened.
    #[error("cannot open partition {partition} in {}", dir.display())]
    Open {
        /// The partition.
        partition: u32,
        /// The folder.
        dir: PathBuf,
        /// Why.
        #[source]
        source: Box<OpenError>,
    },
    /// The database has events that are not of the partition of the log. Nothing was read into it.
    #[error(
        "the database of partition {partition} in {} belongs to another log: expected {expected}, found {found}. Move the folder away, \
         and the partition is read from a backup or from the first message of the log", dir.display()
    )]
    OtherLog {
        /// The partition.
        partition: u32,
        /// The folder.
        dir: PathBuf,
        /// The log and its record.
        expected: String,
        /// What the database says.
        found: String,
    },
    /// The database of a partition takes no bookmark.
    #[error("cannot note the log in the database of partition {partition}: {why}")]
    NotNoted {
        /// The partition.
        partition: u32,
        /// Why.
        why: String,
    },
    /// The follower of a partition cannot be made.
    #[error("cannot follow partition {partition}")]
    Follow {
        /// The partition.
        partition: u32,
        /// Why.
        #[source]
        source: Box<FollowError>,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// Databases were not closed cleanly. Everything that was committed is kept.
    #[error("partitions were not closed cleanly: {}", why.join("; "))]
    Close {
        /// The partitions, with the reasons.
        why: Vec<String>,
    },
}
