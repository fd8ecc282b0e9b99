//! Whether the other owners of a node's partitions have the same states.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use convofold_server::Client;

use super::life::Open;
use super::pause::pause;
use super::status::{Different, Finding, NodeStatus, NotComparable};
use crate::agree::{Agreement, compare};
use crate::nats::Registry;
use crate::records::{ClusterMap, Owners};

/// How often the other owners are asked.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long another node may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the other owners of the partitions of a node for their state hashes, from time to time.
pub(super) struct Comparison {
    pub(super) registry: Registry,
    /// The token for the other nodes.
    pub(super) token: Option<String>,
    /// The node; it may have ended.
    pub(super) open: Weak<Open>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Comparison {
    /// Compares until the node ends. Another node that does not answer holds up only this thread.
    pub(super) fn run(&self) {
        while pause(&self.stop, INTERVAL) {
            let Some(open) = self.open.upgrade() else { return };
            let own = open.status();
            drop(open);
            let Ok(cluster) = self.registry.read() else { continue };
            let others = self.others(&own, &cluster);
            let Some(open) = self.open.upgrade() else { return };
            open.note_findings(findings(&own, &others, &cluster.owners));
        }
    }

    /// What the other owners of the partitions say. Those that do not answer are asked again next time.
    fn others(&self, own: &NodeStatus, cluster: &ClusterMap) -> Vec<NodeStatus> {
        let partitions = own.partitions.iter().map(|it| it.partition);
        let owners: BTreeSet<&String> = partitions.flat_map(|partition| cluster.owners.of(partition)).collect();
        let ask = |owner: &String| {
            let url = &cluster.nodes.get(owner)?.url;
            let client = Client::of_url(url, self.token.as_deref()).ok()?.patience(PATIENCE);
            let found = client.partitions::<NodeStatus>().ok()?;
            // The address may belong to another node by now.
            (found.node == *owner && found.log == own.log).then_some(found)
        };
        owners.into_iter().filter(|owner| **owner != own.node).filter_map(ask).collect()
    }
}

/// The partitions in which another owner has another state after the same message, or from which something else was removed. A
/// difference that was found before stays until both have the same state, or the other node does not own the partition any more:
/// an owner that is unreachable, or cannot be compared, proves nothing.
fn findings(own: &NodeStatus, others: &[NodeStatus], owners: &Owners) -> BTreeMap<u32, Finding> {
    let mut found = BTreeMap::new();
    for ours in &own.partitions {
        let theirs = |node: &String| {
            let other = others.iter().find(|other| other.node == *node)?;
            other.partitions.iter().find(|it| it.partition == ours.partition)
        };
        let agreement =
            |node: &String| theirs(node).map_or(Agreement::Unknown, |theirs| compare(&ours.hashes, &theirs.hashes));
        let is_other = |node: &&String| **node != own.node;
        for node in owners.of(ours.partition).iter().filter(is_other) {
            let known = || ours.different.clone().filter(|known| known.node == *node).map(Finding::Different);
            let finding = match agreement(node) {
                Agreement::Different { log_seq, equal_at } => {
                    Some(Finding::Different(Different { node: node.clone(), log_seq, equal_at }))
                }
                Agreement::NotComparable { log_seq } => {
                    known().or_else(|| Some(Finding::NotComparable(NotComparable { node: node.clone(), log_seq })))
                }
                Agreement::Unknown => known(),
                Agreement::Equal { .. } => None,
            };
            let Some(finding) = finding else { continue };
            // A fault is worse, and the first one counts.
            let is_fault = |finding: &Finding| matches!(finding, Finding::Different(_));
            let is_next = found.get(&ours.partition).is_none_or(|before| is_fault(&finding) && !is_fault(before));
            if is_next {
                found.insert(ours.partition, finding);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use convofold::{Convofold, FOLD_VERSION, StateHash};

    use super::super::status::PartitionStatus;
    use super::*;
    use crate::agree::HashPoint;
    use crate::follow::status::Status;

    fn node(name: &str, partition: u32, hashes: &[(u64, u8)]) -> NodeStatus {
        let home = tempfile::tempdir().unwrap();
        let db = Convofold::open(home.path()).unwrap();
        let point = |(log_seq, byte): &(u64, u8)| HashPoint {
            log_seq: *log_seq,
            fold_version: FOLD_VERSION,
            hash: StateHash::from_bytes([*byte; 32]),
            removed: 0,
        };
        let status = Status { hashes: hashes.iter().map(point).collect(), ..Status::default() };
        NodeStatus {
            node: name.to_owned(),
            log: "chat".to_owned(),
            owners_version: 1,
            owners_problem: None,
            unopened: BTreeMap::new(),
            partitions: vec![PartitionStatus::of(partition, &status, 0, &db)],
        }
    }

    /// The owners of partition 3.
    fn owners(names: &[&str]) -> Owners {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Owners { version: 1, owners: BTreeMap::from([(3, names)]) }
    }

    #[test]
    fn the_first_message_after_which_another_owner_differs_is_named() {
        let own = node("a", 3, &[(10, 1), (20, 2), (30, 3)]);
        let same = node("b", 3, &[(20, 2), (40, 4)]);
        let elsewhere = node("c", 4, &[(20, 9)]);
        let all = owners(&["a", "b", "c", "d"]);
        assert_eq!(findings(&own, &[same.clone(), elsewhere], &all), BTreeMap::new());
        let differs = node("d", 3, &[(10, 1), (20, 8), (30, 8)]);
        let different = Different { node: "d".to_owned(), log_seq: 20, equal_at: Some(10) };
        assert_eq!(findings(&own, &[same, differs], &all), BTreeMap::from([(3, Finding::Different(different))]));
    }

    #[test]
    fn an_owner_from_which_something_else_was_removed_is_named_and_is_no_alarm() {
        let own = node("a", 3, &[(10, 1), (20, 2)]);
        let mut erased = node("b", 3, &[(10, 1), (20, 9)]);
        erased.partitions[0].hashes[1].removed = 7;
        let both = owners(&["a", "b"]);
        let other = NotComparable { node: "b".to_owned(), log_seq: 20 };
        let expected = BTreeMap::from([(3, Finding::NotComparable(other))]);
        assert_eq!(findings(&own, std::slice::from_ref(&erased), &both), expected);
        // An alarm of before stays, and so does one about another owner.
        let mut alarmed = own.clone();
        let known = Different { node: "b".to_owned(), log_seq: 7, equal_at: None };
        alarmed.partitions[0].different = Some(known.clone());
        let alarm = |different: Different| BTreeMap::from([(3, Finding::Different(different))]);
        assert_eq!(findings(&alarmed, std::slice::from_ref(&erased), &both), alarm(known));
        let faulty = node("c", 3, &[(20, 8)]);
        let different = Different { node: "c".to_owned(), log_seq: 20, equal_at: None };
        assert_eq!(findings(&own, &[erased, faulty], &owners(&["a", "b", "c"])), alarm(different));
    }

    #[test]
    fn an_alarm_stays_until_the_owners_are_equal_again_or_one_owns_the_partition_no_more() {
        let mut own = node("a", 3, &[(10, 1), (20, 2)]);
        let known = Different { node: "b".to_owned(), log_seq: 7, equal_at: None };
        own.partitions[0].different = Some(known.clone());
        let (both, alarm) = (owners(&["a", "b"]), BTreeMap::from([(3, Finding::Different(known))]));
        assert_eq!(findings(&own, &[], &both), alarm, "b cannot be reached");
        assert_eq!(findings(&own, &[node("b", 3, &[])], &both), alarm, "b was started again");
        assert_eq!(findings(&own, &[node("b", 3, &[(20, 2)])], &both), BTreeMap::new());
        assert_eq!(findings(&own, &[], &owners(&["a", "c"])), BTreeMap::new());
    }
}
