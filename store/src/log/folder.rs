//! Folds blocks of the log onto a board, the conversations of a block on several threads.

use std::sync::{Arc, OnceLock};
use std::thread;

use convofold_engine::{Board, BoardEdit, BoardPart, Seq};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::log::bookmark::{Bookmarks, set_bookmark};
use crate::log::events::DecodedBlock;

/// The maximum number of threads that fold, the calling one included. More would wait for the thread that finds the slots.
const MAX_THREADS: usize = 4;
/// Fewer events are folded on the calling thread, because waking others takes about as long.
const SHARED_EVENTS: usize = if cfg!(test) { 2 } else { 256 };

/// Folds blocks. Its threads start with the first large block, and end when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    threads: usize,
    helpers: OnceLock<Vec<Helper>>,
}

/// A thread that folds a part of the conversations. It always gets the same part, so that it finds memory that it allocated
/// itself.
#[derive(Debug)]
struct Helper {
    work: Sender<(BoardPart, Arc<Work>)>,
    done: Receiver<BoardPart>,
}

/// The events of a block that are applied together.
struct Work {
    block: Arc<DecodedBlock>,
    skipped: usize,
    up_to: Seq,
    /// For each conversation of the block, its slot; `None` if it has none of these events, or is complete without them.
    slots: Vec<Option<u32>>,
}

impl Default for Folder {
    /// On all processors.
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS))
    }
}

impl Folder {
    /// On this number of threads, the calling one included, or on fewer if the system cannot start as many.
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, helpers: OnceLock::new() }
    }

    /// Applies the events of a block and sets its bookmarks. [`settle`] must follow before the board is read.
    ///
    /// [`settle`]: crate::log::events::settle
    pub(crate) fn fold(&self, block: DecodedBlock, board: &mut Board, bookmarks: &mut Bookmarks) {
        self.fold_rest(block, &[], board, bookmarks);
    }

    /// Like [`Folder::fold`], without the events of conversations that are complete, by the index of the conversation.
    pub(crate) fn fold_rest(
        &self,
        mut block: DecodedBlock,
        is_complete: &[bool],
        board: &mut Board,
        bookmarks: &mut Bookmarks,
    ) {
        let set = std::mem::take(&mut block.bookmarks);
        let mut edit = board.edit();
        self.apply_rest(&Arc::new(block), is_complete, 0, Seq::MAX, &mut edit);
        edit.leave();
        set.into_iter().for_each(|bookmark| set_bookmark(bookmark, bookmarks));
    }

    /// Applies the events of a block without the first `skipped` of them, up to an event. Returns their number.
    pub(crate) fn apply(
        &self,
        block: &Arc<DecodedBlock>,
        skipped: usize,
        up_to: Seq,
        edit: &mut BoardEdit<'_>,
    ) -> usize {
        self.apply_rest(block, &[], skipped, up_to, edit)
    }

    fn apply_rest(
        &self,
        block: &Arc<DecodedBlock>,
        is_complete: &[bool],
        skipped: usize,
        up_to: Seq,
        edit: &mut BoardEdit<'_>,
    ) -> usize {
        let mut slots = vec![None; block.events.conversation_count()];
        let is_complete = |conversation: usize| is_complete.get(conversation).is_some_and(|is_complete| *is_complete);
        let mut count = 0;
        for (_, shared, event) in block.events_from(skipped).take_while(|(seq, ..)| *seq <= up_to) {
            if let Some(slot) = slots.get_mut(shared.conversation).filter(|slot| slot.is_none())
                && !is_complete(shared.conversation)
            {
                *slot = Some(edit.place(None, event));
            }
            count += 1;
        }
        self.share(Work { block: block.clone(), skipped, up_to, slots }, count, edit);
        count
    }

    fn share(&self, work: Work, events: usize, edit: &mut BoardEdit<'_>) {
        let helpers = if events < SHARED_EVENTS { &[] } else { self.helpers() };
        let work = Arc::new(work);
        let mut parts = edit.divide(helpers.len() + 1);
        let mut own = parts.pop();
        // A board has at most as many parts as shards.
        let helpers = helpers.iter().take(parts.len());
        for (helper, part) in helpers.clone().zip(parts) {
            helper.send(part, work.clone());
        }
        own.iter_mut().for_each(|part| work.run(part));
        own.into_iter().chain(helpers.map(Helper::receive)).for_each(|part| edit.rejoin(part));
    }

    fn helpers(&self) -> &[Helper] {
        self.helpers.get_or_init(|| (1..self.threads).map_while(|_| Helper::start()).collect())
    }
}

