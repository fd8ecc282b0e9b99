//! The intervals of a calendar, found once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::time::Time;

/// The intervals of a calendar in blocks of time, each of them found when it is needed for the first time. Clones share them.
#[derive(Clone)]
pub(super) struct Opened(Arc<[OnceLock<Block>]>);

/// The intervals of a block, in order.
#[derive(Debug)]
struct Block(Vec<Interval>);

#[derive(Clone, Copy, Debug)]
struct Interval {
    begin: i64,
    end: i64,
    /// The sum of the lengths of the intervals before it in the block.
    before_ms: i64,
}

/// The number of days of a block.
pub(super) const DAYS: usize = 2_000;

const BLOCK_MS: i64 = DAYS as i64 * 86_400_000;

/// The memory of an interval.
pub(super) const INTERVAL_BYTES: usize = size_of::<Interval>();

impl Default for Opened {
    fn default() -> Self {
        Self((0..=place_of(Time::MAX.ms())).map(|_| OnceLock::new()).collect())
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}

/// The block of a time: the first one for times before the range.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times are within 10,000 years")]
fn place_of(at: i64) -> usize {
    (at.max(0) / BLOCK_MS) as usize
}

impl Opened {
    /// The block at a place, if it is in the range of times. `find` finds the intervals that have a time in common with one.
    fn block<I: Iterator<Item = (i64, i64)>>(&self, place: usize, find: impl Fn(i64, i64) -> I) -> Option<&Block> {
        let begin = i64::try_from(place).ok()?.checked_mul(BLOCK_MS)?;
        let block = || Block::of(find(begin, begin + BLOCK_MS), (begin, begin + BLOCK_MS));
        Some(self.0.get(place)?.get_or_init(block))
    }

    /// The time inside the intervals between two times, in milliseconds.
    pub(super) fn elapsed<I: Iterator<Item = (i64, i64)>>(
        &self,
        (from, until): (i64, i64),
        find: impl Fn(i64, i64) -> I,
    ) -> i64 {
        if from >= until {
            return 0;
        }
        let blocks = (place_of(from)..=place_of(until)).map_while(|place| self.block(place, &find));
        blocks.map(|block| block.up_to(until) - block.up_to(from)).sum()
    }

    /// The first millisecond by which more than `length_ms` inside the intervals has elapsed since `from`, if it is before
    /// `until`.
    pub(super) fn after<I: Iterator<Item = (i64, i64)>>(
        &self,
        (from, until): (i64, i64),
        length_ms: i64,
        find: impl Fn(i64, i64) -> I,
    ) -> Option<i64> {
        let mut left = length_ms;
        for place in place_of(from)..=place_of(until) {
            let block = self.block(place, &find)?;
            let before = block.up_to(from);
            if let Some(at) = block.after(before.checked_add(left)?) {
                return Some(at).filter(|at| *at < until);
            }
            left -= block.length_ms() - before;
        }
        None
    }
}

impl Block {
    /// These intervals, as far as they are within the bounds of the block.
    fn of(intervals: impl Iterator<Item = (i64, i64)>, (block_begin, block_end): (i64, i64)) -> Self {
        let mut before_ms = 0;
        let interval = |(begin, end): (i64, i64)| {
            let (begin, end) = (begin.max(block_begin), end.min(block_end));
            let interval = Interval { begin, end, before_ms };
            before_ms += end - begin;
            interval
        };
        Self(intervals.map(interval).collect())
    }

    /// The time inside the intervals of the block before a time.
    fn up_to(&self, at: i64) -> i64 {
        let begun = self.0.partition_point(|interval| interval.begin < at);
        let last = begun.checked_sub(1).and_then(|last| self.0.get(last));
        last.map_or(0, |last| last.before_ms + at.min(last.end) - last.begin)
    }

    fn length_ms(&self) -> i64 {
        self.up_to(i64::MAX)
    }

    /// The first millisecond by which more than this time inside the intervals of the block has elapsed.
    fn after(&self, length_ms: i64) -> Option<i64> {
        let passed = |interval: &Interval| interval.before_ms + (interval.end - interval.begin) <= length_ms;
        let interval = self.0.get(self.0.partition_point(passed))?;
        Some(interval.begin + length_ms - interval.before_ms + 1)
    }
}
