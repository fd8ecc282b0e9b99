//! A list whose copies share what it had when they were made.

use std::sync::Arc;

use crate::growth::reserve_one;

/// The number of elements in a shared chunk.
const CHUNK: usize = if cfg!(test) { 16 } else { 256 };

/// A list for [`crate::folds`], which keeps copies of a growing state: a copy costs one element for each chunk, and the
/// last, unfinished chunk.
#[derive(Clone, Debug)]
pub(crate) struct Trail<T> {
    full: Vec<Arc<[T]>>,
    last: Vec<T>,
}

impl<T> Default for Trail<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T: Copy> Trail<T> {
    pub(crate) fn push(&mut self, element: T) {
        if self.last.len() == CHUNK {
            self.full.push(self.last.as_slice().into());
            self.last.clear();
        }
        reserve_one(&mut self.last);
        self.last.push(element);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let popped = self.last.pop();
        if self.last.is_empty()
            && let Some(chunk) = self.full.pop()
        {
            self.last.extend_from_slice(&chunk);
        }
        popped
    }

    pub(crate) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.last.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let chunk = index / CHUNK;
        self.chunk(chunk).get(index - chunk * CHUNK)
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.last.last()
    }

    /// The chunk with this number; empty if there is none.
    fn chunk(&self, number: usize) -> &[T] {
        match self.full.get(number) {
            Some(chunk) => chunk,
            None if number == self.full.len() => &self.last,
            None => &[],
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.iter_from(0)
    }

    /// The elements from an index on.
    pub(crate) fn iter_from(&self, index: usize) -> impl Iterator<Item = &T> {
        let first = (index / CHUNK).min(self.full.len());
        let chunks = (first..=self.full.len()).flat_map(|number| self.chunk(number));
        chunks.skip(index - first * CHUNK)
    }

    /// The number of first elements for which `is_first` is true. It must be false for all others.
    pub(crate) fn partition_point(&self, is_first: impl Fn(&T) -> bool) -> usize {
        let chunk = self.full.partition_point(|chunk| chunk.last().is_some_and(&is_first));
        chunk * CHUNK + self.chunk(chunk).partition_point(is_first)
    }

    /// The size on the heap in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.full.len() * CHUNK * size_of::<T>() + self.copied_bytes()
    }

    /// The size of a copy in bytes: what it does not share.
    pub(crate) fn copied_bytes(&self) -> usize {
        self.full.capacity() * size_of::<Arc<[T]>>() + self.last.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_its_elements_while_the_original_changes() {
        let mut trail = Trail::default();
        let mut copies = Vec::new();
        for number in 0..3 * CHUNK {
            if number % 7 == 0 {
                copies.push((number, trail.clone()));
            }
            trail.push(number);
        }
        copies.push((3 * CHUNK, trail.clone()));
        assert!((0..3 * CHUNK).rev().all(|number| trail.pop() == Some(number)));
        assert_eq!((trail.len(), trail.pop()), (0, None));
        for (len, copy) in copies {
            assert_eq!(copy.iter().copied().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
            assert_eq!((copy.len(), copy.last().copied()), (len, len.checked_sub(1)));
            assert_eq!((0..=len).map_while(|index| copy.get(index)).count(), len);
            for index in 0..=len {
                assert_eq!(copy.iter_from(index).next(), copy.get(index));
                assert_eq!(copy.partition_point(|number| *number < index), index);
            }
        }
    }

    #[test]
    fn a_copy_is_small() {
        let mut trail = Trail::default();
        (0..100 * CHUNK).for_each(|number| trail.push(number));
        assert!(trail.copied_bytes() < trail.heap_bytes() / 4);
    }
}
