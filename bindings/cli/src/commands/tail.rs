//! `convofold tail`.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use convofold::{Change, Seq, Stats};

use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::changes::Next;
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt::Interruption;
use crate::opened::Database;
use crate::output::{event, text, time};
use crate::values;

const LAST: u64 = 20;
/// Time between two looks for new events.
const PAUSE: Duration = Duration::from_millis(250);

/// Show accepted events in the order of arrival.
///
/// Prints one event per line on standard output: sequence number, event time, conversation, kind and content; with --json
/// one JSON object per line. Without --from it prints the last events. With --from it prints every event from there on, and
/// standard error shows where to continue next time, without gaps and repetitions.
///
/// With --follow, the command then prints new events as they come, until Ctrl-C: as a stream of the process that holds the
/// database, or otherwise by looking for new events every quarter of a second. A host follows the change feed
/// (`Convofold::changes`).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold tail --db ./db                      print the last 20 events
  convofold tail --db ./db --from 1 --json      print all events, for another program
  convofold tail --db ./db --follow             print the last 20 events, and new ones as they come
")]
pub struct TailArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Sequence number to start at; the first event has number 1.
    #[arg(long, value_name = "SEQ", value_parser = values::positive::<Seq>, allow_negative_numbers = true)]
    from: Option<Seq>,
    /// Maximum number of events (0 or all: no limit) [default: 20 without --from, no limit with it].
    #[arg(long, value_name = "N", value_parser = values::limit::<u64>, allow_negative_numbers = true)]
    limit: Option<u64>,
    /// Keep printing new events. Without --from, --limit is the number of earlier events to begin with.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    /// Print one JSON object per line: {"seq": ..., "at": ..., "event": ...}, events in the form of `export --events`.
    #[arg(long)]
    json: bool,
}

impl TailArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let names = self.agent_names.read()?;
        let db = self.db.open(console)?;
        let stats = db.stats()?;
        let (from, limit) = self.range(&stats);
        if self.follow {
            let left = if self.from.is_some() { limit } else { u64::MAX };
            return Following { args: self, names: &names, next: from, left }.run(db, console);
        }
        let next = self.print(&db, from, limit, &names, console)?;
        if next == from {
            console
                .note(format_args!("no events at or after {from} (the log ends at {})", text::count(stats.last_seq)));
        } else if self.from.is_some() {
            console.flush()?;
            console.note(format_args!("continue with --from {next}"));
        }
        Ok(Exit::Success)
    }

    /// First event and maximum number of events.
    fn range(&self, stats: &Stats) -> (Seq, u64) {
        let default = if self.from.is_some() { 0 } else { LAST };
        let limit = match self.limit.unwrap_or(default) {
            0 => u64::MAX,
            limit => limit,
        };
        let from_the_end = stats.last_seq.saturating_sub(limit).saturating_add(1).max(stats.first_seq);
        (self.from.unwrap_or(from_the_end), limit)
    }

    /// Returns the sequence number after the last printed event.
    fn print(
        &self,
        db: &Database,
        from: Seq,
        limit: u64,
        names: &AgentNames,
        console: &mut Console,
    ) -> Result<Seq, CliError> {
        let mut changes = db.changes(from)?;
        let mut next = from;
        for _ in 0..limit {
            let Some(change) = changes.try_next()? else { break };
            self.print_change(&change, names, console)?;
            next = change.seq + 1;
        }
        Ok(next)
    }

    fn print_change(&self, change: &Change, names: &AgentNames, console: &mut Console) -> Result<(), CliError> {
        if self.json {
            return console.json(change);
        }
        Ok(writeln!(console.out(), "{}", in_words(change, names))?)
    }
}

/// A log that is followed.
struct Following<'a> {
    args: &'a TailArgs,
    names: &'a AgentNames,
    /// The next event.
    next: Seq,
    /// Maximum number of events to print.
    left: u64,
}

impl Following<'_> {
    fn run(mut self, db: Database, console: &mut Console) -> Result<Exit, CliError> {
        let interruption = Interruption::install()?;
        let followed = self.follow(db, &interruption, console);
        console.flush()?;
        console.note(format_args!("continue with --from {}", self.next));
        followed.map(|()| Exit::Success)
    }

    /// Prints events until the command is interrupted. The database is not kept open for reading, because that keeps writers
    /// out.
    fn follow(&mut self, db: Database, interruption: &Interruption, console: &mut Console) -> Result<(), CliError> {
        let mut end_mark = self.end_mark();
        let mut db = Some(db);
        loop {
            if let Some(db) = db.take()
                && self.print_feed(&db, interruption, console)?
            {
                return Ok(());
            }
            console.flush()?;
            if interruption.wait(PAUSE) {
                return Ok(());
            }
            let now = self.end_mark();
            if now.is_some() && now == end_mark {
                continue;
            }
            db = match self.args.db.open(console) {
                Ok(db) => Some(db),
                // Its holder may be about to start, or to end.
                Err(CliError::Failed(failure)) if failure.exit() == Exit::InUse => continue,
                Err(error) => return Err(error),
            };
            end_mark = now;
        }
    }

    /// What the file HEAD says about the end of the log: it changes with every commit.
    fn end_mark(&self) -> Option<Vec<u8>> {
        std::fs::read(self.args.db.db.join("HEAD")).ok()
    }

    /// Prints what a feed has. Returns true if that was all that was wanted.
    fn print_feed(
        &mut self,
        db: &Database,
        interruption: &Interruption,
        console: &mut Console,
    ) -> Result<bool, CliError> {
        let mut changes = db.follow(self.next)?;
        let mut timeout = Duration::ZERO;
        while self.left > 0 {
            match changes.next_timeout(timeout)? {
                Next::Change(change) => {
                    self.args.print_change(&change, self.names, console)?;
                    self.next = change.seq + 1;
                    self.left -= 1;
                    timeout = Duration::ZERO;
                }
                Next::Nothing => {
                    console.flush()?;
                    timeout = PAUSE;
                }
                Next::End => return Ok(false),
            }
            if interruption.wait(Duration::ZERO) {
                return Ok(true);
            }
        }
        Ok(true)
    }
}

fn in_words(change: &Change, names: &AgentNames) -> String {
    let Change { seq, event, .. } = change;
    let at = time::to_millisecond(event.at().alone().ms());
    let (conversation, kind) = (text::one_line(event.conversation()), event::kind(event.kind()));
    format!("{seq}  {at}  {conversation}  {kind}  {}", event::in_words(event, names)).trim_end().to_owned()
}
