//! Bulk replay: reads whole logs at the speed at which all processors parse them.
//!
//! ```text
//! reader thread -> pieces -> parse threads -> pieces in order -> writer
//! ```
//!
//! Pieces are parsed on all processors and submitted in the order of the inputs, so the log does not depend on the
//! number of threads. Only a few pieces are in memory at any time, however large the inputs are.
//!
//! Each piece is committed with a bookmark that states the position of the replay. When a killed or stopped replay is
//! started again with the same files, it resumes there. If any of the files has changed, it starts from the beginning,
//! and events that are already in the log count as duplicates.

mod decoded;
mod find;
mod gzip;
mod input;
mod members;
mod parsing;
mod progress;
mod reading;
mod report;
mod resume;
mod target;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use convofold_engine::ingest::{Format, IgnoreList, Ignored, Origin, Parser, Rejection, Sink};
use convofold_engine::{Event, Zone};
use crossbeam_channel::RecvTimeoutError;

use crate::bounds::Bounds;
use crate::trace::{span, tell};
use crate::write::batch::SubmitError;
use crate::write::batch::{Batch, Durability};
use crate::write::error::CommitError;
use crate::write::ticket::Ticket;

pub use find::{FindError, FoundInputs, SkippedFile};
pub use input::Input;
pub(crate) use input::OpenInput;
use parsing::{Output, ParsedPiece, Parsing, Pipeline};
pub use progress::Progress;
use progress::ProgressClock;
pub use report::{InputProblem, ReplayReport};
use resume::{Resume, ResumePoint};
pub use target::Target;

/// Maximum number of submissions in the queue: enough to fill the groups of the writer.
const MAX_IN_FLIGHT: usize = 4;
/// Maximum number of events per submission, which is a piece if its events are of the usual size, and a block of the log.
const EVENTS_AT_ONCE: usize = 4_096;
/// The size of the events of a submission, in bytes.
const SUBMISSION_BYTES: usize = Bounds::DEFAULT.submission_bytes;
/// Interval at which the stop flag is checked while no piece arrives.
const IDLE: Duration = Duration::from_millis(50);

