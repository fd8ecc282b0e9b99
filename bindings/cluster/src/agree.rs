//! Whether the owners of a partition agree: their state hashes after the same messages of the log.

use std::collections::VecDeque;

use convofold::{FOLD_VERSION, StateHash};
use serde::{Deserialize, Serialize};

/// The state hash of an owner after a message of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashPoint {
    /// The message: the hash is that of all messages up to it.
    pub log_seq: u64,
    /// The version of the fold. Hashes of different ones cannot be compared.
    pub fold_version: u32,
    /// The state hash.
    pub hash: StateHash,
    /// What was removed from the database until then ([`Convofold::removed_hash`](convofold::Convofold::removed_hash)). Hashes of
    /// databases from which something else was removed cannot be compared.
    #[serde(default)]
    pub removed: u64,
}

/// The newest hashes of an owner, in the order of their messages: those that each owner has (after each multiple of the interval)
/// and those of times at which the log was at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashTrail {
    points: VecDeque<HashPoint>,
}

/// What the hashes of two owners say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// They have no message in common after which both have a hash of the same fold version.
    Unknown,
    /// All hashes that both have and that can be compared are equal, the newest one after this message.
    Equal {
        /// The message.
        log_seq: u64,
    },
    /// Erasures or retention removed something else from one than from the other, so their states cannot be compared.
    NotComparable {
        /// The newest message after which both have a hash.
        log_seq: u64,
    },
    /// They have different states after the same messages: one of them, or a machine, has a fault.
    Different {
        /// The first message after which the hashes differ.
        log_seq: u64,
        /// The last message before it after which they were equal, if both still have such a hash.
        equal_at: Option<u64>,
    },
}

impl HashTrail {
    /// The number of hashes that are kept: a minute of fast reading, or days of a slow log.
    pub const LENGTH: usize = 32;

    /// Adds the hash of the present fold version after a message, of a database from which this was removed. A later hash after the
    /// same message, or an earlier one, replaces what is known: after a rollback the messages of these numbers are other ones.
    pub fn note(&mut self, log_seq: u64, hash: StateHash, removed: u64) {
        while self.points.pop_back_if(|last| last.log_seq >= log_seq).is_some() {}
        self.points.push_back(HashPoint { log_seq, fold_version: FOLD_VERSION, hash, removed });
        if self.points.len() > Self::LENGTH {
            self.points.pop_front();
        }
    }

    /// Forgets the hashes after later messages than this one, which the log has lost.
    pub fn back_to(&mut self, log_seq: u64) {
        while self.points.pop_back_if(|last| last.log_seq > log_seq).is_some() {}
    }

    /// The hashes.
    #[must_use]
    pub fn points(&self) -> Vec<HashPoint> {
        self.points.iter().copied().collect()
    }
}

/// Compares the hashes of two owners of a partition, each in the order of their messages.
#[must_use]
pub fn compare(one: &[HashPoint], other: &[HashPoint]) -> Agreement {
    let (mut equal_at, mut newest) = (None, Agreement::Unknown);
    for point @ HashPoint { log_seq, .. } in one.iter().copied() {
        let same = |found: &&HashPoint| (found.log_seq, found.fold_version) == (log_seq, point.fold_version);
        match other.iter().find(same) {
            None => {}
            Some(found) if found.removed != point.removed => newest = Agreement::NotComparable { log_seq },
            Some(found) if found.hash == point.hash => {
                (equal_at, newest) = (Some(log_seq), Agreement::Equal { log_seq });
            }
            Some(_) => return Agreement::Different { log_seq, equal_at },
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u8) -> StateHash {
        StateHash::from_bytes([number; 32])
    }

    fn trail(points: &[(u64, u8)]) -> HashTrail {
        let mut trail = HashTrail::default();
        points.iter().for_each(|(log_seq, number)| trail.note(*log_seq, hash(*number), 0));
        trail
    }

    fn compared(one: &[(u64, u8)], other: &[(u64, u8)]) -> Agreement {
        compare(&trail(one).points(), &trail(other).points())
    }

    #[test]
    fn hashes_are_compared_after_the_same_messages_only() {
        assert_eq!(compared(&[], &[(1, 1)]), Agreement::Unknown);
        assert_eq!(compared(&[(100, 1)], &[(99, 2), (101, 3)]), Agreement::Unknown);
        assert_eq!(compared(&[(100, 1), (150, 9)], &[(100, 1), (200, 2)]), Agreement::Equal { log_seq: 100 });
        assert_eq!(compared(&[(100, 1), (200, 2), (230, 7)], &[(100, 1), (200, 2)]), Agreement::Equal { log_seq: 200 });
    }

    #[test]
    fn the_first_difference_is_named_with_the_last_agreement_before_it() {
        let one = [(100, 1), (200, 2), (300, 3), (400, 4)];
        assert_eq!(
            compared(&one, &[(100, 1), (200, 2), (300, 9), (400, 8)]),
            Agreement::Different { log_seq: 300, equal_at: Some(200) }
        );
        assert_eq!(compared(&one, &[(300, 9)]), Agreement::Different { log_seq: 300, equal_at: None });
    }

    #[test]
    fn hashes_of_different_folds_are_not_compared() {
        let mut other = trail(&[(100, 9)]).points();
        other[0].fold_version += 1;
        assert_eq!(compare(&trail(&[(100, 1)]).points(), &other), Agreement::Unknown);
    }

    #[test]
    fn hashes_of_databases_from_which_something_else_was_removed_are_not_compared() {
        let mut one = trail(&[(100, 1), (200, 2)]);
        let mut other = one.clone();
        one.note(300, hash(3), 7);
        other.note(300, hash(4), 0);
        let compared = |one: &HashTrail, other: &HashTrail| compare(&one.points(), &other.points());
        assert_eq!(compared(&one, &other), Agreement::NotComparable { log_seq: 300 });
        // The other owner has erased the same meanwhile, and nothing has happened since.
        other.note(300, hash(3), 7);
        assert_eq!(compared(&one, &other), Agreement::Equal { log_seq: 300 });
        // What differed before is still a fault.
        let mut faulty = trail(&[(100, 1), (200, 9)]);
        faulty.note(300, hash(4), 0);
        assert_eq!(compared(&one, &faulty), Agreement::Different { log_seq: 200, equal_at: Some(100) });
    }

    #[test]
    fn a_rollback_replaces_the_hashes_after_lost_messages() {
        let mut trail = trail(&[(100, 1), (200, 2), (300, 3)]);
        trail.back_to(250);
        assert_eq!(trail.points().iter().map(|point| point.log_seq).collect::<Vec<_>>(), [100, 200]);
        trail.note(150, hash(7), 0);
        assert_eq!(trail.points().iter().map(|point| point.log_seq).collect::<Vec<_>>(), [100, 150]);
    }

    #[test]
    fn the_newest_hashes_are_kept() {
        let points: Vec<_> = (1..=100).map(|number| (number, 1)).collect();
        let kept = trail(&points).points();
        assert_eq!((kept.len(), kept[0].log_seq), (HashTrail::LENGTH, 101 - HashTrail::LENGTH as u64));
    }
}
