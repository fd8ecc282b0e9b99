//! P1: bulk replay of Airship NDJSON, everything durable at the end, beside parsing alone and beside the peers.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::limits::parse::{Library, Parsed, parse};
use crate::log::{Content, generated};
use crate::machine::cores;
use crate::outcome::Outcome;
use crate::peers::{self, Peer};
use crate::results::{PeerRow, Results, Row, Target};
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

/// Measures P1 with these peers.
///
/// # Errors
/// If a peer fails or disagrees.
pub fn measure(scale: &Scale, peers: &[Peer], results: &mut Results) -> Result<()> {
    let log = log(scale)?;
    let (peers, lacking): (Vec<_>, Vec<_>) = peers.iter().copied().partition(|peer| peer.lacks().is_none());
    for peer in lacking {
        let program = peer.lacks().unwrap_or_default();
        results.notes.push(format!("{} was skipped: {program} is not installed (benches/servers.sh).", peer.name()));
    }
    let mut limits = [Vec::new(), Vec::new()];
    let mut ours = Vec::new();
    let mut theirs = vec![Vec::new(); peers.len()];
    for _ in 0..scale.rounds {
        for (library, rates) in Library::ALL.into_iter().zip(&mut limits) {
            rates.push(task::run(parse_log, (log.clone(), library, cores()))?);
        }
        ours.push(run(Peer::Convofold, &log, scale)?);
        for (peer, outcomes) in peers.iter().zip(&mut theirs) {
            let outcome = run(*peer, &log, scale)?;
            let (answers, expected) = (&outcome.answers, &ours.last().unwrap_or(&outcome).answers);
            ensure!(answers == expected, "{} answers {answers:?}, convofold {expected:?}", peer.name());
            outcomes.push(outcome);
        }
    }
    let parsing = limits.map(|parsed| rate(parsed.iter().map(|parsed| (parsed.lines, parsed.parsing))));
    let [sonic, simd] = &parsing;
    let best = if sonic.median() >= simd.median() { (sonic, Library::SonicRs) } else { (simd, Library::SimdJson) };
    let (limit, library) = best;
    let rates = |outcomes: &[Outcome]| Figure::new(Unit::EventsPerSecond, outcomes.iter().map(Outcome::rate));
    let measured = rates(&ours);
    let what = match scale.log.as_deref().and_then(Path::file_name) {
        None => "bulk replay of Airship NDJSON".to_owned(),
        Some(name) => format!("bulk replay of {}", name.to_string_lossy()),
    };
    let parsing = format!("parsing alone, all cores, {}", library.name());
    results.rows.push(Row::new("P1", what.clone(), &measured, parsing, limit).target(Target::AtLeast(0.6)));
    for (peer, outcomes) in std::iter::once((Peer::Convofold, &ours)).chain(peers.iter().copied().zip(&theirs)) {
        // The table of the peers belongs to the first log.
        if results.peers.len() <= peers.len() {
            results.peers.push(peer_row(peer, outcomes));
        }
    }
    let theirs: Vec<_> = peers.iter().copied().zip(theirs.iter().map(|outcomes| rates(outcomes))).collect();
    let best = |is_sqlite: bool| {
        let group = theirs.iter().filter(|(peer, _)| peer.is_sqlite() == is_sqlite);
        group.max_by(|(_, one), (_, other)| one.median().total_cmp(&other.median())).map(|(peer, _)| *peer)
    };
    for (peer, rates) in &theirs {
        let row = Row::new("P1", what.clone(), &measured, peer.name(), rates);
        let is_best = best(peer.is_sqlite()) == Some(*peer);
        let target = Target::AtLeast(if peer.is_sqlite() { 15.0 } else { 3.0 });
        results.rows.push(if is_best { row.target(target) } else { row });
    }
    Ok(())
}

fn peer_row(peer: Peer, outcomes: &[Outcome]) -> PeerRow {
    let figure = |unit, of: fn(&Outcome) -> f64| Figure::new(unit, outcomes.iter().map(of));
    PeerRow {
        name: peer.name().to_owned(),
        replay: figure(Unit::EventsPerSecond, Outcome::rate),
        reopen: figure(Unit::Nanoseconds, |outcome| outcome.reopen.as_nanos() as f64),
        memory: figure(Unit::Bytes, |outcome| outcome.peak_memory_bytes as f64),
        disk: figure(Unit::Bytes, |outcome| outcome.disk_bytes as f64),
    }
}

fn rate(rounds: impl Iterator<Item = (u64, std::time::Duration)>) -> Figure {
    Figure::new(Unit::EventsPerSecond, rounds.map(|(count, took)| count as f64 / took.as_secs_f64()))
}

fn run(peer: Peer, log: &Path, scale: &Scale) -> Result<Outcome> {
    let folder = tempfile::tempdir_in(&scale.scratch)?;
    task::run(replay_log, (peer, log.to_owned(), folder.path().to_owned()))
}
