//! Every owner of every partition of a cluster, for what each of them must do with its own database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use convofold_cluster::nats::{Nats, Registry};
use convofold_cluster::node::{NodeStatus, PartitionStatus};
use convofold_cluster::{ClusterMap, LogIdentity, Source as _, SourceError};
use convofold_server::{Client, ClientError};

use crate::across::open_log;
use crate::commands::cluster::{ask, failed};
use crate::console::Console;
use crate::error::{CliError, chain};

/// How long an owner may take to read what the log has.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// The pause between two looks at how far it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The owners of all partitions of a log.
pub struct AllOwners {
    nats: Nats,
    registry: Registry,
    cluster: ClusterMap,
    token: Option<String>,
}

/// Where the log of each partition ended at one time.
#[derive(Debug)]
pub struct LogEnds(BTreeMap<u32, LogIdentity>);

impl LogEnds {
    /// Refuses an owner that lacks messages that the log had. They would come into its database later.
    fn expect_read(&self, status: &PartitionStatus) -> Result<(), String> {
        let PartitionStatus { partition, state, incarnation, log_seq, .. } = status;
        let Some(end) = self.0.get(partition) else { return Ok(()) };
        let is_same = incarnation.as_ref() == Some(&end.incarnation);
        if status.is_following() && is_same && *log_seq >= end.last_seq {
            return Ok(());
        }
        let last = end.last_seq;
        Err(format!("it has not read what the log has: it is {state}, at message {log_seq} of {last}"))
    }
}

/// Refuses an owner that has not opened a partition, or has not read it up to these ends.
fn expect_partition(status: &NodeStatus, partition: u32, ends: Option<&LogEnds>) -> Result<(), String> {
    match (status.partitions.iter().find(|it| it.partition == partition), ends) {
        (Some(found), Some(ends)) => ends.expect_read(found),
        (Some(_), None) => Ok(()),
        (None, _) => {
            let why = status.unopened.get(&partition).cloned();
            Err(why.unwrap_or_else(|| "it has not opened the partition".to_owned()))
        }
    }
}

/// What an owner of a partition answers.
#[derive(Debug)]
pub struct OwnerAnswer<T> {
    /// The partition.
    pub partition: u32,
    /// The name of the node; empty if the partition has no owner.
    pub node: String,
    /// The answer, or why there is none.
    pub outcome: Result<T, String>,
}

impl AllOwners {
    /// Reads who owns the partitions of a log, `nats://HOST:PORT,HOST:PORT/LOG`.
    ///
    /// # Errors
    /// [`CliError`] if the brokers do not answer, or have no such log.
    pub fn of_log(url: &str, token: Option<String>, console: &mut Console) -> Result<Self, CliError> {
        let (nats, registry) = open_log(url)?;
        let cluster = registry.read().map_err(|error| failed(&error))?;
        let is_overheard = |url: &str| Client::of_url(url, token.as_deref()).is_ok_and(|client| client.is_overheard());
        if token.is_some() && cluster.nodes.values().any(|node| is_overheard(&node.url)) {
            console.note("warning: the token and the answers cross the network in clear: use https");
        }
        Ok(Self { nats, registry, cluster, token })
    }

    /// All partitions.
    #[must_use]
    pub fn partitions(&self) -> BTreeSet<u32> {
        (0..self.registry.partitions().count()).collect()
    }

    /// Where the log of each partition ends now.
    ///
    /// # Errors
    /// [`CliError`] if the brokers do not answer.
    pub fn log_ends(&self) -> Result<LogEnds, CliError> {
        let end = |partition| self.nats.source(self.registry.name().stream(partition)).identity();
        let ends = self.partitions().into_iter().map(|partition| Ok((partition, end(partition)?)));
        let ends = ends.collect::<Result<_, SourceError>>();
        ends.map(LogEnds).map_err(|error| failed(&error.into()))
    }

