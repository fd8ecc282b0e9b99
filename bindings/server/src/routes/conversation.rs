//! One conversation.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use convofold::{AgentRef, Arrivals, Conflict, Direction, Event, HistoryEntry, Kind, Seq, Time};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::params::{Params, Segment};
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
    id: Option<String>,
}

/// The state of a conversation, open or closed.
#[derive(Serialize, ToSchema)]
pub(crate) struct StateAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The state, in the form of the export.
    #[schema(value_type = Object)]
    conversation: convofold::State,
    /// How its events arrived: numbers of events, and the first and last sequence number.
    #[schema(value_type = Object)]
    arrivals: Arrivals,
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
    let look = |app: &App, id: &str| Ok(app.db.state(id)?.zip(app.db.arrivals(id)?));
    let (seq, _, (conversation, arrivals)) = one.look(look).await?;
    Ok(Json(StateAnswer { seq, conversation, arrivals }))
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
    let (seq, id, conflicts) = one.look(|app, id| app.db.conflicts(id)).await?;
    Ok(Json(ConflictsAnswer { seq, id, conflicts }))
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
    let learned = |app: &App, entry: HistoryEntry| {
        // A damaged log does not hide the history.
        let committed_at = app.db.committed_at(entry.seq).ok().flatten();
        Learned { entry, learned_at: committed_at.map(Time::ms) }
    };
    let look = move |app: &App, id: &str| {
        Ok(app.db.history(id)?.map(|history| history.into_iter().map(|entry| learned(app, entry)).collect()))
    };
    let (seq, id, history) = one.look::<Vec<Learned>>(look).await?;
    Ok(Json(HistoryAnswer { seq, id, history }))
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
    let (seq, id, history) = one.look(|app, id| app.db.history(id)).await?;
    let counting = history.into_iter().filter(|entry| entry.counts && entry.event.kind() == Kind::Message);
    let messages = counting.map(|entry| Message {
        seq: entry.seq,
        at: entry.said_at.unwrap_or(entry.at),
        direction: entry.event.direction(),
        channel: entry.event.channel().map(str::to_owned),
        text: entry.event.text().map(str::to_owned),
        agent: entry.assigned,
    });
    Ok(Json(TranscriptAnswer { seq, id, messages: messages.collect() }))
}

/// The conversation that a request names, and who asks.
pub(crate) struct One {
    app: App,
    caller: Caller,
    id: String,
}

/// An answer that may contain texts.
trait Texts {
    fn remove(&mut self);
}

impl Texts for convofold::State {
    fn remove(&mut self) {
        without_texts(self);
    }
}

impl Texts for (convofold::State, Arrivals) {
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
        let caller = Caller::from_request_parts(parts, app).await?;
        let Segment(id) = Segment::from_request_parts(parts, app).await?;
        let Params(OneParams { id: given }) = Params::from_request_parts(parts, app).await?;
        caller.expect(Role::Read)?;
        let id = match given {
            Some(given) if id != ELSEWHERE && given != id => {
                let detail = "the path and the parameter id name different conversations; the path `-` leaves it to the parameter";
                return Err(Problem::new(StatusCode::CONFLICT, detail));
            }
            Some(given) => given,
            None => id,
        };
        Ok(Self { app: app.clone(), caller, id })
    }
}

impl One {
    /// The sequence number up to which the answer reflects every event, the id, and what `look` finds, without texts for a
    /// caller who may not read them.
    async fn look<T: Texts + Send + 'static>(
        self,
        look: impl FnOnce(&App, &str) -> Result<Option<T>, convofold::StorageError> + Send + 'static,
    ) -> Result<(Seq, String, T), Problem> {
        let Self { app, caller, id } = self;
        spawn_blocking(move || {
            let seq = app.db.counters().durable_seq;
            let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no conversation {id:?}"));
            if !sees(&app, &caller, &id)? {
                // As if it did not exist.
                return Err(missing());
            }
            let mut found = look(&app, &id)?.ok_or_else(missing)?;
            if caller.reads_texts() {
                caller.log_texts(&id);
            } else {
                found.remove();
            }
            Ok((seq, id, found))
        })
        .await?
    }
}
