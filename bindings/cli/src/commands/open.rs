//! `convofold open`.

use std::sync::Arc;

use clap::Args;
use convofold::{ConversationRow, Cursor, Query, Sort, State, UnknownValue};
use serde::Serialize;

use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::console::Console;
use crate::database::{DbArgs, NowArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::{Database, States};
use crate::output::{Listing, text, time};
use crate::values::{self, Millis};

/// List open conversations.
///
/// Prints a table on standard output, one open conversation per row. A conversation must meet all given conditions. If
/// there are more than --limit, standard error shows the --cursor of the next page, which stays valid while events
/// arrive.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold open --db ./db --unassigned --waiting 10m --sort waiting
  convofold open --db ./db --agent 'Agnes Moore' --unread-min 1
  convofold open --db ./db --unanswered-after-close
  convofold open --db ./db --idle 1d --now latest --limit all --json
")]
pub struct OpenArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Sort order: most recently active, longest waiting, or oldest.
    #[arg(long, value_parser = values::named::<Sort>(&Sort::NAMES), default_value_t)]
    sort: Sort,
    /// Maximum number of rows (0 or all: no limit).
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = values::limit::<usize>, allow_negative_numbers = true)]
    limit: usize,
    /// Cursor that the previous page printed.
    #[arg(long, value_name = "TEXT")]
    cursor: Option<Cursor>,
    #[command(flatten)]
    now: NowArgs,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    /// Print one JSON object: {"conversations": [...], "next_cursor": ...}, conversations in the form of `export`.
    #[arg(long)]
    json: bool,
    // Last, because its heading applies to all arguments that follow.
    #[command(flatten)]
    filters: Filters,
}

/// The conditions.
#[derive(Debug, Args)]
#[command(next_help_heading = "Conditions")]
struct Filters {
    /// Only conversations of the agent with this id or name; a name in upper or lower case.
    #[arg(long, value_name = "ID|NAME", conflicts_with = "unassigned")]
    agent: Option<String>,
    /// Only unassigned conversations.
    #[arg(long)]
    unassigned: bool,
    /// Only conversations of the member with this name, business id or channel id.
    #[arg(long, value_name = "NAME|ID")]
    member: Option<String>,
    /// Only conversations of the member with this number, with or without + and spaces.
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// Only conversations of this tenant.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Only conversations with this shortcode.
    #[arg(long, value_name = "CODE")]
    shortcode: Option<String>,
    /// Only conversations whose latest message used this channel, such as sms or in_app.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Minimum number of unread messages.
    #[arg(long, value_name = "N", value_parser = values::whole::<u64>, allow_negative_numbers = true)]
    unread_min: Option<u64>,
    /// Minimum time without activity, such as 30m, 2h or 1d.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    idle: Option<Millis>,
    /// Minimum time waiting for an answer.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    waiting: Option<Millis>,
    /// Only conversations whose data look wrong (missing messages, impossible clock).
    #[arg(long)]
    suspect: bool,
    /// Closed conversations instead of open ones: those in which the customer, or somebody unknown, wrote after the last
    /// close and the last answer.
    #[arg(long)]
    unanswered_after_close: bool,
}

#[derive(Serialize)]
struct PageJson {
    conversations: Vec<State>,
    next_cursor: Option<String>,
}

impl OpenArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let names = self.agent_names.read()?;
        let db = self.db.open(console)?;
        let now = self.now.ms(&db);
        let query = self.query(now);
        if self.json {
            return self.print_json(&db, &query, console);
        }
        let page = db.query_with_last_messages(&query)?;
        if page.rows.is_empty() {
            self.explain_nothing(&db, &page.unknown, console)?;
        }
        self.now.hint(&db, console);
        table(&page.rows, now, &names).print(console)?;
        if let Some(next) = &page.next {
            console.flush()?;
            let cursor = text::quoted(&next.to_string());
            console.note(format_args!("more rows: add --cursor {cursor} for the next page, or --limit all"));
        }
        Ok(Exit::Success)
    }

    fn query(&self, now: i64) -> Query {
        let filters = &self.filters;
        let before_now = |length: Option<Millis>| length.map(|Millis(ms)| now.saturating_sub(ms));
        Query::new()
            .agent(filters.agent.as_deref())
            .unassigned(filters.unassigned)
            .member(filters.member.as_deref())
            .number(filters.number.as_deref())
            .tenant(filters.tenant.as_deref())
            .shortcode(filters.shortcode.as_deref())
            .channel(filters.channel.as_deref())
            .unread_min(filters.unread_min)
            .idle_since_ms(before_now(filters.idle))
            .waiting_since_ms(before_now(filters.waiting))
            .suspect(filters.suspect)
            .unanswered_after_close(filters.unanswered_after_close)
            .sort(self.sort)
            .limit(self.limit)
            .cursor(self.cursor.clone())
    }

    /// Prints the reason for an empty answer: no open conversation, an unknown value, or no match.
    fn explain_nothing(&self, db: &Database, unknown: &[UnknownValue], console: &mut Console) -> Result<(), CliError> {
        if self.filters.unanswered_after_close {
            let all: u64 = db.totals()?.iter().map(|row| row.unanswered_after_close).sum();
            console.note(match all {
                0 => "no closed conversations are unanswered after their close".to_owned(),
                _ => format!("no match among {} unanswered after the close", text::counted(all, "conversation")),
            });
            return Ok(());
        }
        match db.stats()?.open {
            0 => console.note(format_args!("no open conversations in {}", self.db.db.display())),
            open if unknown.is_empty() => {
                console.note(format_args!("no match among {}", text::counted(open, "open conversation")));
            }
            _ => unknown.iter().for_each(|unknown| console.note(unknown)),
        }
        Ok(())
    }

    fn print_json(&self, db: &Database, query: &Query, console: &mut Console) -> Result<Exit, CliError> {
        let States { conversations, next, unknown } = db.query_states(query)?;
        if conversations.is_empty() {
            self.explain_nothing(db, &unknown, console)?;
        }
        if self.filters.idle.is_some() || self.filters.waiting.is_some() {
            self.now.hint(db, console);
        }
        console.json(&PageJson { conversations, next_cursor: next.map(|next| next.to_string()) })?;
        Ok(Exit::Success)
    }
}

fn table(rows: &[Arc<ConversationRow>], now: i64, names: &AgentNames) -> Listing {
    let headings = ["ID", "AGENT", "MEMBER", "CHANNEL", "UNREAD", "WAITING", "LAST ACTIVE (UTC)", "LAST MESSAGE"];
    let mut table = Listing::new(&headings).numbers(&["UNREAD", "WAITING"]).ends_in_text();
    for row in rows {
        let member = row.member_name.as_deref().or(row.member_number.as_deref());
        table.row(vec![
            text::one_line(&row.id),
            names.agent(row.agent.as_ref()),
            text::or_unknown(member),
            text::or_unknown(row.channel.as_deref()),
            text::count(row.unread),
            time::since(row.waiting_since, now),
            time::to_second(row.last_active_at),
            row.last_message.as_ref().map_or_else(String::new, |last| text::one_line(&last.text)),
        ]);
    }
    table
}
