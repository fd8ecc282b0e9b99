//! Reports: what happened, by time and group, and what is behind the numbers.

use axum::extract::{FromRequestParts, Query, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use convofold::{Behind, Measure, Report, ReportError, ReportParamError, ReportParams, ReportParts, Time, View};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::moment::Bounds;
use crate::problem::Problem;
use crate::tokens::{Role, clock_ms};

use super::stream;

/// Parameters that can be repeated: a name can contain each character that could separate a list.
const REPEATED: [&str; 2] = ["exclude_agent", "tenant"];

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AskedReport {
    /// The beginning: RFC 3339, a date or a local time of the zone `tz` (`2026-03-02`, `2026-03-02 09:00`), milliseconds since the
    /// epoch, or a time before now such as `-7d`.
    #[param(required = true)]
    from: String,
    /// The end, in the same forms; events at exactly this time do not count. A time after now is cut to now, which is the default.
    to: Option<String>,
    /// The length of a bucket: `1h`, `6h` (hours that divide a day), `1d`, `1w`, `1mo`, `3mo`. Without it there is one bucket.
    every: Option<String>,
    /// By what each bucket is divided, separated by commas: `agent`, `tenant`, `channel`, `source`, `shortcode`.
    by: Option<String>,
    /// What to measure: names separated by commas, such as `open,response,within:5m`. Default: `all` without `within`.
    measure: Option<String>,
    /// The zone in which buckets begin: a name of the IANA database. Default: UTC.
    tz: Option<String>,
    /// The bucket to which a duration belongs: that in which it ends (`end`, the default), or that in which it starts (`start`).
    attribute: Option<String>,
    /// Business hours, inside which durations count, as JSON:
    /// `{"zone":"Europe/Berlin","week":{"mon":[["09:00","17:00"]]},"holidays":["2026-12-25"]}`.
    calendar: Option<String>,
    /// An agent whose answers do not count, such as a bot: the id, or the name of an agent without an id. Can be repeated.
    exclude_agent: Vec<String>,
    /// Only what happened while a conversation belonged to this tenant. Can be repeated.
    tenant: Vec<String>,
    /// Answers as it was then, with everything learned since: only events at this time or before it count, and the report ends
    /// then at the latest. RFC 3339 with a zone, `latest`, or a time before now such as `-2h`.
    as_of: Option<String>,
    /// Answers as it was known then: only events that had arrived count. RFC 3339 with a zone, `latest`, `-2h`, or a sequence
    /// number such as `seq:812`.
    known_at: Option<String>,
    /// Lists what this measure counted instead of counting it; `measure` has no effect then.
    rows: Option<String>,
    /// The maximum number of rows. Default: no limit.
    limit: Option<usize>,
    /// What the values are made of instead of the values, so that the parts of several databases can be added. The end is not cut:
    /// `from` and `to` are times then, and both are needed.
    parts: bool,
}

/// A report, or what is behind the numbers of one of its measures.
#[derive(Serialize)]
#[serde(untagged)]
enum ReportAnswer {
    Report(Report),
    Rows(Behind),
    Parts(ReportParts),
}

/// The question of a request.
pub(crate) struct Question {
    params: ReportParams,
    bounds: Bounds,
    rows: Option<Measure>,
    limit: Option<usize>,
    has_parts: bool,
}

impl FromRequestParts<App> for Question {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::bad_request(error.body_text()))?;
        let (repeated, others): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|(name, _)| REPEATED.contains(&name.as_str()));
        let invalid = |error: String| Problem::bad_request(error);
        let others = serde_urlencoded::to_string(others).map_err(|error| invalid(error.to_string()))?;
        let mut asked: AskedReport = serde_urlencoded::from_str(&others).map_err(|error| invalid(error.to_string()))?;
        for (name, value) in repeated {
            let list = if name == "tenant" { &mut asked.tenant } else { &mut asked.exclude_agent };
            list.push(value);
        }
        asked.question()
    }
}

impl AskedReport {
    fn question(self) -> Result<Question, Problem> {
        let list = |names: Option<String>| {
            let names = names.iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned());
            names.collect::<Vec<_>>()
        };
        let bounds = Bounds::parse(self.as_of.as_deref(), self.known_at.as_deref())?;
        let rows = self.rows.as_deref().map(str::parse::<Measure>).transpose();
        let rows = rows.map_err(|error| Problem::bad_request(format!("rows: {error}")))?;
        let params = ReportParams {
            from: self.from,
            to: self.to,
            every: self.every,
            by: list(self.by),
            measures: list(self.measure),
            zone: self.tz,
            attribute: self.attribute,
            calendar: self.calendar,
            excluded_agents: self.exclude_agent,
            tenants: Some(self.tenant).filter(|tenants| !tenants.is_empty()),
        };
        // What cannot be read is refused before the database is asked.
        params.query(clock_ms())?;
        if self.parts && params.to.is_none() {
            return Err(Problem::bad_request("parts: expected the end of the report in to"));
        }
        Ok(Question { params, bounds, rows, limit: self.limit, has_parts: self.parts })
    }
}

impl Question {
    fn answer(&self, view: &View) -> Result<ReportAnswer, Problem> {
        if self.has_parts {
            // Each of several servers has another present.
            return Ok(ReportAnswer::Parts(view.report_parts(self.params.query(Time::MAX.ms())?)?));
        }
        let query = self.params.query(view.time().map_or_else(clock_ms, Time::ms))?;
        let limit = self.limit.unwrap_or(usize::MAX);
        Ok(match self.rows {
            Some(measure) => {
                let mut behind = view.behind(query, measure)?;
                behind.rows.truncate(limit);
                ReportAnswer::Rows(behind)
            }
            None => {
                let mut report = view.measures(query)?;
                report.rows.truncate(limit);
                ReportAnswer::Report(report)
            }
        })
    }
}

impl From<ReportParamError> for Problem {
    fn from(error: ReportParamError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Storage(error) => error.into(),
            error => Self::bad_request(error.to_string()),
        }
    }
}

/// What happened, by time and group: counts, durations, levels (docs/measures.md).
///
/// The JSON is that of `convofold report --format json`: `from`, `to`, `every`, `zone`, `tzdb`, and `rows`, one for each bucket
/// and group, with `from`, `to`, `by` and each measure. With `rows` it is that of `convofold report --rows`: `measure`, and
/// `rows`, one for each thing that the measure counted, with `from`, `to`, `by`, `conversation`, `since`, `at`, `value` and
/// `outcome`.
///
/// A token for some tenants gets what happened while one of them had a conversation, of the conversations that one of them has
/// now.
#[utoipa::path(
    get, path = "/api/v1/report", tag = "out", params(AskedReport),
    responses(
        (status = 200, body = Value, content_type = "application/json"),
    )
)]
pub(crate) async fn report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    question: Question,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    let permit = app.reader()?;
    let (scan, asked) = (app.scan().await?, app.clone());
    let answer = spawn_blocking(move || {
        let _scan = scan;
        question.answer(&question.bounds.view_of(&asked, &caller)?)
    });
    let answer = answer.await??;
    let (mut writer, body) = stream::body(&app, &headers);
    spawn_blocking(move || {
        let _permit = permit;
        let _export = app.export();
        // It fails if nobody reads it.
        if serde_json::to_writer(&mut writer, &answer).is_ok() {
            writer.end();
        }
    });
    Ok(stream::response("application/json", body))
}
