//! Bulk replay: whole logs in, as fast as all processors parse them.
//!
//! ```text
//! reader thread -> pieces -> parse threads -> pieces in order -> writer
//! ```
//!
//! Pieces are parsed on all processors and submitted in the order of the inputs, so the log is the same on any number of
//! threads. No more than a few pieces are on their way at any time, however large the inputs are.
//!
//! With each piece a bookmark is committed that says where the replay is. A replay that was killed or stopped and is
//! started again with the same files goes on there. Where any of them has changed since, it begins anew, and what is there
//! already counts as duplicate.

mod input;
mod parsing;
mod progress;
mod reading;
mod report;
mod resume;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use convofold_engine::ingest::{Format, Rejection};
use crossbeam_channel::RecvTimeoutError;

use crate::api::handle::Convofold;
use crate::trace::{span, tell};
use crate::write::batch::SubmitError;
use crate::write::batch::{Batch, Durability};
use crate::write::error::CommitError;
use crate::write::ticket::Ticket;

pub use input::Input;
use parsing::{ParsedPiece, Pipeline};
pub use progress::Progress;
use progress::ProgressClock;
pub use report::ReplayReport;
use resume::{Resume, ResumePoint};

/// So many submissions may wait for the writer: enough to fill its groups.
const MAX_IN_FLIGHT: usize = 16;
/// So many events are submitted together; only a document of one line can have more.
const EVENTS_AT_ONCE: usize = 8_192;
/// How often the stop flag is looked at while nothing comes in.
const IDLE: Duration = Duration::from_millis(50);

/// Why a replay ended before its inputs did. What was committed up to there stays, and starting the replay again goes on
/// from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// An input cannot be read.
    #[error("cannot read {name}")]
    Input {
        /// Which input.
        name: String,
        /// What the system, or the decompressor, says.
        source: std::io::Error,
    },
    /// The system gives no more threads.
    #[error("cannot start a thread to parse in")]
    Thread(#[source] std::io::Error),
    /// A thread panicked. A fault of convofold: please report it.
    #[error("a thread of the replay panicked: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
    /// The store does not take the events.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The store took the events and could not commit them.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A bulk replay, to be set up and run.
///
/// ```
/// use convofold_store::Convofold;
/// use convofold_store::replay::{Input, Replay};
///
/// # let dir = tempfile::tempdir()?;
/// # let log = dir.path().join("events.ndjson");
/// # std::fs::write(&log, "{\"Event\":\"test\"}\n")?;
/// let db = Convofold::open(dir.path().join("conversations"))?;
/// let report = Replay::new(&db).input(Input::path(&log)).run()?;
/// println!("{} events, {} of them new", report.events, report.counts.applied);
/// # db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Replay<'a> {
    db: &'a Convofold,
    format: Format,
    inputs: Vec<Input>,
    on_rejection: Option<OnRejection<'a>>,
    on_progress: Option<OnProgress<'a>>,
    stop: Arc<AtomicBool>,
    checkpoint: bool,
}

type OnRejection<'a> = Box<dyn FnMut(&Rejection, &str) + 'a>;
type OnProgress<'a> = Box<dyn FnMut(&Progress<'_>) + 'a>;

impl<'a> Replay<'a> {
    /// A replay into this store.
    #[must_use]
    pub fn new(db: &'a Convofold) -> Self {
        Self {
            db,
            format: Format::Auto,
            inputs: Vec::new(),
            on_rejection: None,
            on_progress: None,
            stop: Arc::default(),
            checkpoint: false,
        }
    }

    /// Which source the inputs come from. Default: found out object by object.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// One more input, after those given before.
    #[must_use]
    pub fn input(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }

    /// More inputs, after those given before.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// Is told of everything that cannot be an event, in the order of the inputs, with the name of the input. It is told
    /// before the events around it are committed, so after a crash or a stop it may be told again of the last ones, and
    /// misses none.
    #[must_use]
    pub fn on_rejection(mut self, tell: impl FnMut(&Rejection, &str) + 'a) -> Self {
        self.on_rejection = Some(Box::new(tell));
        self
    }

    /// Is told of the progress, ten times a second at most, and once at the end.
    #[must_use]
    pub fn on_progress(mut self, tell: impl FnMut(&Progress<'_>) + 'a) -> Self {
        self.on_progress = Some(Box::new(tell));
        self
    }

    /// Setting this flag ends the replay at the next piece, with everything up to there durable. Where it is set while
    /// rejections are told, no more are, and the piece that they are in is left to the next run, which tells all of them.
    #[must_use]
    pub fn stop(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop = flag;
        self
    }

    /// Whether to write a checkpoint at the end. Default: no, because closing the store does.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: bool) -> Self {
        self.checkpoint = checkpoint;
        self
    }

    /// Whether an earlier run with the same files was stopped or killed, and [`Replay::run`] goes on from there.
    ///
    /// # Errors
    /// [`ReplayError::Input`] where a file is not there.
    pub fn goes_on(&self) -> Result<bool, ReplayError> {
        Ok(Resume::find(self.db, self.format, &self.inputs)?.goes_on())
    }

