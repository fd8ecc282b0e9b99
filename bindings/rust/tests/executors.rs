//! Tickets and the change feed can be awaited on any executor: here a single-threaded loop and two runtimes of tokio.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test and its helpers stop at the first failure")]

use std::time::Duration;

use convofold::{Batch, CommitError, Convofold, Draft, Event, Kind, SubmitError, Time};
use tokio::runtime::{Builder, Runtime};

fn message(number: u64) -> Event {
    let text = number.to_string();
    Draft::new(
        "desk",
        &format!("case-{}", number % 10),
        Kind::Message,
        Time::from_ms(1_772_443_000_000 + i64::try_from(number).unwrap()),
    )
    .text(text.as_str())
    .build()
    .unwrap()
}

fn store() -> (tempfile::TempDir, Convofold) {
    let folder = tempfile::tempdir().unwrap();
    let db = Convofold::open(folder.path()).unwrap();
    (folder, db)
}

/// The pattern for asynchronous hosts: never block, and retry while the queue is full.
async fn commit(db: Convofold, number: u64) -> u64 {
    let mut batch = Batch::new(vec![message(number)]);
    loop {
        match db.try_submit(batch) {
            Ok(ticket) => return ticket.await.unwrap().first_seq.unwrap(),
            Err(SubmitError::Full(refused)) => batch = refused,
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn commits_a_thousand(runtime: &Runtime) {
    let (_folder, db) = store();
    let mut seqs = runtime.block_on(async {
        let tasks: Vec<_> = (0..1_000).map(|number| tokio::spawn(commit(db.clone(), number))).collect();
        let mut seqs = Vec::new();
        for task in tasks {
            seqs.push(task.await.unwrap());
        }
        seqs
    });
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(db.stats().durable_seq, 1_000);
}

#[test]
fn on_the_thread_that_calls() {
    let (_folder, db) = store();
    for number in 0..20 {
        let receipt = pollster::block_on(db.submit(Batch::new(vec![message(number)])).unwrap()).unwrap();
        assert!(receipt.durable);
        assert_eq!(receipt.last_seq, Some(number + 1));
    }
}

#[test]
fn on_many_threads_of_tokio() {
    commits_a_thousand(&Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap());
}

#[test]
fn on_one_thread_of_tokio() {
    commits_a_thousand(&Builder::new_current_thread().enable_time().build().unwrap());
}

#[test]
fn a_ticket_that_is_dropped_is_committed_all_the_same() {
    let (_folder, db) = store();
    Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
        let ticket = db.submit(Batch::new(vec![message(1)])).unwrap();
        // The result does not matter: the ticket is dropped here.
        let _ = tokio::time::timeout(Duration::ZERO, ticket).await;
    });
    db.sync().unwrap();
    assert_eq!(db.stats().last_seq, 1);
}

#[test]
fn a_closed_store_is_told_by_the_ticket_or_before() {
    let (_folder, db) = store();
    let closing = db.clone();
    let closer = std::thread::spawn(move || closing.close().unwrap());
    pollster::block_on(async {
        for number in 0.. {
            match db.try_submit(Batch::new(vec![message(number)])) {
                Ok(ticket) => match ticket.await {
                    Ok(receipt) => assert!(receipt.durable),
                    Err(error) => return assert!(matches!(error, CommitError::Closed), "{error}"),
                },
                Err(error) => return assert!(matches!(error, SubmitError::Closed), "{error}"),
            }
        }
    });
    closer.join().unwrap();
}

#[test]
fn a_feed_is_awaited_and_ends_with_the_database() {
    let (_folder, db) = store();
    let mut changes = db.changes(1);
    let writing = db.clone();
    let writer = std::thread::spawn(move || {
        for number in 0..200 {
            writing.submit(Batch::new(vec![message(number)])).unwrap().wait().unwrap();
        }
    });
    let followed = Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
        let mut seqs = Vec::new();
        while seqs.len() < 200 {
            // A timeout drops the future of an event; no event is lost.
            if let Ok(change) = tokio::time::timeout(Duration::from_micros(300), changes.next()).await {
                seqs.push(change.unwrap().unwrap().seq);
            }
        }
        seqs
    });
    assert_eq!(followed, (1..=200).collect::<Vec<_>>());
    writer.join().unwrap();
    let closing = db.clone();
    let closer = std::thread::spawn(move || closing.close().unwrap());
    assert!(pollster::block_on(changes.next()).is_none());
    assert!(pollster::block_on(changes.next()).is_none());
    closer.join().unwrap();
}

#[test]
fn a_stopped_feed_ends() {
    let (_folder, db) = store();
    db.submit(Batch::new(vec![message(1)])).unwrap().wait().unwrap();
    let mut changes = db.changes(1);
    let stop = changes.stop_handle();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        stop.stop();
    });
    assert_eq!(pollster::block_on(changes.next()).unwrap().unwrap().seq, 1);
    assert!(pollster::block_on(changes.next()).is_none());
    stopper.join().unwrap();
}
