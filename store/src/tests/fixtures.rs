//! The exact bytes of every stored form, kept in `store/tests-data/`.
//!
//! `just fixtures` writes them. Each form also has a fixture that is compressed; its bytes depend on the version of zstd,
//! so it is only read.

use std::path::PathBuf;

use convofold_engine::{ConversationImage, EventColumns};
use xxhash_rust::xxh3::Xxh3;

use crate::care::backup::tests as backup;
use crate::damage::Damage;
use crate::format::REVISION;
use crate::format::block::{self, Block, LogPosition, PackedEvents};
use crate::format::database::DatabaseFormat;
use crate::format::erasures::StoredErasure;
use crate::format::frame::{Compressor, FrameKind, HEADER_BYTES, u32_at, u64_at};
use crate::format::holds::StoredHold;
use crate::format::numbered::{self, NumberedRecord};
use crate::format::retention::StoredRetentionRun;
use crate::format::{checkpoint, ledger, log_start, page, page_head, recorded_hashes, replay_mark, run, samples};
use crate::storage::end_mark::{self, EndMark, LastRecords};
use crate::storage::fragment::{Fragment, Tree};

/// A value with a header and a checksum: see [`crate::format::frame`].
pub(super) struct Form {
    name: &'static str,
    pub(super) mark: FrameKind,
    write: fn(&mut Compressor) -> Vec<u8>,
    /// Reads a value and encodes it without compression.
    rewrite: fn(&[u8]) -> Result<Vec<u8>, Damage>,
}

pub(super) const FORMS: [Form; 13] = [
    Form { name: "block", mark: block::MARK, write: write_block, rewrite: rewrite_block },
    Form {
        name: "page",
        mark: page::MARK,
        write: |compressor| page_of(9, &samples::images_of_events(), compressor),
        rewrite: |value| {
            let generation = u64_at(value, HEADER_BYTES + 8);
            Ok(page_of(generation, &page::open(5, value)?, &mut Compressor::plain()))
        },
    },
    Form {
        name: "page-head",
        mark: page_head::MARK,
        write: |compressor| page_head::seal(5, &samples::heads(), compressor).unwrap().0,
        rewrite: |value| Ok(page_head::seal(5, &page_head::open(5, value)?.0, &mut Compressor::plain())?.0),
    },
    Form {
        name: "checkpoint",
        mark: checkpoint::MARK,
        write: |compressor| checkpoint::seal(&samples::checkpoint(), compressor).unwrap(),
        rewrite: |value| checkpoint::seal(&checkpoint::open(9, value)?, &mut Compressor::plain()),
    },
    Form {
        name: "log-start",
        mark: log_start::MARK,
        write: |compressor| log_start::seal(&samples::log_start(), compressor).unwrap(),
        rewrite: |value| log_start::seal(&log_start::open(value)?, &mut Compressor::plain()),
    },
    Form {
        name: "recorded-hashes",
        mark: recorded_hashes::MARK,
        write: |compressor| recorded_hashes::seal(7, &samples::recorded_hashes(), compressor).unwrap(),
        rewrite: |value| recorded_hashes::seal(7, &recorded_hashes::open(7, value)?, &mut Compressor::plain()),
    },
    Form {
        name: "erasure",
        mark: StoredErasure::MARK,
        write: |compressor| numbered::seal(7, &samples::erasure(), compressor).unwrap(),
        rewrite: rewrite_record::<StoredErasure>,
    },
    Form {
        name: "hold",
        mark: StoredHold::MARK,
        write: |compressor| numbered::seal(7, &samples::hold(), compressor).unwrap(),
        rewrite: rewrite_record::<StoredHold>,
    },
    Form {
        name: "retention-run",
        mark: StoredRetentionRun::MARK,
        write: |compressor| numbered::seal(7, &samples::retention_run(), compressor).unwrap(),
        rewrite: rewrite_record::<StoredRetentionRun>,
    },
    Form {
        name: "ledger",
        mark: ledger::MARK,
        write: |compressor| ledger::seal(&vec![(7, samples::erasure())], compressor).unwrap(),
        rewrite: |value| ledger::seal(&ledger::open(value)?, &mut Compressor::plain()),
    },
    Form {
        name: "run-head",
        mark: run::HEAD,
        write: |compressor| run::seal_head(4, &samples::run_head(), compressor).unwrap().0,
        rewrite: |value| Ok(run::seal_head(4, &run::open_head(4, value)?.0, &mut Compressor::plain())?.0),
    },
    Form {
        name: "run-hits",
        mark: run::BLOCK,
        write: |compressor| run::seal_hits((4, 1, 2), &samples::hits(), compressor).unwrap(),
        rewrite: |value| run::seal_hits((4, 1, 2), &run::open_hits((4, 1, 2), value)?, &mut Compressor::plain()),
    },
    Form {
        name: "run-terms",
        mark: run::BLOCK,
        write: |compressor| run::seal_terms((4, 2), &samples::terms(), compressor).unwrap(),
        rewrite: |value| run::seal_terms((4, 2), &run::open_terms((4, 2), value)?, &mut Compressor::plain()),
    },
];

