//! A report that is kept, so that the next one of its kind reads few conversations.
//!
//! A row depends on the events before the end of its bucket only, if durations belong to their ends, so it is the same in every
//! report with this bucket. When conversations change, [`Comparison`] tells which buckets have to be computed again.

use std::ops::Range;
use std::sync::Arc;

use crate::report::ReportQueryError;
use crate::report::answer::{MeasureValue, Report, ReportRow};
use crate::report::buckets::Buckets;
use crate::report::builder::{ReportBuilder, ReportPart, ToPart, expect_size, one_by_one, placement, report_of};
use crate::report::calendar::Calendar;
use crate::report::groups::{AgentOfTenant, GroupValue};
use crate::report::measure::Measure;
use crate::report::names::Names;
use crate::report::placement::Placement;
use crate::report::query::{Attribution, ReportQuery};
use crate::report::stale::Comparison;
use crate::report::transitions::Transitions;

/// The rows of a report by bucket, as far as they are known.
#[derive(Clone, Debug)]
pub struct KeptReport {
    query: ReportQuery,
    buckets: Buckets,
    rows: Vec<Option<Arc<[ReportRow]>>>,
    names: Names,
    /// Some of the names may be those of conversations that are not in this report.
    has_other_names: bool,
}

/// A calendar with more intervals takes too much memory to be kept.
const MAX_INTERVALS: usize = 100;

/// If more runs of rows are missing, what lies between them is computed with them: each run reads the conversations of its time.
const MAX_RUNS: usize = 4;

impl KeptReport {
    /// Whether reports of this kind can be kept: those in which durations belong to the bucket in which they end.
    #[must_use]
    pub fn can_keep(query: &ReportQuery) -> bool {
        let is_small = |calendar: &Calendar| calendar.interval_count() <= MAX_INTERVALS;
        query.attribute == Attribution::End && query.calendar.as_ref().is_none_or(is_small)
    }

    /// A report of which no row is known.
    ///
    /// # Errors
    /// As for [`ReportBuilder::new`].
    pub fn new(query: ReportQuery) -> Result<Self, ReportQueryError> {
        let Placement { buckets, .. } = placement(&query)?;
        let rows = buckets.all().map(|_| None).collect();
        Ok(Self { query, buckets, rows, names: Names::default(), has_other_names: false })
    }

    /// Whether this query asks for the same, possibly of another time.
    #[must_use]
    pub fn is_like(&self, query: &ReportQuery) -> bool {
        self.query.is_like(query)
    }

    /// The report for a query that asks for the same, with the rows of the buckets that both have.
    ///
    /// # Errors
    /// As for [`ReportBuilder::new`].
    pub fn for_query(&self, query: ReportQuery) -> Result<Self, ReportQueryError> {
        let mut report = Self::new(query)?;
        let place_in = |report: &Self, bounds: (i64, i64)| {
            report.buckets.find(bounds.0).filter(|bucket| report.buckets.bounds(*bucket) == bounds)
        };
        let known = |bounds| self.rows.get(place_in(self, bounds)?)?.clone();
        let rows: Vec<_> = report.buckets.all().map(known).collect();
        let has_all = || self.buckets.all().all(|bounds| place_in(&report, bounds).is_some());
        let has_other_names = self.has_other_names || !has_all();
        if rows.iter().all(Option::is_none) || has_other_names && !self.names.are_constant() {
            return Ok(report);
        }
        report.names.merge(&self.names);
        Ok(Self { rows, has_other_names, ..report })
    }

    /// Forgets the rows that are no longer right after changes of conversations: the steps of each one before and after; `None`
    /// if it did not exist.
    pub fn change(&mut self, changes: impl IntoIterator<Item = [Option<Transitions>; 2]>) {
        let placement = Placement { buckets: self.buckets.clone(), attribute: self.query.attribute };
        let mut comparison = Comparison::new(&self.query, placement);
        let mut are_names_known = true;
        for [before, after] in changes {
            are_names_known &= comparison.add(before.as_ref(), after.as_ref(), &mut self.names);
        }
        if !are_names_known {
            return self.forget();
        }
        for (rows, is_stale) in self.rows.iter_mut().zip(comparison.into_stale()) {
            rows.take_if(|_| is_stale);
        }
    }

