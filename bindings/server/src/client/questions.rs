//! Questions: the request of each, and how its answer reads.

use convofold::{
    AgentLoad, Arrivals, Behind, Conflict, ConversationRow, Cursor, Explanation, FieldName, HashProof, HistoryEntry,
    Measure, MomentReport, Query, Report, ReportParts, ReportQuery, State, Suspects, SuspectsQuery, Time, Totals,
    UnknownValue, When,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request::path;

/// A question to a server, and how its answer reads.
pub struct Question<T> {
    path: String,
    read: Box<Read<T>>,
    /// The answer if nothing was found, if that is an answer.
    missing: Option<fn() -> T>,
}

type Read<T> = dyn Fn(&[u8]) -> Result<T, serde_json::Error> + Send + Sync;

impl<T: 'static> Question<T> {
    /// A question at this path, with these parameters.
    pub fn new(question: &str, params: &impl Serialize) -> Self
    where
        T: DeserializeOwned,
    {
        Self::reading(path(question, params), |answer: T| answer)
    }

    fn reading<A: DeserializeOwned>(path: String, read: impl Fn(A) -> T + Send + Sync + 'static) -> Self {
        Self { path, read: Box::new(move |body| serde_json::from_slice(body).map(&read)), missing: None }
    }

    /// The path, with the parameters.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn read(&self, body: &[u8]) -> Result<T, serde_json::Error> {
        (self.read)(body)
    }

    pub(super) fn missing(&self) -> Option<T> {
        self.missing.map(|missing| missing())
    }
}

impl<T: 'static> Question<Option<T>> {
    fn if_found(self) -> Self {
        Self { missing: Some(|| None), ..self }
    }
}

impl<T> std::fmt::Debug for Question<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("path", &self.path).finish_non_exhaustive()
    }
}

/// One page of a list of conversations.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct ListedPage {
    /// The conversations in full; empty if rows were asked for.
    pub conversations: Vec<State>,
    /// The rows, if they were asked for.
    #[serde(default)]
    pub rows: Vec<ConversationRow>,
    /// The position of the next page.
    #[serde(rename = "next_cursor")]
    pub next: Option<Cursor>,
    /// Why the first page is empty.
    pub unknown: Vec<UnknownValue>,
    /// What the page is about, if it is about the past.
    #[serde(default)]
    pub moment: MomentReport,
}

impl ListedPage {
    /// The number of conversations.
    pub(super) fn len(&self) -> usize {
        self.conversations.len().max(self.rows.len())
    }
}

/// What a list is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Whole conversations.
    States,
    /// Rows, with last messages.
    Rows,
    /// Rows, and the whole conversations in the same order.
    Both,
}

/// The questions about a database at a moment. The server resolves the bounds for each question.
#[derive(Clone, Copy, Debug, Default)]
pub struct Questions {
    as_of: Option<When>,
    known_at: Option<When>,
}

impl Questions {
    /// Questions about now.
    pub const NOW: Self = Self { as_of: None, known_at: None };

    /// Questions about a moment.
    #[must_use]
    pub fn at(as_of: Option<When>, known_at: Option<When>) -> Self {
        Self { as_of, known_at }
    }

    /// What the answers about many conversations are about.
    #[must_use]
    pub fn moment(self) -> Question<MomentReport> {
        Question::reading(self.path("/api/v1/moment", Map::new()), |OfMoment { moment }| moment)
    }

    /// What the answers about a conversation are about; `None` if it did not exist.
    #[must_use]
    pub fn moment_of(self, id: &str) -> Question<Option<MomentReport>> {
        Question::reading(self.about("", id), |OfMoment { moment }| Some(moment)).if_found()
    }

    /// The workload of every agent, unassigned conversations last.
    #[must_use]
    pub fn agents(self) -> Question<(Vec<AgentLoad>, MomentReport)> {
        #[derive(Deserialize)]
        struct Answer {
            agents: Vec<AgentLoad>,
            #[serde(default)]
            moment: MomentReport,
        }
        Question::reading(self.path("/api/v1/agents", Map::new()), |Answer { agents, moment }| (agents, moment))
    }

