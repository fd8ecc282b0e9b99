//! Entry points for the fuzz targets into all code that reads bytes. Compiled only with `--cfg fuzzing`, and not part
//! of the API.
//!
//! A checksum would stop a fuzzer at once. So its input is read twice: as it is, and with corrected marks, lengths and
//! checksums. The code must not panic or take much time or memory, and every value that can be read must be equal after
//! it is written and read again.

use std::io;
use std::path::Path;

use convofold_engine::{Board, ConversationImage, EventColumns, Query};

use crate::care::backup::fuzzing::read_backup;
use crate::format::block::{self, Block, LogPosition, PackedEvents};
use crate::format::frame::{Compressor, mended, u32_at, u64_at};
use crate::format::key::{BlockKey, PageHalf, PageKey};
use crate::format::{checkpoint, log_start, page, page_head};
use crate::log::columns::PooledColumns;
use crate::log::events::DecodedBlock;
use crate::storage::ReadStorage;
use crate::storage::fragment::{Fragment, Tree};
use crate::storage::sled::file as sled_file;
use crate::storage::sled::read_only::ReadOnlySled;

const HEADER_BYTES: usize = crate::format::frame::HEADER_BYTES;

/// Reads a block of the log and its events.
pub fn block(bytes: &[u8]) {
    for value in [bytes.to_vec(), mended(block::MARK, bytes)] {
        if let Ok(read) = Block::open(&value).and_then(|block| DecodedBlock::of(&block)) {
            let again = written_and_read(&read.events);
            assert!(again.is_some_and(|again| {
                again.iter().map(|(_, event)| event).eq(read.events.iter().map(|(_, event)| event))
            }));
        }
    }
}

fn written_and_read(events: &EventColumns) -> Option<PooledColumns> {
    let mut compressor = Compressor::new().ok()?;
    let (_, value) = PackedEvents::of(events, &mut compressor)
        .ok()?
        .seal(&mut LogPosition::START.clone(), &[], 0, &compressor)
        .ok()?;
    Some(DecodedBlock::of(&Block::open(&value).ok()?).ok()?.events)
}

/// Reads a checkpoint record, a page, a list of page heads and a log start; loads conversations into a board and queries it.
pub fn checkpoint(bytes: &[u8]) {
    for value in [bytes.to_vec(), mended(checkpoint::MARK, bytes)] {
        let _ = checkpoint::open(u64_at(&value, HEADER_BYTES), &value);
    }
    for value in [bytes.to_vec(), mended(log_start::MARK, bytes)] {
        let _ = log_start::open(&value);
    }
    for value in [bytes.to_vec(), mended(page_head::MARK, bytes)] {
        for head in page_head::open(u32_at(&value, HEADER_BYTES), &value).into_iter().flat_map(|(heads, _)| heads) {
            let (Ok(head), _) = (head.head(), head.entry()) else { continue };
            let (board, index) = Board::of_outlines(head.outlines.into_iter(), head.hash);
            assert!(board.len() >= index.sort().open_len());
        }
    }
    for value in [bytes.to_vec(), mended(page::MARK, bytes)] {
        if let Ok(images) = page::open(u32_at(&value, HEADER_BYTES), &value) {
            restored(images);
        }
    }
}

fn restored(images: Vec<ConversationImage>) {
    let mut board = Board::new();
    for image in images {
        let events = image.events();
        let id = image.id.clone();
        if board.load(board.slot_count(), image).is_ok() {
            let state = board.state(&id).map(|state| state.export_line());
            assert!(state.is_some() && board.history(&id).is_some());
        }
        // Each fact gives a valid event or an error.
        for (seq, event) in events.into_iter().flatten() {
            Board::new().edit().apply(seq, &event);
        }
    }
    let index = board.index();
    let _ = (index.query(&Query::new()), index.agents(), index.totals(), board.state_hash());
}

/// Reads a backup file.
pub fn backup(bytes: &[u8]) {
    read_backup(bytes);
}

/// Searches the bytes for fragments, and scans them as sled's file in `dir`.
///
/// # Errors
/// An I/O error if the file cannot be written.
pub fn fragments(dir: &Path, bytes: &[u8]) -> io::Result<()> {
    let (settings, bytes) = bytes.split_at_checked(2).unwrap_or((&[0, 0], bytes));
    let whole: usize = Fragment::find_all(bytes).map(|(_, fragment)| fragment.payload.len()).sum();
    assert!(whole <= bytes.len() * bytes.len());
    let file: Vec<u8> = Fragment::split(Tree::Log, &[7; 16], bytes).flat_map(|fragment| fragment.encode()).collect();
    assert!(
        Fragment::find_all(&file).map(|(_, fragment)| fragment.payload).collect::<Vec<_>>().concat().len()
            >= bytes.len()
    );

    let segment_bytes = 64 << (settings.first().copied().unwrap_or_default() % 6);
    let durable_block_no = settings.get(1).copied().unwrap_or_default().into();
    for file in [bytes.to_vec(), file, sled_file::fuzzing::mended(bytes, segment_bytes)] {
        std::fs::write(dir.join("db"), file)?;
        sled_file::scan_finding(dir, segment_bytes, durable_block_no)?;
        read_only(dir, segment_bytes);
    }
    // The same bytes as the page table of a snapshot.
    let snapshot = dir.join("snap.0000000000000001");
    std::fs::write(&snapshot, [bytes, &[0; 8], &crc32fast::hash(bytes).to_le_bytes()].concat())?;
    read_only(dir, segment_bytes);
    std::fs::remove_file(snapshot)
}

/// Reads the trees in `dir` without sled.
fn read_only(dir: &Path, segment_bytes: usize) {
    let Ok(storage) = ReadOnlySled::open(dir, segment_bytes, 1 << 16) else { return };
    let _ = storage.record_names("");
    let last = storage.key_at_or_before(BlockKey { first_seq: u64::MAX, block_no: u64::MAX });
    let _ = last.ok().flatten().map(|key| storage.block(key));
    let _ = storage.page(PageKey { page_no: 0, half: PageHalf::A }.part(0));
}
