//! Lists whose order the caller knows, in chunks.
//!
//! An entry takes little more than its own size. The order can depend on something outside of the entries, so that they
//! need not contain what decides only among equal keys.

use std::cmp::Ordering;

use crate::growth::reserve_one;

/// The maximum number of entries in a chunk. An insertion or a removal moves no more than these.
const CHUNK: usize = if cfg!(test) { 8 } else { 256 };

/// Entries in order. Every function that takes an order has to get the one by which the entries are sorted.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<E> {
    /// None is empty.
    chunks: Vec<Vec<E>>,
}

/// A place before, between or after the entries of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    chunk: usize,
    offset: usize,
}

impl<E> Default for Sorted<E> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<E> Sorted<E> {
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn first(&self) -> Option<&E> {
        self.chunks.first()?.first()
    }

    /// The place after all entries for which `is_before` is true. It must be false for all others.
    pub(crate) fn gap(&self, is_before: impl Fn(&E) -> bool) -> Gap {
        let chunk = self.chunks.partition_point(|chunk| chunk.last().is_some_and(&is_before));
        let offset = self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(is_before));
        Gap { chunk, offset }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &E> {
        self.chunks.iter().flatten()
    }

    /// The entries before a place (`true`) or after it, in ascending order.
    pub(crate) fn side(&self, gap: Gap, is_before: bool) -> impl DoubleEndedIterator<Item = &E> + use<'_, E> {
        let (before, rest) = self.chunks.split_at(gap.chunk.min(self.chunks.len()));
        let (cut, after) = rest.split_first().map_or((&[][..], rest), |(cut, after)| (cut.as_slice(), after));
        let (left, right) = cut.split_at(gap.offset.min(cut.len()));
        let (first, whole, last) = if is_before { (&[][..], before, left) } else { (right, after, &[][..]) };
        first.iter().chain(whole.iter().flatten()).chain(last)
    }

    /// Inserts an entry, or replaces the one that is equal to it. `order` compares another entry with it.
    pub(crate) fn insert(&mut self, entry: E, order: impl Fn(&E) -> Ordering) {
        let Gap { mut chunk, mut offset } = self.gap(|other| order(other).is_lt());
        if let Some(known) = self.chunks.get_mut(chunk).and_then(|chunk| chunk.get_mut(offset))
            && order(known).is_eq()
        {
            *known = entry;
            return;
        }
        // At the beginning of a chunk is at the end of the one before.
        if offset == 0
            && let Some(before) = chunk.checked_sub(1)
            && let Some(len) = self.chunks.get(before).map(Vec::len).filter(|len| *len < CHUNK)
        {
            (chunk, offset) = (before, len);
        }
        match self.chunks.get_mut(chunk) {
            Some(full) if full.len() >= CHUNK && offset > 0 => {
                let upper = full.split_off(CHUNK / 2);
                full.shrink_to_fit();
                self.chunks.insert(chunk + 1, upper);
                if offset > CHUNK / 2 {
                    (chunk, offset) = (chunk + 1, offset - CHUNK / 2);
                }
            }
            Some(space) if space.len() < CHUNK => {}
            // So lists that grow at one end have full chunks.
            _ => self.chunks.insert(chunk, Vec::new()),
        }
        if let Some(chunk) = self.chunks.get_mut(chunk) {
            reserve_one(chunk);
            chunk.insert(offset, entry);
        }
    }

    /// Removes the entry that is equal in this order.
    pub(crate) fn remove(&mut self, order: impl Fn(&E) -> Ordering) {
        let Gap { chunk, offset } = self.gap(|other| order(other).is_lt());
        let Some(entries) = self.chunks.get_mut(chunk) else { return };
        if !entries.get(offset).is_some_and(|entry| order(entry).is_eq()) {
            return;
        }
        entries.remove(offset);
        let len = entries.len();
        if entries.capacity() > 2 * len + 8 {
            entries.shrink_to(len + len / 4);
        }
        if len <= CHUNK / 4 {
            self.join(chunk);
        }
    }

    /// Joins a chunk with the one before or after it, if that has space. An empty one goes.
    fn join(&mut self, chunk: usize) {
        let len = |chunk: usize| self.chunks.get(chunk).map_or(CHUNK, Vec::len);
        let fits = |upper: &usize| *upper > 0 && len(*upper) + len(*upper - 1) <= CHUNK / 2;
        if let Some(upper) = [chunk, chunk + 1].into_iter().find(fits) {
            let entries = self.chunks.remove(upper);
            if let Some(lower) = self.chunks.get_mut(upper - 1) {
                lower.reserve_exact(entries.len());
                lower.extend(entries);
            }
        } else if len(chunk) == 0 {
            self.chunks.remove(chunk);
        }
    }
}

