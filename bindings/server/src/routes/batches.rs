//! Batches with their own durability and bookmarks, answered one by one while more arrive.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use convofold::ingest::{Format, Framer, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold::{Batch, Convofold, Event, Ticket};
use http_body_util::BodyExt;
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;

use crate::app::{App, Phase};
use crate::batch::{AnswerLine, CommitLine, Committed, DatabaseSize, MAX_BATCH_EVENTS};
use crate::caller::Caller;
use crate::intake::expect_plain;
use crate::problem::Problem;
use crate::span::Span;
use crate::tokens::Role;

use super::NDJSON;

/// The maximum size of the lines of a batch. A batch has at most 256 MiB, and JSON is longer: a text of 64 MiB can take
/// 384 MiB.
const MAX_BATCH_BYTES: usize = 512 << 20;
/// Size of a piece of lines that is parsed at once.
const PIECE_BYTES: usize = 64 << 10;
/// Number of parts of the request that wait for the parser.
const PARTS_AHEAD: usize = 4;
/// Number of batches that wait for their commit: enough for several groups of the writer.
const BATCHES_IN_FLIGHT: usize = 4_096;
/// Number of parts of the answer that wait for the client.
const ANSWERS_AHEAD: usize = 16;
/// Size at which a part of the answer is sent although more is ready.
const ANSWER_BYTES: usize = 16 << 10;

/// Commits batches of events, with bookmarks, and answers each one when it is committed.
///
/// The body consists of lines. Events in convofold's own form (docs/own-form.md) are followed by a line
/// `{"commit":N,"durability":"synced","bookmark":{"name":"...","value":"..."}}`, which commits the N events before it
/// atomically. `durability` is `synced` (default) or `buffered`; `bookmark` is optional, its value is base64, and `null`
/// deletes it. An empty line keeps the connection open.
///
/// The answer begins at once. It has one line `{"committed":{...}}` for each batch, in order, while the body is still being
/// sent; the last line is `{"end":{...}}`, or `{"problem":{...}}` if the later batches may not be committed. Send these
/// again: stored events count as duplicates.
#[utoipa::path(
    post, path = "/api/v1/batches", tag = "in",
    request_body(content = Option<String>, content_type = "application/x-ndjson", description = "Events and lines that commit them"),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson", description = "One line for each batch, in order"),
    )
)]
pub(crate) async fn batches(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.expect(Role::Ingest)?;
    caller.expect_all_tenants()?;
    expect_plain(&headers)?;
    let intake = app.take_in()?;
    if app.phase() > Phase::Running {
        return Err(stopping());
    }
    let permit = app.reader()?;
    // Over the socket, the system says when the client is gone.
    let idle = if app.is_socket { Span(Duration::MAX) } else { app.config.read_timeout };
    let (sender, answers) = channel(ANSWERS_AHEAD);
    tokio::spawn(async move {
        let _held = (permit, intake);
        run(&app, idle, body, Answers { sender, part: Vec::new() }).await;
    });
    let no_buffer = (HeaderName::from_static("x-accel-buffering"), "no");
    Ok(([(header::CONTENT_TYPE, NDJSON), no_buffer], Body::from_stream(ReceiverStream::new(answers))).into_response())
}

fn stopping() -> Problem {
    Problem::unavailable("the process that holds the database is ending")
}

/// Receives, submits and answers at the same time.
async fn run(app: &App, idle: Span, body: Body, mut answers: Answers) {
    let (parts, arrived) = channel(PARTS_AHEAD);
    let (tickets, submitted) = channel(BATCHES_IN_FLIGHT);
    let submitting = {
        let app = app.clone();
        spawn_blocking(move || submit_all(&app, arrived, tickets))
    };
    // If one of them ends early, it drops its end of a channel, and the others end too.
    let (received, accepted, answered) =
        tokio::join!(receive(app, idle, body, parts), submitting, answers.of(submitted));
    // The first batch without an answer is that of the ticket that failed.
    let accepted = accepted.unwrap_or_else(|panic| Err(panic.into()));
    let outcome = answered.and(accepted).and_then(|rest| received.and_then(|()| expect_committed(rest)));
    let last = match outcome {
        Ok(()) => {
            let stats = app.db.stats();
            AnswerLine::End(DatabaseSize { conversations: stats.conversations, open: stats.open })
        }
        Err(problem) => AnswerLine::Problem(problem),
    };
    answers.put(&last);
    let _ = answers.flush().await;
}

/// Passes on the parts of the request until it ends, nothing arrives for a time, the server stops, or nobody takes them.
async fn receive(app: &App, idle: Span, mut body: Body, parts: Sender<Bytes>) -> Result<(), Problem> {
    loop {
        let silence = sleep(idle.0);
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = app.reach(Phase::Stopping) => return Err(stopping()),
            () = silence => {
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, format!("nothing arrived for {idle}")));
            }
        };
        let Some(frame) = frame else { return Ok(()) };
        let frame = frame.map_err(|error| Problem::bad_request(format!("the body is incomplete: {error}")))?;
        if let Ok(data) = frame.into_data()
            && parts.send(data).await.is_err()
        {
            return Ok(());
        }
    }
}

