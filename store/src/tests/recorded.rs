//! Each checkpoint leaves the state hash after its last event.

use std::sync::Arc;

use convofold_engine::{FOLD_VERSION, Moment, Seq, StateHash, Time};

use super::sled_files::damage_block;
use super::{Home, messages, submit};
use crate::care::backup::{BackupOptions, restore};
use crate::care::repair::Repair;
use crate::check::verify::Problem;
use crate::checkpoint::recorded::{record_hash, recorded_hashes};
use crate::clock::driven::DrivenClock;
use crate::format::frame::Compressor;
use crate::format::recorded_hashes::StoredHash;
use crate::storage::memory::MemoryStorage;
use crate::{Batch, Convofold, Options, RecordedHash};

const BEGINNING_MS: u64 = 1_800_000_000_000;
/// The time of the first message; the others follow at intervals of a second.
const FIRST_MESSAGE_MS: i64 = 1_700_000_000_000;

fn small_blocks() -> Options {
    Options::new().block_bytes(400).checkpoint_log_bytes(u64::MAX)
}

/// Writes checkpoints after five events each, and returns what they must have recorded.
fn checkpoints(db: &Convofold, count: u64) -> Vec<(Seq, StateHash)> {
    let mut expected = Vec::new();
    for _ in 0..count {
        submit(db, Batch::new(messages(db.stats().last_seq, 5)));
        db.checkpoint().unwrap();
        expected.push((db.stats().last_seq, db.state_hash()));
    }
    expected
}

fn recorded(db: &Convofold) -> Vec<(Seq, StateHash)> {
    db.recorded_hashes().unwrap().hashes.iter().map(|recorded| (recorded.seq, recorded.hash)).collect()
}

/// Checks that these hashes are recorded, and that the past still has them.
#[track_caller]
fn expect_proofs(db: &Convofold, expected: &[(Seq, StateHash)]) {
    assert_eq!(recorded(db), expected);
    for (seq, hash) in expected {
        let proof = db.at(Moment::known_at(*seq)).hash_proof().unwrap();
        assert_eq!((proof.hash, proof.equal), (*hash, Some(true)), "seq {seq}");
        assert_eq!(proof.recorded.map(|recorded| (recorded.seq, recorded.hash)), Some((*seq, *hash)));
    }
    let report = db.verify_past(|_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
    let count = expected.len() as u64;
    assert_eq!((report.recorded_hashes, report.recorded_hashes_compared), (count, count));
    let report = db.verify(|_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.recorded_hashes, report.recorded_hashes_compared), (count, 1));
}

#[test]
fn a_checkpoint_records_its_hash_with_the_time_of_its_last_commit() {
    let home = Home::new();
    let driven = DrivenClock::at(BEGINNING_MS);
    let db = home.open_on(&Arc::default(), small_blocks().clock(driven.clock()));
    db.checkpoint().unwrap();
    assert_eq!(recorded(&db), []);
    submit(&db, Batch::new(messages(0, 5)));
    driven.set(BEGINNING_MS + 9_000);
    db.checkpoint().unwrap();
    db.checkpoint().unwrap();
    let hash = db.state_hash();
    let committed_at = i64::try_from(BEGINNING_MS).unwrap();
    assert_eq!(
        db.recorded_hashes().unwrap().hashes,
        [RecordedHash { seq: 5, committed_at, fold_version: FOLD_VERSION, hash }]
    );
    // Only a moment that is bounded by arrival alone has a recorded hash.
    let proof = |moment| db.at(moment).hash_proof().unwrap().recorded;
    assert_eq!(proof(Moment::known_at(4)), None);
    assert_eq!(proof(Moment::LATEST), None);
    assert_eq!(proof(Moment { as_of: Some(Time::MAX), known_at: Some(5) }), None);
    assert!(proof(Moment::known_at(5)).is_some());
}

