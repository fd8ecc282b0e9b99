//! Reports: what happened, by time and group.

use std::ffi::c_char;

use convofold::{Measure, Moment, ReportParams, Time, View};

use crate::database::Db;
use crate::error::Error;
use crate::failure::Failure;
use crate::pointer;
use crate::sized::{self, Grows};
use crate::text::to_json;

/// What a report is asked for. The beginning is required, in one of its two fields; all other fields can be 0 or NULL.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ReportQuery {
    /// sizeof(convofold_report_query).
    pub size: usize,
    /// The beginning: a time in RFC 3339, a date or a local time of the zone ("2026-03-02", "2026-03-02 09:00"), or a
    /// time before now ("-7d").
    pub from: *const c_char,
    /// The end, in the same forms; events at exactly this time do not count. A time after now is cut to now, which is the
    /// default.
    pub to: *const c_char,
    /// Like `from`, as a number.
    pub from_ms: i64,
    /// Like `to`, as a number.
    pub to_ms: i64,
    /// The length of a bucket: "1h", "6h" (hours that divide a day), "1d", "1w", "1mo", "3mo"; NULL for one bucket.
    pub every: *const c_char,
    /// By what each bucket is divided, separated by commas: "agent", "tenant", "channel", "source", "shortcode".
    pub by: *const c_char,
    /// What to measure: names separated by commas ("open,response,within:5m"), or "all"; NULL for all but `within`.
    pub measures: *const c_char,
    /// Time zone in which buckets begin, by its name in the IANA database ("Europe/Berlin"), or NULL for UTC.
    pub zone: *const c_char,
    /// The bucket to which a duration belongs: "end" (NULL), that in which it ends, or "start".
    pub attribute: *const c_char,
    /// Business hours, inside which durations count, as JSON:
    /// {"zone":"Europe/Berlin","week":{"mon":[["09:00","17:00"]]},"holidays":["2026-12-25"]}.
    pub calendar: *const c_char,
    /// Only what happened while a conversation belonged to this tenant.
    pub tenant: *const c_char,
    /// Agents whose answers do not count, such as bots: ids, or names of agents without an id.
    pub excluded_agents: *const *const c_char,
    /// The number of `excluded_agents`.
    pub excluded_agent_count: usize,
}

// SAFETY: only numbers and pointers, all of the same size.
unsafe impl Grows for ReportQuery {
    const NAME: &'static str = "convofold_report_query";
}

/// Sets `json` to what happened, by time and group: a JSON object with `from`, `to`, `every`, `zone`, `tzdb` (the
/// version of the database of time zones) and `rows`, one for each bucket and group. A row has `from` and `to`, `by`
/// (the values of its group; an agent has `tenant`, `id` and `name`), and each measure under its name: a number, or an
/// object for levels (`end`, `max`, `mean`), durations (`n`, `pending`, `mean`, `p50`, `p90`, `p95`, `max`) and
/// `within` (`met`, `missed`, `pending`, `share`). Durations are in milliseconds. docs/measures.md defines each
/// measure.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: INVALID_ARGUMENT (a field cannot be read, there is no time between the beginning and the end, or more than 100,000
/// buckets; the message names the field); otherwise the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_report_json(db: Db, query: *const ReportQuery, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { report(query, json, || now(db)) }
}

/// Sets `json` to what a measure of a report counted: a JSON object with `measure` and `rows`, one for each
/// conversation, message or turn. There are as many as the number says, then come those that are pending. A row has
/// `from` and `to` of the bucket, `by`, `conversation` (its id), `since` (when it began), `at` (when it happened or
/// ended), `value` (its duration, or its unread messages) and `outcome` (`met`, `missed` or `pending`). What does not
/// apply is null. `measures` of the query has no effect.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_report_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_report_rows_json(
    db: Db,
    query: *const ReportQuery,
    measure: *const c_char,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { report_rows(query, measure, json, || now(db)) }
}

fn now(db: Db) -> Result<View, Failure> {
    Ok(db.get()?.at(Moment::LATEST))
}

/// # Safety
/// The header states the requirements for callers of convofold_report_json().
pub(crate) unsafe fn report(
    query: *const ReportQuery,
    json: *mut *mut c_char,
    view: impl FnOnce() -> Result<View, Failure>,
) -> Error {
    // SAFETY: the caller meets the requirements of this function.
    unsafe {
        to_json(json, || {
            let (params, view) = (params(query)?, view()?);
            Ok(view.measures(query_at(&view, &params)?)?)
        })
    }
}

/// # Safety
/// The header states the requirements for callers of convofold_report_rows_json().
pub(crate) unsafe fn report_rows(
    query: *const ReportQuery,
    measure: *const c_char,
    json: *mut *mut c_char,
    view: impl FnOnce() -> Result<View, Failure>,
) -> Error {
    // SAFETY: the caller meets the requirements of this function.
    unsafe {
        to_json(json, || {
            let params = params(query)?;
            let measure = pointer::text(measure, "measure")?.parse::<Measure>();
            let measure = measure.map_err(|error| Failure::argument(format!("measure: {error}")))?;
            let view = view()?;
            Ok(view.behind(query_at(&view, &params)?, measure)?)
        })
    }
}

/// The query of a report, which ends at the time of the view at the latest.
fn query_at(view: &View, params: &ReportParams) -> Result<convofold::ReportQuery, Failure> {
    Ok(params.query(view.time().unwrap_or_else(Time::now).ms())?)
}

/// # Safety
/// The pointers are valid as the header requires.
unsafe fn params(query: *const ReportQuery) -> Result<ReportParams, Failure> {
    // SAFETY: the caller meets the requirement of this function.
    let query = unsafe { sized::read(query) }?;
    // SAFETY: the caller meets the requirement of this function.
    let text = |text, what| unsafe { pointer::text_if_any(text, what) }.map(|text| text.map(str::to_owned));
    let list = |names: Option<String>| {
        let names = names.iter().flat_map(|names| names.split(','));
        names.map(|name| name.trim().to_owned()).collect()
    };
    let bound = |what: &str, written: Option<String>, ms: i64| match (written, ms) {
        (written, 0) => Ok(written),
        (None, ms) => {
            let out_of_range = || Failure::argument(format!("{what}_ms: {ms} is not in the years 1970 to 9999"));
            Time::from_ms(ms).map(|time| Some(time.to_rfc3339())).ok_or_else(out_of_range)
        }
        (Some(_), _) => Err(Failure::argument(format!("{what} is given in two fields: use one of them"))),
    };
    let from = bound("from", text(query.from, "from")?, query.from_ms)?;
    // SAFETY: the caller meets the requirement of this function.
    let excluded_agents =
        unsafe { pointer::texts(query.excluded_agents, query.excluded_agent_count, "excluded_agents") }?;
    Ok(ReportParams {
        from: from.ok_or_else(|| pointer::missing("from"))?,
        to: bound("to", text(query.to, "to")?, query.to_ms)?,
        every: text(query.every, "every")?,
        by: list(text(query.by, "by")?),
        measures: list(text(query.measures, "measures")?),
        zone: text(query.zone, "zone")?,
        attribute: text(query.attribute, "attribute")?,
        calendar: text(query.calendar, "calendar")?,
        excluded_agents: excluded_agents.into_iter().map(str::to_owned).collect(),
        tenants: text(query.tenant, "tenant")?.map(|tenant| vec![tenant]),
    })
}
