//! A fact between two others.

use super::{Before, Chunk, Rows};
use crate::fact::Fact;

/// A place between two facts of a chunk.
#[derive(Debug)]
pub(crate) struct Gap {
    /// The number of facts before it.
    pub(crate) offset: usize,
    numbers: usize,
    texts: usize,
    fixed: usize,
    before: Before,
}

impl Chunk {
    /// The place after the first facts for which `is_before` is true.
    pub(crate) fn gap_after(&self, is_before: impl Fn(&Fact<'_>) -> bool) -> Gap {
        let mut rows = self.iter();
        loop {
            let gap = self.gap_before(&rows);
            if !rows.next().is_some_and(|fact| is_before(&fact)) {
                return gap;
            }
        }
    }

    fn gap_before(&self, rows: &Rows<'_>) -> Gap {
        Gap {
            offset: self.len() - rows.left as usize,
            numbers: self.numbers.len() - rows.numbers.len(),
            texts: self.texts.len() - rows.texts.len(),
            fixed: self.fixed.len() - rows.fixed.len(),
            before: rows.before,
        }
    }

    /// Inserts a fact. Behind it, facts are packed again until the differences are to the same values as before, which is
    /// usually after one. The bytes of the others are moved.
    pub(crate) fn insert(&mut self, gap: &Gap, fact: &Fact<'_>) {
        let mut rest = self.iter();
        rest.numbers = rest.numbers.get(gap.numbers..).unwrap_or_default();
        rest.texts = rest.texts.get(gap.texts..).unwrap_or_default();
        rest.fixed = rest.fixed.get(gap.fixed..).unwrap_or_default();
        rest.left = rest.left.saturating_sub(u32::try_from(gap.offset).unwrap_or(u32::MAX));
        rest.before = gap.before;
        let mut packed = Self { before: gap.before, ..Self::default() };
        packed.push(fact);
        while packed.before != rest.before
            && let Some(next) = rest.next()
        {
            packed.push(&next);
        }
        let is_last = rest.left == 0;
        let end = self.gap_before(&rest);
        self.numbers.splice(gap.numbers..end.numbers, packed.numbers);
        self.texts.replace_range(gap.texts..end.texts, &packed.texts);
        self.fixed.splice(gap.fixed..end.fixed, packed.fixed);
        self.len += 1;
        if is_last {
            (self.before, self.last) = (packed.before, packed.last);
        }
    }
}
