//! The times of commits whose blocks were dropped from the log, one a second.
//!
//! A block carries the time of its commit, so only what lies before the log needs a table. Of the commits of one second it
//! keeps the last: an event never seems known earlier than it was, and less than a second later.
//!
//! In bincode: for each mark, in order, how many events and how many milliseconds it is after the mark before it; the first
//! counts from event 0 and the epoch.

use convofold_engine::{Seq, Time};
use serde::{Deserialize, Serialize};

/// The last event of a commit, and the time of the commit in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) seq: Seq,
    pub(crate) committed_ms: u64,
}

/// Marks in order: seqs increase, and times do not decrease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<(u64, u64)>", try_from = "Vec<(u64, u64)>")]
pub(crate) struct Marks(Vec<Mark>);

impl Marks {
    pub(crate) const NONE: Self = Self(Vec::new());

    /// Adds a commit after all others. It takes the place of one in the same second.
    pub(crate) fn push(&mut self, mark: Mark) {
        match self.0.last_mut() {
            Some(last) if last.second() == mark.second() => *last = mark,
            _ => self.0.push(mark),
        }
    }

    pub(crate) fn first(&self) -> Option<Mark> {
        self.0.first().copied()
    }

    pub(crate) fn last(&self) -> Option<Mark> {
        self.0.last().copied()
    }

    /// When this event had been committed.
    pub(crate) fn committed_ms(&self, seq: Seq) -> Option<u64> {
        let at = self.0.partition_point(|mark| mark.seq < seq);
        self.0.get(at).map(|mark| mark.committed_ms)
    }

    /// The last event that had been committed at this time.
    pub(crate) fn seq_at(&self, ms: u64) -> Option<Seq> {
        let known = self.0.partition_point(|mark| mark.committed_ms <= ms);
        known.checked_sub(1).and_then(|last| self.0.get(last)).map(|mark| mark.seq)
    }
}

impl Mark {
    const NONE: Self = Self { seq: 0, committed_ms: 0 };

    fn second(&self) -> u64 {
        self.committed_ms / 1_000
    }
}

impl From<Marks> for Vec<(u64, u64)> {
    fn from(marks: Marks) -> Self {
        let before = std::iter::once(&Mark::NONE).chain(marks.0.iter());
        let deltas = before.zip(marks.0.iter()).map(|(before, mark)| {
            // The order of a table makes neither negative.
            (mark.seq.saturating_sub(before.seq), mark.committed_ms.saturating_sub(before.committed_ms))
        });
        deltas.collect()
    }
}

impl TryFrom<Vec<(u64, u64)>> for Marks {
    type Error = &'static str;

    fn try_from(deltas: Vec<(u64, u64)>) -> Result<Self, Self::Error> {
        let mut last = Mark::NONE;
        let marks = deltas.into_iter().map(|(events, ms)| {
            let seq = last.seq.checked_add(events).filter(|_| events > 0).ok_or("a mark covers no event")?;
            let committed_ms = last.committed_ms.checked_add(ms).filter(|ms| *ms <= Time::MAX.ms().unsigned_abs());
            last = Mark { seq, committed_ms: committed_ms.ok_or("the time of a mark is after the year 9999")? };
            Ok::<_, Self::Error>(last)
        });
        Ok(Self(marks.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format;

    /// Commits with the events and the milliseconds since the one before.
    fn commits() -> impl Strategy<Value = Vec<Mark>> {
        proptest::collection::vec((1..5_u64, 0..700_u64), 0..40).prop_map(|deltas| {
            let mut last = Mark { seq: 0, committed_ms: 1_700_000_000_000 };
            let mut next = |(events, ms)| {
                last = Mark { seq: last.seq + events, committed_ms: last.committed_ms + ms };
                last
            };
            deltas.into_iter().map(&mut next).collect()
        })
    }

    fn marks_of(commits: &[Mark]) -> Marks {
        let mut marks = Marks::default();
        commits.iter().for_each(|commit| marks.push(*commit));
        marks
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_table_rounds_times_up_within_their_second_and_both_questions_agree(commits in commits()) {
            let marks = marks_of(&commits);
            let mut seq = 1;
            for commit in &commits {
                for seq in seq..=commit.seq {
                    let found = marks.committed_ms(seq).unwrap();
                    prop_assert!(found >= commit.committed_ms && found / 1_000 == commit.committed_ms / 1_000);
                    prop_assert!(marks.seq_at(found).unwrap() >= seq);
                    prop_assert!(marks.seq_at(found - 1).unwrap_or_default() < seq);
                }
                seq = commit.seq + 1;
            }
            prop_assert_eq!(marks.committed_ms(seq), None);
            prop_assert_eq!(marks.last(), commits.last().copied());
        }

        #[test]
        fn a_table_is_encoded_and_decoded(commits in commits()) {
            let marks = marks_of(&commits);
            prop_assert_eq!(format::decode::<Marks>(&format::encode(&marks).unwrap()).unwrap(), marks);
        }
    }

    #[test]
    fn what_cannot_be_in_order_is_refused() {
        for deltas in [vec![(0, 5)], vec![(1, u64::MAX)], vec![(u64::MAX, 1), (1, 1)]] {
            let encoded = format::encode(&deltas).unwrap();
            assert!(format::decode::<Marks>(&encoded).is_err(), "{deltas:?}");
        }
    }
}
