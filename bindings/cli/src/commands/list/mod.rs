//! `convofold list`, and what it has in common with `open`.

mod conditions;
mod finder;
mod rows;

use clap::Args;
use convofold::StatusFilter;

use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::values;
pub(super) use finder::{Answered, FinderArgs};

/// List conversations, open or closed.
///
/// Prints a table on standard output, one conversation per row. A conversation must meet all given conditions. If there are
/// more than --limit, standard error shows the --cursor of the next page, which stays valid while events arrive.
///
/// The options are those of `open`. WAITING counts to --now; a closed conversation does not wait. Most conditions are answered
/// from indexes, also for closed conversations that are not in memory; the fastest are --member, --number, --agent, --any-agent,
/// --since and --until.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold list --db ./db --member 'Jane Doe'
  convofold list --db ./db --status closed --since 2026-01-15 --until 2026-01-16 --by closed --sort closed
  convofold list --db ./db --any-agent 'Agnes Moore' --since 2026-01-01 --limit all --format csv
  convofold list --db ./db --number '+45 12 34 56 78' --columns id,status,started_at,closed_at
")]
pub struct ListArgs {
    /// Open conversations, closed ones, or both.
    #[arg(long, value_parser = values::named::<StatusFilter>(&StatusFilter::NAMES), default_value_t = StatusFilter::Any)]
    status: StatusFilter,
    #[command(flatten)]
    finder: FinderArgs,
}

impl ListArgs {
    /// Which conversations are listed.
    pub(crate) fn question(&self) -> (Option<StatusFilter>, &FinderArgs) {
        (Some(self.status), &self.finder)
    }

    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let hidden: &[&str] = match self.status {
            StatusFilter::Open => &["status", "closed_at"],
            StatusFilter::Closed => &["status", "waiting_ms"],
            _ => &[],
        };
        self.finder.run(Some(self.status), hidden, console)
    }
}
