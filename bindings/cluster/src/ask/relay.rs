//! The questions of a cluster at the paths of one database: what `convofold serve` in front of a cluster answers.

use std::str::FromStr;
use std::sync::Arc;

use convofold::{Query, Report, ReportParams, Sort};
use convofold_server::{Answers, Asked, ListedPage, PartAnswers, Question, Reply, Span};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{Gathered, Missing, PartitionAnswer};
use super::error::GatherError;
use super::gather::Gather;
use super::lists::List;
use super::view::GatherView;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;
/// Parameters of a list that are not conditions.
const OF_LIST: [&str; 9] = ["sort", "reverse", "limit", "cursor", "as_of", "known_at", "rows", "whole", "id"];
/// Conditions that count before now, and those that they become: each node would count before its own present.
const SPANS: [(&str, &str); 2] = [("waiting_min", "waiting_since"), ("idle_min", "idle_since")];

/// Questions of which each conversation has an answer of its own.
const OF_ONE: [&str; 4] = ["history", "transcript", "conflicts", "explain"];

/// Each answer is that of `convofold serve` for one database, without links, and with `partitions` (who answered),
/// `stale` (those of them that may be old) and `missing` (the partitions that are not in it). Only an answer about one conversation has
/// sequence numbers: those of the owner that answers.
impl Answers for Gather {
    fn answer(&self, asked: &Asked) -> Reply {
        reply(&self.with_token(asked.token.as_deref()), asked).map_or_else(Reply::from, Reply::Json)
    }

    fn answer_parts(&self, asked: &Asked) -> Result<PartAnswers, Reply> {
        parts(&self.with_token(asked.token.as_deref()), asked).map_err(Reply::from)
    }
}

/// Names and values.
type Params = Vec<(String, String)>;

/// A question that is not answered.
struct Refused {
    status: u16,
    detail: String,
}

impl From<Refused> for Reply {
    fn from(Refused { status, detail }: Refused) -> Self {
        Self::Problem { status, detail }
    }
}

fn refused(status: u16, detail: impl ToString) -> Refused {
    Refused { status, detail: detail.to_string() }
}

impl From<GatherError> for Refused {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::Refused { source, .. } => refused(source.status().unwrap_or(502), source),
            GatherError::Query(error) => refused(409, error),
            GatherError::TooLong { .. } => refused(413, error),
            GatherError::Missing(missing) => refused(503, missing),
            GatherError::Seq { .. } | GatherError::Nothing { .. } | GatherError::Report(_) => refused(400, error),
            error => refused(502, error),
        }
    }
}

/// The JSON of an answer.
fn reply(gather: &Gather, asked: &Asked) -> Result<String, Refused> {
    let view = gather.at(parsed(asked, "as_of")?, parsed(asked, "known_at")?)?;
    match asked.path.strip_prefix("/api/v1/").unwrap_or_default() {
        "report" => report(&view, asked),
        question => answer(&view, asked, question).map(|answer| answer.to_string()),
    }
}

/// What each partition answers to the same question.
fn parts(gather: &Gather, asked: &Asked) -> Result<PartAnswers, Refused> {
    let view = gather.at(parsed(asked, "as_of")?, parsed(asked, "known_at")?)?;
    let question = view.questions().any::<Box<RawValue>>(&asked.path, &without_bounds(asked));
    let gathered = gather.wait(view.all(Arc::new(question)))?;
    let stale = gathered.stale().map(PartitionAnswer::staleness).collect();
    let Gathered { answer, partitions, missing } = gathered;
    Ok(PartAnswers {
        answers: answer.into_iter().map(|(_, json)| json.into()).collect(),
        log_seq: partitions.iter().filter_map(|from| from.log_seq).sum(),
        missing: missing.iter().map(ToString::to_string).collect(),
        stale,
    })
}

/// The parameters apart from the moment, which a view adds.
fn without_bounds(asked: &Asked) -> Params {
    let is_bound = |name: &str| ["as_of", "known_at"].contains(&name);
    asked.params.iter().filter(|(name, _)| !is_bound(name)).cloned().collect()
}

