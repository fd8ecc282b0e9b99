//! A page as stored: the images of some conversations in one part or more.

use convofold_engine::ConversationImage;
use xxhash_rust::xxh3::Xxh3;

use crate::damage::Damage;
use crate::format::columns::conversations::{Offer, PartBuilder, bytes_of, longest};
use crate::format::frame::{Checksum, Compressor};
use crate::format::key::{PageHalf, PageKey};
use crate::format::page::{self, PageReader, PartHeader};
use crate::format::page_head::PageEntry;
use crate::storage::{ReadStorage, StorageError};

/// Number of conversations in a page. Fewer write less if few of them change; more compress better.
pub(crate) const PAGE_SLOTS: u32 = 16;

/// The number of the page that contains a slot.
pub(crate) fn page_of(slot: u32) -> u32 {
    slot / PAGE_SLOTS
}

/// Writes a page part by part. Only one part is in memory.
pub(crate) struct PageWriter<'a> {
    header: PartHeader,
    part: PartBuilder,
    part_bytes: usize,
    compressor: &'a mut Compressor,
    sum: Sum,
}

/// The checksum and the length of the parts so far.
#[derive(Default)]
struct Sum {
    hash: Xxh3,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, checksum: Checksum, bytes: usize) {
        self.hash.update(&checksum.to_le_bytes());
        self.bytes += bytes as u64;
    }

    fn entry(&self, half: PageHalf) -> PageEntry {
        PageEntry { half, checksum: self.hash.digest128(), bytes: self.bytes }
    }
}

impl<'a> PageWriter<'a> {
    /// Begins a page whose parts end at this decoded size.
    pub(crate) fn new(page_no: u32, generation: u64, part_bytes: usize, compressor: &'a mut Compressor) -> Self {
        let (header, part) = (PartHeader::first(page_no, generation), PartBuilder::default());
        Self { header, part, part_bytes, compressor, sum: Sum::default() }
    }

    /// Adds a conversation. Calls `put` with the number and the value of each part that is complete.
    pub(crate) fn push<E: From<StorageError>>(
        &mut self,
        image: &ConversationImage,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.part.count() > 0 && self.part.has(self.part_bytes) {
            self.put_part(false, put)?;
        }
        self.part.begin(&image.id, image.arrivals);
        let mut before = None;
        for context in &image.contexts {
            if self.cut(image, 0, put)? {
                before = None;
            }
            self.part.context(context, before.replace(context));
        }
        let mut before = None;
        for session in &image.sessions {
            if self.cut(image, 0, put)? {
                before = None;
            }
            self.part.session(session, before.replace(session));
        }
        let context_bytes = longest(&image.contexts);
        for facts in image.facts.packed() {
            self.cut(image, bytes_of(facts), put)?;
            self.part.facts(facts, context_bytes);
        }
        for conflicts in image.conflicts.packed() {
            self.cut(image, bytes_of(conflicts), put)?;
            self.part.conflicts(conflicts, context_bytes);
        }
        self.part.end();
        Ok(())
    }

    /// Continues the conversation in a new part if the next `bytes` do not fit into this one.
    fn cut<E: From<StorageError>>(
        &mut self,
        image: &ConversationImage,
        bytes: usize,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let is_full = self.part.has(self.part_bytes.saturating_sub(bytes));
        if is_full {
            self.part.end();
            self.put_part(true, put)?;
            self.part.begin(&image.id, Default::default());
        }
        Ok(is_full)
    }

    fn put_part<E: From<StorageError>>(
        &mut self,
        continues: bool,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.header.continues = continues;
        let value = self.seal_part()?;
        put(self.header.part, value)?;
        self.header.part += 1;
        self.header.is_continued = continues;
        Ok(())
    }

    fn seal_part(&mut self) -> Result<Vec<u8>, StorageError> {
        let sealed = page::seal(&self.header, &self.part, self.compressor);
        let (value, checksum) = sealed.map_err(StorageError::Encoding)?;
        self.sum.add(checksum, value.len());
        self.part = PartBuilder::default();
        Ok(value)
    }

    /// Ends the page, and calls `put` with the last part. Returns the entry of the page.
    pub(crate) fn finish<E: From<StorageError>>(
        mut self,
        half: PageHalf,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), E>,
    ) -> Result<PageEntry, E> {
        self.header.is_last = true;
        self.put_part(false, put)?;
        Ok(self.sum.entry(half))
    }
}

/// Reads a page one part at a time, and calls `take` with each part. `take` returns the checksum of the part, and whether it
/// is the last one.
fn read_parts(
    storage: &dyn ReadStorage,
    page_no: u32,
    entry: PageEntry,
    mut take: impl FnMut(u32, &[u8]) -> Result<(Checksum, bool), Damage>,
) -> Result<(), StorageError> {
    let key = PageKey { page_no, half: entry.half };
    let mut sum = Sum::default();
    for part in 0.. {
        let missing = if part == 0 { Damage::Missing } else { Damage::MissingPart { part } };
        let value = storage.page(key.part(part))?.ok_or(StorageError::Value(missing))?;
        let (checksum, is_last) = take(part, &value).map_err(StorageError::Value)?;
        sum.add(checksum, value.len());
        if is_last {
            break;
        }
    }
    let (expected, found) = (entry.checksum, sum.entry(entry.half).checksum);
    if expected == found { Ok(()) } else { Err(StorageError::Value(Damage::Checksum { expected, found })) }
}

/// Reads the page with this number and entry, and calls `take` with each wanted conversation and its index in the page. Not
/// more than one part and one conversation are in memory.
pub(crate) fn read_page(
    storage: &dyn ReadStorage,
    page_no: u32,
    entry: PageEntry,
    is_wanted: impl Fn(u32) -> bool,
    take: impl FnMut(u32, ConversationImage),
) -> Result<(), StorageError> {
    read_page_with(storage, page_no, entry, is_wanted, None, take)
}

/// Like [`read_page`]. If the page has one part, and that is the one of the entry, the wanted conversations without conflicts
/// are offered. Those that are taken are not passed to `take`.
pub(crate) fn read_page_with(
    storage: &dyn ReadStorage,
    page_no: u32,
    entry: PageEntry,
    is_wanted: impl Fn(u32) -> bool,
    mut offer: Option<&mut Offer<'_>>,
    mut take: impl FnMut(u32, ConversationImage),
) -> Result<(), StorageError> {
    let mut reader = PageReader::new(page_no, is_wanted);
    let is_all_of_entry = |part: u32, value: &[u8]| {
        let mut sum = Sum::default();
        let checked = page::check(page_no, part, value).ok().filter(|(_, is_last)| part == 0 && *is_last);
        checked.into_iter().for_each(|(checksum, _)| sum.add(checksum, value.len()));
        checked.is_some() && sum.entry(entry.half).checksum == entry.checksum
    };
    read_parts(storage, page_no, entry, |number, part| {
        let offer = offer.as_deref_mut().filter(|_| is_all_of_entry(number, part));
        let (checksum, images) = reader.part_with(part, offer)?;
        images.into_iter().for_each(|(place, image)| take(place, image));
        Ok((checksum, reader.is_ended()))
    })?;
    reader.count().map(drop).map_err(StorageError::Value)
}

/// Checks the page with this number and entry without decoding it.
pub(crate) fn check_page(storage: &dyn ReadStorage, page_no: u32, entry: PageEntry) -> Result<(), StorageError> {
    read_parts(storage, page_no, entry, |part, value| page::check(page_no, part, value))
}
