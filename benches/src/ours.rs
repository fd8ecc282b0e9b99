//! convofold, used as a host uses it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use convofold::Convofold;
use convofold::replay::{Input, Replay};

use crate::outcome::{Answers, CLOSE, Known, Outcome, REOPEN, REPLAY, disk_bytes};
use crate::usage::{Stages, processor_of};

/// The name of the thread that writes.
const WRITER: &str = "convofold-writer";

/// Replays files, in this order, into a new database in `folder`.
///
/// # Errors
/// If a file cannot be read or the database fails.
pub fn replay_files(files: &[PathBuf], folder: &Path) -> Result<Outcome> {
    let mut stages = Stages::begin()?;
    let db = Convofold::open(folder)?;
    Replay::new(&db).inputs(files.iter().map(Input::path)).run()?;
    let replay = stages.end(REPLAY)?.took;
    let writer = processor_of(WRITER)?;
    db.close()?;
    drop(db);
    stages.end(CLOSE)?;
    let db = Convofold::open(folder)?;
    stages.end(REOPEN)?;
    let answers = answers(&db)?;
    db.close()?;
    Ok(Outcome { answers, replay, disk_bytes: disk_bytes(folder)?, server: None, writer, stages: stages.all() })
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