fn answer(view: &GatherView<'_>, asked: &Asked, question: &str) -> Result<Value, Refused> {
    let is_past = view.is_past();
    let with_moment = |mut answer: Value, moment| {
        if is_past {
            answer["moment"] = as_json(moment);
        }
        answer
    };
    match question {
        "moment" => Ok(told(view.moment()?, |moment| json!({ "moment": moment }))),
        "totals" => Ok(told(view.totals()?, |(totals, moment)| with_moment(json!({ "totals": totals }), moment))),
        "agents" => Ok(told(view.agents()?, |(agents, moment)| with_moment(json!({ "agents": agents }), moment))),
        "hash" => told_whole(view.state_hash()?, |hash| json!({ "hash": hash })),
        "ids" => {
            let limit = parsed(asked, "limit")?.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
            let found = view.find_ids(param(asked, "prefix").unwrap_or_default(), limit)?;
            Ok(told(found, |ids| json!({ "ids": ids })))
        }
        "conversations" => list(view, asked),
        "session" => session(view),
        _ => match question.strip_prefix("conversations/") {
            Some(of) => conversation(view, asked, of),
            None => Err(refused(404, "a cluster does not answer this: ask a node, below /partitions/N")),
        },
    }
}

/// An answer with who gave it, and what is missing in it.
fn told<T>(gathered: Gathered<T>, answer: impl FnOnce(T) -> Value) -> Value {
    let stale = as_json(gathered.stale().collect::<Vec<_>>());
    let Gathered { answer: found, partitions, missing } = gathered;
    let mut answer = answer(found);
    answer["stale"] = stale;
    answer["partitions"] = as_json(partitions);
    answer["missing"] = as_json(missing);
    answer
}

/// The same for an answer that is none without all partitions that were asked.
fn told_whole<T>(gathered: Gathered<T>, answer: impl FnOnce(T) -> Value) -> Result<Value, Refused> {
    match gathered.missing.first() {
        Some(missing) => Err(refused(503, missing)),
        None => Ok(told(gathered, answer)),
    }
}

fn list(view: &GatherView<'_>, asked: &Asked) -> Result<Value, Refused> {
    let limit = parsed(asked, "limit")?.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(refused(400, format!("limit is from 1 to {MAX_LIMIT}, found {limit}")));
    }
    let has_rows = parsed(asked, "rows")?.unwrap_or(false);
    let has_whole = !has_rows || parsed(asked, "whole")?.unwrap_or(false);
    let query = Query::new()
        .sort(parsed::<Sort>(asked, "sort")?.unwrap_or_default())
        .reverse(parsed(asked, "reverse")?.unwrap_or(false))
        .limit(limit)
        .cursor(parsed::<convofold::Cursor>(asked, "cursor")?);
    let (conditions, present) = conditions(view, asked)?;
    let mut gathered = view.list(List { query: &query, conditions: &conditions, has_whole })?;
    gathered.note(&present);
    Ok(told(gathered, |page| {
        let ListedPage { conversations, rows, next, unknown, moment, .. } = page;
        let mut answer = json!({ "conversations": conversations, "next_cursor": next, "unknown": unknown });
        if has_rows {
            answer["rows"] = as_json(rows);
        }
        if view.is_past() {
            answer["moment"] = as_json(moment);
        }
        answer
    }))
}

/// The conditions of a list, with times in place of durations, and to which time they count.
fn conditions(view: &GatherView<'_>, asked: &Asked) -> Result<(Params, Gathered<i64>), Refused> {
    let mut present = Gathered::default();
    let mut conditions: Vec<_> =
        asked.params.iter().filter(|(name, _)| !OF_LIST.contains(&name.as_str())).cloned().collect();
    for (span, since) in SPANS {
        let Some(length) = parsed::<Span>(asked, span)? else { continue };
        present = view.present_ms()?;
        let length_ms = i64::try_from(length.0.as_millis()).unwrap_or(i64::MAX);
        let earliest = parsed::<i64>(asked, since)?.into_iter().chain([present.answer.saturating_sub(length_ms)]).min();
        conditions.retain(|(name, _)| name != span && name != since);
        conditions.extend(earliest.map(|ms| (since.to_owned(), ms.to_string())));
    }
    Ok((conditions, present))
}

