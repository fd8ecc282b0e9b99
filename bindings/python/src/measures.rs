//! Reports: what happened, by time and group, as tables.

use arrow_schema::ArrowError;
use convofold::{Attribution, Behind, GroupBy, Measure, Report, ReportParams, ReportQuery, Time};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arrow::{ArrowTable, report};
use crate::database::Convofold;
use crate::error::{Failure, value_error};
use crate::names::{Choice, Named};
use crate::time::{GivenBound, GivenReportBound};
use crate::view::View;

/// Business hours: a dict, or its JSON.
pub(crate) struct GivenCalendar(String);

impl FromPyObject<'_, '_> for GivenCalendar {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::CALENDAR;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if given.is_instance_of::<PyString>() {
            return Ok(Self(given.extract()?));
        }
        Ok(Self(given.py().import("json")?.call_method1("dumps", (given,))?.extract()?))
    }
}

/// The arguments of a report, as they were given.
struct Asked {
    from: GivenReportBound,
    to: Option<GivenReportBound>,
    every: Option<String>,
    by: Option<Vec<Choice<GroupBy>>>,
    zone: Option<String>,
    attribute: Option<Choice<Attribution>>,
    calendar: Option<GivenCalendar>,
    exclude_agents: Option<Vec<String>>,
    tenants: Option<Vec<String>>,
}

impl Asked {
    fn params(self, measures: Option<Vec<String>>) -> ReportParams {
        let names = |by: Vec<Choice<GroupBy>>| by.iter().map(|Choice(by)| Named::name(by).to_owned()).collect();
        ReportParams {
            from: self.from.0,
            to: self.to.map(|GivenReportBound(to)| to),
            every: self.every,
            by: self.by.map(names).unwrap_or_default(),
            measures: measures.unwrap_or_default(),
            zone: self.zone,
            attribute: self.attribute.map(|Choice(attribute)| Named::name(&attribute).to_owned()),
            calendar: self.calendar.map(|GivenCalendar(calendar)| calendar),
            excluded_agents: self.exclude_agents.unwrap_or_default(),
            tenants: self.tenants,
        }
    }
}

/// The query of a report at a moment, at which it ends at the latest.
fn query_at(view: &convofold::View, params: &ReportParams) -> Result<ReportQuery, Failure> {
    Ok(params.query(view.time().unwrap_or_else(Time::now).ms())?)
}

fn measured(view: &convofold::View, params: &ReportParams) -> Result<Report, Failure> {
    Ok(view.measures(query_at(view, params)?)?)
}

/// What is behind the numbers of a measure, by what it is divided, and the zone of its times.
fn counted(
    view: &convofold::View,
    params: &ReportParams,
    measure: Measure,
) -> Result<(Behind, Vec<GroupBy>, String), Failure> {
    let query = query_at(view, params)?;
    let (by, zone) = (query.by.clone(), query.zone.name().to_owned());
    Ok((view.behind(query, measure)?, by, zone))
}

fn measure(name: &str) -> Result<Measure, Failure> {
    name.parse().map_err(|error| value_error(format!("measure: {error}")))
}

fn table(batch: Result<arrow_array::RecordBatch, ArrowError>) -> Result<ArrowTable, Failure> {
    let failed = |error: ArrowError| PyRuntimeError::new_err(error.to_string());
    Ok(ArrowTable::made(batch.map_err(failed)?))
}