#[test]
fn recorded_hashes_survive_a_restart_a_kill_an_eviction_and_a_trim() {
    let home = Home::new();
    let db = home.open_with(small_blocks().memory_bytes(4_000));
    let expected = checkpoints(&db, 8);
    expect_proofs(&db, &expected);
    db.trim_log(Time::from_ms(FIRST_MESSAGE_MS + 22_000).unwrap()).unwrap();
    assert!(db.stats().first_seq > 15);
    expect_proofs(&db, &expected);
    let killed = home.killed();
    db.close().unwrap();
    for home in [home, killed] {
        let db = home.open_with(small_blocks());
        expect_proofs(&db, &expected);
        // Late events and conflicts with what was known change nothing about the past.
        submit(&db, Batch::new(messages(0, 40)));
        submit(&db, Batch::new(messages(100, 5)));
        expect_proofs(&db, &expected);
        db.close().unwrap();
        let db = home.open_with(small_blocks().read_only(true));
        assert_eq!(recorded(&db)[..expected.len()], expected);
        assert_eq!(recorded(&db).len(), expected.len() + 1);
    }
}

#[test]
fn a_hash_that_is_recorded_after_a_backup_is_in_the_next_one() {
    let home = Home::new();
    let db = home.open_with(small_blocks());
    let shelf = tempfile::tempdir().unwrap();
    let [base, next] = ["base", "next"].map(|name| shelf.path().join(name));
    submit(&db, Batch::new(messages(0, 5)));
    db.backup(&base, &BackupOptions::new(), |_| {}).unwrap();
    db.checkpoint().unwrap();
    let expected = [(5, db.state_hash())];
    submit(&db, Batch::new(messages(5, 5)));
    db.backup(&next, &BackupOptions::new().since(base.clone()), |_| {}).unwrap();
    let restored = Home::new();
    restore(&[&base, &next], restored.path(), &Options::new(), |_| {}).unwrap();
    assert_eq!(recorded(&restored.open_with(small_blocks()))[..1], expected);
}

#[test]
fn recorded_hashes_are_in_backups_and_restored() {
    let home = Home::new();
    let db = home.open_with(small_blocks());
    let mut expected = checkpoints(&db, 4);
    let shelf = tempfile::tempdir().unwrap();
    let file = |name: &str| shelf.path().join(name);
    db.backup(file("whole"), &BackupOptions::new(), |_| {}).unwrap();
    db.trim_log(Time::from_ms(FIRST_MESSAGE_MS + 12_000).unwrap()).unwrap();
    db.backup(file("trimmed"), &BackupOptions::new(), |_| {}).unwrap();
    expected.extend(checkpoints(&db, 3));
    for complete in ["whole", "trimmed"] {
        let since = file(&format!("since-{complete}"));
        db.backup(&since, &BackupOptions::new().since(file(complete)), |_| {}).unwrap();
        let target = file(&format!("restored-{complete}"));
        restore(&[file(complete), since], &target, &small_blocks(), |_| {}).unwrap();
        expect_proofs(&small_blocks().open(&target).unwrap(), &expected);
    }
}

#[test]
fn a_repair_keeps_the_hashes_recorded_before_the_first_lost_event() {
    let home = Home::new();
    let db = home.open_with(small_blocks());
    let expected = checkpoints(&db, 8);
    let blocks = db.stats().blocks;
    db.close().unwrap();
    let repaired = |home: &Home, name: &str| {
        let into = home.dir.path().join(name);
        let report = Repair::new(home.path(), &into).run().unwrap();
        (report, small_blocks().open(&into).unwrap())
    };
    let (report, db) = repaired(&home, "whole");
    assert_eq!((report.events, report.lost.len()), (40, 0));
    expect_proofs(&db, &expected);
    drop(db);

    let home = home.killed();
    (blocks / 2..=blocks).for_each(|block_no| damage_block(&home, block_no));
    let (report, db) = repaired(&home, "shortened");
    let first_lost = report.lost.first().map_or(41, |lost| lost.first_seq);
    let found = recorded(&db);
    assert!(found.iter().filter(|(seq, _)| *seq < first_lost).all(|kept| expected.contains(kept)), "{found:?}");
    let report = db.verify_past(|_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_past_that_was_rewritten_is_found() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, small_blocks());
    let expected = checkpoints(&db, 3);
    db.close().unwrap();
    let open_with = |seq: Seq, change: fn(&mut StoredHash)| {
        let storage = MemoryStorage::with(storage.contents());
        let (mut hashes, _) = recorded_hashes(storage.as_ref()).unwrap();
        change(hashes.iter_mut().find(|hash| hash.seq == seq).unwrap());
        storage.damage(|contents| contents.records.retain(|name, _| !name.starts_with("recorded-hashes/")));
        let mut compressor = Compressor::new().unwrap();
        hashes.iter().for_each(|hash| record_hash(storage.as_ref(), &mut compressor, *hash).unwrap());
        home.open_on(&storage, small_blocks())
    };
    let rewritten = |seq: Seq| open_with(seq, |hash| hash.state_hash[31] ^= 1);
    for (seq, hash) in &expected {
        let db = rewritten(*seq);
        let proof = db.at(Moment::known_at(*seq)).hash_proof().unwrap();
        assert_eq!((proof.hash, proof.equal), (*hash, Some(false)));
        let problems = db.verify_past(|_| {}).unwrap().problems;
        assert!(
            matches!(&problems[..], [Problem::RecordedHash { seq: found, found: now, .. }] if (found, now) == (seq, hash)),
            "{problems:?}"
        );
        // Without the past, only the newest one is checked.
        assert_eq!(db.verify(|_| {}).unwrap().problems.len(), usize::from(*seq == 15));
    }
    // Hashes of another fold version cannot be compared.
    let db = open_with(10, |hash| (hash.fold_version, hash.state_hash[0]) = (FOLD_VERSION - 1, 0));
    let proof = db.at(Moment::known_at(10)).hash_proof().unwrap();
    assert_eq!((proof.equal, proof.recorded.map(|recorded| recorded.fold_version)), (None, Some(FOLD_VERSION - 1)));
    let report = db.verify_past(|_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.recorded_hashes, report.recorded_hashes_compared), (3, 2));
}

