//! Sets of slots and sequence numbers, one bit each.

use std::ops::Range;

const WORD_BITS: u64 = u64::BITS as u64;

/// A set of numbers from a first one on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    first: u64,
    words: Vec<u64>,
}

impl Bits {
    pub(super) fn from(first: u64) -> Self {
        Self { first, words: Vec::new() }
    }

    /// Adds a number, which is not before the first one.
    pub(super) fn insert(&mut self, number: u64) {
        let Some((word, bit)) = self.place(number) else { return };
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.place(number).is_some_and(|(word, bit)| self.words.get(word).is_some_and(|word| word >> bit & 1 == 1))
    }

    /// Whether one of these numbers is in the set.
    pub(super) fn contains_any(&self, numbers: Range<u64>) -> bool {
        let end = numbers.end.min(self.first.saturating_add(self.words.len() as u64 * WORD_BITS));
        let mut number = numbers.start.max(self.first);
        while number < end {
            let Some((word, bit)) = self.place(number) else { return false };
            let rest = self.words.get(word).copied().unwrap_or_default() >> bit;
            if rest > 0 {
                return number + u64::from(rest.trailing_zeros()) < end;
            }
            number += WORD_BITS - bit;
        }
        false
    }

    fn place(&self, number: u64) -> Option<(usize, u64)> {
        let offset = number.checked_sub(self.first)?;
        Some((usize::try_from(offset / WORD_BITS).ok()?, offset % WORD_BITS))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_set_of_bits_is_a_set_of_numbers() {
        for (first, step) in [(0, 1), (7, 3), (1_000, 61), (5, 200)] {
            let numbers: BTreeSet<u64> = (0..40).map(|number| first + number * step).collect();
            let mut bits = Bits::from(first);
            numbers.iter().for_each(|number| bits.insert(*number));
            for number in 0..first + 300 {
                assert_eq!(bits.contains(number), numbers.contains(&number), "{number}");
                for length in [0, 1, 2, 63, 64, 65, 500] {
                    let range = number..number + length;
                    let expected = !range.is_empty() && numbers.range(range.clone()).next().is_some();
                    assert_eq!(bits.contains_any(range.clone()), expected, "{range:?}");
                }
            }
        }
    }
}
