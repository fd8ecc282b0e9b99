//! Loads a checkpoint.

use convofold_engine::{Board, ConversationImage, FOLD_VERSION, Index, StateHash};

use crate::checkpoint::error::{LoadError, SkipReason};
use crate::checkpoint::record::{checksum_of, half_of, position_of, read, read_record};
use crate::conversations::page::{PAGE_SLOTS, PageEntry, read_head, read_page};
use crate::damage::Damage;
use crate::format::block::{Block, LogPosition};
use crate::format::checkpoint::CheckpointRecord;
use crate::format::key::{BlockKey, PageKey};
use crate::format::log_start::LogStart;
use crate::format::page_head::PageHead;
use crate::in_order::in_order;
use crate::storage::{ReadStorage, StorageError};

/// A checkpoint in memory.
pub(crate) struct LoadedCheckpoint {
    pub(crate) record: CheckpointRecord,
    pub(crate) board: Board,
    pub(crate) index: Index,
    pub(crate) pages: Vec<PageEntry>,
}

/// Loads the checkpoint of this generation for a log that begins at `start`.
pub(crate) fn load(
    storage: &dyn ReadStorage,
    start: &LogStart,
    generation: u64,
) -> Result<LoadedCheckpoint, LoadError> {
    let record = read_record(storage, generation)?;
    // The record was written after its blocks were durable. So even an unusable checkpoint shows how far the log
    // reached.
    expect_log_up_to(storage, &record)?;
    // Pages contain facts, and nothing that the fold derives. If the log contains the events too, it is the better
    // source.
    if record.fold_version != FOLD_VERSION && start.position == LogPosition::START {
        return Err(SkipReason::FoldVersion { expected: FOLD_VERSION, found: record.fold_version }.into());
    }
    if record.page_slots != PAGE_SLOTS {
        let damage = Damage::NoSuch { field: "page size", found: record.page_slots.into() };
        return Err(SkipReason::Record(damage).into());
    }
    expect_block(storage, &position_of(&record))?;
    let (board, index, pages) = load_pages(storage, &record)?;
    Ok(LoadedCheckpoint { record, board, index, pages })
}

fn expect_log_up_to(storage: &dyn ReadStorage, record: &CheckpointRecord) -> Result<(), LoadError> {
    let last = storage.key_at_or_before(BlockKey { first_seq: u64::MAX, block_no: u64::MAX })?;
    if last.map_or(0, |last| last.block_no) >= record.last_block_no {
        return Ok(());
    }
    let block = match last {
        Some(last) => read(storage.block(last))?.ok().and_then(|value| Block::open(&value).ok()),
        None => None,
    };
    let found = block.map_or(0, |block| block.end().last_seq());
    Err(LoadError::Shortened { expected: record.last_seq, found })
}

/// Checks that the checkpoint belongs to this log. If more blocks follow, the checksum chain shows it.
fn expect_block(storage: &dyn ReadStorage, position: &LogPosition) -> Result<(), LoadError> {
    let last = storage.key_at_or_before(BlockKey { first_seq: u64::MAX, block_no: u64::MAX })?;
    let Some(key) = last.filter(|last| last.block_no + 1 >= position.block_no) else {
        return Err(SkipReason::OtherLog.into());
    };
    if key.block_no >= position.block_no {
        return Ok(());
    }
    let value = read(storage.block(key))?.ok();
    let block = value.and_then(|value| Block::open(&value).ok());
    if block.is_some_and(|block| block.end() == *position) { Ok(()) } else { Err(SkipReason::OtherLog.into()) }
}

/// The contents of a checkpoint's pages, and their locations.
type Loaded = (Board, Index, Vec<PageEntry>);

/// Loads the pages of a checkpoint: the outlines of all conversations. Every conversation stays evicted until it is
/// needed.
fn load_pages(storage: &dyn ReadStorage, record: &CheckpointRecord) -> Result<Loaded, LoadError> {
    let hash = StateHash::from_bytes(record.state_hash);
    let by_heads = if record.fold_version == FOLD_VERSION { load_heads(storage, record, hash)? } else { None };
    let (board, index, pages) = by_heads.map_or_else(|| load_images(storage, record), Ok)?;
    if board.slot_count() != record.slot_count || checksum_of(&pages).to_le_bytes() != record.pages_checksum {
        return Err(SkipReason::OtherPages.into());
    }
    Ok((board, index, pages))
}

