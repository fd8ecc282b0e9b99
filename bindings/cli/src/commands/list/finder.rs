//! Finds and prints conversations.

use std::sync::Arc;

use clap::Args;
use convofold::{ConversationRow, Cursor, MomentReport, Query, Sort, State, StatusFilter, UnknownValue};
use serde::Serialize;

use super::conditions::Conditions;
use super::rows::{ConversationRows, cells};
use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::console::Console;
use crate::database::{DbArgs, NowArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::States;
use crate::output::format::Format;
use crate::output::print::Record;
use crate::output::{Column, FormatArgs, Kind, Rows, Value, text};
use crate::past::{MomentArgs, Reader};
use crate::values;

/// Conversations per query of a list that is printed while it is read.
const PAGE_ROWS: usize = 1_000;

/// Which conversations to list, and how.
#[derive(Debug, Args)]
pub(crate) struct FinderArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Maximum number of rows (0 or all: no limit).
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = values::limit::<usize>, allow_negative_numbers = true)]
    limit: usize,
    /// Cursor that the previous page printed.
    #[arg(long, value_name = "TEXT")]
    cursor: Option<Cursor>,
    #[command(flatten)]
    moment: MomentArgs,
    #[command(flatten)]
    now: NowArgs,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    #[command(flatten)]
    output: FormatArgs<ConversationRows>,
    // Last, because its heading applies to all arguments that follow.
    #[command(flatten)]
    conditions: Conditions,
}

/// A conversation of a list. Its JSON is the state.
#[derive(Serialize)]
#[serde(transparent)]
struct Entry {
    #[serde(skip)]
    row: Arc<ConversationRow>,
    state: Option<State>,
}

/// A conversation of a list, with its columns.
pub(crate) struct Answered {
    pub(crate) id: String,
    pub(crate) cells: Vec<(&'static str, Value)>,
}

/// A page of a list.
struct Found {
    entries: Vec<Entry>,
    next: Option<Cursor>,
    unknown: Vec<UnknownValue>,
}

#[derive(Serialize)]
struct PageJson {
    conversations: Vec<Record<Entry>>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<serde_json::Value>,
}

/// What a list depends on beside the options and the database.
struct Context<'a> {
    status: Option<StatusFilter>,
    /// Columns that a table does not have by default.
    hidden: &'a [&'a str],
    now: i64,
    names: &'a AgentNames,
}

impl Context<'_> {
    fn cells(&self, entry: &Entry) -> Vec<Value> {
        cells(&entry.row, self.now, self.names)
    }
}

impl FinderArgs {
    /// Prints the conversations of a status, once or repeatedly. By default, a table has no columns `hidden`.
    pub(crate) fn run(
        &self,
        status: Option<StatusFilter>,
        hidden: &[&str],
        console: &mut Console,
    ) -> Result<Exit, CliError> {
        let names = self.agent_names.read()?;
        // JSON never contains names of the file.
        let names = if self.output.format().is_json() { AgentNames::default() } else { names };
        let open = |console: &mut Console| self.moment.open(&self.db, Some(&self.now), console);
        self.output.each_time(open, console, |db, console| {
            let context = Context { status, hidden, now: db.now_ms(&self.now), names: &names };
            self.print(db, &context, console)
        })
    }

    /// Every matching conversation, whatever --limit says, with the chosen columns, or by default those of CSV without
    /// durations, which differ at each moment.
    ///
    /// # Errors
    /// [`CliError`] if the database does not answer.
    pub(crate) fn answer(&self, status: Option<StatusFilter>, db: &Reader) -> Result<Vec<Answered>, CliError> {
        let now = db.now_ms(&self.now);
        let names = AgentNames::default();
        let page = db.query_with_last_messages(&self.conditions.query(now).status(status).limit(0))?;
        let is_chosen = |column: &Column| match self.output.columns() {
            [] => column.in_csv && column.kind != Kind::Length,
            chosen => chosen.iter().any(|name| name == column.name),
        };
        let answered = |row: &ConversationRow| {
            let columns = ConversationRows::COLUMNS.iter().zip(cells(row, now, &names));
            let cells = columns.filter(|(column, _)| is_chosen(column)).map(|(column, value)| (column.name, value));
            Answered { id: row.id().to_owned(), cells: cells.collect() }
        };
        Ok(page.rows.iter().map(|row| answered(row)).collect())
    }

    /// Whether the question itself names a moment.
    pub(crate) fn has_moment(&self) -> bool {
        self.moment.is_given()
    }

    fn print(&self, db: &Reader, context: &Context<'_>, console: &mut Console) -> Result<(), CliError> {
        let query = self.conditions.query(context.now).status(context.status);
        match self.output.sort().map_or(Ok(Sort::default()), str::parse) {
            Ok(sort) => {
                let query = query.sort(sort).reverse(self.output.is_reversed());
                self.print_pages(db, &query, context, console)
            }
            Err(_) => self.print_sorted(db, &query, context, console),
        }
    }

