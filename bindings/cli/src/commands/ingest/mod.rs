//! `convofold ingest`.
//!
//! Three threads, each waiting for one thing: one reads standard input, one parses and submits, and this one waits for
//! what was submitted and answers. What lies between them is bounded.

mod reading;
mod line;
mod taking;
mod answer;

use std::io;
use std::thread;

use clap::Args;
use convofold::ingest::{Format, Limits, Parser};
use convofold::{CommitError, Convofold, Options};
use crossbeam_channel::{Receiver, TryRecvError, bounded};

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::interrupt;
use crate::values;
use answer::AnswerJson;
use reading::Input;
use taking::{Taken, take};

/// So many pieces of the input wait to be parsed.
const PIECES_AHEAD: usize = 4;
/// So many lines are in flight, taken and not answered: enough for several groups of the writer.
const LINES_IN_FLIGHT: usize = 4_096;

/// Take events from standard input as they come, and acknowledge every line.
///
/// Reads events, one JSON object or array a line, and answers each line with one JSON object a line on standard output,
/// in the order of the lines. A line is answered once its events are on the disk, where they survive a killed process
/// and a power cut. Lines that come while others are being written are made durable together: whoever sends on without
/// waiting for each answer gets thousands of them a second.
///
/// An answer says what the events of the line did, the place of the last of them in the log (null where none was
/// logged), and what was rejected and why, with the byte of the whole input. Standard error has nothing but what goes
/// wrong.
///
/// At the end of the input, or when interrupted, what was taken is answered and the database closed. What was not
/// answered may or may not be there: send it again, what is there already counts as duplicate.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  convofold generate --events 1000 | convofold ingest --db ./db

An answer:
  {\"line\":1,\"events\":1,\"applied\":1,\"late\":0,\"duplicates\":0,\"conflicts\":0,\"ignored\":0,\"rejected\":0,\"last_seq\":1}
")]
pub struct IngestArgs {
    #[command(flatten)]
    db: DbArgs,
    /// The source of the events; auto finds it out for each of them.
    #[arg(long, value_parser = values::named::<Format>(Format::NAMES), default_value_t)]
    source: Format,
}

impl IngestArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let (inputs, input) = bounded(PIECES_AHEAD);
        let stop = inputs.clone();
        interrupt::on_first(move || drop(stop.send(Input::Stop)))?;
        let db = self.db.open_or_create(Options::new(), console)?;
        let stop = inputs.clone();
        // It is not waited for: nothing ends its wait for input that does not come.
        thread::spawn(move || reading::read(io::stdin().lock(), Limits::default(), &inputs));
        let parser = Parser::new(self.source, Limits::default());
        let ended = thread::scope(|scope| {
            let (sender, taken) = bounded(LINES_IN_FLIGHT);
            let taking = scope.spawn({
                let db = &db;
                move || take(db, parser, &input, &sender)
            });
            let answered = answer_all(taken, console);
            // Where answers ended early, nothing more is to be taken; else nobody hears this any more.
            let _ = stop.send(Input::Stop);
            let taken = taking.join().unwrap_or_else(|_| Err(CliError::new(Exit::Failure, "taking events failed")));
            answered.and_then(|exit| taken.map(|()| exit))
        });
        close(&db, ended)
    }
}

/// Closes whatever happened; a failure before is worth more than one in closing, which mostly is the same.
fn close(db: &Convofold, ended: Result<Exit, CliError>) -> Result<Exit, CliError> {
    let closed = db.close();
    let exit = ended?;
    closed.map_err(|error| {
        CliError::new(Exit::Failure, format!("cannot close: {}", chain(&error)))
            .hint("everything that was answered is on the disk")
    })?;
    Ok(exit)
}

/// Answers every line in its turn, and hands on what is answered before it waits for anything.
fn answer_all(taken: Receiver<Taken>, console: &mut Console) -> Result<Exit, CliError> {
    let mut exit = Exit::Success;
    while let Some(Taken { line, ticket }) = next(&taken, console)? {
        let receipt = match ticket {
            None => None,
            Some(ticket) => {
                let outcome = match ticket.try_get() {
                    Some(outcome) => outcome,
                    None => {
                        console.flush()?;
                        ticket.wait()
                    }
                };
                Some(outcome.map_err(|error| not_committed(line.number, &error))?)
            }
        };
        console.json(&AnswerJson::new(&line, receipt.as_ref()))?;
        if line.rejected > 0 {
            exit = Exit::Rejected;
        }
    }
    console.flush()?;
    Ok(exit)
}

fn next(taken: &Receiver<Taken>, console: &mut Console) -> Result<Option<Taken>, CliError> {
    match taken.try_recv() {
        Ok(taken) => Ok(Some(taken)),
        Err(TryRecvError::Disconnected) => Ok(None),
        Err(TryRecvError::Empty) => {
            console.flush()?;
            Ok(taken.recv().ok())
        }
    }
}

fn not_committed(line: u64, error: &CommitError) -> CliError {
    CliError::new(Exit::Failure, format!("line {line} is not on the disk: {}", chain(error))).hint(format!(
        "lines before it are; once the cause is gone, run the command again and send from line {line} on: what is there \
         already counts as duplicate"
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Where an answer goes matters as much as that it is written: whoever waits for it sends nothing more.
    #[test]
    fn what_is_answered_is_handed_on_before_the_next_line_is_waited_for() {
        use std::io::Write;
        #[derive(Clone, Default)]
        struct Shown(Arc<std::sync::Mutex<Vec<u8>>>);
        impl Write for Shown {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let shown = Shown::default();
        let mut console = Console::plain(Box::new(shown.clone()), Box::new(io::sink()));
        let (sender, taken) = bounded(1);
        let seen = shown.clone();
        thread::spawn(move || {
            sender.send(Taken { line: line::Line { number: 1, ..line::Line::default() }, ticket: None }).unwrap();
            while seen.0.lock().unwrap().is_empty() {
                thread::yield_now();
            }
        });
        assert_eq!(answer_all(taken, &mut console).unwrap(), Exit::Success);
        assert!(shown.0.lock().unwrap().starts_with(b"{\"line\":1,"));
    }
}
