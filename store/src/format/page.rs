//! Pages: the facts of conversations with consecutive slots.
//!
//! ```text
//! magic    "cfPG", version 1
//! fields   0  page number     u32    from 0
//!          4  conversations   u32    number of conversations
//!          8  generation      u64    the checkpoint that wrote it; informational
//! body     the conversations: `columns/conversations.rs`
//! ```

use convofold_engine::ConversationImage;

use super::columns::conversations;
use super::frame::{Checksum, Compressor, Frame, FrameKind, u32_at};
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfPG", version: 1, field_bytes: 16 };

pub(crate) fn seal(
    page_no: u32,
    generation: u64,
    images: &[ConversationImage],
    compressor: &mut Compressor,
) -> Result<(Vec<u8>, Checksum), Damage> {
    let (body, rest) = conversations::encode(images)?;
    let count = u32::try_from(images.len())
        .map_err(|_| Damage::NoSuch { field: "number of conversations", found: images.len() as u64 })?;
    let mut fields = Vec::with_capacity(MARK.field_bytes);
    fields.extend_from_slice(&page_no.to_le_bytes());
    fields.extend_from_slice(&count.to_le_bytes());
    fields.extend_from_slice(&generation.to_le_bytes());
    compressor.seal_with_rest(MARK, &fields, &body, &rest)
}

/// A page that was read.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) checksum: Checksum,
    pub(crate) images: Vec<ConversationImage>,
}

/// Checks the page with this number as far as possible without decoding it, and returns its checksum.
pub(crate) fn check(page_no: u32, value: &[u8]) -> Result<Checksum, Damage> {
    frame(page_no, value).map(|frame| frame.checksum)
}

fn frame(page_no: u32, value: &[u8]) -> Result<Frame<'_>, Damage> {
    let frame = Frame::open(MARK, value)?;
    let found = u32_at(frame.fields, 0);
    if found != page_no {
        return Err(Damage::Field { field: "page number", expected: page_no.into(), found: found.into() });
    }
    Ok(frame)
}

/// Decodes the page with this number.
pub(crate) fn open(page_no: u32, value: &[u8]) -> Result<Page, Damage> {
    let (checksum, images) = open_some(page_no, value, |_| true)?;
    Ok(Page { checksum, images: images.into_iter().flatten().collect() })
}

/// Decodes some conversations of the page with this number, by their index in it. Returns the page's checksum too.
pub(crate) fn open_some(
    page_no: u32,
    value: &[u8],
    is_wanted: impl Fn(u32) -> bool,
) -> Result<(Checksum, Vec<Option<ConversationImage>>), Damage> {
    let frame = frame(page_no, value)?;
    let body = frame.body()?;
    let count = u32_at(frame.fields, 4);
    Ok((frame.checksum, conversations::decode(&body, count, is_wanted)?))
}