/// Declares the reports of a class: `$view` is the view that answers, and `$known_at` an argument that bounds it.
macro_rules! reports {
    ($class:ident, $asked:ident => $view:expr $(, $known_at:ident: $(#[doc = $doc:literal])*)?) => {
        #[pymethods]
        impl $class {
            /// Returns what happened, by time and group, as a table with one row per bucket and group: counts, durations, levels.
            /// `docs/measures.md` defines each measure.
            ///
            /// - `from_`, `to`: the beginning and the end; events at exactly `to` do not count. A time is milliseconds since the
            ///   epoch, a `datetime` with a time zone, or a text: RFC 3339, a date or a local time of the zone `tz`
            ///   (`2026-03-02`, `2026-03-02 09:00`), or a time before now (`-7d`). A report ends now at the latest, and of a view at
            ///   its `time`.
            /// - `every`: the length of a bucket: `1h`, `6h` (hours that divide a day), `1d`, `1w`, `1mo`, `3mo`; one bucket by
            ///   default.
            /// - `by`: by what each bucket is divided; each value is that of the moment of what is counted.
            /// - `measures`: names such as `open`, `response` or `within:5m`; all but `within` by default.
            /// - `tz`: the time zone in which buckets begin, such as `Europe/Berlin`; UTC by default.
            /// - `attribute`: the bucket to which a duration belongs: that in which it ends (`end`, the default) or starts.
            /// - `calendar`: business hours, inside which durations count: a dict, or its JSON.
            /// - `exclude_agents`: agents whose answers do not count, such as bots: ids, or names of agents without an id.
            /// - `tenants`: only what happened while a conversation belonged to one of them.
            $($(#[doc = $doc])*)?
            ///
            /// The columns are `from` and `to` (`timestamp[ms, tz]`), those of the groups (`agent_tenant`, `agent_id`, `agent_name`,
            /// `tenant`, `channel`, `source`, `shortcode`), and one per measure: a number for a count or a duration in milliseconds,
            /// and a struct for a level (`end`, `max`, `mean`), for durations (`n`, `pending`, `mean`, `p50`, `p90`, `p95`, `max`; of
            /// responses also `unknown`) and for `within` (`met`, `missed`, `pending`, `unknown`, `share`).
            #[pyo3(signature = (
                from_, to=None, *, every=None, by=None, measures=None, tz=None, attribute=None, calendar=None,
                exclude_agents=None, tenants=None $(, $known_at=None)?
            ))]
            #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
            fn report(
                &self,
                py: Python<'_>,
                from_: GivenReportBound,
                to: Option<GivenReportBound>,
                every: Option<String>,
                by: Option<Vec<Choice<GroupBy>>>,
                measures: Option<Vec<String>>,
                tz: Option<String>,
                attribute: Option<Choice<Attribution>>,
                calendar: Option<GivenCalendar>,
                exclude_agents: Option<Vec<String>>,
                tenants: Option<Vec<String>>,
                $($known_at: Option<GivenBound>,)?
            ) -> Result<ArrowTable, Failure> {
                let asked = Asked { from: from_, to, every, by, zone: tz, attribute, calendar, exclude_agents, tenants };
                let params = asked.params(measures);
                let answer = self.detached(py, |$asked| measured(&$view, &params))?;
                table(report::of_report(&answer))
            }

            /// Returns what a measure of a report counted: one row for each conversation, message or turn, with the arguments of
            /// `report`. There are as many as the number says, then come those that are pending.
            ///
            /// The columns are `from` and `to` of the bucket, those of the groups, `conversation_id`, `since` (when it began),
            /// `at` (when it happened or ended), `value` (its duration in milliseconds, or its unread messages) and `outcome` (`met`,
            /// `missed` or `pending`; null if it is the same for all).
            #[pyo3(signature = (
                measure, from_, to=None, *, every=None, by=None, tz=None, attribute=None, calendar=None,
                exclude_agents=None, tenants=None $(, $known_at=None)?
            ))]
            #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
            fn report_rows(
                &self,
                py: Python<'_>,
                measure: &str,
                from_: GivenReportBound,
                to: Option<GivenReportBound>,
                every: Option<String>,
                by: Option<Vec<Choice<GroupBy>>>,
                tz: Option<String>,
                attribute: Option<Choice<Attribution>>,
                calendar: Option<GivenCalendar>,
                exclude_agents: Option<Vec<String>>,
                tenants: Option<Vec<String>>,
                $($known_at: Option<GivenBound>,)?
            ) -> Result<ArrowTable, Failure> {
                let asked = Asked { from: from_, to, every, by, zone: tz, attribute, calendar, exclude_agents, tenants };
                let (params, measure) = (asked.params(None), self::measure(measure)?);
                let (behind, by, zone) = self.detached(py, |$asked| counted(&$view, &params, measure))?;
                table(report::of_behind(&behind, &by, &zone))
            }
        }
    };
}

reports!(
    Convofold,
    db => db.at(db.moment(None, GivenBound::when(known_at), Time::now())?),
    known_at:
        #[doc = " - `known_at`: the report as it was known then: a time as for `at`, or a sequence number such as `seq:812`. The"]
        #[doc = "   report ends then at the latest."]
);
reports!(View, view => *view);
