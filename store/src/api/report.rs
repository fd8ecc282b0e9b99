//! Reports.

use convofold_engine::{
    Behind, BehindBuilder, Measure, Moment, Report, ReportBuilder, ReportQuery, ReportQueryError, Time, Transitions,
};

use crate::api::handle::Convofold;
use crate::api::view::{Among, View};
use crate::storage::StorageError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The query is invalid.
    #[error(transparent)]
    Query(#[from] ReportQueryError),
    /// A conversation could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Convofold {
    /// What happened, by time and group (docs/measures.md).
    ///
    /// Reads the conversations that were open or had events since the beginning of the report.
    /// Events that arrive after this call are not in the report.
    ///
    /// ```
    /// # use convofold_store::Convofold;
    /// # use convofold_engine::{Every, GroupBy, ReportQuery};
    /// # let dir = tempfile::tempdir()?;
    /// # let db = Convofold::open(dir.path().join("conversations"))?;
    /// let week = ReportQuery::new(1_772_409_600_000, 1_773_014_400_000).every(Every::Days(1)).by([GroupBy::Agent]);
    /// for row in db.measures(week)?.rows {
    ///     println!("{}: {:?} {:?}", row.from, row.group, row.values);
    /// }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReportError`] if the query is invalid, or an evicted conversation cannot be read.
    pub fn measures(&self, query: ReportQuery) -> Result<Report, ReportError> {
        self.at(Moment::LATEST).measures(query)
    }

    /// What is behind the numbers of a measure of a report: conversations, messages, turns.
    ///
    /// # Errors
    /// As for [`Convofold::measures`].
    pub fn behind(&self, query: ReportQuery, measure: Measure) -> Result<Behind, ReportError> {
        self.at(Moment::LATEST).behind(query, measure)
    }
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method does not fit each lifetime of its type"
)]
impl View {
    /// Like [`Convofold::measures`], at the moment: with a bound of arrival, as the report was then.
    ///
    /// # Errors
    /// As for [`Convofold::measures`].
    pub fn measures(&self, query: ReportQuery) -> Result<Report, ReportError> {
        let from_ms = query.from_ms;
        let mut builder = ReportBuilder::new(self.tenants.limit(query))?;
        self.transitions(from_ms, |conversation| builder.add(conversation))?;
        Ok(builder.finish())
    }

    /// Like [`Convofold::behind`], at the moment.
    ///
    /// # Errors
    /// As for [`Convofold::measures`].
    pub fn behind(&self, query: ReportQuery, measure: Measure) -> Result<Behind, ReportError> {
        let from_ms = query.from_ms;
        let mut builder = BehindBuilder::new(self.tenants.limit(query), measure)?;
        self.transitions(from_ms, |conversation| builder.add(conversation))?;
        Ok(builder.finish())
    }

    /// Calls `add` with the transitions of each conversation that can count.
    fn transitions(&self, from_ms: i64, mut add: impl FnMut(&Transitions)) -> Result<(), StorageError> {
        let from = Time::from_ms(from_ms).unwrap_or(if from_ms < 0 { Time::MIN } else { Time::MAX });
        // A conversation that ended before the report, and was open at the moment, is open in it.
        let from = self.moment().as_of.map_or(from, |as_of| from.min(as_of));
        self.each(
            Among::Since(from),
            |past| past.transitions(),
            |mut all| (&mut all).try_for_each(|conversation| conversation.map(|conversation| add(&conversation))),
        )
    }
}
