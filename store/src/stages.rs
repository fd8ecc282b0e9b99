//! Single stages of a commit and of a checkpoint, without a database: `bindings/rust/examples/instructions.rs` counts
//! their instructions. A database runs them on threads of its own, together with sled, where a count for one of them
//! cannot be taken. Not part of the API.

use convofold_engine::{Board, EventColumns, FOLD_VERSION, StateHash};

use crate::bounds::Bounds;
use crate::checkpoint::heads::LIST_PAGES;
use crate::conversations::page::{PAGE_SLOTS, PageWriter, page_of};
use crate::damage::Damage;
use crate::format::block::{BlockBuilder, LogPosition, PackedEvents};
use crate::format::frame::Compressor;
use crate::format::key::PageHalf;
use crate::format::page_head::{self, PageHead, StoredHead};
use crate::storage::StorageError;

/// Encodes columns as blocks of a log, as a replay does. Returns their stored length in bytes.
///
/// # Errors
/// [`StorageError`] if a block cannot be encoded.
pub fn blocks(pieces: &[EventColumns]) -> Result<u64, StorageError> {
    let mut compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
    let (mut builder, mut packed) = (BlockBuilder::default(), PackedEvents::default());
    let (mut position, mut bytes) = (LogPosition::START, 0);
    let mut block = |events| {
        builder.pack(events, &mut compressor, &mut packed)?;
        bytes += packed.seal(&mut position, &[], 0, &compressor)?.1.len() as u64;
        Ok(())
    };
    pieces.iter().try_for_each(&mut block).map_err(StorageError::Encoding)?;
    Ok(bytes)
}

/// Encodes all conversations of a board, which are resident, as pages with their hashes and heads, as a checkpoint does.
/// Returns the stored length in bytes.
///
/// # Errors
/// [`StorageError`] if a page cannot be encoded.
pub fn pages(board: &Board) -> Result<u64, StorageError> {
    let mut compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
    let slots = 0..board.slot_count();
    let (mut heads, mut bytes) = (Vec::new(), 0);
    for first in slots.clone().step_by(PAGE_SLOTS as usize) {
        let slots = first..slots.end.min(first.saturating_add(PAGE_SLOTS));
        let hash = board.hashes(slots.clone()).iter().fold(StateHash::default(), |sum, (_, hash)| sum.plus(*hash));
        let mut put = |_, part: Vec<u8>| {
            bytes += part.len() as u64;
            Ok::<_, StorageError>(())
        };
        let mut writer = PageWriter::new(page_of(first), 1, Bounds::DEFAULT.part_bytes, &mut compressor);
        let mut outlines = Vec::new();
        for slot in slots {
            let missing = || StorageError::Encoding(Damage::Missing);
            writer.push(&board.image(slot).ok_or_else(missing)?, &mut put)?;
            outlines.push(board.outline(slot).ok_or_else(missing)?);
        }
        let entry = writer.finish(PageHalf::A, &mut put)?;
        let head = StoredHead::new(entry, &PageHead { fold_version: FOLD_VERSION, outlines, hash });
        heads.push(head.map_err(StorageError::Encoding)?);
    }
    for (list_no, heads) in (0..).zip(heads.chunks(LIST_PAGES as usize)) {
        let (list, _) = page_head::seal(list_no, heads, &mut compressor).map_err(StorageError::Encoding)?;
        bytes += list.len() as u64;
    }
    Ok(bytes)
}
