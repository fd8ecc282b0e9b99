//! Recovers the state in memory from the storage: the newest usable checkpoint, and the log after it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use convofold_engine::{FOLD_VERSION, UnsortedIndex};

use crate::checkpoint::error::LoadError;
use crate::checkpoint::load::{LoadedCheckpoint, load};
use crate::checkpoint::record::{generations, has_note_of_damage, note_damage, position_of};
use crate::checkpoint::write::{Checkpointer, Last};
use crate::conversations::archive::{Archive, reload};
use crate::conversations::live::Live;
use crate::damage::Damage;
use crate::format::block::LogPosition;
use crate::format::log_start::LogStart;
use crate::log::error::LogError;
use crate::log::events::{DecodedBlock, EventReader, SETTLED_AT_ONCE, UpTo};
use crate::log::marks::last_committed_ms;
use crate::log::reader::LogReader;
use crate::log::start::read_log_start;
use crate::open::error::OpenError;
use crate::open::evicted::fold_evicted;
use crate::open::report::{Recovery, SkippedCheckpoint};
use crate::search::{SearchIndex, SearchWriter, load_runs, rebuild};
use crate::state::erasures::Erasures;
use crate::state::holds::Holds;
use crate::state::records::{DamagedRecord, RecordKind, add_lost};
use crate::state::retention::Removals;
use crate::storage::end_mark::{EndMark, LastRecords};
use crate::storage::{ReadStorage, Storage, StorageError, panic_message};
use crate::trace::{span, tell};

/// The maximum number of blocks that are folded together if some of their conversations may have to be reloaded.
const RELOADED_AT_ONCE: usize = 256;
/// The size of the texts of these blocks, in bytes. More blocks begin the next group.
const RELOADED_BYTES: usize = 64 << 20;

/// The state in memory at a log position.
pub(crate) struct RecoveredState {
    pub(crate) live: Live,
    pub(crate) archive: Archive,
    pub(crate) search: SearchIndex,
    pub(crate) bookmarks: BTreeMap<String, Vec<u8>>,
    /// What was erased.
    pub(crate) erasures: Erasures,
    /// Legal holds.
    pub(crate) holds: Holds,
    /// What retention removed.
    pub(crate) removals: Removals,
    /// The beginning of the log.
    pub(crate) start: LogStart,
    /// The log position.
    pub(crate) position: LogPosition,
    /// The time of the last commit, in milliseconds since the epoch; 0 if there is none.
    pub(crate) committed_ms: u64,
    pub(crate) log_bytes: u64,
    pub(crate) checkpointer: Checkpointer,
    /// Whether a note about a damaged page is obsolete.
    has_intact_pages: bool,
}

/// The newest usable checkpoint, and the unusable ones.
struct FoundCheckpoint {
    checkpoint: Option<LoadedCheckpoint>,
    skipped: Vec<SkippedCheckpoint>,
    /// The newest generation that has a record, usable or not; 0 if there is none.
    newest_generation: u64,
}

/// How much of the log was folded.
#[derive(Default)]
struct Replayed {
    blocks: u64,
    events: u64,
}

/// Recovers the state. `end_mark` is the known end of the log. `in_doubt` means that sled may have lost part of its
/// file; then every page and the whole log are read, including the part that a checkpoint covers.
pub(crate) fn recover(
    storage: Arc<dyn ReadStorage>,
    end_mark: Option<EndMark>,
    in_doubt: bool,
) -> Result<(RecoveredState, Recovery), OpenError> {
    // The data may be damaged in an unforeseen way. A panic must not end the host.
    let recover = || match recover_all(&storage, end_mark, in_doubt, in_doubt) {
        // A page that the rest of the log needs. Its checkpoint is not used.
        Err(OpenError::Storage(StorageError::Value(_))) if !in_doubt => recover_all(&storage, end_mark, in_doubt, true),
        recovered => recovered,
    };
    catch_unwind(AssertUnwindSafe(recover)).unwrap_or_else(|payload| {
        let message = panic_message(payload.as_ref());
        Err(OpenError::Storage(StorageError::Panicked { message }))
    })
}

