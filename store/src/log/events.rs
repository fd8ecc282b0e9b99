//! Reads the log as events: reads, checks and decodes blocks in log order.
//!
//! All scans of the whole log use this module: recovery, verify, audit. One block at a time is in memory, or a few if
//! other threads read ahead.

use crate::log::bookmark::Bookmarks;
use crate::log::bookmark::DecodedBookmark;
use crate::log::bookmark::set_bookmark;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use convofold_engine::{Board, BoardEdit, Event, Seq};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::damage::Damage;
use crate::format::block::{Block, LogPosition};
use crate::format::bookmark::StoredBookmark;
use crate::log::error::LogError;
use crate::log::reader::LogReader;
use crate::storage::end_mark::EndMark;
use crate::storage::{ReadStorage, StorageError, panic_message};

/// Number of events that are folded together if no reader needs the state in between. Derived values are computed once
/// per conversation for all of its events in the group.
pub(crate) const FOLDED_AT_ONCE: usize = 65_536;
/// The size of the texts of events that are folded together, in bytes. More events begin the next group.
pub(crate) const FOLDED_BYTES: usize = 64 << 20;
/// The maximum number of blocks that are read ahead.
const BLOCKS_AHEAD: usize = 8;
/// More threads would only wait for the thread that folds.
const MAX_DECODERS: usize = 4;

/// A decoded block.
#[derive(Debug)]
pub(crate) struct DecodedBlock {
    pub(crate) first_seq: Seq,
    pub(crate) events: Vec<Event>,
    pub(crate) bookmarks: Vec<DecodedBookmark>,
    /// The log position after the block.
    pub(crate) end: LogPosition,
    pub(crate) stored_bytes: u64,
    /// Commit time of the block, in milliseconds since the epoch.
    pub(crate) committed_ms: u64,
}

/// Where reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpTo {
    /// At the end of a log that is not being written. Anything after it is damage.
    End,
    /// At a position that the log is known to contain.
    Place(LogPosition),
    /// At the current end of the log. Reading can continue later.
    Now,
}

impl DecodedBlock {
    pub(crate) fn of(block: &Block) -> Result<Self, Damage> {
        let body = block.decode()?;
        Ok(Self {
            first_seq: block.first_seq,
            events: body.events()?,
            bookmarks: body.bookmarks().iter().map(bookmark).collect(),
            end: block.end(),
            stored_bytes: 0,
            committed_ms: block.committed_ms,
        })
    }
}

impl DecodedBlock {
    /// Folds the events and sets the bookmarks.
    pub(crate) fn fold(self, board: &mut Board, bookmarks: &mut Bookmarks) {
        self.fold_into(&mut board.edit(), bookmarks);
    }

    /// Like [`DecodedBlock::fold`], together with other blocks.
    pub(crate) fn fold_into(self, edit: &mut BoardEdit<'_>, bookmarks: &mut Bookmarks) {
        for (seq, event) in (self.first_seq..).zip(&self.events) {
            edit.apply(seq, event);
        }
        self.bookmarks.into_iter().for_each(|bookmark| set_bookmark(bookmark, bookmarks));
    }
}

/// Reads the events between two log positions.
pub(crate) struct EventReader {
    reader: LogReader,
    up_to: UpTo,
}

impl EventReader {
    /// Reads from a log position up to an end.
    pub(crate) fn new(storage: Arc<dyn ReadStorage>, from: LogPosition, up_to: UpTo) -> Self {
        Self { reader: LogReader::new(storage, from), up_to }
    }

    /// The log position after the last block that was read.
    pub(crate) fn position(&self) -> LogPosition {
        self.reader.position
    }

    /// See [`LogReader::expecting`].
    pub(crate) fn expecting(self, end_mark: Option<EndMark>) -> Result<Self, LogError> {
        Ok(Self { reader: self.reader.expecting(end_mark)?, ..self })
    }