    /// Asks the owners of all partitions, the nodes at the same time, and each node about one partition after the other: what it does
    /// may need room for a second copy of a database. In the order of the partitions, and of their owners.
    pub fn each<T: Send>(&self, ask_one: impl Fn(&Client) -> Result<T, ClientError> + Sync) -> Vec<OwnerAnswer<T>> {
        self.ask(&self.partitions(), None, ask_one)
    }

    /// Asks the owners of these partitions like [`AllOwners::each`], those that follow the log and have read it up to these ends. An
    /// owner that does not get there within some seconds gives no answer.
    pub fn each_that_read<T: Send>(
        &self,
        partitions: &BTreeSet<u32>,
        ends: &LogEnds,
        ask_one: impl Fn(&Client) -> Result<T, ClientError> + Sync,
    ) -> Vec<OwnerAnswer<T>> {
        self.ask(partitions, Some(ends), ask_one)
    }

    /// The owners of now that were not asked: they were none before, or have another address. None of them has an answer.
    ///
    /// # Errors
    /// Why the owners of now are not known.
    pub fn unasked<T>(&self) -> Result<Vec<OwnerAnswer<T>>, String> {
        let now = self.registry.read().map_err(|error| chain(&error))?;
        let found = unasked(&self.cluster, &now, self.partitions());
        let why = "it was not asked: it became an owner meanwhile, or has another address";
        let answer = |(partition, node)| OwnerAnswer { partition, node, outcome: Err(why.to_owned()) };
        Ok(found.into_iter().map(answer).collect())
    }

    fn ask<T: Send>(
        &self,
        partitions: &BTreeSet<u32>,
        ends: Option<&LogEnds>,
        ask_one: impl Fn(&Client) -> Result<T, ClientError> + Sync,
    ) -> Vec<OwnerAnswer<T>> {
        let (sender, answers) = mpsc::channel();
        std::thread::scope(|scope| {
            for (node, partitions) in self.by_node(partitions) {
                let (sender, ask_one) = (sender.clone(), &ask_one);
                scope.spawn(move || self.ask_node(&node, &partitions, ends, ask_one, &sender));
            }
        });
        drop(sender);
        let mut found: BTreeMap<(u32, String), OwnerAnswer<T>> =
            answers.into_iter().map(|answer| ((answer.partition, answer.node.clone()), answer)).collect();
        let mut ordered = Vec::new();
        for partition in partitions.iter().copied() {
            let owners = self.cluster.owners.of(partition);
            if owners.is_empty() {
                let outcome = Err("the partition has no owner".to_owned());
                ordered.push(OwnerAnswer { partition, node: String::new(), outcome });
            }
            ordered.extend(owners.iter().filter_map(|node| found.remove(&(partition, node.clone()))));
        }
        ordered
    }

    fn by_node(&self, partitions: &BTreeSet<u32>) -> BTreeMap<String, Vec<u32>> {
        let mut by_node = BTreeMap::<String, Vec<u32>>::new();
        for partition in partitions {
            for node in self.cluster.owners.of(*partition) {
                by_node.entry(node.clone()).or_default().push(*partition);
            }
        }
        by_node
    }

    /// Asks a node about its partitions. If it does not answer, none of them does.
    fn ask_node<T>(
        &self,
        node: &str,
        partitions: &[u32],
        ends: Option<&LogEnds>,
        ask_one: &(impl Fn(&Client) -> Result<T, ClientError> + Sync),
        answers: &mpsc::Sender<OwnerAnswer<T>>,
    ) {
        let found = self.status_of(node, partitions, ends);
        for partition in partitions {
            let outcome = found.as_ref().map_err(Clone::clone).and_then(|(url, status)| {
                expect_partition(status, *partition, ends)?;
                let client = Client::of_url(&format!("{url}/partitions/{partition}"), self.token.as_deref());
                ask_one(&client.map_err(|error| chain(&error))?).map_err(|error| error.words())
            });
            // The receiver waits for all.
            let _ = answers.send(OwnerAnswer { partition: *partition, node: node.to_owned(), outcome });
        }
    }