fn recover_all(
    storage: &Arc<dyn ReadStorage>,
    end_mark: Option<EndMark>,
    in_doubt: bool,
    must_check_pages: bool,
) -> Result<(RecoveredState, Recovery), OpenError> {
    span!("recover");
    let start = read_log_start(storage.as_ref())?;
    let is_noted = has_note_of_damage(storage.as_ref())?;
    let FoundCheckpoint { mut checkpoint, skipped, newest_generation } =
        find_checkpoint(storage.as_ref(), &start, is_noted || must_check_pages)?;
    let checkpoint_seq = checkpoint.as_ref().map(|checkpoint| checkpoint.record.last_seq);
    let stored = match &checkpoint {
        None => Some(Vec::new()),
        // The fold derives the keys in the index.
        Some(checkpoint) if checkpoint.record.fold_version != FOLD_VERSION => None,
        Some(checkpoint) => checkpoint.record.search.clone(),
    };
    let runs = stored.as_ref().map(|stored| load_runs(storage.as_ref(), stored)).transpose()?.flatten();
    let is_damaged = stored.is_some() && runs.is_none();
    let index = checkpoint.as_mut().map(|checkpoint| std::mem::take(&mut checkpoint.index)).unwrap_or_default();
    let mut state = RecoveredState::at(checkpoint, start, newest_generation);
    state.has_intact_pages = is_noted && skipped.is_empty();
    state.erasures = Erasures::load(storage.as_ref())?;
    state.holds = Holds::load(storage.as_ref())?;
    state.removals = Removals::load(storage.as_ref())?;
    state.search = SearchIndex::new(runs.as_deref(), is_damaged);
    state.checkpointer.search = SearchWriter::new(runs.unwrap_or_default(), storage.as_ref())?;
    let replayed = state.replay_log(storage, end_mark, index)?;
    state.expect_log_up_to(end_mark)?;
    state.committed_ms = last_committed_ms(storage.as_ref(), &state.start)?;
    let stray_values = storage.stray_values()?;
    if in_doubt {
        state.expect_whole_log(storage)?;
    }
    let recovery = Recovery {
        checkpoint_seq,
        skipped,
        blocks_replayed: replayed.blocks,
        events_replayed: replayed.events,
        last_seq: state.position.last_seq(),
        stray_values,
        ..Recovery::default()
    };
    Ok((state, recovery))
}

fn find_checkpoint(
    storage: &dyn ReadStorage,
    start: &LogStart,
    must_check_pages: bool,
) -> Result<FoundCheckpoint, OpenError> {
    let generations = generations(storage)?;
    let newest_generation = generations.last().copied().unwrap_or_default();
    let mut skipped = Vec::new();
    for generation in generations.into_iter().rev() {
        match load(storage, start, generation, must_check_pages) {
            Ok(checkpoint) => {
                return Ok(FoundCheckpoint { checkpoint: Some(checkpoint), skipped, newest_generation });
            }
            Err(LoadError::Storage(error)) => return Err(error.into()),
            Err(LoadError::Shortened { expected, found }) => return Err(OpenError::Shortened { expected, found }),
            Err(LoadError::Skip(why)) => skipped.push(SkippedCheckpoint { generation, why }),
        }
    }
    if start.position != LogPosition::START {
        return Err(OpenError::NoCheckpoint { first_seq: start.position.seq });
    }
    Ok(FoundCheckpoint { checkpoint: None, skipped, newest_generation })
}

impl RecoveredState {
    /// The state of a checkpoint, or the empty state.
    fn at(checkpoint: Option<LoadedCheckpoint>, start: LogStart, newest_generation: u64) -> Self {
        let Some(LoadedCheckpoint { record, board, pages, lists, .. }) = checkpoint else {
            return Self {
                live: Live::default(),
                archive: Archive::default(),
                search: SearchIndex::default(),
                bookmarks: BTreeMap::new(),
                erasures: Erasures::default(),
                holds: Holds::default(),
                removals: Removals::default(),
                start,
                position: LogPosition::START,
                committed_ms: 0,
                log_bytes: 0,
                checkpointer: Checkpointer::new(0, Vec::new(), None, newest_generation),
                has_intact_pages: false,
            };
        };
        let (generation, block_no, log_bytes) = (record.generation, record.last_block_no, record.log_bytes);
        let last = Last { generation, block_no, log_bytes };
        Self {
            live: Live::new(board),
            archive: Archive::new(pages),
            search: SearchIndex::default(),
            erasures: Erasures::default(),
            holds: Holds::default(),
            removals: Removals::default(),
            start,
            position: position_of(&record),
            committed_ms: 0,
            log_bytes,
            checkpointer: Checkpointer::new(record.page_bytes, lists, Some(last), newest_generation),
            has_intact_pages: false,
            bookmarks: record.bookmarks.into_iter().collect(),
        }
    }

    /// Builds the search index again if it is missing or damaged. If a conversation cannot be read, there is none, and queries
    /// read all conversations.
    pub(crate) fn complete_search_index(&mut self, storage: &dyn Storage) -> Result<(), StorageError> {
        if self.search.is_usable() {
            return Ok(());
        }
        tell!(warn, "the search index is missing or damaged, and is built again");
        match rebuild(&mut self.checkpointer.search, &self.live, &self.archive, storage) {
            Err(StorageError::Value(_)) => return Ok(()),
            built => built?,
        }
        self.search = SearchIndex::new(Some(self.checkpointer.search.runs()), false);
        self.checkpointer.is_incomplete = true;
        Ok(())
    }

    /// Notes the records that are known to have existed after the last one that was found. The storage has lost them.
    pub(crate) fn note_lost(&mut self, last: LastRecords) {
        let found = self.last_records();
        add_lost(found.erasures, &mut self.erasures.damaged, last.erasures);
        add_lost(found.holds, &mut self.holds.damaged, last.holds);
        add_lost(found.retention_runs, &mut self.removals.damaged, last.retention_runs);
    }

    /// Fails if a record of an erasure, a legal hold or a run of retention cannot be read: what is gone would come back, or what
    /// must stay could be removed.
    pub(crate) fn expect_records(&self) -> Result<(), OpenError> {
        expect_whole(RecordKind::Erasure, &self.erasures.damaged)?;
        expect_whole(RecordKind::Hold, &self.holds.damaged)?;
        self.expect_retention_runs()
    }

