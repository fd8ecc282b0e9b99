//! A partition that a node owns: its database, and the thread that follows the log.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use convofold::ingest::Parser;
use convofold::{Convofold, Options};
use parking_lot::Mutex;

use super::error::NodeError;
use super::identity;
use super::pause::pause;
use super::status::PartitionStatus;
use crate::follow::clock::{Clock, SystemClock};
use crate::follow::error::FollowError;
use crate::follow::follower::{Acceptance, Follower};
use crate::follow::options::FollowOptions;
use crate::follow::status::{State, Status, StatusHandle};
use crate::nats::{DeadLetters, Nats, NatsSource, Registry, check_stream};

/// The pause before a partition that has stopped looks whether it was repaired.
const RETRY_PAUSE: Duration = Duration::from_secs(30);
/// The pause before brokers are asked again that do not answer.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(1);
/// sled's cache of each partition: the smallest that costs no speed.
const CACHE_BYTES: u64 = 8 << 20;
/// The log after which a checkpoint is written. Many partitions start again at the same time, so each has less to fold.
const CHECKPOINT_LOG_BYTES: u64 = 16 << 20;
/// Why a partition has stopped whose thread has failed.
const THREAD_FAILED: &str = "its thread has failed, as the log of the node says: start the node again";
/// The least memory for the conversations of a partition.
const MIN_MEMORY_BYTES: u64 = 16 << 20;

/// An open partition.
pub(super) struct OpenPartition {
    pub(super) db: Convofold,
    number: u32,
    status: StatusHandle,
    /// Why it does not follow, if its follower cannot say.
    problem: Arc<Mutex<Option<Problem>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), FollowError>>>,
}

/// Why a partition does not follow.
#[derive(Clone)]
struct Problem {
    state: State,
    /// Since when, in milliseconds since the epoch.
    since_ms: i64,
}

/// What all partitions of a node share.
pub(super) struct Common {
    pub(super) nats: Nats,
    pub(super) registry: Registry,
    pub(super) parser: Parser,
    pub(super) accepted: Vec<(u32, Acceptance)>,
}

impl OpenPartition {
    /// Opens the database of a partition, with this memory for its conversations, and begins to follow.
    pub(super) fn open(common: &Common, number: u32, dir: &Path, memory_bytes: u64) -> Result<Self, NodeError> {
        let options = Options::new()
            .cache_bytes(CACHE_BYTES)
            .checkpoint_log_bytes(CHECKPOINT_LOG_BYTES)
            .memory_bytes(memory_bytes.max(MIN_MEMORY_BYTES));
        let failed = |source| NodeError::Open { partition: number, dir: dir.to_owned(), source: Box::new(source) };
        let db = options.open(dir).map_err(failed)?;
        let name = common.registry.name();
        if let Err(error) = identity::check(&db, name, number, common.registry.log()) {
            // The first error counts.
            let _ = db.close();
            return Err(error);
        }
        let source = common.nats.source(name.stream(number));
        let rejects = DeadLetters::new(&common.nats, name);
        let follow = FollowOptions::new(name.as_str(), number).parser(common.parser.clone());
        let failed = |source| NodeError::Follow { partition: number, source: Box::new(source) };
        let follower = Follower::new(db.clone(), source, rejects, follow).map_err(failed)?;
        let accepted = common.accepted.iter().filter(|(partition, _)| *partition == number);
        let life = Life {
            nats: common.nats.clone(),
            registry: common.registry.clone(),
            number,
            status: follower.status(),
            problem: Arc::default(),
            stop: Arc::default(),
            accepted: accepted.map(|(_, acceptance)| acceptance.clone()).collect(),
        };
        let (status, problem, stop) = (life.status.clone(), life.problem.clone(), life.stop.clone());
        let thread = std::thread::Builder::new().name(format!("convofold-follow-{number}"));
        let thread = thread.spawn(move || life.follow(follower)).map_err(NodeError::Thread)?;
        Ok(Self { db, number, status, problem, stop, thread: Some(thread) })
    }

    /// What is known of the partition now.
    pub(super) fn status(&self) -> PartitionStatus {
        PartitionStatus::of(self.number, &self.follow_status(), SystemClock::default().now_ms(), &self.db)
    }

