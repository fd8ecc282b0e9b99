//! Reads the log as events: reads, checks and decodes blocks in log order.
//!
//! All scans of the whole log use this module: recovery, verify, audit. One block at a time is in memory, or a few if
//! other threads read ahead.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use convofold_engine::{Board, BoardEdit, EventColumns, EventRef, Seq};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::damage::Damage;
use crate::format::block::{Block, Body, LogPosition};
use crate::format::bookmark::StoredBookmark;
use crate::log::bookmark::{Bookmarks, DecodedBookmark, set_bookmark};
use crate::log::columns::{ColumnsPool, PooledColumns, Shared};
use crate::log::error::LogError;
use crate::log::reader::LogReader;
use crate::storage::end_mark::EndMark;
use crate::storage::{ReadStorage, StorageError, panic_message};

/// The maximum number of blocks that are read ahead. With more, the columns of large blocks do not stay in the processor's cache.
const BLOCKS_AHEAD: usize = 4;
/// More threads would only wait for the thread that folds.
const MAX_DECODERS: usize = 4;
/// The number of columns that are kept for the next blocks: of those ahead, and one for each thread.
const COLUMNS_KEPT: usize = BLOCKS_AHEAD + MAX_DECODERS + 1;
/// The number of conversations whose states [`settle`] derives at once.
pub(crate) const SETTLED_AT_ONCE: usize = 1_024;

/// A decoded block.
#[derive(Debug)]
pub(crate) struct DecodedBlock {
    pub(crate) first_seq: Seq,
    pub(crate) events: PooledColumns,
    /// The index of each event in the block; `None` if these are all its events.
    places: Option<Vec<u32>>,
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
        Self::all(block, PooledColumns::default())
    }

    /// Like [`DecodedBlock::of`], into columns that were used before.
    fn all(block: &Block, events: PooledColumns) -> Result<Self, Damage> {
        Self::read(block, events, |body, events| body.read(events).map(|()| None))
    }

    /// Only the events of some conversations. Skipping an event costs a fraction of decoding it.
    fn some(block: &Block, events: PooledColumns, wanted: impl Fn(&str) -> bool) -> Result<Self, Damage> {
        Self::read(block, events, |body, events| {
            let mut places = Vec::new();
            body.read_of(wanted, events, |place| places.push(place))?;
            Ok(Some(places))
        })
    }

    fn read(
        block: &Block,
        mut events: PooledColumns,
        read: impl FnOnce(&Body<'_>, &mut EventColumns) -> Result<Option<Vec<u32>>, Damage>,
    ) -> Result<Self, Damage> {
        let body = block.decode()?;
        let places = read(&body, events.as_mut())?;
        Ok(Self {
            first_seq: block.first_seq,
            events,
            places,
            bookmarks: body.bookmarks().iter().map(bookmark).collect(),
            end: block.end(),
            stored_bytes: 0,
            committed_ms: block.committed_ms,
        })
    }

    /// The events in order: the seq, what it shares with others, and the event.
    pub(crate) fn events(&self) -> impl Iterator<Item = (Seq, Shared, EventRef<'_>)> {
        self.events_from(0)
    }

    fn events_from(&self, skipped: usize) -> impl Iterator<Item = (Seq, Shared, EventRef<'_>)> {
        let events = self.events.iter().enumerate().skip(skipped);
        events.map(move |(index, (numbers, event))| {
            (self.first_seq.saturating_add(self.place(index)), Shared::of(numbers), event)
        })
    }

    /// The index in the block of the event with this index in the columns.
    fn place(&self, index: usize) -> Seq {
        match &self.places {
            None => index as Seq,
            Some(places) => places.get(index).copied().map_or(Seq::MAX, Seq::from),
        }
    }

    /// The event with this index in the columns, and its seq.
    pub(crate) fn event(&self, index: usize) -> Option<(Seq, EventRef<'_>)> {
        let (_, event) = self.events.get(index)?;
        Some((self.first_seq.saturating_add(self.place(index)), event))
    }

    /// Applies the events without the first `skipped`, up to an event. Returns their number.
    pub(crate) fn apply_some(&self, skipped: usize, up_to: Seq, edit: &mut BoardEdit<'_>) -> usize {
        let events = self.events_from(skipped).take_while(|(seq, ..)| *seq <= up_to);
        self.apply(events, edit)
    }

    /// Applies events of this block. Returns their number. The slot of each conversation and the index of each context are
    /// looked up once.
    fn apply<'a>(&self, events: impl Iterator<Item = (Seq, Shared, EventRef<'a>)>, edit: &mut BoardEdit<'_>) -> usize {
        let mut slots = vec![None; self.events.conversation_count()];
        let mut contexts = vec![None; self.events.context_count()];
        let mut applied = 0;
        for (seq, shared, event) in events {
            let (mut no_slot, mut no_context) = (None, None);
            let slot = slots.get_mut(shared.conversation).unwrap_or(&mut no_slot);
            let context = contexts.get_mut(shared.context).unwrap_or(&mut no_context);
            edit.apply_at(slot, context, seq, event);
            applied += 1;
        }
        applied
    }

    /// Applies the events and sets the bookmarks. [`settle`] must follow before the board is read.
    pub(crate) fn fold(self, board: &mut Board, bookmarks: &mut Bookmarks) {
        self.fold_rest(&[], board, bookmarks);
    }

    /// Like [`DecodedBlock::fold`], without the events of conversations that are complete, by the index of the conversation.
    pub(crate) fn fold_rest(self, is_complete: &[bool], board: &mut Board, bookmarks: &mut Bookmarks) {
        let mut edit = board.edit();
        let is_complete = |shared: Shared| is_complete.get(shared.conversation).is_some_and(|is_complete| *is_complete);
        self.apply(self.events().filter(|(_, shared, _)| !is_complete(*shared)), &mut edit);
        edit.leave();
        self.bookmarks.into_iter().for_each(|bookmark| set_bookmark(bookmark, bookmarks));
    }
}

