//! From what has been added up to the values of a report.

use crate::report::answer::{Distribution, LevelValue, MeasureValue, OutcomeValue};
use crate::report::buckets::Buckets;
use crate::report::measure::{Measure, MeasureKind};
use crate::report::query::{Attribution, ReportQuery};
use crate::report::series::Levels;
use crate::report::tally::{Cell, Tally};
use crate::report::walk::Group;

/// Everything that the values are computed from. Each value depends on one group and one measure only.
pub(crate) struct Values<'a> {
    query: &'a ReportQuery,
    buckets: &'a Buckets,
    tally: Tally,
    /// The length of each bucket inside the calendar, in milliseconds. Only levels and totals need it.
    lengths_ms: Vec<i64>,
    /// By group.
    groups: Vec<OfGroup>,
}

#[derive(Clone, Default)]
struct OfGroup {
    /// Bucket and number of each row, in the order of the buckets.
    rows: Vec<(u32, usize)>,
    /// The smallest beginning of a wait at the end of each bucket.
    oldest: Vec<(u32, i64)>,
}

/// A value that is not empty.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) bucket: u32,
    pub(crate) group: Group,
    pub(crate) place: usize,
    pub(crate) value: MeasureValue,
}

impl<'a> Values<'a> {
    pub(crate) fn of(query: &'a ReportQuery, buckets: &'a Buckets, mut tally: Tally, group_count: usize) -> Self {
        let needs_length = |measure: &Measure| matches!(measure.kind(), MeasureKind::Level | MeasureKind::Total);
        let is_needed = query.measures.iter().any(needs_length);
        let lengths_ms = buckets.all().filter(|_| is_needed).map(|(from, to)| query.length(from, to)).collect();
        let mut groups = vec![OfGroup::default(); group_count];
        for (number, row) in tally.rows().iter().enumerate() {
            groups.get_mut(row.group as usize).into_iter().for_each(|of| of.rows.push((row.bucket, number)));
        }
        for ((group, bucket), since) in tally.take_oldest().into_buckets() {
            groups.get_mut(group as usize).into_iter().for_each(|of| of.oldest.push((bucket, since)));
        }
        groups.iter_mut().for_each(|of| of.rows.sort_unstable());
        Self { query, buckets, tally, lengths_ms, groups }
    }

    /// Whether any time of a bucket is inside the calendar.
    pub(crate) fn has_time(&self, bucket: usize) -> bool {
        self.length_ms(bucket) > 0
    }

    fn length_ms(&self, bucket: usize) -> i64 {
        self.lengths_ms.get(bucket).copied().unwrap_or_default()
    }

    /// The number of parts: each has the values of one measure of one group.
    pub(crate) fn part_count(&self) -> usize {
        self.groups.len() * self.query.measures.len()
    }

    /// The values of a part that are not empty.
    #[expect(clippy::cast_possible_truncation, reason = "the number of groups is bounded")]
    pub(crate) fn part(&self, part: usize) -> impl Iterator<Item = Value> {
        let measure_count = self.query.measures.len().max(1);
        let (group, place) = (part / measure_count, part % measure_count);
        let measure = self.query.measures.get(place).copied();
        let values = measure.zip(self.groups.get(group)).map(|(measure, of)| match measure.kind() {
            MeasureKind::Level => self.levels(group, place),
            MeasureKind::Duration => self.ages(of),
            _ => self.cells(of, place, measure),
        });
        let values = values.into_iter().flatten().filter(|(_, value)| !value.is_empty());
        values.map(move |(bucket, value)| Value { bucket, group: group as Group, place, value })
    }

    #[expect(clippy::cast_possible_truncation, reason = "the number of buckets is bounded")]
    fn levels(&self, group: usize, place: usize) -> Vec<(u32, MeasureValue)> {
        let levels = self.tally.series(place, group).map(|series| series.levels(self.buckets, self.query));
        let value = |levels, bucket| MeasureValue::Level(level_value(levels, self.length_ms(bucket)));
        levels.into_iter().flatten().map(|(bucket, levels)| (bucket as u32, value(levels, bucket))).collect()
    }

    fn ages(&self, of: &OfGroup) -> Vec<(u32, MeasureValue)> {
        let end = |bucket: u32| self.buckets.bounds(bucket as usize).1;
        let age = |bucket, since| MeasureValue::Duration(Some(self.query.length(since, end(bucket))));
        of.oldest.iter().map(|(bucket, since)| (*bucket, age(*bucket, *since))).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the number of buckets is bounded")]
    fn cells(&self, of: &OfGroup, place: usize, measure: Measure) -> Vec<(u32, MeasureValue)> {
        let goes_on = measure.kind() == MeasureKind::Total || self.query.attribute == Attribution::End;
        let (mut values, mut running, mut next) = (Vec::new(), 0, 0);
        let between = |running, from, to| {
            let buckets = (from..to).take_while(move |_| running > 0);
            buckets.map(move |bucket| (bucket, self.value(measure, bucket, &Cell::default(), running)))
        };
        for (bucket, row) in &of.rows {
            let Some(cell) = self.tally.cell(*row, place) else { continue };
            values.extend(between(running, next, *bucket));
            running += cell.running;
            values.push((*bucket, self.value(measure, *bucket, cell, running)));
            running = if goes_on { running } else { 0 };
            next = bucket + 1;
        }
        values.extend(between(running, next, self.buckets.len() as u32));
        values
    }

    /// `running`: the number of spans that go on.
    fn value(&self, measure: Measure, bucket: u32, cell: &Cell, running: i64) -> MeasureValue {
        let [count, pending] = [cell.sum, running].map(|number| u64::try_from(number).unwrap_or_default());
        let more = cell.more.as_deref();
        let unknown = more.map_or(0, |more| more.unknown);
        match measure.kind() {
            MeasureKind::Count | MeasureKind::Level | MeasureKind::Duration => MeasureValue::Count(count),
            MeasureKind::Total => {
                let of_whole_bucket = running.saturating_mul(self.length_ms(bucket as usize));
                MeasureValue::Total(cell.sum.saturating_add(of_whole_bucket))
            }
            MeasureKind::Outcome => {
                let missed = more.map_or(0, |more| more.missed);
                MeasureValue::Outcome(OutcomeValue::of(count, missed, pending, unknown))
            }
            MeasureKind::Distribution => {
                let pending = measure.has_pending().then_some(pending);
                let unknown = measure.has_unknown().then_some(unknown);
                let mut lengths = more.map(|more| more.lengths.clone()).unwrap_or_default();
                MeasureValue::Distribution(Distribution::of(&mut lengths, pending, unknown))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean is a number with 53 bits")]
fn level_value(levels: Levels, length_ms: i64) -> LevelValue {
    let mean = (length_ms > 0).then(|| levels.integral as f64 / length_ms as f64);
    LevelValue { end: levels.end, max: levels.max, mean }
}
