//! `convofold stats`.

use clap::Args;
use convofold::Seq;
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::{Figures, Opening};
use crate::output::table::Facts;
use crate::output::{text, time};

/// Show the size of the database and how it was opened.
///
/// Prints the number of events and conversations, sizes, the last checkpoint, and what was read to open the database on
/// standard output.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  convofold stats --db ./db
")]
pub struct StatsArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct StatsJson {
    database_id: String,
    events: u64,
    conversations: u64,
    open: u64,
    resident: u64,
    resident_bytes: u64,
    latest_event_at: Option<i64>,
    blocks: u64,
    log_bytes: u64,
    disk_bytes: u64,
    unused_bytes: u64,
    checkpoint_seq: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    texts_before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_retention_at: Option<i64>,
    recovery: RecoveryJson,
}

#[derive(Serialize)]
struct RecoveryJson {
    checkpoint_seq: Option<Seq>,
    events_replayed: u64,
    blocks_replayed: u64,
    took_ms: i64,
    skipped_checkpoints: Vec<String>,
    removed_files: Vec<String>,
}

impl StatsArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let figures = self.db.open(console)?.figures()?;
        if self.json {
            console.json(&as_json(figures))?;
        } else {
            table(&figures).print(console)?;
        }
        Ok(Exit::Success)
    }
}

fn as_json(figures: Figures) -> StatsJson {
    let Figures { database_id, latest_at, stats, opening } = figures;
    StatsJson {
        database_id: database_id.to_string(),
        events: stats.last_seq,
        conversations: stats.conversations,
        open: stats.open,
        resident: stats.resident,
        resident_bytes: stats.resident_bytes,
        latest_event_at: latest_at,
        blocks: stats.blocks,
        log_bytes: stats.log_bytes,
        disk_bytes: stats.disk_bytes,
        unused_bytes: stats.unused_bytes,
        checkpoint_seq: (stats.checkpoint_seq > 0).then_some(stats.checkpoint_seq),
        texts_before: stats.texts_before,
        closed_before: stats.closed_before,
        last_retention_at: stats.last_retention_at,
        recovery: RecoveryJson {
            checkpoint_seq: opening.checkpoint_seq,
            events_replayed: opening.events_replayed,
            blocks_replayed: opening.blocks_replayed,
            took_ms: opening.took_ms,
            skipped_checkpoints: opening.skipped.into_iter().map(|skipped| skipped.why).collect(),
            removed_files: opening.removed_files,
        },
    }
}

fn table(figures: &Figures) -> Facts {
    let Figures { database_id, latest_at, stats, opening } = figures;
    let mut facts = Facts::default();
    facts
        .add("events", text::count(stats.last_seq))
        .add("conversations", text::count(stats.conversations))
        .add("  open", text::count(stats.open))
        .add("  in memory", format!("{}, {}", text::count(stats.resident), text::bytes(stats.resident_bytes)))
        .add_known("newest event", latest_at.map(time::to_millisecond))
        .add("log", format!("{} in {}", text::bytes(stats.log_bytes), text::counted(stats.blocks, "block")))
        .add("on disk", format!("{}, about {} unused", text::bytes(stats.disk_bytes), text::bytes(stats.unused_bytes)))
        .add("checkpoint", checkpoint(stats.checkpoint_seq))
        .add_known("last retention", stats.last_retention_at.map(time::to_millisecond))
        .add_known("  texts removed before", stats.texts_before.map(time::to_millisecond))
        .add_known("  conversations removed before", stats.closed_before.map(time::to_millisecond))
        .add("database id", database_id.to_string())
        .add("opened", opened(opening));
    facts
}

fn checkpoint(seq: Seq) -> String {
    if seq == 0 { "none".to_owned() } else { format!("after event {}", text::count(seq)) }
}

fn opened(opening: &Opening) -> String {
    let read = text::counted(opening.events_replayed, "event");
    let from = if opening.checkpoint_seq.is_some() { "from a checkpoint" } else { "without a checkpoint" };
    let passed_over = match opening.skipped.len() {
        0 => String::new(),
        checkpoints => format!(", {} skipped", text::counted(checkpoints as u64, "checkpoint")),
    };
    format!(
        "in {}, {from} and {read} of the log{passed_over}",
        time::took(std::time::Duration::from_millis(opening.took_ms.unsigned_abs()))
    )
}
