//! A board folded again from the log, for a comparison with the live board while events are being committed.
//!
//! The shadow reads and folds without locks until it has almost caught up with the live board, and the rest under the
//! lock that stops the live board ([`Live::applying`](crate::conversations::live::Live::applying)). The writer waits
//! for the few events committed since and for the comparison; queries wait at most for the comparison.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use convofold_engine::{Board, Index, Seq};

use crate::damage::Damage;
use crate::format::block::LogPosition;
use crate::log::error::LogError;
use crate::log::events::{DecodedBlock, EventReader, UpTo, settle};
use crate::state::shared::Shared;
use crate::storage::ReadStorage;

/// A board that follows the live board through the log.
pub(crate) struct Shadow {
    board: Board,
    reader: EventReader,
    /// The conversations to fold; `None` means all.
    wanted: Option<HashSet<Arc<str>>>,
    /// Blocks read, but not yet folded to their end.
    ahead: VecDeque<DecodedBlock>,
    /// The number of events of the first of these blocks that are folded.
    applied: usize,
    /// Number of folded events.
    pub(crate) events: u64,
}

impl Shadow {
    /// Starts from a board as of a log position.
    pub(crate) fn new(
        storage: Arc<dyn ReadStorage>,
        board: Board,
        from: LogPosition,
        wanted: Option<HashSet<Arc<str>>>,
    ) -> Self {
        let reader = EventReader::new(storage, from, UpTo::Now);
        Self { board, reader, wanted, ahead: VecDeque::new(), applied: 0, events: 0 }
    }

    /// Reads and folds the log up to the current event of the live board; other threads read and decode ahead. `tick`
    /// is called after every block and can stop the work with an error.
    pub(crate) fn catch_up<E: From<LogError>>(
        &mut self,
        shared: &Shared,
        mut tick: impl FnMut(Seq) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { board, reader, wanted, ahead, applied, events } = self;
        let is_wanted = |id: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(id));
        reader.read_ahead_of(is_wanted, |block| {
            let last_seq = block.end.last_seq();
            ahead.push_back(block);
            *events += fold(board, ahead, applied, shared.applied_seq.load(Ordering::SeqCst));
            tick(last_seq)
        })?;
        settle(board);
        Ok(())
    }

    /// Reads and folds up to an event that is in the log. `tick` is called after every block and can stop the work with
    /// an error.
    pub(crate) fn fold_up_to<E: From<LogError>>(
        &mut self,
        seq: Seq,
        mut tick: impl FnMut(Seq) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.reader.position().last_seq() < seq {
            if !self.read()? {
                let LogPosition { block_no, seq, .. } = self.reader.position();
                return Err(LogError::Damaged { block_no, seq, why: Damage::Missing }.into());
            }
            self.fold(seq);
            tick(self.reader.position().last_seq())?;
        }
        self.fold(seq);
        settle(&mut self.board);
        Ok(())
    }

    /// Calls `look` with the live board, its index and the shadow, all as of the same event.
    pub(crate) fn beside<T>(
        &mut self,
        shared: &Shared,
        look: impl FnOnce((&Board, &Index), &Board) -> T,
    ) -> Result<T, LogError> {
        let applied = || shared.applied_seq.load(Ordering::SeqCst);
        self.fold_up_to(applied(), |_| Ok::<_, LogError>(()))?;
        let _applying = shared.live.applying();
        // One or two groups were committed since, and they are in the log.
        self.fold_up_to(applied(), |_| Ok::<_, LogError>(()))?;
        Ok(look((&shared.live.board(), &shared.live.index()), &self.board))
    }

    /// Reads the next block; returns false at the end of the log.
    fn read(&mut self) -> Result<bool, LogError> {
        let is_wanted = |id: &str| self.wanted.as_ref().is_none_or(|wanted| wanted.contains(id));
        let block = self.reader.next_of(is_wanted)?;
        let is_there = block.is_some();
        self.ahead.extend(block);
        Ok(is_there)
    }

    fn fold(&mut self, up_to: Seq) {
        self.events += fold(&mut self.board, &mut self.ahead, &mut self.applied, up_to);
    }
}

/// Folds the events read, up to `up_to`; returns their number. `applied` events of the first block are folded already.
fn fold(board: &mut Board, ahead: &mut VecDeque<DecodedBlock>, applied: &mut usize, up_to: Seq) -> u64 {
    let mut edit = board.edit();
    let mut events = 0;
    while let Some(block) = ahead.front() {
        let folded = block.apply_some(*applied, up_to, &mut edit);
        (events, *applied) = (events + folded as u64, *applied + folded);
        if *applied < block.events.len() {
            break;
        }
        ahead.pop_front();
        *applied = 0;
    }
    edit.leave();
    events
}
