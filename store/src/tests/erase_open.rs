//! Erasure while the database is used: the same as with a closed one, whatever happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use convofold_engine::{Direction, Draft, Kind, Moment, Query, StatusFilter, Subject, Time};

use super::erase::{contains, erase, event, events, fill, impersonal, is_clean, member, report};
use super::{Home, lived_in, message, messages, submit};
use crate::backup::BackupOptions;
use crate::erase::{Erase, EraseError, Erased};
use crate::storage::end_mark::tests::FAILING_MOVES;
use crate::storage::end_mark::{next_folder, storage_folder, storage_folders};
use crate::storage::memory::{Fault, Hook, MemoryStorage};
use crate::{Batch, Convofold, ExportEventsError, Options, RewriteError, StorageError, Ticket};

pub(super) const ERASED: &str = "member-0001_1700000000000";

/// A database in memory with events of some members.
pub(super) fn used() -> (Home, Arc<MemoryStorage>, Convofold) {
    let (home, storage) = (Home::new(), Arc::new(MemoryStorage::default()));
    let db = home.open_on(&storage, Options::new());
    fill(&db, &events(18, 0..3));
    submit(&db, Batch::new(events(18, 3..4)));
    (home, storage, db)
}

pub(super) fn of_member_one() -> Erase {
    erase([member(1)])
}

#[test]
fn a_member_is_erased_while_the_database_is_used() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(40, 0..12));
    let seqs = [17, 250, 480].map(Moment::known_at);
    let then = |db: &Convofold| seqs.map(|moment| db.at(moment).totals().unwrap());
    let before = (impersonal(&db), report(&db), then(&db), db.recorded_hashes().unwrap().hashes.len());
    let (last_seq, view) = (db.stats().last_seq, db.at(Moment::LATEST));
    let mut feed = db.changes(1);
    for _ in 0..5 {
        feed.try_next().unwrap().unwrap();
    }

    let erased = db.erase(&of_member_one()).unwrap().unwrap();
    assert_eq!((erased.receipt.number, erased.receipt.conversations, erased.receipt.events), (1, 1, 12));
    assert_eq!(storage_folders(&home.path()).unwrap(), ["sled-2"]);
    let answers = |db: &Convofold| {
        assert_eq!((impersonal(db), report(db), then(db), db.recorded_hashes().unwrap().hashes.len()), before);
        assert!(db.state(ERASED).unwrap().is_none());
        let of_member = db.query(&Query::new().status(StatusFilter::Any).member("member-0001")).unwrap();
        assert_eq!(of_member.rows.len(), 0);
        let of_agent = db.query(&Query::new().status(StatusFilter::Any).agent("7").limit(100)).unwrap();
        assert_eq!(of_agent.rows.iter().filter(|row| row.id().starts_with("erased-")).count(), 1);
        assert_eq!(db.erasures(), std::slice::from_ref(&erased.receipt));
        assert!(is_clean(db));
    };
    answers(&db);
    assert_eq!(db.state_hash(), erased.receipt.hash_after);
    assert!(view.state(ERASED).unwrap().is_none());
    // The feed was in the middle of a block.
    for seq in 6..=last_seq {
        let change = feed.next_timeout(Duration::from_secs(9)).unwrap().unwrap();
        assert_eq!(change.seq, seq);
        assert!(!format!("{:?}", change.event).contains("member-0001"));
    }
    // What arrives again is recognised at once.
    let receipt = submit(&db, Batch::new(events(2, 0..12)));
    assert_eq!((receipt.counts.erased, receipt.counts.duplicates), (12, 12));
    assert_eq!(db.counters().events.erased, 12);
    submit(&db, Batch::new(vec![event(40, 0), event(5, 12)]));
    db.checkpoint().unwrap();
    submit(&db, Batch::new(vec![event(41, 0)]));
    let (hash, lines) = (db.state_hash(), impersonal(&db));
    assert!(is_clean(&db));
    db.close().unwrap();
    for secret in ["the secret 3 of member 0001", "member-0001", "member 0001", "+47 9000 0001", "message-0001"] {
        assert!(!contains(&home, secret), "{secret}");
    }
    let db = home.open();
    assert_eq!((db.state_hash(), impersonal(&db)), (hash, lines));
    assert!(is_clean(&db));
}

