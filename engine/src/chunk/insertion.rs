//! Places between the facts of a chunk, and a fact inserted there.

use std::cmp::Ordering;

use super::{Before, Chunk, Last, Rows, length};
use crate::fact::{Fact, Place};
use crate::fold::Lists;

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
    /// The gap before the first fact that does not sort before this place, and whether that fact is at this place.
    pub(crate) fn gap_at(&self, place: &Place<'_>, lists: Lists<'_>) -> (Gap, bool) {
        let mut rows = self.iter();
        loop {
            let from = rows.clone();
            let order = rows.next_key().map(|(at, rank, identity)| {
                let given = || identity.in_context(rows.before.context, lists);
                let of_content = || from.clone().next().map(|fact| fact.identity(lists));
                place.order((at, rank), || given().or_else(of_content))
            });
            if !order.is_some_and(Ordering::is_lt) {
                return (self.gap_before(&from), order == Some(Ordering::Equal));
            }
        }
    }

    pub(super) fn gap_before(&self, rows: &Rows<'_>) -> Gap {
        Gap {
            offset: self.len() - rows.left as usize,
            numbers: self.numbers.len() - rows.numbers.len(),
            texts: self.texts.len() - rows.texts.len(),
            fixed: self.fixed.len() - rows.fixed.len(),
            before: rows.before,
        }
    }

    /// The facts behind a gap.
    fn rows_after(&self, gap: &Gap) -> Rows<'_> {
        Rows {
            numbers: self.numbers.get(gap.numbers..).unwrap_or_default(),
            texts: self.texts.get(gap.texts..).unwrap_or_default(),
            fixed: self.fixed.get(gap.fixed..).unwrap_or_default(),
            left: self.len.saturating_sub(u32::try_from(gap.offset).unwrap_or(u32::MAX)),
            before: gap.before,
        }
    }

    /// Inserts a fact. The facts behind it are packed again until their differences refer to the same values as before,
    /// usually one of them. The bytes of the others are moved.
    pub(crate) fn insert(&mut self, gap: &Gap, fact: &Fact<'_>) {
        let mut packed = Self { before: gap.before, ..Self::default() };
        packed.push(fact);
        let mut rest = self.rows_after(gap);
        while packed.before != rest.before
            && let Some(next) = rest.next()
        {
            packed.push(&next);
        }
        let is_end = rest.left == 0;
        let end = self.gap_before(&rest);
        let length_before = self.numbers.len();
        self.numbers.splice(gap.numbers..end.numbers, packed.numbers);
        self.texts.replace_range(gap.texts..end.texts, &packed.texts);
        self.fixed.splice(gap.fixed..end.fixed, packed.fixed);
        self.len += 1;
        let (last, from, to) = if is_end {
            self.before = packed.before;
            (packed.last, 0, gap.numbers)
        } else {
            (self.last, length_before, self.numbers.len())
        };
        self.last = last.map(|last| Last { numbers: length(last.numbers as usize + to - from), ..last });
    }
}
