//! Each commit has a time, which survives the trim of its block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use convofold_engine::{Seq, Time};

use super::sled_files::damage_block;
use super::{Home, messages, submit};
use crate::care::backup::{BackupOptions, restore};
use crate::care::repair::Repair;
use crate::check::verify::Problem;
use crate::clock::driven::DrivenClock;
use crate::format::frame::Compressor;
use crate::format::log_start;
use crate::format::marks::{Mark, Marks};
use crate::log::start::RECORD;
use crate::storage::memory::MemoryStorage;
use crate::{Batch, Convofold, MarkError, Options};

const BEGINNING_MS: u64 = 1_800_000_000_000;
/// The time of the first message; the others follow at intervals of a second.
const FIRST_MESSAGE_MS: i64 = 1_700_000_000_000;

fn time(ms: u64) -> Time {
    Time::from_ms(i64::try_from(ms).unwrap()).unwrap()
}

/// Options with several blocks per batch.
fn driven() -> (Arc<DrivenClock>, Options) {
    let driven = DrivenClock::at(BEGINNING_MS);
    let options = Options::new().block_bytes(400).clock(driven.clock());
    (driven, options)
}

/// Commits five events at each of these times after the beginning. Returns the times of the events, valid if no time is
/// before the previous one.
fn commit(db: &Convofold, driven: &DrivenClock, after_ms: &[u64]) -> Vec<u64> {
    let mut times = Vec::new();
    for ms in after_ms {
        driven.set(BEGINNING_MS + ms);
        let last_seq = submit(db, Batch::new(messages(db.stats().last_seq, 5))).last_seq.unwrap();
        times.resize(times.len() + 5, BEGINNING_MS + ms);
        assert_eq!(last_seq % 5, 0);
    }
    times
}

/// Compares a database with the times of its commits, event by event.
#[track_caller]
pub(super) fn expect_commit_times(db: &Convofold, times: &[u64]) {
    let dropped = usize::try_from(db.stats().first_seq).unwrap() - 1;
    let rounded = |of: &u64| times[..dropped].iter().rfind(|ms| *ms / 1_000 == of / 1_000).copied().unwrap_or(*of);
    let kept: Vec<u64> = times[..dropped].iter().map(rounded).chain(times[dropped..].iter().copied()).collect();
    let found = |seq: usize| db.committed_at(seq as Seq).unwrap();
    let expected: Vec<_> = kept.iter().map(|ms| Some(time(*ms))).collect();
    assert_eq!((1..=kept.len()).map(found).collect::<Vec<_>>(), expected, "dropped {dropped}");
    assert_eq!([found(0), found(kept.len() + 1)], [None, None]);
    let mut distinct = kept.clone();
    distinct.dedup();
    for ms in distinct.iter().flat_map(|ms| [ms - 1, *ms, ms + 1]) {
        let known = kept.iter().filter(|committed_ms| **committed_ms <= ms).count();
        match db.seq_at(time(ms)) {
            Ok(seq) => assert_eq!(seq, known as Seq, "at {ms}"),
            Err(MarkError::BeforeFirst { at, first }) => {
                assert_eq!((known, at, first), (0, time(ms), time(kept[0])));
            }
            Err(error) => panic!("at {ms}: {error}"),
        }
    }
}

#[test]
fn an_event_has_the_time_of_its_commit_even_if_the_clock_is_set_back() {
    let (driven, options) = driven();
    let home = Home::new();
    let db = home.open_with(options.clone());
    assert!(matches!(db.seq_at(Time::MAX), Err(MarkError::Empty)));
    assert_eq!(db.committed_at(1).unwrap(), None);
    let mut times = commit(&db, &driven, &[0, 7, 7, 1_500]);
    commit(&db, &driven, &[3, 1_499]);
    times.resize(30, BEGINNING_MS + 1_500);
    expect_commit_times(&db, &times);
    // Duplicates are not committed again, and a bookmark is not an event.
    driven.set(BEGINNING_MS + 9_000);
    submit(&db, Batch::new(messages(0, 5)));
    submit(&db, Batch::default().bookmark("offset", "1"));
    expect_commit_times(&db, &times);
    let killed = home.killed();
    db.close().unwrap();
    assert!(matches!(db.committed_at(1), Err(MarkError::Closed)));

    driven.set(BEGINNING_MS);
    for home in [home, killed] {
        let mut times = times.clone();
        let db = home.open_with(options.clone());
        expect_commit_times(&db, &times);
        // The bookmark was committed last.
        commit(&db, &driven, &[20]);
        times.resize(35, BEGINNING_MS + 9_000);
        expect_commit_times(&db, &times);
        assert!(db.verify(|_| {}).unwrap().is_clean());
    }
}