/// `None` if another fold version derived the head of a page. Such a page is not rewritten until one of its
/// conversations changes.
fn load_heads(
    storage: &dyn ReadStorage,
    record: &CheckpointRecord,
    expected: StateHash,
) -> Result<Option<Loaded>, LoadError> {
    let mut hash = StateHash::default();
    let mut pages = Vec::new();
    // The iterator that builds the board cannot return an error or a head of another fold version.
    let mut why_ended = Ok(());
    let (board, index) = each_page(
        record,
        |page_no| load_head(storage, record, page_no),
        |loaded| {
            let heads = loaded.map_while(|head| match head {
                Ok(Some((entry, head))) => {
                    pages.push(entry);
                    hash = hash.plus(head.hash);
                    Some(head.outlines)
                }
                Ok(None) => None,
                Err(error) => {
                    why_ended = Err(error);
                    None
                }
            });
            Board::of_outlines(heads.flatten(), expected)
        },
    );
    why_ended?;
    let is_whole = pages.len() as u64 == u64::from(record.slot_count.div_ceil(PAGE_SLOTS));
    match is_whole && hash != expected {
        true => Err(SkipReason::OtherPages.into()),
        false => Ok(is_whole.then_some((board, index, pages))),
    }
}

/// Loads all conversations onto a board.
fn load_images(storage: &dyn ReadStorage, record: &CheckpointRecord) -> Result<Loaded, LoadError> {
    let mut board = Board::new();
    let mut pages = Vec::new();
    each_page(
        record,
        |page_no| {
            let mut images = Vec::new();
            load_page(storage, record, page_no, |image| images.push(image)).map(|(entry, _)| (entry, images))
        },
        |loaded| {
            for (page_no, loaded) in (0..).zip(loaded) {
                let (entry, images) = loaded?;
                pages.push(entry);
                for image in images {
                    let slot = board.slot_count();
                    let damaged = |error| SkipReason::Page { page_no, why: Damage::Conversation(error) };
                    board.load(slot, image).map_err(damaged)?;
                }
            }
            Ok::<_, LoadError>(())
        },
    )?;
    let index = board.index();
    Ok((board, index, pages))
}

/// Loads every page, and passes them to `take` in order.
fn each_page<T: Send, R>(
    record: &CheckpointRecord,
    load: impl Fn(u32) -> T + Sync,
    take: impl FnOnce(&mut dyn Iterator<Item = T>) -> R,
) -> R {
    let page_count = record.slot_count.div_ceil(PAGE_SLOTS);
    // Both are 32 bits.
    in_order(page_count as usize, |page_no| load(u32::try_from(page_no).unwrap_or(u32::MAX)), take)
}

/// Loads a page, and passes its conversations to `take`, one at a time.
pub(crate) fn load_page(
    storage: &dyn ReadStorage,
    record: &CheckpointRecord,
    page_no: u32,
    mut take: impl FnMut(ConversationImage),
) -> Result<(PageEntry, PageHead), LoadError> {
    let read = read_page(storage, key_of(record, page_no), |_| true, |_, image| take(image));
    read.map(|(head, entry)| (entry, head)).map_err(|error| unusable(page_no, error))
}

/// The head of a page; `None` if another fold version derived it.
fn load_head(
    storage: &dyn ReadStorage,
    record: &CheckpointRecord,
    page_no: u32,
) -> Result<Option<(PageEntry, PageHead)>, LoadError> {
    let (head, entry) = read_head(storage, key_of(record, page_no)).map_err(|error| unusable(page_no, error))?;
    Ok((head.fold_version == FOLD_VERSION).then_some((entry, head)))
}

fn key_of(record: &CheckpointRecord, page_no: u32) -> PageKey {
    PageKey { page_no, half: half_of(record, page_no) }
}

fn unusable(page_no: u32, error: StorageError) -> LoadError {
    match error {
        StorageError::Value(why) => SkipReason::Page { page_no, why }.into(),
        error => error.into(),
    }
}

/// Checks that a checkpoint is readable.
pub(crate) fn check_pages(storage: &dyn ReadStorage, generation: u64) -> Result<(), LoadError> {
    let record = read_record(storage, generation)?;
    let page_nos = 0..record.slot_count.div_ceil(PAGE_SLOTS);
    let pages = page_nos.map(|page_no| Ok(load_page(storage, &record, page_no, drop)?.0));
    let pages: Vec<PageEntry> = pages.collect::<Result<_, LoadError>>()?;
    let is_whole = checksum_of(&pages).to_le_bytes() == record.pages_checksum;
    if is_whole { Ok(()) } else { Err(SkipReason::OtherPages.into()) }
}
