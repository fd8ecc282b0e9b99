//! Legal holds: whom they keep, and what survives of them.

use convofold_engine::{Draft, Event, Kind, Subject, Time};

use super::{Home, lived_in, message, submit};
use crate::backup::{BackupOptions, restore};
use crate::erase::{Erase, EraseError};
use crate::open::error::OpenError;
use crate::repair::Repair;
use crate::storage::Storage;
use crate::storage::end_mark::storage_folder;
use crate::storage::memory::{Contents, Fault, MemoryStorage};
use crate::storage::sled::{MIN_SEGMENT_BYTES, SledOptions, SledStorage};
use crate::write::error::CommitError;
use crate::{Batch, Convofold, Hold, HoldError, Options, RecordKind};

fn event(member: &str, conversation: &str) -> Event {
    let draft = Draft::new("desk", conversation, Kind::Message, Time::from_ms(1_700_000_000_000));
    draft.member_business_id(member).text("where does the ship lie tonight").build().unwrap()
}

fn member(id: &str) -> Subject {
    Subject::member(id).unwrap()
}

fn numbers(db: &Convofold) -> Vec<u64> {
    db.holds().iter().map(|hold| hold.number).collect()
}

#[test]
fn a_held_member_is_not_erased_until_the_hold_is_lifted() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(vec![event("member-1", "first"), event("member-2", "second")]));
    let number = db.hold(member("member-1"), "case 17").unwrap();
    // It comes after the hold.
    submit(&db, Batch::new(vec![event("member-1", "third")]));
    let both = Erase::new([member("member-1"), member("member-2")]).open_too(true);
    let mut held: Vec<_> =
        both.dry_run(&db).unwrap().into_iter().map(|found| (found.conversation, found.held)).collect();
    held.sort();
    assert_eq!(held, [("first", true), ("second", false), ("third", true)].map(|(id, held)| (id.to_owned(), held)));
    let hash = db.state_hash();
    db.close().unwrap();
    let error = both.run(home.path()).unwrap_err();
    assert!(matches!(error, EraseError::Held { conversations: 2 }), "{error:?}");
    let erased = Erase::new([member("member-2")]).open_too(true).run(home.path()).unwrap().unwrap();
    assert_eq!(erased.receipt.conversations, 1);

    let db = home.open();
    assert_eq!(db.erasure_of(hash), Some(erased.receipt));
    let [Hold { subject, reason, .. }] = &db.holds()[..] else { panic!("one hold") };
    assert_eq!((subject, reason.as_str()), (&member("member-1"), "case 17"));
    db.lift_hold(number).unwrap();
    db.close().unwrap();
    let erased = Erase::new([member("member-1")]).open_too(true).run(home.path()).unwrap().unwrap();
    assert_eq!(erased.receipt.conversations, 2);
    assert_eq!(home.open().holds(), []);
}

#[test]
fn numbers_are_not_used_again_and_wrong_holds_are_refused() {
    let home = Home::new();
    let db = home.open();
    let [first, second] = ["member-1", "member-2"].map(|id| db.hold(member(id), "case 17").unwrap());
    db.lift_hold(second).unwrap();
    assert!(matches!(db.lift_hold(second), Err(HoldError::Unknown { number }) if number == second));
    let third = db.hold(Subject::Conversation("c-1".to_owned()), "case 18").unwrap();
    assert!(first < second && second < third);
    for reason in ["", " ", &"x".repeat(4097)] {
        let refused = db.hold(member("member-3"), reason);
        assert!(matches!(refused, Err(HoldError::Reason { found_bytes, .. }) if found_bytes == reason.len()));
    }
    db.close().unwrap();
    let db = Options::new().read_only(true).open(home.path()).unwrap();
    assert_eq!(numbers(&db), [first, third]);
    let refused = db.hold(member("member-3"), "case 19");
    assert!(matches!(refused, Err(HoldError::Commit(CommitError::ReadOnly))), "{refused:?}");
}

