//! Parses pieces of the input and submits their events.

use std::mem;

use convofold::ingest::Parser;
use convofold::replay::Target;
use convofold::{Batch, Event, Ticket};
use crossbeam_channel::{Receiver, Sender};

use super::line::{Line, lines};
use super::reading::Input;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::rejects::Rejects;

/// A line that waits for its answer.
pub(super) struct Taken {
    /// Its events have moved into the batch.
    pub(super) line: Line,
    /// `None` if the line contains no event.
    pub(super) ticket: Option<Ticket>,
}

/// Submits every line as its own batch, so that each has its own answer. The writer commits queued batches together.
pub(super) fn take(
    target: &dyn Target,
    parser: &Parser,
    mut rejects: Option<&mut Rejects>,
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
        // A rejection that cannot be written ends the input. `Rejects::finish` returns the reason.
        let Some(lines) = lines(parser, &piece, rejects.as_deref_mut()) else { return Ok(()) };
        for mut line in lines {
            let events = mem::take(&mut line.events);
            let ticket = if events.is_empty() { None } else { Some(submit(target, line.number, events)?) };
            if taken.send(Taken { line, ticket }).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn submit(target: &dyn Target, line: u64, events: Vec<Event>) -> Result<Ticket, CliError> {
    target
        .submit(Batch::new(events))
        .map_err(|error| CliError::new(Exit::Failure, format!("line {line} was not accepted: {}", chain(&error))))
}
