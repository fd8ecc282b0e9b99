//! The facts of a conversation in one order, packed into chunks.

use std::fmt;

use crate::chunk::{Chunk, Gap, PackedError, PackedFacts};
use crate::fact::Fact;

/// Packed facts, read in place. They are equal if their facts are, however they are divided into chunks.
#[derive(Clone, Default)]
pub struct Facts {
    /// All chunks except the last. None is empty.
    full: Vec<Chunk>,
    /// Empty only if there are no facts.
    last: Chunk,
    len: usize,
    /// The size of the chunks in `full`.
    full_bytes: usize,
}

impl Facts {
    /// The number of facts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no facts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The facts, in order.
    pub fn iter(&self) -> impl Iterator<Item = Fact<'_>> {
        self.after(0)
    }

    /// The facts without the first `skipped`.
    pub(crate) fn after(&self, skipped: usize) -> impl Iterator<Item = Fact<'_>> {
        let (chunk, skipped) = self.locate(skipped);
        self.chunks().skip(chunk).flat_map(Chunk::iter).skip(skipped)
    }

    /// The fact with this index.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Fact<'_>> {
        self.after(place).next()
    }

    /// The text of the fact with this index.
    pub(crate) fn text_at(&self, place: usize) -> Option<&str> {
        let (chunk, offset) = self.locate(place);
        self.chunk(chunk).filter(|chunk| offset < chunk.len())?.text_at(offset)
    }

    /// Adds a fact at the end.
    pub fn push(&mut self, fact: &Fact<'_>) {
        if self.last.is_full() {
            self.close_last();
        }
        self.last.push(fact);
        self.len += 1;
    }

    fn close_last(&mut self) {
        let mut last = std::mem::take(&mut self.last);
        last.shrink();
        self.full_bytes += last.bytes();
        self.full.push(last);
    }

    /// The packed facts: each has those of one chunk.
    pub fn packed(&self) -> impl Iterator<Item = PackedFacts<'_>> {
        self.chunks().filter(|chunk| !chunk.is_empty()).map(Chunk::packed)
    }

    /// Adds packed facts at the end.
    ///
    /// # Errors
    /// [`PackedError`] if they are not what [`Facts::packed`] returns.
    pub fn push_packed(&mut self, packed: PackedFacts<'_>) -> Result<(), PackedError> {
        let chunk = Chunk::of(packed)?;
        if chunk.is_empty() {
            return Err(PackedError { expected: 1, found: 0 });
        }
        if !self.last.is_empty() {
            self.close_last();
        }
        self.len += chunk.len();
        self.last = chunk;
        Ok(())
    }

    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.full.iter().chain([&self.last])
    }

    /// The index of the first chunk for which `is_before` is false, if it is true for all chunks before that.
    pub(crate) fn partition_point(&self, is_before: impl Fn(&Chunk) -> bool) -> usize {
        let full = self.full.partition_point(&is_before);
        full + usize::from(full == self.full.len() && is_before(&self.last))
    }

    pub(crate) fn chunk(&self, index: usize) -> Option<&Chunk> {
        if index == self.full.len() { Some(&self.last) } else { self.full.get(index) }
    }

    pub(crate) fn chunk_or_last(&self, index: usize) -> &Chunk {
        self.full.get(index).unwrap_or(&self.last)
    }

    pub(crate) fn last_chunk(&self) -> &Chunk {
        &self.last
    }

    /// The chunk with the fact at this index, and its index in the chunk.
    fn locate(&self, place: usize) -> (usize, usize) {
        let mut offset = place;
        for (chunk, facts) in self.full.iter().enumerate() {
            if offset < facts.len() {
                return (chunk, offset);
            }
            offset -= facts.len();
        }
        (self.full.len(), offset)
    }

    /// The index of the fact with this index in a chunk.
    pub(crate) fn place_of(&self, chunk: usize, offset: usize) -> usize {
        offset + self.full.iter().take(chunk).map(Chunk::len).sum::<usize>()
    }

    /// Inserts a fact into a chunk.
    pub(crate) fn insert(&mut self, chunk: usize, gap: &Gap, fact: &Fact<'_>) {
        if gap.offset == 0 && self.insert_between(chunk, fact) {
            return;
        }
        self.len += 1;
        let Some(known) = self.full.get_mut(chunk) else {
            if !self.last.is_full() {
                return self.last.insert(gap, fact);
            }
            let (first, second) = self.last.split_with(gap.offset, fact);
            self.last = first;
            self.close_last();
            self.last = second;
            return;
        };
        self.full_bytes -= known.bytes();
        if !known.is_full() {
            known.insert(gap, fact);
            self.full_bytes += known.bytes();
            return;
        }
        let (first, second) = known.split_with(gap.offset, fact);
        self.full_bytes += first.bytes() + second.bytes();
        *known = first;
        self.full.insert(chunk + 1, second);
    }

    /// Adds a fact to the end of the chunk before this one, or between both if they are full. Returns whether it did.
    fn insert_between(&mut self, chunk: usize, fact: &Fact<'_>) -> bool {
        let is_full = self.chunk(chunk).is_some_and(Chunk::is_full);
        let before = chunk.checked_sub(1).and_then(|before| self.full.get_mut(before));
        match before.filter(|before| !before.is_full()) {
            Some(before) => {
                self.full_bytes -= before.bytes();
                before.push(fact);
                self.full_bytes += before.bytes();
            }
            None if is_full => {
                let mut between = Chunk::default();
                between.push(fact);
                self.full_bytes += between.bytes();
                self.full.insert(chunk, between);
            }
            None => return false,
        }
        self.len += 1;
        true
    }

    /// Removes the fact at an index.
    pub(crate) fn remove(&mut self, place: usize) {
        let (chunk, offset) = self.locate(place);
        let Some(known) = self.chunk(chunk).filter(|known| offset < known.len()) else { return };
        let rest = known.without(offset);
        self.len -= 1;
        match self.full.get_mut(chunk) {
            Some(known) => {
                self.full_bytes = self.full_bytes + rest.bytes() - known.bytes();
                *known = rest;
                if known.is_empty() {
                    self.full.remove(chunk);
                }
            }
            None if rest.is_empty() => {
                self.last = self.full.pop().unwrap_or_default();
                self.full_bytes -= self.last.bytes().min(self.full_bytes);
            }
            None => self.last = rest,
        }
    }

    /// Size on the heap in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.full.capacity() * size_of::<Chunk>() + self.full_bytes + self.last.heap_bytes()
    }

    /// Frees unused capacity.
    pub(crate) fn shrink(&mut self) {
        self.last.shrink();
        self.full.shrink_to_fit();
    }
}

impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for Facts {}

impl<'a> FromIterator<Fact<'a>> for Facts {
    fn from_iter<I: IntoIterator<Item = Fact<'a>>>(iter: I) -> Self {
        let mut facts = Self::default();
        iter.into_iter().for_each(|fact| facts.push(&fact));
        facts
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
