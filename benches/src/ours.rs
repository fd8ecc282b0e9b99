//! convofold itself, used as a host would.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use convofold::replay::{Input, Replay};
use convofold::{AgentFilter, Convofold, Query};

use crate::outcome::{Answers, Outcome, disk_bytes, peak_memory_bytes};

/// Replays `log` into a new database in `folder`.
///
/// # Errors
/// Whatever the store says.
pub fn replay(log: &Path, folder: &Path) -> Result<Outcome> {
    let began = Instant::now();
    let db = Convofold::open(folder)?;
    Replay::new(&db).input(Input::path(log)).run()?;
    let replay = began.elapsed();
    let peak_memory_bytes = peak_memory_bytes()?;
    db.close()?;
    drop(db);

    let began = Instant::now();
    let db = Convofold::open(folder)?;
    let answers = answers(&db)?;
    let reopen = began.elapsed();
    db.close()?;
    Ok(Outcome { answers, replay, reopen, disk_bytes: disk_bytes(folder)?, peak_memory_bytes })
}

fn answers(db: &Convofold) -> Result<Answers> {
    let unassigned = Query { agent: Some(AgentFilter::Unassigned), ..Query::default() };
    let stats = db.stats();
    let mut answers = Answers {
        events: stats.last_seq,
        conversations: stats.conversations,
        open: stats.open,
        open_unassigned: db.query(&unassigned)?.rows.len() as u64,
        ..Answers::default()
    };
    let mut export = Vec::new();
    db.export(&mut export)?;
    for line in export.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let state: serde_json::Value = serde_json::from_slice(line)?;
        answers.messages_in += state["messages_in"].as_u64().unwrap_or_default();
        answers.messages_out += state["messages_out"].as_u64().unwrap_or_default();
    }
    Ok(answers)
}
