//! `convofold cluster status`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use convofold::StateHash;
use convofold_cluster::node::{NodeStatus, PartitionStatus};
use convofold_cluster::{Agreement, ClusterMap, HashPoint, Owners, compare};
use convofold_server::Client;
use serde::Serialize;

use super::{LogArgs, TokenArgs, failed};
use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::output::table::Listing;
use crate::output::{text, time};

/// Show how far each owner of each partition is.
///
/// Prints a table on standard output: one row for each owner of each partition, with what it does, the last message that it
/// has read, its lag, and its state hash. The sum of the hashes of all partitions is that of one machine. Owners that have
/// different states after the same message, and nodes that do not answer, are named on standard error. Owners from which erasures
/// or retention removed something else are not compared, which is named too.
///
/// The exit code is 1 if a partition has no owner that answers, or an owner has stopped or does not follow for more than a minute,
/// and 7 if owners differ.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    token: TokenArgs,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct StatusJson<'a> {
    cluster: &'a ClusterMap,
    nodes: &'a [NodeStatus],
    unreachable: &'a BTreeMap<String, String>,
    without_owner: &'a [u32],
    /// The sum of the state hashes of all partitions.
    hash: Option<StateHash>,
    /// Number of messages that the owner that is furthest behind has not read.
    lag: u64,
    different: &'a [Different],
    not_comparable: &'a [NotComparable],
}

/// Two owners with other states after the same message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Different {
    partition: u32,
    nodes: [String; 2],
    /// The first message after which the states are known to differ.
    log_seq: u64,
    /// The last message before it after which they were equal.
    equal_at: Option<u64>,
}

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two owners from which erasures or retention removed something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct NotComparable {
    partition: u32,
    nodes: [String; 2],
    /// The newest message after which both have a state hash.
    log_seq: u64,
}

/// Asks a node about its partitions. The address may belong to a node of another log by now, which is an error.
pub(crate) fn ask(url: &str, log: &str, node: &str, token: Option<&str>) -> Result<NodeStatus, String> {
    let client = Client::of_url(url, token).map_err(|error| chain(&error))?.patience(PATIENCE);
    let found: NodeStatus = client.partitions().map_err(|error| chain(&error))?;
    if found.node != node || found.log != log {
        return Err(format!("expected node {node} of log {log} at {url}, found {} of {}", found.node, found.log));
    }
    Ok(found)
}

/// Prints who owns what.
pub(super) fn print_owners(owners: &Owners, console: &mut Console) -> Result<(), CliError> {
    let mut listing = Listing::new(&["PARTITION", "OWNERS"]).right(0);
    for (partition, nodes) in &owners.owners {
        listing.row(vec![partition.to_string(), nodes.join(", ")]);
    }
    listing.print(console)
}

impl StatusArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let (_nats, registry) = self.log.open()?;
        let cluster = registry.read().map_err(|error| failed(&error))?;
        let token = self.token.token()?;
        let (nodes, unreachable) = ask_all(&cluster, token.as_deref());
        let of = |partition: u32, node: &str| {
            let found = nodes.iter().find(|it| it.node == node)?;
            found.partitions.iter().find(|it| it.partition == partition)
        };
        let count = registry.partitions().count();
        let owned = |partition: &u32| cluster.owners.of(*partition).iter().any(|node| of(*partition, node).is_some());
        let without_owner: Vec<u32> = (0..count).filter(|partition| !owned(partition)).collect();
        let hash = hash_of_all(&cluster, count, of);
        let lag = nodes.iter().flat_map(|node| &node.partitions).map(|it| it.lag).max().unwrap_or(0);
        let (mut different, mut not_comparable) = (Vec::new(), Vec::new());
        (0..count).for_each(|partition| compare_owners(partition, &nodes, &mut different, &mut not_comparable));
        if self.json {
            console.json(&StatusJson {
                cluster: &cluster,
                nodes: &nodes,
                unreachable: &unreachable,
                without_owner: &without_owner,
                hash,
                lag,
                different: &different,
                not_comparable: &not_comparable,
            })?;
        } else {
            print(&cluster, of, console)?;
            console.flush()?;
            if let Some(hash) = hash {
                console.note(format_args!("state hash of all partitions: {hash}"));
            }
        }
        for (node, why) in &unreachable {
            console.note(format_args!("{node} does not answer: {why}"));
        }
        for partition in &without_owner {
            console.note(format_args!("partition {partition}: no owner answers"));
        }
        for Different { partition, nodes: [one, other], log_seq, .. } in &different {
            console.note(format_args!(
                "partition {partition}: {one} and {other} have different states after message {log_seq} of the log; \
                 `convofold diff` shows where"
            ));
        }
        for NotComparable { partition, nodes: [one, other], .. } in &not_comparable {
            console.note(format_args!(
                "partition {partition}: {one} and {other} are not comparable: erasures differ, or runs of retention; erase from both, or \
                 restore one from a backup of the other"
            ));
        }
        let troubles = troubles(&nodes);
        troubles.iter().for_each(|trouble| console.note(trouble));
        Ok(match () {
            () if !different.is_empty() => Exit::Different,
            () if !troubles.is_empty() || !without_owner.is_empty() => Exit::Failure,
            () => Exit::Success,
        })
    }
}