/// Two owners of a partition commit the same events with the times of the broker, in blocks that are cut differently.
#[test]
fn databases_whose_host_gives_the_times_agree_on_what_was_known_when() {
    let times: Vec<u64> = [0, 0, 7, 7, 7, 3, 1_500, 1_500, 2_000].iter().map(|ms| BEGINNING_MS + ms).collect();
    // The sixth is before the fifth, and gets its time.
    let expected: Vec<_> = [0, 0, 7, 7, 7, 7, 1_500, 1_500, 2_000].iter().map(|ms| BEGINNING_MS + ms).collect();
    let batches = || (0..).zip(&times).map(|(number, ms)| Batch::new(messages(number, 1)).committed_at(time(*ms)));
    let (driven, options) = driven();
    let waited = Home::new();
    let one_by_one = waited.open_with(options.clone());
    for (hours, batch) in (1..).zip(batches()) {
        driven.pass(hours * 3_600_000);
        submit(&one_by_one, batch);
    }
    let queued = Home::new();
    let together = queued.open_with(options.clone());
    // The writer waits for the board, so that all but the first batch are in the queue together.
    let reading = together.shared().live.board();
    let tickets: Vec<_> = batches().map(|batch| together.submit(batch).unwrap()).collect();
    drop(reading);
    tickets.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
    for db in [&one_by_one, &together] {
        expect_commit_times(db, &expected);
        assert!(db.verify(|_| {}).unwrap().is_clean());
    }
    // One that is opened again continues after the last time, whatever the clock shows.
    together.close().unwrap();
    let again = queued.open_with(options);
    submit(&again, Batch::new(messages(9, 1)).committed_at(time(BEGINNING_MS)));
    expect_commit_times(&again, &[&expected[..], &[BEGINNING_MS + 2_000]].concat());
}

#[test]
fn a_batch_that_is_taken_apart_keeps_its_commit_time() {
    let at = time(BEGINNING_MS);
    assert_eq!(Batch::new(messages(0, 1)).committed_at(at).into_parts().committed_at, Some(at));
    assert_eq!(Batch::new(messages(0, 1)).into_parts().committed_at, None);
}

