//! The parse threads, and the queue that restores the order of pieces.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use convofold_engine::ingest::{Limits, Parser, Piece, Position};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use parking_lot::Mutex;

use super::input::Input;
use super::reading::{Found, Problem, Reading, Work};
use super::resume::ResumePoint;
use super::{EVENTS_AT_ONCE, MAX_IN_FLIGHT, ReplayError, SUBMISSION_BYTES};
use crate::api::ingest::{Parsed, ParsedLimits};
use crate::log::columns::{ColumnsPool, Packer};
use crate::storage::panic_message;

/// Maximum number of rejections to keep per piece. A piece can contain hundreds of thousands.
const REJECTIONS_KEPT: usize = 256;

/// How pieces are parsed.
#[derive(Clone)]
pub(super) struct Parsing {
    pub(super) parser: Parser,
    /// Whether rejections are reported, not only counted.
    pub(super) wants_rejections: bool,
    /// The size of the blocks for which events are packed; see [`Target::block_bytes`](super::Target::block_bytes).
    pub(super) block_bytes: Option<usize>,
    /// Whether the last events that were committed contained repeated ones. The next ones probably do as well, and the writer
    /// packs the others again, so blocks are not packed before.
    pub(super) has_repeats: Arc<AtomicBool>,
    pool: ColumnsPool,
}

/// A parsed piece.
pub(super) struct ParsedPiece {
    pub(super) input: u32,
    pub(super) fingerprint: u64,
    pub(super) parsed: Parsed,
    /// The piece itself, if it has more rejections than were kept: it is parsed again when they are reported.
    pub(super) again: Option<Piece>,
    /// The end of the piece.
    pub(super) end: Position,
}

/// An output of the pipeline.
pub(super) enum Output {
    Piece(Box<ParsedPiece>),
    Problem { input: u32, problem: Problem },
}

/// An output of the pipeline, with its position in the order.
pub(super) type Numbered = (u64, Result<Output, ReplayError>);

/// The threads of a replay.
pub(super) struct Pipeline {
    parsed: Receiver<Numbered>,
    /// Dropped at the end, which stops the threads.
    credits: Mutex<Option<Sender<()>>>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

impl Pipeline {
    pub(super) fn start(
        inputs: Vec<Input>,
        place: ResumePoint,
        parsing: Parsing,
        limits: Limits,
        parse_threads: usize,
    ) -> Result<Self, ReplayError> {
        let threads = match parse_threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let pieces_on_their_way = 2 * threads + 2;
        // The credits bound the number of pieces, so these channels need no bound.
        let (work_sender, work_receiver) = unbounded();
        let (parsed_sender, parsed) = unbounded();
        let (spare_sender, spare) = bounded(pieces_on_their_way);
        let (credits, credits_receiver) = bounded(pieces_on_their_way);
        for _ in 0..pieces_on_their_way {
            let _ = credits.try_send(());
        }

        let bytes_total = inputs.iter().map(|input| Some(input.as_path()?.metadata().ok()?.len())).sum();
        let bytes_read = Arc::new(AtomicU64::new(0));
        let reading = Reading {
            limits,
            bytes_read: bytes_read.clone(),
            credits: credits_receiver,
            work: work_sender,
            spare,
            next_number: 0,
        };
        // The threads are not joined: they end by themselves, but the reader can block on an input forever.
        spawn("convofold-reader", move || reading.run(inputs, place))?;
        for _ in 0..threads {
            let (work, parsed, spare) = (work_receiver.clone(), parsed_sender.clone(), spare_sender.clone());
            let parsing = parsing.clone();
            spawn("convofold-parser", move || parse_all(&parsing, &work, &parsed, &spare))?;
        }
        Ok(Self { parsed, credits: Mutex::new(Some(credits)), bytes_read, bytes_total })
    }

    /// Returns the next parsed piece, in any order; disconnected after the last one.
    pub(super) fn next(&self, timeout: Duration) -> Result<Numbered, RecvTimeoutError> {
        self.parsed.recv_timeout(timeout)
    }

    /// Allows one more piece to be read.
    pub(super) fn took_one(&self) {
        if let Some(credits) = &*self.credits.lock() {
            let _ = credits.try_send(());
        }
    }

    /// Number of bytes read, and of all bytes if it is known.
    pub(super) fn bytes(&self) -> (u64, Option<u64>) {
        (self.bytes_read.load(Ordering::Relaxed), self.bytes_total)
    }

