//! The proof: the copy is read again, and nothing of the subjects is left in it.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use convofold_engine::{ConversationImage, Subjects};
use walkdir::WalkDir;

use super::find::Replacements;
use super::needles::Needles;
use super::search::Search;
use super::{EraseError, io_failed};
use crate::checkpoint::heads::{LIST_PAGES, read_list};
use crate::conversations::archive::alone;
use crate::conversations::page::{PAGE_SLOTS, page_of, read_page};
use crate::format::block::LogPosition;
use crate::format::checkpoint::CheckpointRecord;
use crate::format::frame::body_of_any;
use crate::format::log_start::LogStart;
use crate::format::page_head::{PageEntry, StoredHead};
use crate::in_order::in_order;
use crate::log::events::{DecodedBlock, EventReader, UpTo};
use crate::state::holds::Hold;
use crate::storage::fragment::Tree;
use crate::storage::{ReadStorage, StorageError};

/// Files are searched in parts of this size.
const READ_BYTES: usize = 1 << 20;

/// The copy that is read.
pub(super) struct Reader<'a> {
    pub(super) copy: Arc<dyn ReadStorage>,
    /// Fails once nobody needs the proof any more: asked while files are read, which the storage does not notice.
    pub(super) is_needed: &'a dyn Fn() -> Result<(), StorageError>,
}

/// What the copy has to be.
pub(super) struct Proof<'a> {
    pub(super) subjects: &'a Subjects,
    pub(super) replaced: &'a Replacements,
    pub(super) search: &'a Search,
    pub(super) start: &'a LogStart,
    /// The end of its log.
    pub(super) position: LogPosition,
    pub(super) record: &'a CheckpointRecord,
}

