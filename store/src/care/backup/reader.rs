//! Reads the frames of a backup file in order and trusts none of them.
//!
//! It never reads more than the rest of the file, so that a wrong length costs no memory.

use std::io::{self, Read};

use convofold_engine::ConversationImage;
use xxhash_rust::xxh3::Xxh3;

use crate::damage::Damage;
use crate::format::backup::{self as frames, BackupEnd, BackupHeader};
use crate::format::block::{self, Block, LogPosition};
use crate::format::frame::{FrameKind, HEADER_BYTES, stated_bytes};
use crate::format::marks::Marks;
use crate::format::page::{self, PageReader, PartHeader};

/// Size of the length field after the end frame.
pub(super) const LENGTH_BYTES: usize = 8;

/// An error in a file or while reading it.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    Damaged { at_byte: u64, why: Damage },
}

/// A section of a backup file.
#[derive(Debug)]
pub(super) enum Section {
    /// Conversations of the base that end in this part.
    Base(Vec<ConversationImage>),
    /// A block of the log with its bytes.
    Block(Box<Block>, Vec<u8>),
    /// The end of the file.
    End(Box<BackupEnd>),
}

/// Which conversations of a page to decode.
type Wanted = fn(u32) -> bool;

pub(super) struct BackupReader<R> {
    input: R,
    /// Offset of the next frame.
    at_byte: u64,
    /// Size of the file in bytes.
    bytes: u64,
    hash: Xxh3,
    header: BackupHeader,
    base_left: u32,
    page_no: u32,
    /// The page of the base that is being read.
    page: Option<PageReader<Wanted>>,
    /// Expected log position of the next block.
    position: LogPosition,
}

impl<R: Read> BackupReader<R> {
    /// Reads the header of a file of this size.
    pub(super) fn new(input: R, bytes: u64) -> Result<Self, ReadError> {
        let header = BackupHeader {
            is_incremental: false,
            base_conversations: 0,
            begin: LogPosition::START,
            bookmarks: [].into(),
            marks: Marks::NONE,
        };
        let mut reader = Self {
            input,
            at_byte: 0,
            bytes,
            hash: Xxh3::new(),
            header,
            base_left: 0,
            page_no: 0,
            page: None,
            position: LogPosition::START,
        };
        let (at_byte, _, value) = reader.frame(&[frames::HEADER])?;
        reader.hash.update(&value);
        let header = frames::open_header(&value).map_err(damaged(at_byte))?;
        if !header.is_incremental && header.begin != LogPosition::START && header.base_conversations == 0 {
            let why =
                Damage::Field { field: "first seq of a file without a base", expected: 1, found: header.begin.seq };
            return Err(ReadError::Damaged { at_byte, why });
        }
        (reader.base_left, reader.position) = (header.base_conversations, header.begin);
        reader.header = header;
        Ok(reader)
    }

    pub(super) fn header(&self) -> &BackupHeader {
        &self.header
    }

    /// Whether the next section belongs to the base.
    pub(super) fn is_in_base(&self) -> bool {
        self.base_left > 0
    }

    /// Offset of the next section.
    pub(super) fn at_byte(&self) -> u64 {
        self.at_byte
    }

    /// Reads the next section. Must not be called again after the end.
    pub(super) fn next(&mut self) -> Result<Section, ReadError> {
        let (at_byte, mark, value) = match self.base_left {
            0 => self.frame(&[block::MARK, frames::END])?,
            _ => self.frame(&[page::MARK])?,
        };
        if mark.magic == frames::END.magic {
            return self.end(at_byte, &value).map(|end| Section::End(Box::new(end)));
        }
        self.hash.update(&value);
        if mark.magic == page::MARK.magic { self.base(&value) } else { self.block(value) }.map_err(damaged(at_byte))
    }

