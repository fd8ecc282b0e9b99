//! convofold, used as a host uses it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use convofold::Convofold;
use convofold::replay::{Input, Replay};

use crate::outcome::{Answers, Known, Outcome, disk_bytes, peak_memory_bytes};

/// Replays files, in this order, into a new database in `folder`.
///
/// # Errors
/// If a file cannot be read or the database fails.
pub fn replay_files(files: &[PathBuf], folder: &Path) -> Result<Outcome> {
    let began = Instant::now();
    let db = Convofold::open(folder)?;
    Replay::new(&db).inputs(files.iter().map(Input::path)).run()?;
    let replay = began.elapsed();
    let peak_memory_bytes = peak_memory_bytes()?;
    db.close()?;
    drop(db);

    let began = Instant::now();
    let db = Convofold::open(folder)?;
    let reopen = began.elapsed();
    let answers = answers(&db)?;
    db.close()?;
    Ok(Outcome { answers, replay, reopen, disk_bytes: disk_bytes(folder)?, peak_memory_bytes })
}

/// The answers at the end.
///
/// # Errors
/// If the export cannot be read.
pub fn answers(db: &Convofold) -> Result<Answers> {
    let mut answers = Answers { events: db.stats().last_seq, ..Answers::default() };
    let mut export = Vec::new();
    db.export(&mut export)?;
    for line in export.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let state: serde_json::Value = serde_json::from_slice(line)?;
        let (agent, member) = (&state["agent"], &state["member"]);
        let text = |name: &str| state[name].as_str();
        let number = |name: &str| state[name].as_i64();
        answers.add(Known {
            id: text("id").unwrap_or_default(),
            open: state["status"] == "open",
            texts: [
                agent["id"].as_str().or(agent["name"].as_str()),
                text("tenant"),
                member["name"].as_str(),
                member["number"].as_str(),
                member["business_id"].as_str(),
                member["channel_id"].as_str(),
                text("shortcode"),
                text("app_key"),
            ],
            messages: [number("messages_in").unwrap_or_default(), number("messages_out").unwrap_or_default()],
            times: [number("closed_at"), number("first_inbound_at"), number("waiting_since")],
            reopens: number("reopens").unwrap_or_default(),
        });
    }
    Ok(answers)
}
