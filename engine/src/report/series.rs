//! A number that changes over time.

use std::iter::Peekable;
use std::vec;

use serde::{Deserialize, Serialize};

use crate::report::buckets::Buckets;
use crate::report::query::ReportQuery;

/// The changes of a number within a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// The number before the report begins.
    before: i128,
    /// The changes of later, in any order.
    changes: Vec<Change>,
    /// Those that do not fit into a [`Change`]: the milliseconds since the beginning of the report, and the amount.
    large: Vec<(i64, i128)>,
}

/// A change: the milliseconds since the beginning of the report, which are less than 2^48, and the amount in the lowest 16 bits.
/// Changes are ordered by time. They are many, and numbers of 8 bytes are sorted fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change(u64);

impl Change {
    const AMOUNT_BITS: u32 = i16::BITS;

    fn new(after_ms: i64, amount: i128) -> Option<Self> {
        let amount = i16::try_from(amount).ok()?.cast_unsigned();
        Some(Self(after_ms.cast_unsigned() << Self::AMOUNT_BITS | u64::from(amount)))
    }

    fn after_ms(self) -> i64 {
        (self.0 >> Self::AMOUNT_BITS).cast_signed()
    }

    fn amount(self) -> i128 {
        self.amount_bits().into()
    }

    fn amount_bits(self) -> i16 {
        let [low, high, ..] = self.0.to_le_bytes();
        i16::from_le_bytes([low, high])
    }
}

/// The changes of a [`Series`] as JSON has them: the number before the report begins, and the later changes, each with its
/// milliseconds since the beginning. Numbers of 128 bits are texts, because JSON parsers have no such numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SeriesParts {
    before: String,
    changes: Vec<(i64, i16)>,
    large: Vec<(i64, String)>,
}

/// The number in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    /// After all changes before the end.
    pub(crate) end: u64,
    /// The largest one at any millisecond.
    pub(crate) max: u64,
    /// Its sum over all milliseconds: inside the calendar, if there is one.
    pub(crate) integral: i128,
}

impl Series {
    /// Adds `amount` from `from` on and before `until`.
    pub(crate) fn add(&mut self, buckets: &Buckets, (from, until): (i64, i64), amount: u64) {
        let (begin, end) = (buckets.from(), buckets.to());
        if until <= begin || from >= end {
            return;
        }
        let amount = i128::from(amount);
        if from < begin {
            self.before += amount;
        } else {
            self.change(from - begin, amount);
        }
        if until < end {
            self.change(until - begin, -amount);
        }
    }

    /// The spans of a conversation follow one another, so a change is often of the same time as the one before.
    fn change(&mut self, after_ms: i64, amount: i128) {
        let before = self.changes.pop_if(|last| last.after_ms() == after_ms).map_or(0, Change::amount);
        match before + amount {
            0 => {}
            sum => match Change::new(after_ms, sum) {
                Some(change) => self.changes.push(change),
                None => self.large.push((after_ms, sum)),
            },
        }
    }

    pub(crate) fn parts(&self) -> SeriesParts {
        let changes = self.changes.iter().map(|change| (change.after_ms(), change.amount_bits()));
        let large = self.large.iter().map(|(after_ms, amount)| (*after_ms, amount.to_string()));
        SeriesParts { before: self.before.to_string(), changes: changes.collect(), large: large.collect() }
    }

    /// `None` if a number is too large.
    pub(crate) fn of_parts(parts: SeriesParts) -> Option<Self> {
        const MAX_MS: i64 = 1 << (u64::BITS - Change::AMOUNT_BITS);
        // The sum of any number of changes fits into 128 bits.
        let amount = |text: &str| {
            text.parse::<i128>().ok().filter(|amount| amount.unsigned_abs() <= u128::from(u64::MAX) << u32::BITS)
        };
        let is_time = |after_ms: i64| (0..MAX_MS).contains(&after_ms);
        let change =
            |(after_ms, amount): (i64, i16)| Change::new(after_ms, amount.into()).filter(|_| is_time(after_ms));
        let large = |(after_ms, text): (i64, String)| Some((after_ms, amount(&text)?)).filter(|_| is_time(after_ms));
        Some(Self {
            before: amount(&parts.before)?,
            changes: parts.changes.into_iter().map(change).collect::<Option<_>>()?,
            large: parts.large.into_iter().map(large).collect::<Option<_>>()?,
        })
    }

    /// Adds all changes of another one.
    pub(crate) fn merge(&mut self, other: Self) {
        self.before += other.before;
        self.changes.extend(other.changes);
        self.large.extend(other.large);
    }

    /// The number in each bucket in which it is not always 0, in order. A number that does not fit is the largest one.
    pub(crate) fn levels(&self, buckets: &Buckets, query: &ReportQuery) -> impl Iterator<Item = (usize, Levels)> {
        let mut changes = Changes::of(self, buckets.from());
        let (mut level, mut next) = (self.before, 0);
        let levels = std::iter::from_fn(move || {
            if level == 0 {
                next = buckets.find(changes.next_at()?)?;
            }
            let bucket = next;
            let (begin, end) = buckets.bounds_of(bucket)?;
            next += 1;
            let mut since = begin;
            let (mut max, mut integral) = (0, 0_i128);
            let mut until = |at: i64, level: i128| {
                if at > since {
                    max = level.max(max);
                    let length = if level == 0 { 0 } else { query.length(since, at) };
                    integral = integral.saturating_add(product(level, length));
                    since = at;
                }
            };
            while let Some((at, amount)) = changes.next_before(end) {
                until(at, level);
                level += amount;
            }
            until(end, level);
            Some((bucket, Levels { end: number(level), max: number(max), integral }))
        });
        levels.filter(|(_, levels)| levels.max > 0)
    }
}