/// The entries in their order.
impl<E> FromIterator<E> for Sorted<E> {
    fn from_iter<I: IntoIterator<Item = E>>(entries: I) -> Self {
        let mut entries = entries.into_iter().peekable();
        let mut chunks = Vec::new();
        while entries.peek().is_some() {
            let mut chunk: Vec<E> = entries.by_ref().take(CHUNK).collect();
            chunk.shrink_to_fit();
            chunks.push(chunk);
        }
        Self { chunks }
    }
}

impl<E: PartialEq> PartialEq for Sorted<E> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn order(number: u16) -> impl Fn(&u16) -> Ordering {
        move |other| other.cmp(&number)
    }

    fn check(sorted: &Sorted<u16>, expected: &BTreeSet<u16>) {
        assert!(sorted.iter().eq(expected));
        assert!(sorted.iter().rev().eq(expected.iter().rev()));
        assert_eq!(
            (sorted.len(), sorted.first(), sorted.is_empty()),
            (expected.len(), expected.first(), expected.is_empty())
        );
        assert!(sorted.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK));
        assert_eq!(*sorted, expected.iter().copied().collect());
    }

    proptest! {
        #[test]
        fn a_list_has_the_entries_of_a_set(steps in prop::collection::vec((any::<bool>(), 0_u16..100), 0..400)) {
            let (mut sorted, mut expected) = (Sorted::default(), BTreeSet::new());
            for (is_new, number) in steps {
                if is_new {
                    sorted.insert(number, order(number));
                    expected.insert(number);
                } else {
                    sorted.remove(order(number));
                    expected.remove(&number);
                }
                check(&sorted, &expected);
                let gap = sorted.gap(|other| *other < number);
                prop_assert!(sorted.side(gap, true).eq(expected.range(..number)));
                prop_assert!(sorted.side(gap, false).eq(expected.range(number..)));
                prop_assert!(sorted.side(gap, true).rev().eq(expected.range(..number).rev()));
            }
        }
    }

    #[test]
    fn an_equal_entry_is_replaced() {
        let mut sorted = Sorted::default();
        for value in ["a", "b"] {
            sorted.insert((1, value), |other: &(i32, &str)| other.0.cmp(&1));
        }
        assert!(sorted.iter().eq(&[(1, "b")]));
    }

    #[test]
    fn a_list_that_grows_at_one_end_or_loses_entries_stays_compact() {
        let ascending = || (0..1_000).collect::<Vec<_>>();
        let descending = || (0..1_000).rev().collect();
        for numbers in [ascending(), descending()] {
            let mut sorted = Sorted::default();
            numbers.iter().for_each(|number| sorted.insert(*number, order(*number)));
            assert_eq!(sorted.chunks.len(), 1_000 / CHUNK);
            numbers.iter().filter(|number| *number % 50 > 0).for_each(|number| sorted.remove(order(*number)));
            assert!(sorted.len() == 20 && sorted.chunks.len() <= 20 / (CHUNK / 4), "{sorted:?}");
        }
    }
}
