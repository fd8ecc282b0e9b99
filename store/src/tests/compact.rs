//! Compaction: what it gives back, what stays, and what a kill or a failure leaves.

use std::fs;
use std::sync::Arc;

use super::{Home, lived_in, message_with, messages, submit};
use crate::storage::end_mark::tests::FAILING_MOVES;
use crate::storage::end_mark::{incomplete_mark, next_folder, storage_folder, storage_folders};
use crate::storage::memory::{Fault, MemoryStorage};
use crate::verify::VerifyReport;
use crate::{Batch, Convofold, Options, RewriteError};

/// A database that contains much text, in a folder.
fn full(home: &Home) -> Convofold {
    let db = Convofold::open(home.path()).unwrap();
    for round in 0..8 {
        let text = |number: u64| blake_like(round * 4_000 + number);
        let events = (0..400).map(|number| message_with(&format!("case-{number}"), round, &text(number)));
        submit(&db, Batch::new(events.collect()));
        db.checkpoint().unwrap();
    }
    db
}

/// Text that does not compress.
fn blake_like(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    (0..60).map(|_| next()).collect()
}

fn export(db: &Convofold) -> Vec<u8> {
    let mut bytes = Vec::new();
    db.export(&mut bytes).unwrap();
    bytes
}

fn is_clean(db: &Convofold) -> bool {
    db.verify(|_| {}).is_ok_and(|report: VerifyReport| report.is_clean())
}

#[test]
fn a_compacted_database_is_smaller_and_says_the_same() {
    let home = Home::new();
    let db = full(&home);
    let (hash, before) = (db.state_hash(), export(&db));
    let compacted = db.compact().unwrap();
    assert!(compacted.after_bytes * 3 < compacted.before_bytes * 2, "{compacted:?}");
    assert_eq!(storage_folders(&home.path()).unwrap(), ["sled-2"]);
    assert_eq!((db.state_hash(), export(&db)), (hash, before.clone()));
    submit(&db, Batch::new(messages(100, 5)));
    assert!(is_clean(&db));
    let after = export(&db);
    db.close().unwrap();
    let db = Convofold::open(home.path()).unwrap();
    assert_eq!(export(&db), after);
    db.compact().unwrap();
    db.close().unwrap();
    let names: std::collections::BTreeSet<_> =
        fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["FORMAT", "HEAD", "LOCK", "sled-3"].map(str::to_owned).into());
    assert!(is_clean(&Options::new().read_only(true).open(home.path()).unwrap()));
}

#[test]
fn events_that_arrive_meanwhile_are_in_both() {
    let (home, storage, db) = lived_in(Options::new());
    let late = db.clone();
    storage.before_block.set(move || drop(submit(&late, Batch::new(messages(900, 20)).bookmark("upstream", "late"))));
    db.compact().unwrap();
    let created = storage.created().unwrap();
    let (hash, bookmark) = (db.state_hash(), db.bookmark("upstream"));
    db.close().unwrap();
    let db = home.open_on(&MemoryStorage::with(created.contents()), Options::new());
    assert_eq!((db.state_hash(), db.bookmark("upstream")), (hash, bookmark));
    assert!(is_clean(&db));
}

#[test]
fn a_checkpoint_that_is_requested_meanwhile_begins_the_copy_again() {
    let (_home, storage, db) = lived_in(Options::new());
    let other = db.clone();
    storage.before_block.set(move || {
        submit(&other, Batch::new(messages(900, 20)));
        other.checkpoint().unwrap();
    });
    db.compact().unwrap();
    let created = storage.created().unwrap().contents();
    assert_eq!(created.records, storage.contents().records);
    assert!(created.pages == storage.contents().pages && created.log == storage.contents().log);
}

#[test]
fn a_second_compaction_and_a_trim_are_refused_meanwhile() {
    let (_home, storage, db) = lived_in(Options::new());
    let other = db.clone();
    storage.before_block.set(move || {
        assert!(matches!(other.compact(), Err(RewriteError::InUse)));
        assert!(other.trim_log(convofold_engine::Time::MAX).is_err());
    });
    db.compact().unwrap();
}