/// A report with who answered. It is written as it is: measures and groups have an order, and numbers all digits.
#[derive(Serialize)]
struct ToldReport {
    #[serde(flatten)]
    report: Report,
    partitions: Vec<PartitionAnswer>,
    stale: Vec<PartitionAnswer>,
    missing: Vec<Missing>,
}

fn report(view: &GatherView<'_>, asked: &Asked) -> Result<String, Refused> {
    if param(asked, "rows").is_some() {
        return Err(refused(501, "a cluster does not list what is behind a number of a report"));
    }
    let text = |name| param(asked, name).map(str::to_owned);
    let names = |name| -> Vec<_> {
        param(asked, name).into_iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned()).collect()
    };
    let repeated = |name| -> Vec<_> {
        asked.params.iter().filter(|(found, _)| found == name).map(|(_, value)| value.clone()).collect()
    };
    let params = ReportParams {
        from: text("from").unwrap_or_default(),
        to: text("to"),
        every: text("every"),
        by: names("by"),
        measures: names("measure"),
        zone: text("tz"),
        attribute: text("attribute"),
        calendar: text("calendar"),
        excluded_agents: repeated("exclude_agent"),
        tenants: Some(repeated("tenant")).filter(|tenants| !tenants.is_empty()),
    };
    let query = params.query(view.present_ms()?.answer).map_err(|error| refused(400, error))?;
    let measured = view.measures(&query)?;
    let stale = measured.stale().cloned().collect();
    let Gathered { answer: mut report, partitions, missing } = measured;
    report.rows.truncate(parsed(asked, "limit")?.unwrap_or(usize::MAX));
    serde_json::to_string(&ToldReport { report, partitions, stale, missing }).map_err(|error| refused(500, error))
}

/// What a node says of the token of who asks: the partitions have the same tokens.
fn session(view: &GatherView<'_>) -> Result<Value, Refused> {
    let question = Arc::new(Question::<Value>::new("/api/v1/session", &[(); 0]));
    let of_all = 0..view.gather().partitions().count();
    let mut missing = None;
    // One is enough, so the others are asked only if it is missing.
    for partitions in [0..1, of_all] {
        let asked = partitions.map(|partition| (partition, question.clone()));
        let gathered = view.gather().wait(view.each(asked))?;
        if let Some((_, session)) = gathered.answer.into_iter().next() {
            return Ok(session);
        }
        missing = gathered.missing.into_iter().next();
    }
    Err(refused(503, missing.map_or("no node answers".to_owned(), |missing| missing.to_string())))
}

/// `of`: an id or `-`, and what is asked about it. The answer is that of the owner, with who it is.
fn conversation(view: &GatherView<'_>, asked: &Asked, of: &str) -> Result<Value, Refused> {
    let (id, question) = match of.rsplit_once('/') {
        Some((id, question)) if OF_ONE.contains(&question) => (id, format!("/{question}")),
        _ => (of, String::new()),
    };
    let id = param(asked, "id").filter(|_| id == "-").unwrap_or(id);
    let mut params = without_bounds(asked);
    params.retain(|(name, _)| name != "id");
    params.push(("id".to_owned(), id.to_owned()));
    let question = format!("/api/v1/conversations/-{question}");
    let gathered = view.one(id, view.questions().any_if_found::<Value>(&question, &params))?;
    let stale = gathered.stale().next().map(PartitionAnswer::staleness);
    let is_found = gathered.answer.is_some();
    let found = told_whole(gathered, Option::unwrap_or_default)?;
    match (is_found, stale) {
        (true, _) => Ok(found),
        (false, None) => Err(refused(404, format!("there is no conversation {id:?}"))),
        (false, Some(stale)) => Err(refused(503, stale)),
    }
}

fn param<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    asked.params.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

fn parsed<T: FromStr<Err: ToString>>(asked: &Asked, name: &str) -> Result<Option<T>, Refused> {
    let parse =
        |text: &str| text.parse().map_err(|error: T::Err| refused(400, format!("{name}: {}", error.to_string())));
    param(asked, name).map(parse).transpose()
}

/// Values of this crate and of the engine always have a JSON form.
fn as_json(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
