//! From what is on the disk to the state in memory: the last good checkpoint, and the log after it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convofold_engine::{Board, FOLD_VERSION, Index, Seq, StateHash};

use crate::care::trim::read_log_start;
use crate::checkpoint::write::{Checkpointer, Last, PAGE_SLOTS, checksum_of, generations, record_name};
use crate::conversations::archive::{Archive, bring_back};
use crate::conversations::live::Live;
use crate::conversations::page::{OpenedPage, PageEntry, StoredPage};
use crate::damage::Damage;
use crate::error::OpenError;
use crate::format::block::{Block, Tail};
use crate::format::checkpoint::{self as record, CheckpointV1};
use crate::format::log_start::LogStart;
use crate::format::page_head::PageHead;
use crate::in_order::in_order;
use crate::log::events::{DecodedBlock, EventReader, FOLDED_AT_ONCE, UpTo};
use crate::log::reader::LogError;
use crate::storage::end_mark::Head;
use crate::storage::sled::file::Doubt;
use crate::storage::{BlockKey, PageKey, Storage, StorageError, panic_message};
use crate::trace::span;

/// What opening a store found and did.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Recovery {
    /// Whether the store was made just now.
    pub is_new: bool,
    /// The last event in the checkpoint that was used; `None` where the whole log was folded.
    pub checkpoint_seq: Option<Seq>,
    /// How many events of the log were folded after it.
    pub events_replayed: u64,
    /// How many log blocks they lay in.
    pub blocks_replayed: u64,
    /// The last event in the log; 0 where there is none.
    pub last_seq: Seq,
    /// Checkpoints that could not be used, newest first. Nothing is lost by that but time.
    pub skipped: Vec<SkippedCheckpoint>,
    /// Files that a killed process left half-written and that were removed, because sled would not open with them.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::paths"))]
    pub removed_files: Vec<PathBuf>,
    /// What in sled's file did not look like its end, as a process that was killed leaves it. Nothing that is known to have
    /// been durable is missing; otherwise the store would not have opened.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::as_text_if_any"))]
    pub doubt: Option<Doubt>,
    /// Whether the file that says how far the log reaches was damaged or gone, so that this once a log that lost its end would
    /// not have been noticed. It is written anew.
    pub unreadable_head: bool,
    /// Values that lie where no barrier reaches them. Always 0; otherwise it is a fault of convofold: please report it.
    pub stray_values: u64,
    /// How long it took.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// A checkpoint that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SkippedCheckpoint {
    /// Its number.
    pub generation: u64,
    /// Why.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::as_text"))]
    pub why: SkipReason,
}

/// Why a checkpoint could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// The state was folded by other rules.
    #[error("it was folded by rules {found}, this version has rules {expected}")]
    FoldVersion {
        /// The rules of this version.
        expected: u32,
        /// Those of the checkpoint.
        found: u32,
    },
    /// Its record is damaged.
    #[error("its record is damaged: {0}")]
    Record(Damage),
    /// One of its pages is damaged.
    #[error("page {page_no} is damaged: {why}")]
    Page {
        /// Which page.
        page_no: u32,
        /// What is wrong with it.
        why: Damage,
    },
    /// Its pages are whole but not those it was made of.
    #[error("its pages are not those it was made of")]
    OtherPages,
    /// The log does not have the block after which it was made.
    #[error("the log does not have the block after which it was made")]
    OtherLog,
}

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
    storage: &Arc<dyn Storage>,
    head: Option<Head>,
    recovery: &mut Recovery,
) -> Result<Recovered, OpenError> {
    // What is read here may be damaged in ways that nobody thought of. None of them may take the host down.
    catch_unwind(AssertUnwindSafe(|| recover_all(storage, head, recovery))).unwrap_or_else(|payload| {
        let message = panic_message(payload.as_ref());
        Err(OpenError::Storage(StorageError::Panicked { message }))
    })
}

