//! How many times of a list are up to a given one.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::time::Time;
use crate::trail::Trail;

/// Counts the times of a growing list. Nearly always the times ascend, and then the list itself is enough.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranks {
    /// All times of a list that does not ascend, in sorted runs. Each is longer than the next one, so that each time
    /// moves to a longer run logarithmically often.
    runs: Vec<Arc<[Time]>>,
}

impl Ranks {
    /// Notes a time that is about to be added to the list.
    pub(crate) fn insert(&mut self, time: Time, list: &Trail<Time>) {
        let ascends = self.runs.is_empty();
        if ascends && list.last().is_none_or(|last| *last <= time) {
            return;
        }
        if ascends {
            self.runs.push(list.iter().copied().collect());
        }
        let mut run = vec![time];
        while let Some(longer) = self.runs.pop_if(|longer| longer.len() <= run.len()) {
            // The sort merges existing runs.
            run.extend_from_slice(&longer);
            run.sort();
        }
        self.runs.push(run.into());
    }

    /// The number of times in the list for which `is_up_to` is true: all times up to one.
    pub(crate) fn count(&self, list: &Trail<Time>, is_up_to: impl Fn(Time) -> bool) -> usize {
        if self.runs.is_empty() {
            return list.partition_point(|time| is_up_to(*time));
        }
        self.runs.iter().map(|run| run.partition_point(|time| is_up_to(*time))).sum()
    }

    /// The size on the heap in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.copied_bytes() + self.runs.iter().map(|run| size_of_val::<[Time]>(run)).sum::<usize>()
    }

    /// The size of a copy in bytes: what it does not share.
    pub(crate) fn copied_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Arc<[Time]>>()
    }
}

/// Which times to count: the first index in the list, a number of the question, the time after which and the one up to
/// which they count.
pub(crate) type Question = (usize, usize, Option<Time>, Time);

/// The answers to questions about a list: the number of the question, and the count.
pub(crate) fn count_from(mut questions: Vec<Question>, list: &Trail<Time>) -> Vec<(usize, usize)> {
    let first = questions.iter().map(|(first, ..)| *first).min().unwrap_or(list.len());
    questions.sort_unstable_by_key(|(first, ..)| Reverse(*first));
    let times: Vec<Time> = list.iter_from(first).copied().collect();
    let mut sorted = times.clone();
    sorted.sort_unstable();
    let rank = |time: Time| sorted.partition_point(|other| *other <= time);
    // From the last time to the first, so that the tree contains what a question counts.
    let mut tree = vec![0_u32; sorted.len() + 1];
    let mut left = times.len();
    let mut answers = Vec::with_capacity(questions.len());
    for (from, number, after, up_to) in questions {
        while let Some(next) = left.checked_sub(1).filter(|next| first + next >= from) {
            left = next;
            times.get(next).into_iter().for_each(|time| add(&mut tree, rank(*time)));
        }
        let before = after.map_or(0, |after| sum(&tree, rank(after)));
        answers.push((number, sum(&tree, rank(up_to)) - before));
    }
    answers
}

/// Adds one at an index from 1 of a Fenwick tree.
fn add(tree: &mut [u32], mut index: usize) {
    while let Some(count) = tree.get_mut(index) {
        *count += 1;
        index += index & index.wrapping_neg();
    }
}

/// The sum up to an index of a Fenwick tree.
fn sum(tree: &[u32], mut index: usize) -> usize {
    let mut sum = 0;
    while let Some(count) = tree.get(index).filter(|_| index > 0) {
        sum += *count as usize;
        index &= index - 1;
    }
    sum
}
