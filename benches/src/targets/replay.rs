//! P1: bulk replay of Airship NDJSON, everything durable at the end, beside parsing alone and beside the peers.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::limits::parse::{Library, Parsed, parse};
use crate::log::{Content, generated};
use crate::machine::cores;
use crate::outcome::{CLOSE, Outcome, REOPEN, REPLAY};
use crate::peers::{self, Peer};
use crate::results::{ReplayTables, Results, Row, StageRow, SystemRow, Target, ThreadRow};
use crate::usage::{Stage, Thread};
use crate::{ours, task};

/// The log of P1.
///
/// # Errors
/// If the log cannot be written.
pub fn log(scale: &Scale) -> Result<PathBuf> {
    match &scale.log {
        Some(log) => Ok(log.clone()),
        None => generated(scale.events, Content::Airship, &scale.scratch),
    }
}

/// Parses a log on this number of threads and drops the result.
///
/// # Errors
/// If the log cannot be read or parsed.
pub fn parse_log((log, library, threads): (PathBuf, Library, usize)) -> Result<Parsed> {
    parse(&log, library, threads)
}

/// Replays a log into a new database of a peer in this folder.
///
/// # Errors
/// If the log cannot be read or the peer fails.
pub fn replay_log((peer, log, folder): (Peer, PathBuf, PathBuf)) -> Result<Outcome> {
    peers::replay(peer, &log, &folder)
}

/// Replays a log into a new database of a peer in this folder, with all threads watched.
///
/// # Errors
/// If the log cannot be read or the peer fails.
pub fn watch_log((peer, log, folder): (Peer, PathBuf, PathBuf)) -> Result<Vec<Thread>> {
    peers::watched(peer, &log, &folder)
}

/// Replays files with convofold, in this order, into a new database in this folder.
///
/// # Errors
/// If a file cannot be read or the database fails.
pub fn replay_files((files, folder): (Vec<PathBuf>, PathBuf)) -> Result<Outcome> {
    ours::replay_files(&files, &folder)
}

/// Measures P1 with every log in a folder.
///
/// # Errors
/// If there are no logs, or a peer fails or disagrees.
pub fn measure_all(folder: &Path, scale: &Scale, peers: &[Peer], results: &mut Results) -> Result<()> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().collect::<Result<Vec<_>, _>>()?;
    let is_log = |path: &Path| path.extension().is_some_and(|extension| extension == "ndjson");
    let logs: Vec<_> = files.into_iter().map(walkdir::DirEntry::into_path).filter(|path| is_log(path)).collect();
    ensure!(!logs.is_empty(), "there is no *.ndjson in {}", folder.display());
    for log in logs {
        measure(&Scale { log: Some(log), ..scale.clone() }, peers, results)?;
    }
    Ok(())
}

/// Measures P1 with generated logs of other content. The targets are those of Airship.
///
/// # Errors
/// If a peer fails or disagrees.
pub fn measure_contents(scale: &Scale, peers: &[Peer], results: &mut Results) -> Result<()> {
    for content in [Content::SuperOffice, Content::Mixed] {
        let log = generated(scale.events, content, &scale.scratch)?;
        measure(&Scale { log: Some(log), rounds: scale.rounds.min(3), ..scale.clone() }, peers, results)?;
    }
    Ok(())
}

/// The speed of parsing alone, on all cores, with every library.
#[derive(Debug, Default)]
pub struct Parsing([Vec<Parsed>; 2]);

impl Parsing {
    /// Measures it once more.
    ///
    /// # Errors
    /// If the log cannot be read or parsed.
    pub fn round(&mut self, log: &Path) -> Result<()> {
        for (library, rounds) in Library::ALL.into_iter().zip(&mut self.0) {
            rounds.push(task::run(parse_log, (log.to_owned(), library, cores()))?);
        }
        Ok(())
    }

