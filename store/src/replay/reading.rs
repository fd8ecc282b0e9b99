//! The thread that reads inputs, decompresses them and cuts them into pieces.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use convofold_engine::ingest::{Framer, Limits, Piece};
use crossbeam_channel::{Receiver, Sender};

use super::ReplayError;
use super::input::{Input, OpenInput};
use super::resume::ResumePoint;
use crate::storage::panic_message;

/// Large enough that passing it between threads costs nothing, small enough for a processor's cache.
const PIECE_BYTES: usize = 512 << 10;

/// A piece to be parsed, or why there are no more.
pub(super) struct Work {
    /// The number of the piece: 0, 1, 2, and so on.
    pub(super) number: u64,
    pub(super) input: u32,
    pub(super) fingerprint: u64,
    pub(super) piece: Result<Piece, ReplayError>,
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
            let name = input.name().to_owned();
            let outcome = input.open(self.bytes_read.clone()).and_then(|input| self.read(number, input, start));
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(Ended)) => return,
                Err(source) => {
                    let _ = self.send(number, 0, Err(ReplayError::Input { name, source }));
                    return;
                }
            }
        }
    }

    fn count_passed(&self, input: &Input) {
        let length = input.as_path().and_then(|path| path.metadata().ok()).map_or(0, |metadata| metadata.len());
        self.bytes_read.fetch_add(length, Ordering::Relaxed);
    }

    fn read(&mut self, number: u32, mut input: OpenInput, start: ResumePoint) -> std::io::Result<Result<(), Ended>> {
        // An input that begins with blank lines can still be a single document.
        let mut framer = if input.is_blank_up_to(start.byte_offset) {
            Framer::new(self.limits, PIECE_BYTES)
        } else {
            input.skip(start.byte_offset)?;
            Framer::resume(self.limits, PIECE_BYTES, start.line, start.byte_offset)
        };
        let fingerprint = input.fingerprint;
        let spare = self.spare.clone();
        let mut buffer = Vec::new();
        let mut ended = false;
        while !ended {
            spare.try_iter().for_each(|bytes| framer.recycle(bytes));
            let mut emit = |piece| ended |= self.send(number, fingerprint, Ok(piece)).is_err();
            let is_more = if input.is_live {
                let chunk = input.read_chunk(&mut buffer)?;
                framer.feed(chunk, &mut emit);
                // More input may come much later; available lines are parsed now.
                framer.flush(&mut emit);
                !chunk.is_empty()
            } else {
                framer.feed_from(|held, bytes| input.read_onto(held, bytes), &mut emit)?
            };
            if !is_more {
                framer.finish(&mut emit);
                return Ok(if ended { Err(Ended) } else { Ok(()) });
            }
        }
        Ok(Err(Ended))
    }

    fn send(&mut self, input: u32, fingerprint: u64, piece: Result<Piece, ReplayError>) -> Result<(), Ended> {
        self.credits.recv().map_err(|_| Ended)?;
        let work = Work { number: self.next_number, input, fingerprint, piece };
        self.next_number += 1;
        self.work.send(work).map_err(|_| Ended)
    }
}
