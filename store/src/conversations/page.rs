//! A page as stored: the images of some conversations, and the page head that is read when a database is opened.

use convofold_engine::ConversationImage;
use xxhash_rust::xxh3::Xxh3;

use crate::damage::Damage;
use crate::format::frame::{Checksum, Compressor};
use crate::format::key::{PageHalf, PageKey};
use crate::format::page;
use crate::format::page_head::{self, PageHead};
use crate::storage::{ReadStorage, StorageError};

/// Number of conversations in a page. Fewer write less if few of them change; more compress better.
pub(crate) const PAGE_SLOTS: u32 = 16;

/// The half of a page that is in use, and its length and checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageEntry {
    pub(crate) half: PageHalf,
    pub(crate) checksum: Checksum,
    /// 0 if there is no page.
    pub(crate) bytes: u32,
}

/// A page to be written, or one that was read.
pub(crate) struct StoredPage {
    page_no: u32,
    value: Vec<u8>,
}

/// The contents of a page.
pub(crate) struct OpenedPage {
    pub(crate) images: Vec<ConversationImage>,
    pub(crate) head: PageHead,
    pub(crate) checksum: Checksum,
}

/// The number of the page that contains a slot.
pub(crate) fn page_of(slot: u32) -> u32 {
    slot / PAGE_SLOTS
}

impl StoredPage {
    pub(crate) fn seal(
        page_no: u32,
        generation: u64,
        images: &[ConversationImage],
        head: &PageHead,
        compressor: &mut Compressor,
    ) -> Result<(Self, Checksum), Damage> {
        let (mut value, page) = page::seal(page_no, generation, images, compressor)?;
        let (head, head_checksum) = page_head::seal(page_no, head, compressor)?;
        value.extend_from_slice(&head);
        Ok((Self { page_no, value }, both(page, head_checksum)))
    }

    /// Reads this half of a page.
    pub(crate) fn read(storage: &dyn ReadStorage, key: PageKey) -> Result<Self, StorageError> {
        let value = storage.page(key)?.ok_or(StorageError::Value(Damage::Missing))?;
        Ok(Self { page_no: key.page_no, value })
    }

    pub(crate) fn into_value(self) -> Vec<u8> {
        self.value
    }

    pub(crate) fn bytes(&self) -> u32 {
        u32::try_from(self.value.len()).unwrap_or(u32::MAX)
    }

    /// Decodes the conversations.
    pub(crate) fn open(&self) -> Result<OpenedPage, Damage> {
        let (value, head) = page_head::split(&self.value)?;
        let page = page::open(self.page_no, value)?;
        let (head, head_checksum) = page_head::open(self.page_no, head)?;
        Ok(OpenedPage { images: page.images, head, checksum: both(page.checksum, head_checksum) })
    }

    /// Decodes some of the conversations, by their index in the page, and returns the checksum of page and head.
    pub(crate) fn open_some(
        &self,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Result<(Checksum, Vec<Option<ConversationImage>>), Damage> {
        let (value, head) = page_head::split(&self.value)?;
        let (page, images) = page::open_some(self.page_no, value, is_wanted)?;
        let head = page_head::check(self.page_no, head)?;
        Ok((both(page, head), images))
    }

    /// Decodes the head, and returns the checksum of page and head. The page is checked but not decoded.
    pub(crate) fn head(&self) -> Result<(PageHead, Checksum), Damage> {
        let (value, head) = page_head::split(&self.value)?;
        let page = page::check(self.page_no, value)?;
        let (head, checksum) = page_head::open(self.page_no, head)?;
        Ok((head, both(page, checksum)))
    }
}

/// The checksum of a page and its head.
fn both(page: Checksum, head: Checksum) -> Checksum {
    let mut hash = Xxh3::new();
    hash.update(&page.to_le_bytes());
    hash.update(&head.to_le_bytes());
    hash.digest128()
}
