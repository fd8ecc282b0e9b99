//! A backup is complete or does not exist; a change of any byte is detected.

use std::fs;
use std::path::{Path, PathBuf};

use convofold_engine::Time;

use super::{Home, export, lived_in, message, messages, submit};
use crate::care::backup::{BackupError, BackupFile, BackupFileError, BackupOptions, RestoreError, Step, restore};
use crate::care::trim::TrimError;
use crate::open::error::OpenError;
use crate::{Batch, Convofold, Damage, Options};

/// A folder for backups.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Writes a backup of this database under this name, complete or since another one.
    fn back_up(&self, db: &Convofold, name: &str, since: Option<&str>) -> PathBuf {
        let path = self.path(name);
        let options = since.map_or_else(BackupOptions::new, |since| BackupOptions::new().since(self.path(since)));
        let report = db.backup(&path, &options, |_| {}).unwrap();
        assert_eq!(report.contents.state_hash, db.state_hash());
        assert_eq!(report.contents.bytes, fs::metadata(&path).unwrap().len());
        path
    }
}

#[track_caller]
fn expect_the_same(db: &Convofold, restored: &Path) {
    let again = Options::new().create(false).open(restored).unwrap();
    assert!(again.recovery().skipped.is_empty() && !again.recovery().unreadable_end_mark, "{:?}", again.recovery());
    assert_eq!(export(&again), export(db));
    assert_eq!(again.bookmarks(), db.bookmarks());
    assert_eq!(again.stats().last_seq, db.stats().last_seq);
    let all = convofold_engine::Query::new().status(convofold_engine::StatusFilter::Any);
    assert_eq!(again.query(&all).unwrap().rows, db.query(&all).unwrap().rows);
    assert!(again.shared().search.is_usable());
    assert!(again.verify(|_| {}).unwrap().is_clean());
    // The restored database is used like any other.
    submit(&again, Batch::new(vec![message("new", 1)]));
    again.close().unwrap();
}