    fn base(&mut self, value: &[u8]) -> Result<Section, Damage> {
        let header = PartHeader::of(value)?;
        if header.part == 0 {
            self.page.take().map_or(Ok(0), |page| page.count())?;
            self.page = Some(PageReader::new(self.page_no, (|_| true) as Wanted));
            self.page_no = self.page_no.saturating_add(1);
        }
        let page = self.page.as_mut().ok_or(Damage::MissingPart { part: 0 })?;
        let images: Vec<_> = page.part(value)?.1.into_iter().map(|(_, image)| image).collect();
        let (expected, found) = (u64::from(self.base_left), images.len() as u64);
        let left = u32::try_from(found).ok().and_then(|found| self.base_left.checked_sub(found));
        let left = left.filter(|left| (*left > 0 || !page.is_begun()) && (found > 0 || page.is_begun()));
        self.base_left = left.ok_or(Damage::Field { field: "number of conversations", expected, found })?;
        Ok(Section::Base(images))
    }

    fn block(&mut self, value: Vec<u8>) -> Result<Section, Damage> {
        let block = Block::open(&value)?;
        block.follows(&self.position)?;
        self.position = block.end();
        Ok(Section::Block(Box::new(block), value))
    }

    fn end(&mut self, at_byte: u64, value: &[u8]) -> Result<BackupEnd, ReadError> {
        let end = frames::open_end(value).map_err(damaged(at_byte))?;
        let field = |field, expected, found| match expected == found {
            true => Ok(()),
            false => Err(Damage::Field { field, expected, found }),
        };
        let is_whole = || {
            field("bytes before the end", at_byte, end.bytes_before)?;
            field("block number at the end", self.position.block_no, end.end.block_no)?;
            field("seq at the end", self.position.seq, end.end.seq)?;
            let chain = (self.position.chain, end.end.chain);
            let whole = (self.hash.digest128(), end.checksum);
            match [chain, whole].into_iter().find(|(found, expected)| found != expected) {
                Some((found, expected)) => Err(Damage::Checksum { expected, found }),
                None => Ok(()),
            }
        };
        is_whole().map_err(damaged(at_byte))?;
        let after = self.at_byte;
        let length = self.read(LENGTH_BYTES as u64)?;
        let found = length.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
        field("length of the end", value.len() as u64, found).map_err(damaged(after))?;
        field("bytes in the file", self.at_byte, self.bytes).map_err(damaged(self.at_byte))?;
        Ok(end)
    }

    /// Reads the next frame, which must be of one of these kinds.
    fn frame(&mut self, expected: &[FrameKind]) -> Result<(u64, FrameKind, Vec<u8>), ReadError> {
        let at_byte = self.at_byte;
        let mut value = self.read(HEADER_BYTES as u64)?;
        let header: [u8; HEADER_BYTES] = value.first_chunk().copied().unwrap_or([0; HEADER_BYTES]);
        let found = header.first_chunk().copied().unwrap_or_default();
        let mark = expected.iter().find(|mark| mark.magic == found).copied();
        let of = expected.last().map_or([0; 4], |mark| mark.magic);
        let mark = mark.ok_or(ReadError::Damaged { at_byte, why: Damage::NotOurs { expected: of, found } })?;
        let rest = self.read(stated_bytes(mark, &header) - HEADER_BYTES as u64)?;
        value.extend_from_slice(&rest);
        Ok((at_byte, mark, value))
    }

    /// Reads `count` bytes, if the file has them.
    fn read(&mut self, count: u64) -> Result<Vec<u8>, ReadError> {
        let (at_byte, left) = (self.at_byte, self.bytes.saturating_sub(self.at_byte));
        let short = |found| ReadError::Damaged { at_byte, why: Damage::Length { expected: count, found } };
        if count > left {
            return Err(short(left));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(count).unwrap_or(usize::MAX));
        let found = self.input.by_ref().take(count).read_to_end(&mut bytes).map_err(ReadError::Io)?;
        self.at_byte += count;
        // The file may have been shortened meanwhile.
        if found as u64 == count { Ok(bytes) } else { Err(short(found as u64)) }
    }
}

fn damaged(at_byte: u64) -> impl FnOnce(Damage) -> ReadError {
    move |why| ReadError::Damaged { at_byte, why }
}
