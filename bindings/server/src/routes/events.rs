//! Events in any form, of any number.

use std::collections::VecDeque;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use convofold::Ticket;
use convofold::ingest::{Format, Framer, Limits, Parser, Piece};
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::intake::{Found, Report, durable, expect_plain, submit};
use crate::params::Params;
use crate::problem::Problem;
use crate::span::Span;
use crate::tokens::Role;

/// Size of a piece of the body that is parsed at once.
const PIECE_BYTES: usize = 256 << 10;
/// Number of submitted batches that a request does not wait for.
const BATCHES_IN_FLIGHT: usize = 16;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsParams {
    /// The source of the events: `auto` (default), `airship`, `superoffice` or `convofold`.
    #[param(pattern = "^(auto|airship|superoffice|convofold)$")]
    source: Option<String>,
}

impl EventsParams {
    pub(crate) fn format(&self) -> Result<Format, Problem> {
        match self.source.as_deref() {
            None => Ok(Format::Auto),
            Some(name) => name.parse().map_err(|error: convofold::UnknownName| Problem::bad_request(error.to_string())),
        }
    }
}

/// Stores events of any source: one, an array, or lines.
///
/// The body is read and committed in parts, so it can be of any length. The answer comes when all of its events survive a
/// power cut. Input that cannot be an event does not affect the rest: the report lists it, and it is not kept. After a
/// failure it is safe to send the same body again: stored events count as duplicates.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "in", params(EventsParams),
    request_body(content(
        (Option<Value> = "application/json"), (Option<String> = "application/x-ndjson")
    ), description = "Events"),
    responses(
        (status = 200, body = Report, description = "The events survive a power cut"),
        (status = "default", body = Problem, content_type = "application/problem+json", description = "`report` says what was committed before the problem"),
    )
)]
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<EventsParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Report>, Problem> {
    let _intake = app.take_in()?;
    caller.expect(Role::Ingest)?;
    expect_plain(&headers)?;
    let format = params.format()?;
    let mut stream =
        Stream { app: &app, parser: app.parser(format), tickets: VecDeque::new(), report: Report::default() };
    match stream.read(body).await {
        Ok(()) => Ok(Json(stream.report)),
        Err(problem) => Err(problem.with_report(&stream.report)),
    }
}

/// Commits the events of one input.
pub(super) async fn commit_all(app: &App, bytes: &[u8]) -> Result<Report, Problem> {
    let parser = app.parser(Format::Auto);
    let mut stream = Stream { app, parser, tickets: VecDeque::new(), report: Report::default() };
    let mut found = Found::default();
    stream.parser.parse_input(bytes, &mut found);
    stream.take(found).await?;
    stream.settle(0).await?;
    Ok(stream.report)
}

/// Reads a body of any length in pieces.
pub(crate) struct Pieces {
    body: Body,
    framer: Framer,
    /// The time for which nothing may arrive.
    idle: Span,
    is_open: bool,
}

impl Pieces {
    pub(crate) fn of(body: Body, idle: Span) -> Self {
        Self { body, framer: Framer::new(Limits::default(), PIECE_BYTES), idle, is_open: true }
    }

    /// The next pieces; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Piece>>, Problem> {
        let mut pieces = Vec::new();
        while pieces.is_empty() && self.is_open {
            let idle = self.idle;
            let frame = timeout(idle.0, self.body.frame()).await;
            let frame =
                frame.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, format!("nothing arrived for {idle}")))?;
            let Some(frame) = frame else {
                self.is_open = false;
                self.framer.finish(&mut |piece| pieces.push(piece));
                break;
            };
            let frame = frame.map_err(|error| Problem::bad_request(format!("the body is incomplete: {error}")))?;
            if let Ok(data) = frame.into_data() {
                self.framer.feed(&data, &mut |piece| pieces.push(piece));
            }
        }
        Ok((!pieces.is_empty()).then_some(pieces))
    }
}

struct Stream<'a> {
    app: &'a App,
    parser: Parser,
    tickets: VecDeque<Ticket>,
    report: Report,
}

impl Stream<'_> {
    async fn read(&mut self, body: Body) -> Result<(), Problem> {
        let mut pieces = Pieces::of(body, self.app.config.read_timeout);
        while let Some(pieces) = pieces.next().await? {
            for piece in pieces {
                let mut found = Found::default();
                self.parser.parse(&piece, &mut found);
                self.take(found).await?;
            }
        }
        self.settle(0).await
    }

    async fn take(&mut self, mut found: Found) -> Result<(), Problem> {
        self.report.count(self.app, &mut found);
        let submitted = submit(self.app, found.events, self.deadline()).await?;
        self.tickets.extend(submitted);
        self.settle(BATCHES_IN_FLIGHT).await
    }

    /// Waits until at most this many batches are not durable.
    async fn settle(&mut self, in_flight: usize) -> Result<(), Problem> {
        while self.tickets.len() > in_flight {
            let Some(ticket) = self.tickets.pop_front() else { break };
            self.report.add(&durable(ticket, self.deadline()).await?);
        }
        Ok(())
    }

    /// The limit holds for every batch, not for the whole body.
    fn deadline(&self) -> Instant {
        Instant::now() + self.app.config.hold.0
    }
}