#[test]
fn no_operation_of_a_compaction_can_fail_badly() {
    for (fault, repeats) in
        [(Fault::Undone, false), (Fault::Undone, true), (Fault::Done, false), (Fault::NoSpace, false)]
    {
        for at in 1.. {
            let (home, storage, db) = lived_in(Options::new());
            let before = export(&db);
            storage.fail_any.arm(at, fault, repeats);
            let outcome = db.compact();
            storage.fail_any.set(0);
            let created = storage.created();
            let failed =
                [Some(storage.clone()), created.clone()].into_iter().flatten().any(|one| !one.failed().is_empty());
            assert_eq!(outcome.is_err(), failed, "operation {at}: {outcome:?}");
            let named = storage_folder(&home.path()).unwrap();
            let is_moved = named.file_name().unwrap() != "sled";
            let left = if is_moved { created.unwrap() } else { storage };
            assert_eq!(export(&db), before);
            for left in [MemoryStorage::with(left.contents()), left.after_power_cut()] {
                let home = home.copied_to(Home::new());
                let survivor = home.open_on(&left, Options::new());
                assert_eq!(export(&survivor), before, "operation {at} ({fault:?})");
                assert!(is_clean(&survivor));
            }
            // A failure of the copy alone leaves the database in use.
            let is_poisoned = matches!(outcome, Err(RewriteError::Commit(_)));
            assert_eq!(db.submit(Batch::new(messages(900, 3))).is_err(), is_poisoned, "operation {at}: {outcome:?}");
            if !failed {
                assert!(at > 10, "{at} operations");
                break;
            }
        }
    }
}

#[test]
fn what_a_killed_compaction_left_is_removed() {
    let home = Home::new();
    let db = full(&home);
    let before = export(&db);
    db.close().unwrap();
    let [old, new] = ["sled", "sled-2"].map(|name| home.path().join(name));
    // Killed while it copied.
    fs::create_dir(&new).unwrap();
    fs::write(new.join("db"), "half").unwrap();
    fs::write(incomplete_mark(&new), "").unwrap();
    let db = Convofold::open(home.path()).unwrap();
    assert_eq!(export(&db), before);
    assert!(!new.exists() && !incomplete_mark(&new).exists());
    // Killed after it moved.
    let shelf = Home::new();
    let kept = home.copied_to(shelf);
    db.compact().unwrap();
    db.close().unwrap();
    fs::rename(kept.path().join("sled"), &old).unwrap();
    for marked in [&old, &new] {
        fs::write(incomplete_mark(marked), "").unwrap();
    }
    let db = Convofold::open(home.path()).unwrap();
    assert_eq!(export(&db), before);
    assert!(!old.exists() && !incomplete_mark(&old).exists() && !incomplete_mark(&new).exists());
    assert_eq!(db.recovery().removed_files, [old]);
}

#[test]
fn without_a_readable_head_the_newest_complete_storage_is_opened() {
    let home = Home::new();
    let db = full(&home);
    let before = export(&db);
    db.compact().unwrap();
    db.close().unwrap();
    fs::write(home.path().join("HEAD"), "nonsense").unwrap();
    let incomplete = home.path().join("sled-3");
    fs::create_dir(&incomplete).unwrap();
    fs::write(incomplete_mark(&incomplete), "").unwrap();
    let db = Convofold::open(home.path()).unwrap();
    assert_eq!(export(&db), before);
    // Nothing is removed when HEAD cannot say what is needed.
    assert!(incomplete.exists());
    db.close().unwrap();
    drop(Arc::new(Convofold::open(home.path()).unwrap()));
    assert!(!incomplete.exists());
}

#[test]
fn a_folder_of_somebody_else_stays() {
    let home = Home::new();
    let db = full(&home);
    let own = home.path().join("sled-7");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("db"), "a copy of mine").unwrap();
    db.compact().unwrap();
    assert_eq!(storage_folders(&home.path()).unwrap(), ["sled-7", "sled-8"]);
    db.close().unwrap();
    let db = Convofold::open(home.path()).unwrap();
    assert_eq!(fs::read(own.join("db")).unwrap(), b"a copy of mine");
    assert!(is_clean(&db));
}

/// HEAD may name either storage then, so both must stay.
#[test]
fn a_move_that_fails_leaves_both_storages() {
    for (slot, own) in [(0, "sled-9871"), (1, "sled-9881")] {
        let home = Home::new();
        let db = full(&home);
        let before = export(&db);
        // The next number is that of no other test.
        fs::create_dir(home.path().join(own)).unwrap();
        let target = next_folder(&home.path()).unwrap();
        FAILING_MOVES.lock().push((target.clone(), slot));
        let error = db.compact().unwrap_err();
        assert!(matches!(error, RewriteError::Commit(_)), "{error:?}");
        assert!(db.submit(Batch::new(messages(900, 3))).is_err());
        assert!(home.path().join("sled").exists() && home.path().join(&target).exists());
        let killed = home.killed();
        db.close().unwrap_err();
        for home in [killed, home] {
            let db = Convofold::open(home.path()).unwrap();
            assert_eq!(export(&db), before, "slot {slot}");
            assert!(is_clean(&db));
            // The folder that HEAD does not name, and the one of somebody else.
            assert_eq!(storage_folders(&home.path()).unwrap().len(), 2);
        }
    }
}

