//! From bytes to durable events.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use convofold::ingest::{Ignored, Origin, Rejection, Sink};
use convofold::{Batch, Event, Receipt, SubmitError, Ticket};
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout_at};
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// Number of rejections in an answer; the others are only counted.
pub(crate) const REJECTIONS_TOLD: usize = 100;
/// Number of events in a batch.
const BATCH_EVENTS: usize = 8_192;
/// Pause before a full queue is tried again.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// What a parser found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) events: Vec<Event>,
    pub(crate) ignored: BTreeMap<String, BTreeMap<String, u64>>,
    pub(crate) rejections: Vec<Rejection>,
}

impl Sink for Found {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, why: Ignored<'_>) {
        *self.ignored.entry(why.source.to_owned()).or_default().entry(why.reason.to_owned()).or_default() += 1;
    }

    fn rejected(&mut self, rejection: Rejection) {
        self.rejections.push(rejection);
    }
}

/// What became of the events of a request.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Report {
    /// Number of events in the body.
    events: u64,
    /// Events that are new and the latest of their conversation.
    applied: u64,
    /// New events that sort before a known one of their conversation.
    late: u64,
    /// Events that were stored already.
    duplicates: u64,
    /// New events that lost to another one with the same identity.
    conflicts: u64,
    /// Events that were erased before, and do not come back.
    erased: u64,
    /// Number of ignored inputs, by source and reason.
    #[schema(value_type = Object)]
    ignored: BTreeMap<String, BTreeMap<String, u64>>,
    /// Number of inputs that cannot be events.
    pub(crate) rejected: u64,
    /// The first 100 of them, with position, reason and the rejected text.
    #[schema(value_type = Vec<Object>)]
    rejections: Vec<serde_json::Value>,
    /// Sequence number of the last new event; null if none was new.
    last_seq: Option<u64>,
}

impl Report {
    /// Counts what a parser found, and takes its rejections; the events remain.
    pub(crate) fn count(&mut self, app: &App, found: &mut Found) -> Vec<Rejection> {
        self.events += found.events.len() as u64;
        for (source, reasons) in std::mem::take(&mut found.ignored) {
            let known = self.ignored.entry(source).or_default();
            for (reason, count) in reasons {
                *known.entry(reason).or_default() += count;
            }
        }
        let rejections = std::mem::take(&mut found.rejections);
        self.rejected += rejections.len() as u64;
        for rejection in &rejections {
            app.meter.rejected(rejection.reason.to_string());
            if self.rejections.len() < REJECTIONS_TOLD {
                self.rejections.extend(serde_json::to_value(rejection));
            }
        }
        rejections
    }

    pub(crate) fn add(&mut self, receipt: &Receipt) {
        let counts = receipt.counts;
        self.applied += counts.applied;
        self.late += counts.late;
        self.duplicates += counts.duplicates;
        self.conflicts += counts.conflicts;
        self.erased += counts.erased;
        self.last_seq = receipt.last_seq.or(self.last_seq);
    }
}

/// Submits events in batches. While the queue is full it waits until the deadline.
pub(crate) async fn submit(app: &App, mut events: Vec<Event>, deadline: Instant) -> Result<Vec<Ticket>, Problem> {
    app.deliveries.heard(&events);
    let mut tickets = Vec::new();
    while !events.is_empty() {
        let rest = events.split_off(events.len().min(BATCH_EVENTS));
        let mut batch = Batch::new(std::mem::replace(&mut events, rest));
        let ticket = loop {
            match app.db.try_submit(batch) {
                Ok(ticket) => break ticket,
                Err(SubmitError::Full(_)) if Instant::now() >= deadline => {
                    return Err(Problem::unavailable("the queue is full: send the events again later"));
                }
                Err(SubmitError::Full(same)) => batch = same,
                Err(error) => return Err(error.into()),
            }
            sleep(RETRY_INTERVAL).await;
        };
        tickets.push(ticket);
    }
    Ok(tickets)
}

/// Waits until a batch is durable, but not beyond the deadline.
pub(crate) async fn durable(ticket: Ticket, deadline: Instant) -> Result<Receipt, Problem> {
    match timeout_at(deadline, ticket).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Problem::unavailable("the disk is slow, and the events are not durable yet: send them again")),
    }
}

/// Refuses a compressed body: its signature is that of the bytes as they were before.
pub(crate) fn expect_plain(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let detail = format!("bodies must not be compressed, found Content-Encoding: {encoding:?}");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
        _ => Ok(()),
    }
}
