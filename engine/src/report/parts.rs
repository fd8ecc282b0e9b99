//! What the values of a report are made of, as JSON, so that the parts of several databases can be added.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::report::builder::ReportBuilder;
use crate::report::groups::{AgentOfTenant, GroupValue};
use crate::report::measure::Measure;
use crate::report::series::SeriesParts;
use crate::report::tally::CellParts;
use crate::report::walk::Group;
use crate::time::Time;

/// What the values of a report are made of, of the conversations of one database: counts, each duration, each change of a level.
///
/// Means and percentiles of several databases cannot be added; these can ([`ReportBuilder::add_parts`]). It takes some 10 bytes of
/// JSON for each duration and each change of a level.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReportParts {
    /// The beginning of the report, in milliseconds since the epoch.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// The number of buckets.
    pub(crate) buckets: usize,
    pub(crate) measures: Vec<Measure>,
    /// The values of each group, by its number.
    pub(crate) groups: Vec<Vec<GroupValue>>,
    /// The latest name of each agent with an id, with the time of the last event of the conversation that has it.
    pub(crate) names: Vec<(AgentOfTenant, i64, Option<Arc<str>>)>,
    /// Bucket, group, and a cell for each measure.
    pub(crate) rows: Vec<(u32, Group, Vec<CellParts>)>,
    /// For each measure: group and changes.
    pub(crate) series: Vec<Vec<(Group, SeriesParts)>>,
    /// The exponent of a number of buckets, group, first bucket, and the smallest beginning of a wait in them.
    pub(crate) oldest: Vec<(u8, Group, u32, i64)>,
}

/// Why the parts of a report cannot be added to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportPartsError {
    /// They are of another report.
    #[error("the parts are of a report from {found_from} to {found_to}, expected one from {from} to {to}")]
    OtherTime {
        /// The expected beginning, in milliseconds since the epoch.
        from: i64,
        /// The expected end.
        to: i64,
        /// The beginning that was found.
        found_from: i64,
        /// The end that was found.
        found_to: i64,
    },
    /// They have other measures, buckets or groups, or are damaged.
    #[error("the parts of a report are not as expected: {why}")]
    Form {
        /// What was found.
        why: &'static str,
    },
}

impl ReportParts {
    /// Refuses what is not of the same report, and numbers that are too large.
    fn check(&self, expected: &Self, group_values: usize) -> Result<(), ReportPartsError> {
        let (from, to, found_from, found_to) = (expected.from, expected.to, self.from, self.to);
        if (from, to) != (found_from, found_to) {
            return Err(ReportPartsError::OtherTime { from, to, found_from, found_to });
        }
        let bad = |why| Err(ReportPartsError::Form { why });
        let is_group = |group: Group| (group as usize) < self.groups.len();
        let is_bucket = |bucket: u32| (bucket as usize) < self.buckets;
        if self.measures != expected.measures || self.series.len() != self.measures.len() {
            return bad("they have other measures");
        }
        if self.buckets != expected.buckets {
            return bad("they have another number of buckets");
        }
        if self.groups.iter().any(|values| values.len() != group_values) {
            return bad("they have other groups");
        }
        let is_row = |(bucket, group, cells): &(u32, Group, Vec<CellParts>)| {
            is_bucket(*bucket) && is_group(*group) && cells.len() == self.measures.len()
        };
        let of_series = || self.series.iter().flatten().map(|(group, _)| *group);
        let is_oldest = |(exponent, group, bucket, since): &(u8, Group, u32, i64)| {
            let length = 1_u64.checked_shl((*exponent).into()).unwrap_or(u64::MAX);
            let is_within = u64::from(*bucket).saturating_add(length) <= self.buckets as u64;
            is_group(*group) && is_within && Time::from_ms(*since).is_some()
        };
        if !self.rows.iter().all(is_row) || !of_series().all(is_group) || !self.oldest.iter().all(is_oldest) {
            return bad("a number of a bucket or group is too large");
        }
        Ok(())
    }
}

impl ReportBuilder {
    /// What the values are made of so far.
    #[must_use]
    pub fn parts(&self) -> ReportParts {
        let (from, to) = self.bounds();
        let (tally, groups) = (self.tally(), self.groups());
        ReportParts {
            from,
            to,
            buckets: self.bucket_count(),
            measures: self.query().measures.clone(),
            groups: groups.values().to_vec(),
            names: groups.names().collect(),
            rows: tally.row_parts(),
            series: tally.series_parts(),
            oldest: tally.oldest_parts(),
        }
    }

    /// Adds the parts of the same report of other conversations.
    ///
    /// # Errors
    /// [`ReportPartsError`] if they are of another report, or damaged. Then nothing is added.
    pub fn add_parts(&mut self, parts: ReportParts) -> Result<(), ReportPartsError> {
        let empty = self.another();
        parts.check(&empty.parts(), self.query().by.len())?;
        self.merge(empty.filled(parts)?);
        Ok(())
    }
}
