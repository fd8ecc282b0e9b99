//! The change feed, as server-sent events or as NDJSON.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use convofold::{Change, Changes, ChangesError, Seq};
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::app::{App, Phase};
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::{Role, clock_ms};

use super::NDJSON;
use super::conversation::without_text;
use super::stream::{self, BodyWriter};
use super::tenants::sees;

const SSE: &str = "text/event-stream";
/// A sign of life after this much silence, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a browser gets the time of the server. A page that misses it shows that it may be out of date.
const CLOCK_INTERVAL: Duration = Duration::from_secs(5);
/// How often a silent feed looks whether it is still wanted.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangesParams {
    /// The sequence number of the last event that is known already; 0 for all events. Without it, the feed begins with the
    /// next event. The header Last-Event-ID takes precedence.
    #[param(format = "uint64", maximum = 18446744073709551615_u64)]
    since: Option<u64>,
    /// Only the events of this conversation.
    conversation: Option<String>,
    /// 0: end when there is no further event. 1: wait for more [default].
    #[param(minimum = 0, maximum = 1)]
    wait: Option<u8>,
}

/// Durable events from a sequence number on, in log order, without gaps or repetitions.
///
/// With `Accept: text/event-stream`, server-sent events: `event: change`, `id: DATABASE-SEQ`, and the event as data.
/// Otherwise NDJSON: one line `{"seq":...,"at":...,"event":{...}}` an event. If the event after `since` is not in the log any more,
/// or belongs to another database, the first event is `resync` (`{"resync":{...}}`): ask for the lists again; the
/// feed continues with the next event. Server-sent events have an `event: clock` every 5 s (`{"now":...,"seq":...}`: the time of the
/// server, and the last sequence number that the feed has passed); in NDJSON, silence is broken by a blank line every 15 s. A token for some tenants
/// gets the events of their conversations.
#[utoipa::path(
    get, path = "/api/v1/changes", tag = "out",
    params(ChangesParams, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that is known already")),
    responses(
        (status = 200, description = "Events", content((String = "application/x-ndjson"), (String = "text/event-stream"))),
    )
)]
pub(crate) async fn changes(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ChangesParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    let waits = match params.wait {
        None | Some(1) => true,
        Some(0) => false,
        Some(other) => return Err(Problem::bad_request(format!("wait is 0 or 1, found {other}"))),
    };
    if app.phase() > Phase::Running {
        return Err(Problem::unavailable("the server is stopping"));
    }
    let form = if accepts_sse(&headers) { Form::Sse } else { Form::Ndjson };
    let start = Start::of(&app, params.since, &headers);
    let permit = app.reader()?;
    if caller.reads_texts() {
        caller.log_texts("changes");
    }
    let (writer, body) = stream::body(&app, &headers);
    spawn_blocking(move || {
        let _permit = permit;
        let database = app.db.database_id().to_string();
        let conversation = params.conversation;
        let mut feed = Feed { app: &app, writer, form, caller, conversation, database, problem: None };
        // Another error means that nobody reads the body.
        let complete = feed.run(start, waits).is_ok();
        match feed.problem {
            Some(problem) => feed.writer.fail(&problem),
            None if complete => feed.writer.end(),
            None => {}
        }
    });
    let content_type = match form {
        Form::Sse => SSE,
        Form::Ndjson => NDJSON,
    };
    Ok(stream::response(content_type, body))
}

/// Whether a request asks for server-sent events.
pub(crate) fn accepts_sse(headers: &HeaderMap) -> bool {
    let accepts = |value: &axum::http::HeaderValue| value.to_str().is_ok_and(|value| value.contains(SSE));
    headers.get_all(header::ACCEPT).iter().any(accepts)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Sse,
    Ndjson,
}

impl Form {
    fn sign_interval(self) -> Duration {
        match self {
            Self::Sse => CLOCK_INTERVAL,
            Self::Ndjson => KEEP_ALIVE,
        }
    }
}

/// Where a feed begins.
#[derive(Debug, PartialEq, Eq)]
enum Start {
    /// With this event.
    At(Seq),
    /// With the next event; what the reader knows is of no use.
    Resync,
}

