//! From lines to commits, each with the offset of its last line.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use convofold::ingest::{Format, Parser, Rejection};
use convofold::{Batch, Receipt, SubmitError, Ticket};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::bookmark::Bookmark;
use super::envelope::Envelope;
use super::failure::Failure;
use super::lines::Line;
use super::status::Status;
use crate::app::{App, Phase};
use crate::intake::{Found, RETRY_INTERVAL};
use crate::tokens::clock_ms;

/// The source of its rejects.
const REJECTS_SOURCE: &str = "airship/stream";
/// Events and bytes at which a batch is committed although more lines are there.
const BATCH_EVENTS: usize = 8_192;
const BATCH_BYTES: usize = 4 << 20;
/// Number of batches that wait for their commit.
const IN_FLIGHT: usize = 64;
/// How often a full table of rejects is tried again.
const HOLD_INTERVAL: Duration = Duration::from_secs(1);
/// A stream with keep-alives only moves the time of its bookmark this often.
const REFRESH_MS: i64 = 60 * 60 * 1_000;

/// A line that is no event.
struct Rejected {
    line: Line,
    rejections: Vec<Rejection>,
}

/// The lines of a connection that are not committed yet.
pub(super) struct Intake<'a> {
    app: &'a App,
    status: &'a Status,
    name: &'a str,
    parser: Parser,
    /// What the next commit sets; `None` before the first offset.
    bookmark: Option<Bookmark>,
    moves: bool,
    /// Whether a line of this connection had an offset.
    has_moved: bool,
    /// Whether an empty line has arrived since the last commit.
    is_kept_alive: bool,
    found: Found,
    rejected: VecDeque<Arc<Rejected>>,
    bytes: usize,
    processed: Option<i64>,
    tickets: VecDeque<Ticket>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(app: &'a App, status: &'a Status, name: &'a str, bookmark: Option<Bookmark>) -> Self {
        Self {
            app,
            status,
            name,
            parser: app.parser(Format::Airship),
            bookmark,
            moves: false,
            has_moved: false,
            is_kept_alive: false,
            found: Found::default(),
            rejected: VecDeque::new(),
            bytes: 0,
            processed: None,
            tickets: VecDeque::new(),
        }
    }

    /// Reads a line. An empty one keeps the connection open.
    pub(super) fn take(&mut self, mut line: Line) {
        if line.bytes.iter().all(u8::is_ascii_whitespace) && !line.is_cut() {
            self.is_kept_alive = true;
            return;
        }
        self.bytes += line.bytes.len();
        let envelope = if line.is_cut() { Envelope::default() } else { Envelope::of(&line.bytes) };
        if !envelope.is_offset_update {
            self.parser.parse_input(&line.bytes, &mut self.found);
            self.found.ignored.clear();
        }
        let mut rejections = mem::take(&mut self.found.rejections);
        if line.is_cut() {
            rejections.iter_mut().for_each(|rejection| rejection.found = format!("{} bytes", line.length));
        }
        if !rejections.is_empty() {
            line.bytes.shrink_to_fit();
            self.rejected.push_back(Arc::new(Rejected { line, rejections }));
        }
        self.processed = envelope.processed.or(self.processed);
        if let Some(offset) = envelope.offset {
            let at = envelope.processed.unwrap_or_else(clock_ms).min(clock_ms());
            let bookmark = self.bookmark.get_or_insert_default();
            (bookmark.offset, bookmark.at) = (offset, at.max(bookmark.at));
            (self.moves, self.has_moved) = (true, true);
        }
    }

    pub(super) fn has_moved(&self) -> bool {
        self.has_moved
    }

    pub(super) fn is_large(&self) -> bool {
        self.found.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES
    }

    /// Commits the lines so far: rejects first, as the bookmark moves past them. Waits while the queue or the table of
    /// rejects is full.
    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        if mem::take(&mut self.is_kept_alive) && self.bytes == 0 {
            self.refresh();
        }
        self.keep_rejects().await?;
        let events = mem::take(&mut self.found.events);
        if events.is_empty() && !mem::take(&mut self.moves) {
            self.bytes = 0;
            return Ok(());
        }
        self.moves = false;
        self.status.heard_lines(!events.is_empty(), self.processed, clock_ms());
        let mut batch = Batch::new(events);
        if let Some(bookmark) = &mut self.bookmark {
            bookmark.gap = self.status.gap(clock_ms());
            batch = batch.bookmark(self.name, bookmark.to_value());
        }
        self.submit(batch).await?;
        self.bytes = 0;
        while self.tickets.len() >= IN_FLIGHT {
            self.committed().await?;
        }
        Ok(())
    }

    async fn submit(&mut self, mut batch: Batch) -> Result<(), Failure> {
        loop {
            match self.app.db.try_submit(batch) {
                Ok(ticket) => {
                    self.tickets.push_back(ticket);
                    return Ok(());
                }
                Err(SubmitError::Full(same)) => batch = same,
                Err(error) => return Err(Failure::Submit(Box::new(error))),
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    /// While only keep-alives come, the time of the bookmark follows, so that no gap is assumed later.
    fn refresh(&mut self) {
        let now = clock_ms();
        if let Some(bookmark) = self.bookmark.as_mut().filter(|bookmark| now - bookmark.at > REFRESH_MS) {
            bookmark.at = now;
            self.moves = true;
        }
    }

    /// Keeps the rejects. While that fails the stream waits, because the lines would be lost otherwise.
    async fn keep_rejects(&mut self) -> Result<(), Failure> {
        while let Some(rejected) = self.rejected.front() {
            let (app, kept) = (self.app.clone(), rejected.clone());
            let outcome = spawn_blocking(move || {
                let Rejected { line, rejections } = &*kept;
                app.rejects.keep(REJECTS_SOURCE, (!line.is_cut()).then_some(line.bytes.as_slice()), rejections)
            });
            let why = match outcome.await {
                Ok(Ok(())) => {
                    self.count(rejected);
                    self.rejected.pop_front();
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic.to_string(),
            };
            if self.status.hold(Some(why.clone())) {
                tracing::error!(why, "Airship's stream waits, because a line cannot be kept among the rejects");
            }
            tokio::select! {
                () = self.app.reach(Phase::EndingStream) => return Err(Failure::Stopping),
                () = sleep(HOLD_INTERVAL) => {}
            }
        }
        self.status.hold(None);
        Ok(())
    }

    fn count(&self, rejected: &Rejected) {
        let rejections = &rejected.rejections;
        rejections.iter().for_each(|rejection| self.app.meter.rejected(rejection.reason.to_string()));
        let rejection = rejections.first().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(source = REJECTS_SOURCE, rejection, "a line of Airship's stream is no event");
    }

    /// Waits for the oldest batch; `None` if none is in flight.
    pub(super) async fn committed(&mut self) -> Result<Option<Receipt>, Failure> {
        let Some(oldest) = self.tickets.front_mut() else { return Ok(None) };
        let outcome = oldest.await;
        self.tickets.pop_front();
        outcome.map(Some).map_err(Failure::Commit)
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.tickets.is_empty()
    }

    /// Commits what has arrived, and waits until all of it is durable.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        self.commit().await?;
        while self.committed().await?.is_some() {}
        Ok(())
    }
}
