//! The life of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use convofold_server::{Mounts, Overview};
use parking_lot::{Mutex, RwLock};

use super::comparison::Comparison;
use super::error::NodeError;
use super::options::NodeOptions;
use super::partition::{Common, OpenPartition};
use super::status::{Different, NodeStatus, PartitionStatus};
use crate::follow::clock::{Clock, SystemClock};
use crate::follow::status::State;
use crate::headers;
use crate::nats::{ClusterError, Nats, Registry};
use crate::records::{NodeRecord, Owners, RecordError, check_name};

/// How often a node looks which partitions it owns.
const OWNERS_INTERVAL: Duration = Duration::from_secs(1);
/// How often it looks whether to stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// The part of the grace period that is kept for closing the databases.
const CLOSE_PART: u32 = 2;

/// A process that owns partitions of a log: it follows each in a database of its own, and answers questions about them over
/// HTTP. Which partitions it owns is a record of the cluster, which it reads every second.
///
/// The methods block.
pub struct Node {
    options: NodeOptions,
    registry: Registry,
    common: Common,
    open: Arc<Open>,
    mounts: Mounts,
    /// Ends the comparison with the other owners.
    ended: Arc<AtomicBool>,
}

/// What the server says about the node.
pub(super) struct Open {
    name: String,
    log: String,
    owners_version: AtomicU64,
    partitions: RwLock<BTreeMap<u32, OpenPartition>>,
    /// The partitions that cannot be opened, and why.
    unopened: Mutex<BTreeMap<u32, String>>,
    /// Other owners with other states.
    different: Mutex<BTreeMap<u32, Different>>,
}

impl Node {
    /// Opens the partitions that the node owns, begins to follow, answers, and tells the others its address.
    ///
    /// A partition that cannot be opened is tried again, unless that is so for all of them.
    ///
    /// # Errors
    /// [`NodeError`]
    pub fn start(nats: &Nats, registry: &Registry, options: NodeOptions) -> Result<Self, NodeError> {
        check_name("node", &options.name).map_err(ClusterError::from)?;
        let open = Arc::new(Open {
            name: options.name.clone(),
            log: registry.name().to_string(),
            owners_version: AtomicU64::new(0),
            partitions: RwLock::default(),
            unopened: Mutex::default(),
            different: Mutex::default(),
        });
        let owners = registry.owners()?;
        let share = owners.partitions_of(&options.name).count().max(1) as u64;
        let common = Common {
            nats: nats.clone(),
            registry: registry.clone(),
            parser: options.parser.clone(),
            memory_bytes: options.memory_bytes / share,
            accepted: options.accepted.clone(),
        };
        let mounts = Mounts::start(options.server.clone(), open.clone())?;
        let record = NodeRecord { url: options.url_at(mounts.address())?, started_ms: SystemClock::default().now_ms() };
        let name = options.name.clone();
        // The thread that looks for changes must not wait for brokers that are away.
        let node = Self { options, registry: registry.impatient(), common, open, mounts, ended: Arc::default() };
        if let Some(error) = node.follow_owners(&owners)?
            && node.open.partitions.read().is_empty()
        {
            return Err(error);
        }
        registry.announce(&name, &record)?;
        tracing::info!(node = name, url = record.url, "the node answers");
        node.begin_comparison()?;
        node.mounts.tell_ready();
        Ok(node)
    }

