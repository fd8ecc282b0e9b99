//! From what is on the disk to the state in memory: the last good checkpoint, and the log after it.

use crate::checkpoint::load::LoadError;
use crate::checkpoint::load::SkipReason;
use crate::checkpoint::load::expect_block;
use crate::checkpoint::load::expect_log_up_to;
use crate::checkpoint::load::load_pages;
use crate::checkpoint::load::read;
use crate::checkpoint::load::tail_of;
use crate::open::report::Recovery;
use crate::open::report::SkippedCheckpoint;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use convofold_engine::FOLD_VERSION;

use crate::checkpoint::record::{generations, record_name};
use crate::checkpoint::write::{Checkpointer, Last};
use crate::conversations::archive::{Archive, bring_back};
use crate::conversations::live::Live;
use crate::conversations::page::PAGE_SLOTS;
use crate::damage::Damage;
use crate::format::block::Tail;
use crate::format::checkpoint::{self as record};
use crate::format::log_start::LogStart;
use crate::log::error::LogError;
use crate::log::events::{DecodedBlock, EventReader, FOLDED_AT_ONCE, UpTo};
use crate::log::start::read_log_start;
use crate::open::error::OpenError;
use crate::storage::end_mark::Head;
use crate::storage::{ReadStorage, StorageError, panic_message};
use crate::trace::span;

/// What a checkpoint or the log left in memory.
pub(crate) struct Recovered {
    pub(crate) live: Live,
    pub(crate) archive: Archive,
    pub(crate) bookmarks: BTreeMap<String, Vec<u8>>,
    /// Where the log begins.
    pub(crate) start: LogStart,
    pub(crate) tail: Tail,
    pub(crate) log_bytes: u64,
    pub(crate) checkpointer: Checkpointer,
}

/// Recovers everything. `head` says how far the log is known to reach.
pub(crate) fn recover(
    storage: Arc<dyn ReadStorage>,
    head: Option<Head>,
    recovery: &mut Recovery,
) -> Result<Recovered, OpenError> {
    // What is read here may be damaged in ways that nobody thought of. None of them may take the host down.
    catch_unwind(AssertUnwindSafe(|| recover_all(&storage, head, recovery))).unwrap_or_else(|payload| {
        let message = panic_message(payload.as_ref());
        Err(OpenError::Storage(StorageError::Panicked { message }))
    })
}

fn recover_all(
    storage: &Arc<dyn ReadStorage>,
    head: Option<Head>,
    recovery: &mut Recovery,
) -> Result<Recovered, OpenError> {
    span!("recover");
    let started = Instant::now();
    let start = read_log_start(storage.as_ref())?;
    let mut recovered = last_good_checkpoint(storage.as_ref(), start, recovery)?;
    replay_log(storage, head, &mut recovered, recovery)?;
    let found = recovered.tail.last_seq();
    match head {
        Some(head) if head.last_block_no >= recovered.tail.block_no => {
            return Err(OpenError::Shortened { expected: head.last_seq, found });
        }
        _ => {}
    }
    recovery.last_seq = found;
    recovery.stray_values = storage.stray_values()?;
    recovery.took = started.elapsed();
    Ok(recovered)
}

fn last_good_checkpoint(
    storage: &dyn ReadStorage,
    start: LogStart,
    recovery: &mut Recovery,
) -> Result<Recovered, OpenError> {
    let generations = generations(storage)?;
    let newest = generations.last().copied().unwrap_or_default();
    for generation in generations.into_iter().rev() {
        match load(storage, &start, generation, newest) {
            Ok(recovered) => {
                recovery.checkpoint_seq = Some(recovered.tail.last_seq());
                return Ok(recovered);
            }
            Err(LoadError::Storage(error)) => return Err(error.into()),
            Err(LoadError::Shortened { expected, found }) => return Err(OpenError::Shortened { expected, found }),
            Err(LoadError::Skip(why)) => recovery.skipped.push(SkippedCheckpoint { generation, why }),
        }
    }
    if start.tail != Tail::START {
        return Err(OpenError::NoCheckpoint { first_seq: start.tail.seq });
    }
    Ok(Recovered {
        live: Live::default(),
        archive: Archive::default(),
        bookmarks: BTreeMap::new(),
        start,
        tail: Tail::START,
        log_bytes: 0,
        checkpointer: Checkpointer::new(0, None, newest),
    })
}

fn load(storage: &dyn ReadStorage, start: &LogStart, generation: u64, newest: u64) -> Result<Recovered, LoadError> {
    let value = read(storage.record(&record_name(generation)))?.map_err(SkipReason::Record)?;
    let record = record::open(generation, &value).map_err(SkipReason::Record)?;
    // It was written after its blocks were durable, so also one that is of no other use tells how far the log reached.
    expect_log_up_to(storage, &record)?;
    let other = |field, found| SkipReason::Record(Damage::NoSuch { field, found });
    // Pages hold what was learned and nothing that the rules make of it. Where the log has it too, that is the better witness.
    if record.fold_version != FOLD_VERSION && start.tail == Tail::START {
        return Err(SkipReason::FoldVersion { expected: FOLD_VERSION, found: record.fold_version }.into());
    }
    if record.page_slots != PAGE_SLOTS {
        return Err(other("size of pages", record.page_slots.into()).into());
    }
    let tail = tail_of(&record);
    expect_block(storage, &tail)?;
    let (board, index, pages) = load_pages(storage, &record)?;
    let last = Last { generation, block_no: record.last_block_no, log_bytes: record.log_bytes };
    Ok(Recovered {
        live: Live::new(board, index),
        checkpointer: Checkpointer::new(record.page_bytes, Some(last), newest),
        archive: Archive::new(pages),
        bookmarks: record.bookmarks.into_iter().collect(),
        start: start.clone(),
        tail,
        log_bytes: record.log_bytes,
    })
}

/// Folds what is in the log after the checkpoint; another thread reads and decodes ahead.
fn replay_log(
    storage: &Arc<dyn ReadStorage>,
    head: Option<Head>,
    recovered: &mut Recovered,
    recovery: &mut Recovery,
) -> Result<(), LogError> {
    let mut reader = EventReader::new(storage.clone(), recovered.tail, UpTo::End).expecting(head)?;
    let (mut blocks, mut events) = (Vec::new(), 0);
    reader.read_ahead(|block| {
        recovery.blocks_replayed += 1;
        recovery.events_replayed += block.events.len() as u64;
        events += block.events.len();
        blocks.push(block);
        if events < FOLDED_AT_ONCE {
            return Ok(());
        }
        events = 0;
        fold(std::mem::take(&mut blocks), storage.as_ref(), recovered)
    })?;
    fold(blocks, storage.as_ref(), recovered)
}

fn fold(blocks: Vec<DecodedBlock>, storage: &dyn ReadStorage, recovered: &mut Recovered) -> Result<(), LogError> {
    let events = blocks.iter().flat_map(|block| &block.events);
    bring_back(&recovered.archive, storage, &recovered.live, events).map_err(LogError::Storage)?;
    let mut board = recovered.live.board_mut();
    let mut batch = board.edit();
    for block in blocks {
        recovered.tail = block.end;
        recovered.log_bytes += block.stored_bytes;
        block.fold_into(&mut batch, &mut recovered.bookmarks);
    }
    let updates = batch.finish();
    drop(board);
    recovered.live.list(updates);
    Ok(())
}