    /// The next block. `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<DecodedBlock>, LogError> {
        let Some((block, stored_bytes)) = self.next_block()? else { return Ok(None) };
        let decoded = DecodedBlock::of(&block).map_err(damaged(&block))?;
        Ok(Some(DecodedBlock { stored_bytes, ..decoded }))
    }

    /// The events of some conversations in the next block. Skipping an event costs a fraction of decoding it.
    pub(crate) fn next_of(&mut self, wanted: impl Fn(&str) -> bool) -> Result<Option<Vec<(Seq, Event)>>, LogError> {
        let Some((block, _)) = self.next_block()? else { return Ok(None) };
        events_of(&block, wanted).map(Some).map_err(damaged(&block))
    }

    /// Passes every block to `take`, in order, while other threads read and decode ahead.
    ///
    /// # Errors
    /// An error of reading the log, or an error of `take`.
    pub(crate) fn read_ahead<E: From<LogError>>(
        &mut self,
        mut take: impl FnMut(DecodedBlock) -> Result<(), E>,
    ) -> Result<(), E> {
        self.decode_ahead(DecodedBlock::of, |decoded, stored_bytes| take(DecodedBlock { stored_bytes, ..decoded }))
    }

    /// Like [`EventReader::read_ahead`] for the events of some conversations, with the last seq of each block.
    pub(crate) fn read_ahead_of<E: From<LogError>>(
        &mut self,
        wanted: impl Fn(&str) -> bool + Sync,
        mut take: impl FnMut(Seq, Vec<(Seq, Event)>) -> Result<(), E>,
    ) -> Result<(), E> {
        let decode = |block: &Block| Ok((block.end().last_seq(), events_of(block, &wanted)?));
        self.decode_ahead(decode, |(last_seq, events), _| take(last_seq, events))
    }

    fn decode_ahead<T: Send, E: From<LogError>>(
        &mut self,
        decode: impl Fn(&Block) -> Result<T, Damage> + Sync,
        mut take: impl FnMut(T, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_DECODERS);
        let (in_order, decoded) = bounded(BLOCKS_AHEAD);
        let (jobs, to_decode) = bounded::<Job<T>>(BLOCKS_AHEAD);
        thread::scope(|scope| {
            for _ in 0..threads {
                let (to_decode, decode) = (to_decode.clone(), &decode);
                // Sending fails if an error ended the scan.
                scope.spawn(move || to_decode.iter().for_each(|job| drop(job.done.send(job.run(decode)))));
            }
            let reading = scope.spawn(move || guarded(|| self.send_all(&in_order, &jobs)));
            for job in decoded {
                // A decoding thread always answers, so this is a bug.
                let (decoded, stored_bytes) =
                    job.recv().map_err(|_| panicked("a decoding thread ended without an answer"))??;
                take(decoded, stored_bytes)?;
            }
            Ok(reading.join().map_err(|payload| panicked(&panic_message(payload.as_ref())))??)
        })
    }

    fn send_all<T>(
        &mut self,
        in_order: &Sender<Receiver<Result<(T, u64), LogError>>>,
        jobs: &Sender<Job<T>>,
    ) -> Result<(), LogError> {
        while let Some((block, stored_bytes)) = self.next_block()? {
            let (done, decoded) = bounded(1);
            // Sending fails if an error ended the scan.
            if in_order.send(decoded).is_err() || jobs.send(Job { block, stored_bytes, done }).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn next_block(&mut self) -> Result<Option<(Block, u64)>, LogError> {
        let LogPosition { block_no, seq, chain: found } = self.reader.position;
        match self.up_to {
            UpTo::Place(place) if place == self.reader.position => return Ok(None),
            UpTo::Place(LogPosition { block_no: last, chain: expected, .. }) if last <= block_no => {
                // The previous block is a different one than expected.
                let (block_no, seq) = (block_no - 1, self.reader.position.last_seq());
                return Err(LogError::Damaged { block_no, seq, why: Damage::Checksum { expected, found } });
            }
            _ => {}
        }
        let before = self.reader.stored_bytes;
        match (self.reader.next()?, self.up_to) {
            (Some(block), _) => Ok(Some((block, self.reader.stored_bytes - before))),
            (None, UpTo::Now) => Ok(None),
            (None, UpTo::End) => self.reader.expect_end().map(|()| None),
            (None, UpTo::Place(_)) => Err(LogError::Damaged { block_no, seq, why: Damage::Missing }),
        }
    }
}

/// A block to be decoded.
struct Job<T> {
    block: Block,
    stored_bytes: u64,
    done: Sender<Result<(T, u64), LogError>>,
}

impl<T> Job<T> {
    fn run(&self, decode: impl Fn(&Block) -> Result<T, Damage>) -> Result<(T, u64), LogError> {
        guarded(|| Ok((decode(&self.block).map_err(damaged(&self.block))?, self.stored_bytes)))
    }
}

fn events_of(block: &Block, wanted: impl Fn(&str) -> bool) -> Result<Vec<(Seq, Event)>, Damage> {
    let mut events = Vec::new();
    let take = |place: u32, event| events.push((block.first_seq + Seq::from(place), event));
    block.decode()?.events_of(wanted, take)?;
    Ok(events)
}

/// Turns a panic into a storage error: the data may be damaged in an unforeseen way.
fn guarded<T>(run: impl FnOnce() -> Result<T, LogError>) -> Result<T, LogError> {
    let run = catch_unwind(AssertUnwindSafe(run));
    run.unwrap_or_else(|payload| Err(panicked(&panic_message(payload.as_ref()))))
}

fn panicked(message: &str) -> LogError {
    LogError::Storage(StorageError::Panicked { message: message.to_owned() })
}

fn damaged(block: &Block) -> impl Fn(Damage) -> LogError {
    let (block_no, seq) = (block.block_no, block.first_seq);
    move |why| LogError::Damaged { block_no, seq, why }
}

fn bookmark(bookmark: &StoredBookmark<'_>) -> DecodedBookmark {
    (bookmark.name.to_owned(), bookmark.value.map(<[u8]>::to_vec))
}
