//! The ledger of erasures, and what is erased with it or from a backup.

use std::fs;

use convofold_engine::{Draft, Event, Kind, Subject, Time};

use super::{Home, submit};
use crate::backup::{BackupFile, BackupOptions, RestoreError, restore, restore_and_erase};
use crate::erase::{Erase, EraseBackupError, EraseError, Ledger, LedgerError};
use crate::storage::end_mark::LastRecords;
use crate::{Batch, Convofold, Options};

/// A message of a member, and the close of the conversation.
fn talk(member: u64, minute: i64) -> Vec<Event> {
    let draft = |kind, minute: i64| {
        let at = Time::from_ms(1_700_000_000_000 + minute * 60_000);
        let (conversation, id) = (format!("member-{member:04}_1"), format!("member-{member:04}"));
        let draft = Draft::new("desk", &conversation, kind, at).member_business_id(id.as_str());
        let text = format!("the secret {minute} of member {member:04}");
        if kind == Kind::Message { draft.text(text.as_str()).build().unwrap() } else { draft.build().unwrap() }
    };
    vec![draft(Kind::Message, minute), draft(Kind::Close, minute + 1)]
}

fn member(number: u64) -> Subject {
    Subject::member(&format!("member-{number:04}")).unwrap()
}

/// A database with a backup of before, and a later one that continues it. Member 1 said something in between.
fn lived_in() -> (Home, [std::path::PathBuf; 2]) {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new((0..20).flat_map(|number| talk(number, 0)).collect()));
    let files = ["earlier", "later"].map(|name| home.dir.path().join(name));
    db.backup(&files[0], &BackupOptions::new(), |_| {}).unwrap();
    submit(&db, Batch::new(talk(1, 10)));
    db.backup(&files[1], &BackupOptions::new().since(&files[0]), |_| {}).unwrap();
    db.close().unwrap();
    (home, files)
}

fn ledger_of(home: &Home) -> Ledger {
    let db = home.open();
    let ledger = Ledger::of(&db).unwrap();
    db.close().unwrap();
    ledger
}

#[test]
fn a_ledger_recognises_erased_events_and_names_nobody() {
    let (home, _) = lived_in();
    Erase::new([member(1), member(2)]).run(home.path()).unwrap().unwrap();
    let ledger = ledger_of(&home);
    let has = |events: Vec<Event>| events.iter().map(|event| ledger.has(event.as_ref())).collect::<Vec<_>>();
    assert_eq!([has(talk(1, 0)), has(talk(1, 10)), has(talk(2, 0))], [[true, true]; 3]);
    assert_eq!([has(talk(3, 0)), has(talk(1, 99))], [[false, false]; 2]);
    let file = home.dir.path().join("ledger");
    ledger.write(&file).unwrap();
    assert!(matches!(ledger.write(&file), Err(LedgerError::Exists { .. })));
    let read = Ledger::read(&file).unwrap();
    assert_eq!(read.receipts(), ledger.receipts());
    assert!(talk(1, 10).iter().all(|event| read.has(event.as_ref())));
    let mut bytes = fs::read(&file).unwrap();
    assert!(memchr::memmem::find(&bytes, b"member").is_none());
    bytes[40] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(matches!(Ledger::read(&file), Err(LedgerError::Damaged { .. })));
    assert!(matches!(Ledger::read(home.dir.path().join("no")), Err(LedgerError::Io { .. })));
}

#[test]
fn a_restored_database_is_erased_again_and_knows_what_came_after_the_backup() {
    let (home, files) = lived_in();
    Erase::new([member(1)]).rule("first").run(home.path()).unwrap().unwrap();
    // The same id again, in other words: somebody new.
    let db = home.open();
    submit(&db, Batch::new(talk(2, 0).into_iter().chain(talk(1, 50)).collect()));
    db.close().unwrap();
    let ledger = ledger_of(&home);
    for count in [1, 2] {
        let restored = home.dir.path().join(format!("restored-{count}"));
        let (report, erased) = restore_and_erase(&files[..count], &restored, &Options::new(), &ledger, |_| {}).unwrap();
        let receipt = erased.unwrap().receipt;
        assert_eq!((receipt.rule.as_str(), receipt.conversations, receipt.events), ("again", 1, count as u64 * 2));
        let db = Convofold::open(&restored).unwrap();
        assert_eq!(db.state_hash(), report.state_hash);
        let rules: Vec<_> = db.erasures().iter().map(|erasure| erasure.rule.clone()).collect();
        assert_eq!(rules, ["first", "again"]);
        assert!(db.state("member-0001_1").unwrap().is_none());
        let all = [talk(1, 0), talk(1, 10), talk(1, 50)].concat();
        let counts = submit(&db, Batch::new(all)).counts;
        assert_eq!((counts.erased, counts.total()), (4, 6));
        db.close().unwrap();
        // The new conversation under the old id stays, and so does everything else.
        let hash = Convofold::open(&restored).unwrap().state_hash();
        assert_eq!(ledger.erase_from(&restored, &Options::new()).unwrap(), None);
        let db = Convofold::open(&restored).unwrap();
        assert_eq!((db.state_hash(), db.erasures().len()), (hash, 2));
        assert!(db.audit(crate::audit::Sample::All).unwrap().is_clean());
    }
}

