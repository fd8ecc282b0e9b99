//! `convofold audit`.

use clap::Args;
use convofold::audit::{AuditReport, Sample};
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::{Facts, Listing};
use crate::output::{text, time};
use crate::values;

/// Fold conversations again from the log, and list every field that differs.
///
/// Folds the events of all conversations, or of a random sample, again and compares the states with those that the other
/// commands show. Prints what was compared, and one row per field that differs, on standard output. The exit code is 6 if a
/// field differs, which should never happen.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold audit --db ./db
  convofold audit --db ./db --sample 1000 --seed 7
")]
pub struct AuditArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Size of a random sample of conversations [default: all conversations].
    #[arg(long, value_name = "N", value_parser = values::whole::<u64>)]
    sample: Option<u64>,
    /// Seed of the random sample: the same seed selects the same conversations.
    #[arg(long, value_name = "S", default_value_t = 0, requires = "sample", value_parser = values::whole::<u64>)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct AuditJson<'a> {
    clean: bool,
    #[serde(flatten)]
    report: &'a AuditReport,
}

impl AuditArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open(console)?;
        let all = Sample::All;
        let sample = self.sample.map_or(all, |conversations| Sample::Random { conversations, seed: self.seed });
        let report = db.audit(sample)?;
        if self.json {
            console.json(&AuditJson { clean: report.is_clean(), report: &report })?;
        } else {
            print(&report, console)?;
        }
        Ok(if report.is_clean() { Exit::Success } else { Exit::Damaged })
    }
}

fn print(report: &AuditReport, console: &mut Console) -> Result<(), CliError> {
    let differences = report.differences.len() as u64 + report.more_differences;
    let mut facts = Facts::default();
    facts
        .add("conversations", text::count(report.conversations))
        .add("events", text::count(report.events))
        .add("differences", text::count(differences))
        .add("took", time::took(report.took));
    facts.print(console)?;
    if report.is_clean() {
        return Ok(());
    }
    let mut listing = Listing::new(&["ID", "FIELD", "EXPECTED", "FOUND"]).ends_in_text();
    for difference in &report.differences {
        let cells = [&*difference.id, &difference.field, &difference.expected, &difference.found];
        listing.row(cells.into_iter().map(text::one_line).collect());
    }
    listing.print(console)?;
    console.note(
        "the log is correct: delete nothing and report this; `convofold verify` shows where the difference comes from",
    );
    Ok(())
}