/// Page 5, which has one part.
fn page_of(generation: u64, images: &[ConversationImage], compressor: &mut Compressor) -> Vec<u8> {
    page::tests::parts_of(5, generation, images, 2 << 20, compressor).concat()
}

fn write_block(compressor: &mut Compressor) -> Vec<u8> {
    let mut position = samples::TAIL;
    let events = EventColumns::of(&samples::events()).unwrap();
    let packed = PackedEvents::of(&events, compressor).unwrap();
    packed.seal(&mut position, &samples::BOOKMARKS, samples::COMMITTED_MS, compressor).unwrap().1
}

fn rewrite_record<T: NumberedRecord>(value: &[u8]) -> Result<Vec<u8>, Damage> {
    numbered::seal(7, &numbered::open::<T>(7, value)?, &mut Compressor::plain())
}

fn rewrite_block(value: &[u8]) -> Result<Vec<u8>, Damage> {
    let block = Block::open(value)?;
    let body = block.decode()?;
    let mut compressor = Compressor::plain();
    let events = EventColumns::of(&body.events()?).map_err(Damage::Event)?;
    let mut position = LogPosition { block_no: block.block_no, seq: block.first_seq, chain: block.previous };
    let packed = PackedEvents::of(&events, &mut compressor)?;
    Ok(packed.seal(&mut position, body.bookmarks(), block.committed_ms, &compressor)?.1)
}

/// A value with another checksum or none of its own.
struct Other {
    name: &'static str,
    write: fn() -> Vec<u8>,
    rewrite: fn(&[u8]) -> Vec<u8>,
}

const OTHERS: [Other; 7] = [
    Other {
        name: "replay-mark",
        write: || replay_mark::seal(&samples::replay_mark()).unwrap(),
        rewrite: |value| replay_mark::seal(&replay_mark::open(value).unwrap()).unwrap(),
    },
    Other { name: "fragment", write: write_fragment, rewrite: |value| Fragment::at(value).unwrap().encode() },
    Other {
        name: "head",
        write: || {
            let last = LastRecords { erasures: 1, holds: 22, retention_runs: 3 };
            end_mark::encode(EndMark::of(&samples::TAIL), last, end_mark::DEFAULT_STORAGE)
        },
        rewrite: |value| {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(end_mark::HEAD), value.repeat(2)).unwrap();
            let head = EndMark::read(dir.path()).unwrap().known().unwrap();
            let folder = end_mark::storage_folder(dir.path()).unwrap();
            let last = LastRecords::read(dir.path()).unwrap();
            end_mark::encode(head, last, folder.file_name().unwrap().to_str().unwrap())
        },
    },
    Other {
        name: "format",
        write: || samples::database_format().text().into_bytes(),
        rewrite: |value| DatabaseFormat::parse(std::str::from_utf8(value).unwrap()).unwrap().text().into_bytes(),
    },
    Other { name: "backup-complete", write: backup::complete, rewrite: backup::rewrite },
    Other { name: "backup-with-base", write: backup::with_base, rewrite: backup::rewrite },
    Other { name: "backup-incremental", write: backup::incremental, rewrite: backup::rewrite },
];

