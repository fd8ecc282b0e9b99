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
    /// Why it does not obey the record of the owners, for instance because that is older than the one that it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners_problem: Option<String>,
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
    /// For how long it does so.
    #[serde(default)]
    pub state_ms: i64,
    /// The incarnation of the stream that is read; with NATS, when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
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
    /// What erasures and retention have removed ([`Convofold::removed_hash`]). Owners with other numbers are not compared.
    #[serde(default)]
    pub removed: u64,
    /// The time to which ages counted in the last run of retention, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retained_ms: Option<i64>,
    /// Another owner with another state after the same message: one of them has a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub different: Option<Different>,
    /// Another owner from which something else was removed, so that nobody knows whether their states are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_comparable: Option<NotComparable>,
    /// Whether this owner sends the alerts about the partition.
    #[serde(default)]
    pub sends_alerts: bool,
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

/// Another owner of a partition, from which erasures or retention removed something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotComparable {
    /// The name of the other node.
    pub node: String,
    /// The newest message of the log after which both have a state hash.
    pub log_seq: u64,
}

/// What the comparison with the other owners of a partition found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Different(Different),
    NotComparable(NotComparable),
}

/// For how long a partition may start, wait or hold before somebody should look.
const MAX_WAIT_MS: i64 = 60_000;

impl PartitionStatus {
    /// What somebody should look at: it has stopped, or does not follow the log for more than a minute.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let why = self.why.as_deref().unwrap_or("its log was not verified yet");
        match self.state.as_str() {
            "stopped" => Some(format!("stopped: {why}")),
            "starting" | "waiting" | "holding" if self.state_ms > MAX_WAIT_MS => {
                Some(format!("{} for {} s: {why}", self.state, self.state_ms / 1_000))
            }
            _ => None,
        }
    }

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
            state_ms: now_ms.saturating_sub(status.state_since_ms).max(0),
            incarnation: status.incarnation.clone(),
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
            removed: db.removed_hash(),
            retained_ms: db.retention_runs().last().map(|run| run.at),
            different: None,
            not_comparable: None,
            sends_alerts: false,
        }
    }

    /// Adds what the comparison with the other owners found.
    pub(super) fn with_finding(self, finding: Option<Finding>) -> Self {
        match finding {
            None => self,
            Some(Finding::Different(different)) => Self { different: Some(different), ..self },
            Some(Finding::NotComparable(other)) => Self { not_comparable: Some(other), ..self },
        }
    }
}

/// A metric: its name, its kind, its help, and its value for a partition.
type Metric = (&'static str, &'static str, &'static str, fn(&PartitionStatus) -> u64);

const METRICS: [Metric; 17] = [
    ("log_seq", "gauge", "The last message of the log that was read.", |it| it.log_seq),
    ("log_last", "gauge", "The last message of the log.", |it| it.log_last),
    ("lag_messages", "gauge", "Messages that were not read yet.", |it| it.lag),
    ("stopped", "gauge", "1 if the partition has stopped and somebody must act.", |it| u64::from(it.is_stopped())),
    ("troubled", "gauge", "1 if the partition has stopped, or does not follow its log for a minute.", |it| {
        u64::from(it.trouble().is_some())
    }),
    ("not_comparable", "gauge", "1 if erasures or retention removed something else from another owner.", |it| {
        u64::from(it.not_comparable.is_some())
    }),
    ("sends_alerts", "gauge", "1 if this owner sends the alerts about the partition.", |it| u64::from(it.sends_alerts)),
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
            owners_problem: None,
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

    #[test]
    fn a_partition_that_waits_for_long_is_in_trouble_as_one_that_has_stopped_is() {
        let home = tempfile::tempdir().unwrap();
        let db = Convofold::open(home.path()).unwrap();
        let trouble = |state: State, state_ms: i64| {
            let status = Status { state, state_since_ms: 1_000, ..Status::default() };
            PartitionStatus::of(3, &status, 1_000 + state_ms, &db).trouble()
        };
        let why = || "the table is full".to_owned();
        for state in [State::Starting, State::Waiting { why: why() }, State::Holding { why: why() }] {
            assert_eq!(trouble(state.clone(), 60_000), None, "{state:?}");
            assert!(trouble(state, 61_000).unwrap().contains("for 61 s: "));
        }
        assert_eq!(trouble(State::Stopped { why: why() }, 0).unwrap(), "stopped: the table is full");
        assert_eq!([State::Following, State::CaughtUp].map(|state| trouble(state, 1 << 40)), [None, None]);
    }
}
