//! Spec section 1 for the whole store: the state is that of the naive model, whatever happens to the process between
//! the events. Closing and reopening, a crash, and a checkpoint are steps like any other.

#![expect(clippy::expect_used, reason = "tests may panic")]

use std::path::Path;

use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold::replay::{Input, Replay};
use convofold::{Batch, Convofold, Durability, Event, Options};
use convofold_tests::arbitrary::wire_log;
use convofold_tests::model::model;
use proptest::prelude::*;
use tempfile::TempDir;

/// One step in the life of a database.
#[derive(Clone, Debug)]
enum Step {
    /// Some lines of the log arrive together.
    Deliver { lines: Vec<prop::sample::Index>, durability: bool },
    /// A checkpoint is requested.
    Checkpoint,
    /// The database is closed and opened again.
    Reopen,
    /// The process dies, and another one opens what is on the disk.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (prop::collection::vec(any::<prop::sample::Index>(), 1..6), any::<bool>())
            .prop_map(|(lines, durability)| Step::Deliver { lines, durability }),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

/// A database in a directory that a crash replaces by a copy of itself.
struct Life {
    folder: TempDir,
    db: Convofold,
}

fn open(folder: &Path) -> Convofold {
    // Small limits, so that every run splits and joins blocks and pages.
    Options::new().block_bytes(512).checkpoint_log_bytes(4 << 10).open(folder).expect("the database opens")
}

impl Life {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open(folder.path());
        Self { folder, db }
    }

    fn take(&mut self, step: &Step, log: &[String]) {
        match step {
            Step::Deliver { lines, durability } => self.deliver(lines, *durability, log),
            Step::Checkpoint => drop(self.db.checkpoint().expect("a checkpoint")),
            Step::Reopen => {
                self.db.close().expect("the database closes");
                self.db = open(self.folder.path());
            }
            Step::Crash => self.crash(),
        }
    }

    fn deliver(&self, lines: &[prop::sample::Index], synced: bool, log: &[String]) {
        if log.is_empty() {
            return;
        }
        let input = lines.iter().map(|line| log[line.index(log.len())].as_str()).collect::<Vec<_>>().join("\n");
        let durability = if synced { Durability::Synced } else { Durability::Buffered };
        let batch = Batch::new(events(&input)).durability(durability);
        self.db.submit(batch).expect("room in the queue").wait().expect("a commit");
    }

    /// A kill leaves what was written: a copy of the directory, made while the database is open.
    fn crash(&mut self) {
        self.db.sync().expect("a barrier");
        let after = tempfile::tempdir().expect("a folder");
        copy(self.folder.path(), after.path());
        self.db.close().expect("the database closes");
        self.folder = after;
        self.db = open(self.folder.path());
    }

    fn export(&self) -> Vec<String> {
        let mut export = Vec::new();
        self.db.export(&mut export).expect("an export");
        String::from_utf8(export).expect("UTF-8").lines().map(str::to_owned).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir(&target).expect("a new folder");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn events(input: &str) -> Vec<Event> {
    #[derive(Default)]
    struct Events(Vec<Event>);
    impl Sink for Events {
        fn event(&mut self, _origin: Origin, event: Event) {
            self.0.push(event);
        }
        fn ignored(&mut self, _origin: Origin, _why: Ignored) {}
        fn rejected(&mut self, _rejection: Rejection) {}
    }
    let mut events = Events::default();
    Parser::new(Format::Auto, Limits::default()).parse_input(input.as_bytes(), &mut events);
    events.0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_between_the_events(log in wire_log(), steps in prop::collection::vec(step(), 1..10)) {
        let mut life = Life::new();
        for step in &steps {
            life.take(step, &log);
        }
        // At the end all lines arrive, most of them for the second time.
        life.db.ingest(log.join("\n").as_bytes(), Format::Auto).expect("an ingest");
        let expected = model(&log);
        prop_assert_eq!(life.export(), expected.export.clone());
        prop_assert_eq!(life.db.state_hash().to_string(), expected.hash.clone());
        life.take(&Step::Reopen, &log);
        prop_assert_eq!(life.export(), expected.export);
        prop_assert_eq!(life.db.state_hash().to_string(), expected.hash);
    }

    #[test]
    fn a_bulk_replay_on_any_number_of_threads(log in wire_log(), threads in prop::sample::select(vec![1_usize, 2, 8])) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("log.ndjson");
        std::fs::write(&file, log.join("\n")).expect("a log");
        let db = Options::new().parse_threads(threads).open(folder.path().join("db")).expect("a database");
        Replay::new(&db).input(Input::path(&file)).run().expect("a replay");
        prop_assert_eq!(db.state_hash().to_string(), model(&log).hash);
    }
}