fn write_fragment() -> Vec<u8> {
    let fragment = Fragment { tree: Tree::Log, key: b"key", fragment_no: 1, fragments: 3, payload: b"payload" };
    fragment.encode()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests-data").join(name).with_extension("bin")
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn zstd_name(form: &Form) -> String {
    format!("{}-zstd", form.name)
}

/// Each revision of the stored forms, and the hash of its fixtures; the last line is that of [`REVISION`].
fn revisions() -> Vec<(u32, String)> {
    let text = std::fs::read_to_string(revisions_path()).unwrap();
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    lines.map(|(revision, hash)| (revision.parse().unwrap(), hash.to_owned())).collect()
}

fn revisions_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests-data/revisions.txt")
}

/// The hash of all forms as they are written now, without compression.
fn hash_of_forms() -> String {
    let mut hash = Xxh3::new();
    let forms = FORMS.map(|form| (form.name, (form.write)(&mut Compressor::plain())));
    let others = OTHERS.map(|other| (other.name, (other.write)()));
    for (name, value) in forms.into_iter().chain(others) {
        hash.update(name.as_bytes());
        hash.update(&(value.len() as u64).to_le_bytes());
        hash.update(&value);
    }
    format!("{:032x}", hash.digest128())
}

#[test]
#[ignore = "writes store/tests-data: run `just fixtures`"]
fn write_fixtures() {
    let hash = hash_of_forms();
    let (last, recorded) = revisions().pop().unwrap();
    assert!(
        REVISION > last || hash == recorded,
        "a stored form is not what it was in revision {last}: raise REVISION in store/src/format/mod.rs"
    );
    if REVISION > last {
        let text = std::fs::read_to_string(revisions_path()).unwrap();
        std::fs::write(revisions_path(), format!("{text}{REVISION} {hash}\n")).unwrap();
    }
    for form in FORMS {
        std::fs::write(path(form.name), (form.write)(&mut Compressor::plain())).unwrap();
        std::fs::write(path(&zstd_name(&form)), (form.write)(&mut Compressor::always().unwrap())).unwrap();
    }
    for other in OTHERS {
        std::fs::write(path(other.name), (other.write)()).unwrap();
    }
}

#[test]
fn a_changed_form_has_a_revision_of_its_own() {
    let revisions = revisions();
    assert!(revisions.is_sorted_by(|(before, _), (after, _)| before < after));
    assert_eq!(
        revisions.last().unwrap(),
        &(REVISION, hash_of_forms()),
        "raise REVISION in store/src/format/mod.rs, and run `just fixtures`"
    );
}

#[test]
fn every_form_is_written_as_its_fixture() {
    for form in FORMS {
        assert_eq!((form.write)(&mut Compressor::plain()), fixture(form.name), "{}: run `just fixtures`", form.name);
    }
    for other in OTHERS {
        assert_eq!((other.write)(), fixture(other.name), "{}: run `just fixtures`", other.name);
    }
}

#[test]
fn every_fixture_is_read_and_encoded_again_byte_for_byte() {
    for form in FORMS {
        let plain = fixture(form.name);
        assert_eq!((form.rewrite)(&plain).unwrap(), plain, "{}", form.name);
        assert_eq!((form.rewrite)(&fixture(&zstd_name(&form))).unwrap(), plain, "{}", form.name);
    }
    for other in OTHERS {
        let value = fixture(other.name);
        assert_eq!((other.rewrite)(&value), value, "{}", other.name);
    }
}

