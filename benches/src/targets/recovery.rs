//! P3: folding again from the log: opening without a checkpoint, and an audit.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use convofold::audit::Sample;
use convofold::replay::{Input, Replay};
use convofold::{Convofold, Options};
use serde::{Deserialize, Serialize};

use super::replay::{self, Parsing};
use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::results::{Results, Row, Target};
use crate::task;

/// The times for folding again.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Folded {
    events: u64,
    open: Duration,
    audit: Duration,
}

/// Replays a log and leaves no checkpoint. The caller kills the process.
///
/// # Errors
/// If the replay fails.
pub fn leave((log, folder): (PathBuf, PathBuf)) -> Result<u64> {
    let db = Options::new().checkpoint_log_bytes(u64::MAX).memory_bytes(u64::MAX).open(folder)?;
    Replay::new(&db).input(Input::path(log)).checkpoint(false).run()?;
    db.sync()?;
    let events = db.stats().last_seq;
    std::mem::forget(db);
    Ok(events)
}

/// Opens the database and audits it. The caller kills the process, so that the database does not change.
///
/// # Errors
/// If the database fails, or the audit finds a difference.
pub fn fold(folder: PathBuf) -> Result<Folded> {
    let began = Instant::now();
    let db = Options::new().checkpoint_log_bytes(u64::MAX).memory_bytes(u64::MAX).open(folder)?;
    let open = began.elapsed();
    let events = db.recovery().events_replayed;
    let audit = audited(&db)?;
    std::mem::forget(db);
    Ok(Folded { events, open, audit })
}

fn audited(db: &Convofold) -> Result<Duration> {
    let began = Instant::now();
    let report = db.audit(Sample::All)?;
    ensure!(report.is_clean(), "the audit found {:?}", report.differences.first());
    Ok(began.elapsed())
}

/// Measures P3.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let log = replay::log(scale)?;
    let left = tempfile::tempdir_in(&scale.scratch)?;
    let events = task::run_and_kill(leave, (log.clone(), left.path().to_owned()))?;
    let (mut parsing, mut folds) = (Parsing::default(), Vec::new());
    for _ in 0..scale.rounds {
        parsing.round(&log)?;
        let folded = task::run_and_kill(fold, left.path().to_owned())?;
        ensure!(folded.events == events, "{} of {events} events were folded again", folded.events);
        folds.push(folded);
    }
    let rate = |of: fn(&Folded) -> Duration| {
        Figure::new(Unit::EventsPerSecond, folds.iter().map(|fold| events as f64 / of(fold).as_secs_f64()))
    };
    let (library, limit, _) = parsing.best();
    let against = format!("parsing alone, all cores, {}", library.name());
    let row = |what, figure, least| Row::new("P3", what, &figure, &against, &limit).target(Target::AtLeast(least));
    results.rows.push(row("open without a checkpoint", rate(|fold| fold.open), 1.2));
    results.rows.push(row("audit of everything", rate(|fold| fold.audit), 0.8));
    Ok(())
}