    /// The address on which it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.mounts.address()
    }

    /// What it says about its partitions.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        self.open.status()
    }

    /// Follows until `stop` is true, also when partitions are given to the node or taken from it. A partition that cannot be
    /// opened is tried again.
    pub fn run(&self, stop: &AtomicBool) {
        let mut looked = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK_INTERVAL);
            if looked.elapsed() < OWNERS_INTERVAL {
                continue;
            }
            match self.registry.owners() {
                Ok(owners) => {
                    if let Err(error) = self.follow_owners(&owners) {
                        tracing::error!(%error, "the owners are not those of this log");
                    }
                }
                // It continues with what it owns.
                Err(error) => tracing::warn!(%error, "the owners cannot be read"),
            }
            looked = Instant::now();
        }
    }

    /// Opens and closes partitions, so that they are those that the node owns. Returns why one of them cannot be opened.
    fn follow_owners(&self, owners: &Owners) -> Result<Option<NodeError>, ClusterError> {
        let count = self.registry.partitions().count();
        if let Some(found) = owners.owners.keys().find(|partition| **partition >= count) {
            return Err(RecordError::Partitions { expected: count, found: found.saturating_add(1) }.into());
        }
        let owned: BTreeSet<u32> = owners.partitions_of(&self.options.name).collect();
        let known: BTreeSet<u32> = self.open.partitions.read().keys().copied().collect();
        known.difference(&owned).for_each(|partition| self.end(*partition));
        self.open.owners_version.store(owners.version, Ordering::Relaxed);
        self.open.unopened.lock().retain(|partition, _| owned.contains(partition));
        let mut first_error = None;
        for partition in owned.difference(&known) {
            match self.begin(*partition) {
                Ok(()) => {
                    self.open.unopened.lock().remove(partition);
                    tracing::info!(partition, "the node follows the partition");
                }
                Err(error) => {
                    let why = error.to_string();
                    let before = self.open.unopened.lock().insert(*partition, why.clone());
                    // It is tried again every second.
                    if before.is_none_or(|before| before != why) {
                        tracing::error!(
                            partition,
                            error = &error as &dyn std::error::Error,
                            "a partition cannot be opened"
                        );
                    }
                    first_error = first_error.or(Some(error));
                }
            }
        }
        Ok(first_error)
    }

    /// Not joined: it may wait for another node that does not answer.
    fn begin_comparison(&self) -> Result<(), NodeError> {
        let comparison = Comparison {
            registry: self.registry.clone(),
            token: self.options.token.clone(),
            open: Arc::downgrade(&self.open),
            stop: self.ended.clone(),
        };
        let thread = std::thread::Builder::new().name("convofold-compare".to_owned());
        thread.spawn(move || comparison.run()).map(drop).map_err(NodeError::Thread)
    }

    fn begin(&self, partition: u32) -> Result<(), NodeError> {
        let opened = OpenPartition::open(&self.common, partition, &self.options.dir_of(partition))?;
        if let Err(error) = self.mounts.mount(&partition.to_string(), opened.db.clone()) {
            // The first error counts.
            let _ = opened.close();
            return Err(error.into());
        }
        self.open.partitions.write().insert(partition, opened);
        Ok(())
    }

    fn end(&self, partition: u32) {
        self.mounts.unmount(&partition.to_string(), self.options.server.grace.0);
        // Closing waits for the thread that follows, and the answers of all partitions take the lock.
        let removed = self.open.partitions.write().remove(&partition);
        let closed = removed.map(OpenPartition::close);
        tracing::info!(partition, "the node no longer owns the partition; its folder stays");
        if let Some(Err(why)) = closed {
            tracing::error!(why, "a partition was not closed cleanly");
        }
    }

    /// Finishes requests, waits until everything that was read is durable, and closes the databases.
    ///
    /// # Errors
    /// [`NodeError::Close`]
    pub fn close(self) -> Result<(), NodeError> {
        let Self { open, mounts, options, ended, .. } = self;
        ended.store(true, Ordering::Relaxed);
        open.partitions.read().values().for_each(OpenPartition::stop);
        mounts.stop(options.server.grace.0 / CLOSE_PART);
        let partitions = std::mem::take(&mut *open.partitions.write());
        let why: Vec<String> = std::thread::scope(|scope| {
            let closing: Vec<_> = partitions.into_values().map(|it| scope.spawn(move || it.close())).collect();
            let failed = |_| Err("a thread failed".to_owned());
            closing.into_iter().filter_map(|closing| closing.join().unwrap_or_else(failed).err()).collect()
        });
        if why.is_empty() { Ok(()) } else { Err(NodeError::Close { why }) }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Open {
    pub(super) fn status(&self) -> NodeStatus {
        NodeStatus {
            node: self.name.clone(),
            log: self.log.clone(),
            owners_version: self.owners_version.load(Ordering::Relaxed),
            unopened: self.unopened.lock().clone(),
            partitions: self.partitions.read().values().map(|it| self.about(it)).collect(),
        }
    }

    fn about(&self, partition: &OpenPartition) -> PartitionStatus {
        let mut status = partition.status();
        status.different = self.different.lock().get(&status.partition).cloned();
        status
    }

    /// Keeps the other owners with other states, and raises an alarm in the log for new ones.
    pub(super) fn note_different(&self, found: BTreeMap<u32, Different>) {
        let mut known = self.different.lock();
        for (partition, Different { node, log_seq, equal_at }) in &found {
            if !known.contains_key(partition) {
                tracing::error!(partition, node, log_seq, equal_at, "another owner has another state");
            }
        }
        *known = found;
    }

    fn of<T>(&self, name: &str, read: impl FnOnce(&OpenPartition) -> T) -> Option<T> {
        let number: u32 = name.parse().ok()?;
        self.partitions.read().get(&number).map(read)
    }
}

impl Overview for Open {
    /// A partition that waits for the log answers questions, so only those count that somebody must act on.
    fn ready(&self) -> Result<(), String> {
        let status = self.status();
        let stopped = status.partitions.iter().filter(|it| it.is_stopped());
        let stopped = stopped.map(|it| (it.partition, it.why.clone().unwrap_or_default()));
        let whys: Vec<String> = self
            .unopened
            .lock()
            .clone()
            .into_iter()
            .chain(stopped)
            .map(|(partition, why)| format!("partition {partition}: {why}"))
            .collect();
        if whys.is_empty() { Ok(()) } else { Err(whys.join("; ")) }
    }

    fn metrics(&self) -> String {
        self.status().metrics()
    }

    fn about(&self, name: Option<&str>) -> Option<String> {
        match name {
            None => serde_json::to_string(&self.status()).ok(),
            Some(name) => serde_json::to_string(&self.of(name, |it| self.about(it))?).ok(),
        }
    }

    /// What a partition has that stopped, or was not verified yet, may be empty, or of another stream.
    fn answers(&self, name: &str) -> Result<(), String> {
        let Some(status) = self.of(name, OpenPartition::follow_status) else { return Ok(()) };
        match (status.state, status.verified_ms) {
            (State::Stopped { why }, _) => Err(format!("partition {name} has stopped: {why}")),
            (_, None) => Err(format!("partition {name} has not been verified since the start of the node")),
            _ => Ok(()),
        }
    }

    fn headers(&self, name: &str) -> Vec<(&'static str, String)> {
        let mut said = vec![(headers::NODE, self.name.clone()), (headers::LOG, self.log.clone())];
        let Some(status) = self.of(name, OpenPartition::follow_status) else { return said };
        let now_ms = SystemClock::default().now_ms();
        let age_ms = status.verified_ms.map(|ms| now_ms.saturating_sub(ms).max(0));
        said.extend([
            (headers::STATE, status.state.name().to_owned()),
            (headers::LOG_SEQ, status.seq.to_string()),
            (headers::LAG, status.lag().to_string()),
        ]);
        said.extend(status.lag_ms(now_ms).map(|ms| (headers::LAG_MS, ms.to_string())));
        said.extend(age_ms.map(|ms| (headers::VERIFIED_AGE_MS, ms.to_string())));
        said
    }
}