    /// The faster library, with its events per second and the processor time of an event in nanoseconds.
    #[must_use]
    pub fn best(&self) -> (Library, Figure, Figure) {
        let rate = |rounds: &[Parsed]| {
            let rates = rounds.iter().map(|parsed| parsed.lines as f64 / parsed.parsing.as_secs_f64());
            Figure::new(Unit::EventsPerSecond, rates)
        };
        let rates = self.0.each_ref().map(|rounds| rate(rounds));
        let [sonic, simd] = rates;
        let (library, rate) =
            if sonic.median() >= simd.median() { (Library::SonicRs, sonic) } else { (Library::SimdJson, simd) };
        let processor = rate.values.iter().map(|rate| cores() as f64 * 1e9 / rate);
        let processor = Figure::new(Unit::Nanoseconds, processor);
        (library, rate, processor)
    }
}

/// Measures P1 with these peers.
///
/// # Errors
/// If a peer fails or disagrees.
pub fn measure(scale: &Scale, peers: &[Peer], results: &mut Results) -> Result<()> {
    let log = log(scale)?;
    let (peers, lacking): (Vec<_>, Vec<_>) = peers.iter().copied().partition(|peer| peer.lacks().is_none());
    for peer in lacking {
        let program = peer.lacks().unwrap_or_default();
        let note = format!("{} was skipped: {program} is not installed (benches/servers.sh).", peer.name());
        if !results.notes.contains(&note) {
            results.notes.push(note);
        }
    }
    let what = match scale.log.as_deref().and_then(Path::file_stem) {
        None => "bulk replay of Airship NDJSON".to_owned(),
        Some(name) => format!("bulk replay of {}", name.to_string_lossy()),
    };
    let mut tables = ReplayTables { log: what.clone(), ..ReplayTables::default() };
    // The replays with watched threads are not timed, and warm the caches for the others.
    let mut threads = Vec::new();
    for peer in std::iter::once(Peer::Convofold).chain(peers.iter().copied()) {
        let folder = tempfile::tempdir_in(&scale.scratch)?;
        threads.push((peer, task::run(watch_log, (peer, log.clone(), folder.path().to_owned()))?));
    }
    let mut parsing = Parsing::default();
    let mut ours = Vec::new();
    let mut theirs = vec![Vec::new(); peers.len()];
    for _ in 0..scale.rounds {
        parsing.round(&log)?;
        ours.push(run(Peer::Convofold, &log, scale)?);
        for (peer, outcomes) in peers.iter().zip(&mut theirs) {
            let outcome = run(*peer, &log, scale)?;
            let (answers, expected) = (&outcome.answers, &ours.last().unwrap_or(&outcome).answers);
            ensure!(answers == expected, "{} answers {answers:?}, convofold {expected:?}", peer.name());
            outcomes.push(outcome);
        }
    }
    let of_airship = scale.log.is_none();
    compare(&what, of_airship, &ours, &parsing, peers.iter().copied().zip(&theirs), results);
    let events = ours.first().map_or(1, |outcome| outcome.answers.events) as f64;
    for (peer, outcomes) in std::iter::once((Peer::Convofold, &ours)).chain(peers.iter().copied().zip(&theirs)) {
        tables.systems.push(system_row(peer, outcomes));
    }
    tables.stages = [REPLAY, CLOSE, REOPEN].into_iter().map(|name| stage_row(name, &ours)).collect();
    tables.threads = threads.iter().flat_map(|(peer, threads)| thread_rows(*peer, threads, events)).collect();
    results.replays.push(tables);
    Ok(())
}