#[test]
fn of_what_is_dropped_one_mark_a_second_is_kept_and_restored() {
    let (driven, options) = driven();
    let home = Home::new();
    let db = home.open_with(options.clone());
    let mut times = commit(&db, &driven, &[0, 300, 999, 1_000, 1_200, 5_000, 5_400, 5_401]);
    let shelf = tempfile::tempdir().unwrap();
    let file = |name: &str| shelf.path().join(name);
    db.backup(file("whole"), &BackupOptions::new(), |_| {}).unwrap();
    db.checkpoint().unwrap();
    for messages in [17, 18, 27, 100] {
        let before = Time::from_ms(FIRST_MESSAGE_MS + messages * 1_000).unwrap();
        db.trim_log(before).unwrap();
        expect_commit_times(&db, &times);
    }
    let first_seq = db.stats().first_seq;
    assert!((30..=40).contains(&first_seq), "{first_seq}");
    assert_eq!(db.shared().log_start.read().marks.last().unwrap().seq, first_seq - 1);
    db.backup(file("trimmed"), &BackupOptions::new(), |_| {}).unwrap();
    times.extend(commit(&db, &driven, &[6_000, 6_001]));
    let mut restored = Vec::new();
    for complete in ["whole", "trimmed"] {
        let since = file(&format!("since-{complete}"));
        db.backup(&since, &BackupOptions::new().since(file(complete)), |_| {}).unwrap();
        let target = file(&format!("restored-{complete}"));
        restore(&[file(complete), since], &target, &options, |_| {}).unwrap();
        restored.push(options.clone().open(&target).unwrap());
    }
    assert_eq!(restored.iter().map(|db| db.stats().first_seq).collect::<Vec<_>>(), [1, first_seq]);
    db.close().unwrap();
    restored.push(home.open_with(options));
    for db in restored {
        expect_commit_times(&db, &times);
        let report = db.verify(|_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
}

#[test]
fn a_repair_keeps_the_times_of_blocks_and_marks() {
    let (driven, options) = driven();
    let home = Home::new();
    let db = home.open_with(options.clone());
    let times = commit(&db, &driven, &[0, 300, 999, 1_000, 1_200, 5_000, 5_400, 5_401]);
    db.close().unwrap();
    let repaired = |home: &Home, name: &str| {
        let into = home.dir.path().join(name);
        Repair::new(home.path(), &into).run().unwrap();
        options.clone().open(&into).unwrap()
    };
    expect_commit_times(&repaired(&home, "whole"), &times);

    let db = home.open_with(options.clone());
    db.checkpoint().unwrap();
    db.trim_log(Time::from_ms(FIRST_MESSAGE_MS + 22_000).unwrap()).unwrap();
    let first_seq = usize::try_from(db.stats().first_seq).unwrap();
    let known: Vec<_> = (1..=40).map(|seq| db.committed_at(seq).unwrap().unwrap()).collect();
    db.close().unwrap();
    // sled has not yet written over the dropped blocks, so repair still finds their times.
    let found = |db: &Convofold| (1..=40).map(|seq| db.committed_at(seq).unwrap().unwrap()).collect::<Vec<_>>();
    let exact: Vec<_> = times.iter().map(|ms| time(*ms)).collect();
    assert_eq!(found(&repaired(&home, "trimmed")), exact);

    // Afterwards they are overwritten, and an event that exists only in a checkpoint is known only to have been
    // committed before those of the next block.
    let start = home.open_with(options.clone()).shared().log_start.read().position;
    (1..=start.block_no).for_each(|block_no| damage_block(&home, block_no));
    let found = found(&repaired(&home, "damaged"));
    assert!(first_seq > 10 && found.is_sorted());
    assert_eq!(found[..first_seq - 1], known[..first_seq - 1]);
    assert!(found.iter().zip(&exact).all(|(found, exact)| found >= exact));
    assert_eq!(found[30..], exact[30..]);
}

#[test]
fn verify_finds_times_out_of_order() {
    let (driven, options) = driven();
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, options.clone());
    commit(&db, &driven, &[0, 300, 999, 1_000]);
    db.checkpoint().unwrap();
    db.trim_log(Time::from_ms(FIRST_MESSAGE_MS + 7_000).unwrap()).unwrap();
    db.close().unwrap();
    let mut start = log_start::LogStart::clone(&db.shared().log_start.read());
    let last_seq = start.position.seq - 1;
    let mut problems = |marks: &[(Seq, u64)]| {
        start.marks = Marks::default();
        marks.iter().for_each(|(seq, committed_ms)| start.marks.push(Mark { seq: *seq, committed_ms: *committed_ms }));
        let value = log_start::seal(&start, &mut Compressor::new().unwrap()).unwrap();
        let storage = MemoryStorage::with(storage.contents());
        storage.damage(|contents| drop(contents.records.insert(RECORD.to_owned(), value)));
        let db = home.open_on(&storage, options.clone());
        db.verify(|_| {}).unwrap().problems
    };
    assert_eq!(problems(&[(last_seq, BEGINNING_MS)]), []);
    let found = problems(&[(last_seq, BEGINNING_MS + 5_000)]);
    assert!(matches!(found[..], [Problem::CommitTime { .. }, ..]), "{found:?}");
    let found = problems(&[(last_seq - 1, BEGINNING_MS)]);
    assert!(matches!(found[..], [Problem::LogStart { .. }]), "{found:?}");
}

#[test]
fn jumps_of_the_clock_are_counted_and_noticed_at_opening() {
    let (driven, options) = driven();
    let home = Home::new();
    let db = home.open_with(options.clone());
    commit(&db, &driven, &[0, 3_600_000, 7_200_001]);
    let jump = Duration::from_millis(3_600_001);
    assert_eq!((db.counters().clock_jumps, db.counters().last_clock_jump), (1, Some(jump)));
    assert_eq!(db.recovery().clock_ahead, None);
    db.close().unwrap();
    driven.set(driven.read().wall_ms + 3_600_001);
    assert_eq!(home.open_with(options).recovery().clock_ahead, Some(jump));
}

/// A trim waits for the lock, and a replacement of the storage waits while it holds board and index.
#[test]
fn nobody_holds_the_beginning_of_the_log_while_the_log_is_read() {
    let (driven, options) = driven();
    let (home, storage) = (Home::new(), Arc::new(MemoryStorage::default()));
    let db = home.open_on(&storage, options);
    commit(&db, &driven, &[0, 300, 999, 1_000]);
    let (other, is_free) = (db.clone(), Arc::new(AtomicBool::new(false)));
    let found = is_free.clone();
    storage.before_block.set(move || found.store(other.shared().log_start.try_write().is_some(), Ordering::SeqCst));
    let times = db.committed_at_each((1..=4).collect());
    assert!(times.len() == 4 && is_free.load(Ordering::SeqCst));
}

#[test]
fn times_that_are_asked_for_while_the_log_is_trimmed_are_found() {
    let (driven, options) = driven();
    let (home, storage) = (Home::new(), Arc::new(MemoryStorage::default()));
    let db = home.open_on(&storage, options);
    commit(&db, &driven, &[0, 2_000, 4_000, 6_000]);
    db.checkpoint().unwrap();
    let last_seq = db.stats().last_seq;
    let before = db.committed_at_each((1..=last_seq).collect());
    let other = db.clone();
    storage.before_block.set(move || {
        // Otherwise the trim would wait for the reader, which waits for it here.
        assert!(other.shared().log_start.try_write().is_some());
        assert!(other.trim_log(Time::MAX).unwrap().events > 0);
    });
    assert_eq!(db.committed_at_each((1..=last_seq).collect()), before);
    assert!(db.stats().first_seq > 1);
}
