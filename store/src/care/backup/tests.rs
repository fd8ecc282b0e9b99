//! The file itself: its exact bytes, and every way to damage it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use convofold_engine::{Event, FOLD_VERSION, StateHash};

use super::writer::BackupWriter;
use super::{BackupFile, BackupFileError};
use crate::damage::Damage;
use crate::format::backup::{self as frames, BackupHeader};
use crate::format::block::{BlockBuilder, StoredBookmarkV1, Tail};
use crate::format::fixtures::{block_v1, fixture, full_event, images_of_events, session_event};
use crate::format::frame::Compressor;
use crate::state::cut::Cut;

const BOOKMARK: StoredBookmarkV1<'_> = StoredBookmarkV1 { name: "upstream", value: Some(b"7") };

/// Rules of no version, so that the files do not depend on how the engine folds and hashes.
const OTHER_RULES: u32 = 7;

fn cut(tail: Tail, conversations: u64) -> Cut {
    let bookmarks = [("upstream".to_owned(), b"7".to_vec())].into();
    Cut { tail, state_hash: StateHash::from_bytes([3; 32]), conversations, bookmarks }
}

/// A file with two blocks, each with an event of a conversation of its own.
fn file_of(header: BackupHeader, compressor: Compressor) -> Vec<u8> {
    file_of_blocks(header, compressor, |tail, event, compressor| {
        let mut builder = BlockBuilder::default();
        builder.push(&event);
        builder.seal(tail, &[BOOKMARK], compressor).unwrap().1
    })
}

/// The same with blocks of version 1.
pub(crate) fn file_of_v1(header: BackupHeader, compressor: Compressor) -> Vec<u8> {
    file_of_blocks(header, compressor, |tail, event, compressor| block_v1(tail, &[event], &[BOOKMARK], compressor))
}

fn file_of_blocks(
    header: BackupHeader,
    mut compressor: Compressor,
    seal: impl Fn(&mut Tail, Event, &mut Compressor) -> Vec<u8>,
) -> Vec<u8> {
    let mut tail = header.begin;
    let values = [full_event(), session_event()].map(|event| seal(&mut tail, event, &mut compressor));
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = BackupWriter::new(file.as_file(), &mut compressor, file.path());
    writer.begin(&header).unwrap();
    if header.base_conversations > 0 {
        writer.base(&images_of_events()).unwrap();
    }
    values.iter().for_each(|value| writer.block(value).unwrap());
    writer.end(&cut(tail, 2), OTHER_RULES).unwrap();
    fs::read(file.path()).unwrap()
}

pub(crate) const COMPLETE: BackupHeader =
    BackupHeader { is_incremental: false, base_conversations: 0, begin: Tail::START, bookmarks: BTreeMap::new() };
const LATER: Tail = Tail { block_no: 12, seq: 3_400, chain: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef };

pub(crate) fn complete(compressor: Compressor) -> Vec<u8> {
    file_of(COMPLETE, compressor)
}

pub(crate) const INCREMENTAL: BackupHeader =
    BackupHeader { is_incremental: true, base_conversations: 0, begin: LATER, bookmarks: BTreeMap::new() };

pub(crate) fn incremental(compressor: Compressor) -> Vec<u8> {
    file_of(INCREMENTAL, compressor)
}

fn check_file(path: &Path) -> Result<(), BackupFileError> {
    BackupFile::open(path)?.check(|_| {}).map(drop)
}

fn check(bytes: &[u8]) -> Result<(), BackupFileError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    check_file(file.path())
}

#[test]
fn a_backup_is_read_and_written_with_blocks_of_every_version() {
    for (name, value) in [
        ("backup-v1-plain.bin", file_of_v1(COMPLETE, Compressor::plain())),
        ("backup-v1-incremental.bin", file_of_v1(INCREMENTAL, Compressor::plain())),
        ("backup-v1-block-v2-plain.bin", complete(Compressor::plain())),
        ("backup-v1-block-v2-incremental.bin", incremental(Compressor::plain())),
    ] {
        assert_eq!(value, fixture(name), "{name}");
        check(&fixture(name)).unwrap();
    }
}

#[test]
fn a_base_is_read_before_the_log() {
    let bytes = file_of(BackupHeader { base_conversations: 2, begin: LATER, ..COMPLETE }, Compressor::plain());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let mut reader = BackupFile::open(file.path()).unwrap().read().unwrap();
    let mut parts = Vec::new();
    loop {
        match reader.next().unwrap() {
            super::reader::Part::Base(found) => {
                assert_eq!(found, images_of_events());
                parts.push('p');
            }
            super::reader::Part::Block(..) => parts.push('b'),
            super::reader::Part::End(end) => {
                assert_eq!(end.end.seq, LATER.seq + 2);
                break;
            }
        }
    }
    assert_eq!(parts, ['p', 'b', 'b']);
}

