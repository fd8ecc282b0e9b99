//! Years of history first, then live events, in one pass and without gaps.
//!
//! ```sh
//! cargo run -p convofold --example replay_then_follow
//! ```
//!
//! The program replays a log and prints the progress. Then one thread ingests new events, as a webhook would, and another one
//! reads the change feed from the beginning: first the history, then the live events.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::error::Error;
use std::thread;
use std::time::Duration;

use convofold::ingest::Format;
use convofold::replay::{Input, Replay};
use convofold::{Change, ChangesError, Convofold, Kind, Seq};

const LOG: &str = include_str!("../../../docs/sample.ndjson");

/// What the follower has received.
#[derive(Debug, Default)]
struct Seen {
    last_seq: Seq,
    by_kind: BTreeMap<Kind, u64>,
}

fn follow(db: &Convofold) -> Result<Seen, ChangesError> {
    let mut seen = Seen::default();
    let mut changes = db.changes(1);
    loop {
        match changes.next_timeout(Duration::from_secs(1)) {
            Ok(Some(Change { seq, event, .. })) => {
                assert_eq!(seq, seen.last_seq + 1, "no gaps and no repetitions");
                seen.last_seq = seq;
                *seen.by_kind.entry(event.kind()).or_default() += 1;
            }
            Ok(None) => {}
            // The database is closed, and all events before that were received.
            Err(ChangesError::Closed) => return Ok(seen),
            Err(error) => return Err(error),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // The last 100 lines are ingested live.
    let lines: Vec<&str> = LOG.lines().collect();
    let (past, future) = lines.split_at(lines.len() - 100);
    let archive = folder.path().join("archive.ndjson");
    std::fs::write(&archive, past.join("\n"))?;

    let db = Convofold::open(folder.path().join("conversations"))?;
    let replay = Replay::new(&db).input(Input::path(&archive)).on_progress(|progress| {
        println!("replayed {} events, {} bytes read", progress.events, progress.bytes_read);
    });
    let report = replay.run()?;
    println!("{} events, {} lines rejected\n", report.events, report.rejected_total());

    let follower = thread::spawn({
        let db = db.clone();
        move || follow(&db)
    });
    for line in future {
        db.ingest(line.as_bytes(), Format::Auto)?;
    }
    let last_seq = db.stats().last_seq;
    db.close()?;

    let seen = follower.join().map_err(|_| "the follower panicked")??;
    println!("followed {} events, the last ones live:", seen.last_seq);
    for (kind, count) in &seen.by_kind {
        println!("{count:6} {kind:?}");
    }
    assert!(report.counts.total() > 0 && last_seq > report.counts.total() - report.counts.duplicates);
    assert_eq!(seen.last_seq, last_seq);
    Ok(())
}
