//! A number that changes over time.

use crate::report::buckets::Buckets;
use crate::report::query::ReportQuery;

/// The changes of a number within a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// The number before the report begins.
    before: i64,
    /// The time and the amount of each change.
    changes: Vec<(i64, i64)>,
}

/// The number in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    /// After all changes before the end.
    pub(crate) end: i64,
    /// The largest one at any millisecond.
    pub(crate) max: i64,
    /// Its sum over all milliseconds: inside the calendar, if there is one.
    pub(crate) integral: i128,
}

impl Series {
    /// Adds `amount` from `from` on and before `until`.
    pub(crate) fn add(&mut self, buckets: &Buckets, (from, until): (i64, i64), amount: u64) {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        let (begin, end) = (buckets.from(), buckets.to());
        if until <= begin || from >= end {
            return;
        }
        if from < begin {
            self.before += amount;
        } else {
            self.changes.push((from, amount));
        }
        if until < end {
            self.changes.push((until, -amount));
        }
    }

    /// The number in each bucket, in order.
    pub(crate) fn levels(mut self, buckets: &Buckets, query: &ReportQuery) -> Vec<Levels> {
        self.changes.sort_unstable();
        let mut changes = self.changes.chunk_by(|a, b| a.0 == b.0).peekable();
        let mut level = self.before;
        let in_bucket = |(begin, end): (i64, i64)| {
            let mut since = begin;
            let (mut max, mut integral) = (0, 0);
            let mut until = |at: i64, level: i64| {
                if at > since {
                    max = level.max(max);
                    let length = if level == 0 { 0 } else { query.length(since, at) };
                    integral += i128::from(level) * i128::from(length);
                    since = at;
                }
            };
            while let Some(now) = changes.next_if(|now| now.first().is_some_and(|(at, _)| *at < end)) {
                until(now.first().map_or(begin, |(at, _)| *at), level);
                level += now.iter().map(|(_, amount)| amount).sum::<i64>();
            }
            until(end, level);
            Levels { end: level, max, integral }
        };
        buckets.all().map(in_bucket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(spans: &[(i64, i64, u64)]) -> Vec<(i64, i64, i128)> {
        let buckets = Buckets::of_edges([100, 200, 300]);
        let mut series = Series::default();
        spans.iter().for_each(|(from, until, amount)| series.add(&buckets, (*from, *until), *amount));
        let levels = series.levels(&buckets, &ReportQuery::new(100, 300));
        levels.into_iter().map(|Levels { end, max, integral }| (end, max, integral)).collect()
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
}