    /// Replays the inputs, one after the other. When it returns, all that it reports is durable.
    ///
    /// # Errors
    /// [`ReplayError`] says which input cannot be read, or why the store takes no more. Files that are not there are found
    /// out before anything is submitted.
    pub fn run(self) -> Result<ReplayReport, ReplayError> {
        let Self { db, format, inputs, on_rejection, on_progress, stop, checkpoint } = self;
        span!("replay", inputs = inputs.len());
        let started = Instant::now();
        let resume = Resume::find(db, format, &inputs)?;
        let names: Vec<String> = inputs.iter().map(|input| input.name().to_owned()).collect();
        let options = &db.shared().options;
        let pipeline = Pipeline::start(inputs, resume.place, format, options.limits, options.parse_threads)?;
        let clock = ProgressClock::new(started, resume.report.events);
        let mut run = Run { db, resume, names, on_rejection, on_progress, clock, in_flight: VecDeque::new() };
        let outcome = run.drive(&pipeline, &stop);
        pipeline.end();
        let stopped = outcome?;
        run.finish(stopped)?;
        if checkpoint && !stopped {
            db.checkpoint()?;
        }
        run.tell_progress(pipeline.bytes(), true);
        let report = ReplayReport { stopped, took: started.elapsed(), ..run.resume.report };
        tell!(info, events = report.events, rejected = report.rejected_total(), stopped, took = ?report.took, "replayed");
        Ok(report)
    }
}

impl std::fmt::Debug for Replay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("format", &self.format).field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

/// A replay that runs.
struct Run<'a> {
    db: &'a Convofold,
    resume: Resume,
    names: Vec<String>,
    on_rejection: Option<OnRejection<'a>>,
    on_progress: Option<OnProgress<'a>>,
    clock: ProgressClock,
    in_flight: VecDeque<Ticket>,
}

impl Run<'_> {
    /// Submits pieces in order until the inputs end (false) or the flag is set (true).
    fn drive(&mut self, pipeline: &Pipeline, stop: &AtomicBool) -> Result<bool, ReplayError> {
        let mut order = parsing::Reorder::default();
        loop {
            match pipeline.next(IDLE) {
                Ok(parsed) => order.put(parsed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
            // Before each piece: many may have queued up, and all of them at once would be the rest of the input.
            while !stop.load(Ordering::Relaxed)
                && let Some(piece) = order.take()
            {
                let piece = piece?;
                if !self.tell_rejections(&piece, stop) {
                    return Ok(true);
                }
                self.submit(piece)?;
                pipeline.took_one();
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(true);
            }
            self.settle(MAX_IN_FLIGHT)?;
            self.tell_progress(pipeline.bytes(), false);
        }
    }

    /// Whether all of them were told: not where the flag was set meanwhile. Then the piece must not be submitted, because
    /// the place behind it would say that they were.
    fn tell_rejections(&mut self, piece: &ParsedPiece, stop: &AtomicBool) -> bool {
        let Some(tell) = &mut self.on_rejection else { return true };
        let name = self.names.get(piece.input as usize).map_or("", String::as_str);
        piece.parsed.rejections.iter().all(|rejection| {
            tell(rejection, name);
            !stop.load(Ordering::Relaxed)
        })
    }

    fn submit(&mut self, piece: ParsedPiece) -> Result<(), ReplayError> {
        let ParsedPiece { input, parsed, fingerprint, end } = piece;
        let from = if self.resume.place.input == input { self.resume.place } else { ResumePoint::default() };
        let to = ResumePoint { input, line: end.0, byte_offset: end.1, fingerprint };
        self.db.shared().meter.rejected.fetch_add(parsed.rejections.len() as u64, Ordering::Relaxed);
        self.resume.report.add(&parsed, to.line - from.line, to.byte_offset - from.byte_offset);
        self.resume.place = to;
        let mut events = parsed.events;
        loop {
            let rest = events.split_off(events.len().min(EVENTS_AT_ONCE));
            let is_last = rest.is_empty();
            let batch = Batch::new(std::mem::replace(&mut events, rest)).durability(Durability::Buffered);
            let batch = if is_last { self.resume.mark(batch)? } else { batch };
            self.in_flight.push_back(self.db.submit(batch)?);
            if is_last {
                return Ok(());
            }
        }
    }

    /// Takes what is committed into account, and waits until no more than `in_flight` submissions are not.
    fn settle(&mut self, in_flight: usize) -> Result<(), ReplayError> {
        while let Some(ticket) = self.in_flight.front() {
            if self.in_flight.len() <= in_flight && ticket.try_get().is_none() {
                return Ok(());
            }
            let Some(ticket) = self.in_flight.pop_front() else { return Ok(()) };
            self.resume.report.counts.add_all(ticket.wait()?.counts);
        }
        Ok(())
    }

    /// Makes everything durable, and either forgets where the replay was or, where it is to go on, writes it down with
    /// all that is known now.
    fn finish(&mut self, stopped: bool) -> Result<(), ReplayError> {
        self.settle(0)?;
        let batch = if stopped && !self.resume.is_at_the_beginning() {
            self.resume.mark(Batch::default())?
        } else {
            self.resume.unmark(Batch::default())
        };
        self.db.submit(batch.durability(Durability::Synced))?.wait()?;
        Ok(())
    }

    fn tell_progress(&mut self, bytes: (u64, Option<u64>), at_end: bool) {
        let Some(tell) = &mut self.on_progress else { return };
        let name = self.names.get(self.resume.place.input as usize).map_or("", String::as_str);
        if let Some(progress) = self.clock.progress(bytes, self.resume.report.events, name, at_end) {
            tell(&progress);
        }
    }
}
