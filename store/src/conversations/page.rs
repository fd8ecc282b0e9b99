//! A page as stored: the images of some conversations in one part or more, and the page head that is read when a database
//! is opened.

use convofold_engine::{Context, ConversationImage, Fact};
use xxhash_rust::xxh3::Xxh3;

use crate::damage::Damage;
use crate::format::columns::conversations::PartBuilder;
use crate::format::frame::{Checksum, Compressor};
use crate::format::key::{PageHalf, PageKey};
use crate::format::page::{self, PageReader, PartHeader};
use crate::format::page_head::{self, PageHead};
use crate::storage::{ReadStorage, StorageError};

/// Number of conversations in a page. Fewer write less if few of them change; more compress better.
pub(crate) const PAGE_SLOTS: u32 = 16;

/// The half of a page that is in use, and its length and checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageEntry {
    pub(crate) half: PageHalf,
    pub(crate) checksum: Checksum,
    /// Length of all parts. 0 if there is no page.
    pub(crate) bytes: u64,
}

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
        if self.is_full() {
            self.put_part(false, put)?;
        }
        self.part.begin(&image.id, image.arrivals);
        let mut before = None;
        for context in &image.contexts {
            if self.cut(image, put)? {
                before = None;
            }
            self.part.context(context, before.replace(context));
        }
        let mut before = None;
        for session in &image.sessions {
            if self.cut(image, put)? {
                before = None;
            }
            self.part.session(session, before.replace(session));
        }
        let context_bytes = |fact: &Fact| image.contexts.get(fact.context as usize).map_or(0, Context::text_bytes);
        for fact in &image.facts {
            self.cut(image, put)?;
            self.part.fact(fact, context_bytes(fact));
        }
        for conflict in &image.conflicts {
            self.cut(image, put)?;
            self.part.conflict(conflict, context_bytes(conflict));
        }
        self.part.end();
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.part.count() > 0 && self.part.has(self.part_bytes)
    }

    /// Continues the conversation in a new part if this one is full.
    fn cut<E: From<StorageError>>(
        &mut self,
        image: &ConversationImage,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let is_full = self.is_full();
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

    /// Ends a page without a head.
    pub(crate) fn finish<E: From<StorageError>>(
        mut self,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.put_part(false, put)
    }

    /// Ends the page with its head, and calls `put` with the last part. Returns the entry of the page.
    pub(crate) fn finish_with<E: From<StorageError>>(
        mut self,
        head: &PageHead,
        half: PageHalf,
        put: &mut impl FnMut(u32, Vec<u8>) -> Result<(), E>,
    ) -> Result<PageEntry, E> {
        self.header.continues = false;
        let mut value = self.seal_part()?;
        let sealed = page_head::seal(self.header.page_no, head, self.compressor);
        let (head, checksum) = sealed.map_err(StorageError::Encoding)?;
        self.sum.add(checksum, head.len());
        value.extend_from_slice(&head);
        put(self.header.part, value)?;
        Ok(self.sum.entry(half))
    }
}

/// Reads this half of a page, one part at a time. Calls `take` with the page part of each value; returns the head, encoded,
/// and the entry of the page.
fn read_parts(
    storage: &dyn ReadStorage,
    key: PageKey,
    mut take: impl FnMut(u32, &[u8]) -> Result<Checksum, StorageError>,
) -> Result<(Vec<u8>, PageEntry), StorageError> {
    let mut sum = Sum::default();
    for part in 0.. {
        let missing = if part == 0 { Damage::Missing } else { Damage::MissingPart { part } };
        let value = storage.page(key.part(part))?.ok_or(StorageError::Value(missing))?;
        let (page, head) = page_head::split(&value).map_err(StorageError::Value)?;
        sum.add(take(part, page)?, page.len());
        if !head.is_empty() {
            sum.add(page_head::check(key.page_no, head).map_err(StorageError::Value)?, head.len());
            return Ok((head.to_vec(), sum.entry(key.half)));
        }
    }
    Err(StorageError::Value(Damage::Missing))
}

/// Reads this half of a page, and calls `take` with each wanted conversation and its index in the page. Not more than one
/// part and one conversation are in memory.
pub(crate) fn read_page(
    storage: &dyn ReadStorage,
    key: PageKey,
    is_wanted: impl Fn(u32) -> bool,
    mut take: impl FnMut(u32, ConversationImage),
) -> Result<(PageHead, PageEntry), StorageError> {
    let (head, entry) = read_images(storage, key, is_wanted, &mut take)?;
    Ok((page_head::open(key.page_no, &head).map_err(StorageError::Value)?.0, entry))
}

/// Like [`read_page`]; the head is checked and not decoded.
pub(crate) fn read_images(
    storage: &dyn ReadStorage,
    key: PageKey,
    is_wanted: impl Fn(u32) -> bool,
    mut take: impl FnMut(u32, ConversationImage),
) -> Result<(Vec<u8>, PageEntry), StorageError> {
    let mut reader = PageReader::new(key.page_no, is_wanted);
    let read = read_parts(storage, key, |_, part| {
        let (checksum, images) = reader.part(part).map_err(StorageError::Value)?;
        images.into_iter().for_each(|(place, image)| take(place, image));
        Ok(checksum)
    })?;
    reader.count().map_err(StorageError::Value)?;
    Ok(read)
}

/// Reads the head of this half of a page. The parts are checked and not decoded.
pub(crate) fn read_head(storage: &dyn ReadStorage, key: PageKey) -> Result<(PageHead, PageEntry), StorageError> {
    let check = |part, value: &[u8]| page::check(key.page_no, part, value).map_err(StorageError::Value);
    let (head, entry) = read_parts(storage, key, check)?;
    Ok((page_head::open(key.page_no, &head).map_err(StorageError::Value)?.0, entry))
}
