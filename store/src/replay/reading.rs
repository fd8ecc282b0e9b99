//! The thread that reads inputs, decompresses them and cuts them into pieces.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convofold_engine::ingest::{Framer, Limits, Piece, Position};
use crossbeam_channel::{Receiver, Sender};

use super::ReplayError;
use super::input::{Input, OpenInput};
use super::resume::ResumePoint;
use crate::storage::panic_message;

/// The events of a piece become a block of the log. In smaller blocks more is repeated: the ids of each conversation and of
/// its member are in every block with an event of it, and do not compress.
const PIECE_BYTES: usize = if cfg!(test) { 256 << 10 } else { 2 << 20 };

/// What the reader found, or why there is no more.
pub(super) struct Work {
    /// The number of the piece: 0, 1, 2, and so on.
    pub(super) number: u64,
    pub(super) input: u32,
    pub(super) fingerprint: u64,
    pub(super) found: Result<Found, ReplayError>,
}

/// A part of an input.
pub(super) enum Found {
    Piece(Piece),
    Problem(Problem),
}

/// An input that cannot be read to its end, or of which something was ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The position after the last complete line before it.
    pub(super) line: u64,
    pub(super) byte_offset: u64,
    pub(super) what: String,
    pub(super) is_harmless: bool,
}

/// Reads the inputs in order.
pub(super) struct Reading {
    pub(super) limits: Limits,
    pub(super) bytes_read: Arc<AtomicU64>,
    /// Each piece takes one, which bounds the number of pieces in memory.
    pub(super) credits: Receiver<()>,
    pub(super) work: Sender<Work>,
    /// Buffers of parsed pieces, for reuse.
    pub(super) spare: Receiver<Vec<u8>>,
    pub(super) next_number: u64,
}

/// The replay has ended and needs no more pieces.
struct Ended;

/// Why an input was not read to its end.
enum Stop {
    Ended,
    Failed(io::Error),
}

impl Reading {
    /// Reads from `place` on, until the inputs or the replay end.
    pub(super) fn run(mut self, inputs: Vec<Input>, place: ResumePoint) {
        // A panic would be a bug in convofold. It must not look like the end of the inputs.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.read_all(inputs, place))) {
            let message = panic_message(payload.as_ref());
            let _ = self.send(0, 0, Err(ReplayError::Panicked { message }));
        }
    }

    fn read_all(&mut self, inputs: Vec<Input>, place: ResumePoint) {
        for (number, input) in (0..).zip(inputs) {
            let start = match number {
                passed if passed < place.input => {
                    self.count_passed(&input);
                    continue;
                }
                here if here == place.input => place,
                _ => ResumePoint::default(),
            };
            let outcome = match input.open(self.bytes_read.clone()) {
                Ok(input) => self.read(number, input, start),
                Err(error) => self.report(number, 0, start, &error),
            };
            if outcome.is_err() {
                return;
            }
        }
    }

    /// Reports an input that cannot be read further. The next input follows.
    fn report(&mut self, input: u32, fingerprint: u64, at: ResumePoint, error: &io::Error) -> Result<(), Ended> {
        let Position { line, byte_offset, .. } = at.at;
        let problem = Problem { line, byte_offset, what: error.to_string(), is_harmless: false };
        self.send(input, fingerprint, Ok(Found::Problem(problem)))
    }

    fn count_passed(&self, input: &Input) {
        let length = input.as_path().and_then(|path| path.metadata().ok()).map_or(0, |metadata| metadata.len());
        self.bytes_read.fetch_add(length, Ordering::Relaxed);
    }

    fn read(&mut self, number: u32, mut input: OpenInput, start: ResumePoint) -> Result<(), Ended> {
        let fingerprint = input.fingerprint;
        let mut end = start;
        let outcome = self.read_pieces(number, &mut input, start, &mut end);
        let problem = match (outcome, input.warning()) {
            (Err(Stop::Ended), _) => return Err(Ended),
            (Err(Stop::Failed(error)), _) => return self.report(number, fingerprint, end, &error),
            (Ok(()), None) => return Ok(()),
            (Ok(()), Some(warning)) => Problem {
                line: end.at.line,
                byte_offset: end.at.byte_offset,
                what: warning.to_owned(),
                is_harmless: true,
            },
        };
        self.send(number, fingerprint, Ok(Found::Problem(problem)))
    }

    /// Reads an input to its end. `end` is the position after the last piece that was sent.
    fn read_pieces(
        &mut self,
        number: u32,
        input: &mut OpenInput,
        start: ResumePoint,
        end: &mut ResumePoint,
    ) -> Result<(), Stop> {
        input.skip(start.at.byte_offset).map_err(Stop::Failed)?;
        let mut framer = Framer::resume(self.limits, PIECE_BYTES, start.at);
        let fingerprint = input.fingerprint;
        let spare = self.spare.clone();
        let mut buffer = Vec::new();
        let mut ended = false;
        while !ended {
            if framer.needs_buffer() {
                spare.try_recv().into_iter().for_each(|bytes| framer.recycle(bytes));
            }
            let mut emit = |piece: Piece| {
                end.at = piece.end();
                ended |= self.send(number, fingerprint, Ok(Found::Piece(piece))).is_err();
            };
            let outcome = if input.is_live {
                input.read_chunk(&mut buffer).map(|chunk| {
                    framer.feed(chunk, &mut emit);
                    // More input may come much later; available lines are parsed now.
                    framer.flush(&mut emit);
                    !chunk.is_empty()
                })
            } else {
                framer.feed_from(|held, bytes| input.read_onto(held, bytes), &mut emit)
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => {
                    framer.finish(&mut emit);
                    return if ended { Err(Stop::Ended) } else { Ok(()) };
                }
                Err(error) => {
                    // What follows the last complete line is cut off, not rejected.
                    framer.flush(&mut emit);
                    return Err(if ended { Stop::Ended } else { Stop::Failed(error) });
                }
            }
        }
        Err(Stop::Ended)
    }

    fn send(&mut self, input: u32, fingerprint: u64, found: Result<Found, ReplayError>) -> Result<(), Ended> {
        self.credits.recv().map_err(|_| Ended)?;
        let work = Work { number: self.next_number, input, fingerprint, found };
        self.next_number += 1;
        self.work.send(work).map_err(|_| Ended)
    }
}