/// Parses the lines and submits their batches. Waits while the queue of the database is full, so it runs on a thread of its
/// own.
/// Returns the number of events at the end that no line commits.
fn submit_all(app: &App, mut arrived: Receiver<Bytes>, tickets: Sender<Ticket>) -> Result<usize, Problem> {
    let mut limits = Limits::new();
    limits.max_line_bytes = MAX_BATCH_BYTES;
    limits.max_id_bytes = MAX_BATCH_BYTES;
    let parser = Parser::new(Format::Convofold, limits);
    let mut framer = Framer::new(limits, PIECE_BYTES);
    let mut batches = Batches { app, tickets, events: Vec::new(), bytes: 0, outcome: Ok(()) };
    while let Some(part) = arrived.blocking_recv() {
        batches.bytes += part.len();
        framer.feed(&part, &mut |piece| parser.parse(&piece, &mut batches));
        framer.flush(&mut |piece| parser.parse(&piece, &mut batches));
        if batches.bytes > MAX_BATCH_BYTES {
            batches.fail(too_large(format!("the lines of a batch have at most {MAX_BATCH_BYTES} bytes")));
        }
        if batches.outcome.is_err() {
            break;
        }
    }
    framer.finish(&mut |piece| parser.parse(&piece, &mut batches));
    batches.outcome.map(|()| batches.events.len())
}

fn expect_committed(rest: usize) -> Result<(), Problem> {
    match rest {
        0 => Ok(()),
        rest => {
            Err(Problem::bad_request(format!("the last {rest} events are not followed by a line that commits them")))
        }
    }
}

fn too_large(detail: String) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// The batches of a request.
struct Batches<'a> {
    app: &'a App,
    tickets: Sender<Ticket>,
    events: Vec<Event>,
    /// Size of the lines since the last commit.
    bytes: usize,
    outcome: Result<(), Problem>,
}

impl Batches<'_> {
    fn fail(&mut self, problem: Problem) {
        if self.outcome.is_ok() {
            self.outcome = Err(problem);
        }
    }

    fn commit(&mut self, line: CommitLine) {
        self.bytes = 0;
        let events = std::mem::take(&mut self.events);
        if line.commit != events.len() as u64 {
            let (expected, found) = (line.commit, events.len());
            return self
                .fail(Problem::bad_request(format!("expected {expected} events before a commit, found {found}")));
        }
        self.app.deliveries.heard(&events);
        let ticket = batch_of(events, line).and_then(|batch| submit(&self.app.db, batch));
        match ticket {
            // Nobody waits for it if an earlier batch failed.
            Ok(ticket) => drop(self.tickets.blocking_send(ticket)),
            Err(problem) => self.fail(problem),
        }
    }
}

fn batch_of(events: Vec<Event>, line: CommitLine) -> Result<Batch, Problem> {
    let batch = Batch::new(events).durability(line.durability().map_err(Problem::bad_request)?);
    Ok(match line.into_bookmark().map_err(Problem::bad_request)? {
        None => batch,
        Some((name, Some(value))) => batch.bookmark(name, value),
        Some((name, None)) => batch.delete_bookmark(name),
    })
}

fn submit(db: &Convofold, batch: Batch) -> Result<Ticket, Problem> {
    Ok(db.submit(batch)?)
}

impl Sink for Batches<'_> {
    fn event(&mut self, _origin: Origin, event: Event) {
        if self.outcome.is_ok() {
            self.events.push(event);
            if self.events.len() > MAX_BATCH_EVENTS {
                self.fail(too_large(format!("a batch has at most {MAX_BATCH_EVENTS} events")));
            }
        }
    }

    /// Empty lines.
    fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {}

    /// What is not an event is a line that commits.
    fn rejected(&mut self, rejection: Rejection) {
        if self.outcome.is_err() {
            return;
        }
        match serde_json::from_slice(&rejection.raw) {
            Ok(line) => self.commit(line),
            Err(_) => self.fail(Problem::bad_request(rejection.to_string())),
        }
    }
}

/// The answer, line by line.
struct Answers {
    sender: Sender<std::io::Result<Bytes>>,
    part: Vec<u8>,
}

impl Answers {
    /// Answers every batch in order, and sends the answers before it waits. Ends early without an error if nobody reads
    /// them.
    async fn of(&mut self, mut submitted: Receiver<Ticket>) -> Result<(), Problem> {
        loop {
            let ticket = match submitted.try_recv() {
                Ok(ticket) => ticket,
                Err(_) => {
                    if self.flush().await.is_err() {
                        return Ok(());
                    }
                    let Some(ticket) = submitted.recv().await else { return Ok(()) };
                    ticket
                }
            };
            let outcome = match ticket.try_get() {
                Some(outcome) => outcome,
                None => {
                    if self.flush().await.is_err() {
                        return Ok(());
                    }
                    ticket.await
                }
            };
            self.put(&AnswerLine::<()>::Committed(Committed::from(&outcome?)));
            if self.part.len() >= ANSWER_BYTES && self.flush().await.is_err() {
                return Ok(());
            }
        }
    }

    fn put(&mut self, line: &AnswerLine<impl Serialize>) {
        // Writing to memory cannot fail, and these lines are JSON.
        let _ = serde_json::to_writer(&mut self.part, line);
        self.part.push(b'\n');
    }

    async fn flush(&mut self) -> Result<(), ()> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = Bytes::from(std::mem::take(&mut self.part));
        self.sender.send(Ok(part)).await.map_err(drop)
    }
}
