//! Pages: the facts of conversations with consecutive slots, in one part or more.
//!
//! A part ends at about 2 MiB, so a page and a conversation have any size, and are written and read part by part.
//!
//! ```text
//! magic    "cfPG", version 1
//! fields   0  page number     u32    from 0
//!          4  conversations   u32    number of conversations in the part
//!          8  generation      u64    the checkpoint that wrote it; informational
//!         16  part            u32    number of the part, from 0
//!         20  place           u32    bit 0: the first conversation began in the part before
//!                                    bit 1: the last conversation continues in the next part
//!                                    bit 2: it is the last part of the page
//! body     the conversations: `columns/conversations.rs`
//! ```

use convofold_engine::ConversationImage;

use super::columns::conversations::{Offer, PartBuilder, PartReader};
use super::frame::{Checksum, Compressor, Frame, FrameKind, u32_at, u64_at};
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfPG", version: 1, field_bytes: 24 };

const CONTINUED: u32 = 1;
const CONTINUES: u32 = 2;
const LAST: u32 = 4;

/// The header of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartHeader {
    pub(crate) page_no: u32,
    pub(crate) generation: u64,
    pub(crate) part: u32,
    /// Whether the first conversation began in the part before.
    pub(crate) is_continued: bool,
    /// Whether the last conversation continues in the next part.
    pub(crate) continues: bool,
    /// Whether the page ends with this part.
    pub(crate) is_last: bool,
}

impl PartHeader {
    /// The header of the first part of a page.
    pub(crate) fn first(page_no: u32, generation: u64) -> Self {
        Self { page_no, generation, part: 0, is_continued: false, continues: false, is_last: false }
    }

    /// The header in a value. The value is not checked otherwise.
    pub(crate) fn of(value: &[u8]) -> Result<Self, Damage> {
        Ok(Self::of_fields(Frame::open(MARK, value)?.fields))
    }

    fn of_fields(fields: &[u8]) -> Self {
        let flags = u32_at(fields, 20);
        Self {
            page_no: u32_at(fields, 0),
            generation: u64_at(fields, 8),
            part: u32_at(fields, 16),
            is_continued: flags & CONTINUED > 0,
            continues: flags & CONTINUES > 0,
            is_last: flags & LAST > 0,
        }
    }
}

/// Encodes a part.
pub(crate) fn seal(
    header: &PartHeader,
    part: &PartBuilder,
    compressor: &mut Compressor,
) -> Result<(Vec<u8>, Checksum), Damage> {
    let PartHeader { page_no, generation, part: number, is_continued, continues, is_last } = *header;
    let (body, rest) = part.encode()?;
    let flags =
        (u32::from(is_continued) * CONTINUED) | (u32::from(continues) * CONTINUES) | (u32::from(is_last) * LAST);
    let mut fields = Vec::with_capacity(MARK.field_bytes);
    fields.extend_from_slice(&page_no.to_le_bytes());
    fields.extend_from_slice(&part.count().to_le_bytes());
    fields.extend_from_slice(&generation.to_le_bytes());
    fields.extend_from_slice(&number.to_le_bytes());
    fields.extend_from_slice(&flags.to_le_bytes());
    compressor.seal_with_rest(MARK, &fields, &body, rest)
}

/// Checks a part of a page as far as possible without decoding it. Returns its checksum, and whether it is the last part.
pub(crate) fn check(page_no: u32, part: u32, value: &[u8]) -> Result<(Checksum, bool), Damage> {
    frame(page_no, part, value).map(|(frame, header)| (frame.checksum, header.is_last))
}

fn frame(page_no: u32, part: u32, value: &[u8]) -> Result<(Frame<'_>, PartHeader), Damage> {
    let frame = Frame::open(MARK, value)?;
    let header = PartHeader::of_fields(frame.fields);
    for (field, expected, found) in [("page number", page_no, header.page_no), ("part number", part, header.part)] {
        if expected != found {
            return Err(Damage::Field { field, expected: expected.into(), found: found.into() });
        }
    }
    Ok((frame, header))
}

/// Decodes the parts of a page in order.
pub(crate) struct PageReader<F> {
    page_no: u32,
    /// Number of the next part.
    part: u32,
    /// Index of the next conversation in the page.
    place: u32,
    /// The conversation that continues in the next part; no image if it is not wanted.
    begun: Option<Option<ConversationImage>>,
    /// Whether the last part was read.
    is_ended: bool,
    is_wanted: F,
}

impl<F: Fn(u32) -> bool> PageReader<F> {
    /// Reads some conversations of the page with this number, by their index in it.
    pub(crate) fn new(page_no: u32, is_wanted: F) -> Self {
        Self { page_no, part: 0, place: 0, begun: None, is_ended: false, is_wanted }
    }

    /// Decodes the next part. Returns its checksum, and the wanted conversations that end in it, with their index in the
    /// page.
    pub(crate) fn part(&mut self, value: &[u8]) -> Result<(Checksum, Vec<(u32, ConversationImage)>), Damage> {
        self.part_with(value, None)
    }

