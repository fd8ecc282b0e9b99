//! A verification reports what is wrong, and continues if it can.

use std::fs;
use std::sync::Arc;

use convofold_engine::Kind;
use crossbeam_channel::{TryRecvError, unbounded};

use super::{Home, change_fact, forge_checkpoint, lived_in, message, message_with, messages, submit};
use crate::check::verify::{Problem, VerifyError, VerifyProgress, VerifyReport};
use crate::checkpoint::record::record_name;
use crate::storage::memory::{Contents, MemoryStorage};
use crate::write::error::CommitError;
use crate::{Batch, Convofold, Options};

fn verify(db: &Convofold) -> VerifyReport {
    db.verify(|_| {}).unwrap()
}

/// The report of a verification after this change of the storage of an open database.
fn after(damage: impl FnOnce(&mut Contents)) -> VerifyReport {
    let (_home, storage, db) = lived_in(Options::new());
    storage.damage(damage);
    verify(&db)
}

fn damaged_blocks(report: &VerifyReport) -> Vec<u64> {
    let block_no = |problem: &Problem| match problem {
        Problem::Block { block_no, .. } => Some(*block_no),
        _ => None,
    };
    report.problems.iter().filter_map(block_no).collect()
}

fn key_of(contents: &Contents, block_no: u64) -> crate::format::key::BlockKey {
    *contents.log.keys().find(|key| key.block_no == block_no).unwrap()
}

