//! Who can answer about a partition.

use crate::{ClusterMap, Partitions, RecordError};

/// An owner of a partition that answers questions over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The name of the node.
    pub node: String,
    /// The URL of the node's server.
    pub url: String,
    /// The path of the partition on this server; empty if it has one database only.
    pub path: String,
    /// The log that the server must say that it follows, and itself to be this node; what says something else is no answer.
    /// `None` for a server of one database, whose answers are not checked.
    pub log: Option<String>,
}

/// Knows which nodes own which partitions. It is asked for each question, so an implementation keeps the answer in memory.
pub trait Directory: Send + Sync {
    /// The partitions of the log.
    fn partitions(&self) -> Partitions;

    /// The owners of a partition, in the order in which they are asked.
    fn owners(&self, partition: u32) -> Vec<Owner>;

    /// Reads the owners again, because one of them has not answered, or has said that it is none. Blocks. If they cannot be read, they
    /// stay as they were.
    fn look_again(&self) {}
}

/// Owners that do not change.
#[derive(Clone, Debug)]
pub struct KnownOwners {
    partitions: Partitions,
    owners: Vec<Vec<Owner>>,
}

impl KnownOwners {
    /// The owners of each partition, in the order of the partitions. A partition without any is missing in every answer.
    #[must_use]
    pub fn new(partitions: Partitions, owners: Vec<Vec<Owner>>) -> Self {
        Self { partitions, owners }
    }

    /// The owners of each partition of a cluster. A node that has not told its address is left out.
    ///
    /// # Errors
    /// [`RecordError`] if this version of convofold cannot use the log.
    pub fn of_cluster(map: &ClusterMap) -> Result<Self, RecordError> {
        let partitions = map.partitions()?;
        let owners_of = |partition| {
            let owner = |(node, url): (&str, &str)| Owner {
                node: node.to_owned(),
                url: url.to_owned(),
                path: format!("/partitions/{partition}"),
                log: Some(map.name.clone()),
            };
            map.replicas(partition).into_iter().map(owner).collect()
        };
        Ok(Self { partitions, owners: (0..partitions.count()).map(owners_of).collect() })
    }
}

impl Directory for KnownOwners {
    fn partitions(&self) -> Partitions {
        self.partitions
    }

    fn owners(&self, partition: u32) -> Vec<Owner> {
        self.owners.get(partition as usize).cloned().unwrap_or_default()
    }
}
