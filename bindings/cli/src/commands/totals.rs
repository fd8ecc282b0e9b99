//! `convofold totals`.

use clap::Args;
use convofold::{MomentReport, Totals};
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print::Record;
use crate::output::{Column, FormatArgs, Kind, Rows, Value};
use crate::past::MomentArgs;

/// Count conversations by tenant and channel.
///
/// Prints a table on standard output: for each tenant and channel the number of conversations, open conversations,
/// conversations waiting for an answer, unread messages in open conversations, and closed conversations in which somebody
/// wrote after the last close and the last answer (UNANSWERED).
///
/// --format json prints one object: {"totals": [...]}; jsonl prints one row per line.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold totals --db ./db
  convofold totals --db ./db --sort conversations --reverse --format markdown
")]
pub struct TotalsArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    #[command(flatten)]
    output: FormatArgs<TotalsRows>,
}

struct TotalsRows;

impl Rows for TotalsRows {
    const COLUMNS: &'static [Column] = &[
        Column::new("tenant", "TENANT", Kind::Id),
        Column::new("channel", "CHANNEL", Kind::Text),
        Column::new("conversations", "CONVERSATIONS", Kind::Number),
        Column::new("open", "OPEN", Kind::Number),
        Column::new("waiting", "WAITING", Kind::Number),
        Column::new("unread", "UNREAD", Kind::Number),
        Column::new("unanswered_after_close", "UNANSWERED", Kind::Number).optional(1),
    ];
}

#[derive(Serialize)]
struct TotalsJson {
    totals: Vec<Record<Totals>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<serde_json::Value>,
}

impl TotalsArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let open = |console: &mut Console| self.moment.open(&self.db, None, console);
        self.output.each_time(open, console, |db, console| {
            let mut totals = db.totals()?;
            db.tell(self.output.format().is_for_people(), console);
            if totals.is_empty() && !db.is_incomplete() {
                console.note("the database contains no conversations");
            }
            self.output.arrange(&mut totals, cells);
            self.output.print(
                totals,
                cells,
                &[],
                |totals| TotalsJson { totals, moment: db.report(), cluster: db.cluster() },
                console,
            )
        })
    }
}

fn cells(row: &Totals) -> Vec<Value> {
    vec![
        Value::text(row.tenant.as_deref()),
        Value::text(row.channel.as_deref()),
        Value::Number(row.conversations),
        Value::Number(row.open),
        Value::Number(row.waiting),
        Value::Number(row.unread),
        Value::Number(row.unanswered_after_close),
    ]
}
