//! `convofold tail`.

use std::borrow::Cow;
use std::io::Write;

use clap::Args;
use convofold::{Change, Changes, Convofold, Direction, Event, Kind, Mention, Seq, Stats};
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::event::{self, Said};
use crate::output::{text, time};

const LAST: u64 = 20;

/// Show accepted events in the order in which they arrived.
///
/// Prints one event a line on standard output: its place in the log, when it happened, its conversation, what it did and
/// what it said; with --json one JSON object a line. Without --from these are the last events; with it every one from
/// there to the end, and standard error says from where to go on next time, without a hole and without a repeat.
///
/// A database is open in one process at a time, so nothing can arrive while this command looks: there is nothing to
/// follow. A host that keeps the database open follows with `Convofold::changes`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold tail --db ./db                      the last 20 events
  convofold tail --db ./db --from 1 --json      all of them, for another program
")]
pub struct TailArgs {
    #[command(flatten)]
    db: DbArgs,
    /// The place in the log to begin at; the first event has place 1.
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<Seq>,
    /// At most so many; 0 is all of them [default: 20 without --from, all with it].
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print one JSON object a line instead.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    seq: Seq,
    conversation: &'a str,
    source: &'a str,
    kind: Kind,
    at: i64,
    direction: Option<Direction>,
    channel: Option<&'a str>,
    text: Option<&'a str>,
    agent: Mention,
    unread: Option<u64>,
    identity: Cow<'a, str>,
}

impl TailArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open(console)?;
        let (from, limit) = self.range(&db.stats());
        let next = self.print(&db, from, limit, console)?;
        if next == from {
            console.note(format_args!("no event has arrived from place {from} on"));
        } else if self.from.is_some() {
            console.flush()?;
            console.note(format_args!("go on with --from {next}"));
        }
        Ok(Exit::Success)
    }

    /// Where to begin, and how many to show.
    fn range(&self, stats: &Stats) -> (Seq, u64) {
        let default = if self.from.is_some() { 0 } else { LAST };
        let limit = match self.limit.unwrap_or(default) {
            0 => u64::MAX,
            limit => limit,
        };
        let from_the_end = stats.last_seq.saturating_sub(limit).saturating_add(1).max(stats.first_seq);
        (self.from.unwrap_or(from_the_end), limit)
    }

    /// Returns the place after the last event that was shown.
    fn print(&self, db: &Convofold, from: Seq, limit: u64, console: &mut Console) -> Result<Seq, CliError> {
        let mut changes = db.changes(from);
        let mut next = from;
        for _ in 0..limit {
            let Some(Change { seq, event, .. }) = read(&mut changes)? else { break };
            if self.json {
                console.json(&as_json(seq, &event))?;
            } else {
                writeln!(console.out(), "{}", in_words(seq, &event))?;
            }
            next = seq + 1;
        }
        Ok(next)
    }
}

fn read(changes: &mut Changes) -> Result<Option<Change>, CliError> {
    changes.try_next().map_err(|error| CliError::log(&error))
}

fn as_json(seq: Seq, event: &Event) -> ChangeJson<'_> {
    ChangeJson {
        seq,
        conversation: event.conversation(),
        source: event.source(),
        kind: event.kind(),
        at: event.at().alone().ms(),
        direction: event.direction(),
        channel: event.channel(),
        text: event.text(),
        agent: event::mention(event.agent()),
        unread: event.unread(),
        identity: event.identity().text(),
    }
}

fn in_words(seq: Seq, event: &Event) -> String {
    let agent = event::mention(event.agent());
    let said = Said { direction: event.direction(), agent: &agent, unread: event.unread(), text: event.text() };
    let at = time::to_millisecond(event.at().alone().ms());
    let (conversation, kind) = (text::one_line(event.conversation()), event.kind());
    format!("{seq}  {at}  {conversation}  {}  {}", event::kind(kind), said.in_words(kind)).trim_end().to_owned()
}
