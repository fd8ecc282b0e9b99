//! What a node says about its partitions.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use convofold::{Convofold, StateHash};
use serde::{Deserialize, Serialize};

use crate::agree::HashPoint;
use crate::follow::status::Status;

/// What a node says about itself: the answer of `/partitions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The name of the node.
    pub node: String,
    /// The name of the log.
    pub log: String,
    /// Number of changes of the owners that the node knows.
    pub owners_version: u64,
    /// The partitions that it owns and cannot open, with the reasons.
    #[serde(default)]
    pub unopened: BTreeMap<u32, String>,
    /// Its partitions.
    pub partitions: Vec<PartitionStatus>,
}

/// What a node says about one of its partitions: the answer of `/partitions/NUMBER`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// The partition.
    pub partition: u32,
    /// `starting`, `following`, `caught-up`, `waiting`, `holding` or `stopped`.
    pub state: String,
    /// Why it waits, holds or has stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The last message of the log that was read.
    pub log_seq: u64,
    /// The last message of the log, as far as it is known.
    pub log_last: u64,
    /// Number of messages that were not read yet.
    pub lag: u64,
    /// How long ago the brokers took the last message that was read; 0 if all were read.
    pub lag_ms: Option<i64>,
    /// When the bookmark was verified last, in milliseconds since the epoch.
    pub verified_ms: Option<i64>,
    /// Number of events that were read, duplicates included.
    pub events: u64,
    /// Number of times that the log had lost messages that were read.
    pub rollbacks: u64,
    /// Number of gaps that were accepted.
    pub gaps: u64,
    /// Number of verifications that neither proved nor contradicted the bookmark; since the start, as all below.
    pub unproven: u64,
    /// Number of inputs that cannot be events.
    pub rejected: u64,
    /// Number of inputs that are ignored.
    pub ignored: u64,
    /// Number of messages that were delivered again.
    pub repeated: u64,
    /// Number of times that the log did not answer.
    pub interruptions: u64,
    /// Number of conversations in the database.
    pub conversations: u64,
    /// Number of open ones.
    pub open: u64,
    /// The state hash of the database.
    pub hash: StateHash,
    /// The newest state hashes after messages of the log, to be compared with those of the other owners
    /// ([`compare`](crate::compare)).
    #[serde(default)]
    pub hashes: Vec<HashPoint>,
    /// Another owner with another state after the same message: one of them has a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub different: Option<Different>,
}

/// Another owner of a partition with another state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Different {
    /// The name of the other node.
    pub node: String,
    /// The first message of the log after which the states are known to differ.
    pub log_seq: u64,
    /// The last message before it after which they were equal.
    pub equal_at: Option<u64>,
}

impl PartitionStatus {
    /// Whether somebody must act.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state == "stopped"
    }

    /// Whether it follows the log and has verified so since the start. Without that, its lag says nothing.
    #[must_use]
    pub fn is_following(&self) -> bool {
        matches!(self.state.as_str(), "following" | "caught-up") && self.verified_ms.is_some()
    }

    /// What the follower of a partition says, and the figures of its database.
    pub(super) fn of(partition: u32, status: &Status, now_ms: i64, db: &Convofold) -> Self {
        let stats = db.stats();
        Self {
            partition,
            state: status.state.name().to_owned(),
            why: status.state.why().map(str::to_owned),
            log_seq: status.seq,
            log_last: status.last,
            lag: status.lag(),
            lag_ms: status.lag_ms(now_ms),
            verified_ms: status.verified_ms,
            events: status.events,
            rollbacks: status.rollbacks,
            gaps: status.gaps,
            unproven: status.unproven,
            rejected: status.rejected,
            ignored: status.ignored,
            repeated: status.repeated,
            interruptions: status.interruptions,
            conversations: stats.conversations,
            open: stats.open,
            hash: db.state_hash(),
            hashes: status.hashes.clone(),
            different: None,
        }
    }
}

