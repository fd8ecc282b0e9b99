//! `convofold totals`.

use clap::Args;
use convofold::Totals;
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Listing, text};

/// Count conversations by tenant and channel.
///
/// Prints a table on standard output: for each tenant and channel the number of conversations, open conversations,
/// conversations waiting for an answer, unread messages in open conversations, and closed conversations in which somebody
/// wrote after the last close and the last answer.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  convofold totals --db ./db
")]
pub struct TotalsArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Print one JSON object: {"totals": [...]}.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct TotalsJson {
    totals: Vec<Totals>,
}

impl TotalsArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let totals = self.db.open(console)?.totals()?;
        if totals.is_empty() {
            console.note("the database contains no conversations");
        }
        if self.json {
            console.json(&TotalsJson { totals })?;
        } else {
            table(&totals).print(console)?;
        }
        Ok(Exit::Success)
    }
}

const NUMBERS: [&str; 5] = ["CONVERSATIONS", "OPEN", "WAITING", "UNREAD", "UNANSWERED AFTER CLOSE"];

fn table(totals: &[Totals]) -> Listing {
    let mut table =
        Listing::new(&["TENANT", "CHANNEL", "CONVERSATIONS", "OPEN", "WAITING", "UNREAD", "UNANSWERED AFTER CLOSE"])
            .numbers(&NUMBERS);
    for row in totals {
        table.row(vec![
            text::or_unknown(row.tenant.as_deref()),
            text::or_unknown(row.channel.as_deref()),
            text::count(row.conversations),
            text::count(row.open),
            text::count(row.waiting),
            text::count(row.unread),
            text::count(row.unanswered_after_close),
        ]);
    }
    table
}