/// Derives the states that were left when blocks were folded: once for all events of a conversation.
pub(crate) fn settle(board: &mut Board) {
    while !board.settle_within(SETTLED_AT_ONCE, usize::MAX).is_empty() {}
}

/// Reads the events between two log positions.
pub(crate) struct EventReader {
    reader: LogReader,
    up_to: UpTo,
    pool: ColumnsPool,
}

impl EventReader {
    /// Reads from a log position up to an end.
    pub(crate) fn new(storage: Arc<dyn ReadStorage>, from: LogPosition, up_to: UpTo) -> Self {
        Self { reader: LogReader::new(storage, from), up_to, pool: ColumnsPool::new(COLUMNS_KEPT) }
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
        let pool = self.pool.clone();
        self.next_as(|block| DecodedBlock::all(block, pool.take()))
    }

    /// The next block with the events of some conversations.
    pub(crate) fn next_of(&mut self, wanted: impl Fn(&str) -> bool) -> Result<Option<DecodedBlock>, LogError> {
        let pool = self.pool.clone();
        self.next_as(|block| DecodedBlock::some(block, pool.take(), wanted))
    }

    fn next_as(
        &mut self,
        decode: impl FnOnce(&Block) -> Result<DecodedBlock, Damage>,
    ) -> Result<Option<DecodedBlock>, LogError> {
        let Some((block, stored_bytes)) = self.next_block()? else { return Ok(None) };
        let decoded = decode(&block).map_err(damaged(&block))?;
        Ok(Some(DecodedBlock { stored_bytes, ..decoded }))
    }

    /// Passes every block to `take`, in order, while other threads read and decode ahead.
    ///
    /// # Errors
    /// An error of reading the log, or an error of `take`.
    pub(crate) fn read_ahead<E: From<LogError>>(
        &mut self,
        take: impl FnMut(DecodedBlock) -> Result<(), E>,
    ) -> Result<(), E> {
        let pool = self.pool.clone();
        self.decode_ahead(|block| DecodedBlock::all(block, pool.take()), take)
    }

    /// Like [`EventReader::read_ahead`] with the events of some conversations.
    pub(crate) fn read_ahead_of<E: From<LogError>>(
        &mut self,
        wanted: impl Fn(&str) -> bool + Sync,
        take: impl FnMut(DecodedBlock) -> Result<(), E>,
    ) -> Result<(), E> {
        let pool = self.pool.clone();
        self.decode_ahead(|block| DecodedBlock::some(block, pool.take(), &wanted), take)
    }