    /// Stops the threads, except a reader that is blocked on its input.
    pub(super) fn end(&self) {
        *self.credits.lock() = None;
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), ReplayError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop).map_err(ReplayError::Thread)
}

fn parse_all(parsing: &Parsing, work: &Receiver<Work>, done: &Sender<Numbered>, spare: &Sender<Vec<u8>>) {
    let mut packer = parsing.packer();
    for Work { number, input, fingerprint, found } in work {
        let output = found.and_then(|found| {
            let piece = match found {
                Found::Piece(piece) => piece,
                Found::Problem(problem) => return Ok(Output::Problem { input, problem }),
            };
            let parsed = parsing.parse(&piece, packer.as_mut())?;
            let end = piece.end();
            let again = if parsing.wants_rejections && !parsed.has_all_rejections() {
                Some(piece)
            } else {
                recycle(piece, spare);
                None
            };
            Ok(Output::Piece(Box::new(ParsedPiece { input, fingerprint, parsed, again, end })))
        });
        if done.send((number, output)).is_err() {
            return;
        }
    }
}

impl Parsing {
    pub(super) fn new(parser: Parser, wants_rejections: bool, block_bytes: Option<usize>) -> Self {
        let (has_repeats, pool) = (Arc::default(), ColumnsPool::new(2 * MAX_IN_FLIGHT));
        Self { parser, wants_rejections, block_bytes, has_repeats, pool }
    }

    /// For one thread. Without it, the writer packs the events.
    fn packer(&self) -> Option<Packer> {
        self.block_bytes.and_then(|block_bytes| Packer::new(block_bytes).ok())
    }

    fn parse(&self, piece: &Piece, packer: Option<&mut Packer>) -> Result<Parsed, ReplayError> {
        let rejections = if self.wants_rejections { REJECTIONS_KEPT } else { 0 };
        let limits = ParsedLimits { rejections, events: EVENTS_AT_ONCE, bytes: SUBMISSION_BYTES };
        // A panic would be a bug of the parser. It must not look like the end of the inputs.
        let parsed = catch_unwind(AssertUnwindSafe(|| {
            let mut parsed = Parsed::new(limits, self.pool.clone());
            self.parser.parse(piece, &mut parsed);
            if let Some(packer) = packer.filter(|_| !self.has_repeats.load(Ordering::Relaxed)) {
                parsed.columns_mut().for_each(|columns| packer.pack(columns));
            }
            parsed
        }));
        parsed.map_err(|payload| ReplayError::Panicked { message: panic_message(payload.as_ref()) })
    }
}

fn recycle(piece: Piece, spare: &Sender<Vec<u8>>) {
    let _ = spare.try_send(piece.into_bytes());
}

/// Restores the order of outputs.
#[derive(Default)]
pub(super) struct Reorder {
    waiting: BTreeMap<u64, Result<Output, ReplayError>>,
    next: u64,
}

impl Reorder {
    pub(super) fn put(&mut self, (number, output): Numbered) {
        self.waiting.insert(number, output);
    }

    /// Returns the next output in order, if it has arrived.
    pub(super) fn take(&mut self) -> Option<Result<Output, ReplayError>> {
        let output = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: half a mebibyte of `1,` lines became 40 MB of rejections, in dozens of pieces at a time.
    #[test]
    fn a_piece_keeps_a_bounded_number_of_rejections() {
        let piece = Piece::values(1, 0, b"1,\n".repeat(10_000));
        for (wants_rejections, kept) in [(true, REJECTIONS_KEPT), (false, 0)] {
            let parsed = Parsing::new(Parser::default(), wants_rejections, None).parse(&piece, None).unwrap();
            assert_eq!((parsed.rejected_total(), parsed.rejections.len()), (10_000, kept));
        }
    }

    #[test]
    fn blocks_are_left_to_the_writer_while_events_repeat() {
        let line =
            r#"{"convofold":1,"source":"desk","conversation":"c","kind":"close","occurred":"2026-03-02T09:15:00Z"}"#;
        let piece = Piece::values(1, 0, format!("{line}\n").into_bytes());
        let parsing = Parsing::new(Parser::default(), false, Some(256));
        let is_packed = || {
            let parsed = parsing.parse(&piece, parsing.packer().as_mut()).unwrap();
            parsed.into_batches().map(|batch| batch.events.packed().is_some()).collect::<Vec<_>>()
        };
        assert_eq!(is_packed(), [true]);
        parsing.has_repeats.store(true, Ordering::Relaxed);
        assert_eq!(is_packed(), [false]);
    }
}
