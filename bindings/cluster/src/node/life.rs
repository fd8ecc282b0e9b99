//! The life of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use convofold::Convofold;
use convofold_server::{Mounts, Overview};
use parking_lot::{Mutex, RwLock};

use super::alerts::AlertSender;
use super::comparison::Comparison;
use super::error::NodeError;
use super::known::KnownCluster;
use super::options::NodeOptions;
use super::partition::{Common, OpenPartition};
use super::status::{Different, Finding, NodeStatus, NotComparable, PartitionStatus};
use super::upkeep::Upkeep;
use crate::follow::clock::{Clock, SystemClock};
use crate::follow::status::{State, Status};
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
    /// Where it answers, and whether the others know.
    record: NodeRecord,
    is_announced: AtomicBool,
    /// Ends the comparison with the other owners, and what runs at a time of day.
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
    /// Why the record of the owners is not obeyed.
    owners_problem: Mutex<Option<String>>,
    /// What the comparison with the other owners found.
    findings: Mutex<BTreeMap<u32, Finding>>,
    /// The partitions whose alerts this node sends.
    sending: Mutex<BTreeSet<u32>>,
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
            owners_problem: Mutex::default(),
            findings: Mutex::default(),
            sending: Mutex::default(),
        });
        let owners = match (registry.owners(), KnownCluster::read(&options.server.db, &open.log)) {
            (Ok(owners), _) => owners,
            (Err(error), Ok(Some(known))) if error.is_unreachable() => {
                tracing::error!(%error, version = known.owners.version, "no broker answers: the node has what it had last");
                known.owners
            }
            (Err(error), _) => return Err(error.into()),
        };
        let common = Common {
            nats: nats.clone(),
            registry: registry.clone(),
            parser: options.parser.clone(),
            accepted: options.accepted.clone(),
        };
        let mounts = Mounts::start(options.server.clone(), open.clone())?;
        let record = NodeRecord { url: options.url_at(mounts.address())?, started_ms: SystemClock::default().now_ms() };
        // The thread that looks for changes must not wait for brokers that are away.
        let (registry, ended) = (registry.impatient(), Arc::default());
        let node =
            Self { options, registry, common, open, mounts, record, is_announced: AtomicBool::new(false), ended };
        if let Some(error) = node.follow_owners(&owners, &|_, _| {})?
            && node.open.partitions.read().is_empty()
        {
            return Err(error);
        }
        match node.announce() {
            Err(error) if !error.is_unreachable() => return Err(error.into()),
            // It is tried again.
            _ => tracing::info!(node = node.options.name, url = node.record.url, "the node answers"),
        }
        node.begin_comparison()?;
        node.begin_upkeep()?;
        node.begin_alerts(nats)?;
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
        // A partition that ends waits for its requests, and must not hold up the others.
        std::thread::scope(|scope| {
            let end = |partition: u32, opened: OpenPartition| {
                scope.spawn(move || self.end(partition, opened));
            };
            let mut looked = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_INTERVAL);
                if looked.elapsed() < OWNERS_INTERVAL {
                    continue;
                }
                match self.announce().and_then(|()| self.registry.owners()) {
                    Ok(owners) => self.obey(&owners, &end),
                    // It continues with what it owns.
                    Err(error) => tracing::warn!(%error, "the owners cannot be read"),
                }
                looked = Instant::now();
            }
        });
    }

    /// Tells the others where it answers.
    fn announce(&self) -> Result<(), ClusterError> {
        if !self.is_announced.load(Ordering::Relaxed) {
            self.registry.announce(&self.options.name, &self.record)?;
            self.is_announced.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Opens and closes partitions as this record says, unless brokers with older files have brought back an older one, or none.
    fn obey(&self, owners: &Owners, end: &dyn Fn(u32, OpenPartition)) {
        let outcome = match is_older(owners, self.open.owners_version.load(Ordering::Relaxed)) {
            Some(why) => Err(why),
            None => self.follow_owners(owners, end).map(drop).map_err(|error| error.to_string()),
        };
        let problem = outcome.err();
        let mut known = self.open.owners_problem.lock();
        if let Some(why) = problem.as_ref().filter(|_| *known != problem) {
            tracing::error!(why, "the record of the owners is not obeyed");
        }
        *known = problem;
    }

    /// Opens and closes partitions, so that they are those that the node owns. `end` closes one. Returns why one of them cannot be
    /// opened.
    fn follow_owners(
        &self,
        owners: &Owners,
        end: &dyn Fn(u32, OpenPartition),
    ) -> Result<Option<NodeError>, ClusterError> {
        let count = self.registry.partitions().count();
        if let Some(found) = owners.owners.keys().find(|partition| **partition >= count) {
            return Err(RecordError::Partitions { expected: count, found: found.saturating_add(1) }.into());
        }
        let owned: BTreeSet<u32> = owners.partitions_of(&self.options.name).collect();
        let known: BTreeSet<u32> = self.open.partitions.read().keys().copied().collect();
        for partition in known.difference(&owned) {
            // Closing waits for the thread that follows, and the answers of all partitions take the lock.
            let removed = self.open.partitions.write().remove(partition);
            removed.into_iter().for_each(|opened| end(*partition, opened));
        }
        let memory_bytes = share(self.options.memory_bytes, owners, &self.options.name);
        if self.open.owners_version.swap(owners.version, Ordering::Relaxed) != owners.version {
            self.keep(owners);
        }
        self.open.unopened.lock().retain(|partition, _| owned.contains(partition));
        let mut first_error = None;
        for partition in owned.difference(&known) {
            match self.begin(*partition, memory_bytes) {
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

    /// Keeps what is known of the cluster for a start without brokers.
    fn keep(&self, owners: &Owners) {
        let (name, log) = (self.open.log.clone(), self.registry.log().clone());
        let known = KnownCluster { name, log, owners: owners.clone() };
        if let Err(error) = known.write(&self.options.server.db) {
            tracing::warn!(%error, "the owners cannot be kept: the node will not start without brokers");
        }
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

    /// Not joined: a run can take long, and ends with its database.
    fn begin_upkeep(&self) -> Result<(), NodeError> {
        let upkeep = Upkeep::of(self.mounts.jobs(), Arc::downgrade(&self.open), self.ended.clone());
        let Some(upkeep) = upkeep else { return Ok(()) };
        let thread = std::thread::Builder::new().name("convofold-upkeep".to_owned());
        thread.spawn(move || upkeep.run()).map(drop).map_err(NodeError::Thread)
    }

    /// Not joined: it gives the leases back when the node ends, and they end by themselves.
    fn begin_alerts(&self, nats: &Nats) -> Result<(), NodeError> {
        let jobs = self.mounts.jobs();
        if !jobs.has_alerts() {
            return Ok(());
        }
        let sender = AlertSender {
            nats: nats.clone(),
            registry: self.registry.clone(),
            jobs,
            open: Arc::downgrade(&self.open),
            stop: self.ended.clone(),
            leases: None,
            held: BTreeMap::new(),
        };
        let thread = std::thread::Builder::new().name("convofold-leases".to_owned());
        thread.spawn(move || sender.run()).map(drop).map_err(NodeError::Thread)
    }

    fn begin(&self, partition: u32, memory_bytes: u64) -> Result<(), NodeError> {
        let dir = self.options.dir_of(partition);
        let opened = OpenPartition::open(&self.common, partition, &dir, memory_bytes)?;
        if let Err(error) = self.mounts.mount(&partition.to_string(), opened.db.clone()) {
            // The first error counts.
            let _ = opened.close();
            return Err(error.into());
        }
        self.open.partitions.write().insert(partition, opened);
        Ok(())
    }

    /// Ends the answering for a partition, and closes it. Until then, it cannot be opened again.
    fn end(&self, partition: u32, opened: OpenPartition) {
        opened.stop();
        self.mounts.unmount(&partition.to_string(), self.options.server.grace.0);
        let closed = opened.close();
        tracing::info!(partition, "the node no longer owns the partition; its folder stays");
        if let Err(why) = closed {
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

/// Why a record of the owners is not obeyed by a node that knows a newer one.
fn is_older(owners: &Owners, known: u64) -> Option<String> {
    let found = owners.version;
    (found < known).then(|| {
        format!(
            "the owners have version {found}, and version {known} is known: the brokers have older files. The node keeps its \
             partitions; assign them again, and start the nodes again"
        )
    })
}

/// The memory of a partition: the node's, shared evenly by the partitions that it owns, or would own if all nodes owned as many. A
/// new node is given one partition after the other, and does not know how many there will be.
fn share(memory_bytes: u64, owners: &Owners, node: &str) -> u64 {
    let names = owners.owners.values().flatten();
    let places = names.clone().count();
    let nodes: BTreeSet<&str> = names.map(String::as_str).chain([node]).collect();
    let owned = owners.partitions_of(node).count();
    memory_bytes / owned.max(places.div_ceil(nodes.len())).max(1) as u64
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
            owners_problem: self.owners_problem.lock().clone(),
            unopened: self.unopened.lock().clone(),
            partitions: self.partitions.read().values().map(|it| self.about(it)).collect(),
        }
    }

    fn about(&self, partition: &OpenPartition) -> PartitionStatus {
        let status = partition.status();
        let finding = self.findings.lock().get(&status.partition).cloned();
        let sends_alerts = self.sending.lock().contains(&status.partition);
        PartitionStatus { sends_alerts, ..status.with_finding(finding) }
    }

    /// Keeps what the comparison with the other owners found, and writes to the log what is new.
    pub(super) fn note_findings(&self, found: BTreeMap<u32, Finding>) {
        let mut known = self.findings.lock();
        for (partition, finding) in &found {
            match (known.get(partition), finding) {
                (Some(Finding::Different(_)), Finding::Different(_))
                | (Some(Finding::NotComparable(_)), Finding::NotComparable(_)) => {}
                (_, Finding::Different(Different { node, log_seq, equal_at })) => {
                    tracing::error!(partition, node, log_seq, equal_at, "another owner has another state");
                }
                (_, Finding::NotComparable(NotComparable { node, log_seq })) => {
                    tracing::warn!(
                        partition,
                        node,
                        log_seq,
                        "not comparable: erasures or retention removed something else from another owner"
                    );
                }
            }
        }
        *known = found;
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Keeps of which partitions this node sends the alerts.
    pub(super) fn note_sending(&self, partitions: BTreeSet<u32>) {
        *self.sending.lock() = partitions;
    }

    /// The open partitions: their databases, and what their followers do.
    pub(super) fn followed(&self) -> Vec<(u32, Convofold, Status)> {
        let partitions = self.partitions.read();
        partitions.iter().map(|(partition, opened)| (*partition, opened.db.clone(), opened.follow_status())).collect()
    }

    /// Fails if a partition is not as it should be, or the owners cannot be obeyed.
    fn troubles(&self, of: impl Fn(&PartitionStatus) -> Option<String>) -> Result<(), String> {
        let NodeStatus { partitions, unopened, owners_problem, .. } = self.status();
        let troubled = partitions.iter().filter_map(|it| Some((it.partition, of(it)?)));
        let of_partitions = unopened.into_iter().chain(troubled);
        let of_partitions = of_partitions.map(|(partition, why)| format!("partition {partition}: {why}"));
        let whys: Vec<String> = owners_problem.into_iter().chain(of_partitions).collect();
        if whys.is_empty() { Ok(()) } else { Err(whys.join("; ")) }
    }

    fn of<T>(&self, name: &str, read: impl FnOnce(&OpenPartition) -> T) -> Option<T> {
        let number: u32 = name.parse().ok()?;
        self.partitions.read().get(&number).map(read)
    }
}

impl Overview for Open {
    /// A partition that waits for the log answers questions, so only those count that somebody must act on.
    fn ready(&self) -> Result<(), String> {
        self.troubles(|it| it.is_stopped().then(|| it.why.clone().unwrap_or_default()))
    }

    /// One that waits for long, too.
    fn healthy(&self) -> Result<(), String> {
        self.troubles(PartitionStatus::trouble)
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

    /// What a partition has that stopped, or was not verified yet, may be empty, or of another stream. While no broker answers, one
    /// that has read something says what it had then: the headers say that it waits.
    fn answers(&self, name: &str) -> Result<(), String> {
        let Some(status) = self.of(name, OpenPartition::follow_status) else { return Ok(()) };
        match (status.state, status.verified_ms) {
            (State::Stopped { why }, _) => Err(format!("partition {name} has stopped: {why}")),
            (State::Waiting { .. }, None) if status.seq > 0 => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(version: u64, lists: &[&[&str]]) -> Owners {
        let lists = lists.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Owners { version, owners: (0..).zip(lists).collect() }
    }

    #[test]
    fn an_older_record_of_the_owners_or_none_is_not_obeyed() {
        assert_eq!(is_older(&owners(4, &[&["a"]]), 4), None);
        assert_eq!(is_older(&owners(5, &[&["a"]]), 4), None);
        assert!(is_older(&owners(3, &[&["b"]]), 4).unwrap().contains("have version 3, and version 4 is known"));
        assert!(is_older(&Owners::default(), 1).is_some());
        // A node that has just started knows none.
        assert_eq!(is_older(&Owners::default(), 0), None);
    }

    #[test]
    fn a_node_that_is_given_one_partition_after_the_other_does_not_give_each_all_of_its_memory() {
        let all: Vec<&[&str]> = vec![&["a", "b"]; 12];
        assert_eq!(share(1_200, &owners(1, &all), "a"), 100);
        // Of three nodes, each would own 8.
        assert_eq!(share(1_200, &owners(1, &all), "new"), 150);
        let mut moved = all.clone();
        moved[0] = &["new", "b"];
        assert_eq!(share(1_200, &owners(1, &moved), "new"), 150);
        assert_eq!(share(1_200, &Owners::default(), "a"), 1_200);
    }
}
