//! Batches on their way to the process that holds the database.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use convofold::ingest::Limits;
use convofold::replay::Target;
use convofold::{Batch, BatchParts, CommitError, Completer, Receipt, SubmitError, Ticket};
use hyper::body::Frame;
use parking_lot::{Condvar, Mutex};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::error::{ClientError, Refusal};
use super::request::path;
use super::{Body, Client};
use crate::batch::{AnswerLine, BookmarkValue, CommitLine, DatabaseSize};
use crate::remote::RequestBody;

/// Size of the unsent lines at which a sender waits.
const MAX_UNSENT_BYTES: usize = 1 << 20;
/// An empty line is sent after this much silence, so that neither the server nor a proxy closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// A connection on which batches are submitted and their receipts come back. Each batch is committed as if the other process
/// had submitted it: it has its own durability, bookmark and [`Ticket`].
///
/// A ticket fails with [`CommitError::Remote`] if the batch may not be committed, and so do the tickets of all later ones.
pub struct Batches<'a> {
    client: &'a Client,
    exchange: Arc<Exchange>,
    answers: Option<JoinHandle<Result<DatabaseSize, ClientError>>>,
    limits: Limits,
    parse_threads: usize,
}

/// What the sender and the reader of the answers share.
#[derive(Default)]
struct Exchange {
    state: Mutex<State>,
    /// Lines were sent, or none will be.
    moved: Condvar,
}

#[derive(Default)]
struct State {
    unsent: Vec<u8>,
    is_ended: bool,
    /// Of the task that sends.
    waker: Option<Waker>,
    /// Batches without an answer, in order.
    pending: VecDeque<Completer<Receipt>>,
    /// Why no more answers come.
    failed: Option<String>,
}

impl Client {
    /// Begins to submit batches. A [`Replay`](convofold::replay::Replay) takes the result as its target, with these limits
    /// on its inputs and this number of parser threads (0: one per processor).
    ///
    /// # Errors
    /// [`ClientError`] if the server does not accept them.
    pub fn batches(&self, limits: Limits, parse_threads: usize) -> Result<Batches<'_>, ClientError> {
        let exchange = Arc::new(Exchange::default());
        let lines = RequestBody::new(Lines { exchange: exchange.clone(), keep_alive: None });
        let body = self.requests.open(&Method::POST, "/api/v1/batches", lines)?;
        let reading = exchange.clone();
        let answers = thread::Builder::new().name("convofold-answers".to_owned()).spawn(move || {
            let outcome = read_answers(body, &reading);
            reading.fail(match &outcome {
                Ok(_) => "the answer has ended".to_owned(),
                Err(error) => error.words(),
            });
            outcome
        });
        let answers = answers.map_err(|error| self.requests.ended(error))?;
        Ok(Batches { client: self, exchange, answers: Some(answers), limits, parse_threads })
    }

    /// The value of a bookmark.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn bookmark(&self, name: &str) -> Result<Option<Vec<u8>>, ClientError> {
        let value: BookmarkValue = self.get(&path("/api/v1/bookmarks", &[("name", name)]))?;
        let (_, value) = value.into_parts().map_err(|why| self.requests.unexpected(why))?;
        Ok(value)
    }
}

impl Batches<'_> {
    /// Waits until every batch is committed. Returns the size of the database after that.
    ///
    /// # Errors
    /// [`ClientError`] if some may not be committed.
    pub fn finish(mut self) -> Result<DatabaseSize, ClientError> {
        self.exchange.end();
        let answers = self.answers.take().map(JoinHandle::join);
        let panicked = || self.client.requests.ended("the thread that reads the answers failed");
        answers.and_then(Result::ok).unwrap_or_else(|| Err(panicked()))
    }
}

