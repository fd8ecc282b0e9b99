//! A number that changes over time.

use std::iter::Peekable;

use crate::report::buckets::Buckets;
use crate::report::query::ReportQuery;

/// The changes of a number within a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// The number before the report begins.
    before: i128,
    /// The time and the amount of each increase.
    increases: Vec<(i64, u64)>,
    /// The same of each decrease.
    decreases: Vec<(i64, u64)>,
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
        if from < begin {
            self.before += i128::from(amount);
        } else {
            self.increases.push((from, amount));
        }
        if until < end {
            self.decreases.push((until, amount));
        }
    }

    /// The number in each bucket in which it is not always 0, in order. A number that does not fit is the largest one.
    pub(crate) fn levels(self, buckets: &Buckets, query: &ReportQuery) -> impl Iterator<Item = (usize, Levels)> {
        let Self { before, increases, decreases } = self;
        let mut changes = Changes { increases: sorted(increases), decreases: sorted(decreases) };
        let (mut level, mut next) = (before, 0);
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
                    integral = integral.saturating_add(level.saturating_mul(length.into()));
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
struct Changes<I: Iterator> {
    increases: Peekable<I>,
    decreases: Peekable<I>,
}

impl<I: Iterator<Item = (i64, u64)>> Changes<I> {
    fn next_at(&mut self) -> Option<i64> {
        let next = [self.increases.peek(), self.decreases.peek()];
        next.into_iter().flatten().map(|(at, _)| *at).min()
    }

    /// The sum of the next changes of one millisecond, if it is before `end`.
    fn next_before(&mut self, end: i64) -> Option<(i64, i128)> {
        let at = self.next_at().filter(|at| *at < end)?;
        Some((at, sum_at(&mut self.increases, at) - sum_at(&mut self.decreases, at)))
    }
}

fn sum_at(changes: &mut Peekable<impl Iterator<Item = (i64, u64)>>, at: i64) -> i128 {
    std::iter::from_fn(|| changes.next_if(|(other, _)| *other == at)).map(|(_, amount)| i128::from(amount)).sum()
}

fn sorted(mut changes: Vec<(i64, u64)>) -> Peekable<std::vec::IntoIter<(i64, u64)>> {
    changes.sort_unstable();
    changes.into_iter().peekable()
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
