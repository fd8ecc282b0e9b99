//! The answer: rows with the values of the measures.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::report::groups::GroupValue;
use crate::report::measure::{Measure, MeasureKind};
use crate::report::query::GroupBy;
use crate::report::read::exact;

/// A report. Times are milliseconds since the epoch, durations milliseconds.
///
/// Its JSON has no lists of groups and measures: one that is read from JSON has none either.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The beginning.
    pub from: i64,
    /// The end.
    pub to: i64,
    /// The length of a bucket; `None` for one bucket.
    pub every: Option<String>,
    /// The zone in which buckets begin.
    pub zone: String,
    /// The version of the database of zones.
    pub tzdb: String,
    /// By what buckets are divided.
    #[serde(skip)]
    pub by: Vec<GroupBy>,
    /// The measures, in the order of the values of a row.
    #[serde(skip)]
    pub measures: Vec<Measure>,
    /// A row for each bucket and group with any value. Without groups, a row for each bucket.
    pub rows: Vec<ReportRow>,
}

/// The values of one bucket and group.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReportRow {
    /// The beginning of the bucket.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// The group.
    pub group: Vec<(GroupBy, GroupValue)>,
    /// The value of each measure.
    pub values: Vec<(Measure, MeasureValue)>,
}

/// The value of a measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum MeasureValue {
    /// A number of things.
    Count(u64),
    /// A number that changes over time.
    Level(LevelValue),
    /// A duration at the end of the bucket; `None` if there is none.
    Duration(Option<i64>),
    /// Durations.
    Distribution(Distribution),
    /// A sum of time.
    Total(i64),
    /// Met or missed.
    Outcome(OutcomeValue),
}

/// A number that changes over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LevelValue {
    /// At the end of the bucket.
    pub end: u64,
    /// The largest one.
    pub max: u64,
    /// The mean over the time of the bucket, inside the calendar; `None` if no time of it is inside.
    #[serde(deserialize_with = "exact")]
    pub mean: Option<f64>,
}

/// Durations. Percentiles are by nearest rank; `None` if there is no duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Distribution {
    /// Number of durations.
    pub n: u64,
    /// Number of those that had not ended: at the end of the bucket, or of the report if durations belong to their beginning.
    /// `None` if they cannot be pending.
    pub pending: Option<u64>,
    /// Messages of unknown direction, any of which may be a question or an answer; `None` if they are no part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<u64>,
    /// The mean, cut to milliseconds.
    pub mean: Option<i64>,
    /// The median.
    pub p50: Option<i64>,
    /// The 90th percentile.
    pub p90: Option<i64>,
    /// The 95th percentile.
    pub p95: Option<i64>,
    /// The longest one.
    pub max: Option<i64>,
}

/// Turns that were answered in time, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutcomeValue {
    /// Answered in time.
    pub met: u64,
    /// Not answered when the time had passed.
    pub missed: u64,
    /// Neither: at the end of the bucket, or of the report.
    pub pending: u64,
    /// Messages of unknown direction, any of which may be a question or an answer.
    pub unknown: u64,
    /// `met / (met + missed)`; `None` if there are none.
    #[serde(deserialize_with = "exact")]
    pub share: Option<f64>,
}

impl Distribution {
    /// The value of these durations.
    pub(crate) fn of(lengths: &mut [i64], pending: Option<u64>, unknown: Option<u64>) -> Self {
        let n = lengths.len();
        let sum: i128 = lengths.iter().copied().map(i128::from).sum();
        let mean = i128::try_from(n).ok().and_then(|n| sum.checked_div(n)).and_then(|mean| i64::try_from(mean).ok());
        let max = lengths.iter().copied().max();
        // The smallest value that at least this share of all values does not exceed. After a selection those before it are not
        // larger, so the next one is among them.
        let mut up_to = n;
        let mut rank = |percent: usize| {
            let place = (n * percent).div_ceil(100).checked_sub(1)?;
            let found = *lengths.get_mut(..up_to)?.select_nth_unstable(place).1;
            up_to = place + 1;
            Some(found)
        };
        let (p95, p90, p50) = (rank(95), rank(90), rank(50));
        Self { n: n as u64, pending, unknown, mean, p50, p90, p95, max }
    }
}