    /// Where a node is, and what it says about itself; with ends, when it has read its partitions up to them, or some seconds later.
    fn status_of(
        &self,
        node: &str,
        partitions: &[u32],
        ends: Option<&LogEnds>,
    ) -> Result<(String, NodeStatus), String> {
        let url = &self.cluster.nodes.get(node).ok_or("it was never started")?.url;
        let began = Instant::now();
        loop {
            let status = ask(url, &self.cluster.name, node, self.token.as_deref())?;
            let has_read = partitions.iter().all(|partition| expect_partition(&status, *partition, ends).is_ok());
            if ends.is_none() || has_read || began.elapsed() >= READ_WITHIN {
                return Ok((url.clone(), status));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

/// The owners of now that were none before, or had another address.
fn unasked(before: &ClusterMap, now: &ClusterMap, partitions: BTreeSet<u32>) -> Vec<(u32, String)> {
    let url = |map: &ClusterMap, node: &str| map.nodes.get(node).map(|record| record.url.clone());
    let of = |partition: u32| {
        let is_asked =
            move |node: &String| before.owners.of(partition).contains(node) && url(before, node) == url(now, node);
        let owners = now.owners.of(partition).iter();
        owners.filter(move |node| !is_asked(node)).map(move |node| (partition, node.clone()))
    };
    partitions.into_iter().flat_map(of).collect()
}

/// Without the token.
impl std::fmt::Debug for AllOwners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AllOwners").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(state: &str, incarnation: &str, log_seq: u64) -> PartitionStatus {
        let hash = convofold::StateHash::default();
        serde_json::from_value(json!({
            "partition": 7, "state": state, "incarnation": incarnation, "log_seq": log_seq, "log_last": 9, "lag": 0,
            "lag_ms": 0, "verified_ms": 1, "events": 0, "rollbacks": 0, "gaps": 0, "unproven": 0, "rejected": 0,
            "ignored": 0, "repeated": 0, "interruptions": 0, "conversations": 0, "open": 0, "hash": hash,
        }))
        .unwrap()
    }

    #[test]
    fn an_owner_that_has_not_read_what_the_log_has_does_not_erase() {
        let end =
            LogIdentity { name: "CF_chat_7".to_owned(), incarnation: "new".to_owned(), first_seq: 1, last_seq: 9 };
        let ends = LogEnds([(7, end)].into());
        let expect = |state, incarnation, log_seq| ends.expect_read(&status(state, incarnation, log_seq));
        assert_eq!([9, 10].map(|seq| expect("caught-up", "new", seq)), [Ok(()), Ok(())]);
        assert_eq!(expect("following", "new", 9), Ok(()));
        let behind = "it has not read what the log has: it is following, at message 8 of 9";
        assert_eq!(expect("following", "new", 8), Err(behind.to_owned()));
        for (state, incarnation) in [("waiting", "new"), ("holding", "new"), ("stopped", "new"), ("caught-up", "old")] {
            assert!(expect(state, incarnation, 9).is_err(), "{state} {incarnation}");
        }
        let unverified = PartitionStatus { verified_ms: None, ..status("following", "new", 9) };
        assert!(ends.expect_read(&unverified).is_err());
    }

    #[test]
    fn who_became_an_owner_meanwhile_or_has_another_address_was_not_asked() {
        let at = |url: &str| json!({"url": url, "started_ms": 0});
        let map = |owners: &[&str], url_of_b: &str| -> ClusterMap {
            serde_json::from_value(json!({
                "name": "chat", "log": {"version": 1, "partitions": 1, "hash": "fnv1a32"},
                "owners": {"version": 1, "owners": {"0": owners}}, "nodes": {"a": at("http://a"), "b": at(url_of_b)},
            }))
            .unwrap()
        };
        let before = map(&["a", "b"], "http://b");
        let found =
            |now: ClusterMap| unasked(&before, &now, [0].into()).into_iter().map(|(_, node)| node).collect::<Vec<_>>();
        assert!(found(before.clone()).is_empty() && found(map(&["a"], "http://b")).is_empty());
        assert_eq!(found(map(&["d", "b"], "http://b")), ["d"]);
        assert_eq!(found(map(&["a", "b"], "http://other")), ["b"]);
    }
}
