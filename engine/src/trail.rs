//! A list that only grows, and whose copies share what it had when they were made.

use std::sync::Arc;

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
        self.last.push(element);
        if self.last.len() == CHUNK {
            self.full.push(self.last.as_slice().into());
            self.last.clear();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().flat_map(|chunk| chunk.iter()).chain(&self.last)
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
    fn a_copy_keeps_its_elements_while_the_original_grows() {
        let mut trail = Trail::default();
        let mut copies = Vec::new();
        for number in 0..3 * CHUNK {
            if number % 7 == 0 {
                copies.push((number, trail.clone()));
            }
            trail.push(number);
        }
        copies.push((3 * CHUNK, trail));
        for (len, copy) in copies {
            assert_eq!(copy.iter().copied().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_copy_is_small() {
        let mut trail = Trail::default();
        (0..100 * CHUNK).for_each(|number| trail.push(number));
        assert!(trail.copied_bytes() < trail.heap_bytes() / 4);
    }
}