fn recover_all(
    storage: &Arc<dyn Storage>,
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
    storage: &dyn Storage,
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

pub(crate) enum LoadError {
    Skip(SkipReason),
    /// The checkpoint knows of events that the log no longer has.
    Shortened {
        expected: Seq,
        found: Seq,
    },
    Storage(StorageError),
}

impl From<SkipReason> for LoadError {
    fn from(why: SkipReason) -> Self {
        Self::Skip(why)
    }
}

impl From<StorageError> for LoadError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

fn load(storage: &dyn Storage, start: &LogStart, generation: u64, newest: u64) -> Result<Recovered, LoadError> {
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

/// What was read, or what is wrong with it; only a failure of the storage itself is an error.
pub(crate) fn read(outcome: Result<Option<Vec<u8>>, StorageError>) -> Result<Result<Vec<u8>, Damage>, StorageError> {
    match outcome {
        Ok(value) => Ok(value.ok_or(Damage::Missing)),
        Err(StorageError::Value(why)) => Ok(Err(why)),
        Err(error) => Err(error),
    }
}

pub(crate) fn tail_of(record: &CheckpointV1) -> Tail {
    Tail {
        block_no: record.last_block_no.saturating_add(1),
        seq: record.last_seq.saturating_add(1),
        chain: u128::from_le_bytes(record.chain),
    }
}

fn expect_log_up_to(storage: &dyn Storage, record: &CheckpointV1) -> Result<(), LoadError> {
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

/// Makes sure that the checkpoint belongs to this log. Where more blocks follow, the chain shows it.
fn expect_block(storage: &dyn Storage, tail: &Tail) -> Result<(), LoadError> {
    let last = storage.key_at_or_before(BlockKey { first_seq: u64::MAX, block_no: u64::MAX })?;
    let Some(key) = last.filter(|last| last.block_no + 1 >= tail.block_no) else {
        return Err(SkipReason::OtherLog.into());
    };
    if key.block_no >= tail.block_no {
        return Ok(());
    }
    let value = read(storage.block(key))?.ok();
    let block = value.and_then(|value| Block::open(&value).ok());
    if block.is_some_and(|block| block.end() == *tail) { Ok(()) } else { Err(SkipReason::OtherLog.into()) }
}

/// What the pages of a checkpoint hold, and where they lie.
type Loaded = (Board, Index, Vec<PageEntry>);

/// The pages of a checkpoint: what is kept in memory of all conversations, each of which stays away until it is needed.
fn load_pages(storage: &dyn Storage, record: &CheckpointV1) -> Result<Loaded, LoadError> {
    let hash = record.state_hash.filter(|_| record.fold_version == FOLD_VERSION).map(StateHash::from_bytes);
    let by_heads = hash.map(|hash| load_heads(storage, record, hash)).transpose()?.flatten();
    let (board, index, pages) = by_heads.map_or_else(|| load_images(storage, record), Ok)?;
    if board.slot_count() != record.slot_count || checksum_of(&pages).to_le_bytes() != record.pages_checksum {
        return Err(SkipReason::OtherPages.into());
    }
    Ok((board, index, pages))
}

/// `None` where a page was written by an earlier version, which wrote no heads.
fn load_heads(storage: &dyn Storage, record: &CheckpointV1, expected: StateHash) -> Result<Option<Loaded>, LoadError> {
    let mut hash = StateHash::default();
    let mut pages = Vec::new();
    // Neither an error nor a page without a head fits through the iterator that the board is made of.
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

/// Puts all conversations on a board.
fn load_images(storage: &dyn Storage, record: &CheckpointV1) -> Result<Loaded, LoadError> {
    let mut board = Board::new();
    let mut pages = Vec::new();
    each_page(
        record,
        |page_no| load_page(storage, record, page_no),
        |loaded| {
            for (page_no, loaded) in (0..).zip(loaded) {
                let (entry, page) = loaded?;
                pages.push(entry);
                for image in page.images {
                    let slot = board.slot_count();
                    let damaged = |error| SkipReason::Page { page_no, why: Damage::Conversation(error) };
                    board.restore(slot, image).map_err(damaged)?;
                }
            }
            Ok::<_, LoadError>(())
        },
    )?;
    let index = board.index();
    Ok((board, index, pages))
}

/// Loads every page, and hands them over in their order.
fn each_page<T: Send, R>(
    record: &CheckpointV1,
    load: impl Fn(u32) -> T + Sync,
    take: impl FnOnce(&mut dyn Iterator<Item = T>) -> R,
) -> R {
    let page_count = record.slot_count.div_ceil(PAGE_SLOTS);
    // Both are 32 bits.
    in_order(page_count as usize, |page_no| load(u32::try_from(page_no).unwrap_or(u32::MAX)), take)
}

/// A page ready to be restored, or why not.
pub(crate) type LoadedPage = Result<(PageEntry, OpenedPage), LoadError>;

pub(crate) fn load_page(storage: &dyn Storage, record: &CheckpointV1, page_no: u32) -> LoadedPage {
    let damaged = |why| LoadError::Skip(SkipReason::Page { page_no, why });
    let (place, page) = stored_page(storage, record, page_no)?;
    let opened = page.open().map_err(damaged)?;
    Ok((PageEntry { place, checksum: opened.checksum, bytes: page.bytes() }, opened))
}

/// The head of a page; `None` where it was written by an earlier version, which wrote none, or derived by other rules.
fn load_head(
    storage: &dyn Storage,
    record: &CheckpointV1,
    page_no: u32,
) -> Result<Option<(PageEntry, PageHead)>, LoadError> {
    let damaged = |why| LoadError::Skip(SkipReason::Page { page_no, why });
    let (place, page) = stored_page(storage, record, page_no)?;
    let head = page.head().map_err(damaged)?;
    let head = head.filter(|(head, _)| head.fold_version == FOLD_VERSION);
    Ok(head.map(|(head, checksum)| (PageEntry { place, checksum, bytes: page.bytes() }, head)))
}

fn stored_page(storage: &dyn Storage, record: &CheckpointV1, page_no: u32) -> Result<(bool, StoredPage), LoadError> {
    let byte = record.places.get(page_no as usize / 8).copied().unwrap_or_default();
    let place = byte >> (page_no % 8) & 1 == 1;
    match StoredPage::read(storage, PageKey { page_no, place }) {
        Err(StorageError::Value(why)) => Err(SkipReason::Page { page_no, why }.into()),
        read => Ok((place, read?)),
    }
}

/// Makes sure that a checkpoint can be read.
pub(crate) fn check_pages(storage: &dyn Storage, generation: u64) -> Result<(), LoadError> {
    let value = read(storage.record(&record_name(generation)))?.map_err(SkipReason::Record)?;
    let record = record::open(generation, &value).map_err(SkipReason::Record)?;
    let pages = (0..record.slot_count.div_ceil(PAGE_SLOTS)).map(|page_no| Ok(load_page(storage, &record, page_no)?.0));
    let pages: Vec<PageEntry> = pages.collect::<Result<_, LoadError>>()?;
    let is_whole = checksum_of(&pages).to_le_bytes() == record.pages_checksum;
    if is_whole { Ok(()) } else { Err(SkipReason::OtherPages.into()) }
}

/// Folds what is in the log after the checkpoint; another thread reads and decodes ahead.
fn replay_log(
    storage: &Arc<dyn Storage>,
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

fn fold(blocks: Vec<DecodedBlock>, storage: &dyn Storage, recovered: &mut Recovered) -> Result<(), LogError> {
    let events = blocks.iter().flat_map(|block| &block.events);
    bring_back(&recovered.archive, storage, &recovered.live, events).map_err(LogError::Storage)?;
    let mut board = recovered.live.board_mut();
    let mut batch = board.batch();
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
