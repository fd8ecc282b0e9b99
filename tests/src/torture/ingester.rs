//! `convofold ingest` as a co-process: this process feeds it and keeps its answers.

use std::io::{BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, bail, ensure};
use convofold::Seq;
use rand::{Rng, RngExt};

use super::answers::{Answers, PATIENCE};
use super::feed::Feed;
use super::limits::{Leader, kill_group};

/// The signals that may end it, by number.
const KILL: i32 = 9;
const INTERRUPT: i32 = 2;

/// How lines are fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the command reads.
    Fast,
    /// One by one, each after the previous answer.
    OneByOne,
    /// In bursts of up to this number of lines, each after the answers to the previous burst.
    Bursts(u64),
}

impl Pace {
    /// A random way.
    pub fn any(random: &mut impl Rng) -> Self {
        match random.random_range(0..4) {
            0 => Self::OneByOne,
            1 => Self::Bursts(random.random_range(2..200)),
            _ => Self::Fast,
        }
    }
}

/// Which lines to feed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Meal {
    /// The event before the first one to feed.
    pub after: Seq,
    /// The last one to feed.
    pub to: Seq,
    /// Events up to this one are in the database already and must be reported as known.
    pub known: Seq,
    /// The way to feed.
    pub pace: Pace,
    /// Whether the input ends after the last line or stays open.
    pub ends: bool,
}

/// A running `convofold ingest`.
#[derive(Debug)]
pub struct Ingester {
    leader: Leader,
    answers: Arc<Answers>,
    reading: JoinHandle<()>,
    feeding: JoinHandle<Option<ChildStdin>>,
}

/// How the command ended.
#[derive(Debug)]
pub struct Ended {
    /// The last acknowledged event, including those that were acknowledged before it started.
    pub acknowledged: Seq,
    /// The end of each answer in its output, in bytes.
    pub answer_ends: Vec<u64>,
    /// The exit status.
    pub status: ExitStatus,
    /// Its output on standard error.
    pub stderr: String,
}

impl Ingester {
    /// Starts the command, which reads from standard input, and begins to feed it.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(mut command: Command, feed: &Arc<Feed>, meal: Meal) -> Result<Self> {
        // In a process group of its own, so that a tracer is killed with it.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let mut leader = Leader(child);
        let child = &mut leader.0;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.context("the pipes to the command")?;
        let answers = Arc::new(Answers::new(meal.after));
        let (hears, waits, feed) = (answers.clone(), answers.clone(), feed.clone());
        let reading = thread::spawn(move || hears.read(BufReader::new(stdout), meal));
        let feeding = thread::spawn(move || give(&feed, meal, stdin, &waits));
        Ok(Self { leader, answers, reading, feeding })
    }

    /// The process.
    #[must_use]
    pub fn child(&self) -> &Child {
        &self.leader.0
    }

    /// The last event that is acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> Seq {
        self.answers.told().acknowledged
    }

    /// Waits until event `seq` is acknowledged or no more answers can arrive; returns whether it is acknowledged.
    ///
    /// # Errors
    /// If the time limit is reached.
    pub fn wait_for(&self, seq: Seq) -> Result<bool> {
        let told = self.answers.wait_until(|told| told.acknowledged >= seq || told.broken.is_some());
        let is_answered = told.acknowledged >= seq;
        ensure!(
            is_answered || told.is_over || told.broken.is_some(),
            "no answer within {PATIENCE:?}: the command hangs"
        );
        Ok(is_answered)
    }

    /// Kills it and returns how it ended, which may have been before.
    ///
    /// # Errors
    /// If an answer broke a promise.
    pub fn kill(self) -> Result<Ended> {
        kill_group(&self.leader.0)?;
        self.end()
    }

    /// Waits for its end; the input must end.
    ///
    /// # Errors
    /// If an answer broke a promise, or the command does not end.
    pub fn finish(self) -> Result<Ended> {
        let is_over = self.answers.wait_until(|told| told.is_over).is_over;
        if is_over {
            return self.end();
        }
        kill_group(&self.leader.0)?;
        let Ended { acknowledged, stderr, .. } = self.end()?;
        bail!("it does not end within {PATIENCE:?} after acknowledging event {acknowledged}; standard error: {stderr}")
    }

    fn end(mut self) -> Result<Ended> {
        let mut stderr = Vec::new();
        if let Some(mut pipe) = self.leader.0.stderr.take() {
            pipe.read_to_end(&mut stderr).context("reading standard error")?;
        }
        let status = self.leader.0.wait().context("waiting for the end")?;
        self.reading.join().map_err(|_| anyhow!("the reader of answers panicked"))?;
        // This also closes an input that was kept open.
        drop(self.feeding.join());
        let mut told = self.answers.told();
        if let Some(broken) = &told.broken {
            bail!("{broken}");
        }
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        let answer_ends = std::mem::take(&mut told.answer_ends);
        Ok(Ended { acknowledged: told.acknowledged, answer_ends, status, stderr })
    }
}

impl Ended {
    /// Checks that it was killed or ended with success.
    ///
    /// # Errors
    /// If it failed by itself.
    pub fn expect_killed_or_well(&self) -> Result<()> {
        // An interrupt before the handler is installed kills the process, so nothing is closed.
        let is_killed = matches!(self.status.signal(), Some(KILL | INTERRUPT));
        ensure!(is_killed || self.status.success(), "it ended by itself, {}: {}", self.status, self.stderr.trim());
        Ok(())
    }
}

/// Feeds lines and returns the input if it is to stay open. A failed write is ignored: the command has ended.
fn give(feed: &Feed, meal: Meal, mut to: ChildStdin, answers: &Answers) -> Option<ChildStdin> {
    let Meal { after, to: last, pace, ends, .. } = meal;
    match pace {
        Pace::Fast => drop(to.write_all(feed.lines(after, last))),
        Pace::OneByOne | Pace::Bursts(_) => {
            let burst = if let Pace::Bursts(lines) = pace { lines.max(1) } else { 1 };
            let mut given = after;
            while given < last {
                let next = given.saturating_add(burst).min(last);
                if to.write_all(feed.lines(given, next)).is_err() {
                    break;
                }
                given = next;
                // After a broken promise nothing more is acknowledged or fed.
                let told = answers.wait_until(|told| told.acknowledged >= given || told.broken.is_some());
                if told.is_over || told.broken.is_some() {
                    break;
                }
            }
        }
    }
    (!ends).then_some(to)
}
