//! `convofold restore`.

use std::path::PathBuf;

use clap::Args;
use convofold::Options;
use convofold::backup::{RestoreError, RestoreReport, restore};
use serde::Serialize;

use super::backup::show;
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain, is_full};
use crate::exit::Exit;
use crate::output::bar::Bar;
use crate::output::table::Facts;
use crate::output::{text, time};

/// Create a database from backups.
///
/// Takes a complete backup and the incremental backups made after it, in this order. All backups are checked before
/// anything is written. The new database is opened and compared with the last backup before it gets its name, so the
/// result is a complete database or none.
///
/// Standard error shows progress on a terminal, and a report; --json prints the report as one JSON object on standard
/// output instead.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold restore monday.cfbk --db ./restored
  convofold restore monday.cfbk tuesday.cfbk --db ./restored
")]
pub struct RestoreArgs {
    /// The backups: a complete one, then the incremental ones in order.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    db: DbArgs,
    /// Print the report as one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct RestoreJson {
    last_seq: u64,
    blocks: u64,
    conversations: u64,
    hash: String,
    took_ms: i64,
}

impl RestoreArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        self.db.expect_folder()?;
        let bar = Bar::new(console.shows_progress());
        let outcome = restore(&self.files, &self.db.db, &Options::new(), |progress| show(&bar, progress));
        drop(bar);
        let report = outcome.map_err(|error| self.failed(&error))?;
        if self.json {
            console.json(&as_json(&report))?;
        } else {
            console.note(table(&report).plain());
        }
        Ok(Exit::Success)
    }

    fn failed(&self, error: &RestoreError) -> CliError {
        let failed = CliError::new(Exit::Failure, format!("nothing restored: {}", chain(error)));
        match error {
            RestoreError::Open(error) => CliError::open(&self.db.db, error),
            RestoreError::File(_) => failed.hint("use another copy of that backup, or an earlier one"),
            RestoreError::NotComplete { .. } | RestoreError::NotNext { .. } => failed.hint(
                "pass the complete backup first, then each incremental backup in the order in which they were made",
            ),
            _ if is_full(error) => failed.hint("the disk is full: free some space and try again"),
            _ => failed,
        }
    }
}

fn as_json(report: &RestoreReport) -> RestoreJson {
    RestoreJson {
        last_seq: report.last_seq,
        blocks: report.blocks,
        conversations: report.conversations,
        hash: report.state_hash.to_string(),
        took_ms: time::ms(report.took),
    }
}

fn table(report: &RestoreReport) -> Facts {
    let mut facts = Facts::default();
    facts
        .add("events", format!("up to {}", text::count(report.last_seq)))
        .add("conversations", text::count(report.conversations))
        .add("state hash", report.state_hash.to_string())
        .add("took", time::took(report.took));
    facts
}
