//! Parses pieces of the input and submits their events.

use std::mem;

use convofold::ingest::Parser;
use convofold::{Batch, Convofold, Event, Ticket};
use crossbeam_channel::{Receiver, Sender};

use super::line::{Line, lines};
use super::reading::Input;
use crate::error::{CliError, chain};
use crate::exit::Exit;

/// A line that waits for its answer.
pub(super) struct Taken {
    /// Its events have moved into the batch.
    pub(super) line: Line,
    /// `None` if the line contains no event.
    pub(super) ticket: Option<Ticket>,
}

/// Submits every line as its own batch, so that each has its own answer. The writer commits queued batches together.
pub(super) fn take(
    db: &Convofold,
    parser: Parser,
    input: &Receiver<Input>,
    taken: &Sender<Taken>,
) -> Result<(), CliError> {
    for input in input {
        let piece = match input {
            Input::Piece(piece) => piece,
            Input::End | Input::Stop => return Ok(()),
            Input::Failed(error) => {
                return Err(CliError::new(Exit::Failure, format!("cannot read standard input: {error}")));
            }
        };
        for mut line in lines(&parser, &piece) {
            let events = mem::take(&mut line.events);
            let ticket = if events.is_empty() { None } else { Some(submit(db, line.number, events)?) };
            if taken.send(Taken { line, ticket }).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn submit(db: &Convofold, line: u64, events: Vec<Event>) -> Result<Ticket, CliError> {
    db.submit(Batch::new(events))
        .map_err(|error| CliError::new(Exit::Failure, format!("line {line} was not accepted: {}", chain(&error))))
}