impl Proof<'_> {
    /// Reads the copy in this folder. Returns the number of values that also occur in other conversations.
    pub(super) fn prove(
        &self,
        Reader { copy, is_needed }: &Reader<'_>,
        pages: &[PageEntry],
        folder: &Path,
    ) -> Result<u64, EraseError> {
        let needles = &self.search.needles;
        self.conversations(copy.as_ref(), pages, needles)?;
        self.heads(copy.as_ref())?;
        self.log(copy.clone(), needles)?;
        self.bookmarks(needles)?;
        self.holds(needles)?;
        records(copy.as_ref(), needles)?;
        search_storage(folder, needles, is_needed)?;
        Ok(needles.of_others())
    }

    fn conversations(&self, copy: &dyn ReadStorage, pages: &[PageEntry], needles: &Needles) -> Result<(), EraseError> {
        let check = |page: usize| {
            let (entry, page_no) =
                (pages.get(page).copied().unwrap_or_default(), u32::try_from(page).unwrap_or(u32::MAX));
            let mut checked = Ok(());
            read_page(
                copy,
                page_no,
                entry,
                |_| true,
                |place, image| {
                    let of_image = self.conversation(page_no * PAGE_SLOTS + place, &image, needles);
                    if checked.is_ok() {
                        checked = of_image;
                    }
                },
            )?;
            checked
        };
        in_order(pages.len(), check, |checked| checked.collect())
    }

    fn conversation(&self, slot: u32, image: &ConversationImage, needles: &Needles) -> Result<(), EraseError> {
        if let Some(replaced) = self.replaced.conversations.get(&slot) {
            image.each_text(|text| needles.note_kept(text));
            let is_it = *image == replaced.after;
            return if is_it { Ok(()) } else { Err(left("an erased conversation is not what it should be")) };
        }
        if self.subjects.is_of(image) || needles.conversations.contains(&*image.id) {
            return Err(left("another conversation is of the subject"));
        }
        image.each_text(|text| needles.note_others(text));
        Ok(())
    }

    /// The heads of pages have names and numbers of open conversations.
    fn heads(&self, copy: &dyn ReadStorage) -> Result<(), EraseError> {
        for (slot, replaced) in &self.replaced.conversations {
            let page_no = page_of(*slot);
            let (heads, _) = read_list(copy, self.record, page_no / LIST_PAGES)?;
            let head = heads.get((page_no % LIST_PAGES) as usize).map(StoredHead::head).transpose();
            let head = head.map_err(StorageError::Value)?;
            let found = head.as_ref().and_then(|head| head.outlines.get((slot % PAGE_SLOTS) as usize));
            if found != alone(replaced.after.clone())?.outline(0).as_ref() {
                return Err(left("the head of a page is not what it should be"));
            }
        }
        Ok(())
    }

    fn log(&self, copy: Arc<dyn ReadStorage>, needles: &Needles) -> Result<(), EraseError> {
        let mut reader = EventReader::new(copy, self.start.position, UpTo::Place(self.position));
        reader.read_ahead(|block| self.block(&block, needles))
    }

    fn block(&self, block: &DecodedBlock, needles: &Needles) -> Result<(), EraseError> {
        for (seq, _, event) in block.events() {
            match self.replaced.events.get(&seq) {
                Some(replaced) if event == replaced.as_ref() => {}
                Some(_) => return Err(left("an erased event is not what it should be")),
                None if needles.conversations.contains(event.conversation()) => {
                    return Err(left("the log contains the id of an erased conversation"));
                }
                None => event.each_text(|text| needles.note_others(text)),
            }
        }
        for (name, value) in &block.bookmarks {
            expect_clean(needles, name, value.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn bookmarks(&self, needles: &Needles) -> Result<(), EraseError> {
        let of_record = self.record.bookmarks.iter().map(|(name, value)| (name, value));
        of_record.chain(&self.start.bookmarks).try_for_each(|(name, value)| expect_clean(needles, name, value))
    }

    /// A hold that keeps nothing of the subject can name it nevertheless.
    fn holds(&self, needles: &Needles) -> Result<(), EraseError> {
        let names_it = |hold: &&Hold| {
            [&hold.reason, &hold.subject.to_string()].map(|text| needles.are_in(text.as_bytes())).contains(&true)
        };
        match self.replaced.holds.iter().find(names_it) {
            Some(hold) => Err(left(&format!("legal hold {} contains an id, a number or a text of it", hold.number))),
            None => Ok(()),
        }
    }
}

/// Fails if a bookmark contains one of the needles.
pub(super) fn expect_clean(needles: &Needles, name: &str, value: &[u8]) -> Result<(), EraseError> {
    if needles.are_in(name.as_bytes()) {
        return Err(EraseError::InBookmark { name: "(name)".to_owned() });
    }
    if needles.are_in(value) {
        return Err(EraseError::InBookmark { name: format!("{name:?}") });
    }
    Ok(())
}

fn left(what: &str) -> EraseError {
    EraseError::Left { what: what.to_owned() }
}

/// Searches every record without its compression, whatever it is.
fn records(copy: &dyn ReadStorage, needles: &Needles) -> Result<(), EraseError> {
    let mut name = Vec::new();
    loop {
        let entries = copy.entries_after(Tree::Records, &name, READ_BYTES)?;
        let Some((last, _)) = entries.last() else { return Ok(()) };
        name.clone_from(last);
        for (name, value) in &entries {
            let body = body_of_any(value).map_err(StorageError::Value)?;
            if needles.are_in(name) || needles.are_in(&body) {
                return Err(left("a record contains an id, a number or a text of it"));
            }
        }
    }
}

/// Searches each byte of the files of the copy.
fn search_storage(
    copy: &Path,
    needles: &Needles,
    is_needed: &dyn Fn() -> Result<(), StorageError>,
) -> Result<(), EraseError> {
    // A storage in memory has no files.
    for entry in WalkDir::new(copy).into_iter().take_while(|_| copy.is_dir()) {
        let entry = entry.map_err(|error| io_failed("listing the directory")(error.into()))?;
        if entry.file_type().is_file() && search_file(entry.path(), needles, is_needed)? {
            return Err(left("the file of the storage contains an id, a number or a text of it"));
        }
    }
    Ok(())
}

/// Whether a file contains one of the needles. Parts overlap, so that none is cut.
fn search_file(
    path: &Path,
    needles: &Needles,
    is_needed: &dyn Fn() -> Result<(), StorageError>,
) -> Result<bool, StorageError> {
    let mut file = File::open(path).map_err(io_failed("searching a file"))?;
    let mut bytes = Vec::with_capacity(READ_BYTES + needles.max_bytes);
    loop {
        is_needed()?;
        let read = file.by_ref().take(READ_BYTES as u64).read_to_end(&mut bytes);
        if read.map_err(io_failed("searching a file"))? == 0 {
            return Ok(false);
        }
        if needles.are_in(&bytes) {
            return Ok(true);
        }
        bytes.drain(..bytes.len().saturating_sub(needles.max_bytes));
    }
}
