//! Erasure of an open database that is closed meanwhile, or that others write and read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use convofold_engine::{Moment, Query, StatusFilter};

use super::erase::{erase, event, events, fill, impersonal, is_clean, member, report};
use super::erase_open::{ERASED, meanwhile, of_member_one, used, when_copied};
use super::{Home, submit};
use crate::storage::memory::MemoryStorage;
use crate::{Batch, ChangesError, Options};

#[test]
fn closing_waits_for_an_erasure_to_end() {
    let (home, storage, db) = used();
    let (begun, is_begun) = crossbeam_channel::bounded(1);
    let erasing = db.clone();
    storage.before_block.set(move || begun.send(()).unwrap());
    let erasure = std::thread::spawn(move || erasing.erase(&of_member_one()));
    is_begun.recv().unwrap();
    db.close().unwrap();
    let outcome = erasure.join().unwrap();
    // It may have been complete before the database was closed.
    let left = if outcome.is_ok() { storage.created().unwrap() } else { storage };
    let db = home.open_on(&MemoryStorage::with(left.contents()), Options::new());
    assert_eq!(db.state(ERASED).unwrap().is_none(), outcome.is_ok());
    assert!(is_clean(&db));
    let names = || std::fs::read_dir(home.path()).unwrap();
    let names: Vec<_> = names().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.ends_with(".incomplete")), "{names:?}");
}

/// The proof reads nothing but the copy, which closing does not take away.
#[test]
fn closing_ends_the_proof_of_an_erasure_at_its_next_read() {
    let (home, storage, db) = used();
    let (closing, is_read_on) = (db.clone(), Arc::new(AtomicBool::new(false)));
    let (source, read_on) = (storage.clone(), is_read_on.clone());
    let begin = move || {
        let copy = source.created().unwrap();
        let copied = copy.clone();
        when_copied(&copy, 0, move || {
            let other = closing.clone();
            std::thread::spawn(move || other.close());
            while closing.shared().storage.read().is_some() {
                std::thread::yield_now();
            }
            copied.before_block.set(move || read_on.store(true, Ordering::SeqCst));
        });
    };
    meanwhile(false, &storage, &db, begin);
    db.erase(&of_member_one()).unwrap_err();
    assert!(!is_read_on.load(Ordering::SeqCst));
    db.close().unwrap();
    let db = home.open_on(&MemoryStorage::with(storage.contents()), Options::new());
    assert!(db.state(ERASED).unwrap().is_some() && is_clean(&db));
}

/// Ten members are erased, one after the other, while threads submit, ask, and read feeds.
#[test]
fn members_are_erased_one_after_the_other_beside_writers_and_readers() {
    const ERASED_MEMBERS: u64 = 10;
    const MEMBERS: u64 = 40;
    const NUMBERS: u64 = 60;
    let home = Home::new();
    let db = home.open_with(Options::new().memory_bytes(40_000).checkpoint_log_bytes(20_000).block_bytes(2_000));
    fill(&db, &events(MEMBERS, 0..6));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Those who are not erased go on writing.
        let writer = scope.spawn(|| {
            for number in 6..NUMBERS {
                for members in (ERASED_MEMBERS..MEMBERS).collect::<Vec<_>>().chunks(7) {
                    submit(&db, Batch::new(members.iter().map(|member| event(*member, number)).collect()));
                }
            }
        });
        let feed = scope.spawn(|| {
            let mut feed = db.changes(1);
            for seq in 1..=MEMBERS * 6 + (MEMBERS - ERASED_MEMBERS) * (NUMBERS - 6) {
                let change = feed.next_timeout(Duration::from_secs(60)).unwrap().unwrap();
                assert_eq!(change.seq, seq);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let mut texts = 0;
                    for member in 0..MEMBERS {
                        let id = format!("member-{member:04}_1700000000000");
                        let state = db.state(&id).unwrap();
                        assert!(state.is_some() || member < ERASED_MEMBERS);
                        texts += db.history(&id).unwrap().map_or(0, |history| history.len());
                    }
                    assert!(texts > 0);
                    let any = db.query(&Query::new().status(StatusFilter::Any).agent("7").limit(100)).unwrap();
                    let ids: BTreeSet<_> = any.rows.iter().map(|row| row.id()).collect();
                    assert_eq!((ids.len() as u64, any.rows.len() as u64), (MEMBERS, MEMBERS));
                    let _ = report(&db);
                    let now = db.at(Moment::LATEST);
                    assert_eq!(now.totals().unwrap().iter().map(|totals| totals.conversations).sum::<u64>(), MEMBERS);
                    match db.export(&mut std::io::sink()) {
                        Ok(exported) => assert_eq!(exported.conversations, MEMBERS),
                        Err(error) => assert!(error.to_string().contains("erased meanwhile"), "{error:?}"),
                    }
                }
            });
        }
        for number in 0..ERASED_MEMBERS {
            let erased = db.erase(&erase([member(number)])).unwrap().unwrap();
            assert_eq!((erased.receipt.number, erased.receipt.events), (number + 1, 6));
        }
        writer.join().unwrap();
        feed.join().unwrap();
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(is_clean(&db));
    let (hash, lines, figures) = (db.state_hash(), impersonal(&db), report(&db));
    db.close().unwrap();
    let db = home.open();
    assert_eq!((db.state_hash(), impersonal(&db)), (hash, lines.clone()));
    assert!(is_clean(&db));
    // The same events, erased from a closed database.
    let other = Home::new();
    let model = other.open();
    submit(&model, Batch::new(events(MEMBERS, 0..6)));
    for number in 6..NUMBERS {
        submit(&model, Batch::new((ERASED_MEMBERS..MEMBERS).map(|member| event(member, number)).collect()));
    }
    model.close().unwrap();
    erase((0..ERASED_MEMBERS).map(member)).run(other.path()).unwrap().unwrap();
    let model = other.open();
    assert_eq!((impersonal(&model), report(&model)), (lines, figures));
    assert!(matches!(db.changes(1).try_next(), Ok(Some(_)) | Err(ChangesError::Closed)));
}
