//! Parses pieces of the input and submits their events.

use std::mem;

use convofold::ingest::Parser;
use convofold::replay::Target;
use convofold::{Batch, Ticket};
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
        let (piece, mut bookmark) = match input {
            Input::Piece(piece) => (piece, None),
            Input::Marked { piece, bookmark } => (piece, Some(bookmark)),
            Input::End | Input::Stop => return Ok(()),
            Input::Failed { name, error } => {
                return Err(CliError::new(Exit::Failure, format!("cannot read {name}: {error}")));
            }
        };
        // A rejection that cannot be written ends the input. `Rejects::finish` returns the reason.
        let Some(lines) = lines(parser, &piece, rejects.as_deref_mut()) else { return Ok(()) };
        let last = lines.iter().rposition(|line| !line.events.is_empty());
        for (index, mut line) in lines.into_iter().enumerate() {
            let mut batch = Batch::new(mem::take(&mut line.events));
            if last == Some(index) {
                batch = with_bookmark(batch, bookmark.take());
            }
            let ticket = if batch.is_empty() { None } else { Some(submit(target, line.number, batch)?) };
            if taken.send(Taken { line, ticket }).is_err() {
                return Ok(());
            }
        }
        // No line of the piece has an event.
        if bookmark.is_some() {
            submit(target, piece.end().line, with_bookmark(Batch::default(), bookmark))?;
        }
    }
    Ok(())
}

fn with_bookmark(batch: Batch, bookmark: Option<(String, Vec<u8>)>) -> Batch {
    match bookmark {
        Some((name, value)) => batch.bookmark(name, value),
        None => batch,
    }
}

fn submit(target: &dyn Target, line: u64, batch: Batch) -> Result<Ticket, CliError> {
    target
        .submit(batch)
        .map_err(|error| CliError::new(Exit::Failure, format!("line {line} was not accepted: {}", chain(&error))))
}