/// Why a replay ended before its inputs did. The committed part stays, and the same replay resumes after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A file does not exist, or none of the inputs can be opened.
    #[error("cannot read {name}")]
    Input {
        /// The name of the input.
        name: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// An earlier run with the same files was stopped, and it used another zone. The zone is part of the identity of
    /// events that have no id, so resuming with another one would count them twice.
    #[error("this replay was begun with the zone {expected} and cannot be resumed with {found}")]
    OtherZone {
        /// The zone of the earlier run.
        expected: String,
        /// The given zone.
        found: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread of the replay")]
    Thread(#[source] std::io::Error),
    /// A thread panicked. A bug in convofold: please report it.
    #[error("a thread of the replay panicked: {message}")]
    Panicked {
        /// The message of the panic.
        message: String,
    },
    /// The database did not accept the events.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The database accepted the events, but could not commit them.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A bulk replay: configure it, then call [`Replay::run`].
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
    target: &'a dyn Target,
    format: Format,
    zone: Zone,
    ignored: IgnoreList,
    inputs: Vec<Input>,
    on_rejection: Option<OnRejection<'a>>,
    on_progress: Option<OnProgress<'a>>,
    stop: Arc<AtomicBool>,
    checkpoint: bool,
}

type OnRejection<'a> = Box<dyn FnMut(&Rejection, &str) + 'a>;
type OnProgress<'a> = Box<dyn FnMut(&Progress<'_>) + 'a>;

impl<'a> Replay<'a> {
    /// Creates a replay into this database, or into one that another process holds.
    #[must_use]
    pub fn new(target: &'a dyn Target) -> Self {
        Self {
            target,
            format: Format::Auto,
            zone: Zone::UTC,
            ignored: IgnoreList::default(),
            inputs: Vec::new(),
            on_rejection: None,
            on_progress: None,
            stop: Arc::default(),
            checkpoint: false,
        }
    }

    /// Sets the source of the inputs. Default: detected object by object.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets the zone of times that are written without one (rule W4). Use the same one for all inputs of a source: it
    /// is part of the identity of events that have no id. A resumed replay refuses another zone. Default: UTC.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Sets unknown interaction types that are ignored and counted instead of rejected (rule W5). Default: none.
    #[must_use]
    pub fn ignore(mut self, ignored: IgnoreList) -> Self {
        self.ignored = ignored;
        self
    }

    /// Adds an input after the existing ones.
    #[must_use]
    pub fn input(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }

    /// Adds inputs after the existing ones.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// Sets a function that is called for every rejection, in the order of the inputs, with the name of the input. It
    /// is called before the events of the same piece are committed. So after a crash or a stop, the last rejections may
    /// be reported again; none is missed.
    #[must_use]
    pub fn on_rejection(mut self, tell: impl FnMut(&Rejection, &str) + 'a) -> Self {
        self.on_rejection = Some(Box::new(tell));
        self
    }

    /// Sets a function that is called with the progress, up to ten times per second and once at the end.
    #[must_use]
    pub fn on_progress(mut self, tell: impl FnMut(&Progress<'_>) + 'a) -> Self {
        self.on_progress = Some(Box::new(tell));
        self
    }

    /// Sets a flag that stops the replay before the next piece; everything committed so far is durable. If the flag is
    /// set while the rejections of a piece are being reported, the remaining ones are not reported and the piece is not
    /// submitted: the next run reports all of them.
    #[must_use]
    pub fn stop(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop = flag;
        self
    }

    /// Whether to write a checkpoint at the end. Default: false, because closing the database writes one.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: bool) -> Self {
        self.checkpoint = checkpoint;
        self
    }

    /// Returns whether [`Replay::run`] resumes an earlier run with the same files that was stopped or killed.
    ///
    /// # Errors
    /// [`ReplayError::Input`] if a file does not exist; [`ReplayError::OtherZone`]; [`ReplayError::Commit`] if the process
    /// that holds the database does not answer.
    pub fn goes_on(&self) -> Result<bool, ReplayError> {
        Ok(Resume::find(self.target, self.format, &self.zone, &self.inputs)?.goes_on())
    }

    /// Replays the inputs in order. When it returns, everything that the report counts is durable.
    ///
    /// An input that is damaged or cannot be read does not stop the others: [`ReplayReport::problems`] lists it. Every
    /// complete line before the damage is read.
    ///
    /// # Errors
    /// [`ReplayError::Input`] if a file does not exist or no input can be opened, before any event is submitted. Otherwise
    /// [`ReplayError`] if the database does not accept more events.
    pub fn run(self) -> Result<ReplayReport, ReplayError> {
        let Self { target, format, zone, ignored, inputs, on_rejection, on_progress, stop, checkpoint } = self;
        span!("replay", inputs = inputs.len());
        let started = Instant::now();
        let resume = Resume::find(target, format, &zone, &inputs)?;
        check_readable(&inputs)?;
        let names: Vec<String> = inputs.iter().map(|input| input.name().to_owned()).collect();
        let limits = target.limits();
        let parser = Parser::new(format, limits).zone(zone).ignore(ignored);
        // Without a listener, rejections are only counted.
        let parsing = Parsing::new(parser.clone(), on_rejection.is_some(), target.block_bytes());
        let has_repeats = parsing.has_repeats.clone();
        let pipeline = Pipeline::start(inputs, resume.place, parsing, limits, target.parse_threads())?;
        let clock = ProgressClock::new(started, resume.report.events);
        let in_flight = VecDeque::new();
        let mut run = Run { target, parser, resume, names, on_rejection, on_progress, clock, in_flight, has_repeats };
        let outcome = run.drive(&pipeline, &stop);
        pipeline.end();
        let stopped = outcome?;
        run.finish(stopped)?;
        if checkpoint && !stopped {
            target.checkpoint()?;
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

/// Checks that at least one input can be opened.
fn check_readable(inputs: &[Input]) -> Result<(), ReplayError> {
    let mut first = None;
    for input in inputs {
        match input.check() {
            Ok(()) => return Ok(()),
            Err(source) => drop(first.get_or_insert((input, source))),
        }
    }
    first.map_or(Ok(()), |(input, source)| Err(ReplayError::Input { name: input.name().to_owned(), source }))
}

/// A running replay.
struct Run<'a> {
    target: &'a dyn Target,
    parser: Parser,
    resume: Resume,
    names: Vec<String>,
    on_rejection: Option<OnRejection<'a>>,
    on_progress: Option<OnProgress<'a>>,
    clock: ProgressClock,
    in_flight: VecDeque<Ticket>,
    /// See [`Parsing::has_repeats`].
    has_repeats: Arc<AtomicBool>,
}

impl Run<'_> {
    /// Submits pieces in order until the inputs end (false) or the stop flag is set (true).
    fn drive(&mut self, pipeline: &Pipeline, stop: &AtomicBool) -> Result<bool, ReplayError> {
        let mut order = parsing::Reorder::default();
        loop {
            match pipeline.next(IDLE) {
                Ok(parsed) => order.put(parsed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
            // Checked before each piece, because many pieces may be waiting.
            while !stop.load(Ordering::Relaxed)
                && let Some(output) = order.take()
            {
                let piece = match output? {
                    Output::Piece(piece) => *piece,
                    Output::Problem { input, problem } => {
                        let name = self.names.get(input as usize).map_or("", String::as_str);
                        self.resume.add_problem(input, name, problem);
                        pipeline.took_one();
                        continue;
                    }
                };
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

    /// Reports the rejections of a piece; returns false if the stop flag was set meanwhile. The piece must then not be
    /// submitted, because the resume point after it would skip the unreported rejections.
    fn tell_rejections(&mut self, piece: &ParsedPiece, stop: &AtomicBool) -> bool {
        let Some(tell) = &mut self.on_rejection else { return true };
        let input = self.names.get(piece.input as usize).map_or("", String::as_str);
        let mut listener = Listener { tell, input, stop };
        match &piece.again {
            Some(again) => self.parser.parse(again, &mut listener),
            None => piece.parsed.rejections.iter().for_each(|rejection| listener.hear(rejection)),
        }
        !stop.load(Ordering::Relaxed)
    }

    fn submit(&mut self, piece: ParsedPiece) -> Result<(), ReplayError> {
        let ParsedPiece { input, parsed, fingerprint, end, .. } = piece;
        let from = if self.resume.place.input == input { self.resume.place } else { ResumePoint::default() };
        let to = ResumePoint { input, at: end, fingerprint };
        self.target.count_rejected(parsed.rejected_total());
        self.resume.report.add(&parsed, to.at.line - from.at.line, to.at.byte_offset - from.at.byte_offset);
        self.resume.place = to;
        let mut batches: Vec<_> = parsed.into_batches().collect();
        let last = self.resume.mark(batches.pop().unwrap_or_default())?;
        for batch in batches.into_iter().chain([last]) {
            let batch = Batch { is_divisible: true, ..batch.durability(Durability::Buffered) };
            self.in_flight.push_back(self.target.submit(batch)?);
        }
        Ok(())
    }

    /// Counts the effects of committed submissions, and waits until at most `in_flight` submissions are pending.
    fn settle(&mut self, in_flight: usize) -> Result<(), ReplayError> {
        while let Some(ticket) = self.in_flight.front() {
            if self.in_flight.len() <= in_flight && ticket.try_get().is_none() {
                return Ok(());
            }
            let Some(ticket) = self.in_flight.pop_front() else { return Ok(()) };
            let counts = ticket.wait()?.counts;
            self.has_repeats.store(counts.duplicates > 0, Ordering::Relaxed);
            self.resume.report.counts.add_all(counts);
        }
        Ok(())
    }

    /// Makes everything durable. A stopped replay stores its resume point with the final counts; a finished one deletes
    /// it.
    fn finish(&mut self, stopped: bool) -> Result<(), ReplayError> {
        self.settle(0)?;
        let batch = if stopped && !self.resume.is_at_the_beginning() {
            self.resume.mark(Batch::default())?
        } else {
            self.resume.unmark(Batch::default())
        };
        self.target.submit(batch.durability(Durability::Synced))?.wait()?;
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

/// Reports rejections until the stop flag is set.
struct Listener<'a, 'b> {
    tell: &'a mut OnRejection<'b>,
    input: &'a str,
    stop: &'a AtomicBool,
}

impl Listener<'_, '_> {
    fn hear(&mut self, rejection: &Rejection) {
        if !self.stop.load(Ordering::Relaxed) {
            (self.tell)(rejection, self.input);
        }
    }
}

/// Parses a piece again only for its rejections.
impl Sink for Listener<'_, '_> {
    fn event(&mut self, _origin: Origin, _event: Event) {}

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {}

    fn rejected(&mut self, rejection: Rejection) {
        self.hear(&rejection);
    }
}
