//! Events that come to a server in front of a cluster, and go into its log. A request is answered 200 when the log has
//! acknowledged all of its events.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use convofold::Event;
use convofold::ingest::{Format, Limits, Parser, Rejection};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::session::Holder;
use super::{Relayed, Shared};
use crate::config::DEFAULT_HOOK;
use crate::intake::{Found, REJECTIONS_TOLD, expect_plain};
use crate::params::{Params, Segment};
use crate::problem::Problem;
use crate::routes::events::{EventsParams, Pieces};
use crate::routes::webhooks::{log_refused_superoffice, read, read_superoffice};

/// The source of events of `POST /api/v1/events`, in the records of rejected ones.
const EVENTS: &str = "events";

/// Puts events into the log of a cluster.
pub trait Intake: Send + Sync + 'static {
    /// Puts the events of one body into the log, and its inputs that cannot be events where they are kept; `source` names the body
    /// there. Ends when all of them survive the loss of a broker. If it is dropped before, a part of them can be in the log.
    fn put<'a>(&'a self, source: &'a str, events: &'a [Event], rejections: &'a [Rejection]) -> Putting<'a>;

    /// What became of the messages so far.
    fn figures(&self) -> IntakeFigures;
}

/// What became of messages for a log, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntakeFigures {
    /// Number of messages that are in the log, and of rejects that are kept.
    pub acknowledged: u64,
    /// Number of messages that are on their way.
    pub unacknowledged: u64,
    /// Number of attempts that were not acknowledged.
    pub repeated: u64,
    /// Number of messages that the log never takes.
    pub refused: u64,
    /// Number of partitions that did not take a message at the last attempt.
    pub waiting_partitions: u64,
}

/// The outcome of [`Intake::put`].
pub type Putting<'a> = Pin<Box<dyn Future<Output = Result<(), NotPut>> + Send + 'a>>;

/// Why events are not in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPut {
    /// The log takes none at the moment.
    #[error("the log does not take the events: {why}; send them again")]
    Unavailable {
        /// Why not.
        why: String,
    },
    /// The log never takes one of them.
    #[error("the log does not take an event: {why}")]
    Refused {
        /// Why not.
        why: String,
    },
}

/// What a body consists of. What became of its events is known to the databases that read the log.
#[derive(Debug, Default, Serialize)]
pub(super) struct Taken {
    /// Number of events in the body; all are in the log.
    events: u64,
    /// Number of ignored inputs, by source and reason.
    ignored: BTreeMap<String, BTreeMap<String, u64>>,
    /// Number of inputs that cannot be events.
    rejected: u64,
    /// The first 100 of them, with position, reason and the rejected text.
    rejections: Vec<Value>,
}

impl Taken {
    fn count(&mut self, found: &Found) {
        self.events += found.events.len() as u64;
        for (source, reasons) in &found.ignored {
            let known = self.ignored.entry(source.clone()).or_default();
            for (reason, count) in reasons {
                *known.entry(reason.clone()).or_default() += count;
            }
        }
        self.rejected += found.rejections.len() as u64;
        let told = found.rejections.iter().take(REJECTIONS_TOLD.saturating_sub(self.rejections.len()));
        self.rejections.extend(told.filter_map(|rejection| serde_json::to_value(rejection).ok()));
    }
}

impl Shared {
    fn intake(&self) -> Result<&Arc<dyn Intake>, Problem> {
        let none =
            || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this server takes no events: publish them into the log");
        self.intake.as_ref().ok_or_else(none)
    }

    /// A parser with the settings of the server.
    fn parser(&self, format: Format) -> Parser {
        Parser::new(format, Limits::default()).zone(self.zone.clone()).ignore(self.ignored.clone())
    }

