//! P7: disk space, everything included, beside `gzip -6` of the log and beside the peers, before and after a compaction.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use convofold::Convofold;
use convofold::replay::{Input, Replay};

use super::replay;
use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::outcome::disk_bytes;
use crate::peers::{self, Peer};
use crate::results::{Results, Row, Target};
use crate::task;

/// Time between two measurements of the directory.
const INTERVAL: Duration = Duration::from_millis(10);
/// Those that can give room back to the file system.
const PEERS: [Peer; 3] = [Peer::SqliteFolded, Peer::Redb, Peer::Fjall];

/// Disk space during a replay at most, at its end, and after a compaction.
///
/// # Errors
/// If the replay fails.
pub fn used((log, folder): (PathBuf, PathBuf)) -> Result<[u64; 3]> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !is_over.load(Ordering::Relaxed) {
                most = most.max(disk_bytes(&folder)?);
                std::thread::sleep(INTERVAL);
            }
            anyhow::Ok(most)
        });
        let replayed = Convofold::open(&folder).map_err(anyhow::Error::from).and_then(|db| {
            Replay::new(&db).input(Input::path(log)).run()?;
            Ok(db.close()?)
        });
        is_over.store(true, Ordering::Relaxed);
        let most = watching.join().map_err(|_| anyhow::anyhow!("watching the disk panicked"))??;
        replayed?;
        let end = disk_bytes(&folder)?;
        let db = Convofold::open(&folder)?;
        db.compact()?;
        db.close()?;
        Ok([most, end, disk_bytes(&folder)?])
    })
}

/// Disk space of a peer after a replay, and after its own kind of compaction.
///
/// # Errors
/// If the peer fails.
pub fn used_by((peer, log, folder): (Peer, PathBuf, PathBuf)) -> Result<[u64; 2]> {
    peers::compacted(peer, &log, &folder)
}

fn gzipped(log: &Path) -> Result<u64> {
    let mut child = Command::new("gzip").args(["-6", "-c"]).arg(log).stdout(Stdio::piped()).spawn()?;
    let mut out = child.stdout.take().context("gzip has an output")?;
    let (mut bytes, mut buffer) = (0, vec![0; 1 << 16]);
    loop {
        let length = out.read(&mut buffer)?;
        if length == 0 {
            ensure!(child.wait()?.success(), "gzip failed");
            return Ok(bytes);
        }
        bytes += length as u64;
    }
}

/// Measures P7.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let log = replay::log(scale)?;
    let gzipped = Figure::once(Unit::Bytes, gzipped(&log)? as f64);
    let (mut most, mut end, mut compact) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let folder = tempfile::tempdir_in(&scale.scratch)?;
        let used = task::run(used, (log.clone(), folder.path().to_owned()))?;
        most.push(used[0] as f64);
        end.push(used[1] as f64);
        compact.push(used[2] as f64);
    }
    let row = |what, values: Vec<f64>| Row::new("P7", what, &Figure::new(Unit::Bytes, values), "gzip -6", &gzipped);
    results.rows.push(row("disk after a replay and a compaction", compact.clone()).target(Target::AtMost(0.6)));
    results.rows.push(row("disk after a replay", end).target(Target::AtMost(1.0)));
    results.rows.push(row("disk during a replay, at most", most).target(Target::AtMost(1.3)));
    for peer in PEERS {
        let folder = tempfile::tempdir_in(&scale.scratch)?;
        let [end, compacted] = task::run(used_by, (peer, log.clone(), folder.path().to_owned()))?;
        let (end, compacted) = (Figure::once(Unit::Bytes, end as f64), Figure::once(Unit::Bytes, compacted as f64));
        let ours = Figure::new(Unit::Bytes, compact.clone());
        results.rows.push(Row::new(
            "P7",
            "disk after a compaction",
            &ours,
            format!("{}, compacted", peer.name()),
            &compacted,
        ));
        results.rows.push(Row::new(
            "P7",
            "disk after a compaction",
            &ours,
            format!("{}, after a replay", peer.name()),
            &end,
        ));
    }
    Ok(())
}