/// A database with these recorded hashes and no others.
fn with_recorded(home: &Home, storage: &MemoryStorage, hashes: &[StoredHash]) -> Convofold {
    let storage = MemoryStorage::with(storage.contents());
    storage.damage(|contents| contents.records.retain(|name, _| !name.starts_with("recorded-hashes/")));
    let mut compressor = Compressor::new().unwrap();
    hashes.iter().for_each(|hash| record_hash(storage.as_ref(), &mut compressor, *hash).unwrap());
    home.open_on(&storage, small_blocks())
}

fn stored(seq: Seq, hash: StateHash) -> StoredHash {
    StoredHash { seq, committed_ms: BEGINNING_MS, fold_version: FOLD_VERSION, state_hash: hash.to_bytes() }
}

#[test]
fn the_newest_recorded_hash_is_compared_wherever_its_last_event_is_in_the_log() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, small_blocks().block_bytes(100_000));
    submit(&db, Batch::new(messages(0, 5)));
    let expected = checkpoints(&db, 6);
    let within_a_block = [13, 33].map(|seq| (seq, db.at(Moment::known_at(seq)).state_hash().unwrap()));
    db.trim_log(Time::from_ms(FIRST_MESSAGE_MS + 22_000).unwrap()).unwrap();
    assert_eq!(db.stats().first_seq, 21);
    db.close().unwrap();
    // Within a dropped and a kept block, at the end of both, and at the log start.
    let [dropped, start, kept] = [0, 2, 4].map(|place: usize| expected[place]);
    assert_eq!([dropped.0, start.0, kept.0], [10, 20, 30]);
    for (seq, hash) in within_a_block.into_iter().chain([dropped, start, kept]) {
        let verified = |hash| with_recorded(&home, &storage, &[stored(seq, hash)]).verify(|_| {}).unwrap();
        let report = verified(hash);
        assert!(report.is_clean(), "seq {seq}: {report:?}");
        assert_eq!((report.recorded_hashes_compared, report.newest_hash_skipped), (1, None));
        let problems = verified(StateHash::default()).problems;
        assert!(matches!(problems[..], [Problem::RecordedHash { .. }]), "seq {seq}: {problems:?}");
    }
}

