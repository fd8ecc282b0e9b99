//! Questions that can be about the past.

use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

use convofold::{
    AgentLoad, Behind, Conflict, ConversationRow, Cursor, Explanation, FieldName, HashProof, HistoryEntry, Measure,
    MomentReport, Page, Query, Report, ReportQuery, State, StateHash, Suspects, SuspectsQuery, Time, Totals,
    UnknownValue, When,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ClientError;
use super::request::{if_found, path};
use super::{Client, ExportedEvents, StatePage, of_body};

/// Conversations in one request.
const PAGE: usize = 1_000;

/// A database at a moment ([`Client::at`]). The methods have the names of those of [`View`](convofold::View).
///
/// The server resolves the bounds for each question.
#[derive(Clone, Copy, Debug)]
pub struct ClientView<'a> {
    client: &'a Client,
    as_of: Option<When>,
    known_at: Option<When>,
}

/// The answer to a query.
#[derive(Deserialize)]
struct PageAnswer {
    conversations: Vec<State>,
    #[serde(default)]
    rows: Vec<ConversationRow>,
    next_cursor: Option<Cursor>,
    unknown: Vec<UnknownValue>,
    #[serde(default)]
    moment: MomentReport,
}

/// What several answers list.
struct Listed<T> {
    found: Vec<T>,
    next: Option<Cursor>,
    unknown: Vec<UnknownValue>,
    moment: MomentReport,
}

impl Client {
    /// The database at a moment.
    #[must_use]
    pub fn at(&self, as_of: Option<When>, known_at: Option<When>) -> ClientView<'_> {
        ClientView { client: self, as_of, known_at }
    }

    pub(super) fn now(&self) -> ClientView<'_> {
        self.at(None, None)
    }
}