    fn decode_ahead<E: From<LogError>>(
        &mut self,
        decode: impl Fn(&Block) -> Result<DecodedBlock, Damage> + Sync,
        mut take: impl FnMut(DecodedBlock) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_DECODERS);
        let (in_order, decoded) = bounded(BLOCKS_AHEAD);
        let (jobs, to_decode) = bounded::<Job>(BLOCKS_AHEAD);
        thread::scope(|scope| {
            for _ in 0..threads {
                let (to_decode, decode) = (to_decode.clone(), &decode);
                // Sending fails if an error ended the scan.
                scope.spawn(move || to_decode.iter().for_each(|job| drop(job.done.send(job.run(decode)))));
            }
            let reading = scope.spawn(move || guarded(|| self.send_all(&in_order, &jobs)));
            for job in decoded {
                // A decoding thread always answers, so this is a bug.
                take(job.recv().map_err(|_| panicked("a decoding thread ended without an answer"))??)?;
            }
            Ok(reading.join().map_err(|payload| panicked(&panic_message(payload.as_ref())))??)
        })
    }

    fn send_all(
        &mut self,
        in_order: &Sender<Receiver<Result<DecodedBlock, LogError>>>,
        jobs: &Sender<Job>,
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
struct Job {
    block: Block,
    stored_bytes: u64,
    done: Sender<Result<DecodedBlock, LogError>>,
}

impl Job {
    fn run(&self, decode: impl Fn(&Block) -> Result<DecodedBlock, Damage>) -> Result<DecodedBlock, LogError> {
        let Self { block, stored_bytes, .. } = self;
        guarded(|| Ok(DecodedBlock { stored_bytes: *stored_bytes, ..decode(block).map_err(damaged(block))? }))
    }
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

#[cfg(test)]
mod tests {
    use convofold_engine::{ContextOf, Event, SessionOf};

    use super::*;
    use crate::format::block::PackedEvents;
    use crate::format::frame::Compressor;
    use crate::tests::message_with;

    /// A block of these columns, opened.
    fn block(columns: &EventColumns) -> Block {
        let mut compressor = Compressor::new().unwrap();
        let packed = PackedEvents::of(columns, &mut compressor).unwrap();
        let sealed = packed.seal(&mut LogPosition::START.clone(), &[], 0, &compressor).unwrap();
        Block::open(&sealed.1).unwrap()
    }

    fn folded(decoded: DecodedBlock) -> Board {
        let mut board = Board::new();
        decoded.fold(&mut board, &mut Bookmarks::new());
        settle(&mut board);
        board
    }

    #[test]
    fn blocks_fold_to_the_state_of_their_events() {
        let events: Vec<Event> =
            (0..100).map(|number| message_with(["a", "b"][number % 2], number as u64, "hi")).collect();
        let decoded = DecodedBlock::of(&block(&EventColumns::of(&events).unwrap())).unwrap();
        let mut expected = Board::new();
        for (seq, event) in (1..).zip(&events) {
            expected.edit().apply(seq, event);
        }
        let mut board = folded(decoded);
        assert_eq!(board.state_hash(), expected.state_hash());
        assert_eq!(board.index(), expected.index());
        assert_eq!([board.history("a"), board.history("b")], [expected.history("a"), expected.history("b")]);
    }

    #[test]
    fn wanted_events_keep_their_seqs() {
        let events: Vec<Event> = (0..9).map(|number| message_with(["a", "b", "c"][number % 3], 1, "hi")).collect();
        let block = block(&EventColumns::of(&events).unwrap());
        let decoded = DecodedBlock::some(&block, PooledColumns::default(), |id| id == "b").unwrap();
        let found: Vec<_> = decoded.events().map(|(seq, _, event)| (seq, event.conversation())).collect();
        assert_eq!(found, [(2, "b"), (5, "b"), (8, "b")]);
        let mut board = Board::new();
        let mut edit = board.edit();
        assert_eq!((decoded.apply_some(0, 5, &mut edit), decoded.apply_some(2, Seq::MAX, &mut edit)), (2, 1));
    }

    /// No writer makes such a block.
    #[test]
    fn an_id_that_a_block_has_twice_is_one_conversation() {
        let event = message_with("c", 1, "hi");
        let context = convofold_engine::Context::of(&event);
        let mut columns = EventColumns::new();
        for number in 0..2 {
            assert_eq!(columns.push_conversation("c"), Ok(number));
            let context = ContextOf::New(context.texts(), false);
            columns.push_parts(number, parts(&event, Some(u64::from(number))), context, SessionOf::None).unwrap();
        }
        let board = folded(DecodedBlock::of(&block(&columns)).unwrap());
        assert_eq!((board.len(), board.history("c").map(|history| history.len())), (1, Some(2)));
    }

    fn parts(event: &Event, unread: Option<u64>) -> convofold_engine::EventParts<'_> {
        convofold_engine::EventParts {
            identity: None,
            kind: event.kind(),
            direction: event.direction(),
            occurred: event.occurred(),
            sent: event.sent(),
            started: None,
            active: None,
            unread,
            text: event.text(),
        }
    }
}
