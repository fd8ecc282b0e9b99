//! `convofold verify`.

use std::io::Write;
use std::path::Path;

use clap::Args;
use convofold::verify::{VerifyProgress, VerifyReport};
use convofold::{OpenError, StorageError};
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::bar::Bar;
use crate::output::table::Facts;
use crate::output::{text, time};

/// Check the whole database, on disk and in memory.
///
/// Reads every block of the log, folds it again, and compares checkpoints, conversations, answers and the newest recorded
/// state hash with the result.
/// Prints what was checked and one line per problem on standard output. It takes about as long as reading the log, and
/// memory for a second set of conversations. The exit code is 6 if there is a problem.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold verify --db ./db
  convofold verify --db ./db --json | jq .problems
  convofold verify --db ./db --past             also: was the past rewritten?
")]
pub struct VerifyArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Also compute every state hash that a checkpoint recorded again, from the events known then (`convofold hash
    /// --recorded` lists them). It takes one pass over all conversations.
    #[arg(long)]
    past: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct VerifyJson<'a> {
    clean: bool,
    #[serde(flatten)]
    report: &'a VerifyReport,
}

impl VerifyArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let failed = |dir: &Path, error: &OpenError| {
            let failed = CliError::open(dir, error);
            if is_finding(error) { failed.exit_as(Exit::Damaged) } else { failed }
        };
        let db = self.db.open_to_read(failed, console)?;
        let bar = Bar::new(console.shows_progress());
        let show = |progress| match progress {
            VerifyProgress::Log { seq, last_seq } => bar.show("log", seq, last_seq),
            VerifyProgress::Live { conversations, of } => bar.show("memory", conversations, of),
            VerifyProgress::Past { conversations, of } => bar.show("past", conversations, of),
            _ => {}
        };
        let outcome = db.verify(self.past, show);
        drop(bar);
        let report = outcome?;
        if self.json {
            console.json(&VerifyJson { clean: report.is_clean(), report: &report })?;
        } else {
            self.print(&report, console)?;
        }
        Ok(if report.is_clean() { Exit::Success } else { Exit::Damaged })
    }

    fn print(&self, report: &VerifyReport, console: &mut Console) -> Result<(), CliError> {
        table(report).print(console)?;
        for problem in &report.problems {
            writeln!(console.out(), "{}", text::one_line(&problem.to_string()))?;
        }
        if report.is_clean() {
            return Ok(());
        }
        let problems = text::counted(report.problems.len() as u64 + report.more_problems, "problem");
        let db = text::quoted(&self.db.db.display().to_string());
        console.note(format_args!(
            "{problems} found; `convofold repair --db {db} --into NEW` saves what can be read, `convofold restore` restores a \
             backup"
        ));
        Ok(())
    }
}

/// Whether the database does not open because it is damaged, which is a finding of the check.
fn is_finding(error: &OpenError) -> bool {
    matches!(
        error,
        OpenError::Damaged { .. }
            | OpenError::Shortened { .. }
            | OpenError::NoCheckpoint { .. }
            | OpenError::Incomplete { .. }
            | OpenError::Storage(StorageError::Unreadable { .. } | StorageError::BrokenTree)
    )
}

fn recorded_hashes(report: &VerifyReport) -> String {
    let [recorded, compared] = [report.recorded_hashes, report.recorded_hashes_compared].map(text::count);
    let skipped = report.newest_hash_skipped.as_ref().map(|why| format!("; the newest one was not: {why}"));
    format!("{recorded}, {compared} compared{}", skipped.unwrap_or_default())
}

fn table(report: &VerifyReport) -> Facts {
    let log = format!(
        "{} in {}, {}",
        text::counted(report.events, "event"),
        text::counted(report.blocks, "block"),
        text::bytes(report.log_bytes)
    );
    let mut facts = Facts::default();
    facts.add("log", log);
    for checkpoint in &report.checkpoints {
        let conversations = text::counted(checkpoint.conversations, "conversation");
        let seen = if checkpoint.compared { conversations } else { "not compared".to_owned() };
        let name = format!("checkpoint {}", checkpoint.generation);
        facts.add(name, format!("after event {}: {seen}", text::count(checkpoint.seq)));
    }
    let compared = text::counted(report.conversations, "conversation");
    facts
        .add("memory", if report.log_is_whole { compared } else { "not compared: the log is damaged".to_owned() })
        .add("recorded hashes", recorded_hashes(report))
        .add_known("state hash", report.state_hash.map(|hash| hash.to_string()))
        .add("problems", text::count(report.problems.len() as u64 + report.more_problems))
        .add("took", time::took(report.took));
    facts
}