#[test]
fn without_a_readable_head_a_database_that_was_about_to_move_opens() {
    let home = Home::new();
    let db = full(&home);
    let before = export(&db);
    db.compact().unwrap();
    db.close().unwrap();
    fs::write(incomplete_mark(&home.path().join("sled-2")), "").unwrap();
    fs::write(home.path().join("HEAD"), "nonsense").unwrap();
    assert_eq!(export(&Convofold::open(home.path()).unwrap()), before);
}

#[test]
fn the_room_is_given_back_at_once_and_modes_stay() {
    let home = Home::new();
    let db = full(&home);
    #[cfg(unix)]
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(home.path().join(name)).unwrap().permissions().mode() & 0o777
    };
    #[cfg(unix)]
    for (name, mode) in [("sled", 0o750), ("sled/db", 0o640)] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(home.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    db.compact().unwrap();
    #[cfg(unix)]
    assert_eq!([mode("sled-2"), mode("sled-2/db"), mode("sled-2/conf")], [0o750, 0o640, 0o640]);
    // Nobody has the removed file open.
    #[cfg(target_os = "linux")]
    {
        let removed = home.path().join("sled/db");
        let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        let left: Vec<_> = open.filter(|path| path.starts_with(&removed)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    db.close().unwrap();
}

#[test]
fn a_directory_that_was_moved_is_not_compacted() {
    let home = Home::new();
    let db = full(&home);
    let moved = home.dir.path().join("moved");
    fs::rename(home.path(), &moved).unwrap();
    assert!(matches!(db.compact(), Err(RewriteError::Displaced { .. })));
    drop(Convofold::open(home.path()).unwrap());
    assert!(matches!(db.compact(), Err(RewriteError::Displaced { .. })));
    assert_eq!(storage_folders(&moved).unwrap(), ["sled"]);
    assert_eq!(storage_folders(&home.path()).unwrap(), ["sled"]);
}

#[test]
fn closing_waits_for_a_compaction_to_end() {
    let (home, storage, db) = lived_in(Options::new());
    let (begun, is_begun) = crossbeam_channel::bounded(1);
    let compacting = db.clone();
    storage.before_block.set(move || begun.send(()).unwrap());
    let compaction = std::thread::spawn(move || compacting.compact());
    is_begun.recv().unwrap();
    db.close().unwrap();
    let outcome = compaction.join().unwrap();
    // It may have been complete before the database was closed.
    let left = if outcome.is_ok() { storage.created().unwrap() } else { storage };
    let db = home.open_on(&MemoryStorage::with(left.contents()), Options::new());
    assert!(is_clean(&db));
    // A move that was not answered leaves its copy to this opening.
    let names = || fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names().any(|name| name.ends_with(".incomplete")), "{:?}", names().collect::<Vec<_>>());
}

#[test]
fn damaged_recorded_hashes_are_left_out_and_counted_and_other_damage_ends_a_compaction() {
    let damage = |storage: &MemoryStorage, prefix: &str| {
        let name = storage.contents().records.keys().find(|name| name.starts_with(prefix)).unwrap().clone();
        storage.damaged_records.lock().insert(name.clone());
        name
    };
    let (home, storage, db) = lived_in(Options::new());
    let (hash, before) = (db.state_hash(), db.recorded_hashes().unwrap().hashes.len());
    let name = damage(&storage, "recorded-hashes/");
    assert_eq!(db.compact().unwrap().damaged_values, 1);
    let after = db.recorded_hashes().unwrap();
    assert!(after.damages.is_empty() && after.hashes.len() < before);
    let created = storage.created().unwrap().contents();
    let mut expected = storage.contents().records;
    expected.remove(&name);
    assert_eq!(created.records, expected);
    assert!(is_clean(&db));
    db.close().unwrap();
    assert_eq!(home.open_on(&MemoryStorage::with(created), Options::new()).state_hash(), hash);

    let (_home, storage, db) = lived_in(Options::new());
    db.hold(convofold_engine::Subject::Conversation("case-1".to_owned()), "case 17").unwrap();
    damage(&storage, "holds/");
    let error = db.compact().unwrap_err();
    assert!(matches!(error, RewriteError::Copy(_)), "{error:?}");
    assert_eq!(db.holds().len(), 1);
}
