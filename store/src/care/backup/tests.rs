//! The bytes of a backup file, and every way to damage it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use convofold_engine::{ConversationImage, EventColumns, FOLD_VERSION, StateHash};

use super::reader::{BackupReader, Section};
use super::writer::BackupWriter;
use super::{BackupFile, BackupFileError};
use crate::damage::Damage;
use crate::format::backup::{self as frames, BackupEnd, BackupHeader};
use crate::format::block::{LogPosition, PackedEvents};
use crate::format::bookmark::StoredBookmark;
use crate::format::frame::Compressor;
use crate::format::marks::{Mark, Marks};
use crate::format::numbered::NumberedRecords;
use crate::format::recorded_hashes::StoredHash;
use crate::format::samples::{
    COMMITTED_MS, full_event, images_of_events, numbered_records, recorded_hashes, session_event,
};
use crate::state::snapshot::Snapshot;

const BOOKMARK: StoredBookmark<'_> = StoredBookmark { name: "upstream", value: Some(b"7") };

/// A fold version that does not exist, so that the files do not depend on how the engine folds and hashes.
const OTHER_RULES: u32 = 7;

fn snapshot(position: LogPosition, conversations: u64) -> Snapshot {
    let bookmarks = [("upstream".to_owned(), b"7".to_vec())].into();
    Snapshot { position, state_hash: StateHash::from_bytes([3; 32]), conversations, bookmarks }
}

/// A file with two blocks, each with an event of another conversation.
fn file_of(header: BackupHeader, mut compressor: Compressor) -> Vec<u8> {
    let mut position = header.begin;
    let values = [full_event(), session_event()].map(|event| {
        let events = EventColumns::of([&event]).unwrap();
        let packed = PackedEvents::of(&events, &mut compressor).unwrap();
        packed.seal(&mut position, &[BOOKMARK], COMMITTED_MS, &compressor).unwrap().1
    });
    let base = if header.base_conversations > 0 { images_of_events() } else { vec![] };
    let mut recorded = recorded_hashes();
    recorded.retain(|hash| hash.seq <= position.last_seq());
    file_with(&header, &base, &values, &snapshot(position, 2), &recorded, OTHER_RULES, &mut compressor)
}

fn file_with(
    header: &BackupHeader,
    base: &[ConversationImage],
    blocks: &[Vec<u8>],
    snapshot: &Snapshot,
    recorded: &[StoredHash],
    fold_version: u32,
    compressor: &mut Compressor,
) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut out = file.as_file();
    let mut writer = BackupWriter::new(&mut out, compressor, file.path());
    writer.begin(header).unwrap();
    writer.base(base.iter().cloned().map(Ok), 2 << 20).unwrap();
    blocks.iter().for_each(|value| writer.block(value).unwrap());
    writer.end(snapshot, recorded.to_vec(), numbered_records(), fold_version).unwrap();
    fs::read(file.path()).unwrap()
}

/// Reads a file and writes it again.
pub(crate) fn rewrite(bytes: &[u8]) -> Vec<u8> {
    let mut reader = BackupReader::new(bytes, bytes.len() as u64).unwrap();
    let header = reader.header().clone();
    let (mut base, mut blocks) = (Vec::new(), Vec::new());
    let end = loop {
        match reader.next().unwrap() {
            Section::Base(images) => base.extend(images),
            Section::Block(_, value) => blocks.push(value),
            Section::End(end) => break end,
        }
    };
    let BackupEnd { end: position, state_hash, conversations, fold_version, bookmarks, recorded, .. } = *end;
    let snapshot = Snapshot { position, state_hash, conversations, bookmarks: bookmarks.into_iter().collect() };
    file_with(&header, &base, &blocks, &snapshot, &recorded, fold_version, &mut Compressor::plain())
}

const COMPLETE: BackupHeader = BackupHeader {
    is_incremental: false,
    base_conversations: 0,
    begin: LogPosition::START,
    bookmarks: BTreeMap::new(),
    marks: Marks::NONE,
};
const LATER: LogPosition = LogPosition { block_no: 12, seq: 3_400, chain: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef };
const INCREMENTAL: BackupHeader = BackupHeader {
    is_incremental: true,
    base_conversations: 0,
    begin: LATER,
    bookmarks: BTreeMap::new(),
    marks: Marks::NONE,
};