    /// Like [`PageReader::part`]. The wanted conversations without conflicts that are whole in this part are offered. Those that
    /// are taken are not returned.
    pub(crate) fn part_with(
        &mut self,
        value: &[u8],
        mut offer: Option<&mut Offer<'_>>,
    ) -> Result<(Checksum, Vec<(u32, ConversationImage)>), Damage> {
        let (frame, header) = frame(self.page_no, self.part, value)?;
        if header.is_continued != self.begun.is_some() {
            return Err(Damage::NoSuch { field: "continued conversation", found: header.part.into() });
        }
        let body = frame.body()?;
        let mut reader = PartReader::open(&body)?;
        let count = u32_at(frame.fields, 4);
        let mut ended = Vec::new();
        for number in 1..=count {
            let (begun, is_wanted) = match self.begun.take() {
                Some(begun) => {
                    let is_wanted = begun.is_some();
                    (begun, is_wanted)
                }
                None => (None, (self.is_wanted)(self.place)),
            };
            let continues = number == count && header.continues;
            let image = reader.next(begun, is_wanted, offer.as_deref_mut().filter(|_| !continues))?;
            if continues {
                self.begun = Some(image);
            } else {
                ended.extend(image.map(|image| (self.place, image)));
                self.place += 1;
            }
        }
        reader.end()?;
        self.part += 1;
        self.is_ended = header.is_last;
        Ok((frame.checksum, ended))
    }

    /// The number of conversations, after the last part.
    pub(crate) fn count(&self) -> Result<u32, Damage> {
        let is_whole = self.is_ended && self.begun.is_none();
        if is_whole { Ok(self.place) } else { Err(Damage::MissingPart { part: self.part }) }
    }

    /// The conversation that continues in the next part, as far as it was read.
    pub(crate) fn into_begun(self) -> Option<ConversationImage> {
        self.begun.flatten()
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether the last part was read.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }
}

/// Decodes a page of one part.
#[cfg(any(test, fuzzing))]
pub(crate) fn open(page_no: u32, value: &[u8]) -> Result<Vec<ConversationImage>, Damage> {
    let mut reader = PageReader::new(page_no, |_| true);
    let (_, images) = reader.part(value)?;
    reader.count()?;
    Ok(images.into_iter().map(|(_, image)| image).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use convofold_engine::PackedConversation;

    use super::*;
    use crate::conversations::page::PageWriter;
    use crate::format::key::PageHalf;
    use crate::storage::StorageError;

    /// The parts of page 0 with these conversations.
    pub(crate) fn parts(images: &[ConversationImage], part_bytes: usize) -> Vec<Vec<u8>> {
        parts_of(0, 1, images, part_bytes, &mut Compressor::new().unwrap())
    }

    pub(crate) fn parts_of(
        page_no: u32,
        generation: u64,
        images: &[ConversationImage],
        part_bytes: usize,
        compressor: &mut Compressor,
    ) -> Vec<Vec<u8>> {
        let mut parts = Vec::new();
        let mut writer = PageWriter::new(page_no, generation, part_bytes, compressor);
        let mut put = |_, part| {
            parts.push(part);
            Ok::<_, StorageError>(())
        };
        images.iter().for_each(|image| writer.push(image, &mut put).unwrap());
        writer.finish(PageHalf::A, &mut put).unwrap();
        parts
    }

    #[test]
    fn whole_conversations_without_conflicts_are_offered_as_they_are_stored() {
        let images = crate::format::samples::images_of_events();
        let usual = images.iter().filter(|image| image.conflicts.is_empty()).count();
        for part_bytes in [1, 1 << 20] {
            let mut reader = PageReader::new(0, |_| true);
            let (mut offered, mut taken, mut returned) = (0, BTreeSet::new(), Vec::new());
            for part in parts(&images, part_bytes) {
                let mut offer = |packed: &PackedConversation<'_>| {
                    let image = images.iter().find(|image| *image.id == *packed.id).unwrap();
                    assert!(image.conflicts.is_empty());
                    assert!(image.facts.packed().eq(packed.facts.iter().copied()));
                    assert_eq!((packed.contexts, packed.sessions), (&*image.contexts, &*image.sessions));
                    offered += 1;
                    offered % 2 == 1 && taken.insert(image.id.clone())
                };
                let (_, images) = reader.part_with(&part, Some(&mut offer)).unwrap();
                returned.extend(images.into_iter().map(|(_, image)| image));
            }
            let expected: Vec<_> = images.iter().filter(|image| !taken.contains(&image.id)).cloned().collect();
            assert_eq!(returned, expected);
            assert!(offered <= usual && (offered == usual || part_bytes == 1) && usual > 0, "{offered} {usual}");
        }
    }

    #[test]
    fn a_part_that_is_missing_or_out_of_order_is_found_out() {
        let images = crate::format::samples::images_of_events();
        let parts = parts(&images, 1);
        assert!(parts.len() > 4, "{}", parts.len());
        for left_out in 0..parts.len() {
            let mut reader = PageReader::new(0, |_| true);
            let mut rest = parts.iter().enumerate().filter(|(number, _)| *number != left_out).map(|(_, part)| part);
            let read = rest.try_for_each(|part| reader.part(part).map(drop));
            let is_last = left_out + 1 == parts.len();
            assert!(read.is_err() || (is_last && reader.count() != Ok(u32::try_from(images.len()).unwrap())));
        }
    }
}
