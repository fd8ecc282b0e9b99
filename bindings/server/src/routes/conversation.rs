//! One conversation.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use convofold::{
    AgentRef, Arrivals, Conflict, Direction, Event, HistoryEntry, Kind, MomentReport, Seq, StorageError, Time, View,
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::moment::Bounds;
use crate::params::{PastParams, Segment};
use crate::problem::Problem;
use crate::tokens::Role;

use super::tenants::sees;

/// Stands for the id that the parameter `id` gives.
const ELSEWHERE: &str = "-";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct OneParams {
    /// The id, if it is `-` in the path: some proxies change an id that contains `/` or `%`.
    pub(super) id: Option<String>,
    /// Answers as it was then, with everything that was learned since: only events at this time or before it count. RFC 3339
    /// with a zone, `latest`, or a time before now such as `-2h`.
    pub(super) as_of: Option<String>,
    /// Answers as it was known then: only events that had arrived count. RFC 3339 with a zone, `latest`, `-2h`, or a sequence
    /// number such as `seq:812`.
    pub(super) known_at: Option<String>,
}

/// The state of a conversation, open or closed.
#[derive(Serialize, ToSchema)]
pub(crate) struct StateAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The state, in the form of the export.
    #[schema(value_type = Object)]
    conversation: convofold::State,
    /// How its events arrived: numbers of events, and the first and last sequence number. Null in an answer about the past:
    /// it is not kept when a repetition arrived.
    #[schema(value_type = Option<Object>)]
    arrivals: Option<Arrivals>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, the `time` to which ages count, and
    /// `late_events`, the number of events that had happened by then and were learned later. Null where it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

/// The conflicts of a conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConflictsAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The id of the conversation.
    id: String,
    /// The events that contradict another one with the same identity, in the order of their arrival.
    #[schema(value_type = Vec<Object>)]
    conflicts: Vec<Conflict>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, the `time` to which ages count, and
    /// `late_events`, the number of events that had happened by then and were learned later. Null where it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

/// The events of a conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The id of the conversation.
    id: String,
    /// Its events, in the order in which they happened, each with `learned_at`: when it was committed, in milliseconds since
    /// the epoch; null if the log cannot be read there.
    #[schema(value_type = Vec<Object>)]
    history: Vec<Learned>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, the `time` to which ages count, and
    /// `late_events`, the number of events that had happened by then and were learned later. Null where it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

/// An event, and when the database learned of it.
#[derive(Serialize)]
struct Learned {
    #[serde(flatten)]
    entry: HistoryEntry,
    learned_at: Option<i64>,
}

/// The messages of a conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct TranscriptAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The id of the conversation.
    id: String,
    /// The messages that count, in the order in which they were sent.
    messages: Vec<Message>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, the `time` to which ages count, and
    /// `late_events`, the number of events that had happened by then and were learned later. Null where it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

/// A message.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// The sequence number of its event.
    seq: u64,
    /// When it was sent.
    at: i64,
    /// `in`: from the member; `out`: to the member; null: unknown.
    #[schema(value_type = Option<String>)]
    direction: Option<Direction>,
    /// Its channel.
    channel: Option<String>,
    /// The agent assigned after it.
    #[schema(value_type = Option<Object>)]
    agent: Option<AgentRef>,
    /// Its text; null if the source gives none, or the token may not read texts.
    text: Option<String>,
}