#[test]
fn what_is_restored_is_the_store_that_was_backed_up() {
    let (_home, _storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    let mut steps = Vec::new();
    let report = db.backup(shelf.path("full"), &BackupOptions::new(), |progress| steps.push(progress)).unwrap();
    let stats = db.stats();
    let contents = report.contents;
    assert_eq!((contents.incremental, contents.first_seq, contents.last_seq), (false, 1, stats.last_seq));
    assert_eq!((contents.blocks, contents.conversations, contents.bookmarks), (stats.blocks, 38, 5));
    assert_eq!(BackupFile::open(shelf.path("full")).unwrap().check(|_| {}).unwrap(), contents);
    for step in [Step::Write, Step::Check] {
        let of_step: Vec<_> =
            steps.iter().filter(|progress| progress.step == step).map(|progress| progress.seq).collect();
        assert!(of_step.is_sorted() && of_step.last() == Some(&stats.last_seq), "{step:?}");
    }
    let restored = shelf.path("restored");
    let report = restore(&[shelf.path("full")], &restored, &Options::new(), |_| {}).unwrap();
    assert_eq!((report.last_seq, report.blocks, report.conversations), (stats.last_seq, stats.blocks, 38));
    assert_eq!(report.state_hash, db.state_hash());
    expect_the_same(&db, &restored);
    assert_eq!(shelf.names(), ["full", "restored"]);
}

#[test]
fn an_empty_store_is_backed_up_and_gone_on_from() {
    let home = Home::new();
    let db = home.open();
    let shelf = Shelf::new();
    let full = shelf.back_up(&db, "full", None);
    submit(&db, Batch::new(messages(0, 100)));
    let more = shelf.back_up(&db, "more", Some("full"));
    restore(&[&full], shelf.path("empty"), &Options::new(), |_| {}).unwrap();
    restore(&[full, more], shelf.path("restored"), &Options::new(), |_| {}).unwrap();
    expect_the_same(&db, &shelf.path("restored"));
}

#[test]
fn incremental_backups_are_restored_in_their_order_only() {
    let (_home, _storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    let full = shelf.back_up(&db, "full", None);
    submit(&db, Batch::new(messages(1_000, 100)).bookmark("upstream", "new"));
    let first = shelf.back_up(&db, "first", Some("full"));
    // No event was committed since.
    let second = shelf.back_up(&db, "second", Some("first"));
    submit(&db, Batch::default().delete_bookmark("upstream"));
    let third = shelf.back_up(&db, "third", Some("second"));
    let contents = BackupFile::open(&first).unwrap().contents();
    assert_eq!((contents.incremental, contents.last_seq - contents.first_seq), (true, 99));
    restore(&[&full, &first, &second, &third], shelf.path("restored"), &Options::new(), |_| {}).unwrap();
    expect_the_same(&db, &shelf.path("restored"));

    let refused = |files: &[&PathBuf]| restore(files, shelf.path("no"), &Options::new(), |_| {}).unwrap_err();
    assert!(matches!(refused(&[]), RestoreError::NoFile));
    assert!(matches!(refused(&[&first]), RestoreError::NotComplete { path } if path == first));
    assert!(matches!(refused(&[&full, &third]), RestoreError::NotNext { path, .. } if path == third));
    assert!(matches!(refused(&[&full, &full]), RestoreError::NotNext { .. }));
    assert!(matches!(refused(&[&full, &first, &first]), RestoreError::NotNext { .. }));
    assert!(!shelf.path("no").exists());
}

#[test]
fn a_backup_goes_on_only_from_one_of_its_own_log() {
    let (_home, _storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    shelf.back_up(&db, "full", None);
    let refused = |db: &Convofold, since: &str| {
        let outcome = db.backup(shelf.path("no"), &BackupOptions::new().since(shelf.path(since)), |_| {});
        assert!(!shelf.path("no").exists());
        outcome.unwrap_err()
    };
    // Another database, a shorter one, and one that diverged after the same position.
    let home = Home::new();
    let other = home.open();
    assert!(matches!(refused(&other, "full"), BackupError::Diverged { .. }));
    submit(&other, Batch::new(messages(0, 3_000)));
    assert!(matches!(refused(&other, "full"), BackupError::Diverged { .. }));
    restore(&[shelf.path("full")], shelf.path("twin"), &Options::new(), |_| {}).unwrap();
    let twin = Convofold::open(shelf.path("twin")).unwrap();
    for (db, number) in [(&db, 7_000), (&twin, 8_000)] {
        submit(db, Batch::new(messages(number, 10)));
    }
    shelf.back_up(&db, "more", Some("full"));
    assert!(matches!(refused(&twin, "more"), BackupError::Diverged { seq, .. } if seq == db.stats().last_seq));
    // Both can continue from the position at which they diverged.
    shelf.back_up(&twin, "of twin", Some("full"));
    assert!(matches!(refused(&db, "missing"), BackupError::Since(BackupFileError::Io { .. })));
    fs::write(shelf.path("letter"), "Dear Ida").unwrap();
    assert!(matches!(refused(&db, "letter"), BackupError::Since(BackupFileError::Damaged { at_byte: 0, .. })));
}

#[test]
fn a_file_that_is_there_is_not_touched() {
    let (_home, _storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    fs::write(shelf.path("letter"), "Dear Ida").unwrap();
    let outcome = db.backup(shelf.path("letter"), &BackupOptions::new(), |_| {});
    assert!(matches!(outcome, Err(BackupError::Exists { .. })), "{outcome:?}");
    // The same if the file appeared while the backup was written.
    let outcome =
        db.backup(shelf.path("new"), &BackupOptions::new(), |_| fs::write(shelf.path("new"), "Dear Jo").unwrap());
    assert!(matches!(outcome, Err(BackupError::Exists { .. })), "{outcome:?}");
    assert_eq!(shelf.names(), ["letter", "new"]);
    let texts = ["letter", "new"].map(|name| fs::read_to_string(shelf.path(name)).unwrap());
    assert_eq!(texts, ["Dear Ida", "Dear Jo"]);
    let nowhere = db.backup(shelf.path("no/such/folder/file"), &BackupOptions::new(), |_| {});
    assert!(matches!(nowhere, Err(BackupError::Io { .. })), "{nowhere:?}");
}

#[test]
fn a_backup_of_a_store_that_goes_on_is_the_store_at_one_moment() {
    let (_home, _storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    let mut number = 5_000;
    let report = db.backup(shelf.path("full"), &BackupOptions::new(), |_| {
        number += 100;
        submit(&db, Batch::new(messages(number, 100)).bookmark("upstream", number.to_string()));
    });
    let contents = report.unwrap().contents;
    assert!(contents.last_seq < db.stats().last_seq);
    shelf.back_up(&db, "more", Some("full"));
    restore(&[shelf.path("full"), shelf.path("more")], shelf.path("restored"), &Options::new(), |_| {}).unwrap();
    expect_the_same(&db, &shelf.path("restored"));
}

#[test]
fn a_damaged_log_is_not_backed_up() {
    let (_home, storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    for block_no in [1, 4, 10] {
        let key = *storage.contents().log.keys().find(|key| key.block_no == block_no).unwrap();
        let value = storage.contents().log[&key].clone();
        storage.damage(|contents| contents.log.get_mut(&key).unwrap()[80] ^= 1);
        match db.backup(shelf.path("full"), &BackupOptions::new(), |_| {}) {
            Err(BackupError::Damaged { block_no: found, why: Damage::Checksum { .. }, .. }) => {
                assert_eq!(found, block_no);
            }
            other => panic!("expected damage at block {block_no}, found {other:?}"),
        }
        storage.damage(|contents| drop(contents.log.insert(key, value)));
    }
    storage.damage(|contents| drop(contents.log.pop_last()));
    let outcome = db.backup(shelf.path("full"), &BackupOptions::new(), |_| {});
    assert!(matches!(outcome, Err(BackupError::Damaged { block_no: 10, why: Damage::Missing, .. })), "{outcome:?}");
    assert!(shelf.names().is_empty());
}

#[test]
fn the_nth_failure_of_the_storage_leaves_no_file() {
    let (_home, storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    shelf.back_up(&db, "before", None);
    submit(&db, Batch::new(messages(9_000, 10)));
    for since in [None, Some(shelf.path("before"))] {
        let mut failures = 0;
        for failing in 1.. {
            storage.fail_reads.set(failing);
            let options = BackupOptions { since: since.clone() };
            let outcome = db.backup(shelf.path("file"), &options, |_| {});
            storage.fail_reads.set(0);
            match outcome {
                Err(BackupError::Storage(_)) => assert_eq!(shelf.names(), ["before"]),
                Ok(_) => break,
                Err(error) => panic!("{error}"),
            }
            failures += 1;
        }
        assert!(failures > 1, "{failures}");
        fs::remove_file(shelf.path("file")).unwrap();
    }
}

#[test]
fn a_store_that_is_closed_meanwhile_leaves_no_file() {
    let home = Home::new();
    let db = home.open_with(Options::new().block_bytes(100));
    submit(&db, Batch::new(messages(0, 500)));
    let shelf = Shelf::new();
    let outcome = db.backup(shelf.path("full"), &BackupOptions::new(), |_| db.close().unwrap());
    assert!(matches!(outcome, Err(BackupError::Closed)), "{outcome:?}");
    assert!(shelf.names().is_empty());
}

#[test]
fn nothing_is_restored_where_something_is() {
    let (_home, _storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    let full = shelf.back_up(&db, "full", None);
    fs::create_dir(shelf.path("empty")).unwrap();
    restore(&[&full], shelf.path("empty"), &Options::new(), |_| {}).unwrap();
    expect_the_same(&db, &shelf.path("empty"));
    let outcome = restore(&[&full], shelf.path("empty"), &Options::new(), |_| {});
    assert!(matches!(outcome, Err(RestoreError::Open(OpenError::NotEmpty { .. }))), "{outcome:?}");
    let outcome = restore(&[&full], &full, &Options::new(), |_| {});
    assert!(matches!(outcome, Err(RestoreError::Open(OpenError::Io { .. }))), "{outcome:?}");
    // Another process creates a file there at the last moment.
    let late = shelf.path("late");
    let outcome = restore(&[&full], &late, &Options::new(), |_| {
        fs::create_dir_all(&late).unwrap();
        fs::write(late.join("letter"), "Dear Ida").unwrap();
    });
    assert!(matches!(outcome, Err(RestoreError::Open(OpenError::Io { .. }))), "{outcome:?}");
    assert_eq!(fs::read_to_string(late.join("letter")).unwrap(), "Dear Ida");
    assert_eq!(shelf.names(), ["empty", "full", "late"]);
}

#[test]
fn a_file_that_changes_between_check_and_copy_leaves_nothing() {
    let (_home, _storage, db) = lived_in(Options::new());
    let shelf = Shelf::new();
    let full = shelf.back_up(&db, "full", None);
    let bytes = fs::read(&full).unwrap();
    let outcome = restore(&[&full], shelf.path("restored"), &Options::new(), |progress| {
        if progress.step == Step::Check && progress.seq == progress.last_seq {
            let mut damaged = bytes.clone();
            damaged[bytes.len() / 2] ^= 1;
            fs::write(&full, damaged).unwrap();
        }
    });
    assert!(matches!(outcome, Err(RestoreError::File(BackupFileError::Damaged { .. }))), "{outcome:?}");
    assert_eq!(shelf.names(), ["full"]);
}

/// A database whose log begins with its 6th block, and the time before which everything was dropped.
fn trimmed() -> (Home, Convofold) {
    let home = Home::new();
    let db = home.open();
    for number in 0..10 {
        submit(&db, Batch::new(messages(number * 30, 30)).bookmark("upstream", number.to_string()));
        submit(&db, Batch::new(messages(number * 30 + 500, 3)).bookmark(number.to_string(), "x"));
    }
    submit(&db, Batch::default().delete_bookmark("0").bookmark("9", "y"));
    db.checkpoint().unwrap();
    submit(&db, Batch::new(vec![message("case-1", 2_000), message("late", 1)]));
    db.trim_log(Time::from_ms(1_700_000_560_000).unwrap()).unwrap();
    assert!((50..300).contains(&db.stats().first_seq), "{:?}", db.stats());
    (home, db)
}

#[test]
fn a_log_without_its_beginning_is_backed_up_with_the_memory_of_it() {
    let (_home, db) = trimmed();
    let shelf = Shelf::new();
    let first_seq = db.stats().first_seq;
    let full = shelf.back_up(&db, "full", None);
    assert_eq!(BackupFile::open(&full).unwrap().check(|_| {}).unwrap().first_seq, first_seq);
    submit(&db, Batch::new(messages(3_000, 100)).bookmark("upstream", "new"));
    let more = shelf.back_up(&db, "more", Some("full"));
    let report = restore(&[full, more], shelf.path("restored"), &Options::new(), |_| {}).unwrap();
    assert_eq!(report.blocks, db.stats().blocks);
    let again = Convofold::open(shelf.path("restored")).unwrap();
    assert_eq!(again.stats().first_seq, first_seq);
    for id in ["case-1", "case-36", "late"] {
        assert!(again.history(id).unwrap() == db.history(id).unwrap(), "{id}");
    }
    again.close().unwrap();
    expect_the_same(&db, &shelf.path("restored"));
}

#[test]
fn a_backup_from_before_the_log_begins_is_not_gone_on_from() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 100)));
    let shelf = Shelf::new();
    shelf.back_up(&db, "old", None);
    for number in 1..4 {
        submit(&db, Batch::new(messages(number * 100, 100)));
        db.checkpoint().unwrap();
    }
    db.trim_log(Time::from_ms(1_700_000_250_000).unwrap()).unwrap();
    assert_eq!(db.stats().first_seq, 201);
    let outcome = db.backup(shelf.path("new"), &BackupOptions::new().since(shelf.path("old")), |_| {});
    assert!(matches!(outcome, Err(BackupError::Dropped { seq: 100, first_seq: 201, .. })), "{outcome:?}");
}

#[test]
fn a_log_that_is_being_read_is_not_trimmed() {
    let (_home, db) = trimmed();
    let all = Time::from_ms(1_800_000_000_000).unwrap();
    let shelf = Shelf::new();
    let mut refused = 0;
    let report = db.verify(|_| refused += u32::from(matches!(db.trim_log(all), Err(TrimError::InUse)))).unwrap();
    assert!(report.is_clean() && refused > 0, "{report:?}");
    let mut refused = 0;
    db.backup(shelf.path("full"), &BackupOptions::new(), |progress| {
        if progress.step == Step::Write {
            assert!(matches!(db.trim_log(all), Err(TrimError::InUse)));
            refused += 1;
        }
    })
    .unwrap();
    assert!(refused > 0);
    let before = db.stats().first_seq;
    assert!(db.trim_log(all).unwrap().first_seq > before);
}

/// Regression: a mount point and the working directory cannot be renamed, so they could not be restored to.
#[test]
fn an_existing_empty_directory_is_restored_and_repaired_into() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(messages(0, 30)));
    let file = home.dir.path().join("backup");
    db.backup(&file, &BackupOptions::new(), |_| {}).unwrap();
    let hash = db.state_hash();
    db.close().unwrap();
    let targets = tempfile::tempdir().unwrap();
    let [restored, repaired] = ["restored", "repaired"].map(|name| targets.path().join(name));
    for target in [&restored, &repaired] {
        fs::create_dir(target).unwrap();
    }
    let before = [&restored, &repaired].map(|target| inode(target));
    restore(&[&file], &restored, &Options::new(), |_| {}).unwrap();
    crate::care::repair::Repair::new(home.path(), &repaired).run().unwrap();
    assert_eq!([&restored, &repaired].map(|target| inode(target)), before);
    for target in [&restored, &repaired] {
        let mut names: Vec<_> = fs::read_dir(target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["FORMAT", "HEAD", "LOCK", "sled"]);
        assert_eq!(Convofold::open(target).unwrap().state_hash(), hash);
    }
    // A refused restore leaves it empty.
    let empty = targets.path().join("empty");
    fs::create_dir(&empty).unwrap();
    restore(&[home.path().join("HEAD")], &empty, &Options::new(), |_| {}).unwrap_err();
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

/// The number of the file; another directory has another one.
fn inode(path: &std::path::Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap())
}