impl Target for Batches<'_> {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn parse_threads(&self) -> usize {
        self.parse_threads
    }

    fn bookmark(&self, name: &str) -> Result<Option<Vec<u8>>, CommitError> {
        self.client.bookmark(name).map_err(|error| CommitError::Remote { why: error.words() })
    }

    fn submit(&self, batch: Batch) -> Result<Ticket, SubmitError> {
        batch.check_limits()?;
        let BatchParts { events, bookmark, durability, committed_at, .. } = batch.into_parts();
        if committed_at.is_some() {
            let (ticket, completer) = Ticket::pending();
            let why = "only the process that holds the database can give a batch a commit time".to_owned();
            completer.complete(Err(CommitError::Remote { why }));
            return Ok(ticket);
        }
        let mut lines = Vec::new();
        for event in &events {
            // Writing to memory cannot fail.
            let _ = serde_json::to_writer(&mut lines, event);
            lines.push(b'\n');
        }
        let _ = serde_json::to_writer(&mut lines, &CommitLine::new(events.len() as u64, durability, bookmark));
        lines.push(b'\n');
        Ok(self.exchange.send(&lines))
    }
}

impl Drop for Batches<'_> {
    /// Batches that were not sent are not committed.
    fn drop(&mut self) {
        self.exchange.end();
    }
}

impl Exchange {
    /// Waits while too much is unsent.
    fn send(&self, lines: &[u8]) -> Ticket {
        let (ticket, completer) = Ticket::pending();
        let mut state = self.state.lock();
        while state.unsent.len() >= MAX_UNSENT_BYTES && state.failed.is_none() {
            self.moved.wait(&mut state);
        }
        match state.failed.clone() {
            Some(why) => completer.complete(Err(CommitError::Remote { why })),
            None => {
                state.unsent.extend_from_slice(lines);
                state.pending.push_back(completer);
                state.wake();
            }
        }
        ticket
    }

    fn end(&self) {
        let mut state = self.state.lock();
        state.is_ended = true;
        state.wake();
    }

    /// Completes the oldest pending batch.
    fn committed(&self, receipt: Receipt) -> Result<(), String> {
        let completer = self.state.lock().pending.pop_front();
        completer.ok_or("a receipt without a batch")?.complete(Ok(receipt));
        Ok(())
    }

    /// Fails all pending batches and the later ones.
    fn fail(&self, why: String) {
        let mut state = self.state.lock();
        let pending = std::mem::take(&mut state.pending);
        state.failed = Some(why.clone());
        state.is_ended = true;
        self.moved.notify_all();
        drop(state);
        for completer in pending {
            completer.complete(Err(CommitError::Remote { why: why.clone() }));
        }
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The body of the request. It is polled on the thread that reads the answers.
struct Lines {
    exchange: Arc<Exchange>,
    /// Created on the runtime.
    keep_alive: Option<Interval>,
}

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let keep_alive = this.keep_alive.get_or_insert_with(|| {
            let mut keep_alive = interval(KEEP_ALIVE);
            keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
            keep_alive
        });
        let is_silent = keep_alive.poll_tick(context).is_ready();
        let mut state = this.exchange.state.lock();
        if !state.unsent.is_empty() {
            let lines = std::mem::take(&mut state.unsent);
            this.exchange.moved.notify_all();
            return Poll::Ready(Some(Ok(Frame::data(lines.into()))));
        }
        if state.is_ended {
            return Poll::Ready(None);
        }
        if is_silent {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"\n")))));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Reads the answers to the end, which also drives the connection.
fn read_answers(body: Body, exchange: &Exchange) -> Result<DatabaseSize, ClientError> {
    let mut body = BufReader::new(body);
    let mut line = String::new();
    loop {
        line.clear();
        if body.read_line(&mut line).map_err(|error| super::of_body(error, body.get_ref()))? == 0 {
            return Err(body.get_ref().unexpected("the last line is missing"));
        }
        match serde_json::from_str::<AnswerLine<Refusal>>(&line) {
            Ok(AnswerLine::Committed(committed)) => {
                exchange.committed(committed.into()).map_err(|why| body.get_ref().unexpected(why))?;
            }
            Ok(AnswerLine::End(size)) => return Ok(size),
            Ok(AnswerLine::Problem(refusal)) => return Err(ClientError::Problem(refusal)),
            Err(error) => return Err(body.get_ref().unexpected(error)),
        }
    }
}

impl std::fmt::Debug for Batches<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("to", &self.client.name()).finish_non_exhaustive()
    }
}
