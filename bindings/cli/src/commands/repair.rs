//! `convofold repair`.

use std::path::PathBuf;

use clap::Args;
use convofold::repair::{Lost, Repair, RepairError, RepairProgress, RepairReport};
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::output::bar::Bar;
use crate::output::table::{Facts, Listing};
use crate::output::{text, time};

/// Save the readable part of a damaged database into a new one.
///
/// The damaged database is only read. Its file is searched for log blocks; events of lost blocks are taken from checkpoints;
/// all events are written to a new database, which is then checked. Lost events are listed on standard output with their
/// sequence numbers and the times around them. It works for every kind of damage that prevents opening, and takes about as
/// long as copying and replaying the database.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold repair --db ./db --into ./repaired
  convofold repair --db ./db --into ./repaired --json | jq .lost
")]
pub struct RepairArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Folder of the new database. It must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct RepairJson {
    events: u64,
    from_checkpoints: u64,
    blocks: u64,
    conversations: u64,
    lost_events: u64,
    lost: Vec<LostJson>,
    bookmarks_dropped: Vec<String>,
    lost_erasures: Vec<u64>,
    lost_holds: Vec<u64>,
    lost_retention_runs: Vec<u64>,
    hash: String,
    took_ms: i64,
}

#[derive(Serialize)]
struct LostJson {
    first_seq: u64,
    last_seq: u64,
    after: Option<i64>,
    before: Option<i64>,
}

impl RepairArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        self.db.expect_folder()?;
        let bar = Bar::new(console.shows_progress());
        let show = |progress| match progress {
            RepairProgress::Searching { bytes, total } => bar.show("searching", bytes, total),
            RepairProgress::Writing { events, total } => bar.show("writing", events, total),
            _ => {}
        };
        let outcome = Repair::new(&self.db.db, &self.into).on_progress(show).run();
        drop(bar);
        let report = outcome.map_err(|error| self.failed(&error))?;
        if self.json {
            console.json(&as_json(&report))?;
        } else {
            print(&report, console)?;
        }
        self.explain(&report, console);
        Ok(if report.is_whole() { Exit::Success } else { Exit::Damaged })
    }

    fn failed(&self, error: &RepairError) -> CliError {
        match error {
            RepairError::Open(error) => CliError::open(&self.db.db, error),
            RepairError::Nothing { .. } => CliError::new(Exit::Failure, error.to_string())
                .hint("restore a backup with `convofold restore`, or replay the logs into a new database"),
            error => CliError::new(Exit::Failure, format!("cannot repair {}: {}", self.db.db.display(), chain(error)))
                .hint("the damaged database was not changed; if the disk is full, free some space and try again"),
        }
    }

    fn explain(&self, report: &RepairReport, console: &mut Console) {
        let into = text::quoted(&self.into.display().to_string());
        for (records, numbers, advice) in [
            (
                "erasures",
                &report.lost_erasures,
                "what they erased comes back if old logs are replayed; erase it again then",
            ),
            (
                "legal holds",
                &report.lost_holds,
                "what they kept can be erased and removed; place them again with `convofold hold` before anything is",
            ),
            (
                "runs of retention",
                &report.lost_retention_runs,
                "what they removed comes back if old logs are replayed; run `convofold retain` again before",
            ),
        ] {
            if !numbers.is_empty() {
                let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
                console.note(format_args!("the records of {records} are lost ({}): {advice}", numbers.join(", ")));
            }
        }
        if report.lost.is_empty() {
            let what = if report.is_whole() { "nothing" } else { "no event" };
            console.note(format_args!("{what} is lost; use --db {into} from now on"));
            return;
        }
        console.note(format_args!(
            "{} lost; all others are in {into}. Replay the logs of that time, or all logs, into it to recover them",
            text::counted(report.lost_total(), "event"),
        ));
        if !report.bookmarks_dropped.is_empty() {
            console.note(format_args!(
                "bookmarks set after the first lost event have their earlier values: {}",
                report.bookmarks_dropped.join(", ")
            ));
        }
    }
}

fn print(report: &RepairReport, console: &mut Console) -> Result<(), CliError> {
    let mut facts = Facts::default();
    facts
        .add("events saved", text::count(report.events))
        .add("  from checkpoints", text::count(report.from_checkpoints))
        .add("events lost", text::count(report.lost_total()))
        .add("conversations", text::count(report.conversations))
        .add("state hash", report.state_hash.to_string())
        .add("took", time::took(report.took));
    facts.print(console)?;
    if report.lost.is_empty() {
        return Ok(());
    }
    let mut listing = Listing::new(&["LOST FROM", "TO", "EVENTS", "AFTER", "BEFORE"]).right(0).right(1).right(2);
    for lost in &report.lost {
        let shown = |ms: Option<i64>| ms.map_or_else(|| text::UNKNOWN.to_owned(), time::to_millisecond);
        listing.row(vec![
            text::count(lost.first_seq),
            text::count(lost.last_seq),
            text::count(lost.events()),
            shown(lost.after_ms),
            shown(lost.before_ms),
        ]);
    }
    listing.print(console)
}

fn as_json(report: &RepairReport) -> RepairJson {
    let lost = |lost: &Lost| LostJson {
        first_seq: lost.first_seq,
        last_seq: lost.last_seq,
        after: lost.after_ms,
        before: lost.before_ms,
    };
    RepairJson {
        events: report.events,
        from_checkpoints: report.from_checkpoints,
        blocks: report.blocks,
        conversations: report.conversations,
        lost_events: report.lost_total(),
        lost: report.lost.iter().map(lost).collect(),
        bookmarks_dropped: report.bookmarks_dropped.clone(),
        lost_erasures: report.lost_erasures.clone(),
        lost_holds: report.lost_holds.clone(),
        lost_retention_runs: report.lost_retention_runs.clone(),
        hash: report.state_hash.to_string(),
        took_ms: time::ms(report.took),
    }
}