#[test]
fn an_open_and_a_closed_database_are_left_with_the_same_bytes_apart_from_pseudonyms() {
    let fresh = || {
        let home = Home::new();
        let db = home.open();
        fill(&db, &events(20, 0..9));
        (home, db)
    };
    let ((home, db), (_other, open)) = (fresh(), fresh());
    db.close().unwrap();
    let closed = of_member_one().run(home.path()).unwrap().unwrap();
    let erased = open.erase(&of_member_one()).unwrap().unwrap();
    let figures = |erased: &crate::erase::Erased| {
        let receipt = &erased.receipt;
        (receipt.number, receipt.conversations, receipt.events, receipt.last_seq, erased.also_elsewhere)
    };
    assert_eq!(figures(&closed), figures(&erased));
    let db = home.open();
    assert_eq!((impersonal(&db), report(&db)), (impersonal(&open), report(&open)));
    assert_eq!(db.stats().blocks, open.stats().blocks);
}

#[test]
fn nothing_is_written_if_nothing_is_of_the_subject() {
    let home = Home::new();
    let db = home.open();
    assert_eq!(db.erase(&of_member_one()).unwrap(), None);
    fill(&db, &messages(0, 40));
    assert_eq!(db.erase(&of_member_one()).unwrap(), None);
    assert_eq!(storage_folders(&home.path()).unwrap(), ["sled"]);
    db.close().unwrap();
    assert!(matches!(db.erase(&of_member_one()), Err(EraseError::Rewrite(RewriteError::Commit(_)))));
    let read_only = Options::new().read_only(true).open(home.path()).unwrap();
    assert!(matches!(read_only.erase(&of_member_one()), Err(EraseError::Rewrite(RewriteError::Commit(_)))));
}

#[test]
fn events_of_others_that_arrive_meanwhile_are_in_the_copy() {
    let (home, storage, db) = used();
    let late = db.clone();
    let others = vec![event(2, 4), event(3, 4), event(77, 0), message("case-7", 1)];
    storage.before_block.set(move || drop(submit(&late, Batch::new(others).bookmark("upstream", "late"))));
    db.erase(&of_member_one()).unwrap().unwrap();
    let created = storage.created().unwrap();
    let (hash, lines, bookmark) = (db.state_hash(), impersonal(&db), db.bookmark("upstream"));
    assert!(db.state("member-0077_1700000000000").unwrap().is_some());
    assert!(is_clean(&db));
    db.close().unwrap();
    let db = home.open_on(&MemoryStorage::with(created.contents()), Options::new());
    assert_eq!((db.state_hash(), impersonal(&db), db.bookmark("upstream")), (hash, lines, bookmark));
    assert!(is_clean(&db));
}

#[test]
fn an_event_of_the_member_that_arrives_meanwhile_is_erased_too() {
    let at = Time::from_ms(super::erase::BEGINNING_MS);
    let draft = Draft::new("desk", "another", Kind::Message, at).direction(Direction::In);
    let elsewhere = draft.member_business_id("member-0001").text("here I am again").build().unwrap();
    for late in [event(1, 4), elsewhere] {
        let (_home, storage, db) = used();
        let other = db.clone();
        storage.before_block.set(move || drop(submit(&other, Batch::new(vec![late]))));
        let erased = db.erase(&of_member_one()).unwrap().unwrap();
        assert_eq!((erased.receipt.number, erased.receipt.events), (1, 5));
        let of_member = db.query(&Query::new().status(StatusFilter::Any).member("member-0001")).unwrap();
        assert_eq!(of_member.rows.len(), 0);
        assert!(is_clean(&db));
    }
}

#[test]
fn a_member_who_does_not_stop_writing_ends_the_erasure_and_nothing_changes() {
    fn write_again(storage: &Arc<MemoryStorage>, db: &Convofold, number: u64) {
        let (next, other) = (storage.clone(), db.clone());
        storage.before_block.set(move || {
            submit(&other, Batch::new(vec![event(1, number)]));
            write_again(&next, &other, number + 1);
        });
    }
    let (_home, storage, db) = used();
    write_again(&storage, &db, 4);
    let erase = of_member_one().beside(|_| panic!("no copy can be used"));
    let error = db.erase(&erase).unwrap_err();
    assert!(matches!(error, EraseError::Rewrite(RewriteError::Busy { copies: 3 })), "{error:?}");
    storage.before_block.set(|| {});
    assert!(db.state(ERASED).unwrap().is_some());
    assert!(db.erasures().is_empty() && is_clean(&db));
    db.erase(&of_member_one()).unwrap().unwrap();
}

