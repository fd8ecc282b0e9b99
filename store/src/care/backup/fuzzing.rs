//! Reads arbitrary bytes as a backup file; see [`crate::fuzzing`].

use convofold_engine::Board;
use xxhash_rust::xxh3::xxh3_128;

use super::reader::{BackupReader, LENGTH_BYTES, Section};
use crate::format::backup as frames;
use crate::format::block::{self, Block, LogPosition};
use crate::format::frame::{HEADER_BYTES, mended, stated_bytes};
use crate::format::page;
use crate::log::bookmark::Bookmarks;
use crate::log::events::DecodedBlock;

pub(crate) fn read_backup(bytes: &[u8]) {
    for file in [bytes.to_vec(), mended_file(bytes)] {
        let Ok(mut reader) = BackupReader::new(file.as_slice(), file.len() as u64) else { continue };
        let mut board = Board::new();
        loop {
            match reader.next() {
                Ok(Section::Base(images)) => {
                    for image in images {
                        let _ = board.load(board.slot_count(), image);
                    }
                }
                Ok(Section::Block(block, _)) => {
                    let Ok(read) = DecodedBlock::of(&block) else { break };
                    read.fold(&mut board, &mut Bookmarks::new());
                }
                Ok(Section::End(_)) | Err(_) => break,
            }
        }
        let _ = board.state_hash();
    }
}

/// Interprets the bytes as frames, and corrects checksums, block numbers and the end frame.
fn mended_file(bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut position = LogPosition::START;
    let mut rest = bytes;
    while let Some(header) = rest.first_chunk::<HEADER_BYTES>() {
        let marks = [frames::HEADER, block::MARK, page::MARK, frames::END];
        let first = if file.is_empty() { Some(frames::HEADER) } else { None };
        let known = marks.into_iter().find(|mark| header.starts_with(&mark.magic));
        let mark = first.or(known).unwrap_or(block::MARK);
        let length = usize::try_from(stated_bytes(mark, header)).unwrap_or(usize::MAX).min(rest.len());
        let (frame, after) = rest.split_at(length);
        let mut frame = frame.to_vec();
        frame.resize(frame.len().max(HEADER_BYTES + mark.field_bytes), 0);
        rest = after;
        let place = [position.block_no.to_le_bytes(), position.seq.to_le_bytes()].concat();
        let chain = position.chain.to_le_bytes();
        if mark.magic == block::MARK.magic {
            put(&mut frame, 0, &place);
            put(&mut frame, 24, &chain);
        } else if mark.magic == frames::END.magic {
            put(&mut frame, 0, &[place.as_slice(), &chain].concat());
            put(&mut frame, 72, &(file.len() as u64).to_le_bytes());
            put(&mut frame, 80, &xxh3_128(&file).to_le_bytes());
        }
        let frame = mended(mark, &frame);
        match Block::open(&frame) {
            Ok(block) => position = block.end(),
            Err(_) if file.is_empty() => {
                position = frames::open_header(&frame).map_or(position, |header| header.begin);
            }
            Err(_) => {}
        }
        file.extend_from_slice(&frame);
        if mark.magic == frames::END.magic {
            file.extend_from_slice(&(frame.len() as u64).to_le_bytes());
            debug_assert_eq!(LENGTH_BYTES, 8);
            break;
        }
    }
    file
}

/// Overwrites bytes of the fields of a frame.
fn put(frame: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = frame.get_mut(HEADER_BYTES + at..HEADER_BYTES + at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