impl ClientView<'_> {
    /// What the answers about a conversation are about; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`], as for every method.
    pub fn report(&self, id: &str) -> Result<Option<MomentReport>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            moment: MomentReport,
        }
        if_found(self.about::<Answer>("", id)).map(|answer| answer.map(|answer| answer.moment))
    }

    /// What the answers about many conversations are about.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn report_of_lists(&self) -> Result<MomentReport, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            moment: MomentReport,
        }
        self.get("/api/v1/moment", Map::new()).map(|Answer { moment }| moment)
    }

    /// The workload of every agent, unassigned conversations last.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn agents(&self) -> Result<Vec<AgentLoad>, ClientError> {
        self.agents_with_report().map(|(agents, _)| agents)
    }

    /// Like [`ClientView::agents`], with what the numbers are about; see
    /// [`View::agents_with_report`](convofold::View::agents_with_report).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn agents_with_report(&self) -> Result<(Vec<AgentLoad>, MomentReport), ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            agents: Vec<AgentLoad>,
            #[serde(default)]
            moment: MomentReport,
        }
        self.get("/api/v1/agents", Map::new()).map(|Answer { agents, moment }| (agents, moment))
    }

    /// Counts per tenant and channel.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn totals(&self) -> Result<Vec<Totals>, ClientError> {
        self.totals_with_report().map(|(totals, _)| totals)
    }

    /// Like [`ClientView::totals`], with what the numbers are about; see
    /// [`View::totals_with_report`](convofold::View::totals_with_report).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn totals_with_report(&self) -> Result<(Vec<Totals>, MomentReport), ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            totals: Vec<Totals>,
            #[serde(default)]
            moment: MomentReport,
        }
        self.get("/api/v1/totals", Map::new()).map(|Answer { totals, moment }| (totals, moment))
    }

    /// The state hash.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn state_hash(&self) -> Result<StateHash, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            hash: StateHash,
        }
        self.get("/api/v1/hash", Map::new()).map(|Answer { hash }| hash)
    }

    /// The state hash, and the one that a checkpoint recorded after the same events.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn hash_proof(&self) -> Result<HashProof, ClientError> {
        self.get("/api/v1/hash", Map::new())
    }

    /// What was suspect. The answer has at most one tenant.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn suspects(&self, query: &SuspectsQuery) -> Result<Suspects, ClientError> {
        let number = |value: Option<i64>| value.map(Value::from);
        let text = |value: Option<&String>| value.map(|value| Value::from(value.as_str()));
        let tenant = query.tenants.as_ref().and_then(|tenants| tenants.first());
        let params = [
            ("since", number(query.since_ms)),
            ("until", number(query.until_ms)),
            ("tenant", text(tenant)),
            ("source", text(query.source.as_ref())),
            ("tz", Some(query.zone.name().into())),
        ];
        let params = params.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        self.get("/api/v1/suspects", params.collect())
    }

    /// What happened, by time and group; see [`View::measures`](convofold::View::measures). The server cuts the end to its
    /// present.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn measures(&self, query: &ReportQuery) -> Result<Report, ClientError> {
        let measures: Vec<_> = query.measures.iter().map(Measure::to_string).collect();
        let mut report: Report = self.report_of(query, ("measure", measures.join(",")))?;
        report.by.clone_from(&query.by);
        report.measures.clone_from(&query.measures);
        Ok(report)
    }

    /// What is behind the numbers of a measure of a report; see [`View::behind`](convofold::View::behind).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn behind(&self, query: &ReportQuery, measure: Measure) -> Result<Behind, ClientError> {
        self.report_of(query, ("rows", measure.to_string()))
    }

    fn report_of<T: DeserializeOwned>(
        &self,
        query: &ReportQuery,
        what: (&'static str, String),
    ) -> Result<T, ClientError> {
        let mut params = params_of_report(query);
        params.push(what);
        for (name, bound) in [("as_of", self.as_of), ("known_at", self.known_at)] {
            params.extend(bound.map(|when| (name, when.to_string())));
        }
        self.client.get(&path("/api/v1/report", &params))
    }

    /// The state of a conversation; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn state(&self, id: &str) -> Result<Option<State>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            conversation: State,
        }
        if_found(self.about::<Answer>("", id)).map(|answer| answer.map(|answer| answer.conversation))
    }

    /// The events of a conversation; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            history: Vec<HistoryEntry>,
        }
        if_found(self.about::<Answer>("/history", id)).map(|answer| answer.map(|answer| answer.history))
    }

    /// The conflicts of a conversation; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn conflicts(&self, id: &str) -> Result<Option<Vec<Conflict>>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            conflicts: Vec<Conflict>,
        }
        if_found(self.about::<Answer>("/conflicts", id)).map(|answer| answer.map(|answer| answer.conflicts))
    }

    /// The conflicts of all conversations.
    ///
    /// # Errors
    /// [`ClientError`], also of each item.
    pub fn scan_conflicts(&self) -> Result<impl Iterator<Item = Result<Conflict, ClientError>> + use<>, ClientError> {
        let mut body = BufReader::new(self.client.stream(&self.path("/api/v1/conflicts", Map::new()))?);
        let mut line = String::new();
        Ok(std::iter::from_fn(move || {
            line.clear();
            match body.read_line(&mut line) {
                Ok(0) => None,
                Ok(_) => Some(serde_json::from_str(&line).map_err(|error| body.get_ref().unexpected(error))),
                Err(error) => Some(Err(of_body(error, body.get_ref()))),
            }
        }))
    }

    /// Why a conversation is what it is, with at most `limit` events in a list; `None` if it did not exist.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn explain(
        &self,
        id: &str,
        field: Option<FieldName>,
        limit: usize,
    ) -> Result<Option<Vec<Explanation>>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            fields: Vec<Explanation>,
        }
        let mut params = Map::from_iter([("id".to_owned(), id.into()), ("limit".to_owned(), limit.into())]);
        params.extend(field.map(|field| ("field".to_owned(), field.name().into())));
        let answer = self.get::<Answer>("/api/v1/conversations/-/explain", params);
        if_found(answer).map(|answer| answer.map(|answer| answer.fields))
    }

    /// One page of the conversations that match a query, with their last messages.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Query`] if the cursor was made with another sort order.
    pub fn query(&self, query: &Query) -> Result<Page, ClientError> {
        self.query_with_report(query).map(|(page, _)| page)
    }

    /// Like [`ClientView::query`], with what the page is about; see
    /// [`View::query_with_report`](convofold::View::query_with_report).
    ///
    /// # Errors
    /// As for [`ClientView::query`].
    pub fn query_with_report(&self, query: &Query) -> Result<(Page, MomentReport), ClientError> {
        let Listed { found, next, unknown, moment } = self.pages(query, true, |answer| answer.rows)?;
        let mut page = Page::default();
        page.rows = found.into_iter().map(Arc::new).collect();
        (page.next, page.unknown) = (next, unknown);
        Ok((page, moment))
    }

    /// One page of the conversations that match a query, in full.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Query`] if the cursor was made with another sort order.
    pub fn query_states(&self, query: &Query) -> Result<StatePage, ClientError> {
        let Listed { found, next, unknown, moment } = self.pages(query, false, |answer| answer.conversations)?;
        Ok(StatePage { conversations: found, next, unknown, moment })
    }

    /// One page, in as many requests as it needs.
    fn pages<T>(
        &self,
        query: &Query,
        has_rows: bool,
        take: fn(PageAnswer) -> Vec<T>,
    ) -> Result<Listed<T>, ClientError> {
        // The same error as without a server.
        query.page_of(std::iter::empty())?;
        let mut params = params_of(query);
        params.insert("rows".to_owned(), has_rows.into());
        let limit = params.remove("limit").and_then(|limit| limit.as_u64()).filter(|limit| *limit > 0);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let (mut found, mut unknown, mut late_events) = (Vec::new(), Vec::new(), None);
        loop {
            params.insert("limit".to_owned(), (limit - found.len()).min(PAGE).into());
            let mut answer: PageAnswer = self.get("/api/v1/conversations", params.clone())?;
            unknown.append(&mut answer.unknown);
            let mut moment = answer.moment;
            late_events = moment.late_events.map(|events| events + late_events.unwrap_or_default());
            moment.late_events = late_events;
            let next = answer.next_cursor.take();
            found.append(&mut take(answer));
            match next {
                Some(next) if found.len() < limit => drop(params.insert("cursor".to_owned(), next.to_string().into())),
                next => return Ok(Listed { found, next, unknown, moment }),
            }
        }
    }

    /// Writes every conversation as one line of JSON, sorted by id. Returns their number.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Write`] if `out` cannot be written.
    pub fn export(&self, out: &mut impl Write) -> Result<u64, ClientError> {
        let mut body = self.client.stream(&self.path("/api/v1/export", Map::new()))?;
        let mut lines = 0;
        while let Some(part) = body.next_part()? {
            lines += part.iter().filter(|byte| **byte == b'\n').count() as u64;
            out.write_all(&part).map_err(ClientError::Write)?;
        }
        out.flush().map_err(ClientError::Write)?;
        Ok(lines)
    }

    /// Writes every event as one line, in the order of arrival; see [`View::export_events`](convofold::View::export_events).
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Write`] if `out` cannot be written.
    pub fn export_events(&self, out: &mut impl Write) -> Result<ExportedEvents, ClientError> {
        let params = Map::from_iter([("events".to_owned(), true.into())]);
        let mut body = self.client.stream(&self.path("/api/v1/export", params))?;
        let mut report = ExportedEvents::default();
        let mut line_bytes = 0;
        while let Some(part) = body.next_part()? {
            for piece in part.split_inclusive(|byte| *byte == b'\n') {
                line_bytes += piece.len() as u64;
                if piece.ends_with(b"\n") {
                    report.events += 1;
                    report.longest_line_bytes = report.longest_line_bytes.max(line_bytes - 1);
                    line_bytes = 0;
                }
            }
            out.write_all(&part).map_err(ClientError::Write)?;
        }
        out.flush().map_err(ClientError::Write)?;
        Ok(report)
    }

    /// An answer about a conversation. The id is a parameter because some servers change it in a path.
    fn about<T: DeserializeOwned>(&self, question: &str, id: &str) -> Result<T, ClientError> {
        let params = Map::from_iter([("id".to_owned(), Value::from(id))]);
        self.get(&format!("/api/v1/conversations/-{question}"), params)
    }

    fn get<T: DeserializeOwned>(&self, question: &str, params: Map<String, Value>) -> Result<T, ClientError> {
        self.client.get(&self.path(question, params))
    }

    fn path(&self, question: &str, mut params: Map<String, Value>) -> String {
        for (name, bound) in [("as_of", self.as_of), ("known_at", self.known_at)] {
            params.extend(bound.map(|when| (name.to_owned(), when.to_string().into())));
        }
        path(question, &params)
    }
}

/// The parameters of a query that are set.
fn params_of(query: &Query) -> Map<String, Value> {
    let Ok(Value::Object(mut params)) = serde_json::to_value(query) else { return Map::new() };
    params.retain(|_, value| !value.is_null() && *value != Value::Bool(false));
    if let Some(least) = params.get_mut("unread_min") {
        // The server takes 32 bits; no conversation has that number of unread messages.
        *least = least.as_u64().unwrap_or_default().min(u64::from(u32::MAX)).into();
    }
    params
}

/// The parameters of a report, without its measures.
fn params_of_report(query: &ReportQuery) -> Vec<(&'static str, String)> {
    // Outside the range of times there is no event.
    let from = Time::from_ms(query.from_ms).unwrap_or(if query.from_ms < 0 { Time::MIN } else { Time::MAX });
    let to = Time::from_ms(query.to_ms).or((query.to_ms < 0).then_some(Time::MIN));
    let by: Vec<_> = query.by.iter().map(|by| by.name()).collect();
    let texts = [
        ("from", Some(from.to_rfc3339())),
        ("to", to.map(Time::to_rfc3339)),
        ("every", query.every.map(|every| every.to_string())),
        ("by", (!by.is_empty()).then(|| by.join(","))),
        ("tz", Some(query.zone.name().to_owned())),
        ("attribute", Some(query.attribute.name().to_owned())),
        ("calendar", query.calendar.as_ref().map(convofold::Calendar::to_json)),
    ];
    let mut params: Vec<_> = texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
    params.extend(query.excluded_agents.iter().map(|agent| ("exclude_agent", agent.clone())));
    params.extend(query.tenants.iter().flatten().map(|tenant| ("tenant", tenant.clone())));
    if query.tenants.as_ref().is_some_and(Vec::is_empty) {
        // No tenant is named so: a report of no tenant.
        params.push(("tenant", String::new()));
    }
    params
}