#[test]
fn copies_of_a_database_have_its_holds() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(vec![event("member-1", "first")]));
    let [earlier, later] = ["earlier", "later"].map(|name| home.dir.path().join(name));
    db.hold(member("member-1"), "case 17").unwrap();
    db.backup(&earlier, &BackupOptions::new(), |_| {}).unwrap();
    let lifted = db.hold(member("member-2"), "case 18").unwrap();
    db.lift_hold(lifted).unwrap();
    db.hold(member("member-3"), "case 19").unwrap();
    db.backup(&later, &BackupOptions::new().since(&earlier), |_| {}).unwrap();
    db.compact().unwrap();
    let holds = db.holds();
    db.close().unwrap();
    assert_eq!(home.open().holds(), holds);
    let [restored, repaired] = ["restored", "repaired"].map(|name| home.dir.path().join(name));
    restore(&[&earlier, &later], &restored, &Options::new(), |_| {}).unwrap();
    Repair::new(home.path(), &repaired).run().unwrap();
    for folder in [restored, repaired] {
        let db = Convofold::open(folder).unwrap();
        assert_eq!(db.holds(), holds);
    }
}

#[test]
fn a_hold_that_is_placed_during_a_compaction_waits_for_its_end() {
    let (home, storage, db) = lived_in(Options::new());
    db.hold(member("member-1"), "case 17").unwrap();
    let (other, (sender, receiver)) = (db.clone(), std::sync::mpsc::channel());
    storage.before_block.set(move || {
        let place = move || other.lift_hold(1).and_then(|()| other.hold(member("member-2"), "case 18"));
        sender.send(std::thread::spawn(place)).unwrap();
    });
    db.compact().unwrap();
    assert_eq!(receiver.recv().unwrap().join().unwrap().unwrap(), 2);
    let created = storage.created().unwrap();
    db.close().unwrap();
    let db = home.open_on(&MemoryStorage::with(created.contents()), Options::new());
    assert_eq!(numbers(&db), [2]);
}

#[test]
fn no_operation_of_a_hold_can_fail_badly() {
    for (fault, repeats) in [(Fault::Undone, false), (Fault::Done, false), (Fault::NoSpace, true)] {
        for at in 1.. {
            let (home, storage, db) = lived_in(Options::new());
            db.hold(member("member-1"), "case 17").unwrap();
            storage.fail_any.arm(at, fault, repeats);
            let outcome = db.lift_hold(1).and_then(|()| db.hold(member("member-2"), "case 18"));
            storage.fail_any.set(0);
            let failed = !storage.failed().is_empty();
            assert_eq!(outcome.is_err(), failed, "operation {at}: {outcome:?}");
            let late = db.submit(Batch::new(vec![message("late", 1)]));
            assert_eq!(late.is_ok_and(|ticket| ticket.wait().is_ok()), !failed, "operation {at}");
            for left in [MemoryStorage::with(storage.contents()), storage.after_power_cut()] {
                let survivor = home.copied_to(Home::new()).open_on(&left, Options::new());
                let found = numbers(&survivor);
                let possible: &[&[u64]] = if failed { &[&[1], &[], &[2]] } else { &[&[2]] };
                assert!(possible.contains(&&found[..]), "operation {at} ({fault:?}): {found:?}");
                // What is answered is durable.
                let known = numbers(&db);
                assert!(found == known || failed, "operation {at} ({fault:?}): {found:?}, known {known:?}");
            }
            if !failed {
                assert!(at > 3, "{at} operations");
                break;
            }
        }
    }
}

#[test]
fn the_reason_of_a_hold_that_names_an_erased_member_ends_the_erasure() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(vec![event("member-700100", "first"), event("member-700200", "second")]));
    let number = db.hold(member("member-700200"), "see member-700100").unwrap();
    db.close().unwrap();
    let error = Erase::new([member("member-700100")]).open_too(true).run(home.path()).unwrap_err();
    assert!(error.to_string().contains(&format!("legal hold {number}")), "{error:?}");
    let db = home.open();
    db.lift_hold(number).unwrap();
    db.close().unwrap();
    assert!(Erase::new([member("member-700100")]).open_too(true).run(home.path()).unwrap().is_some());
}

#[test]
fn a_damaged_hold_is_named_and_the_database_can_be_read_and_repaired() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(vec![event("member-1", "first"), event("member-2", "second")]));
    for id in ["member-1", "member-2"] {
        db.hold(member(id), "case 17").unwrap();
    }
    db.close().unwrap();
    let options = SledOptions { segment_bytes: MIN_SEGMENT_BYTES, cache_bytes: 1 << 20 };
    let sled = SledStorage::open(&storage_folder(&home.path()).unwrap(), options).unwrap();
    sled.put_record("holds/0000000003", b"damaged").unwrap();
    sled.barrier().unwrap();
    drop(sled);
    let error = Convofold::open(home.path()).unwrap_err();
    assert!(matches!(error, OpenError::DamagedRecord { kind: RecordKind::Hold, number: 3, .. }), "{error:?}");
    let db = Options::new().read_only(true).open(home.path()).unwrap();
    assert_eq!((numbers(&db).as_slice(), db.recovery().damaged_holds.as_slice()), ([1, 2].as_slice(), [3].as_slice()));
    db.close().unwrap();
    let repaired = home.dir.path().join("repaired");
    let report = Repair::new(home.path(), &repaired).run().unwrap();
    assert_eq!((report.lost.len(), report.lost_holds), (0, vec![3]));
    assert_eq!(numbers(&Convofold::open(repaired).unwrap()), [1, 2]);
}