/// The rows of P1. Only a log of Airship's has targets.
fn compare<'a>(
    what: &str,
    of_airship: bool,
    ours: &[Outcome],
    parsing: &Parsing,
    theirs: impl Iterator<Item = (Peer, &'a Vec<Outcome>)>,
    results: &mut Results,
) {
    let with = |row: Row, target: Option<Target>| Row { target: target.filter(|_| of_airship), ..row };
    let rates = |outcomes: &[Outcome]| Figure::new(Unit::EventsPerSecond, outcomes.iter().map(Outcome::rate));
    let of_ours = |unit, of: fn(&Outcome) -> f64| Figure::new(unit, ours.iter().map(of));
    let (library, limit, parsing) = parsing.best();
    let measured = rates(ours);
    let against = format!("parsing alone, all cores, {}", library.name());
    let row = Row::new("P1", what, &measured, &against, &limit);
    results.rows.push(with(row, Some(Target::AtLeast(0.5))));
    for (peer, outcomes) in theirs {
        let row = Row::new("P1", what, &measured, peer.name(), &rates(outcomes));
        results.rows.push(with(row, peer.target().map(Target::AtLeast)));
    }
    let processor = of_ours(Unit::Nanoseconds, Outcome::processor_nanoseconds);
    let row = Row::new("P1", format!("{what}: processor time an event"), &processor, against, &parsing);
    results.rows.push(with(row, Some(Target::ValueAtMost(2_300.0))));
    let writer = of_ours(Unit::Nanoseconds, |outcome| {
        let time = outcome.writer.map_or(f64::NAN, |time| time.as_secs_f64());
        time * 1e9 / outcome.answers.events as f64
    });
    let row = Row::new("P1", format!("{what}: writer thread an event"), &writer, "all threads", &processor);
    results.rows.push(with(row, Some(Target::ValueAtMost(500.0))));
    let peak = of_ours(Unit::Bytes, Outcome::peak_memory);
    let end = of_ours(Unit::Bytes, |outcome| outcome.stage(REPLAY).map_or(f64::NAN, |it| it.memory_bytes as f64));
    let row = Row::new("P1", format!("{what}: peak memory"), &peak, "memory at its end", &end);
    results.rows.push(with(row, Some(Target::ValueAtMost(200e6))));
}

fn system_row(peer: Peer, outcomes: &[Outcome]) -> SystemRow {
    let figure = |unit, of: fn(&Outcome) -> f64| Figure::new(unit, outcomes.iter().map(of));
    SystemRow {
        name: peer.name().to_owned(),
        replay: figure(Unit::EventsPerSecond, Outcome::rate),
        processor: figure(Unit::Nanoseconds, Outcome::processor_nanoseconds),
        reopen: figure(Unit::Nanoseconds, |outcome| {
            outcome.stage(REOPEN).map_or(f64::NAN, |stage| stage.took.as_nanos() as f64)
        }),
        memory: figure(Unit::Bytes, Outcome::peak_memory),
        disk: figure(Unit::Bytes, |outcome| outcome.disk_bytes as f64),
    }
}

fn stage_row(name: &str, outcomes: &[Outcome]) -> StageRow {
    let figure = |unit, of: fn(&Stage) -> f64| {
        let stages = outcomes.iter().filter_map(|outcome| outcome.stage(name));
        Figure::new(unit, stages.map(of))
    };
    let time = |of| figure(Unit::Nanoseconds, of);
    StageRow {
        name: name.to_owned(),
        took: time(|stage| stage.took.as_nanos() as f64),
        processor: [
            time(|stage| stage.usage.processor.as_nanos() as f64),
            time(|stage| stage.usage.kernel.as_nanos() as f64),
        ],
        faults: [
            figure(Unit::Count, |stage| stage.usage.minor_faults as f64),
            figure(Unit::Count, |stage| stage.usage.major_faults as f64),
        ],
        memory: [
            figure(Unit::Bytes, |stage| stage.peak_memory_bytes as f64),
            figure(Unit::Bytes, |stage| stage.memory_bytes as f64),
        ],
    }
}

fn thread_rows(peer: Peer, threads: &[Thread], events: f64) -> impl Iterator<Item = ThreadRow> {
    let all: f64 = threads.iter().map(|thread| thread.usage.processor.as_secs_f64()).sum();
    threads.iter().map(move |Thread { name, usage }| ThreadRow {
        system: peer.name().to_owned(),
        name: name.clone(),
        processor: Figure::once(Unit::Nanoseconds, usage.processor.as_secs_f64() * 1e9 / events),
        share: usage.processor.as_secs_f64() / all,
        faults: [usage.minor_faults, usage.major_faults].map(|faults| Figure::once(Unit::Count, faults as f64)),
    })
}

fn run(peer: Peer, log: &Path, scale: &Scale) -> Result<Outcome> {
    let folder = tempfile::tempdir_in(&scale.scratch)?;
    task::run(replay_log, (peer, log.to_owned(), folder.path().to_owned()))
}