/// A metric: its name, its kind, its help, and its value for a partition.
type Metric = (&'static str, &'static str, &'static str, fn(&PartitionStatus) -> u64);

const METRICS: [Metric; 14] = [
    ("log_seq", "gauge", "The last message of the log that was read.", |it| it.log_seq),
    ("log_last", "gauge", "The last message of the log.", |it| it.log_last),
    ("lag_messages", "gauge", "Messages that were not read yet.", |it| it.lag),
    ("stopped", "gauge", "1 if the partition has stopped and somebody must act.", |it| u64::from(it.is_stopped())),
    ("different", "gauge", "1 if another owner has another state.", |it| u64::from(it.different.is_some())),
    ("conversations", "gauge", "Conversations.", |it| it.conversations),
    ("open", "gauge", "Open conversations.", |it| it.open),
    ("events_total", "counter", "Events that were read, duplicates included.", |it| it.events),
    ("rollbacks_total", "counter", "Times that the log had lost messages that were read.", |it| it.rollbacks),
    ("gaps_total", "counter", "Gaps that were accepted.", |it| it.gaps),
    ("unproven_total", "counter", "Verifications that neither proved nor contradicted the bookmark.", |it| it.unproven),
    ("rejected_total", "counter", "Inputs that cannot be events.", |it| it.rejected),
    ("repeated_total", "counter", "Messages that were delivered again.", |it| it.repeated),
    ("interruptions_total", "counter", "Times that the log did not answer.", |it| it.interruptions),
];

impl NodeStatus {
    /// The figures in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        let mut family =
            |name: &str, kind: &str, help: &str, samples: &mut dyn Iterator<Item = (u32, &dyn Display)>| {
                // Writing to a string cannot fail.
                let _ =
                    writeln!(text, "# HELP convofold_cluster_{name} {help}\n# TYPE convofold_cluster_{name} {kind}");
                for (partition, value) in samples {
                    let _ = writeln!(text, "convofold_cluster_{name}{{partition=\"{partition}\"}} {value}");
                }
            };
        for (name, kind, help, value) in METRICS {
            let values: Vec<_> = self.partitions.iter().map(|it| (it.partition, value(it))).collect();
            family(name, kind, help, &mut values.iter().map(|(partition, value)| (*partition, value as &dyn Display)));
        }
        let lags = self.partitions.iter().filter_map(|it| Some((it.partition, it.lag_ms?)));
        #[expect(clippy::cast_precision_loss, reason = "a lag is far below 2^53 ms")]
        let lags: Vec<_> = lags.map(|(partition, ms)| (partition, ms as f64 / 1_000.0)).collect();
        let help = "How long ago the brokers took the last message that was read; 0 if all were read.";
        let samples = &mut lags.iter().map(|(partition, lag)| (*partition, lag as &dyn Display));
        family("lag_seconds", "gauge", help, samples);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::status::State;

    #[test]
    fn metrics_have_the_partition_as_their_label() {
        let home = tempfile::tempdir().unwrap();
        let db = Convofold::open(home.path()).unwrap();
        let status = Status { seq: 7, last: 9, state: State::Stopped { why: "gap".to_owned() }, ..Status::default() };
        let partition = PartitionStatus::of(3, &status, 0, &db);
        let node = NodeStatus {
            node: "a".to_owned(),
            log: "chat".to_owned(),
            owners_version: 1,
            unopened: BTreeMap::new(),
            partitions: vec![partition.clone()],
        };
        let text = node.metrics();
        for line in ["log_seq{partition=\"3\"} 7", "lag_messages{partition=\"3\"} 2", "stopped{partition=\"3\"} 1"] {
            assert!(text.contains(&format!("\nconvofold_cluster_{line}\n")), "{text}");
        }
        assert!(partition.is_stopped());
        let json = serde_json::to_string(&node).unwrap();
        assert_eq!(serde_json::from_str::<NodeStatus>(&json).unwrap(), node);
    }
}
