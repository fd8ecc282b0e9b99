//! What is known of the lines after the beginning of a broken value.

use super::values::Break;
use crate::json::{Fault, Scanned, Walk, Watch, skip_space};

/// The objects and arrays within a broken value that reading may begin with when it resumes line by line: those at the
/// beginning of a line, and the elements of such arrays.
///
/// Without it, each of those lines would be walked to the same break, which takes quadratic time on hostile input.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The values by the offset of their beginning, and their ends. `None`: it is not complete at the break.
    values: Vec<(usize, Option<usize>)>,
    end: usize,
    why: Option<Break>,
    /// Values that begin before this offset are broken too if they are not complete.
    broken_before: usize,
    /// The number of bytes that were removed from the beginning of the input since.
    advanced: usize,
}

/// What is known of a value.
pub(super) enum Outcome {
    Unknown,
    Ends(usize),
    Breaks(Break),
}

impl Survey {
    /// The offset up to which values are known.
    pub(super) fn end(&self) -> usize {
        self.end.saturating_sub(self.advanced)
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.advanced += bytes;
    }

    /// Surveys the value at `start`, which breaks. Values within a surveyed one are known already.
    pub(super) fn extend(&mut self, bytes: &[u8], start: usize, why: Break, max_bytes: usize) {
        if self.why.is_some() && why.at() <= self.end() {
            return;
        }
        let end = why.at();
        let mut marks =
            Marks { bytes, values: Vec::new(), open: Vec::new(), depth: 0, searched: start, first: usize::MAX };
        // The walk ends at the break.
        let _ = Walk::default().run(bytes.get(..end).unwrap_or(bytes), start, &mut marks);
        let broken_before = match why {
            // A value that begins much later than the one that is too long is not too long yet.
            Break::TooLong(at) => at.saturating_sub(max_bytes / 2),
            Break::Fault(_) | Break::NotUtf8(_) => usize::MAX,
        };
        *self = Self { values: marks.values, end, why: Some(why), broken_before, advanced: 0 };
    }

    pub(super) fn outcome(&self, start: usize) -> Outcome {
        let before = start + self.advanced;
        let Ok(found) = self.values.binary_search_by_key(&before, |(start, _)| *start) else { return Outcome::Unknown };
        match (self.values.get(found), self.why) {
            (Some((_, Some(end))), _) => Outcome::Ends(end - self.advanced),
            (Some((start, None)), Some(why)) if *start < self.broken_before => Outcome::Breaks(self.moved(why)),
            _ => Outcome::Unknown,
        }
    }

    fn moved(&self, why: Break) -> Break {
        match why {
            Break::Fault(fault) => Break::Fault(fault.kind.at(fault.at.saturating_sub(self.advanced))),
            Break::NotUtf8(at) => Break::NotUtf8(at.saturating_sub(self.advanced)),
            Break::TooLong(at) => Break::TooLong(at.saturating_sub(self.advanced)),
        }
    }
}

/// Notes the values that a walk passes.
struct Marks<'a> {
    bytes: &'a [u8],
    values: Vec<(usize, Option<usize>)>,
    /// The open ones: depth, index in `values`, and whether it is an array at the beginning of a line.
    open: Vec<(usize, usize, bool)>,
    depth: usize,
    /// Line feeds were searched up to here.
    searched: usize,
    /// The offset of the first token of the line.
    first: usize,
}

impl Marks<'_> {
    /// Whether the token at `at` is the first one of its line.
    fn begins_line(&mut self, at: usize) -> bool {
        if let Some(passed) = self.bytes.get(self.searched..at)
            && let Some(line_feed) = memchr::memrchr(b'\n', passed)
        {
            self.first = skip_space(self.bytes, self.searched + line_feed);
        }
        self.searched = at;
        self.first == at
    }
}

impl Watch for Marks<'_> {
    fn open(&mut self, at: usize, is_object: bool) -> Result<(), Fault> {
        self.depth += 1;
        let begins_line = self.begins_line(at);
        let is_element = self.open.last().is_some_and(|(depth, _, is_array)| *is_array && depth + 1 == self.depth);
        if begins_line || is_element {
            self.open.push((self.depth, self.values.len(), begins_line && !is_object));
            self.values.push((at, None));
        }
        Ok(())
    }

    fn close(&mut self, at: usize, _is_object: bool) {
        if let Some((_, value, _)) = self.open.pop_if(|(depth, ..)| *depth == self.depth)
            && let Some((_, end)) = self.values.get_mut(value)
        {
            *end = Some(at + 1);
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn key(&mut self, _key: Scanned) -> Result<(), Fault> {
        Ok(())
    }

    fn value(&mut self, _at: usize) -> Result<(), Fault> {
        Ok(())
    }

    fn string(&mut self, _string: Scanned) -> Result<(), Fault> {
        Ok(())
    }
}