#[test]
fn every_fixture_is_read_as_what_was_written() {
    let value = fixture("block");
    let block = Block::open(&value).unwrap();
    block.follows(&samples::TAIL).unwrap();
    assert_eq!((block.end().block_no, block.end().seq), (13, 3_404));
    let body = block.decode().unwrap();
    assert_eq!((body.bookmarks(), body.events().unwrap()), (&samples::BOOKMARKS[..], samples::events()));
    assert_eq!(page::open(5, &fixture("page")).unwrap(), samples::images_of_events());
    let (_, some) = page::PageReader::new(5, |place| place == 1).part(&fixture("page")).unwrap();
    assert_eq!(some, [(1, samples::images_of_events().pop().unwrap())]);
    assert_eq!(page_head::open(5, &fixture("page-head")).unwrap().0, samples::heads());
    assert_eq!(checkpoint::open(9, &fixture("checkpoint")).unwrap(), samples::checkpoint());
    assert_eq!(log_start::open(&fixture("log-start")).unwrap(), samples::log_start());
    assert_eq!(recorded_hashes::open(7, &fixture("recorded-hashes")).unwrap(), samples::recorded_hashes());
    assert_eq!(numbered::open(7, &fixture("erasure")), Ok(samples::erasure()));
    assert_eq!(numbered::open(7, &fixture("hold")), Ok(samples::hold()));
    assert_eq!(numbered::open(7, &fixture("retention-run")), Ok(samples::retention_run()));
    assert_eq!(ledger::open(&fixture("ledger")).unwrap(), [(7, samples::erasure())]);
    assert_eq!(replay_mark::open(&fixture("replay-mark")).unwrap(), samples::replay_mark());
    assert!(matches!(page::open(6, &fixture("page")), Err(Damage::Field { .. })));
    assert!(matches!(checkpoint::open(6, &fixture("checkpoint")), Err(Damage::Field { .. })));
    assert!(matches!(recorded_hashes::open(6, &fixture("recorded-hashes")), Err(Damage::Field { .. })));
    assert!(matches!(numbered::open::<StoredErasure>(6, &fixture("erasure")), Err(Damage::Field { .. })));
}

#[test]
fn a_value_that_is_cut_off_anywhere_is_damaged() {
    for form in FORMS {
        for name in [form.name, &zstd_name(&form)] {
            let value = fixture(name);
            for length in 0..value.len() {
                let damage = (form.rewrite)(&value[..length]).unwrap_err();
                let is_told = matches!(damage, Damage::TooShort { .. } | Damage::Length { .. });
                assert!(is_told, "{name}, {length} bytes: {damage}");
            }
        }
    }
}

#[test]
fn a_bit_that_is_flipped_anywhere_is_damage() {
    for form in FORMS {
        for name in [form.name, &zstd_name(&form)] {
            let mut value = fixture(name);
            for bit in 0..value.len() * 8 {
                value[bit / 8] ^= 1 << (bit % 8);
                assert!((form.rewrite)(&value).is_err(), "{name}, bit {bit}");
                value[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

#[test]
fn a_value_of_another_version_is_named() {
    for form in FORMS {
        let mut value = fixture(form.name);
        for found in [0, 2] {
            value[4] = found;
            assert_eq!((form.rewrite)(&value), Err(Damage::UnknownVersion { expected: 1, found }), "{}", form.name);
        }
    }
}

/// The checksum is correct, so that only the decoder can detect the change.
#[test]
fn a_body_that_lies_is_an_error_and_asks_for_no_memory() {
    for Form { name, mark, rewrite, .. } in FORMS {
        let whole = fixture(name);
        let (fields, body) = whole[HEADER_BYTES..].split_at(mark.field_bytes);
        let read = |body: &[u8]| rewrite(&Compressor::plain().seal(mark, fields, body).unwrap().0);
        assert_eq!(read(body).as_ref(), Ok(&whole));
        for at in 0..body.len() {
            for byte in [0, 1, 2, 3, 127, 251, 252, 253, 254, 255] {
                let mut lying = body.to_vec();
                lying[at] = byte;
                // The result is another value or an error.
                let _ = read(&lying);
            }
            assert!(read(&body[..at]).is_err(), "{name}, {at} bytes");
        }
        assert!(read(&[body, &[0]].concat()).is_err(), "{name}");
        assert!(read(&[body, &[0; 16]].concat()).is_err(), "{name}");
    }
}

#[test]
fn the_lengths_in_a_header_are_those_of_its_value() {
    for form in FORMS {
        let value = fixture(form.name);
        let body_bytes = value.len() - HEADER_BYTES - form.mark.field_bytes;
        assert_eq!([u32_at(&value, 8), u32_at(&value, 12)].map(|bytes| bytes as usize), [body_bytes; 2]);
    }
}
