//! What a cluster agrees on: its log, who owns which partition, and where the nodes answer.
//!
//! The records are JSON. With NATS they lie in the key-value bucket of the log; nothing here depends on a broker.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::partition::Partitions;

/// The version of the records.
const VERSION: u32 = 1;
/// The name of [`fnv1a32`](crate::fnv1a32).
const HASH: &str = "fnv1a32";
/// The longest name of a log or a node.
const MAX_NAME_BYTES: usize = 64;

/// The name of a log, from which the names of its streams and subjects follow: letters, digits, `-` and `_`, at most 64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName(String);

impl FromStr for LogName {
    type Err = RecordError;

    fn from_str(name: &str) -> Result<Self, RecordError> {
        check_name("log", name)?;
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl LogName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The stream of a partition.
    #[must_use]
    pub fn stream(&self, partition: u32) -> String {
        format!("CF_{self}_{partition}")
    }

    /// The subject of a partition.
    #[must_use]
    pub fn subject(&self, partition: u32) -> String {
        format!("cf.{self}.{partition}")
    }

    /// The stream of inputs that cannot be events.
    #[must_use]
    pub fn rejects_stream(&self) -> String {
        format!("CF_{self}_rejects")
    }

    /// The subject of inputs that cannot be events.
    #[must_use]
    pub fn rejects_subject(&self) -> String {
        format!("cf.{self}.rejects")
    }

    /// The bucket with the records of the log.
    #[must_use]
    pub fn bucket(&self) -> String {
        format!("CF_{self}")
    }

    /// The bucket with the leases of the log.
    #[must_use]
    pub fn leases_bucket(&self) -> String {
        // No log has a bucket that begins so.
        format!("CFL_{self}")
    }
}

/// What everybody who publishes or follows must know of a log. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// The version of the records.
    pub version: u32,
    /// The number of partitions.
    pub partitions: NonZeroU32,
    /// The name of the function from the id of a conversation to a number, whose remainder is the partition.
    pub hash: String,
}

impl LogRecord {
    /// The record of a new log.
    #[must_use]
    pub fn new(partitions: Partitions) -> Self {
        Self { version: VERSION, partitions: partitions.record(), hash: HASH.to_owned() }
    }

    /// The partitions.
    ///
    /// # Errors
    /// [`RecordError`] if this version of convofold would put conversations into other partitions.
    pub fn partitions(&self) -> Result<Partitions, RecordError> {
        let Self { version, hash, .. } = self;
        if *version != VERSION {
            return Err(RecordError::Version { expected: VERSION, found: *version });
        }
        if hash != HASH {
            return Err(RecordError::Hash { expected: HASH, found: hash.clone() });
        }
        Ok(Partitions::new(self.partitions))
    }
}

/// Which nodes own which partitions. Every owner follows its partitions and answers questions about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// Number of changes.
    pub version: u64,
    /// The nodes of each partition; the first one is asked first.
    pub owners: BTreeMap<u32, Vec<String>>,
}

impl Owners {
    /// Spreads the partitions over these nodes, so that each partition has `copies` owners, and each node is the first owner
    /// of as many partitions as the others, give or take one.
    ///
    /// # Errors
    /// [`RecordError`] if a name is not valid or given twice, or there are fewer nodes than copies.
    pub fn spread(&self, partitions: Partitions, nodes: &[String], copies: usize) -> Result<Self, RecordError> {
        for (at, node) in nodes.iter().enumerate() {
            check_name("node", node)?;
            if nodes.iter().take(at).any(|other| other == node) {
                return Err(RecordError::Owned { node: node.clone() });
            }
        }
        if nodes.len() < copies.max(1) {
            return Err(RecordError::TooFewNodes { expected: copies.max(1), found: nodes.len() });
        }
        let of = |partition: u32| {
            // The second owners differ from round to round, so that the load of a lost node goes to all others.
            let (turn, first) = (partition as usize / nodes.len(), partition as usize % nodes.len());
            let others = nodes.len().saturating_sub(1).max(1);
            let other = |copy: usize| first + 1 + (turn + copy) % others;
            let places = std::iter::once(first).chain((0..copies.saturating_sub(1)).map(other));
            places.filter_map(|place| nodes.get(place % nodes.len()).cloned()).collect()
        };
        let owners = (0..partitions.count()).map(|partition| (partition, of(partition))).collect();
        Ok(Self { version: self.version.saturating_add(1), owners })
    }

