//! Loads a checkpoint.

use convofold_engine::{Board, ConversationImage, FOLD_VERSION, StateHash, UnsortedIndex};

use crate::checkpoint::error::{LoadError, SkipReason};
use crate::checkpoint::heads::{HeadList, LIST_PAGES, checksum_of, list_count, read_list, unusable};
use crate::checkpoint::record::{position_of, read, read_record};
use crate::conversations::page::{PAGE_SLOTS, check_page, read_page};
use crate::damage::Damage;
use crate::format::block::{Block, LogPosition};
use crate::format::checkpoint::CheckpointRecord;
use crate::format::key::BlockKey;
use crate::format::log_start::LogStart;
use crate::format::page_head::{PageEntry, PageHead, StoredHead};
use crate::in_order::in_order;
use crate::storage::ReadStorage;

/// A checkpoint in memory.
pub(crate) struct LoadedCheckpoint {
    pub(crate) record: CheckpointRecord,
    pub(crate) board: Board,
    pub(crate) index: UnsortedIndex,
    pub(crate) pages: Vec<PageEntry>,
    pub(crate) lists: Vec<HeadList>,
}

/// Loads the checkpoint of this generation for a log that begins at `start`: the heads of its pages. The pages are checked
/// when they are read; `must_check_pages` checks them now.
pub(crate) fn load(
    storage: &dyn ReadStorage,
    start: &LogStart,
    generation: u64,
    must_check_pages: bool,
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
    let Loaded { board, index, pages, lists } = load_conversations(storage, &record)?;
    if must_check_pages {
        check_pages(storage, &pages)?;
    }
    Ok(LoadedCheckpoint { record, board, index, pages, lists })
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

/// The conversations of a checkpoint, and the locations of its pages and lists of heads.
struct Loaded {
    board: Board,
    index: UnsortedIndex,
    pages: Vec<PageEntry>,
    lists: Vec<HeadList>,
}

/// Loads the outlines of all conversations. Every conversation stays evicted until it is needed.
fn load_conversations(storage: &dyn ReadStorage, record: &CheckpointRecord) -> Result<Loaded, LoadError> {
    let hash = StateHash::from_bytes(record.state_hash);
    let by_heads = if record.fold_version == FOLD_VERSION { load_heads(storage, record, hash)? } else { None };
    let loaded = by_heads.map_or_else(|| load_images(storage, record), Ok)?;
    let is_whole = loaded.board.slot_count() == record.slot_count;
    if is_whole && checksum_of(&loaded.lists).to_le_bytes() == record.heads_checksum {
        Ok(loaded)
    } else {
        Err(SkipReason::OtherPages.into())
    }
}

/// `None` if another fold version derived the head of a page. Such a page is not rewritten until one of its
/// conversations changes.
fn load_heads(
    storage: &dyn ReadStorage,
    record: &CheckpointRecord,
    expected: StateHash,
) -> Result<Option<Loaded>, LoadError> {
    let mut hash = StateHash::default();
    let (mut pages, mut lists) = (Vec::new(), Vec::new());
    // The iterator that builds the board cannot return an error or a head of another fold version.
    let mut why_ended = Ok::<_, LoadError>(());
    let load = |list_no| {
        let (heads, list) = read_list(storage, record, list_no)?;
        let decoded = (list_no * LIST_PAGES..).zip(heads).map(|(page_no, head)| decode(page_no, &head));
        Ok::<_, LoadError>((decoded.collect::<Result<Option<Vec<_>>, LoadError>>()?, list))
    };
    let (board, index) = in_order(
        list_count(record) as usize,
        |list_no| load(number(list_no)),
        |loaded| {
            let heads = loaded.map_while(|list| match list {
                Ok((Some(heads), list)) => {
                    lists.push(list);
                    Some(heads)
                }
                Ok((None, _)) => None,
                Err(error) => {
                    why_ended = Err(error);
                    None
                }
            });
            let outlines = heads.flatten().flat_map(|(entry, head)| {
                pages.push(entry);
                hash = hash.plus(head.hash);
                head.outlines
            });
            Board::of_outlines(outlines, expected)
        },
    );
    why_ended?;
    let is_whole = lists.len() as u64 == u64::from(list_count(record));
    match is_whole && hash != expected {
        true => Err(SkipReason::OtherPages.into()),
        false => Ok(is_whole.then_some(Loaded { board, index, pages, lists })),
    }
}

/// The head of a page; `None` if another fold version derived it.
fn decode(page_no: u32, head: &StoredHead) -> Result<Option<(PageEntry, PageHead)>, LoadError> {
    if head.fold_version != FOLD_VERSION {
        return Ok(None);
    }
    let decoded = head.entry().and_then(|entry| Ok((entry, head.head()?)));
    decoded.map(Some).map_err(|why| SkipReason::Page { page_no, why }.into())
}

/// Loads all conversations onto a board.
fn load_images(storage: &dyn ReadStorage, record: &CheckpointRecord) -> Result<Loaded, LoadError> {
    let mut board = Board::new();
    let (mut pages, mut lists) = (Vec::new(), Vec::new());
    for list_no in 0..list_count(record) {
        let (heads, list) = read_list(storage, record, list_no)?;
        lists.push(list);
        for head in heads {
            let page_no = number(pages.len());
            pages.push(head.entry().map_err(|why| SkipReason::Page { page_no, why })?);
        }
    }
    let load = |page: usize| {
        let mut images = Vec::new();
        let entry = pages.get(page).copied().unwrap_or_default();
        load_page(storage, number(page), entry, |image| images.push(image)).map(|()| images)
    };
    in_order(pages.len(), load, |loaded| {
        for (page_no, images) in (0..).zip(loaded) {
            for image in images? {
                let slot = board.slot_count();
                let damaged = |error| SkipReason::Page { page_no, why: Damage::Conversation(error) };
                board.load(slot, image).map_err(damaged)?;
            }
        }
        Ok::<_, LoadError>(())
    })?;
    let index = board.unsorted_index();
    Ok(Loaded { board, index, pages, lists })
}

/// The number of a page or a list. All of them have 32 bits.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Loads a page, and passes its conversations to `take`, one at a time.
pub(crate) fn load_page(
    storage: &dyn ReadStorage,
    page_no: u32,
    entry: PageEntry,
    mut take: impl FnMut(ConversationImage),
) -> Result<(), LoadError> {
    let read = read_page(storage, page_no, entry, |_| true, |_, image| take(image));
    read.map_err(|error| unusable(page_no, error))
}

/// Checks every page without decoding it.
fn check_pages(storage: &dyn ReadStorage, pages: &[PageEntry]) -> Result<(), LoadError> {
    let check = |page: usize| {
        let entry = pages.get(page).copied().unwrap_or_default();
        check_page(storage, number(page), entry).map_err(|error| unusable(number(page), error))
    };
    in_order(pages.len(), check, |checked| checked.collect())
}

/// Checks that a checkpoint is readable, with all its conversations.
pub(crate) fn check_readable(storage: &dyn ReadStorage, generation: u64) -> Result<(), LoadError> {
    let record = read_record(storage, generation)?;
    let mut lists = Vec::new();
    for list_no in 0..list_count(&record) {
        let (heads, list) = read_list(storage, &record, list_no)?;
        lists.push(list);
        for (page_no, head) in (list_no * LIST_PAGES..).zip(heads) {
            let entry = head.entry().map_err(|why| SkipReason::Page { page_no, why })?;
            load_page(storage, page_no, entry, drop)?;
        }
    }
    let is_whole = checksum_of(&lists).to_le_bytes() == record.heads_checksum;
    if is_whole { Ok(()) } else { Err(SkipReason::OtherPages.into()) }
}
