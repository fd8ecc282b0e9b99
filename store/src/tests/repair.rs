//! Repair saves what can be read and lists what is lost; the damaged database stays unchanged.

use std::fs;

use convofold_engine::{Subject, Time};

use super::sled_files::{damage_block, damage_record, files};
use super::{Home, export, messages, submit};
use crate::care::repair::{Repair, RepairError, RepairReport};
use crate::format::holds::StoredHold;
use crate::format::numbered;
use crate::open::error::OpenError;
use crate::retention::Retention;
use crate::{Batch, Change, Convofold};

fn changes(db: &Convofold) -> Vec<Change> {
    let mut changes = db.changes(0);
    std::iter::from_fn(|| changes.try_next().unwrap()).collect()
}

/// Ten blocks of five messages, a second apart, each with a bookmark.
fn ten_blocks() -> (Home, Convofold) {
    let home = Home::new();
    let db = home.open();
    for number in 0..10 {
        submit(&db, Batch::new(messages(number * 5, 5)).bookmark("offset", number.to_string()));
    }
    (home, db)
}

fn repair(home: &Home) -> (RepairReport, Convofold) {
    let into = home.dir.path().join("repaired");
    let before = files(home);
    let report = Repair::new(home.path(), &into).run().unwrap();
    assert!(files(home) == before);
    let db = Convofold::open(into).unwrap();
    assert_eq!((db.stats().last_seq, db.state_hash()), (report.events, report.state_hash));
    (report, db)
}

#[test]
fn nothing_is_lost_of_a_store_that_is_whole() {
    let (home, db) = ten_blocks();
    let survivor = home.killed();
    db.close().unwrap();
    for home in [&home, &survivor] {
        let (report, repaired) = repair(home);
        assert_eq!((report.blocks, report.events, report.from_checkpoints), (10, 50, 0));
        assert_eq!((report.lost.len(), report.bookmarks_dropped.len()), (0, 0));
        assert_eq!(export(&repaired), export(&db));
        assert_eq!(repaired.bookmarks(), db.bookmarks());
        assert!(changes(&repaired) == changes(&home.open()));
    }
}

#[test]
fn what_is_lost_is_listed_with_its_seqs_and_times() {
    let (home, db) = ten_blocks();
    let survivor = home.killed();
    damage_block(&survivor, 4);
    assert!(Convofold::open(survivor.path()).is_err());
    let (report, repaired) = repair(&survivor);
    assert_eq!((report.blocks, report.events, report.lost_total()), (9, 45, 5));
    let [lost] = report.lost.as_slice() else { panic!("{:?}", report.lost) };
    assert_eq!((lost.first_seq, lost.last_seq), (16, 20));
    assert_eq!((lost.after_ms, lost.before_ms), (Some(1_700_000_014_000), Some(1_700_000_020_000)));
    // Bookmarks set after the loss acknowledge events that are lost.
    assert_eq!(repaired.bookmark("offset"), Some(b"2".to_vec()));
    assert_eq!(report.bookmarks_dropped, ["offset"]);
    let kept: Vec<_> = changes(&db).into_iter().map(|change| change.event).collect();
    let kept = [&kept[..15], &kept[20..]].concat();
    let found: Vec<_> = changes(&repaired).into_iter().map(|change| change.event).collect();
    assert!(found == kept);
}

#[test]
fn a_checkpoint_remembers_what_the_log_has_lost() {
    let (home, db) = ten_blocks();
    db.close().unwrap();
    damage_block(&home, 4);
    damage_block(&home, 5);
    damage_block(&home, 10);
    let (report, repaired) = repair(&home);
    assert_eq!((report.blocks, report.events, report.from_checkpoints), (7, 50, 15));
    assert_eq!((report.lost.len(), report.bookmarks_dropped.len()), (0, 0));
    assert_eq!(export(&repaired), export(&db));
    assert_eq!(repaired.bookmark("offset"), Some(b"9".to_vec()));
    assert!(changes(&repaired).into_iter().map(|change| change.seq).eq(1..=50));
}

#[test]
fn a_log_that_lost_its_end_lacks_what_the_head_mark_knows_of() {
    let (home, _db) = ten_blocks();
    let survivor = home.killed();
    damage_block(&survivor, 10);
    damage_block(&survivor, 9);
    let (report, _) = repair(&survivor);
    let [lost] = report.lost.as_slice() else { panic!("{:?}", report.lost) };
    assert_eq!((lost.first_seq, lost.last_seq, lost.before_ms), (41, 50, None));
    assert_eq!(report.bookmarks_dropped, Vec::<String>::new());
}

