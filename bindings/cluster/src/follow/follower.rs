//! Follows one partition: verify, read, commit.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use convofold::{Convofold, Time};

use super::bookmark::Bookmark;
use super::commits::Commits;
use super::error::FollowError;
use super::options::FollowOptions;
use super::pending::{Pending, known_at};
use super::rejects::{Rejects, RejectsError};
use super::status::{State, StatusHandle};
use super::verification::{Verification, verify};
use crate::agree::HashTrail;
use crate::log::{LogIdentity, Message, Source, SourceError};

/// The first and the longest pause after the log did not answer.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// The pause after the log refused to answer, because somebody must change something first.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
/// The pause after a message could not be kept.
const HOLD_PAUSE: Duration = Duration::from_secs(1);
/// How often a gap or a rollback must be found, and the pause between. A broker that was cut off takes itself for the leader for
/// some ten seconds, and knows nothing newer.
const CONFIRMATIONS: u32 = 6;
const CONFIRM_PAUSE: Duration = Duration::from_secs(3);
/// The longest pause in which nobody looks whether to stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Follows one partition of a log: reads messages, and commits their events with a bookmark.
///
/// It verifies the bookmark at the start, after each interruption, and every 10 s. After a rollback it resumes at the newest
/// message that is still there, and counts it. It stops at a gap and at another stream, unless the operator accepts it
/// ([`Follower::accept`]), and when the database fails.
///
/// Nothing is acknowledged to the broker. Dropping a follower at any moment loses nothing.
pub struct Follower<S, R> {
    commits: Commits,
    source: S,
    rejects: R,
    options: FollowOptions,
    /// Where the batches that were submitted end; `None` before the log was reached for the first time.
    bookmark: Option<Bookmark>,
    pending: Pending,
    status: StatusHandle,
    /// Whether to verify before anything else is read.
    is_suspect: bool,
    /// Since when the bookmark is verified, and up to which message.
    verified: Option<(Duration, u64)>,
    /// How often a gap or a rollback was found in a row.
    confirmed: u32,
    failures: u32,
    /// The message that a read did not return, although the log was verified.
    hole: Option<u64>,
    /// The latest commit time.
    known_at: Time,
    identity: Option<LogIdentity>,
    hashes: HashTrail,
    /// When the log was at rest and the state was hashed, after which message, and what was removed by then.
    hashed_at_rest: Option<(Duration, u64, u64)>,
    /// Why it stopped, if the operator can accept it.
    stopped: Option<Acceptance>,
    /// The name of the last state in the status.
    state: &'static str,
}

/// What a step of a follower did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It read messages and submitted their events.
    Read {
        /// Number of messages.
        messages: usize,
    },
    /// There was no message to read.
    Idle,
    /// The log has lost messages that were read; it resumes after this one.
    WentBack {
        /// The last message that is still there.
        to: u64,
    },
    /// It could not do anything, and tries again after this pause.
    Wait(Duration),
}

/// What an operator accepts after a follower stopped. It names what was found, so that nothing else is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Messages before this one are missing ([`FollowError::Gap`]).
    Gap {
        /// The first message after the gap.
        first: u64,
    },
    /// The log is another one ([`FollowError::AnotherStream`]), which is read from its first message.
    Stream {
        /// Its incarnation ([`LogIdentity::incarnation`]).
        incarnation: String,
    },
}

impl<S: Source, R: Rejects> Follower<S, R> {
    /// A follower that commits into this database. It continues after the bookmark in it, if there is one.
    ///
    /// # Errors
    /// [`FollowError::Bookmark`] if the bookmark cannot be read.
    pub fn new(db: Convofold, source: S, rejects: R, options: FollowOptions) -> Result<Self, FollowError> {
        let commits = Commits::new(db, Bookmark::name(&options.log, options.partition));
        let bookmark = commits.bookmark()?;
        let mut follower = Self {
            commits,
            source,
            rejects,
            options,
            bookmark,
            pending: Pending::default(),
            status: StatusHandle::default(),
            is_suspect: true,
            verified: None,
            confirmed: 0,
            failures: 0,
            hole: None,
            known_at: Time::MIN,
            identity: None,
            hashes: HashTrail::default(),
            hashed_at_rest: None,
            stopped: None,
            state: "",
        };
        follower.tell(None);
        follower.note_state();
        Ok(follower)
    }

    /// The status, for other threads.
    #[must_use]
    pub fn status(&self) -> StatusHandle {
        self.status.clone()
    }

