//! `convofold hold`.

use std::io::Write;

use clap::Args;
use convofold::Options;

use crate::commands::erase::SubjectArgs;
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::Database;
use crate::output::table::Listing;
use crate::output::{text, time};

/// Keep the conversations of a member from erasure and retention (a legal hold).
///
/// Until the hold is lifted, `erase` refuses to erase the member's conversations, and rules of retention skip them. This
/// includes conversations that begin later. Each --member, --number and --conversation gets a hold of its own. The command
/// prints the numbers of the new holds, one per line.
///
/// A hold contains the member's id and the reason, so it is personal data itself. Lift it when the case is closed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold hold --db ./db --member 700100 --reason 'case 2026-17'
  convofold hold --db ./db --list
  convofold hold --db ./db --lift 3
")]
pub struct HoldArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    subjects: SubjectArgs,
    /// Why the conversations are kept.
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["list", "lift"])]
    reason: Option<String>,
    /// List the holds.
    #[arg(long, conflicts_with_all = ["members", "numbers", "conversations", "reason", "lift"])]
    list: bool,
    /// Lift the hold with this number.
    #[arg(long, value_name = "N", conflicts_with_all = ["members", "numbers", "conversations", "reason"])]
    lift: Option<u64>,
    /// Print the holds as JSON, one object per line.
    #[arg(long, requires = "list")]
    json: bool,
}

impl HoldArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        if self.list {
            return self.list(console);
        }
        if let Some(number) = self.lift {
            self.open(console)?.lift_hold(number)?;
            console.note(format_args!("hold {number} is lifted"));
            return Ok(Exit::Success);
        }
        let subjects = self.subjects.expect()?;
        let db = self.open(console)?;
        for subject in subjects {
            let number = db.hold(&subject, self.reason.as_deref().unwrap_or_default())?;
            writeln!(console.out(), "{number}")?;
        }
        Ok(Exit::Success)
    }

    fn open(&self, console: &mut Console) -> Result<Database, CliError> {
        self.db.open_or_ask(&Options::new().create(false), CliError::open, console)
    }

    fn list(&self, console: &mut Console) -> Result<Exit, CliError> {
        let holds = self.db.open(console)?.holds()?;
        if self.json {
            holds.iter().try_for_each(|hold| console.json(hold))?;
        } else if holds.is_empty() {
            console.note("there are no holds");
        } else {
            let mut listing = Listing::new(&["HOLD", "AT (UTC)", "OF", "REASON"]);
            for hold in holds {
                let (subject, reason) = (text::one_line(&hold.subject.to_string()), text::one_line(&hold.reason));
                listing.row(vec![hold.number.to_string(), time::to_millisecond(hold.at), subject, reason]);
            }
            listing.print(console)?;
        }
        Ok(Exit::Success)
    }
}