impl OutcomeValue {
    #[expect(clippy::cast_precision_loss, reason = "a share of more than 2^53 turns may be off in the last digit")]
    pub(crate) fn of(met: u64, missed: u64, pending: u64, unknown: u64) -> Self {
        let all = met + missed;
        let share = (all > 0).then(|| met as f64 / all as f64);
        Self { met, missed, pending, unknown, share }
    }
}

impl MeasureValue {
    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Count(count) => *count == 0,
            Self::Level(level) => level.end == 0 && level.max == 0,
            Self::Duration(age) => age.is_none(),
            Self::Distribution(of) => of.n == 0 && of.pending.unwrap_or(0) == 0 && of.unknown.unwrap_or(0) == 0,
            Self::Total(total) => *total == 0,
            Self::Outcome(share) => share.met + share.missed + share.pending + share.unknown == 0,
        }
    }

    /// The value of a measure of which nothing was met. `mean` is that of a level.
    pub(crate) fn empty(measure: Measure, mean: Option<f64>) -> Self {
        match measure.kind() {
            MeasureKind::Count => Self::Count(0),
            MeasureKind::Level => Self::Level(LevelValue { mean, ..LevelValue::default() }),
            MeasureKind::Duration => Self::Duration(None),
            MeasureKind::Total => Self::Total(0),
            MeasureKind::Outcome => Self::Outcome(OutcomeValue::default()),
            MeasureKind::Distribution => {
                let pending = measure.has_pending().then_some(0);
                let unknown = measure.has_unknown().then_some(0);
                Self::Distribution(Distribution { pending, unknown, ..Distribution::default() })
            }
        }
    }
}

/// A map from the names of groups to their values.
pub(crate) struct GroupsMap<'a>(pub(crate) &'a [(GroupBy, GroupValue)]);

impl Serialize for GroupsMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(by, value)| (by, value)))
    }
}

impl Serialize for ReportRow {
    /// One object: the bounds of the bucket, the group under `by`, and each measure under its name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("from", &self.from)?;
        map.serialize_entry("to", &self.to)?;
        map.serialize_entry("by", &GroupsMap(&self.group))?;
        for (measure, value) in &self.values {
            map.serialize_entry(measure, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_one_that_sorted_values_have() {
        for n in 0..230_usize {
            let mut lengths: Vec<i64> = (0..n).map(|place| i64::try_from(place * 7_919 % 101).unwrap()).collect();
            let found = Distribution::of(&mut lengths, None, None);
            lengths.sort_unstable();
            let rank = |percent: usize| lengths.get((n * percent).div_ceil(100).wrapping_sub(1)).copied();
            assert_eq!([found.p50, found.p90, found.p95, found.max], [50, 90, 95, 100].map(rank), "{n}");
        }
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let of = |lengths: &[i64]| Distribution::of(&mut lengths.to_vec(), Some(3), None);
        let ten = of(&[10, 30, 20, 40, 50, 100, 60, 70, 80, 90]);
        assert_eq!((ten.p50, ten.p90, ten.p95, ten.max), (Some(50), Some(90), Some(100), Some(100)));
        assert_eq!((ten.n, ten.mean, ten.pending), (10, Some(55), Some(3)));
        let one = of(&[7]);
        assert_eq!((one.p50, one.p90, one.p95, one.max, one.mean), (Some(7), Some(7), Some(7), Some(7), Some(7)));
        assert_eq!(of(&[1, 2]).mean, Some(1));
        assert_eq!(of(&[1, 2]).p50, Some(1));
        let none = of(&[]);
        assert_eq!((none.n, none.p50, none.max, none.mean, none.pending), (0, None, None, None, Some(3)));
    }
}