    /// Where the submitted batches end; `None` before the log was reached for the first time.
    #[must_use]
    pub fn bookmark(&self) -> Option<&Bookmark> {
        self.bookmark.as_ref()
    }

    /// Follows until `stop` is true, then waits until everything that was read is durable.
    ///
    /// # Errors
    /// [`FollowError`] if it stopped by itself.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<(), FollowError> {
        while !stop.load(Ordering::Relaxed) {
            if let Step::Wait(mut pause) = self.step()? {
                while !pause.is_zero() && !stop.load(Ordering::Relaxed) {
                    let part = pause.min(LOOK_INTERVAL);
                    self.options.clock.sleep(part);
                    pause -= part;
                }
            }
        }
        self.finish()
    }

    /// Waits until everything that was read is durable.
    ///
    /// # Errors
    /// [`FollowError`] if it cannot be committed.
    pub fn finish(&mut self) -> Result<(), FollowError> {
        self.commits.sync()
    }

    /// Verifies the bookmark if that is due, and reads once.
    ///
    /// # Errors
    /// [`FollowError`] if it stops. The next step finds the same, unless it is accepted or was repaired.
    pub fn step(&mut self) -> Result<Step, FollowError> {
        let stepped = self.step_once();
        self.note_state();
        stepped
    }

    fn step_once(&mut self) -> Result<Step, FollowError> {
        self.stopped = None;
        let outcome = self.try_step();
        self.tell(outcome.as_ref().ok());
        match outcome {
            Ok(step) => Ok(step),
            Err(Stop::Log(error @ SourceError::Broken { .. })) => Err(self.stop(FollowError::Source(error))),
            Err(Stop::Log(error)) => Ok(Step::Wait(self.interrupted(&error))),
            Err(Stop::Held(error)) => {
                tracing::error!(%error, "the partition waits");
                self.look_ahead();
                self.status.change(|status| status.state = State::Holding { why: error.why });
                Ok(Step::Wait(HOLD_PAUSE))
            }
            Err(Stop::Follow(error)) => Err(self.stop(error)),
        }
    }

    /// Resumes after the operator has accepted why the follower stopped.
    ///
    /// # Errors
    /// [`FollowError::NotStopped`] if it stopped for another reason, or did not stop.
    pub fn accept(&mut self, acceptance: &Acceptance) -> Result<(), FollowError> {
        let (Some(mut bookmark), Some(identity)) = (self.bookmark.clone(), self.identity.clone()) else {
            return Err(FollowError::NotStopped { why: "the log was not reached yet".to_owned() });
        };
        if self.stopped.as_ref() != Some(acceptance) {
            return Err(FollowError::NotStopped {
                why: format!("it stopped for {:?}, found {acceptance:?}", self.stopped),
            });
        }
        match acceptance {
            Acceptance::Gap { first } => bookmark.skip_to(*first),
            Acceptance::Stream { .. } => {
                let counts = (bookmark.gaps, bookmark.rollbacks);
                bookmark = Bookmark::new(&identity);
                (bookmark.gaps, bookmark.rollbacks) = counts;
            }
        }
        tracing::warn!(?acceptance, "the operator accepts why the follower stopped");
        self.set(bookmark)?;
        (self.stopped, self.verified, self.hole) = (None, None, None);
        self.tell(None);
        Ok(())
    }

    fn try_step(&mut self) -> Result<Step, Stop> {
        self.commits.settle()?;
        self.flush()?;
        if self.is_verification_due()
            && let Some(step) = self.verify()?
        {
            return Ok(step);
        }
        let FollowOptions { read_messages, read_wait, .. } = self.options;
        let messages = self.source.read(self.read_to(), read_messages, read_wait)?;
        self.failures = 0;
        if messages.is_empty() {
            self.hash_at_rest()?;
            return Ok(Step::Idle);
        }
        let count = messages.len();
        self.take(messages)?;
        Ok(Step::Read { messages: count })
    }

    fn is_verification_due(&self) -> bool {
        let is_old = |(since, _): (Duration, u64)| {
            self.options.clock.elapsed().saturating_sub(since) >= self.options.verify_interval
        };
        self.is_suspect || self.verified.is_none_or(is_old)
    }

    /// Returns the step if nothing can be read now.
    fn verify(&mut self) -> Result<Option<Step>, Stop> {
        let bookmark = match &self.bookmark {
            Some(bookmark) => bookmark.clone(),
            None => Bookmark::new(&self.source.identity()?),
        };
        let verified_to = self.verified.map_or(0, |(_, to)| to);
        let (verification, identity) = verify(&mut self.source, &bookmark, verified_to)?;
        self.is_suspect = true;
        self.identity = Some(identity);
        self.bookmark = Some(bookmark);
        if matches!(verification, Verification::RolledBack { .. } | Verification::Gap { .. }) {
            self.confirmed += 1;
            if self.confirmed < CONFIRMATIONS {
                return Ok(Some(Step::Wait(CONFIRM_PAUSE)));
            }
        }
        self.confirmed = 0;
        match verification {
            Verification::Verified => self.is_verified(),
            Verification::Unproven => {
                self.status.change(|status| status.unproven += 1);
                self.is_verified();
            }
            Verification::RolledBack { from, to } => return self.go_back(from, to).map(Some),
            Verification::Gap { expected, first } => return Err(self.gap(expected, first)),
            Verification::AnotherStream { expected, found } => {
                return Err(FollowError::AnotherStream { expected, found }.into());
            }
        }
        Ok(None)
    }

    fn is_verified(&mut self) {
        self.is_suspect = false;
        self.verified = Some((self.options.clock.elapsed(), self.read_to()));
        let now_ms = self.options.clock.now_ms();
        self.status.change(|status| status.verified_ms = Some(now_ms));
    }

    fn go_back(&mut self, from: u64, to: u64) -> Result<Step, Stop> {
        tracing::error!(
            stream = self.stream(),
            from,
            to,
            "the log has lost messages that were read; they are read again"
        );
        if let Some(mut bookmark) = self.bookmark.clone() {
            bookmark.back_to(to);
            self.hashes.back_to(to);
            self.hashed_at_rest = None;
            self.set(bookmark)?;
        }
        self.is_verified();
        Ok(Step::WentBack { to })
    }

    /// Commits a bookmark that does not follow from messages.
    fn set(&mut self, bookmark: Bookmark) -> Result<(), FollowError> {
        self.commits.submit(Vec::new(), &bookmark, self.known_at)?;
        self.commits.sync()?;
        self.bookmark = Some(bookmark);
        Ok(())
    }

    fn gap(&self, expected: u64, first: u64) -> Stop {
        FollowError::Gap { stream: self.stream(), expected, first }.into()
    }

    /// Adds messages to the pending ones, and submits what is complete. If a message is missing, the log is verified and
    /// asked once more.
    fn take(&mut self, messages: Vec<Message>) -> Result<(), Stop> {
        let stream = self.stream();
        for message in messages {
            let read_to = self.read_to();
            if message.seq <= read_to {
                self.status.change(|status| status.repeated += 1);
                continue;
            }
            let expected = read_to.saturating_add(1);
            if message.seq != expected {
                self.flush()?;
                self.is_suspect = true;
                return match self.hole.replace(expected) {
                    Some(before) if before == expected => Err(self.gap(expected, message.seq)),
                    _ => Ok(()),
                };
            }
            self.hole = None;
            let at = known_at(message.time_ms).max(self.known_at);
            if self.pending.is_complete_before(at) {
                self.flush()?;
            }
            self.known_at = at;
            self.status.change(|status| status.read_time_ms = Some(message.time_ms));
            let seq = message.seq;
            self.pending.add(message, at, &self.options.parser, &stream);
            if self.options.hash_interval > 0 && seq.is_multiple_of(self.options.hash_interval) {
                self.flush()?;
                self.hash(seq)?;
            }
        }
        self.flush()
    }

    /// Hashes the state after this message, which was submitted last.
    fn hash(&mut self, seq: u64) -> Result<(), FollowError> {
        let Some((hash, removed)) = self.commits.state_hash()? else { return Ok(()) };
        self.hashes.note(seq, hash, removed);
        let points = self.hashes.points();
        self.status.change(|status| status.hashes = points);
        Ok(())
    }

    /// Hashes the state where all owners end, if the log is at rest: once, and again when something was removed. Not more often
    /// than the bookmark is verified.
    fn hash_at_rest(&mut self) -> Result<(), FollowError> {
        let (now, at) = (self.options.clock.elapsed(), (self.read_to(), self.commits.removed()));
        let is_due = self.hashed_at_rest.is_none_or(|(since, seq, removed)| {
            at != (seq, removed) && now.saturating_sub(since) >= self.options.verify_interval
        });
        let (seq, removed) = at;
        if self.options.hash_interval > 0 && seq > 0 && is_due {
            self.hash(seq)?;
            self.hashed_at_rest = Some((now, seq, removed));
        }
        Ok(())
    }

    /// The last message that was read.
    fn read_to(&self) -> u64 {
        let submitted = self.bookmark.as_ref().map_or(0, |bookmark| bookmark.read_to);
        self.pending.last.map_or(submitted, |mark| mark.seq)
    }

    fn stream(&self) -> String {
        self.bookmark.as_ref().map(|bookmark| bookmark.stream.clone()).unwrap_or_default()
    }

    /// Submits the pending messages, after their rejects are kept.
    fn flush(&mut self) -> Result<(), Stop> {
        while let Some(rejected) = self.pending.rejected.front() {
            self.rejects.keep(rejected).map_err(Stop::Held)?;
            tracing::warn!(
                stream = rejected.stream,
                seq = rejected.seq,
                count = rejected.count,
                "a message is no event"
            );
            self.status.change(|status| status.rejected += rejected.count);
            self.pending.rejected.pop_front();
        }
        let (Some(mark), Some(mut bookmark)) = (self.pending.last, self.bookmark.clone()) else { return Ok(()) };
        let found = mem::take(&mut self.pending).found;
        bookmark.advance(found.events.len() as u64, mark);
        self.commits.submit(found.events, &bookmark, self.known_at)?;
        self.bookmark = Some(bookmark);
        self.status.change(|status| status.ignored += found.ignored);
        Ok(())
    }

    fn stop(&mut self, error: FollowError) -> FollowError {
        tracing::error!(%error, "the follower stops");
        self.is_suspect = true;
        let incarnation = || self.identity.as_ref().map(|identity| identity.incarnation.clone());
        self.stopped = match &error {
            FollowError::Gap { first, .. } => Some(Acceptance::Gap { first: *first }),
            FollowError::AnotherStream { .. } => incarnation().map(|incarnation| Acceptance::Stream { incarnation }),
            _ => None,
        };
        self.status.change(|status| status.state = State::Stopped { why: error.to_string() });
        error
    }

    /// The log does not answer. Returns the pause before the next attempt.
    fn interrupted(&mut self, error: &SourceError) -> Duration {
        tracing::warn!(%error, "the log is interrupted");
        self.is_suspect = true;
        let doubled = PAUSES.0.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.status.change(|status| {
            status.interruptions += 1;
            status.state = State::Waiting { why: error.to_string() };
        });
        if matches!(error, SourceError::Refused { .. }) { REFUSED_PAUSE } else { doubled.min(PAUSES.1) }
    }

    /// Asks how long the log is while nothing is read, so that the lag grows. The bookmark is verified when it is read on.
    fn look_ahead(&mut self) {
        let known = self.identity.as_ref().map(|identity| (identity.name.clone(), identity.incarnation.clone()));
        if let Ok(identity) = self.source.identity()
            && known == Some((identity.name.clone(), identity.incarnation.clone()))
        {
            self.identity = Some(identity);
        }
        self.tell(None);
    }

    /// Notes since when the state is what it is.
    fn note_state(&mut self) {
        let (before, now_ms) = (self.state, self.options.clock.now_ms());
        self.state = self.status.change(|status| {
            if status.state.name() != before {
                status.state_since_ms = now_ms;
            }
            status.state.name()
        });
    }

    /// Brings the status up to date after a step.
    fn tell(&self, step: Option<&Step>) {
        let last = self.identity.as_ref().map_or(0, |identity| identity.last_seq);
        self.status.change(|status| {
            if let Some(Bookmark { read_to, events, gaps, rollbacks, incarnation, .. }) = &self.bookmark {
                (status.seq, status.events) = (*read_to, *events);
                (status.gaps, status.rollbacks) = (*gaps, *rollbacks);
                if status.incarnation.as_ref() != Some(incarnation) {
                    status.incarnation = Some(incarnation.clone());
                }
            }
            status.last = last.max(status.seq);
            match step {
                Some(Step::Idle) if status.lag() == 0 => status.state = State::CaughtUp,
                Some(Step::Idle | Step::Read { .. } | Step::WentBack { .. }) => status.state = State::Following,
                Some(Step::Wait(_)) | None => {}
            }
        });
    }
}

/// Why a step did nothing.
enum Stop {
    Log(SourceError),
    Held(RejectsError),
    Follow(FollowError),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Log(error)
    }
}

impl From<FollowError> for Stop {
    fn from(error: FollowError) -> Self {
        Self::Follow(error)
    }
}
