//! `convofold ingest`.
//!
//! Three threads: one reads standard input, one parses and submits, and this one waits for commits and answers. The queues
//! between them are bounded.

mod reading;
mod line;
mod taking;
mod follow;
mod answer;

use std::io;
use std::path::PathBuf;
use std::thread;

use clap::Args;
use convofold::ingest::Parser;
use convofold::replay::Target;
use convofold::{CommitError, Convofold, Options};
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use crate::console::Console;
use crate::database::{Answering, DbArgs};
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::interrupt;
use crate::opened::Database;
use crate::parsing::ParsingArgs;
use crate::rejects::{Rejects, RejectsArgs};
use answer::AnswerJson;
use follow::Followed;
use reading::Input;
use taking::{Taken, take};

/// Capacity of the queue of unparsed pieces.
const PIECES_AHEAD: usize = 4;
/// Maximum number of submitted lines without an answer: enough for several groups of the writer.
const LINES_IN_FLIGHT: usize = 4_096;

/// Ingest events from standard input and acknowledge every line.
///
/// Reads one JSON object or array of events per line, and answers each line with one JSON object on standard output, in the
/// order of the lines. A line is answered when its events are durable: they survive a killed process and a power cut. Lines
/// that arrive while others are written share one commit, so a sender that does not wait for each answer reaches thousands
/// of lines per second.
///
/// With --rejects, rejected input is written to a file before its line is answered. An answer contains the effects of the events, the sequence number of the last one (null if none was logged), and the
/// rejections with their reasons and byte offsets in the whole input. Standard error contains only errors.
///
/// At the end of the input, or when interrupted, the command answers all submitted lines and closes the database. Events
/// without an answer may or may not be stored. Send them again: stored events count as duplicates.
///
/// With --follow, the command reads a file like `tail -F`, from its beginning: it waits for the file, for more lines, and for
/// the end of an incomplete last line. If the file is renamed and a new one begun, it reads the old one to its end and continues
/// with the new one; if the file is truncated, it begins again. Its place in the file is committed with the events, so a run
/// that was killed is resumed where it stopped, also if the file was renamed in the meantime. Rotated files must stay in the
/// folder, uncompressed, until they are read. Ctrl-C and SIGTERM end the command with code 0, also if lines were rejected.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold generate --events 1000 | convofold ingest --db ./db
  convofold ingest --follow /var/log/chat/events.ndjson --rejects rejects.ndjson --db ./db > /dev/null

Example of an answer:
  {\"line\":1,\"events\":1,\"applied\":1,\"late\":0,\"duplicates\":0,\"conflicts\":0,\"ignored\":0,\"rejected\":0,\"last_seq\":1}
")]
pub struct IngestArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    rejects: RejectsArgs,
    #[command(flatten)]
    parsing: ParsingArgs,
    /// Read this growing file instead of standard input, and wait for more at its end; see above.
    #[arg(long, value_name = "FILE", help_heading = "Options")]
    follow: Option<PathBuf>,
}

impl IngestArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        self.rejects.check(&self.db.db)?;
        let limits = self.parsing.limits();
        let followed = self
            .follow
            .as_deref()
            .map(|path| Followed::new(path, limits).map_err(|error| CliError::io("follow", path, &error)));
        let followed = followed.transpose()?;
        let (inputs, input) = bounded(PIECES_AHEAD);
        let stop = inputs.clone();
        interrupt::on_first(move || drop(stop.send(Input::Stop)))?;
        let db = self.db.open_or_create(Options::new(), console)?;
        // What was sent again after a crash is not written again.
        let rejects = self.rejects.open(false)?;
        let stop = inputs.clone();
        // Not joined: it may block on input forever.
        let read = move |target: &dyn Target| {
            let followed = followed.map(|followed| followed.resume(target)).transpose();
            let followed = followed.map_err(|error| CliError::new(Exit::Failure, chain(&error)))?;
            thread::spawn(move || match followed {
                Some(followed) => followed.read(&inputs),
                None => reading::read(io::stdin().lock(), limits, &inputs),
            });
            Ok(())
        };
        let lines = Lines { parser: self.parsing.parser(), rejects, input, stop };
        let ended = match db {
            Database::Here(db) => {
                let answering = Answering::start(&db, console);
                let ended = read(&db).and_then(|()| lines.ingest(&db, console));
                answering.end();
                close(&db, ended)
            }
            #[cfg(feature = "serve")]
            Database::Elsewhere(client) => {
                let batches = client.batches(limits, 0)?;
                read(&batches)?;
                lines.ingest(&batches, console)
            }
            #[cfg(feature = "cluster")]
            Database::Across(cluster) => {
                Err(cluster.unsupported("events go into its log (`convofold cluster publish`)"))
            }
        };
        // A service that is stopped has not failed.
        ended.map(|exit| if self.follow.is_some() { Exit::Success } else { exit })
    }
}

/// The lines on their way into a database.
struct Lines {
    parser: Parser,
    rejects: Option<Rejects>,
    input: Receiver<Input>,
    stop: Sender<Input>,
}

impl Lines {
    /// Submits and answers all lines.
    fn ingest(self, target: &dyn Target, console: &mut Console) -> Result<Exit, CliError> {
        let Self { parser, mut rejects, input, stop } = self;
        let ended = thread::scope(|scope| {
            let (sender, taken) = bounded(LINES_IN_FLIGHT);
            let taking = scope.spawn({
                let rejects = rejects.as_mut();
                move || take(target, &parser, rejects, &input, &sender)
            });
            let answered = answer_all(taken, console);
            // If answering ended early, stop submitting; otherwise nothing receives this.
            let _ = stop.send(Input::Stop);
            let taken = taking
                .join()
                .unwrap_or_else(|_| Err(CliError::new(Exit::Failure, "the thread that submits events failed")));
            answered.and_then(|exit| taken.map(|()| exit))
        });
        ended.and_then(|exit| rejects.map_or(Ok(exit), |rejects| rejects.finish().map(|()| exit)))
    }
}

/// Closes the database in any case. An earlier failure takes precedence over a failure to close.
fn close(db: &Convofold, ended: Result<Exit, CliError>) -> Result<Exit, CliError> {
    let closed = db.close();
    let exit = ended?;
    closed.map_err(|error| {
        CliError::new(Exit::Failure, format!("cannot close: {}", chain(&error))).hint("all answered events are durable")
    })?;
    Ok(exit)
}

/// Answers every line in order, and flushes the answers before it waits.
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
    CliError::new(Exit::Failure, format!("line {line} is not durable: {}", chain(error))).hint(format!(
        "earlier lines are; fix the problem, run the command again and send line {line} and all later lines: stored events \
         count as duplicates"
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A sender that waits for an answer sends nothing until it arrives.
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