/// Asks all nodes at the same time.
fn ask_all(cluster: &ClusterMap, token: Option<&str>) -> (Vec<NodeStatus>, BTreeMap<String, String>) {
    let (mut nodes, mut unreachable) = (Vec::new(), BTreeMap::new());
    std::thread::scope(|scope| {
        let asked: Vec<_> = cluster
            .nodes
            .iter()
            .map(|(name, record)| (name, scope.spawn(move || ask(&record.url, &cluster.name, name, token))))
            .collect();
        for (name, asked) in asked {
            match asked.join().unwrap_or_else(|_| Err("the thread that asks failed".to_owned())) {
                Ok(status) => nodes.push(status),
                Err(why) => drop(unreachable.insert(name.clone(), why)),
            }
        }
    });
    (nodes, unreachable)
}

/// The sum of the state hashes that the first owners of the partitions have; `None` if one of them is not known.
fn hash_of_all<'a>(
    cluster: &ClusterMap,
    count: u32,
    of: impl Fn(u32, &str) -> Option<&'a PartitionStatus>,
) -> Option<StateHash> {
    let hash = |partition| Some(cluster.owners.of(partition).iter().find_map(|node| of(partition, node))?.hash);
    let hashes: Option<Vec<StateHash>> = (0..count).map(hash).collect();
    hashes?.into_iter().reduce(StateHash::plus)
}

fn print<'a>(
    cluster: &ClusterMap,
    of: impl Fn(u32, &str) -> Option<&'a PartitionStatus>,
    console: &mut Console,
) -> Result<(), CliError> {
    let headings =
        ["PARTITION", "NODE", "STATE", "SEQ", "LAG", "BEHIND", "CONVERSATIONS", "OPEN", "ROLLBACKS", "HASH", "WHY"];
    let mut listing = [0, 3, 4, 5, 6, 7, 8].into_iter().fold(Listing::new(&headings), Listing::right).ends_in_text();
    for (partition, nodes) in &cluster.owners.owners {
        for node in nodes {
            let mut cells = vec![partition.to_string(), node.clone()];
            match of(*partition, node) {
                None => cells.push("unknown".to_owned()),
                Some(it) => cells.extend([
                    it.state.clone(),
                    text::count(it.log_seq),
                    text::count(it.lag),
                    it.lag_ms.map(time::length).unwrap_or_default(),
                    text::count(it.conversations),
                    text::count(it.open),
                    text::count(it.rollbacks),
                    it.hash.to_string().chars().take(16).collect(),
                    it.why.clone().unwrap_or_default(),
                ]),
            }
            cells.resize(headings.len(), String::new());
            listing.row(cells);
        }
    }
    listing.print(console)
}

/// What somebody should look at.
fn troubles(nodes: &[NodeStatus]) -> Vec<String> {
    let of_node = |node: &NodeStatus| {
        let problem = node.owners_problem.iter().map(|why| format!("{}: {why}", node.node));
        let unopened = node.unopened.iter().map(|(number, why)| format!("partition {number} of {}: {why}", node.node));
        let of = |it: &PartitionStatus| Some(format!("partition {} of {}: {}", it.partition, node.node, it.trouble()?));
        problem.chain(unopened).chain(node.partitions.iter().filter_map(of)).collect::<Vec<_>>()
    };
    nodes.iter().flat_map(of_node).collect()
}

/// Compares the owners of a partition with the first one.
fn compare_owners(
    partition: u32,
    nodes: &[NodeStatus],
    different: &mut Vec<Different>,
    not_comparable: &mut Vec<NotComparable>,
) {
    let of = |node: &'_ NodeStatus| {
        let found = node.partitions.iter().find(|it| it.partition == partition)?;
        Some((node.node.clone(), found.hashes.clone()))
    };
    let owners: Vec<(String, Vec<HashPoint>)> = nodes.iter().filter_map(of).collect();
    let Some(((one, first), others)) = owners.split_first() else { return };
    for (other, hashes) in others {
        let nodes = || [one.clone(), other.clone()];
        match compare(first, hashes) {
            Agreement::Different { log_seq, equal_at } => {
                different.push(Different { partition, nodes: nodes(), log_seq, equal_at });
            }
            Agreement::NotComparable { log_seq } => {
                not_comparable.push(NotComparable { partition, nodes: nodes(), log_seq });
            }
            Agreement::Unknown | Agreement::Equal { .. } => {}
        }
    }
}
