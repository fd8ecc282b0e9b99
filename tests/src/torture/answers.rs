//! The answers of `convofold ingest`, and whether they keep the promises.

use std::io::BufRead;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use convofold::Seq;
use serde::Deserialize;

use super::ingester::Meal;

/// An operation that takes longer hangs, on any machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The answers so far.
#[derive(Debug)]
pub(super) struct Answers {
    told: Mutex<Told>,
    changed: Condvar,
}

/// The state that the answers show.
#[derive(Debug)]
pub(super) struct Told {
    /// The last acknowledged event.
    pub(super) acknowledged: Seq,
    /// The end of each answer in the whole output, in bytes.
    pub(super) answer_ends: Vec<u64>,
    /// An answer that breaks a promise. Later answers do not count.
    pub(super) broken: Option<String>,
    /// No more answers will arrive.
    pub(super) is_over: bool,
}

#[derive(Deserialize)]
struct Answer {
    line: u64,
    applied: u64,
    late: u64,
    duplicates: u64,
    last_seq: Option<Seq>,
}

impl Answers {
    pub(super) fn new(after: Seq) -> Self {
        let told = Told { acknowledged: after, answer_ends: Vec::new(), broken: None, is_over: false };
        Self { told: Mutex::new(told), changed: Condvar::new() }
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the condition holds, can no longer hold, or the time limit is reached.
    pub(super) fn wait_until(&self, is_so: impl Fn(&Told) -> bool) -> MutexGuard<'_, Told> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = self.told();
        while !is_so(&told) && !told.is_over {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            told = self.changed.wait_timeout(told, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        told
    }

    /// Reads the answers to a meal until they end.
    pub(super) fn read(&self, mut answers: impl BufRead, meal: Meal) {
        let mut line = Vec::new();
        loop {
            line.clear();
            // An answer that a kill cut off does not count.
            let is_whole = answers.read_until(b'\n', &mut line).is_ok() && line.ends_with(b"\n");
            let mut told = self.told();
            if is_whole && told.broken.is_none() {
                match check(&line, told.acknowledged, meal) {
                    Ok(seq) => {
                        let end = told.answer_ends.last().copied().unwrap_or_default() + line.len() as u64;
                        told.answer_ends.push(end);
                        told.acknowledged = seq;
                    }
                    Err(broken) => told.broken = Some(format!("{broken:#}")),
                }
            }
            told.is_over = !is_whole;
            self.changed.notify_all();
            if !is_whole {
                return;
            }
        }
    }
}

/// The event that an answer acknowledges. It must be the next one, with the right seq.
fn check(line: &[u8], acknowledged: Seq, meal: Meal) -> Result<Seq> {
    let Meal { after, known, .. } = meal;
    let shown = || String::from_utf8_lossy(line).trim().to_owned();
    let answer: Answer = serde_json::from_slice(line).with_context(shown)?;
    let expected = acknowledged + 1;
    ensure!(answer.line == expected - after, "expected the answer to line {}: {}", expected - after, shown());
    let is_new = answer.applied + answer.late == 1 && answer.duplicates == 0;
    let is_known = answer.applied + answer.late == 0 && answer.duplicates == 1 && answer.last_seq.is_none();
    ensure!(is_new || is_known, "expected one event: {}", shown());
    ensure!(is_known || expected > known, "event {expected} was acknowledged before, and is not there: {}", shown());
    if is_new && answer.last_seq != Some(expected) {
        bail!("event {expected} got place {:?}: events before it are missing", answer.last_seq);
    }
    Ok(expected)
}