    /// Puts what a parser found into the log, before the deadline.
    async fn put(&self, source: &str, found: &Found, deadline: Instant) -> Result<(), Problem> {
        let put = self.intake()?.put(source, &found.events, &found.rejections);
        match timeout_at(deadline, put).await {
            Ok(Ok(())) => {
                found.rejections.iter().for_each(|rejection| self.meter.rejected(rejection.reason.to_string()));
                Ok(())
            }
            Ok(Err(error @ NotPut::Unavailable { .. })) => Err(Problem::unavailable(error.to_string())),
            Ok(Err(error @ NotPut::Refused { .. })) => {
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))
            }
            Err(_) => {
                let detail =
                    format!("the log has not acknowledged the events within {}: send them again", self.config.hold);
                Err(Problem::unavailable(detail))
            }
        }
    }

    /// Puts the events of a webhook into the log.
    async fn take(&self, format: Format, source: &str, body: &[u8], deadline: Instant) -> Result<Taken, Problem> {
        let mut found = Found::default();
        self.parser(format).parse_input(body, &mut found);
        let mut taken = Taken::default();
        taken.count(&found);
        if let Some(rejection) = found.rejections.first() {
            tracing::warn!(source, %rejection, "a webhook has rejects");
        }
        self.put(source, &found, deadline).await?;
        Ok(taken)
    }

    fn counted(&self, source: &'static str, outcome: Result<Taken, Problem>) -> Result<Json<Taken>, Problem> {
        let status = outcome.as_ref().err().map_or(StatusCode::OK, Problem::status);
        self.meter.webhook(source, status.as_u16());
        outcome.map(Json)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.config.hold.0
    }
}

pub(super) async fn superoffice_default(
    relayed: State<Relayed>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, Problem> {
    superoffice(relayed, Segment(DEFAULT_HOOK.to_owned()), uri, headers, body).await
}

/// The signature is checked here, so the nodes are not asked.
pub(super) async fn superoffice(
    State(relayed): State<Relayed>,
    Segment(hook): Segment,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, Problem> {
    let receive = async {
        relayed.intake()?;
        let deadline = relayed.deadline();
        let body = read_superoffice(&relayed.config, &hook, &uri, &headers, body).await?;
        relayed.take(Format::SuperOffice, &format!("superoffice/{hook}"), &body, deadline).await
    };
    let outcome = receive.await;
    if let Err(problem) = &outcome {
        log_refused_superoffice(&hook, &headers, problem);
    }
    relayed.counted("superoffice", outcome)
}

pub(super) async fn airship_default(
    relayed: State<Relayed>,
    holder: Holder,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, Problem> {
    airship(relayed, holder, Segment(DEFAULT_HOOK.to_owned()), headers, body).await
}

pub(super) async fn airship(
    State(relayed): State<Relayed>,
    holder: Holder,
    Segment(hook): Segment,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, Problem> {
    let receive = async {
        relayed.intake()?;
        let deadline = relayed.deadline();
        relayed.expect_ingest(holder).await?;
        expect_plain(&headers)?;
        let body = read(&relayed.config, body).await?;
        relayed.take(Format::Airship, &format!("airship/{hook}"), &body, deadline).await
    };
    let outcome = receive.await;
    relayed.counted("airship", outcome)
}

/// Events of any source and number: one, an array, or lines. The body is read and put into the log in parts.
pub(super) async fn events(
    State(relayed): State<Relayed>,
    holder: Holder,
    Params(params): Params<EventsParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, Problem> {
    relayed.intake()?;
    relayed.expect_ingest(holder).await?;
    expect_plain(&headers)?;
    let parser = relayed.parser(params.format()?);
    let mut taken = Taken::default();
    match put_pieces(&relayed, &parser, Pieces::of(body, relayed.config.read_timeout), &mut taken).await {
        Ok(()) => Ok(Json(taken)),
        Err(problem) => Err(problem.with_report(&taken)),
    }
}

/// The time limit holds for each part. What is counted as taken is in the log.
async fn put_pieces(relayed: &Shared, parser: &Parser, mut pieces: Pieces, taken: &mut Taken) -> Result<(), Problem> {
    while let Some(pieces) = pieces.next().await? {
        for piece in pieces {
            let mut found = Found::default();
            parser.parse(&piece, &mut found);
            relayed.put(EVENTS, &found, relayed.deadline()).await?;
            taken.count(&found);
        }
    }
    Ok(())
}