#[test]
fn a_checkpoint_that_is_requested_meanwhile_begins_the_copy_again() {
    let (_home, storage, db) = used();
    let other = db.clone();
    storage.before_block.set(move || {
        submit(&other, Batch::new(events(30, 4..6)));
        other.checkpoint().unwrap();
    });
    let erased = db.erase(&of_member_one()).unwrap().unwrap();
    assert_eq!(erased.receipt.events, 6);
    assert!(is_clean(&db));
}

#[test]
fn one_thing_at_a_time_writes_the_storage_again_or_reads_its_log() {
    let (home, storage, db) = used();
    let (other, file) = (db.clone(), home.dir.path().join("backup"));
    storage.before_block.set(move || {
        assert!(matches!(other.erase(&of_member_one()), Err(EraseError::Rewrite(RewriteError::InUse))));
        assert!(matches!(other.compact(), Err(RewriteError::InUse)));
        assert!(other.trim_log(Time::MAX).is_err());
    });
    db.erase(&of_member_one()).unwrap().unwrap();
    let now = storage.created().unwrap();
    let other = db.clone();
    now.before_block.set(move || {
        assert!(matches!(other.erase(&erase([member(2)])), Err(EraseError::Rewrite(RewriteError::InUse))));
    });
    db.backup(file, &BackupOptions::new(), |_| {}).unwrap();
}

#[test]
fn open_conversations_and_those_under_a_legal_hold_stay() {
    let (_home, storage, db) = used();
    let error = db.erase(&Erase::new([member(1)])).unwrap_err();
    assert!(matches!(error, EraseError::StillOpen { conversations: 1 }), "{error:?}");
    let hold = db.hold(member(1), "case 7").unwrap();
    let error = db.erase(&of_member_one()).unwrap_err();
    assert!(matches!(error, EraseError::Held { conversations: 1 }), "{error:?}");
    assert!(storage.created().is_none() && db.state(ERASED).unwrap().is_some());
    // Holds of others are copied, and can be lifted afterwards.
    let other = db.hold(member(2), "case 8").unwrap();
    db.lift_hold(hold).unwrap();
    db.erase(&of_member_one()).unwrap().unwrap();
    assert_eq!(db.holds().iter().map(|hold| hold.number).collect::<Vec<_>>(), [other]);
    assert!(matches!(db.erase(&erase([member(2)])), Err(EraseError::Held { .. })));
    db.lift_hold(other).unwrap();
    db.erase(&erase([member(2)])).unwrap().unwrap();
    assert!(is_clean(&db));
}

#[test]
fn a_bookmark_that_names_the_member_ends_the_erasure_and_nothing_changes() {
    let (_home, _storage, db) = used();
    submit(&db, Batch::default().bookmark("last-member", "member-0001"));
    let error = db.erase(&of_member_one()).unwrap_err();
    assert!(matches!(error, EraseError::InBookmark { .. }), "{error:?}");
    assert!(matches!(db.erase(&erase([Subject::Member("member-0001-x".to_owned())])), Ok(None)));
    assert!(db.state(ERASED).unwrap().is_some() && db.erasures().is_empty() && is_clean(&db));
}

/// When something else happens during an erasure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// While the first copy is made.
    Copying,
    /// After its log was copied, while it is opened.
    Opening,
    /// In the last step before the move, so that only the writer copies what is committed.
    Cleaning,
}

const STAGES: [Stage; 3] = [Stage::Copying, Stage::Opening, Stage::Cleaning];

/// Erases the first member and does something at the same time. Also returns how often the files of the host were cleaned.
fn erase_and(
    stage: Stage,
    storage: &Arc<MemoryStorage>,
    db: &Convofold,
    run: impl FnOnce() + Send + 'static,
) -> (Result<Option<Erased>, EraseError>, u64) {
    erase_with(&of_member_one(), stage, storage, db, run)
}

fn erase_with(
    erase: &Erase,
    stage: Stage,
    storage: &Arc<MemoryStorage>,
    db: &Convofold,
    run: impl FnOnce() + Send + 'static,
) -> (Result<Option<Erased>, EraseError>, u64) {
    let (cleaned, last) = (Arc::new(AtomicU64::new(0)), Arc::new(Hook::default()));
    match stage {
        Stage::Cleaning => last.set(run),
        _ => meanwhile(stage == Stage::Opening, storage, db, run),
    }
    let counted = cleaned.clone();
    let erase = erase.clone().beside(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        last.call();
        Ok(())
    });
    (db.erase(&erase), cleaned.load(Ordering::SeqCst))
}