#[test]
fn a_bit_that_is_flipped_anywhere_is_damage() {
    for bytes in [complete(Compressor::plain()), incremental(Compressor::new().unwrap())] {
        check(&bytes).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let mut put = |at: usize, byte: u8| {
            file.seek(SeekFrom::Start(at as u64)).unwrap();
            file.write_all(&[byte]).unwrap();
            file.path().to_owned()
        };
        for bit in 0..bytes.len() * 8 {
            let (at, byte) = (bit / 8, bytes[bit / 8]);
            let damaged = check_file(&put(at, byte ^ (1 << (bit % 8))));
            assert!(matches!(damaged, Err(BackupFileError::Damaged { .. })), "bit {bit}: {damaged:?}");
            put(at, byte);
        }
    }
}

#[test]
fn a_file_of_any_other_length_is_damaged() {
    for bytes in [complete(Compressor::plain()), incremental(Compressor::plain())] {
        for length in 0..bytes.len() {
            assert!(check(&bytes[..length]).is_err(), "{length}");
        }
        for more in [&[0][..], &[0; 8], &[0; 4_096], &bytes] {
            assert!(check(&[&bytes, more].concat()).is_err(), "{} more", more.len());
        }
    }
}

#[test]
fn a_length_that_is_a_lie_asks_for_no_memory() {
    let bytes = complete(Compressor::plain());
    // Of the first frame, of its body, and of the end.
    for at in [8, 12, bytes.len() - 8, bytes.len() - 4] {
        let mut lying = bytes.clone();
        lying[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(check(&lying), Err(BackupFileError::Damaged { .. })), "{at}");
    }
}

#[test]
fn what_a_right_checksum_hides_is_found() {
    // Somebody wrote these on purpose, so every checksum is right.
    let kind = |kind: u32| {
        let mut fields = kind.to_le_bytes().to_vec();
        fields.extend_from_slice(&[0; 36]);
        Compressor::plain().seal(frames::HEADER, &fields, &[]).unwrap().0
    };
    assert_eq!(frames::open_header(&kind(2)).unwrap_err(), Damage::NoSuch { field: "kind of backup", found: 2 });
    assert_eq!(frames::open_header(&kind(0)).unwrap_err(), Damage::NoSuch { field: "block number", found: 0 });
    for begin in [Tail { seq: u64::MAX, ..LATER }, Tail { block_no: u64::MAX, ..LATER }, Tail { seq: 0, ..LATER }] {
        let value = frames::seal_header(&BackupHeader { begin, ..COMPLETE }, &mut Compressor::plain()).unwrap();
        assert!(matches!(frames::open_header(&value), Err(Damage::NoSuch { .. })), "{begin:?}");
    }
    let later = file_of(BackupHeader { begin: LATER, ..COMPLETE }, Compressor::plain());
    assert!(matches!(check(&later), Err(BackupFileError::Damaged { at_byte: 0, .. })));
    for count in [1, 3, u32::MAX] {
        let header = BackupHeader { base_conversations: count, begin: LATER, ..COMPLETE };
        assert!(check(&file_of(header, Compressor::plain())).is_err(), "{count}");
    }
}

#[test]
fn a_state_that_is_not_that_of_the_events_is_found() {
    let wrong = |change: fn(&mut Cut)| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut compressor = Compressor::plain();
        let mut writer = BackupWriter::new(file.as_file(), &mut compressor, file.path());
        writer.begin(&COMPLETE).unwrap();
        let nothing = StateHash::default();
        let mut cut = Cut { bookmarks: [].into(), state_hash: nothing, ..cut(Tail::START, 0) };
        change(&mut cut);
        writer.end(&cut, FOLD_VERSION).unwrap();
        check_file(file.path())
    };
    wrong(|_| {}).unwrap();
    let what = |outcome| match outcome {
        Err(BackupFileError::State { what, .. }) => what,
        other => panic!("expected another state, found {other:?}"),
    };
    assert_eq!(what(wrong(|cut| cut.state_hash = StateHash::of_line("{}"))), "state hash");
    assert_eq!(what(wrong(|cut| cut.conversations = 1)), "number of conversations");
    assert_eq!(what(wrong(|cut| drop(cut.bookmarks.insert("a".to_owned(), vec![])))), "bookmarks");
    assert!(matches!(wrong(|cut| cut.tail = LATER), Err(BackupFileError::Damaged { .. })));
}