    /// Moves a partition from one owner to another node, which takes its place in the order.
    ///
    /// # Errors
    /// [`RecordError`] if `from` does not own the partition, or `to` owns it already.
    pub fn moved(&self, partition: u32, from: &str, to: &str) -> Result<Self, RecordError> {
        check_name("node", to)?;
        let mut moved = self.clone();
        let owners = moved.owners.entry(partition).or_default();
        if owners.iter().any(|owner| owner == to) {
            return Err(RecordError::Owned { node: to.to_owned() });
        }
        let Some(place) = owners.iter_mut().find(|owner| *owner == from) else {
            return Err(RecordError::NotOwned { node: from.to_owned(), partition, owners: owners.join(", ") });
        };
        to.clone_into(place);
        moved.version = self.version.saturating_add(1);
        Ok(moved)
    }

    /// Adds an owner to a partition, as the last one.
    ///
    /// # Errors
    /// [`RecordError`] if it owns the partition already.
    pub fn with(&self, partition: u32, node: &str) -> Result<Self, RecordError> {
        check_name("node", node)?;
        let mut more = self.clone();
        let owners = more.owners.entry(partition).or_default();
        if owners.iter().any(|owner| owner == node) {
            return Err(RecordError::Owned { node: node.to_owned() });
        }
        owners.push(node.to_owned());
        more.version = self.version.saturating_add(1);
        Ok(more)
    }

    /// Removes an owner from a partition.
    ///
    /// # Errors
    /// [`RecordError`] if it does not own the partition.
    pub fn without(&self, partition: u32, node: &str) -> Result<Self, RecordError> {
        let mut fewer = self.clone();
        let owners = fewer.owners.entry(partition).or_default();
        let Some(place) = owners.iter().position(|owner| owner == node) else {
            return Err(RecordError::NotOwned { node: node.to_owned(), partition, owners: owners.join(", ") });
        };
        owners.remove(place);
        fewer.version = self.version.saturating_add(1);
        Ok(fewer)
    }

    /// The nodes of a partition, in the order in which they are asked.
    #[must_use]
    pub fn of(&self, partition: u32) -> &[String] {
        self.owners.get(&partition).map_or(&[], Vec::as_slice)
    }

    /// The partitions of a node.
    pub fn partitions_of<'a>(&'a self, node: &'a str) -> impl Iterator<Item = u32> + 'a {
        let owns = move |owners: &&Vec<String>| owners.iter().any(|owner| owner == node);
        self.owners.iter().filter(move |(_, owners)| owns(owners)).map(|(partition, _)| *partition)
    }
}

/// A node that runs, or ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Where its server answers: `http://HOST:PORT` or `https://HOST:PORT`.
    pub url: String,
    /// When it was started, in milliseconds since the epoch.
    pub started_ms: i64,
}

/// All records of a log at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterMap {
    /// The name of the log.
    pub name: String,
    /// What never changes.
    pub log: LogRecord,
    /// Who owns which partition.
    pub owners: Owners,
    /// The nodes, by name.
    pub nodes: BTreeMap<String, NodeRecord>,
}

impl ClusterMap {
    /// The partitions.
    ///
    /// # Errors
    /// [`RecordError`] if this version of convofold cannot use the log.
    pub fn partitions(&self) -> Result<Partitions, RecordError> {
        self.log.partitions()
    }

    /// The nodes that own a partition and have told their address, with it, in the order in which they are asked.
    #[must_use]
    pub fn replicas(&self, partition: u32) -> Vec<(&str, &str)> {
        let url = |node: &String| self.nodes.get(node).map(|record| record.url.as_str());
        self.owners.of(partition).iter().filter_map(|node| Some((node.as_str(), url(node)?))).collect()
    }
}

/// Checks the name of a log or a node. It becomes a part of subjects, keys and file names.
///
/// # Errors
/// [`RecordError::Name`] with what is allowed.
pub fn check_name(what: &'static str, name: &str) -> Result<(), RecordError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(RecordError::Name { what, found: name.to_owned() })
}

