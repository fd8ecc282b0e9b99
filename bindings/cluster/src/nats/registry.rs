//! The records of a log in its bucket.

use std::collections::BTreeMap;
use std::time::Duration;

use super::connection::Nats;
use super::error::ClusterError;
use super::kv::Bucket;
use crate::partition::Partitions;
use crate::records::{ClusterMap, LogName, LogRecord, NodeRecord, Owners, RecordError, check_name};

const LOG: &str = "log";
const OWNERS: &str = "owners";
const NODE: &str = "node";

/// Reads and changes what a cluster agrees on: the keys `log`, `owners` and `node.NAME` of the bucket `CF_LOG`.
///
/// It blocks, and asks for up to 30 s while the brokers have no leader.
#[derive(Clone)]
pub struct Registry {
    bucket: Bucket,
    name: LogName,
    log: LogRecord,
    partitions: Partitions,
}

impl Registry {
    /// The records of a log.
    ///
    /// # Errors
    /// [`ClusterError::NotFound`] if nobody has made it, [`ClusterError::Record`] if this version of convofold would put
    /// conversations into other partitions.
    pub fn open(nats: &Nats, name: &LogName) -> Result<Self, ClusterError> {
        let bucket = Bucket::of(nats, name);
        let not_found = || ClusterError::NotFound { log: name.to_string() };
        let log: LogRecord = bucket.get(LOG)?.ok_or_else(not_found)?.value;
        let partitions = log.partitions()?;
        Ok(Self { bucket, name: name.clone(), log, partitions })
    }

    /// The records of a log of which this is known, for who starts while no broker answers. It asks once only.
    ///
    /// # Errors
    /// [`ClusterError::Record`] as for [`Registry::open`].
    pub fn known(nats: &Nats, name: &LogName, log: LogRecord) -> Result<Self, ClusterError> {
        let partitions = log.partitions()?;
        Ok(Self { bucket: Bucket::of(nats, name), name: name.clone(), log, partitions }.impatient())
    }

    /// Writes the record of a new log into its bucket, or checks that the record there is the same.
    pub(super) fn create(nats: &Nats, name: &LogName, partitions: Partitions) -> Result<Self, ClusterError> {
        let bucket = Bucket::of(nats, name);
        match bucket.put(LOG, &LogRecord::new(partitions), Some(0)) {
            Ok(()) | Err(ClusterError::Changed { .. }) => {}
            Err(error) => return Err(error),
        }
        let found = Self::open(nats, name)?;
        if found.partitions != partitions {
            let (expected, found) = (partitions.count(), found.partitions.count());
            return Err(RecordError::Partitions { expected, found }.into());
        }
        Ok(found)
    }

    /// The same, which asks once only: for who asks again later.
    #[must_use]
    pub fn impatient(&self) -> Self {
        let mut impatient = self.clone();
        impatient.bucket.patience = Duration::ZERO;
        impatient
    }

    /// The name of the log.
    #[must_use]
    pub fn name(&self) -> &LogName {
        &self.name
    }

    /// What never changes.
    #[must_use]
    pub fn log(&self) -> &LogRecord {
        &self.log
    }

    /// The partitions of the log.
    #[must_use]
    pub fn partitions(&self) -> Partitions {
        self.partitions
    }

    /// The number of replicas of the bucket.
    pub(super) fn replicas(&self) -> Result<u32, ClusterError> {
        self.bucket.replicas()
    }

    /// All records now.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn read(&self) -> Result<ClusterMap, ClusterError> {
        Ok(ClusterMap {
            name: self.name.to_string(),
            log: self.log.clone(),
            owners: self.owners()?,
            nodes: self.nodes()?,
        })
    }

    /// Who owns which partition now.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn owners(&self) -> Result<Owners, ClusterError> {
        Ok(self.bucket.get(OWNERS)?.map(|entry| entry.value).unwrap_or_default())
    }

    /// Changes who owns which partition, unless somebody else changes it at the same time. Returns what it was changed to.
    ///
    /// # Errors
    /// [`ClusterError::Changed`] then; [`ClusterError::Record`] if `change` fails.
    pub fn change_owners(
        &self,
        change: impl FnOnce(&Owners) -> Result<Owners, RecordError>,
    ) -> Result<Owners, ClusterError> {
        let (owners, revision) =
            self.bucket.get(OWNERS)?.map_or((Owners::default(), 0), |entry| (entry.value, entry.revision));
        let changed = change(&owners)?;
        match self.bucket.put(OWNERS, &changed, Some(revision)) {
            // The answer to an earlier attempt was lost.
            Err(ClusterError::Changed { .. }) if self.owners()? == changed => Ok(changed),
            outcome => outcome.map(|()| changed),
        }
    }

    /// The nodes that were ever started, by name.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn nodes(&self) -> Result<BTreeMap<String, NodeRecord>, ClusterError> {
        let mut nodes = BTreeMap::new();
        for key in self.bucket.keys(NODE)? {
            let Some((_, name)) = key.split_once('.') else { continue };
            if let Some(entry) = self.bucket.get(&key)? {
                nodes.insert(name.to_owned(), entry.value);
            }
        }
        Ok(nodes)
    }

    /// Writes where a node answers.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn announce(&self, node: &str, record: &NodeRecord) -> Result<(), ClusterError> {
        check_name("node", node)?;
        self.bucket.put(&format!("{NODE}.{node}"), record, None)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("log", &self.name)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