/// A complete log.
pub(crate) fn complete() -> Vec<u8> {
    file_of(COMPLETE, Compressor::plain())
}

/// A trimmed log.
pub(crate) fn with_base() -> Vec<u8> {
    let bookmarks = [("upstream".to_owned(), b"6".to_vec())].into();
    let mut marks = Marks::NONE;
    marks.push(Mark { seq: LATER.last_seq(), committed_ms: COMMITTED_MS - 1_000 });
    let header = BackupHeader { base_conversations: 2, begin: LATER, bookmarks, marks, ..COMPLETE };
    file_of(header, Compressor::plain())
}

pub(crate) fn incremental() -> Vec<u8> {
    file_of(INCREMENTAL, Compressor::plain())
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
fn a_base_is_read_before_the_log() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&with_base()).unwrap();
    let mut reader = BackupFile::open(file.path()).unwrap().read().unwrap();
    let mut parts = Vec::new();
    loop {
        match reader.next().unwrap() {
            Section::Base(found) => {
                assert_eq!(found, images_of_events());
                parts.push('p');
            }
            Section::Block(..) => parts.push('b'),
            Section::End(end) => {
                assert_eq!(end.end.seq, LATER.seq + 2);
                break;
            }
        }
    }
    assert_eq!(parts, ['p', 'b', 'b']);
}

#[test]
fn a_bit_that_is_flipped_anywhere_is_damage() {
    for bytes in [complete(), file_of(INCREMENTAL, Compressor::new().unwrap())] {
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
    for bytes in [complete(), incremental()] {
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
    let bytes = complete();
    // Lengths in the first frame, its body and the end.
    for at in [8, 12, bytes.len() - 8, bytes.len() - 4] {
        let mut lying = bytes.clone();
        lying[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(check(&lying), Err(BackupFileError::Damaged { .. })), "{at}");
    }
}

#[test]
fn what_a_right_checksum_hides_is_found() {
    // The values are forged, so every checksum is correct.
    let kind = |kind: u32| {
        let mut fields = kind.to_le_bytes().to_vec();
        fields.extend_from_slice(&[0; 36]);
        Compressor::plain().seal(frames::HEADER, &fields, &[]).unwrap().0
    };
    assert_eq!(frames::open_header(&kind(2)).unwrap_err(), Damage::NoSuch { field: "backup kind", found: 2 });
    assert_eq!(frames::open_header(&kind(0)).unwrap_err(), Damage::NoSuch { field: "block number", found: 0 });
    for begin in [
        LogPosition { seq: u64::MAX, ..LATER },
        LogPosition { block_no: u64::MAX, ..LATER },
        LogPosition { seq: 0, ..LATER },
    ] {
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
    let wrong = |change: fn(&mut Snapshot)| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut compressor = Compressor::plain();
        let mut out = file.as_file();
        let mut writer = BackupWriter::new(&mut out, &mut compressor, file.path());
        writer.begin(&COMPLETE).unwrap();
        let nothing = StateHash::default();
        let mut snapshot = Snapshot { bookmarks: [].into(), state_hash: nothing, ..snapshot(LogPosition::START, 0) };
        change(&mut snapshot);
        writer.end(&snapshot, Vec::new(), NumberedRecords::default(), FOLD_VERSION).unwrap();
        check_file(file.path())
    };
    wrong(|_| {}).unwrap();
    let what = |outcome| match outcome {
        Err(BackupFileError::State { what, .. }) => what,
        other => panic!("expected another state, found {other:?}"),
    };
    assert_eq!(what(wrong(|snapshot| snapshot.state_hash = StateHash::of_line("{}"))), "state hash");
    assert_eq!(what(wrong(|snapshot| snapshot.conversations = 1)), "number of conversations");
    assert_eq!(what(wrong(|snapshot| drop(snapshot.bookmarks.insert("a".to_owned(), vec![])))), "bookmarks");
    assert!(matches!(wrong(|snapshot| snapshot.position = LATER), Err(BackupFileError::Damaged { .. })));
}