    pub(crate) fn expect_retention_runs(&self) -> Result<(), OpenError> {
        expect_whole(RecordKind::RetentionRun, &self.removals.damaged)
    }

    /// The numbers of the last records.
    pub(crate) fn last_records(&self) -> LastRecords {
        let Self { erasures, holds, removals, .. } = self;
        LastRecords { erasures: erasures.last(), holds: holds.last(), retention_runs: removals.last() }
    }

    /// The generation of the newest checkpoint, if it contains all of the log and can be used.
    pub(crate) fn saved_generation(&self) -> Option<u64> {
        self.checkpointer.saved_generation(&self.position)
    }

    /// Removes the note about a damaged page after all pages were found to be intact. If a checkpoint was skipped, the next
    /// opening checks them again.
    pub(crate) fn settle_check_of_pages(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        if self.has_intact_pages { note_damage(storage, false) } else { Ok(()) }
    }

    /// Folds the rest of the log. Other threads read and decode ahead. `index` is that of the board.
    fn replay_log(
        &mut self,
        storage: &Arc<dyn ReadStorage>,
        end_mark: Option<EndMark>,
        mut index: UnsortedIndex,
    ) -> Result<Replayed, LogError> {
        let mut reader = EventReader::new(storage.clone(), self.position, UpTo::End).expecting(end_mark)?;
        let mut replayed = Replayed::default();
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        reader.read_ahead(|block| {
            replayed.blocks += 1;
            replayed.events += block.events.len() as u64;
            bytes += block.events.text_bytes();
            blocks.push(block);
            // Conversations of several blocks are reloaded together, on all processors.
            let may_reload = {
                let board = self.live.board();
                board.resident_len() < board.len()
            };
            if may_reload && blocks.len() < RELOADED_AT_ONCE && bytes < RELOADED_BYTES {
                return Ok(());
            }
            bytes = 0;
            self.fold(&mut blocks, storage.as_ref(), &mut index)
        })?;
        self.fold(&mut blocks, storage.as_ref(), &mut index)?;
        loop {
            let updates = self.live.board_mut().settle_within(SETTLED_AT_ONCE, usize::MAX);
            if updates.is_empty() {
                break;
            }
            updates.into_iter().for_each(|update| index.apply(update));
        }
        self.live.set_index(index.sort());
        Ok(replayed)
    }

    fn fold(
        &mut self,
        blocks: &mut Vec<DecodedBlock>,
        storage: &dyn ReadStorage,
        index: &mut UnsortedIndex,
    ) -> Result<(), LogError> {
        let complete = fold_evicted(blocks, &self.archive, storage, &self.live, index)?;
        let mut board = self.live.board_mut();
        for (block, is_complete) in blocks.drain(..).zip(complete) {
            self.position = block.end;
            self.log_bytes += block.stored_bytes;
            block.fold_rest(&is_complete, &mut board, &mut self.bookmarks);
        }
        Ok(())
    }

    /// Folds the blocks that were added to the end of the log since. Returns the ids of their conversations.
    pub(crate) fn catch_up(&mut self, storage: &Arc<dyn ReadStorage>) -> Result<BTreeSet<String>, LogError> {
        let mut reader = EventReader::new(storage.clone(), self.position, UpTo::End);
        let mut changed = BTreeSet::new();
        while let Some(block) = reader.next()? {
            reload(&self.archive, storage.as_ref(), &self.live, block.events.conversations())?;
            changed.extend(block.events.conversations().map(str::to_owned));
            self.position = block.end;
            self.log_bytes += block.stored_bytes;
            self.committed_ms = block.committed_ms;
            block.fold(&mut self.live.board_mut(), &mut self.bookmarks);
            self.live.settle(SETTLED_AT_ONCE, usize::MAX);
        }
        Ok(changed)
    }

    /// Checks that the log reaches its known end.
    fn expect_log_up_to(&self, end_mark: Option<EndMark>) -> Result<(), OpenError> {
        match end_mark {
            Some(end_mark) if end_mark.last_block_no >= self.position.block_no => {
                Err(OpenError::Shortened { expected: end_mark.last_seq, found: self.position.last_seq() })
            }
            _ => Ok(()),
        }
    }

    /// Checks that every block of the log is readable.
    fn expect_whole_log(&self, storage: &Arc<dyn ReadStorage>) -> Result<(), LogError> {
        let mut reader = LogReader::new(storage.clone(), self.start.position);
        while reader.position != self.position {
            let LogPosition { block_no, seq, .. } = reader.position;
            reader.next()?.ok_or(LogError::Damaged { block_no, seq, why: Damage::Missing })?;
        }
        Ok(())
    }
}

fn expect_whole(kind: RecordKind, damaged: &[DamagedRecord]) -> Result<(), OpenError> {
    match damaged.first() {
        Some((number, why)) => Err(OpenError::DamagedRecord { kind, number: *number, why: why.clone() }),
        None => Ok(()),
    }
}
