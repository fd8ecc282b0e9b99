//! A report as texts ask for it.

use std::str::FromStr;

use crate::report::bound::ReportBound;
use crate::report::buckets::Every;
use crate::report::calendar::Calendar;
use crate::report::measure::Measure;
use crate::report::query::{Attribution, GroupBy, ReportQuery};
use crate::time::Zone;

/// The question that a report answers, as texts: what HTTP, C and Python have in common. Each is written as for the option of
/// `convofold report` with this name.
///
/// ```
/// use convofold_engine::ReportParams;
///
/// let params = ReportParams { from: "2026-03-02".to_owned(), every: Some("1h".to_owned()), ..ReportParams::default() };
/// let query = params.query(1_772_500_000_000)?;
/// assert_eq!((query.from_ms, query.to_ms), (1_772_409_600_000, 1_772_500_000_000));
/// # Ok::<_, convofold_engine::ReportParamError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportParams {
    /// The beginning; see [`ReportBound`].
    pub from: String,
    /// The end; `None` for now.
    pub to: Option<String>,
    /// The length of a bucket; see [`Every`].
    pub every: Option<String>,
    /// The names of groups; see [`GroupBy`].
    pub by: Vec<String>,
    /// The names of measures, or `all`; see [`Measure`]. All of them if it is empty.
    pub measures: Vec<String>,
    /// The name of the zone in which buckets begin; see [`Zone`].
    pub zone: Option<String>,
    /// The bucket to which a duration belongs; see [`Attribution`].
    pub attribute: Option<String>,
    /// Business hours as JSON; see [`Calendar`].
    pub calendar: Option<String>,
    /// Agents whose answers do not count.
    pub excluded_agents: Vec<String>,
    /// The tenants of which the report is; `None` for all.
    pub tenants: Option<Vec<String>>,
}

/// Why texts ask for no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{param}: {why}")]
pub struct ReportParamError {
    /// The parameter, by the name that it has in HTTP.
    pub param: &'static str,
    /// What is wrong with it, and what was expected.
    pub why: String,
}

/// The name of all measures without a parameter.
const ALL: &str = "all";

impl ReportParams {
    /// The query. `now_ms` is the time to which the end is cut, and before which times count: nobody knows who will be waiting
    /// later.
    ///
    /// # Errors
    /// [`ReportParamError`] for the first text that cannot be read.
    pub fn query(&self, now_ms: i64) -> Result<ReportQuery, ReportParamError> {
        let zone: Zone = of_option("tz", self.zone.as_deref())?.unwrap_or_default();
        let from: ReportBound = parsed("from", &self.from)?;
        let to: Option<ReportBound> = of_option("to", self.to.as_deref())?;
        let calendar = self.calendar.as_deref().map(Calendar::from_json).transpose();
        let calendar = calendar.map_err(|why| ReportParamError { param: "calendar", why: why.to_string() })?;
        let by = self.by.iter().map(|name| parsed("by", name)).collect::<Result<Vec<GroupBy>, _>>()?;
        Ok(ReportQuery::new(from.ms(&zone, now_ms), to.map_or(now_ms, |to| to.ms(&zone, now_ms).min(now_ms)))
            .every(of_option::<Every>("every", self.every.as_deref())?)
            .by(by)
            .measures(self.measures()?)
            .zone(zone)
            .attribute(of_option::<Attribution>("attribute", self.attribute.as_deref())?.unwrap_or_default())
            .calendar(calendar)
            .excluded_agents(self.excluded_agents.iter().cloned())
            .tenants(self.tenants.clone()))
    }

    fn measures(&self) -> Result<Vec<Measure>, ReportParamError> {
        if self.measures.is_empty() {
            return Ok(Measure::ALL.to_vec());
        }
        let mut measures = Vec::new();
        for name in &self.measures {
            match name.as_str() {
                ALL => measures.extend(Measure::ALL),
                name => measures.push(parsed("measure", name)?),
            }
        }
        Ok(measures)
    }
}

fn parsed<T: FromStr<Err: ToString>>(param: &'static str, text: &str) -> Result<T, ReportParamError> {
    text.parse().map_err(|error: T::Err| ReportParamError { param, why: error.to_string() })
}

fn of_option<T: FromStr<Err: ToString>>(
    param: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, ReportParamError> {
    text.map(|text| parsed(param, text)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    const NOW_MS: i64 = 1_772_500_000_000;

    fn params() -> ReportParams {
        ReportParams { from: "2026-03-02".to_owned(), ..ReportParams::default() }
    }

    #[test]
    fn the_end_is_now_at_the_latest() {
        let to = |to: Option<&str>| ReportParams { to: to.map(str::to_owned), ..params() }.query(NOW_MS).unwrap().to_ms;
        assert_eq!((to(None), to(Some("2999-01-01"))), (NOW_MS, NOW_MS));
        assert_eq!(to(Some("2026-03-02T01:00:00Z")), Time::parse_rfc3339("2026-03-02T01:00:00Z").unwrap().ms());
    }

    #[test]
    fn each_text_is_read() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let text = |text: &str| Some(text.to_owned());
        let query = ReportParams {
            every: text("1d"),
            by: texts(&["agent", "tenant"]),
            measures: texts(&["within:5m", "all", "open"]),
            zone: text("Asia/Tokyo"),
            attribute: text("start"),
            calendar: text(r#"{"zone": "UTC", "week": {"mon": [["09:00", "17:00"]]}}"#),
            excluded_agents: texts(&["bot, the first"]),
            tenants: Some(texts(&["north"])),
            ..params()
        };
        let query = query.query(NOW_MS).unwrap();
        assert_eq!(query.from_ms, Time::parse_rfc3339("2026-03-01T15:00:00Z").unwrap().ms());
        assert_eq!((query.every, query.by), (Some(Every::Days(1)), vec![GroupBy::Agent, GroupBy::Tenant]));
        assert_eq!(query.measures.first(), Some(&Measure::Within(300_000)));
        assert_eq!(query.measures.len(), Measure::ALL.len() + 1);
        assert_eq!((query.attribute, query.calendar.is_some()), (Attribution::Start, true));
        assert_eq!(query.excluded_agents, ["bot, the first"]);
        assert_eq!(query.tenants, Some(texts(&["north"])));
        assert_eq!(params().query(NOW_MS).unwrap().tenants, None);
    }

    #[test]
    fn an_error_names_its_parameter() {
        let text = || Some("mood".to_owned());
        for (param, params) in [
            ("from", ReportParams::default()),
            ("to", ReportParams { to: text(), ..params() }),
            ("every", ReportParams { every: text(), ..params() }),
            ("by", ReportParams { by: text().into_iter().collect(), ..params() }),
            ("measure", ReportParams { measures: text().into_iter().collect(), ..params() }),
            ("tz", ReportParams { zone: text(), ..params() }),
            ("attribute", ReportParams { attribute: text(), ..params() }),
            ("calendar", ReportParams { calendar: text(), ..params() }),
        ] {
            let error = params.query(NOW_MS).unwrap_err();
            assert_eq!(error.param, param);
            assert!(error.to_string().starts_with(&format!("{param}: ")), "{error}");
        }
    }
}