/// Changes in the order of their times.
struct Changes {
    begin: i64,
    changes: Peekable<vec::IntoIter<Change>>,
    large: Peekable<vec::IntoIter<(i64, i128)>>,
}

impl Changes {
    fn of(series: &Series, begin: i64) -> Self {
        let (mut changes, mut large) = (series.changes.clone(), series.large.clone());
        changes.sort_unstable();
        large.sort_unstable();
        Self { begin, changes: changes.into_iter().peekable(), large: large.into_iter().peekable() }
    }

    fn next_at(&mut self) -> Option<i64> {
        let change = self.changes.peek().map(|change| change.after_ms());
        let large = self.large.peek().map(|(after_ms, _)| *after_ms);
        change.into_iter().chain(large).min().map(|after_ms| self.begin + after_ms)
    }

    /// The sum of the next changes of one millisecond, if it is before `end`.
    fn next_before(&mut self, end: i64) -> Option<(i64, i128)> {
        let at = self.next_at().filter(|at| *at < end)?;
        let after_ms = at - self.begin;
        let mut sum = 0;
        while let Some(change) = self.changes.next_if(|change| change.after_ms() == after_ms) {
            sum += change.amount();
        }
        while let Some((_, amount)) = self.large.next_if(|(other, _)| *other == after_ms) {
            sum += amount;
        }
        Some((at, sum))
    }
}

/// A level for a time. 64 bits are multiplied faster than 128.
fn product(level: i128, length_ms: i64) -> i128 {
    match i64::try_from(level) {
        Ok(level) => i128::from(level) * i128::from(length_ms),
        Err(_) => level.saturating_mul(length_ms.into()),
    }
}

fn number(level: i128) -> u64 {
    u64::try_from(level.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels of three buckets, those that are always 0 as well.
    fn levels(spans: &[(i64, i64, u64)]) -> Vec<(u64, u64, i128)> {
        let found = levels_of(Buckets::of_edges([100, 200, 300]), spans);
        let of_bucket =
            |bucket| found.iter().find(|(of, _)| *of == bucket).map(|(_, levels)| *levels).unwrap_or_default();
        [0, 1].map(of_bucket).map(|Levels { end, max, integral }| (end, max, integral)).to_vec()
    }

    fn levels_of(buckets: Buckets, spans: &[(i64, i64, u64)]) -> Vec<(usize, Levels)> {
        let mut series = Series::default();
        spans.iter().for_each(|(from, until, amount)| series.add(&buckets, (*from, *until), *amount));
        series.levels(&buckets, &ReportQuery::new(buckets.from(), buckets.to())).collect()
    }

    #[test]
    fn a_bucket_in_which_the_level_is_always_0_has_none() {
        let spans = [(0, 1_001, 1), (5_200, 5_200, 9), (7_500, 9_000, 2)];
        let found = levels_of(Buckets::of_edges((0..=100).map(|edge| edge * 1_000).collect::<Vec<_>>()), &spans);
        let ends: Vec<_> = found.iter().map(|(bucket, levels)| (*bucket, levels.end)).collect();
        assert_eq!(ends, [(0, 1), (1, 0), (7, 2), (8, 2)]);
    }

    #[test]
    fn a_level_lasts_from_its_beginning_to_the_millisecond_before_its_end() {
        assert_eq!(levels(&[]), [(0, 0, 0), (0, 0, 0)]);
        assert_eq!(levels(&[(0, 1_000, 2)]), [(2, 2, 200), (2, 2, 200)]);
        assert_eq!(levels(&[(150, 250, 1)]), [(1, 1, 50), (0, 1, 50)]);
        // It ends with the bucket, in which it is at its end; it is not in the next one.
        assert_eq!(levels(&[(150, 200, 1)]), [(1, 1, 50), (0, 0, 0)]);
        assert_eq!(levels(&[(200, 201, 3)]), [(0, 0, 0), (0, 3, 3)]);
        assert_eq!(levels(&[(0, 100, 1), (300, 400, 1)]), [(0, 0, 0), (0, 0, 0)]);
    }

    #[test]
    fn changes_of_one_millisecond_are_one_change() {
        assert_eq!(levels(&[(110, 150, 1), (150, 170, 1)]), [(0, 1, 60), (0, 0, 0)]);
        assert_eq!(levels(&[(50, 100, 9), (100, 120, 1)]), [(0, 1, 20), (0, 0, 0)]);
    }

    #[test]
    fn changes_of_any_size_are_added_at_their_times() {
        let of = |amount: u64| levels(&[(110, 150, amount), (150, 180, 2), (110, 120, 1), (180, 220, amount)]);
        for amount in [1, 32_767, 32_768, 70_000, u64::from(u32::MAX), u64::MAX - 1] {
            let integral = i128::from(amount) * 60 + 60 + 10;
            assert_eq!(of(amount)[0], (amount, amount + 1, integral), "{amount}");
            assert_eq!(of(amount)[1], (0, amount, i128::from(amount) * 20), "{amount}");
        }
    }

    #[test]
    fn a_sum_that_does_not_fit_is_the_largest_number() {
        assert_eq!(
            levels(&[(0, 250, u64::MAX)]),
            [(u64::MAX, u64::MAX, i128::from(u64::MAX) * 100), (0, u64::MAX, i128::from(u64::MAX) * 50)]
        );
        let two = levels(&[(110, 150, u64::MAX), (120, 250, u64::MAX), (0, 400, 7)]);
        assert_eq!(
            two.iter().map(|(end, max, _)| (*end, *max)).collect::<Vec<_>>(),
            [(u64::MAX, u64::MAX), (7, u64::MAX)]
        );
    }
}
