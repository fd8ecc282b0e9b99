//! The lists of page heads: what opening reads of a checkpoint instead of its pages.
//!
//! A list has two halves like a page. A checkpoint writes the lists of its changed pages, each to the half that the last
//! checkpoint does not use.

use xxhash_rust::xxh3::Xxh3;

use crate::checkpoint::error::{LoadError, SkipReason};
use crate::damage::Damage;
use crate::format::checkpoint::CheckpointRecord;
use crate::format::frame::{Checksum, Compressor};
use crate::format::key::PageHalf;
use crate::format::page_head::{self, StoredHead};
use crate::storage::{ReadStorage, Storage, StorageError};

/// Number of heads in a list. Fewer write less if few of them change; more compress better.
pub(crate) const LIST_PAGES: u32 = 16;

/// The half of a list that is in use, and its checksum and length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadList {
    pub(crate) half: PageHalf,
    pub(crate) checksum: Checksum,
    pub(crate) bytes: u64,
}

/// The checksum of the checksums of all lists.
pub(crate) fn checksum_of(lists: &[HeadList]) -> Checksum {
    let mut hash = Xxh3::new();
    for list in lists {
        hash.update(&list.checksum.to_le_bytes());
    }
    hash.digest128()
}

/// The half of each list that is in use, as in [`CheckpointRecord::halves`].
pub(crate) fn halves_of(lists: &[HeadList]) -> Vec<u8> {
    let mut halves = vec![0; lists.len().div_ceil(8)];
    for (list_no, list) in lists.iter().enumerate() {
        if let Some(byte) = halves.get_mut(list_no / 8) {
            *byte |= (list.half as u8) << (list_no % 8);
        }
    }
    halves
}

/// Number of lists of a checkpoint.
pub(crate) fn list_count(record: &CheckpointRecord) -> u32 {
    record.slot_count.div_ceil(record.page_slots).div_ceil(LIST_PAGES)
}

/// Reads a list of a checkpoint.
pub(crate) fn read_list(
    storage: &dyn ReadStorage,
    record: &CheckpointRecord,
    list_no: u32,
) -> Result<(Vec<StoredHead>, HeadList), LoadError> {
    let byte = record.halves.get(list_no as usize / 8).copied().unwrap_or_default();
    let half = PageHalf::from_u8(byte >> (list_no % 8) & 1).unwrap_or_default();
    let (heads, list) = read(storage, list_no, half).map_err(|error| unusable(list_no * LIST_PAGES, error))?;
    let pages = record.slot_count.div_ceil(record.page_slots) - list_no * LIST_PAGES;
    let is_whole = heads.len() as u64 == u64::from(pages.min(LIST_PAGES));
    if is_whole { Ok((heads, list)) } else { Err(SkipReason::OtherPages.into()) }
}

/// A page of a checkpoint cannot be read.
pub(crate) fn unusable(page_no: u32, error: StorageError) -> LoadError {
    match error {
        StorageError::Value(why) => SkipReason::Page { page_no, why }.into(),
        error => error.into(),
    }
}

fn read(storage: &dyn ReadStorage, list_no: u32, half: PageHalf) -> Result<(Vec<StoredHead>, HeadList), StorageError> {
    let value = storage.record(&list_name(list_no, half))?.ok_or(StorageError::Value(Damage::Missing))?;
    let (heads, checksum) = page_head::open(list_no, &value).map_err(StorageError::Value)?;
    Ok((heads, HeadList { half, checksum, bytes: value.len() as u64 }))
}

/// The record of a list.
pub(crate) fn list_name(list_no: u32, half: PageHalf) -> String {
    format!("heads/{list_no:010}/{}", half as u8)
}

/// Writes the heads of changed pages, which are passed in the order of the pages.
pub(crate) struct HeadWriter<'a> {
    storage: &'a dyn Storage,
    compressor: &'a mut Compressor,
    /// The lists of the last checkpoint.
    before: &'a [HeadList],
    /// The heads that changed in the current list.
    changed: Vec<(u32, StoredHead)>,
    lists: Vec<(u32, HeadList)>,
}

impl<'a> HeadWriter<'a> {
    pub(crate) fn new(storage: &'a dyn Storage, compressor: &'a mut Compressor, before: &'a [HeadList]) -> Self {
        Self { storage, compressor, before, changed: Vec::new(), lists: Vec::new() }
    }

    pub(crate) fn push(&mut self, page_no: u32, head: StoredHead) -> Result<(), StorageError> {
        if self.changed.first().is_some_and(|(first, _)| first / LIST_PAGES != page_no / LIST_PAGES) {
            self.put_list()?;
        }
        self.changed.push((page_no, head));
        Ok(())
    }

    /// Writes the current list, with the heads of its other pages.
    fn put_list(&mut self) -> Result<(), StorageError> {
        let Some((first, _)) = self.changed.first() else { return Ok(()) };
        let list_no = first / LIST_PAGES;
        let before = self.before.get(list_no as usize);
        let mut heads = match before {
            Some(list) => read(self.storage, list_no, list.half)?.0,
            None => Vec::new(),
        };
        for (page_no, head) in self.changed.drain(..) {
            match heads.get_mut((page_no % LIST_PAGES) as usize) {
                Some(known) => *known = head,
                None => heads.push(head),
            }
        }
        let half = before.map_or(PageHalf::A, |list| list.half.other());
        let sealed = page_head::seal(list_no, &heads, self.compressor);
        let (value, checksum) = sealed.map_err(StorageError::Encoding)?;
        self.storage.put_record(&list_name(list_no, half), &value)?;
        self.lists.push((list_no, HeadList { half, checksum, bytes: value.len() as u64 }));
        Ok(())
    }

    /// Writes the last list. Returns all lists that were written.
    pub(crate) fn finish(mut self) -> Result<Vec<(u32, HeadList)>, StorageError> {
        self.put_list()?;
        Ok(self.lists)
    }
}