/// Does something while the first copy is made, or after its log was copied, while it is opened.
pub(super) fn meanwhile(
    is_opened: bool,
    storage: &Arc<MemoryStorage>,
    db: &Convofold,
    run: impl FnOnce() + Send + 'static,
) {
    let (source, db) = (storage.clone(), db.clone());
    storage.before_block.set(move || {
        let Some(copy) = source.created() else { return meanwhile(is_opened, &source, &db, run) };
        if is_opened {
            submit(&db, Batch::new(vec![event(2, 4)]));
            when_copied(&copy, source.contents().log.len(), run);
        } else {
            run();
        }
    });
}

/// Does something when the copy has this number of blocks and is read.
pub(super) fn when_copied(copy: &Arc<MemoryStorage>, blocks: usize, run: impl FnOnce() + Send + 'static) {
    let copied = copy.clone();
    copy.before_block.set(move || {
        if copied.contents().log.len() < blocks {
            when_copied(&copied, blocks, run);
        } else {
            run();
        }
    });
}

/// An event that arrives again is not logged, but the bookmark of its batch is.
#[test]
fn a_bookmark_that_names_the_member_meanwhile_ends_the_erasure() {
    for stage in STAGES {
        let (_home, storage, db) = used();
        submit(&db, Batch::default().bookmark("airship", "message-0002"));
        let other = db.clone();
        let (outcome, cleaned) = erase_and(stage, &storage, &db, move || {
            let receipt = submit(&other, Batch::new(vec![event(1, 3)]).bookmark("airship", "member-0001"));
            assert_eq!(receipt.counts.duplicates, 1);
        });
        assert!(matches!(outcome, Err(EraseError::InBookmark { .. })), "{stage:?}: {outcome:?}");
        assert_eq!(cleaned, u64::from(stage == Stage::Cleaning));
        assert_eq!(db.bookmark("airship").unwrap(), b"member-0001");
        assert!(db.state(ERASED).unwrap().is_some() && db.erasures().is_empty() && is_clean(&db));
    }
}

#[test]
fn a_bookmark_that_names_the_member_meanwhile_and_has_another_value_at_the_end_is_removed() {
    for stage in STAGES {
        let (home, storage, db) = used();
        let other = db.clone();
        let (outcome, _) = erase_and(stage, &storage, &db, move || {
            for value in ["member-0001", "last"] {
                submit(&other, Batch::default().bookmark("airship", value));
            }
        });
        outcome.unwrap().unwrap();
        assert!(is_clean(&db));
        db.close().unwrap();
        let left = storage.created().unwrap().contents();
        let names_it = |block: &[u8]| memchr::memmem::find(block, b"member-0001").is_some();
        assert!(storage.contents().log.values().any(|block| names_it(block)));
        assert!(!left.log.values().any(|block| names_it(block)), "{stage:?}");
        let db = home.open_on(&MemoryStorage::with(left), Options::new());
        assert_eq!(db.bookmark("airship").unwrap(), b"last");
        assert!(is_clean(&db));
    }
}

/// A reject that was removed can never be read again.
#[test]
fn the_files_of_a_host_are_cleaned_only_if_the_copy_can_be_used() {
    for stage in STAGES {
        let (_home, storage, db) = used();
        submit(&db, Batch::new(vec![event(1, 6)]));
        let at = Time::from_ms(super::erase::BEGINNING_MS + 9_000_000);
        let draft = Draft::new("desk", "another", Kind::Message, at).member_business_id("member-0001");
        let (other, late) = (db.clone(), draft.text("here I am again").build().unwrap());
        // The first conversation is closed, and the one that arrives is not.
        let run = move || drop(submit(&other, Batch::new(vec![late])));
        let (outcome, cleaned) = erase_with(&Erase::new([member(1)]), stage, &storage, &db, run);
        assert!(matches!(outcome, Err(EraseError::StillOpen { conversations: 1 })), "{stage:?}: {outcome:?}");
        assert_eq!(cleaned, u64::from(stage == Stage::Cleaning), "{stage:?}");
        let (outcome, cleaned) = erase_and(Stage::Cleaning, &storage, &db, || {});
        assert_eq!((outcome.unwrap().unwrap().receipt.conversations, cleaned), (2, 1));
        assert!(is_clean(&db));
    }
}

