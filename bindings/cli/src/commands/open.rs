//! `convofold open`.

use clap::Args;
use convofold::StatusFilter;

use super::list::FinderArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;

/// List open conversations.
///
/// Prints a table on standard output, one open conversation per row. A conversation must meet all given conditions. If
/// there are more than --limit, standard error shows the --cursor of the next page, which stays valid while events
/// arrive.
///
/// On a terminal the table fits into its width: ids are shortened (`show` understands the short form), names and messages
/// are cut, and if that is not enough, columns are left out, CHANNEL first. Piped or redirected tables have every id in
/// full; programs read --format json, jsonl or csv.
///
/// --as-of and --known-at list the conversations that were open, or known to be open, at another moment; durations count to
/// that moment. They read every conversation.
///
/// --format json prints one object: {"conversations": [...], "next_cursor": ...}, conversations in the form of `export`;
/// jsonl prints one conversation per line. With --columns, their objects have these columns only.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold open --db ./db --unassigned --waiting 10m --sort waiting
  convofold open --db ./db --agent 'Agnes Moore' --unread-min 1
  convofold open --db ./db --unanswered-after-close
  convofold open --db ./db --idle 1d --now latest --limit all --json
  convofold open --db ./db --columns id,agent,waiting_since --format csv --tz local
  convofold open --db ./db --sort unread --reverse --watch 5
  convofold open --db ./db --agent 'Agnes Moore' --as-of 2026-03-02T14:05:00Z
  convofold open --db ./db --agent 'Agnes Moore' --known-at 2026-03-02T14:05:00Z
")]
pub struct OpenArgs {
    #[command(flatten)]
    finder: FinderArgs,
}

impl OpenArgs {
    /// Which conversations are listed.
    pub(crate) fn question(&self) -> (Option<StatusFilter>, &FinderArgs) {
        (None, &self.finder)
    }

    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        self.finder.run(None, &["status", "closed_at"], console)
    }
}
