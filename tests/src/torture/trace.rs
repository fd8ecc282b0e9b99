//! Traces: no answer before a disk barrier.
//!
//! The trace shows when bytes of the input were read, when the file of the log was written and made durable, and when
//! bytes of answers were written; lengths show which lines those were. An answer to a line needs a barrier of the log's
//! file that began after the line was read, with a write to that file in between. If lines are fed one by one, all
//! writes must be durable before the answer.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use convofold::Seq;

use super::campaign::{Campaign, Trials};
use super::examination::examine;
use super::feed::{Feed, Reference};
use super::ingester::{Ingester, Meal, Pace};
use super::report::Report;
use super::strace::{Call, calls, traced};
use crate::command::convofold;

const EVENTS: u64 = 2_000;
/// The end of the path of the log's file.
const LOG_FILE: &str = "/sled/db>";
/// The ways to feed lines, in turn, with the number of lines.
const PACES: [(Pace, Seq); 4] =
    [(Pace::OneByOne, 150), (Pace::Bursts(7), 300), (Pace::Bursts(60), 1_000), (Pace::Fast, EVENTS)];

/// Traces until all trials are done.
///
/// # Errors
/// If the feed cannot be made.
pub fn run(campaign: &Campaign) -> Result<Report> {
    let feed = Feed::generate(EVENTS, campaign.seed)?;
    campaign.run(1, |range, trials| {
        for trial in range {
            let folder = tempfile::Builder::new().prefix("trace-").tempdir().context("a folder")?;
            match trace(folder.path(), &feed, trial, trials) {
                Ok(()) => trials.passed("traced"),
                Err(error) => trials.failed(trial, &error, Some(folder)),
            }
        }
        Ok(())
    })
}

fn trace(folder: &Path, feed: &Arc<Feed>, trial: u64, trials: &Trials<'_>) -> Result<()> {
    let (db, path) = (folder.join("db"), folder.join("trace"));
    let turn = usize::try_from(trial)? % PACES.len();
    let (pace, to) = PACES.get(turn).copied().context("a pace")?;
    let mut ingest = convofold();
    ingest.arg("ingest").arg("--db").arg(&db);
    let meal = Meal { after: 0, to, known: 0, pace, ends: true };
    let ended = Ingester::start(traced(&ingest, None, None, &path), feed, meal)?.finish()?;
    ensure!(ended.status.success() && ended.acknowledged == to, "it failed: {ended:?}");
    let calls = calls(&path)?;
    let answers = ended.answer_ends.as_slice();
    let checked = check(&calls, feed, 0, answers, pace == Pace::OneByOne)?;
    ensure!(checked == to, "expected {to} answers in the trace, found {checked}");
    trials.saw("answers with a barrier before them", checked);
    trials.saw("barriers", calls.iter().filter(|call| is_barrier(call)).count() as u64);
    examine(&db, feed, &mut Reference::new(feed.clone()), to).map(drop)
}

/// Checks every answer that was written and returns their number. The input began after event `after`, and
/// `answer_ends` are the ends of the answers in the output.
///
/// # Errors
/// Which answer was too early.
pub fn check(calls: &[Call], feed: &Feed, after: Seq, answer_ends: &[u64], one_by_one: bool) -> Result<u64> {
    let mut input_bytes = feed.bytes_to(after).unwrap_or_default();
    // The position in the trace at which each line was read.
    let mut read_at: Vec<usize> = Vec::new();
    let (mut answered_bytes, mut answers) = (0, 0_usize);
    let mut by_end: Vec<&Call> = calls.iter().filter(|call| call.ended.is_some()).collect();
    by_end.sort_by_key(|call| call.ended);
    for call in by_end {
        let bytes = call.returned.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
        if call.name == "read" && call.subject.starts_with("0<") {
            input_bytes += bytes;
            while feed.bytes_to(after + read_at.len() as u64 + 1).is_some_and(|end| end <= input_bytes) {
                read_at.push(call.ended.unwrap_or(usize::MAX));
            }
        } else if call.name == "write" && call.subject.starts_with("1<") {
            answered_bytes += bytes;
            while answer_ends.get(answers).is_some_and(|end| *end <= answered_bytes) {
                let line = answers + 1;
                let Some(read_at) = read_at.get(answers) else { bail!("line {line} was answered before it was read") };
                expect_barrier(calls, *read_at, call.began).with_context(|| format!("the answer to line {line}"))?;
                answers += 1;
            }
            if one_by_one {
                expect_nothing_undurable(calls, call.began)?;
            }
        }
    }
    Ok(answers as u64)
}

/// Between these positions in the trace, the log's file was written and then made durable.
fn expect_barrier(calls: &[Call], after: usize, before: usize) -> Result<()> {
    let is_between = |call: &&Call| call.began > after && call.ended.is_some_and(|ended| ended < before);
    let written = calls.iter().filter(is_between).find(|call| is_write_to_log(call));
    let written = written.with_context(|| format!("nothing was written between {after} and {before} in the trace"))?;
    let barrier = calls.iter().filter(is_between).find(|call| is_barrier(call) && Some(call.began) > written.ended);
    ensure!(barrier.is_some(), "no barrier came between {after} and {before} in the trace");
    Ok(())
}

fn expect_nothing_undurable(calls: &[Call], before: usize) -> Result<()> {
    let last =
        calls.iter().filter(|call| is_write_to_log(call) && call.began < before).filter_map(|call| call.ended).max();
    let Some(written) = last else { return Ok(()) };
    let is_durable = |call: &Call| is_barrier(call) && call.began > written && call.ended.is_some_and(|at| at < before);
    ensure!(calls.iter().any(is_durable), "what was written at {written} is not durable at {before} in the trace");
    Ok(())
}

fn is_write_to_log(call: &Call) -> bool {
    call.name == "pwrite64" && call.subject.ends_with(LOG_FILE)
}

/// Whether the call succeeded.
fn is_barrier(call: &Call) -> bool {
    ["fdatasync", "fsync"].contains(&call.name.as_str()) && call.subject.ends_with(LOG_FILE) && call.returned == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, subject: &str, began: usize, returned: i64) -> Call {
        let (name, subject) = (name.to_owned(), subject.to_owned());
        Call { thread: 1, name, subject, returned: Some(returned), began, ended: Some(began), injected: false }
    }

    #[test]
    fn an_answer_without_a_barrier_before_it_is_found() {
        let feed = Feed::generate(1, 1).unwrap();
        let line = i64::try_from(feed.bytes_to(1).unwrap()).unwrap();
        let (db, out) = ("4</db/sled/db>", "1<pipe>");
        let whole = [
            call("read", "0<pipe>", 0, line),
            call("pwrite64", db, 1, 9),
            call("fdatasync", db, 2, 0),
            call("write", out, 3, 10),
        ];
        assert_eq!(check(&whole, &feed, 0, &[10], true).unwrap(), 1);
        let mut failed = whole.clone();
        failed[2].returned = Some(-1);
        assert!(check(&failed, &feed, 0, &[10], true).is_err());
        for missing in 0..3 {
            let mut calls = whole.to_vec();
            calls.remove(missing);
            assert!(check(&calls, &feed, 0, &[10], true).is_err(), "without {}", whole[missing].name);
        }
        let mut late = whole.to_vec();
        late.insert(3, call("pwrite64", db, 2, 9));
        assert!(check(&late, &feed, 0, &[10], true).is_err());
        assert_eq!(check(&late, &feed, 0, &[10], false).unwrap(), 1);
    }
}