#[test]
fn a_database_that_has_erased_since_it_was_restored_takes_over_a_ledger_with_another_key() {
    let (home, files) = lived_in();
    Erase::new([member(1)]).run(home.path()).unwrap().unwrap();
    let ledger = ledger_of(&home);
    let restored = home.dir.path().join("restored");
    restore(&files, &restored, &Options::new(), |_| {}).unwrap();
    Erase::new([member(2)]).run(&restored).unwrap().unwrap();
    assert!(ledger.erase_from(&restored, &Options::new()).unwrap().is_some());
    let db = Convofold::open(&restored).unwrap();
    let all = [talk(1, 0), talk(1, 10), talk(2, 0), talk(3, 0)].concat();
    let counts = submit(&db, Batch::new(all)).counts;
    assert_eq!((counts.erased, counts.duplicates), (6, 2));
    assert_eq!(db.erasures().len(), 3);
}

/// HEAD did not know those that the database took over and that nothing followed.
#[test]
fn erasures_that_are_taken_over_from_a_ledger_are_known_to_the_end_mark() {
    let (home, _) = lived_in();
    Erase::new([member(1)]).run(home.path()).unwrap().unwrap();
    let ledger = ledger_of(&home);
    let other = Home::new();
    other.open().close().unwrap();
    assert_eq!(ledger.erase_from(other.path(), &Options::new()).unwrap(), None);
    assert_eq!(LastRecords::read(&other.path()).unwrap().erasures, 1);
}

#[test]
fn a_hold_in_a_backup_keeps_it_from_a_restoration_with_a_ledger() {
    let (home, _) = lived_in();
    let db = home.open();
    let number = db.hold(member(1), "case 17").unwrap();
    let file = home.dir.path().join("held");
    db.backup(&file, &BackupOptions::new(), |_| {}).unwrap();
    db.lift_hold(number).unwrap();
    db.close().unwrap();
    Erase::new([member(1)]).run(home.path()).unwrap().unwrap();
    let ledger = ledger_of(&home);
    let restored = home.dir.path().join("restored");
    let error = restore_and_erase(&[&file], &restored, &Options::new(), &ledger, |_| {}).unwrap_err();
    assert!(matches!(error, RestoreError::Erase(error) if matches!(*error, EraseError::Held { conversations: 1 })));
    assert!(!restored.exists());
}

#[test]
fn a_complete_backup_is_erased_from_and_an_incremental_one_is_refused() {
    let (home, [complete, incremental]) = lived_in();
    let erase = Erase::new([member(1)]);
    let error = erase.run_on_backup(&incremental).unwrap_err();
    assert!(matches!(error, EraseBackupError::Incremental { .. }), "{error:?}");
    let before = fs::read(&complete).unwrap();
    assert_eq!(Erase::new([member(99)]).run_on_backup(&complete).unwrap(), None);
    assert!(fs::read(&complete).unwrap() == before);
    // A killed process left something.
    let left = home.dir.path().join("earlier.erasing");
    fs::create_dir_all(left.join("db")).unwrap();
    fs::write(left.join("db/FORMAT"), "half").unwrap();
    let erased = erase.run_on_backup(&complete).unwrap().unwrap();
    assert_eq!((erased.receipt.conversations, erased.receipt.events), (1, 2));
    assert!(!left.exists());
    let contents = BackupFile::open(&complete).unwrap().check(|_| {}).unwrap();
    assert_eq!((contents.state_hash, contents.conversations), (erased.receipt.hash_after, 20));
    let restored = home.dir.path().join("restored");
    restore(&[&complete], &restored, &Options::new(), |_| {}).unwrap();
    let db = Convofold::open(&restored).unwrap();
    assert_eq!(db.erasures(), [erased.receipt]);
    assert_eq!(submit(&db, Batch::new(talk(1, 0))).counts.erased, 2);
    let names = fs::read_dir(home.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
}