#[test]
fn a_newest_recorded_hash_that_cannot_be_compared_is_named_with_the_reason() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, small_blocks());
    let expected = checkpoints(&db, 3);
    db.close().unwrap();
    let [first, _, newest] = [0, 1, 2].map(|place: usize| stored(expected[place].0, expected[place].1));
    // Another fold version: the newest one that can be compared is.
    let other = StoredHash { fold_version: FOLD_VERSION - 1, ..newest };
    let db = with_recorded(&home, &storage, &[first, other]);
    for report in [db.verify(|_| {}).unwrap(), db.verify_past(|_| {}).unwrap()] {
        assert!(report.is_clean() && report.recorded_hashes_compared == 1, "{report:?}");
        let why = report.newest_hash_skipped.unwrap();
        assert!(why.starts_with(&format!("fold version {}", FOLD_VERSION - 1)), "{why}");
    }
    drop(db);
    // After the end of the log.
    let db = with_recorded(&home, &storage, &[first, stored(99, expected[2].1)]);
    let problems = db.verify(|_| {}).unwrap().problems;
    assert!(matches!(problems[..], [Problem::Shortened { expected: 99, found: 15 }]), "{problems:?}");
    drop(db);
    // A log that cannot be folded.
    let storage = MemoryStorage::with(storage.contents());
    let db = home.open_on(&storage, small_blocks());
    storage.damage(|contents| contents.log.values_mut().next().unwrap()[40] ^= 1);
    let report = db.verify(|_| {}).unwrap();
    assert_eq!((report.recorded_hashes, report.recorded_hashes_compared), (3, 0));
    assert_eq!(report.newest_hash_skipped.as_deref(), Some("the log cannot be folded"));
}

#[test]
fn the_first_record_of_a_state_is_never_replaced_and_a_new_fold_version_adds_one() {
    let storage = MemoryStorage::default();
    let mut compressor = Compressor::new().unwrap();
    let mut record = |seq, fold_version, byte| {
        let hash = StoredHash { seq, committed_ms: 7, fold_version, state_hash: [byte; 32] };
        record_hash(&storage, &mut compressor, hash).unwrap();
    };
    for (seq, fold_version, byte) in [(0, 1, 0), (1, 1, 1), (1, 1, 2), (2, 1, 3), (2, 2, 4), (2, 1, 5), (9, 2, 6)] {
        record(seq, fold_version, byte);
    }
    let found = || {
        let (hashes, damages) = recorded_hashes(&storage).unwrap();
        let numbers = hashes.iter().map(|hash| (hash.seq, hash.fold_version, hash.state_hash[0]));
        (numbers.collect::<Vec<_>>(), damages.len())
    };
    assert_eq!(found(), (vec![(1, 1, 1), (2, 1, 3), (2, 2, 4), (9, 2, 6)], 0));
    // The second value has one hash. If it is damaged, it stays so, and the next one begins.
    assert_eq!(storage.contents().records.len(), 2);
    storage.damage(|contents| contents.records.values_mut().next_back().unwrap()[40] ^= 1);
    record(10, 2, 7);
    assert_eq!(found(), (vec![(1, 1, 1), (2, 1, 3), (2, 2, 4), (10, 2, 7)], 1));
}

#[test]
fn a_damaged_value_of_recorded_hashes_is_named_and_the_others_still_prove_the_past() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, small_blocks());
    let expected = checkpoints(&db, 5);
    let is_recorded = |name: &String| name.starts_with("recorded-hashes/");
    storage.damage(|contents| {
        let (_, value) = contents.records.iter_mut().find(|(name, _)| is_recorded(name)).unwrap();
        value[40] ^= 1;
    });
    let found = db.recorded_hashes().unwrap();
    assert!(found.damages.iter().all(|damage| damage.starts_with("value 0: ")), "{found:?}");
    assert_eq!((recorded(&db), found.damages.len()), (expected[3..].to_vec(), 1));
    let proof = |seq| db.at(Moment::known_at(seq)).hash_proof().unwrap();
    assert_eq!((proof(20).equal, proof(20).damaged_values), (Some(true), 1));
    assert_eq!((proof(10).hash, proof(10).recorded, proof(10).damaged_values), (expected[1].1, None, 1));
    for (report, compared) in [(db.verify(|_| {}).unwrap(), 1), (db.verify_past(|_| {}).unwrap(), 2)] {
        assert!(matches!(report.problems[..], [Problem::RecordedHashes { number: 0, .. }]), "{report:?}");
        assert_eq!(report.recorded_hashes_compared, compared);
    }
    let file = home.path().with_extension("backup");
    db.backup(&file, &BackupOptions::new(), |_| {}).unwrap();
    let other = Home::new();
    restore(&[&file], other.path(), &small_blocks(), |_| {}).unwrap();
    expect_proofs(&other.open_with(small_blocks()), &expected[3..]);
}