impl Start {
    fn of(app: &App, since: Option<Seq>, headers: &HeaderMap) -> Self {
        let after = |seq: Seq| {
            // A reader ahead of the log knows another log.
            if seq > app.db.counters().last_seq { Self::Resync } else { Self::At(seq + 1) }
        };
        if let Some(id) = headers.get("last-event-id") {
            // Not refused if it is of another form: a browser would not try again.
            let known = id.to_str().ok().and_then(|id| {
                let (database, seq) = id.rsplit_once('-')?;
                (database == app.db.database_id().to_string()).then_some(())?;
                seq.parse().ok()
            });
            return known.map_or(Self::Resync, after);
        }
        match since {
            Some(seq) => after(seq),
            None => Self::At(app.db.counters().durable_seq + 1),
        }
    }
}

struct Feed<'a> {
    app: &'a App,
    writer: BodyWriter,
    form: Form,
    caller: Caller,
    /// The only conversation that is wanted.
    conversation: Option<String>,
    database: String,
    /// Why it ends early.
    problem: Option<Problem>,
}

impl Feed<'_> {
    fn run(&mut self, start: Start, waits: bool) -> io::Result<()> {
        let mut changes = match start {
            Start::At(seq) => self.app.db.changes(seq),
            Start::Resync => self.resync()?,
        };
        let mut last_sign = Instant::now();
        if self.form == Form::Sse {
            self.sign_of_life(changes.next_seq() - 1)?;
        }
        while self.writer.is_wanted() {
            let next = match changes.try_next() {
                Ok(None) => {
                    self.writer.flush()?;
                    if !waits {
                        return Ok(());
                    }
                    changes.next_timeout(LOOK_INTERVAL)
                }
                found => found,
            };
            match next {
                Ok(Some(change)) if self.wants(&change)? => {
                    self.change(change)?;
                    if self.form == Form::Ndjson {
                        last_sign = Instant::now();
                    }
                }
                Ok(_) => {}
                Err(error) => changes = self.after(error)?,
            }
            if last_sign.elapsed() >= self.form.sign_interval() {
                self.sign_of_life(changes.next_seq() - 1)?;
                last_sign = Instant::now();
            }
        }
        Ok(())
    }

    /// Continues after an error: events that were dropped from the log are made up for by a new look at the lists.
    fn after(&mut self, error: ChangesError) -> io::Result<Changes> {
        match error {
            ChangesError::Dropped { .. } => self.resync(),
            error => {
                if !matches!(error, ChangesError::Closed) {
                    tracing::error!(%error, "a feed ended");
                }
                self.writer.flush()?;
                let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the feed ended");
                self.problem = Some(problem.with_cause(&error).with_report(&json!({"log": true})));
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
    }

    fn resync(&mut self) -> io::Result<Changes> {
        let next_seq = self.app.db.counters().durable_seq + 1;
        let data =
            json!({ "database_id": self.database, "first_seq": self.app.db.stats().first_seq, "next_seq": next_seq });
        match self.form {
            Form::Sse => {
                write!(self.writer, "event: resync\nid: {}-{}\ndata: {data}\n\n", self.database, next_seq - 1)?;
            }
            Form::Ndjson => writeln!(self.writer, "{}", json!({ "resync": data }))?,
        }
        self.writer.flush()?;
        Ok(self.app.db.changes(next_seq))
    }

    fn wants(&self, change: &Change) -> io::Result<bool> {
        let conversation = change.event.conversation();
        if self.conversation.as_ref().is_some_and(|wanted| wanted != conversation) {
            return Ok(false);
        }
        sees(self.app, &self.caller, conversation).map_err(io::Error::other)
    }

    fn change(&mut self, mut change: Change) -> io::Result<()> {
        if !self.caller.reads_texts() {
            change.event = without_text(change.event);
        }
        let (seq, line) = (change.seq, serde_json::to_string(&change)?);
        match self.form {
            Form::Sse => write!(self.writer, "event: change\nid: {}-{seq}\ndata: {line}\n\n", self.database),
            Form::Ndjson => writeln!(self.writer, "{line}"),
        }
    }

    fn sign_of_life(&mut self, seq: Seq) -> io::Result<()> {
        match self.form {
            Form::Sse => {
                write!(self.writer, "event: clock\ndata: {}\n\n", json!({ "now": clock_ms(), "seq": seq }))?;
            }
            Form::Ndjson => self.writer.write_all(b"\n")?,
        }
        self.writer.flush()
    }
}