/// The state of one conversation.
#[utoipa::path(
    get, path = "/api/v1/conversations/{id}", tag = "out",
    params(("id" = String, Path, description = "The id, percent-encoded, or `-`"), OneParams),
    responses(
        (status = 200, body = StateAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn state(one: One) -> Result<Json<StateAnswer>, Problem> {
    let look = |app: &App, view: Option<&View>, id: &str| match view {
        None => Ok(app.db.state(id)?.zip(app.db.arrivals(id)?.map(Some))),
        Some(view) => Ok(view.state(id)?.map(|state| (state, None))),
    };
    let Found { seq, found: (conversation, arrivals), moment, .. } = one.look(look).await?;
    Ok(Json(StateAnswer { seq, conversation, arrivals, moment }))
}

/// The events of one conversation that contradict another one with the same identity. They have no effect.
///
/// The values in which both differ contain texts.
#[utoipa::path(
    get, path = "/api/v1/conversations/{id}/conflicts", tag = "out", operation_id = "conversation_conflicts",
    params(("id" = String, Path, description = "The id, percent-encoded, or `-`"), OneParams),
    responses(
        (status = 200, body = ConflictsAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn conflicts(one: One) -> Result<Json<ConflictsAnswer>, Problem> {
    one.caller.expect_texts("conflicts")?;
    let look =
        |app: &App, view: Option<&View>, id: &str| view.map_or_else(|| app.db.conflicts(id), |view| view.conflicts(id));
    let Found { seq, id, found: conflicts, moment } = one.look(look).await?;
    Ok(Json(ConflictsAnswer { seq, id, conflicts, moment }))
}

/// Every event of one conversation.
#[utoipa::path(
    get, path = "/api/v1/conversations/{id}/history", tag = "out",
    params(("id" = String, Path, description = "The id, percent-encoded, or `-`"), OneParams),
    responses(
        (status = 200, body = HistoryAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn history(one: One) -> Result<Json<HistoryAnswer>, Problem> {
    let look = |app: &App, view: Option<&View>, id: &str| {
        let Some(history) = history_of(app, view, id)? else { return Ok(None) };
        // A damaged log does not hide the history.
        let committed_at = app.db.committed_at_each(history.iter().map(|entry| entry.seq).collect());
        let learned_at = |entry: &HistoryEntry| committed_at.get(&entry.seq).copied().map(Time::ms);
        Ok(Some(history.into_iter().map(|entry| Learned { learned_at: learned_at(&entry), entry }).collect()))
    };
    let Found { seq, id, found: history, moment } = one.look::<Vec<Learned>>(look).await?;
    Ok(Json(HistoryAnswer { seq, id, history, moment }))
}

/// The messages of one conversation.
#[utoipa::path(
    get, path = "/api/v1/conversations/{id}/transcript", tag = "out",
    params(("id" = String, Path, description = "The id, percent-encoded, or `-`"), OneParams),
    responses(
        (status = 200, body = TranscriptAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn transcript(one: One) -> Result<Json<TranscriptAnswer>, Problem> {
    let Found { seq, id, found: history, moment } = one.look(history_of).await?;
    let counting = history.into_iter().filter(|entry| entry.counts && entry.event.kind() == Kind::Message);
    let messages = counting.map(|entry| Message {
        seq: entry.seq,
        at: entry.said_at.unwrap_or(entry.at),
        direction: entry.event.direction(),
        channel: entry.event.channel().map(str::to_owned),
        text: entry.event.text().map(str::to_owned),
        agent: entry.assigned,
    });
    Ok(Json(TranscriptAnswer { seq, id, messages: messages.collect(), moment }))
}

fn history_of(app: &App, view: Option<&View>, id: &str) -> Result<Option<Vec<HistoryEntry>>, StorageError> {
    view.map_or_else(|| app.db.history(id), |view| view.history(id))
}

/// The conversation that a request names, and who asks.
pub(crate) struct One {
    app: App,
    caller: Caller,
    id: String,
    bounds: Bounds,
}

/// What an answer about a conversation consists of.
pub(super) struct Found<T> {
    /// The answer reflects every event up to this one, at least, within the bounds of its moment.
    pub(super) seq: Seq,
    pub(super) id: String,
    pub(super) found: T,
    /// `None` for now.
    pub(super) moment: Option<MomentReport>,
}

/// An answer that may contain texts.
pub(super) trait Texts {
    fn remove(&mut self);
}

impl Texts for convofold::State {
    fn remove(&mut self) {
        without_texts(self);
    }
}

impl Texts for (convofold::State, Option<Arrivals>) {
    fn remove(&mut self) {
        self.0.remove();
    }
}

/// Only those who may read texts get it.
impl Texts for Vec<Conflict> {
    fn remove(&mut self) {
        self.clear();
    }
}

impl Texts for HistoryEntry {
    fn remove(&mut self) {
        self.event = without_text(self.event.clone());
    }
}

impl Texts for Vec<HistoryEntry> {
    fn remove(&mut self) {
        self.iter_mut().for_each(Texts::remove);
    }
}

impl Texts for Vec<Learned> {
    fn remove(&mut self) {
        self.iter_mut().for_each(|learned| learned.entry.remove());
    }
}

/// Removes the text of the last message.
pub(super) fn without_texts(state: &mut convofold::State) {
    if let Some(last) = &mut state.last_message {
        last.text.clear();
    }
}

/// The event without its text. It is valid without one, too.
pub(super) fn without_text(event: Event) -> Event {
    event.draft().text(None).build().unwrap_or(event)
}

impl FromRequestParts<App> for One {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let PastParams(params) = PastParams::from_request_parts(parts, app).await?;
        Self::with(params, parts, app).await
    }
}

impl One {
    /// The conversation that a request with these parameters names.
    pub(super) async fn with(params: OneParams, parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let OneParams { id: given, as_of, known_at } = params;
        let caller = Caller::from_request_parts(parts, app).await?;
        let Segment(id) = Segment::from_request_parts(parts, app).await?;
        caller.expect(Role::Read)?;
        let bounds = Bounds::parse(as_of.as_deref(), known_at.as_deref())?;
        let id = match given {
            Some(given) if id != ELSEWHERE && given != id => {
                let detail = "the path and the parameter id name different conversations; the path `-` leaves it to the parameter";
                return Err(Problem::new(StatusCode::CONFLICT, detail));
            }
            Some(given) => given,
            None => id,
        };
        Ok(Self { app: app.clone(), caller, id, bounds })
    }

    /// What `look` finds at the moment of the request, without texts for a caller who may not read them.
    pub(super) async fn look<T: Texts + Send + 'static>(
        self,
        look: impl FnOnce(&App, Option<&View>, &str) -> Result<Option<T>, StorageError> + Send + 'static,
    ) -> Result<Found<T>, Problem> {
        let Self { app, caller, id, bounds } = self;
        spawn_blocking(move || {
            let seq = app.db.counters().durable_seq;
            let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no conversation {id:?}"));
            if !sees(&app, &caller, &id)? {
                // As if it did not exist.
                return Err(missing());
            }
            let view = bounds.view(&app, &caller)?;
            let found = look(&app, view.as_ref(), &id)?;
            let missing_then = || match view {
                Some(_) if app.db.row(&id).is_ok_and(|row| row.is_some()) => {
                    let detail = format!("conversation {id:?} did not exist at this moment");
                    Problem::new(StatusCode::NOT_FOUND, detail)
                }
                _ => missing(),
            };
            let mut found = found.ok_or_else(missing_then)?;
            let moment = view.as_ref().map(|view| view.report(Some(&id))).transpose()?;
            if caller.reads_texts() {
                caller.log_texts(&id);
            } else {
                found.remove();
            }
            Ok(Found { seq, id, found, moment })
        })
        .await?
    }
}
