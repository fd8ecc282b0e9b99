//! Pages: the memories of conversations that lie side by side on the board.
//!
//! ```text
//! mark     "cfPG", version 2; in version 1 the body is another one
//! fields   0  page number     u32    from 0
//!          4  conversations   u32
//!          8  generation      u64    the checkpoint that wrote it: only to be looked at
//! body     the conversations: `conversation_v2.rs`; in version 1 a bincode sequence of `conversation_v1.rs`
//! ```

use convofold_engine::ConversationImage;

use super::conversation_v1::StoredConversationV1;
use super::conversation_v2;
use super::frame::{Checksum, Compressor, Frame, Mark, u32_at};
use crate::damage::Damage;

pub(crate) const MARK: Mark = Mark { magic: *b"cfPG", version: 2, field_bytes: 16 };

pub(crate) fn seal(
    page_no: u32,
    generation: u64,
    images: &[ConversationImage],
    compressor: &mut Compressor,
) -> Result<(Vec<u8>, Checksum), Damage> {
    let (body, rest) = conversation_v2::encode(images)?;
    let count = u32::try_from(images.len())
        .map_err(|_| Damage::NoSuch { field: "count of conversations", found: images.len() as u64 })?;
    let mut fields = Vec::with_capacity(MARK.field_bytes);
    fields.extend_from_slice(&page_no.to_le_bytes());
    fields.extend_from_slice(&count.to_le_bytes());
    fields.extend_from_slice(&generation.to_le_bytes());
    compressor.seal_with_rest(MARK, &fields, &body, &rest)
}

/// A page that was read back.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) checksum: Checksum,
    pub(crate) images: Vec<ConversationImage>,
}

/// Checks the page with this number as far as it can be without decoding it; its checksum.
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

/// Reads back the page with this number.
pub(crate) fn open(page_no: u32, value: &[u8]) -> Result<Page, Damage> {
    let (checksum, images) = open_some(page_no, value, |_| true)?;
    Ok(Page { checksum, images: images.into_iter().flatten().collect() })
}

/// Reads back some conversations of the page with this number, by their places in it, and the page's checksum.
pub(crate) fn open_some(
    page_no: u32,
    value: &[u8],
    is_wanted: impl Fn(u32) -> bool,
) -> Result<(Checksum, Vec<Option<ConversationImage>>), Damage> {
    let frame = frame(page_no, value)?;
    let body = frame.body()?;
    let count = u32_at(frame.fields, 4);
    let images = match frame.version {
        1 => {
            let images = (0..).zip(open_v1(&body, count)?);
            images.map(|(place, image)| is_wanted(place).then_some(image)).collect()
        }
        _ => conversation_v2::decode(&body, count, is_wanted)?,
    };
    Ok((frame.checksum, images))
}

/// A page as version 1 wrote it.
#[cfg(test)]
pub(crate) fn seal_v1(
    page_no: u32,
    generation: u64,
    images: &[ConversationImage],
    compressor: &mut Compressor,
) -> (Vec<u8>, Checksum) {
    let body = super::encode(&images.iter().map(StoredConversationV1::of).collect::<Vec<_>>()).unwrap();
    let count = u32::try_from(images.len()).unwrap();
    let fields = [&page_no.to_le_bytes()[..], &count.to_le_bytes(), &generation.to_le_bytes()].concat();
    compressor.seal(Mark { version: 1, ..MARK }, &fields, &body).unwrap()
}

fn open_v1(body: &[u8], expected: u32) -> Result<Vec<ConversationImage>, Damage> {
    let stored: Vec<StoredConversationV1<'_>> = super::decode(body)?;
    if stored.len() as u64 != u64::from(expected) {
        let found = stored.len() as u64;
        return Err(Damage::Field { field: "count of conversations", expected: expected.into(), found });
    }
    stored.iter().map(StoredConversationV1::to_image).collect()
}