    /// Counts per tenant and channel.
    #[must_use]
    pub fn totals(self) -> Question<(Vec<Totals>, MomentReport)> {
        #[derive(Deserialize)]
        struct Answer {
            totals: Vec<Totals>,
            #[serde(default)]
            moment: MomentReport,
        }
        Question::reading(self.path("/api/v1/totals", Map::new()), |Answer { totals, moment }| (totals, moment))
    }

    /// The state hash, and the one that a checkpoint recorded after the same events.
    #[must_use]
    pub fn hash(self) -> Question<HashProof> {
        Question::reading(self.path("/api/v1/hash", Map::new()), |proof| proof)
    }

    /// What was suspect. The answer has at most one tenant.
    #[must_use]
    pub fn suspects(self, query: &SuspectsQuery) -> Question<Suspects> {
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
        Question::reading(self.path("/api/v1/suspects", params.collect()), |suspects| suspects)
    }

    /// What happened, by time and group. The server cuts the end to its present.
    #[must_use]
    pub fn measures(self, query: &ReportQuery) -> Question<Report> {
        let (by, measures) = (query.by.clone(), query.measures.clone());
        Question::reading(self.report(query, [measures_of(query)]), move |mut report: Report| {
            report.by.clone_from(&by);
            report.measures.clone_from(&measures);
            report
        })
    }

    /// What the values of a report are made of; see [`ReportParts`]. The server does not cut the end.
    #[must_use]
    pub fn report_parts(self, query: &ReportQuery) -> Question<ReportParts> {
        let params = [measures_of(query), ("parts", "true".to_owned())];
        Question::reading(self.report(query, params), |parts| parts)
    }

    /// What is behind the numbers of a measure of a report.
    #[must_use]
    pub fn behind(self, query: &ReportQuery, measure: Measure) -> Question<Behind> {
        Question::reading(self.report(query, [("rows", measure.to_string())]), |behind| behind)
    }

    /// The state of a conversation, and how its events arrived, which is not told of the past; `None` if it did not exist.
    #[must_use]
    pub fn state(self, id: &str) -> Question<Option<(State, Option<Arrivals>)>> {
        #[derive(Deserialize)]
        struct Answer {
            conversation: State,
            arrivals: Option<Arrivals>,
        }
        let read = |Answer { conversation, arrivals }| Some((conversation, arrivals));
        Question::reading(self.about("", id), read).if_found()
    }

    /// The events of a conversation; `None` if it did not exist.
    #[must_use]
    pub fn history(self, id: &str) -> Question<Option<Vec<HistoryEntry>>> {
        #[derive(Deserialize)]
        struct Answer {
            history: Vec<HistoryEntry>,
        }
        Question::reading(self.about("/history", id), |Answer { history }| Some(history)).if_found()
    }

    /// The conflicts of a conversation; `None` if it did not exist.
    #[must_use]
    pub fn conflicts(self, id: &str) -> Question<Option<Vec<Conflict>>> {
        #[derive(Deserialize)]
        struct Answer {
            conflicts: Vec<Conflict>,
        }
        Question::reading(self.about("/conflicts", id), |Answer { conflicts }| Some(conflicts)).if_found()
    }

    /// Why a conversation is what it is, with at most `limit` events in a list; `None` if it did not exist.
    #[must_use]
    pub fn explain(self, id: &str, field: Option<FieldName>, limit: usize) -> Question<Option<Vec<Explanation>>> {
        #[derive(Deserialize)]
        struct Answer {
            fields: Vec<Explanation>,
        }
        let mut params = Map::from_iter([("id".to_owned(), id.into()), ("limit".to_owned(), limit.into())]);
        params.extend(field.map(|field| ("field".to_owned(), field.name().into())));
        let path = self.path("/api/v1/conversations/-/explain", params);
        Question::reading(path, |Answer { fields }| Some(fields)).if_found()
    }

