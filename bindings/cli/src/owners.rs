//! Every owner of every partition of a cluster, for what each of them must do with its own database.

use std::collections::BTreeMap;
use std::sync::mpsc;

use convofold_cluster::ClusterMap;
use convofold_cluster::node::NodeStatus;
use convofold_server::{Client, ClientError};

use crate::across::open_log;
use crate::commands::cluster::{ask, failed};
use crate::console::Console;
use crate::error::{CliError, chain};

/// The owners of all partitions of a log.
pub struct AllOwners {
    cluster: ClusterMap,
    partitions: u32,
    token: Option<String>,
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
        let (_nats, registry) = open_log(url)?;
        let cluster = registry.read().map_err(|error| failed(&error))?;
        let is_overheard = |url: &str| Client::of_url(url, token.as_deref()).is_ok_and(|client| client.is_overheard());
        if token.is_some() && cluster.nodes.values().any(|node| is_overheard(&node.url)) {
            console.note("warning: the token and the answers cross the network in clear: use https");
        }
        Ok(Self { cluster, partitions: registry.partitions().count(), token })
    }

    /// Asks the owners, the nodes at the same time, and each node about one partition after the other: what it does may need room
    /// for a second copy of a database. In the order of the partitions, and of their owners.
    pub fn each<T: Send>(&self, ask_one: impl Fn(&Client) -> Result<T, ClientError> + Sync) -> Vec<OwnerAnswer<T>> {
        let (sender, answers) = mpsc::channel();
        std::thread::scope(|scope| {
            for (node, partitions) in self.by_node() {
                let (sender, ask_one) = (sender.clone(), &ask_one);
                scope.spawn(move || self.ask_node(&node, &partitions, ask_one, &sender));
            }
        });
        drop(sender);
        let mut found: BTreeMap<(u32, String), OwnerAnswer<T>> =
            answers.into_iter().map(|answer| ((answer.partition, answer.node.clone()), answer)).collect();
        let mut ordered = Vec::new();
        for partition in 0..self.partitions {
            let owners = self.cluster.owners.of(partition);
            if owners.is_empty() {
                let outcome = Err("the partition has no owner".to_owned());
                ordered.push(OwnerAnswer { partition, node: String::new(), outcome });
            }
            ordered.extend(owners.iter().filter_map(|node| found.remove(&(partition, node.clone()))));
        }
        ordered
    }

    fn by_node(&self) -> BTreeMap<String, Vec<u32>> {
        let mut by_node = BTreeMap::<String, Vec<u32>>::new();
        for partition in 0..self.partitions {
            for node in self.cluster.owners.of(partition) {
                by_node.entry(node.clone()).or_default().push(partition);
            }
        }
        by_node
    }

    /// Asks a node about its partitions. If it does not answer, none of them does.
    fn ask_node<T>(
        &self,
        node: &str,
        partitions: &[u32],
        ask_one: &(impl Fn(&Client) -> Result<T, ClientError> + Sync),
        answers: &mpsc::Sender<OwnerAnswer<T>>,
    ) {
        let found = self.status_of(node);
        for partition in partitions {
            let outcome = found.as_ref().map_err(Clone::clone).and_then(|(url, status)| {
                if !status.partitions.iter().any(|it| it.partition == *partition) {
                    let why = status.unopened.get(partition).cloned();
                    return Err(why.unwrap_or_else(|| "it has not opened the partition".to_owned()));
                }
                let client = Client::of_url(&format!("{url}/partitions/{partition}"), self.token.as_deref());
                ask_one(&client.map_err(|error| chain(&error))?).map_err(|error| error.words())
            });
            // The receiver waits for all.
            let _ = answers.send(OwnerAnswer { partition: *partition, node: node.to_owned(), outcome });
        }
    }

    /// Where a node is, and what it says about itself.
    fn status_of(&self, node: &str) -> Result<(String, NodeStatus), String> {
        let url = &self.cluster.nodes.get(node).ok_or("it was never started")?.url;
        let status = ask(url, &self.cluster.name, node, self.token.as_deref())?;
        Ok((url.clone(), status))
    }
}

/// Without the token.
impl std::fmt::Debug for AllOwners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AllOwners").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}
