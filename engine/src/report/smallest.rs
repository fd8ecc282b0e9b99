//! The smallest number of each bucket, from numbers that hold for several buckets.

use hashbrown::HashMap;

use crate::report::walk::Group;

/// Smallest numbers by group and bucket. To add one takes the same time for any number of buckets.
#[derive(Debug, Default)]
pub(crate) struct Smallest {
    /// At place `k`: numbers that hold for the buckets from this one on, 2^k of them.
    lengths: Vec<HashMap<(Group, u32), i64>>,
}

impl Smallest {
    /// Adds a number for the buckets from `first` on and before `end`.
    pub(crate) fn add(&mut self, group: Group, (first, end): (u32, u32), number: i64) {
        // The two intervals of this length cover all of the buckets.
        let Some(length) = end.saturating_sub(first).checked_ilog2() else { return };
        self.put(length as usize, (group, first), number);
        self.put(length as usize, (group, end - (1 << length)), number);
    }

    /// The exponent of a number of buckets, group, first bucket, and the number that holds for them.
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of 32 bits is less than 32")]
    pub(crate) fn parts(&self) -> impl Iterator<Item = (u8, Group, u32, i64)> {
        let lengths = self.lengths.iter().enumerate();
        lengths.flat_map(|(length, of_length)| {
            of_length.iter().map(move |((group, bucket), number)| (length as u8, *group, *bucket, *number))
        })
    }

    /// Adds a part.
    pub(crate) fn add_part(&mut self, (length, group, bucket, number): (u8, Group, u32, i64)) {
        self.put(length.into(), (group, bucket), number);
    }

    fn put(&mut self, length: usize, key: (Group, u32), number: i64) {
        if self.lengths.len() <= length {
            self.lengths.resize_with(length + 1, HashMap::new);
        }
        let known = self.lengths.get_mut(length).map(|of_length| of_length.entry(key).or_insert(number));
        known.into_iter().for_each(|known| *known = number.min(*known));
    }

    /// Adds all numbers of another one, whose groups have these numbers here.
    pub(crate) fn merge(&mut self, other: Self, numbers: &[Group]) {
        for (length, of_length) in other.lengths.into_iter().enumerate() {
            for ((group, bucket), number) in of_length {
                let group = numbers.get(group as usize).copied().unwrap_or_default();
                self.put(length, (group, bucket), number);
            }
        }
    }

    /// The smallest number of each bucket that has one.
    pub(crate) fn into_buckets(mut self) -> HashMap<(Group, u32), i64> {
        while let Some(of_length) = self.lengths.pop() {
            let Some(shorter) = self.lengths.len().checked_sub(1) else { return of_length };
            for ((group, bucket), number) in of_length {
                self.put(shorter, (group, bucket), number);
                self.put(shorter, (group, bucket + (1 << shorter)), number);
            }
        }
        HashMap::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::tests::numbers;

    #[test]
    fn a_bucket_has_the_smallest_number_of_those_that_hold_for_it() {
        for seed in 0..40 {
            let mut next = numbers(seed);
            let (mut smallest, mut others) = (Smallest::default(), Smallest::default());
            let mut expected = HashMap::new();
            for added in 0..30 {
                let [group, first, length, number] =
                    [2, 40, 40, 1_000].map(|below| u32::try_from(next(below)).unwrap());
                let part = if added % 3 == 0 { &mut others } else { &mut smallest };
                part.add(group, (first, first + length), number.into());
                for bucket in first..first + length {
                    let known = expected.entry((group, bucket)).or_insert(i64::MAX);
                    *known = (*known).min(number.into());
                }
            }
            smallest.merge(others, &[0, 1]);
            assert_eq!(smallest.into_buckets(), expected, "{seed}");
        }
    }
}