#[test]
fn backups_and_verifications_wait_for_an_erasure_and_succeed() {
    let (home, storage, db) = used();
    let (other, file) = (db.clone(), home.dir.path().join("backup"));
    let (waiting, waits) = crossbeam_channel::bounded(1);
    storage.before_block.set(move || {
        let verifying = other.clone();
        let verification = std::thread::spawn(move || verifying.verify(|_| {}).map(|report| report.is_clean()));
        let backup = std::thread::spawn(move || other.backup(file, &BackupOptions::new(), |_| {}).map(drop));
        // If they have not begun by then, they have nothing to wait for.
        std::thread::sleep(Duration::from_millis(50));
        waiting.send((verification, backup)).unwrap();
    });
    db.erase(&of_member_one()).unwrap().unwrap();
    let (verification, backup) = waits.recv().unwrap();
    assert!(verification.join().unwrap().unwrap());
    backup.join().unwrap().unwrap();
}

#[test]
fn a_disclosure_that_an_erasure_overtakes_ends_with_an_error() {
    struct Erasing(Convofold, usize);
    impl std::io::Write for Erasing {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1 += 1;
            if self.1 == 1 {
                self.0.erase(&of_member_one()).unwrap().unwrap();
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (_home, _storage, db) = used();
    // The last conversation: nothing is read from the storage afterwards.
    let disclosed = db.disclose(&[member(17)], &mut Erasing(db.clone(), 0));
    assert!(matches!(disclosed, Err(ExportEventsError::Storage(StorageError::Replaced))), "{disclosed:?}");
}

/// HEAD names the copy, so memory must be that of the copy.
#[test]
fn a_mark_that_cannot_be_removed_leaves_memory_without_the_member() {
    let (home, storage, db) = used();
    let path = home.path();
    meanwhile(false, &storage, &db, move || {
        let names = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let marks: Vec<_> = names.filter(|path| path.extension().is_some_and(|end| end == "incomplete")).collect();
        let [mark] = marks.as_slice() else { panic!("{marks:?}") };
        std::fs::remove_file(mark).unwrap();
        // Removing a file of this name fails.
        std::fs::create_dir(mark).unwrap();
    });
    let error = db.erase(&of_member_one()).unwrap_err();
    assert!(matches!(error, EraseError::Rewrite(RewriteError::Commit(_))), "{error:?}");
    let folder = storage_folder(&home.path()).unwrap();
    assert_ne!(folder.file_name().unwrap(), "sled");
    assert!(db.state(ERASED).unwrap().is_none());
    assert_eq!(db.erasures().len(), 1);
    assert!(db.submit(Batch::new(vec![event(3, 4)])).is_err());
    db.close().unwrap_err();
    std::fs::remove_dir(folder.with_extension("incomplete")).unwrap();
    let db = home.open_on(&MemoryStorage::with(storage.created().unwrap().contents()), Options::new());
    assert!(db.state(ERASED).unwrap().is_none() && is_clean(&db));
}

#[test]
fn a_scan_ends_with_an_error_and_questions_are_answered() {
    let (_home, _storage, db) = used();
    submit(&db, Batch::new(messages(0, 200)));
    db.checkpoint().unwrap();
    crate::conversations::archive::evict(&db.shared().live, 0, 0);
    let mut scan = db.scan_states();
    assert!(scan.next().unwrap().is_ok());
    db.erase(&of_member_one()).unwrap().unwrap();
    let rest: Vec<_> = scan.collect();
    assert!(matches!(rest.last(), Some(Err(StorageError::Replaced))));
    assert_eq!(rest.iter().filter(|found| found.is_err()).count(), 1);
    assert_eq!(db.scan_states().filter(Result::is_ok).count() as u64, db.stats().conversations);
}

#[test]
fn no_operation_of_an_erasure_of_an_open_database_can_fail_badly() {
    for (fault, repeats) in
        [(Fault::Undone, false), (Fault::Undone, true), (Fault::Done, false), (Fault::NoSpace, false)]
    {
        for at in 1.. {
            let (home, storage, db) = used();
            let late = db.clone();
            storage.before_block.set(move || {
                let _ = late.submit(Batch::new(vec![event(2, 4), message("case-7", 1)])).map(Ticket::wait);
            });
            storage.fail_any.arm(at, fault, repeats);
            let outcome = db.erase(&of_member_one());
            storage.fail_any.set(0);
            let created = storage.created();
            let failed =
                [Some(storage.clone()), created.clone()].into_iter().flatten().any(|one| !one.failed().is_empty());
            let is_moved = storage_folder(&home.path()).unwrap().file_name().unwrap() != "sled";
            assert_eq!(is_moved, outcome.is_ok(), "operation {at}: {outcome:?}");
            // A failed read or write of the late events does not concern the copy.
            assert!(outcome.is_ok() || failed, "operation {at}: {outcome:?}");
            let expected = impersonal(&db);
            assert_eq!(db.state(ERASED).unwrap().is_none(), is_moved, "operation {at}");
            let is_poisoned = db.submit(Batch::new(vec![event(3, 4)])).is_err();
            let left = if is_moved { created.unwrap() } else { storage };
            if !is_poisoned {
                db.sync().unwrap();
            }
            let expected = if is_poisoned { expected } else { impersonal(&db) };
            for left in [MemoryStorage::with(left.contents()), left.after_power_cut()] {
                let home = home.copied_to(Home::new());
                let survivor = home.open_on(&left, Options::new());
                if !is_poisoned {
                    assert_eq!(impersonal(&survivor), expected, "operation {at} ({fault:?})");
                }
                assert_eq!(survivor.state(ERASED).unwrap().is_none(), is_moved);
                assert_eq!(survivor.erasures().len(), usize::from(is_moved));
                assert!(survivor.verify(|_| {}).unwrap().is_clean());
            }
            assert!(is_poisoned || is_clean(&db), "operation {at} ({fault:?})");
            if !failed {
                assert!(at > 30, "{at} operations");
                break;
            }
        }
    }
}

/// HEAD may name either storage then, so both must stay.
#[test]
fn a_move_that_fails_leaves_both_storages_and_accepts_no_more_writes() {
    for (slot, own) in [(0, "sled-6871"), (1, "sled-6881")] {
        let home = Home::new();
        let db = home.open();
        fill(&db, &events(6, 0..8));
        let before = impersonal(&db);
        // The next number is that of no other test.
        std::fs::create_dir(home.path().join(own)).unwrap();
        let target = next_folder(&home.path()).unwrap();
        FAILING_MOVES.lock().push((target.clone(), slot));
        let error = db.erase(&of_member_one()).unwrap_err();
        assert!(matches!(error, EraseError::Rewrite(RewriteError::Commit(_))), "{error:?}");
        assert!(db.submit(Batch::new(messages(900, 3))).is_err());
        assert!(home.path().join("sled").exists() && home.path().join(&target).exists());
        let killed = home.killed();
        db.close().unwrap_err();
        for home in [killed, home] {
            let db = home.open();
            assert_eq!(impersonal(&db), before, "slot {slot}");
            assert!(is_clean(&db));
            let is_erased = db.state(ERASED).unwrap().is_none();
            db.close().unwrap();
            assert_eq!(is_erased, !contains(&home, "member-0001"), "slot {slot}");
        }
    }
}

#[test]
fn a_database_with_a_long_life_is_erased_and_goes_on() {
    let (home, storage, db) = lived_in(Options::new());
    let (before, arrivals) = (impersonal(&db), db.arrivals("odd").unwrap());
    let subjects = ["odd", "case-3", "case-36"].map(|id| Subject::Conversation(id.to_owned()));
    let erased = db.erase(&erase(subjects)).unwrap().unwrap();
    assert_eq!(erased.receipt.conversations, 3);
    assert_eq!(impersonal(&db), before);
    let odd = db.find_ids("erased-", 10).unwrap().into_iter().find(|id| db.arrivals(id).unwrap() == arrivals);
    assert!(odd.is_some());
    submit(&db, Batch::new(messages(460, 60)));
    db.checkpoint().unwrap();
    db.trim_log(Time::from_ms(1_700_000_000_000 + 100_000).unwrap()).unwrap();
    assert!(is_clean(&db));
    // A second erasure, from a trimmed log.
    let again = Subject::Conversation("case-5".to_owned());
    let moved = storage.created().unwrap();
    assert_eq!(db.erase(&erase([again])).unwrap().unwrap().receipt.number, 2);
    assert!(is_clean(&db));
    let (hash, lines) = (db.state_hash(), impersonal(&db));
    db.close().unwrap();
    let left = moved.created().unwrap();
    let db = home.open_on(&MemoryStorage::with(left.contents()), Options::new());
    assert_eq!((db.state_hash(), impersonal(&db), db.erasures().len()), (hash, lines, 2));
    assert!(is_clean(&db));
}
