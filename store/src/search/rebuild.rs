//! Builds the search index of a database from its conversations.

use crate::conversations::archive::{Archive, ArchiveReader, alone};
use crate::conversations::live::Live;
use crate::conversations::page::PAGE_SLOTS;
use crate::format::frame::Compressor;
use crate::in_order::in_order;
use crate::search::entries::Entries;
use crate::search::writer::SearchWriter;
use crate::storage::{Storage, StorageError};

/// Number of conversations in a run.
const RUN_CONVERSATIONS: usize = if cfg!(test) { 10 } else { 1 << 19 };

/// Writes runs with the entries of all conversations that are saved. Reads all pages, on all processors.
pub(crate) fn rebuild(
    writer: &mut SearchWriter,
    live: &Live,
    archive: &Archive,
    storage: &dyn Storage,
) -> Result<(), StorageError> {
    let mut compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
    let slot_count = live.board().slot_count();
    let pages = slot_count.div_ceil(PAGE_SLOTS) as usize;
    let read = |page_no: usize| {
        // Both are 32 bits.
        let first = u32::try_from(page_no).unwrap_or(u32::MAX).saturating_mul(PAGE_SLOTS);
        entries_of(first..slot_count.min(first.saturating_add(PAGE_SLOTS)), live, archive, storage)
    };
    in_order(pages, read, |read| {
        let mut entries = Entries::default();
        for of_page in read {
            entries.append(of_page?);
            if entries.len() >= RUN_CONVERSATIONS {
                writer.write(std::mem::take(&mut entries), storage, &mut compressor)?;
            }
        }
        if entries.len() > 0 {
            writer.write(entries, storage, &mut compressor)?;
        }
        Ok(())
    })
}

fn entries_of(
    slots: std::ops::Range<u32>,
    live: &Live,
    archive: &Archive,
    storage: &dyn Storage,
) -> Result<Entries, StorageError> {
    let mut entries = Entries::default();
    let mut reader = ArchiveReader::new(archive, storage);
    for slot in slots {
        let keys = if live.board().is_evicted(slot) {
            alone(reader.image(slot)?)?.search_keys(0)
        } else {
            live.board().search_keys(slot)
        };
        if let Some(keys) = keys {
            entries.push(slot, &keys);
        }
    }
    Ok(entries)
}