fn flip(contents: &mut Contents, block_no: u64, bit: usize) {
    let key = key_of(contents, block_no);
    contents.log.get_mut(&key).unwrap()[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn a_store_that_is_well_is_clean_and_all_of_it_was_checked() {
    let (_home, storage, db) = lived_in(Options::new());
    let mut steps = Vec::new();
    let report = db.verify(|progress| steps.push(progress)).unwrap();
    assert!(report.is_clean() && report.log_is_whole, "{report:?}");
    let stats = db.stats();
    assert_eq!((report.last_seq, report.events, report.blocks), (stats.last_seq, stats.last_seq, stats.blocks));
    assert_eq!((report.log_bytes, report.conversations), (stats.log_bytes, stats.conversations));
    assert_eq!(report.state_hash, Some(db.state_hash()));
    let checkpoints: Vec<_> =
        report.checkpoints.iter().map(|it| (it.generation, it.conversations, it.compared)).collect();
    assert_eq!(checkpoints, [(3, 38, true), (4, 38, true)]);
    assert!(steps.contains(&VerifyProgress::Log { seq: report.last_seq, last_seq: report.last_seq }));
    assert!(steps.contains(&VerifyProgress::Live { conversations: 38, of: 38 }));
    // The same after it was opened again from a checkpoint.
    let home = Home::new();
    assert!(verify(&home.open_on(&storage, Options::new())).is_clean());
}

#[test]
fn an_empty_store_is_clean() {
    let home = Home::new();
    let db = home.open();
    assert!(verify(&db).is_clean());
    db.checkpoint().unwrap();
    let report = verify(&db);
    assert!(report.is_clean() && report.blocks == 0, "{report:?}");
}

#[test]
fn a_store_on_sled_is_clean_before_and_after_it_was_opened_again() {
    let home = Home::new();
    let db = home.open_with(Options::new().block_bytes(1_000));
    submit(&db, Batch::new(messages(0, 3_000)));
    assert!(verify(&db).is_clean());
    db.close().unwrap();
    let report = verify(&home.open());
    assert!(report.is_clean() && report.checkpoints.len() == 1, "{report:?}");
}

#[test]
fn a_damaged_block_is_named_and_the_others_are_still_read() {
    for bit in [3, 33, 70, 150, 400, 900] {
        let report = after(|contents| flip(contents, 5, bit));
        assert_eq!(damaged_blocks(&report), [5], "bit {bit}: {report:?}");
        assert!(!report.log_is_whole && report.conversations == 0 && report.state_hash.is_none());
        assert_eq!(report.blocks, 9, "{report:?}");
        assert_eq!(report.problems.len(), 1, "{report:?}");
        // Both checkpoints are after the damage, so there is nothing to compare them with.
        assert!(report.checkpoints.iter().all(|checkpoint| !checkpoint.compared));
    }
}

#[test]
fn missing_blocks_are_named_wherever_they_were() {
    let remove = |contents: &mut Contents, block_no| {
        let key = key_of(contents, block_no);
        contents.log.remove(&key);
    };
    assert_eq!(damaged_blocks(&after(|contents| remove(contents, 1))), [1]);
    assert_eq!(damaged_blocks(&after(|contents| remove(contents, 10))), [10]);
    let report = after(|contents| [3, 4, 8].into_iter().for_each(|block_no| remove(contents, block_no)));
    assert_eq!(damaged_blocks(&report), [3, 8], "blocks missing in a row are reported once: {report:?}");
    assert_eq!(damaged_blocks(&after(|contents| contents.log.clear())), [1]);
}

#[test]
fn several_damaged_blocks_are_all_named() {
    let report = after(|contents| [2, 3, 9, 10].into_iter().for_each(|block_no| flip(contents, block_no, 500)));
    assert_eq!(damaged_blocks(&report), [2, 3, 9, 10]);
    assert_eq!(report.blocks, 6);
}

#[test]
fn a_checkpoint_before_the_damage_is_still_compared() {
    let report = after(|contents| flip(contents, 7, 500));
    let compared: Vec<_> = report.checkpoints.iter().map(|it| (it.generation, it.compared)).collect();
    assert_eq!(compared, [(3, true), (4, false)], "{report:?}");
}

#[test]
fn a_block_from_another_log_is_named() {
    let (_home, other, _db) = lived_in(Options::new());
    let twin = Home::new().open_on(&other, Options::new());
    submit(&twin, Batch::new(messages(9_000, 60)));
    let (_home, storage, db) = lived_in(Options::new());
    submit(&db, Batch::new(messages(8_000, 60)));
    let key = key_of(&other.contents(), 11);
    storage.damage(|contents| drop(contents.log.insert(key, other.contents().log[&key].clone())));
    // Its position and checksum are correct; only the end mark and the snapshot differ.
    assert_eq!(damaged_blocks(&verify(&db)), [11]);
}

#[test]
fn a_damaged_page_or_record_is_named_with_its_checkpoint() {
    let report = after(|contents| *contents.records.get_mut(&record_name(4)).unwrap().last_mut().unwrap() ^= 1);
    match report.problems.as_slice() {
        [Problem::Checkpoint { generation: 4, .. }] => {}
        other => panic!("expected a problem of checkpoint 4, found {other:?}"),
    }
    // Every page belongs to one of them or to both.
    let pages = after(|_| {}).checkpoints.len() * 3;
    for page in 0..pages {
        let report = after(|contents| {
            if let Some(value) = contents.pages.values_mut().nth(page) {
                value[60] ^= 4;
            }
        });
        let is_of_page = |problem: &Problem| problem.to_string().contains(&format!("page {}", page / 2));
        assert!(!report.is_clean() && report.problems.iter().all(is_of_page), "page {page}: {report:?}");
        assert!(report.log_is_whole && report.conversations == 38);
    }
}

#[test]
fn a_forged_checkpoint_is_found_by_what_it_falsified() {
    let (_home, storage, db) = lived_in(Options::new());
    forge_checkpoint(&storage, |image| {
        if &*image.id == "case-5" {
            change_fact(image, 1, |fact| fact.kind = Kind::Close);
        }
    });
    let report = verify(&db);
    let fields: Vec<_> = report
        .problems
        .iter()
        .map(|problem| match problem {
            Problem::CheckpointConversation { generation: 4, id, field, .. } if &**id == "case-5" => field.as_str(),
            other => panic!("{other}"),
        })
        .collect();
    assert!(fields.contains(&"facts[1].kind") && fields.contains(&"status"), "{fields:?}");
    // A database opened from it is wrong as well.
    let home = Home::new();
    let report = verify(&home.open_on(&storage, Options::new()));
    let has = |wanted: &str| report.problems.iter().any(|problem| problem.to_string().starts_with(wanted));
    for wanted in
        ["facts[1].kind of conversation \"case-5\"", "status of conversation \"case-5\"", "answer to state hash"]
    {
        assert!(has(wanted), "{wanted}: {report:?}");
    }
    assert!(has("answer to agents") && has("answer to number of open conversations"), "{report:?}");
}

#[test]
fn what_only_memory_knows_is_named() {
    let (_home, _storage, db) = lived_in(Options::new());
    db.shared().live.board_mut().edit().apply(1, &message("case-3", 9_999));
    db.shared().bookmarks.write().insert("upstream".to_owned(), b"1000".to_vec());
    let report = verify(&db);
    let texts: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    for wanted in [
        "last_event_at of conversation \"case-3\"",
        "facts.len of",
        "answer to state hash",
        "bookmark \"upstream\" differs",
    ] {
        assert!(texts.iter().any(|text| text.starts_with(wanted)), "{wanted}: {texts:#?}");
    }
}

#[test]
fn the_head_mark_is_held_against_the_log() {
    let (home, _storage, db) = lived_in(Options::new());
    let end_mark = home.path().join("HEAD");
    let mark = fs::read(&end_mark).unwrap();
    fs::remove_file(&end_mark).unwrap();
    assert_eq!(verify(&db).problems, [Problem::EndMarkMissing]);
    fs::write(&end_mark, b"block twelve").unwrap();
    assert_eq!(verify(&db).problems, [Problem::EndMarkUnreadable]);
    // The end mark of a later state, and that of another database.
    let (other_home, _storage, other) = lived_in(Options::new());
    submit(&other, Batch::new(messages(9_000, 5)));
    fs::copy(other_home.path().join("HEAD"), &end_mark).unwrap();
    let last_seq = db.stats().last_seq;
    assert_eq!(verify(&db).problems, [Problem::Shortened { expected: last_seq + 5, found: last_seq }]);
    submit(&db, Batch::new(messages(8_000, 5)));
    fs::copy(other_home.path().join("HEAD"), &end_mark).unwrap();
    assert_eq!(verify(&db).problems, [Problem::HeadOfAnotherLog { block_no: 11 }]);
    fs::write(&end_mark, mark).unwrap();
    assert!(verify(&db).is_clean());
}

#[test]
fn events_that_arrive_meanwhile_are_no_problem() {
    let (_home, _storage, db) = lived_in(Options::new().checkpoint_log_bytes(1));
    std::thread::scope(|scope| {
        let (stop, stopped) = unbounded::<()>();
        let writing = &db;
        scope.spawn(move || {
            for number in (1_000..).take_while(|_| stopped.try_recv() == Err(TryRecvError::Empty)) {
                submit(writing, Batch::new(vec![message(&format!("case-{}", number % 45), number)]));
            }
        });
        for _ in 0..10 {
            let report = verify(&db);
            assert!(report.is_clean(), "{report:?}");
            assert!(report.checkpoints.iter().all(|checkpoint| checkpoint.compared), "{report:?}");
        }
        drop(stop);
    });
}

#[test]
fn checkpoints_wait_for_a_verification_save_those_that_are_asked_for() {
    let (_home, _storage, db) = lived_in(Options::new().checkpoint_log_bytes(1));
    let before = db.stats().checkpoint_seq;
    let mut number = 10_000;
    let report = db.verify(|_| {
        // More than the size after which a checkpoint is written.
        let text = |number: u64| format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let varied = (number..number + 2_000).map(|number| message_with("varied", number, &text(number)));
        submit(&db, Batch::new(varied.collect()));
        number += 2_000;
        assert_eq!(db.stats().checkpoint_seq, before);
    });
    assert!(report.unwrap().is_clean());
    // A ticket completes before the checkpoint is written, so the second one finds it written.
    submit(&db, Batch::new(vec![message("a", 1)]));
    submit(&db, Batch::new(vec![message("a", 2)]));
    assert!(db.stats().checkpoint_seq > before);

    let mut asked = 0;
    let report = db.verify(|_| {
        asked += 1;
        if asked <= 2 {
            submit(&db, Batch::new(messages(20_000 + asked * 100, 100)));
            db.checkpoint().unwrap();
        }
    });
    let report = report.unwrap();
    assert!(report.is_clean() && report.checkpoints.iter().any(|checkpoint| !checkpoint.compared), "{report:?}");
}

#[test]
fn a_store_that_is_closed_meanwhile_closes_at_once() {
    let home = Home::new();
    let db = home.open_with(Options::new().block_bytes(100));
    submit(&db, Batch::new(messages(0, 500)));
    let outcome = db.verify(|_| {
        db.close().unwrap();
        // The checkpoint is no longer held back.
        home.open().close().unwrap();
    });
    assert!(matches!(outcome, Err(VerifyError::Closed)), "{outcome:?}");
    assert!(matches!(db.verify(|_| {}), Err(VerifyError::Closed)));
}

#[test]
fn the_nth_failure_of_the_storage_is_an_error_and_never_a_clean_report() {
    let (_home, storage, db) = lived_in(Options::new());
    let mut failures = 0;
    for failing in 1.. {
        storage.fail_reads.set(failing);
        let outcome = db.verify(|_| {});
        storage.fail_reads.set(0);
        match outcome {
            Err(VerifyError::Storage(_)) => failures += 1,
            Ok(report) => {
                assert!(report.is_clean());
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(failures > 15, "{failures}");
    assert!(verify(&db).is_clean(), "a failed read does no harm");
}

#[test]
fn a_store_that_takes_no_more_writes_is_not_verified() {
    let (_home, storage, db) = lived_in(Options::new());
    storage.fail_append.set(1);
    let failed = db.submit(Batch::new(messages(5_000, 1))).unwrap().wait();
    assert!(matches!(failed, Err(CommitError::Poisoned { .. })), "{failed:?}");
    let outcome = db.verify(|_| {});
    assert!(matches!(outcome, Err(VerifyError::Poisoned(_))), "{outcome:?}");
}

/// Regression: a trim between the snapshot and the reading of the log made a healthy database look damaged.
#[test]
fn a_verification_and_a_trim_exclude_each_other() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new().sync_interval(std::time::Duration::from_secs(3_600)));
    submit(&db, Batch::new(messages(0, 50)));
    submit(&db, Batch::new(messages(50, 1)).durability(crate::Durability::Buffered));
    let (is_trimming, begin) = std::sync::mpsc::channel();
    let trimmer = db.clone();
    // The barrier of the snapshot: a trim begins as soon as the verification has asked for it.
    storage.before_barrier.set(move || {
        std::thread::spawn(move || {
            let unused = trimmer.shared().log_in_use.try_write();
            is_trimming.send(()).unwrap();
            if unused.is_some() {
                for number in 1..3 {
                    submit(&trimmer, Batch::new(messages(number * 100, 50)));
                    trimmer.checkpoint().unwrap();
                }
                trimmer.trim_unused_log(convofold_engine::Time::MAX).unwrap();
            }
        });
        begin.recv().unwrap();
    });
    assert_eq!(verify(&db).problems, []);
}