    /// Forgets all rows.
    pub fn forget(&mut self) {
        self.names = Names::default();
        self.has_other_names = false;
        self.rows.iter_mut().for_each(|rows| *rows = None);
    }

    /// The next successive buckets whose rows have to be computed; `None` if all are known.
    pub fn missing(&mut self) -> Option<Range<usize>> {
        // A name of a conversation outside the report must not be in it: names are used only while each agent has one.
        if self.has_other_names && !self.names.are_constant() {
            self.forget();
        }
        let is_missing = |number: &usize| self.rows.get(*number).is_some_and(Option::is_none);
        let first = (0..self.rows.len()).find(is_missing)?;
        let end = (first..self.rows.len()).find(|number| !is_missing(number)).unwrap_or(self.rows.len());
        let begins = |number: &usize| is_missing(number) && !is_missing(&(number - 1));
        let is_scattered = (end..self.rows.len()).filter(begins).count() >= MAX_RUNS;
        let last = (first..self.rows.len()).rfind(is_missing).filter(|_| is_scattered);
        Some(first..last.map_or(end, |last| last + 1))
    }

    /// A builder for the rows of some buckets.
    #[must_use]
    pub fn builder(&self, buckets: &Range<usize>) -> ReportBuilder {
        ReportBuilder::of_buckets(self.query.clone(), self.buckets.part(buckets))
    }

    /// Adds the rows of some buckets.
    pub fn fill(&mut self, buckets: Range<usize>, builder: ReportBuilder) {
        self.fill_with(buckets, builder, one_by_one);
    }

    /// Like [`KeptReport::fill`]. The rows are computed in parts, as by [`ReportBuilder::finish_with`].
    pub fn fill_with(
        &mut self,
        buckets: Range<usize>,
        builder: ReportBuilder,
        run: impl FnOnce(usize, &ToPart<'_>) -> Vec<ReportPart>,
    ) {
        let (report, names) = builder.finish_named(run);
        self.names.merge(&names);
        let mut rows = report.rows.into_iter().peekable();
        for bucket in buckets {
            let (from, _) = self.buckets.bounds(bucket);
            let of_bucket: Arc<[ReportRow]> = std::iter::from_fn(|| rows.next_if(|row| row.from == from)).collect();
            if let Some(place) = self.rows.get_mut(bucket) {
                *place = Some(of_bucket);
            }
        }
    }

    /// The report of the rows that are known.
    ///
    /// # Errors
    /// [`ReportQueryError::Values`] if it is too large.
    pub fn report(&self) -> Result<Report, ReportQueryError> {
        expect_size(self.rows.iter().flatten().map(|rows| rows.len()).sum(), &self.query)?;
        let rows = self.rows.iter().flatten().flat_map(|rows| rows.iter().map(|row| self.with_names(row)));
        Ok(report_of(&self.query, &self.buckets, rows.collect()))
    }

    /// A row with the latest names. They do not change its place: an agent with an id has one row.
    fn with_names(&self, row: &ReportRow) -> ReportRow {
        let mut row = row.clone();
        for (_, value) in &mut row.group {
            if let GroupValue::Agent(agent) = value
                && agent.id.is_some()
            {
                let key = AgentOfTenant { name: None, ..agent.clone() };
                agent.name = self.names.latest(&key);
            }
        }
        row
    }

    /// About the memory that it takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let value_bytes = size_of::<(Measure, MeasureValue)>();
        let row_bytes =
            |row: &ReportRow| size_of::<ReportRow>() + row.values.len() * value_bytes + row.group.len() * 128;
        let rows: usize = self.rows.iter().flatten().flat_map(|rows| rows.iter()).map(row_bytes).sum();
        let buckets = self.rows.len() * (size_of::<i64>() + size_of::<Option<Arc<[ReportRow]>>>());
        let texts: usize =
            self.query.excluded_agents.iter().chain(self.query.tenants.iter().flatten()).map(String::len).sum();
        let calendar = self
            .query
            .calendar
            .as_ref()
            .map_or(0, |calendar| calendar.size_bytes(self.buckets.from(), self.buckets.to()));
        size_of::<Self>() + rows + buckets + texts + calendar + self.names.len() * 256
    }
}
