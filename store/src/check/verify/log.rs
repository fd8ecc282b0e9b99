//! Verification of the log: reads every block, and folds the log up to the first missing or damaged block.

use std::sync::Arc;

use convofold_engine::Board;

use super::checkpoints::Checkpoints;
use super::recorded::Expected;
use super::{Problem, VerifyError, VerifyProgress, VerifyReport, damage};
use crate::checkpoint::record::read;
use crate::damage::Damage;
use crate::format::block::{Block, LogPosition};
use crate::format::key::BlockKey;
use crate::format::log_start::LogStart;
use crate::log::bookmark::Bookmarks;
use crate::log::error::LogError;
use crate::log::events::{DecodedBlock, EventReader, UpTo, settle};
use crate::state::snapshot::Snapshot;
use crate::storage::end_mark::EndMark;
use crate::storage::{ReadStorage, StorageError};

/// Reads and folds the log.
pub(super) struct LogCheck<'a> {
    storage: &'a Arc<dyn ReadStorage>,
    start: LogPosition,
    checkpoints: Checkpoints<'a>,
    /// The recorded hash that the fold has not reached yet.
    recorded: Option<Expected>,
    end_mark: Option<EndMark>,
    /// `None` once a block or the base is missing, because the log can no longer be folded.
    board: Option<Board>,
    bookmarks: Bookmarks,
    /// The time of the last commit.
    committed_ms: u64,
    pub(super) is_whole: bool,
}

/// Why reading stopped before the end of the log.
enum Stop {
    Log(LogError),
    Verify(VerifyError),
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl<'a> LogCheck<'a> {
    pub(super) fn new(
        storage: &'a Arc<dyn ReadStorage>,
        start: LogStart,
        base: Option<Board>,
        checkpoints: Checkpoints<'a>,
        recorded: Option<Expected>,
        end_mark: Option<EndMark>,
    ) -> Self {
        let committed_ms = start.marks.last().map_or(0, |mark| mark.committed_ms);
        let LogStart { position: start, bookmarks, .. } = start;
        let (board, is_whole) = (base, true);
        Self { storage, start, checkpoints, recorded, end_mark, board, bookmarks, committed_ms, is_whole }
    }

    /// Reads the log up to the snapshot.
    pub(super) fn run(
        &mut self,
        snapshot: &Snapshot,
        report: &mut VerifyReport,
        on_progress: &mut impl FnMut(VerifyProgress),
    ) -> Result<(), VerifyError> {
        let mut from = self.start;
        self.pass(from, report)?;
        loop {
            let mut reader = EventReader::new(self.storage.clone(), from, UpTo::Place(snapshot.position));
            let read = reader.read_ahead(|block| {
                let seq = block.end.last_seq();
                self.take(block, report).map_err(Stop::Verify)?;
                on_progress(VerifyProgress::Log { seq, last_seq: snapshot.position.last_seq() });
                Ok(())
            });
            let (block_no, seq, why) = match read {
                Ok(()) => return Ok(()),
                Err(Stop::Verify(error)) => return Err(error),
                Err(Stop::Log(error)) => damage(error)?,
            };
            (self.is_whole, self.board) = (false, None);
            report.add(Problem::Block { block_no, seq, why: why.to_string() });
            match self.next_readable(block_no, why == Damage::Missing, snapshot, report)? {
                Some(position) => from = position,
                None => return Ok(()),
            }
        }
    }

    /// The result of the fold, if the whole log could be folded. Compares the recorded hash with it, if no block ends with the
    /// last event of that: then it is before the log start, or a repair made other blocks.
    pub(super) fn into_fold(self, report: &mut VerifyReport) -> Option<(Board, Bookmarks)> {
        let Some(mut board) = self.board else {
            if self.recorded.is_some() {
                report.newest_hash_skipped = Some("the log cannot be folded".to_owned());
            }
            return None;
        };
        settle(&mut board);
        if let Some(recorded) = self.recorded {
            recorded.compare_within(&board, report);
        }
        Some((board, self.bookmarks))
    }

    fn take(&mut self, block: DecodedBlock, report: &mut VerifyReport) -> Result<(), VerifyError> {
        report.blocks += 1;
        report.events += block.events.len() as u64;
        report.log_bytes += block.stored_bytes;
        let (end, found_ms) = (block.end, block.committed_ms);
        let expected_ms = std::mem::replace(&mut self.committed_ms, found_ms);
        if found_ms < expected_ms {
            report.add(Problem::CommitTime { block_no: end.block_no - 1, expected_ms, found_ms });
        }
        if let Some(board) = &mut self.board {
            block.fold(board, &mut self.bookmarks);
        }
        self.pass(end, report)
    }

    /// Compares the end mark, the checkpoints and the recorded hash at this log position.
    fn pass(&mut self, position: LogPosition, report: &mut VerifyReport) -> Result<(), VerifyError> {
        if self.end_mark.is_some_and(|end_mark| {
            end_mark.last_block_no == position.block_no - 1 && end_mark != EndMark::of(&position)
        }) {
            report.add(Problem::HeadOfAnotherLog { block_no: position.block_no - 1 });
        }
        if let Some(board) = &mut self.board {
            self.checkpoints.check_at(position, board, &self.bookmarks, report)?;
            if let Some(recorded) = self.recorded.take_if(|recorded| recorded.seq == position.last_seq()) {
                settle(board);
                recorded.compare(board.state_hash(), report);
            }
        }
        Ok(())
    }

    /// The log position of the next readable block after a damaged or missing one. Of several missing blocks in a row,
    /// only the first is reported.
    fn next_readable(
        &self,
        mut block_no: u64,
        mut is_missing: bool,
        snapshot: &Snapshot,
        report: &mut VerifyReport,
    ) -> Result<Option<LogPosition>, VerifyError> {
        while let Some(key) =
            next_key(self.storage.as_ref(), block_no)?.filter(|key| key.block_no < snapshot.position.block_no)
        {
            if key.block_no > block_no + 1 && !is_missing {
                let why = Damage::Missing.to_string();
                report.add(Problem::Block { block_no: block_no + 1, seq: key.first_seq, why });
            }
            let block = read(self.storage.block(key))?.and_then(|value| Block::open(&value));
            match block.and_then(|block| block.is_at(key).map(|()| block)) {
                Ok(block) => {
                    return Ok(Some(LogPosition { block_no: key.block_no, seq: key.first_seq, chain: block.previous }));
                }
                Err(why) => {
                    report.add(Problem::Block { block_no: key.block_no, seq: key.first_seq, why: why.to_string() });
                }
            }
            (block_no, is_missing) = (key.block_no, false);
        }
        Ok(None)
    }
}

/// The first key with a greater block number. A storage can only search backwards, so this is a binary search.
fn next_key(storage: &dyn ReadStorage, block_no: u64) -> Result<Option<BlockKey>, StorageError> {
    let key_of = |place: u128| {
        let [first_seq, block_no] =
            [place >> 64, place & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(u64::MAX));
        BlockKey { first_seq, block_no }
    };
    let behind = |place| Ok(storage.key_at_or_before(key_of(place))?.filter(|key| key.block_no > block_no));
    let Some(mut found) = behind(u128::MAX)? else { return Ok(None) };
    let (mut low, mut high) = (0, u128::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        match behind(middle)? {
            Some(key) => {
                found = key;
                high = middle;
            }
            None => low = middle + 1,
        }
    }
    Ok::<_, StorageError>(Some(found))
}