#[test]
fn a_database_with_holds_and_no_events_can_be_repaired() {
    let home = Home::new();
    let db = home.open();
    for id in ["member-1", "member-2"] {
        db.hold(member(id), "case 17").unwrap();
    }
    db.close().unwrap();
    let options = SledOptions { segment_bytes: MIN_SEGMENT_BYTES, cache_bytes: 1 << 20 };
    let sled = SledStorage::open(&storage_folder(&home.path()).unwrap(), options).unwrap();
    sled.put_record("holds/0000000003", b"damaged").unwrap();
    sled.barrier().unwrap();
    drop(sled);
    assert!(Convofold::open(home.path()).is_err());
    let repaired = home.dir.path().join("repaired");
    let report = Repair::new(home.path(), &repaired).run().unwrap();
    assert_eq!((report.events, report.lost.len(), report.lost_holds), (0, 0, vec![3]));
    let db = Convofold::open(repaired).unwrap();
    assert_eq!(numbers(&db), [1, 2]);
    submit(&db, Batch::new(vec![event("member-1", "first")]));
}

/// The log is whole without it, so only HEAD knows that it existed.
#[test]
fn a_record_that_the_storage_has_lost_is_noticed_at_the_next_opening() {
    let (home, storage, db) = lived_in(Options::new());
    db.erase(&Erase::new([Subject::Conversation("case-3".to_owned())]).open_too(true)).unwrap().unwrap();
    let storage = storage.created().unwrap();
    db.hold(member("member-1"), "case 17").unwrap();
    db.retain(&crate::retention::Retention::new(), Time::from_ms(1_700_000_000_000).unwrap(), false).unwrap();
    db.close().unwrap();
    let whole = storage.contents();
    let open = |lose: &dyn Fn(&mut Contents)| {
        let mut contents = whole.clone();
        lose(&mut contents);
        Convofold::open_on(Options::new(), &home.path(), MemoryStorage::with(contents))
    };
    open(&|_| {}).unwrap().close().unwrap();
    for (name, kind) in [
        ("erasures/0000000001", RecordKind::Erasure),
        ("holds/0000000001", RecordKind::Hold),
        ("retention/0000000001", RecordKind::RetentionRun),
    ] {
        let error = open(&|contents| drop(contents.records.remove(name).unwrap())).unwrap_err();
        let is_it = matches!(&error, OpenError::DamagedRecord { kind: found, number: 1, .. } if *found == kind);
        assert!(is_it, "{name}: {error:?}");
    }
}

#[test]
fn a_hold_on_a_subject_without_conversations_refuses_an_erasure_before_anything_is_cleaned() {
    let home = Home::new();
    let db = home.open();
    // Also in a database without events.
    for has_events in [false, true] {
        if has_events {
            submit(&db, Batch::new(vec![event("member-2", "second")]));
        }
        let number = db.hold(member("member-1"), "case 17").unwrap();
        let cleaned = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counted = cleaned.clone();
        let erase = |ids: &[&str]| {
            let counted = counted.clone();
            Erase::new(ids.iter().map(|id| member(id))).open_too(true).beside(move |_| {
                counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Ok(())
            })
        };
        for ids in [["member-1"].as_slice(), &["member-2", "member-1"]] {
            let error = db.erase(&erase(ids)).unwrap_err();
            assert!(matches!(error, EraseError::Held { conversations: 0 }), "{error:?}");
        }
        let closed = home.killed();
        let error = erase(&["member-1"]).run(closed.path()).unwrap_err();
        assert!(matches!(error, EraseError::Held { conversations: 0 }), "{error:?}");
        assert_eq!(cleaned.load(std::sync::atomic::Ordering::SeqCst), 0);
        db.lift_hold(number).unwrap();
        assert_eq!(db.erase(&erase(&["member-1"])).unwrap(), None);
        assert_eq!(cleaned.load(std::sync::atomic::Ordering::SeqCst), 1);
    }
}
