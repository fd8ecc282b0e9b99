//! Reports.

use std::collections::BTreeSet;
use std::convert::Infallible;

use convofold_engine::{
    Behind, BehindBuilder, KeptReport, Measure, Moment, Report, ReportBuilder, ReportPart, ReportParts, ReportQuery,
    ReportQueryError, Seq, Time, ToPart, Transitions, TransitionsReader,
};

use crate::api::handle::Convofold;
use crate::api::view::{Among, View};
use crate::spread::spread;
use crate::state::lent_storage::{MayBeReplaced, until_current};
use crate::storage::StorageError;

/// If more than this part of all conversations changed, a report is computed again.
const MANY: u64 = 8;

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

impl MayBeReplaced for ReportError {
    fn is_replaced(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_replaced())
    }
}

impl Convofold {
    /// What happened, by time and group (docs/measures.md).
    ///
    /// Reads the conversations that were open or had events in the time of the report. The next report of its kind
    /// takes over the rows in which nothing has changed: it reads the conversations that changed, and those of the other
    /// rows. Events that arrive after this call are not in the report.
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

impl View {
    /// Like [`Convofold::measures`], at the moment: with a bound of arrival, as the report was then.
    ///
    /// # Errors
    /// As for [`Convofold::measures`].
    pub fn measures(&self, query: ReportQuery) -> Result<Report, ReportError> {
        self.expect_reportable(&query)?;
        if self.moment() == Moment::LATEST && self.has_all_tenants() && KeptReport::can_keep(&query) {
            let report = until_current(|| self.measures_with_kept(&query))?;
            self.expect_reportable(&query)?;
            return Ok(report);
        }
        let empty = ReportBuilder::new(self.tenants.limit(query.clone()))?;
        let filled = until_current(|| self.filled(&empty))?;
        self.expect_reportable(&query)?;
        Ok(filled.finish_with(on_all_processors))
    }

    /// What the values of a report are made of, so that those of several databases can be added
    /// ([`ReportBuilder::add_parts`]).
    ///
    /// # Errors
    /// As for [`Convofold::measures`].
    pub fn report_parts(&self, query: ReportQuery) -> Result<ReportParts, ReportError> {
        self.expect_reportable(&query)?;
        let empty = ReportBuilder::new(self.tenants.limit(query.clone()))?;
        let filled = until_current(|| self.filled(&empty))?;
        self.expect_reportable(&query)?;
        Ok(filled.parts())
    }

    /// Fails if conversations of the time of the report were removed. Asked before a report is computed, and again afterwards: what
    /// a run of retention removes meanwhile is in no report whose answer is whole after it.
    fn expect_reportable(&self, query: &ReportQuery) -> Result<(), StorageError> {
        let tenants = self.tenants.limit(query.clone()).tenants.map(BTreeSet::from_iter);
        self.expect_whole(tenants.as_ref(), Time::from_ms(query.from_ms.max(0)))
    }

    /// Like [`View::measures`], with the rows of an earlier report that are still right.
    fn measures_with_kept(&self, query: &ReportQuery) -> Result<Report, ReportError> {
        let reports = &self.db().shared().reports;
        let generation = reports.generation();
        let mut report = match reports.find(query, self.seq()) {
            Some((seq, earlier)) => self.updated(earlier.for_query(query.clone())?, seq)?,
            None => KeptReport::new(query.clone())?,
        };
        while let Some(missing) = report.missing() {
            let rows = self.filled(&report.builder(&missing))?;
            report.fill_with(missing, rows, on_all_processors);
        }
        let answer = report.report()?;
        reports.keep(generation, self.seq(), report, query);
        Ok(answer)
    }

    /// A report that knows the events up to `seq`, without the rows that changed since.
    fn updated(&self, mut report: KeptReport, seq: Seq) -> Result<KeptReport, StorageError> {
        if seq == self.seq() {
            return Ok(report);
        }
        let moments = [seq, self.seq()].map(|seq| Moment { as_of: None, known_at: Some(seq) });
        let among = Among::Differing(moments);
        let changed: u64 = self.pages(among).iter().map(|(_, wanted)| u64::from(wanted.count_ones())).sum();
        if changed > u64::from(self.db().shared().live.board().slot_count()) / MANY {
            report.forget();
            return Ok(report);
        }
        self.each(
            among,
            |past| moments.map(|moment| past.at(moment).map(|past| past.transitions())),
            |changes| {
                let mut failure = None;
                report.change(changes.map_while(|change| change.map_err(|error| failure = Some(error)).ok()));
                failure.map_or(Ok(report), Err)
            },
        )
    }

    /// Like [`Convofold::behind`], at the moment.
    ///
    /// # Errors
    /// As for [`Convofold::measures`].
    pub fn behind(&self, query: ReportQuery, measure: Measure) -> Result<Behind, ReportError> {
        self.expect_reportable(&query)?;
        let empty = BehindBuilder::new(self.tenants.limit(query.clone()), measure)?;
        let builders = until_current(|| self.add_all(empty.bounds(), || empty.another(), BehindBuilder::add))?;
        self.expect_reportable(&query)?;
        Ok(merged(builders, BehindBuilder::merge).unwrap_or(empty).finish()?)
    }

    /// Adds each conversation that can count.
    fn filled(&self, empty: &ReportBuilder) -> Result<ReportBuilder, ReportError> {
        let builders = self.add_all(empty.bounds(), || empty.another(), ReportBuilder::add)?;
        let builder = merged(builders, ReportBuilder::merge).unwrap_or_else(|| empty.another());
        builder.expect_size()?;
        Ok(builder)
    }

    /// Adds the transitions of each conversation that can count between two times to one of several builders.
    fn add_all<B: Send>(
        &self,
        (from, to): (i64, i64),
        new: impl Fn() -> B + Sync,
        add: impl Fn(&mut B, &Transitions) + Sync,
    ) -> Result<Vec<B>, StorageError> {
        let time = |ms: i64| Time::from_ms(ms).unwrap_or(if ms < 0 { Time::MIN } else { Time::MAX });
        let (from, to) = (time(from), time(to));
        // A conversation that ended before the report, and was open at the moment, is open in it.
        let from = self.moment().as_of.map_or(from, |as_of| from.min(as_of));
        let states = self.fold(
            Among::Within([from, to]),
            || (TransitionsReader::default(), new()),
            |(reader, _), past| reader.read(past),
            |(reader, _), packed| reader.read_packed(packed, self.pinned()),
            |(reader, builder)| add(builder, reader.transitions()),
        )?;
        Ok(states.into_iter().map(|(_, builder)| builder).collect())
    }
}

/// All builders in one.
fn merged<B>(builders: Vec<B>, merge: impl Fn(&mut B, B)) -> Option<B> {
    builders.into_iter().reduce(|mut whole, builder| {
        merge(&mut whole, builder);
        whole
    })
}

/// Computes the parts of a report.
fn on_all_processors(count: usize, part: &ToPart<'_>) -> Vec<ReportPart> {
    let Ok(parts) = spread(count, Vec::new, |parts: &mut Vec<_>, number| {
        parts.push(part(number));
        Ok::<_, Infallible>(())
    });
    parts.into_iter().flatten().collect()
}