/// Why a record cannot be used or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A name has other characters, or is too long.
    #[error("the name of a {what} has 1 to 64 letters, digits, '-' and '_', found {found:?}")]
    Name {
        /// What it names.
        what: &'static str,
        /// The name.
        found: String,
    },
    /// The records are of another version.
    #[error("the log has records of version {found}, and this version of convofold reads {expected}")]
    Version {
        /// The version that this version of convofold reads.
        expected: u32,
        /// The version of the record.
        found: u32,
    },
    /// The log has other partitions.
    #[error("the log has {found} partitions, expected {expected}: their number is fixed when a log is made")]
    Partitions {
        /// The number that was expected.
        expected: u32,
        /// The number of the log.
        found: u32,
    },
    /// The partition is computed by another function.
    #[error("the log computes partitions by {found:?}, and this version of convofold by {expected:?}")]
    Hash {
        /// The function of this version of convofold.
        expected: &'static str,
        /// The function of the log.
        found: String,
    },
    /// There are not enough nodes.
    #[error("each partition has {expected} owners, so at least {expected} nodes are needed, found {found}")]
    TooFewNodes {
        /// The number of owners.
        expected: usize,
        /// The number of nodes.
        found: usize,
    },
    /// A node would own a partition twice.
    #[error("the node {node} owns the partition already")]
    Owned {
        /// The node.
        node: String,
    },
    /// A node does not own the partition.
    #[error("the node {node} does not own partition {partition}; its owners: {owners}")]
    NotOwned {
        /// The node.
        node: String,
        /// The partition.
        partition: u32,
        /// Its owners.
        owners: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(count: u32) -> Partitions {
        Partitions::new(NonZeroU32::new(count).unwrap())
    }

    fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
        names.map(str::to_owned).to_vec()
    }

    #[test]
    fn the_records_are_the_json_that_other_programs_write() {
        let map: ClusterMap = serde_json::from_str(
            r#"{"name":"chat","log":{"version":1,"partitions":64,"hash":"fnv1a32"},
                "owners":{"version":3,"owners":{"0":["a","b"],"7":["b"]}},
                "nodes":{"a":{"url":"http://10.0.0.1:7878","started_ms":1}}}"#,
        )
        .unwrap();
        assert_eq!(map.partitions().unwrap(), partitions(64));
        assert_eq!(map.log, LogRecord::new(partitions(64)));
        assert_eq!(map.replicas(0), [("a", "http://10.0.0.1:7878")]);
        assert_eq!((map.replicas(7), map.replicas(1)), (vec![], vec![]));
        assert_eq!(map.owners.partitions_of("b").collect::<Vec<_>>(), [0, 7]);
    }

    #[test]
    fn a_log_that_would_put_conversations_elsewhere_is_refused_by_name() {
        let known = LogRecord::new(partitions(8));
        let other = LogRecord { version: 2, ..known.clone() };
        assert_eq!(other.partitions(), Err(RecordError::Version { expected: 1, found: 2 }));
        let other = LogRecord { hash: "murmur2".to_owned(), ..known };
        assert!(matches!(other.partitions(), Err(RecordError::Hash { found, .. }) if found == "murmur2"));
    }

    #[test]
    fn names_are_parts_of_subjects_and_files() {
        assert_eq!("chat-2_b".parse::<LogName>().unwrap().subject(7), "cf.chat-2_b.7");
        for name in ["", "a.b", "a b", "a*", ">", "a/b", "..", &"x".repeat(65)] {
            assert!(matches!(name.parse::<LogName>(), Err(RecordError::Name { .. })), "{name:?}");
        }
    }

    #[test]
    fn partitions_are_spread_evenly_and_no_node_owns_one_twice() {
        for (nodes, copies) in [(1, 1), (2, 2), (3, 2), (5, 3), (16, 2)] {
            let nodes: Vec<String> = (0..nodes).map(|node| format!("n{node}")).collect();
            let owners = Owners::default().spread(partitions(64), &nodes, copies).unwrap();
            assert_eq!(owners.owners.len(), 64);
            for owners in owners.owners.values() {
                let distinct: std::collections::BTreeSet<_> = owners.iter().collect();
                assert_eq!((owners.len(), distinct.len()), (copies, copies), "{owners:?}");
            }
            for place in 0..copies {
                let mut counts = BTreeMap::new();
                owners.owners.values().for_each(|owners| *counts.entry(owners[place].clone()).or_insert(0) += 1);
                let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
                assert!(most - least <= if place == 0 { 1 } else { 64 / nodes.len() }, "{place}: {counts:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_assigned_is_refused_by_name() {
        let spread = |nodes: &[String]| Owners::default().spread(partitions(4), nodes, 2);
        assert!(matches!(spread(&names(["a"])), Err(RecordError::TooFewNodes { expected: 2, found: 1 })));
        assert!(matches!(spread(&names(["a", "a"])), Err(RecordError::Owned { .. })));
        assert!(matches!(spread(&names(["a", "b.c"])), Err(RecordError::Name { .. })));
        let owners = spread(&names(["a", "b"])).unwrap();
        assert!(matches!(owners.moved(0, "c", "d"), Err(RecordError::NotOwned { .. })));
        assert!(matches!(owners.moved(0, "a", "b"), Err(RecordError::Owned { .. })));
        let moved = owners.moved(0, "a", "c").unwrap();
        assert_eq!((moved.of(0), moved.version), (names(["c", "b"]).as_slice(), 2));
        let more = moved.with(0, "a").unwrap();
        assert_eq!(more.of(0), names(["c", "b", "a"]).as_slice());
        assert_eq!(more.without(0, "c").unwrap().of(0), names(["b", "a"]).as_slice());
        assert!(more.with(0, "a").is_err() && more.without(0, "d").is_err());
    }
}
