//! An answer of several partitions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An answer, with who gave it and what is missing in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gathered<T> {
    /// The answer: of all partitions, except those that are missing.
    pub answer: T,
    /// Who answered, by partition.
    pub partitions: Vec<PartitionAnswer>,
    /// The partitions that are not in the answer.
    pub missing: Vec<Missing>,
}

/// Who answered for a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartitionAnswer {
    /// The partition.
    pub partition: u32,
    /// The node.
    pub node: String,
    /// The last message of the log that the node had read; `None` if it does not say.
    pub log_seq: Option<u64>,
    /// The number of messages that it had not read yet; `None` if it does not say.
    pub lag: Option<u64>,
    /// What its follower did; `None` if it does not say.
    #[serde(default)]
    pub state: Option<String>,
    /// How long before the answer the node had verified that it follows the log, in milliseconds; `None` if it does not say.
    #[serde(default)]
    pub verified_age_ms: Option<u64>,
    /// Whether the answer can lack messages of more than the last 30 seconds: the node did not follow, had not
    /// verified for 30 seconds that it does, or was 30 seconds behind. No other owner had a better answer.
    #[serde(default)]
    pub is_stale: bool,
}

impl PartitionAnswer {
    /// Why the answer may be old, on one line.
    #[must_use]
    pub fn staleness(&self) -> String {
        let Self { partition, node, .. } = self;
        let state = self.state.as_deref().unwrap_or("unknown");
        let verified = self
            .verified_age_ms
            .map_or("never verified".to_owned(), |ms| format!("verified {:?} ago", Duration::from_secs(ms / 1_000)));
        let lag = self.lag.map_or(String::new(), |lag| format!(", behind by {lag} messages"));
        format!("partition {partition}: the answer of {node} may be old: its follower is {state}, {verified}{lag}")
    }
}

/// A partition without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Missing {
    /// The partition.
    pub partition: u32,
    /// Why each of its owners did not answer.
    pub why: Vec<String>,
}

impl<T> Gathered<T> {
    /// Whether all partitions have answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The partitions whose answer is stale.
    pub fn stale(&self) -> impl Iterator<Item = &PartitionAnswer> {
        self.partitions.iter().filter(|from| from.is_stale)
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Gathered<U> {
        Gathered { answer: change(self.answer), partitions: self.partitions, missing: self.missing }
    }

    /// Adds what is missing in another answer, of which this one is made too, and what is stale in it.
    pub(super) fn note<U>(&mut self, other: &Gathered<U>) {
        for one in &other.missing {
            if self.missing.iter().all(|known| known.partition != one.partition) {
                self.missing.push(one.clone());
            }
        }
        let missing = &self.missing;
        self.partitions.retain(|from| missing.iter().all(|one| one.partition != from.partition));
        self.missing.sort_by_key(|one| one.partition);
        for stale in other.stale() {
            let known = self.partitions.iter_mut().find(|known| known.partition == stale.partition);
            known.into_iter().for_each(|known| known.clone_from(stale));
        }
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = if self.why.is_empty() { "it has no owner".to_owned() } else { self.why.join("; ") };
        write!(f, "partition {} is missing: {why}", self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_made_of_several_is_stale_or_incomplete_if_one_of_them_is() {
        let from = |partition, node: &str, is_stale| PartitionAnswer {
            partition,
            node: node.to_owned(),
            log_seq: None,
            lag: None,
            state: None,
            verified_age_ms: None,
            is_stale,
        };
        let gathered = |partitions: Vec<PartitionAnswer>, missing: &[u32]| Gathered {
            answer: (),
            partitions,
            missing: missing.iter().map(|partition| Missing { partition: *partition, why: Vec::new() }).collect(),
        };
        let mut first = gathered((0..4).map(|partition| from(partition, "a", partition == 2)).collect(), &[]);
        first.note(&gathered(vec![from(0, "b", false), from(1, "b", true), from(2, "b", false)], &[3]));
        let named: Vec<_> = first.partitions.iter().map(|from| (from.partition, &*from.node, from.is_stale)).collect();
        assert_eq!(named, [(0, "a", false), (1, "b", true), (2, "a", true)]);
        assert_eq!(first.missing.iter().map(|missing| missing.partition).collect::<Vec<_>>(), [3]);
    }
}