impl Helper {
    /// `None` if the system cannot start another thread.
    fn start() -> Option<Self> {
        let (work, to_do) = bounded::<(BoardPart, Arc<Work>)>(1);
        let (done, result) = bounded(1);
        let run = move || {
            for (mut part, work) in to_do {
                work.run(&mut part);
                // The block returns its memory before the next one is read.
                drop(work);
                // Sending fails after a panic of the thread that waits.
                let _ = done.send(part);
            }
        };
        thread::Builder::new().name("convofold-fold".to_owned()).spawn(run).ok()?;
        Some(Self { work, done: result })
    }

    fn send(&self, part: BoardPart, work: Arc<Work>) {
        if self.work.send((part, work)).is_err() {
            ended();
        }
    }

    fn receive(&self) -> BoardPart {
        self.done.recv().unwrap_or_else(|_| ended())
    }
}

impl Work {
    /// Applies the events whose conversations are in this part.
    fn run(&self, part: &mut BoardPart) {
        let mut contexts = vec![None; self.block.events.context_count()];
        for (seq, shared, event) in self.block.events_from(self.skipped).take_while(|(seq, ..)| *seq <= self.up_to) {
            let slot = self.slots.get(shared.conversation).copied().flatten();
            if let (Some(slot), Some(context)) = (slot, contexts.get_mut(shared.context)) {
                part.apply_at(slot, context, seq, event);
            }
        }
    }
}

/// A panic of another thread, which is a bug, continues on this one.
#[expect(clippy::panic, reason = "the board lacks a part of its conversations")]
fn ended() -> ! {
    panic!("a thread that folds has ended");
}

#[cfg(test)]
mod tests {
    use convofold_engine::{Event, EventColumns};

    use super::*;
    use crate::log::events::{settle, tests::block};
    use crate::tests::message_with;

    /// The board of these events in blocks of some lengths.
    fn folded(events: &[Event], folder: &Folder) -> Board {
        let mut board = Board::new();
        let (mut rest, mut length) = (events, 1);
        while !rest.is_empty() {
            let (first, others) = rest.split_at(length.min(rest.len()));
            let decoded = DecodedBlock::of(&block(&EventColumns::of(first).unwrap())).unwrap();
            folder.fold(decoded, &mut board, &mut Bookmarks::new());
            (rest, length) = (others, length * 2);
        }
        settle(&mut board);
        board
    }

    #[test]
    fn the_state_does_not_depend_on_the_number_of_threads() {
        let id = |number: u64| format!("case-{}", number * number % 41);
        let late = |number: u64| if number.is_multiple_of(7) { number / 2 } else { number };
        let events: Vec<Event> =
            (0..500).chain(100..130).map(|number| message_with(&id(number), late(number), "hi")).collect();
        let mut expected = folded(&events, &Folder::new(1));
        for threads in [2, 3, 8, 20] {
            let mut board = folded(&events, &Folder::new(threads));
            assert_eq!(board.state_hash(), expected.state_hash(), "{threads} threads");
            assert_eq!((board.index(), board.unsaved()), (expected.index(), expected.unsaved()));
            for slot in 0..expected.slot_count() {
                assert_eq!(board.image(slot), expected.image(slot), "{threads} threads");
            }
        }
    }
}