    /// The ids that begin with these characters, sorted by their bytes; always about now.
    #[must_use]
    pub fn ids(prefix: &str, limit: usize) -> Question<Vec<String>> {
        #[derive(Deserialize)]
        struct Answer {
            ids: Vec<String>,
        }
        let limit = limit.to_string();
        Question::reading(path("/api/v1/ids", &[("prefix", prefix), ("limit", &limit)]), |Answer { ids }| ids)
    }

    /// One page of the conversations that match a query. Its limit is from 1 to [`Questions::MAX_PAGE_ROWS`].
    #[must_use]
    pub fn list(self, query: &Query, listing: Listing) -> Question<ListedPage> {
        self.list_where(query, listing, &[])
    }

    /// Like [`Questions::list`], with more conditions: parameters of the server that a query does not have.
    #[must_use]
    pub fn list_where(self, query: &Query, listing: Listing, conditions: &[(String, String)]) -> Question<ListedPage> {
        let mut params = params_of(query);
        params.extend(conditions.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
        params.insert("rows".to_owned(), (listing != Listing::States).into());
        if listing == Listing::Both {
            params.insert("whole".to_owned(), true.into());
        }
        Question::reading(self.path("/api/v1/conversations", params), |page| page)
    }

    /// Any question at this path, with these parameters.
    #[must_use]
    pub fn any<T: DeserializeOwned + 'static>(self, question: &str, params: &[(String, String)]) -> Question<T> {
        Question::reading(self.path_with(question, params), |answer| answer)
    }

    /// Like [`Questions::any`]; `None` if there is no such thing.
    #[must_use]
    pub fn any_if_found<T: DeserializeOwned + 'static>(
        self,
        question: &str,
        params: &[(String, String)],
    ) -> Question<Option<T>> {
        Question::reading(self.path_with(question, params), Some).if_found()
    }

    /// The path of a question whose answer is read while it arrives, with these parameters.
    #[must_use]
    pub fn path_of(self, question: &str, params: &[(&str, &str)]) -> String {
        let params: Vec<_> = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.path_with(question, &params)
    }

    fn path_with(self, question: &str, params: &[(String, String)]) -> String {
        let mut all = params.to_vec();
        all.extend(self.bounds().map(|(name, bound)| (name.to_owned(), bound)));
        path(question, &all)
    }

    /// The maximum number of conversations in a page.
    pub const MAX_PAGE_ROWS: usize = 1_000;

    /// The path of a report with these parameters.
    fn report(self, query: &ReportQuery, more: impl IntoIterator<Item = (&'static str, String)>) -> String {
        let mut params = params_of_report(query);
        params.extend(more);
        params.extend(self.bounds());
        path("/api/v1/report", &params)
    }

    /// The path of a question about a conversation. The id is a parameter because some servers change it in a path.
    fn about(self, question: &str, id: &str) -> String {
        let params = Map::from_iter([("id".to_owned(), Value::from(id))]);
        self.path(&format!("/api/v1/conversations/-{question}"), params)
    }

    /// The path of a question with these parameters.
    pub(super) fn path(self, question: &str, mut params: Map<String, Value>) -> String {
        params.extend(self.bounds().map(|(name, bound)| (name.to_owned(), bound.into())));
        path(question, &params)
    }

    fn bounds(self) -> impl Iterator<Item = (&'static str, String)> {
        let bounds = [("as_of", self.as_of), ("known_at", self.known_at)];
        bounds.into_iter().filter_map(|(name, bound)| Some((name, bound?.to_string())))
    }
}

/// The moment of an answer.
#[derive(Deserialize)]
struct OfMoment {
    #[serde(default)]
    moment: MomentReport,
}

fn measures_of(query: &ReportQuery) -> (&'static str, String) {
    let measures: Vec<_> = query.measures.iter().map(Measure::to_string).collect();
    ("measure", measures.join(","))
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