    /// What its follower does.
    pub(super) fn follow_status(&self) -> Status {
        let mut status = self.status.get();
        if let Some(Problem { state, since_ms }) = self.problem.lock().clone() {
            (status.state, status.state_since_ms) = (state, since_ms);
        } else if self.has_failed() {
            // What its status says is of before.
            status.state = State::Stopped { why: THREAD_FAILED.to_owned() };
        }
        status
    }

    /// Whether the thread has ended, and nobody has asked it to.
    fn has_failed(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Asks the follower to stop.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until the follower has stopped, and closes the database.
    pub(super) fn close(mut self) -> Result<(), String> {
        self.stop();
        let failed = |error: &dyn std::error::Error| format!("partition {}: {error}", self.number);
        let ended = self.thread.take().map(JoinHandle::join);
        let closed = self.db.close().map_err(|error| failed(&error));
        match ended {
            Some(Ok(Err(error))) => Err(failed(&error)),
            Some(Err(_)) => Err(format!("partition {}: its thread failed", self.number)),
            _ => closed,
        }
    }
}

/// The thread of a partition.
struct Life {
    nats: Nats,
    registry: Registry,
    number: u32,
    status: StatusHandle,
    problem: Arc<Mutex<Option<Problem>>>,
    stop: Arc<AtomicBool>,
    /// What the operator accepts, each once.
    accepted: Vec<Acceptance>,
}

impl Life {
    /// Follows until it is stopped. If the follower stops by itself, somebody may repair the log, so it tries again from time to
    /// time.
    fn follow(mut self, mut follower: Follower<NatsSource, DeadLetters>) -> Result<(), FollowError> {
        while !self.stop.load(Ordering::Relaxed) {
            if let Some(left) = self.check() {
                pause(&self.stop, left);
                continue;
            }
            let Err(error) = follower.run(&self.stop) else { return Ok(()) };
            if matches!(error, FollowError::Submit(_) | FollowError::Commit(_)) {
                // Only opening the database again helps.
                self.note(Some(State::Stopped { why: error.to_string() }));
                return Err(error);
            }
            let found = self.accepted.iter().position(|accepted| follower.accept(accepted).is_ok());
            match found {
                Some(accepted) => drop(self.accepted.remove(accepted)),
                None => {
                    pause(&self.stop, RETRY_PAUSE);
                }
            }
        }
        follower.finish()
    }

    /// Checks the settings of the stream. Returns the pause before the next attempt if it cannot be followed.
    fn check(&self) -> Option<Duration> {
        let (problem, pause) = match check_stream(&self.nats, self.registry.name(), self.number) {
            Ok(findings) => {
                findings.iter().for_each(|finding| tracing::warn!(partition = self.number, "{finding}"));
                (None, None)
            }
            // Brokers that do not answer repair nothing.
            Err(error) if error.is_unreachable() && self.has_stopped() => return Some(UNREACHABLE_PAUSE),
            Err(error) if error.is_unreachable() => {
                (Some(State::Waiting { why: error.to_string() }), Some(UNREACHABLE_PAUSE))
            }
            Err(error) => {
                tracing::error!(partition = self.number, %error, "the partition is not followed");
                (Some(State::Stopped { why: error.to_string() }), Some(RETRY_PAUSE))
            }
        };
        self.note(problem);
        pause
    }

    /// Whether somebody must act.
    fn has_stopped(&self) -> bool {
        let problem = self.problem.lock().as_ref().map(|problem| problem.state.clone());
        matches!(problem.unwrap_or_else(|| self.status.get().state), State::Stopped { .. })
    }

    /// Notes why the partition does not follow, or that its follower says it.
    fn note(&self, state: Option<State>) {
        let mut problem = self.problem.lock();
        let same = |state: &State| problem.as_ref().filter(|before| before.state.name() == state.name());
        let since =
            |state: &State| same(state).map_or_else(|| SystemClock::default().now_ms(), |before| before.since_ms);
        let next = state.map(|state| Problem { since_ms: since(&state), state });
        *problem = next;
    }
}