#[test]
fn sleds_own_files_are_not_needed() {
    let (home, db) = ten_blocks();
    db.close().unwrap();
    home.open().close().unwrap();
    for entry in fs::read_dir(home.path().join("sled")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("db") {
            fs::write(path, b"nonsense").unwrap();
        }
    }
    fs::remove_file(home.path().join("FORMAT")).unwrap();
    fs::write(home.path().join("HEAD"), b"nonsense").unwrap();
    assert!(Convofold::open(home.path()).is_err());
    let (report, repaired) = repair(&home);
    assert_eq!((report.events, report.lost.len()), (50, 0));
    assert_eq!(export(&repaired), export(&db));
}

#[test]
fn a_store_in_use_and_a_folder_with_something_in_it_are_left_alone() {
    let (home, db) = ten_blocks();
    let into = home.dir.path().join("repaired");
    let error = Repair::new(home.path(), &into).run().unwrap_err();
    assert!(matches!(error, RepairError::Open(OpenError::AlreadyOpen { .. })), "{error:?}");
    db.close().unwrap();
    fs::create_dir(&into).unwrap();
    fs::write(into.join("letter.txt"), b"Dear Ida").unwrap();
    let error = Repair::new(home.path(), &into).run().unwrap_err();
    assert!(matches!(error, RepairError::Open(OpenError::NotEmpty { .. })), "{error:?}");
    fs::remove_file(home.path().join("sled/db")).unwrap();
    let error = Repair::new(home.path(), home.dir.path().join("other")).run().unwrap_err();
    assert!(matches!(error, RepairError::Nothing { .. }), "{error:?}");
    assert!(!home.dir.path().join("other").exists());
    let error = Repair::new(home.dir.path().join("nowhere"), home.dir.path().join("other")).run().unwrap_err();
    assert!(matches!(error, RepairError::Open(OpenError::NotFound { .. })), "{error:?}");
}

/// What only HEAD knows of.
#[test]
fn legal_holds_and_runs_of_retention_that_are_lost_are_listed() {
    let (home, db) = ten_blocks();
    for case in ["case-1", "case-2", "case-3"] {
        db.hold(Subject::Conversation(case.to_owned()), "case 17").unwrap();
    }
    db.lift_hold(2).unwrap();
    let rules = Retention::new().texts_older_than(std::time::Duration::from_secs(1));
    for run in 0..2 {
        db.retain(&rules, Time::from_ms(1_600_000_000_000 + run).unwrap(), false).unwrap();
    }
    let (holds, runs) = (db.holds(), db.retention_runs());
    db.close().unwrap();
    let (report, repaired) = repair(&home);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((repaired.holds(), repaired.retention_runs()), (holds.clone(), runs.clone()));
    repaired.close().unwrap();
    for (name, lost_holds, lost_runs) in [
        ("holds/0000000003", vec![3], vec![]),
        ("holds/0000000001", vec![1], vec![]),
        ("retention/0000000002", vec![], vec![2]),
        ("retention/0000000001", vec![], vec![1]),
    ] {
        let copy = home.killed();
        damage_record(&copy, name, |_| true);
        let (report, repaired) = repair(&copy);
        assert_eq!((&report.lost_holds, &report.lost_retention_runs), (&lost_holds, &lost_runs), "{name}");
        assert!(!report.is_whole() && report.lost.is_empty() && report.lost_erasures.is_empty());
        let mut kept = (holds.clone(), runs.clone());
        kept.0.retain(|hold| !lost_holds.contains(&hold.number));
        kept.1.retain(|run| !lost_runs.contains(&run.number));
        assert_eq!((repaired.holds(), repaired.retention_runs()), kept);
    }
}

#[test]
fn a_hold_whose_lifting_is_lost_is_there_again() {
    let (home, db) = ten_blocks();
    db.hold(Subject::Conversation("case-1".to_owned()), "case 17").unwrap();
    let holds = db.holds();
    db.lift_hold(1).unwrap();
    db.close().unwrap();
    let is_lifted = |value: &[u8]| numbered::open(1, value) == Ok(StoredHold(None));
    damage_record(&home, "holds/0000000001", is_lifted);
    let (report, repaired) = repair(&home);
    assert_eq!((report.lost_holds.len(), repaired.holds()), (0, holds));
}