    /// Prints conversations in an order of the index, from the cursor on.
    fn print_pages(
        &self,
        db: &Reader,
        query: &Query,
        context: &Context<'_>,
        console: &mut Console,
    ) -> Result<(), CliError> {
        let is_by_line = matches!(self.output.format(), Format::Csv | Format::Jsonl);
        let mut left = if self.limit == 0 { usize::MAX } else { self.limit };
        let mut cursor = self.cursor.clone();
        let mut is_first = true;
        loop {
            let limit = match left {
                usize::MAX if !is_by_line => 0,
                left if is_by_line => left.min(PAGE_ROWS),
                left => left,
            };
            let Found { entries, next, unknown } = self.find(db, &query.clone().limit(limit).cursor(cursor))?;
            left = left.saturating_sub(entries.len());
            if is_first {
                self.tell(db, context, entries.is_empty(), &unknown, console)?;
            }
            if !is_by_line {
                let next_cursor = next.as_ref().map(ToString::to_string);
                let whole =
                    |conversations| PageJson { conversations, next_cursor, moment: db.report(), cluster: db.cluster() };
                self.output.print(entries, |entry| context.cells(entry), context.hidden, whole, console)?;
            } else {
                self.output.print_lines(entries, |entry| context.cells(entry), is_first, console)?;
            }
            match next {
                Some(next) if is_by_line && left > 0 => cursor = Some(next),
                Some(next) if self.output.format() != Format::Json => {
                    console.flush()?;
                    let cursor = text::quoted(&next.to_string());
                    console.note(format_args!("more rows: add --cursor {cursor} for the next page, or --limit all"));
                    return Ok(());
                }
                _ => return Ok(()),
            }
            is_first = false;
        }
    }

    /// Reads all conversations, sorts them and prints the first ones.
    fn print_sorted(
        &self,
        db: &Reader,
        query: &Query,
        context: &Context<'_>,
        console: &mut Console,
    ) -> Result<(), CliError> {
        if self.cursor.is_some() {
            let orders = Sort::NAMES.join(", ");
            return Err(CliError::new(Exit::Usage, "--cursor cannot be used with this order")
                .hint(format!("the orders {orders} have pages; sort by a column with --limit all")));
        }
        let needs_messages = self.output.sort() == Some("last_message");
        let page = if needs_messages { db.query_with_last_messages(query) } else { db.query(query) }?;
        self.tell(db, context, page.rows.is_empty(), &page.unknown, console)?;
        let mut entries: Vec<_> = page.rows.into_iter().map(|row| Entry { row, state: None }).collect();
        self.output.arrange(&mut entries, |entry| context.cells(entry));
        let more = if self.limit == 0 { 0 } else { entries.len().saturating_sub(self.limit) };
        entries.truncate(entries.len() - more);
        for entry in &mut entries {
            self.complete(db, entry)?;
        }
        let whole =
            |conversations| PageJson { conversations, next_cursor: None, moment: db.report(), cluster: db.cluster() };
        self.output.print(entries, |entry| context.cells(entry), context.hidden, whole, console)?;
        if more > 0 {
            console.flush()?;
            console.note(format_args!("{} more: add --limit all", text::counted(more as u64, "row")));
        }
        Ok(())
    }

    /// One page, with what the format needs.
    fn find(&self, db: &Reader, query: &Query) -> Result<Found, CliError> {
        if self.output.has_whole_objects() {
            let States { conversations, next, unknown } = db.query_states(query)?;
            let entry = |state: State| Entry { row: ConversationRow::from(&state).into(), state: Some(state) };
            return Ok(Found { entries: conversations.into_iter().map(entry).collect(), next, unknown });
        }
        let page = db.query_with_last_messages(query)?;
        let entries = page.rows.into_iter().map(|row| Entry { row, state: None }).collect();
        Ok(Found { entries, next: page.next, unknown: page.unknown })
    }

    /// Adds what the index does not have: the state for JSON, the last message for the others.
    fn complete(&self, db: &Reader, entry: &mut Entry) -> Result<(), CliError> {
        let is_whole = self.output.has_whole_objects();
        if !is_whole && entry.row.last_message.is_some() {
            return Ok(());
        }
        let state = db.state(entry.row.id())?;
        if is_whole {
            entry.state = state;
        } else if let Some(last) = state.and_then(|state| state.last_message) {
            Arc::make_mut(&mut entry.row).last_message = Some(Box::new(last));
        }
        Ok(())
    }

    /// Prints notes about an answer.
    fn tell(
        &self,
        db: &Reader,
        context: &Context<'_>,
        is_empty: bool,
        unknown: &[UnknownValue],
        console: &mut Console,
    ) -> Result<(), CliError> {
        db.tell(self.output.format().is_for_people(), console);
        if is_empty && !db.is_incomplete() {
            self.explain_nothing(db, context.status, unknown, console)?;
        }
        let has_durations = !self.output.format().is_json() && context.status.is_none();
        if has_durations || self.conditions.use_now() {
            db.hint(&self.now, console);
        }
        Ok(())
    }

    /// Prints the reason for an empty answer: there are no conversations, an unknown value, or no match.
    fn explain_nothing(
        &self,
        db: &Reader,
        status: Option<StatusFilter>,
        unknown: &[UnknownValue],
        console: &mut Console,
    ) -> Result<(), CliError> {
        if db.is_past() {
            console.note("no match at this moment");
            return Ok(());
        }
        if self.conditions.want_unanswered() {
            let all: u64 = db.totals()?.iter().map(|row| row.unanswered_after_close).sum();
            console.note(match all {
                0 => "no closed conversations are unanswered after their close".to_owned(),
                _ => format!("no match among {} unanswered after the close", text::counted(all, "conversation")),
            });
            return Ok(());
        }
        let (conversations, open) = db.database().counts()?;
        let (all, kind) = match status.unwrap_or_default() {
            StatusFilter::Open => (open, "open conversation"),
            StatusFilter::Closed => (conversations.saturating_sub(open), "closed conversation"),
            _ => (conversations, "conversation"),
        };
        match all {
            0 => console.note(format_args!("no {kind}s in {}", self.db.db.display())),
            all if unknown.is_empty() => console.note(format_args!("no match among {}", text::counted(all, kind))),
            _ => unknown.iter().for_each(|unknown| console.note(unknown)),
        }
        Ok(())
    }
}
