//! Log messages for operators.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use super::{Home, messages, submit};
use crate::replay::{Input, Replay};
use crate::storage::memory::MemoryStorage;
use crate::write::batch::SubmitError;
use crate::{Batch, Options};

/// A writer that collects all messages as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A subscriber that lives as long as the process. While there is only one, `tracing` asks the subscriber of the thread
/// that first reaches a call site whether it is interested, and caches the answer for all threads. A parallel test
/// without a subscriber would then disable that call site for these tests.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// The messages while `run` runs, on this thread and the threads that it starts.
fn told(run: impl FnOnce()) -> String {
    LazyLock::force(&ANOTHER);
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, run);
    let told = lines.0.lock().unwrap().clone();
    String::from_utf8(told).unwrap()
}

#[track_caller]
fn expect(told: &str, chunks: &[&str]) {
    let tells = |line: &str| chunks.iter().all(|chunk| line.contains(chunk));
    assert!(told.lines().any(tells), "{chunks:?} is not in\n{told}");
}

#[test]
fn opening_committing_checkpoints_and_replays_are_told() {
    let home = Home::new();
    let log = home.dir.path().join("log");
    std::fs::write(&log, "nonsense\n").unwrap();
    let told = told(|| {
        let db = home.open();
        submit(&db, Batch::new(messages(0, 10)));
        db.checkpoint().unwrap();
        Replay::new(&db).input(Input::path(&log)).run().unwrap();
        db.verify(|_| {}).unwrap();
        db.trim_log(convofold_engine::Time::MIN).unwrap();
        db.close().unwrap();
    });
    expect(&told, &[" INFO open{dir=", "convofold: opened is_new=true events_replayed=0 last_seq=0"]);
    expect(&told, &["DEBUG convofold: committed batches=1 first_seq=1 last_seq=10 durable=true"]);
    expect(&told, &[" INFO checkpoint: convofold: checkpoint written seq=10 generation=1"]);
    expect(&told, &[" INFO replay{inputs=1}: convofold: replayed events=0 rejected=1 stopped=false"]);
    expect(&told, &[" INFO verify: convofold: no problems found"]);
    expect(&told, &[" INFO trim{before=1970-01-01T00:00:00.000Z}: convofold: trimmed events=0"]);
    assert!(!told.contains("WARN") && !told.contains("ERROR"), "{told}");
    assert!(!told.contains("case-1") && !told.contains("Is anybody there?"), "{told}");
}

#[test]
fn a_failed_write_is_told_once_with_its_cause() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let told = told(|| {
        let db = home.open_on(&storage, Options::new());
        storage.fail_append.set(1);
        db.submit(Batch::new(messages(0, 1))).unwrap().wait().unwrap_err();
        assert!(matches!(db.submit(Batch::new(messages(0, 1))), Err(SubmitError::Poisoned { .. })));
        db.close().unwrap_err();
    });
    expect(
        &told,
        &[
            "ERROR",
            "convofold: a write failed; no more writes are accepted until the database is reopened error=failure injected by a test",
        ],
    );
    assert_eq!(told.matches("ERROR").count(), 1, "{told}");
}

#[test]
fn a_checkpoint_that_cannot_be_used_and_a_page_that_is_damaged_are_told() {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    submit(&db, Batch::new(messages(0, 10)));
    db.close().unwrap();
    storage.damage(|contents| contents.records.values_mut().for_each(|value| value.truncate(8)));
    let told_at_opening = told(|| drop(home.open_on(&storage, Options::new())));
    expect(&told_at_opening, &[" WARN", "convofold: skipped an unusable checkpoint generation=1 why="]);

    let other = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let db = other.open_on(&storage, Options::new().memory_bytes(1));
    submit(&db, Batch::new(messages(0, 10)));
    db.sync().unwrap();
    storage.damage(|contents| contents.pages.values_mut().for_each(|value| value.truncate(8)));
    let told_at_reading = told(|| drop(db.state("case-1").unwrap_err()));
    expect(&told_at_reading, &["ERROR convofold: a page of conversations is damaged page_no=0 why="]);
}

#[test]
fn a_store_that_does_not_open_says_why() {
    let home = Home::new();
    std::fs::create_dir_all(home.path()).unwrap();
    std::fs::write(home.path().join("something"), "else").unwrap();
    let told = told(|| drop(Options::new().open(home.path()).unwrap_err()));
    expect(&told, &["ERROR convofold: the database was not opened error=", "is not a database"]);
}
