//! `ingest --follow` and `tail --follow`: what grows is read as it grows, through rotation, truncation and kills.

#![cfg(unix)]
#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

use convofold_tests::command::Desk;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn event(id: &str) -> String {
    format!(
        "{{\"convofold\":1,\"source\":\"x\",\"conversation\":\"{id}\",\"kind\":\"message\",\
         \"occurred\":\"2026-01-15T10:00:00Z\"}}\n"
    )
}

fn append(desk: &Desk, name: &str, text: impl AsRef<[u8]>) {
    let mut file = File::options().append(true).create(true).open(desk.path(name)).expect("a file");
    file.write_all(text.as_ref()).expect("it is written");
}

/// A command that follows, and what it prints.
struct Follower {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    notes: Lines<BufReader<ChildStderr>>,
}

impl Follower {
    fn start(desk: &Desk, args: &[&str]) -> Self {
        let mut command = desk.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let notes = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        Self { child, lines, notes }
    }

    fn ingest(desk: &Desk) -> Self {
        Self::start(desk, &["ingest", "--follow", "log", "--db", "db"])
    }

    /// The next line of standard output, once it is there.
    #[track_caller]
    fn line(&mut self) -> String {
        self.lines.next().expect("a line").expect("text")
    }

    /// The next answer: line number, applied events, rejected ones.
    #[track_caller]
    fn answer(&mut self) -> [u64; 3] {
        let answer: Value = serde_json::from_str(&self.line()).expect("JSON");
        ["line", "applied", "rejected"].map(|key| answer[key].as_u64().expect("a number"))
    }

    #[track_caller]
    fn note(&mut self) -> String {
        self.notes.next().expect("a note").expect("text")
    }

    fn end(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
        self.child.wait().expect("an end").code()
    }
}

fn events(desk: &Desk) -> u64 {
    desk.run("stats", &["--json"]).json()["events"].as_u64().expect("a number")
}

#[test]
fn lines_are_ingested_as_they_are_completed() {
    let desk = Desk::default();
    let mut follower = Follower::ingest(&desk);
    assert!(follower.note().contains("log does not exist yet: waiting for it"));
    append(&desk, "log", event("c-1"));
    assert_eq!(follower.answer(), [1, 1, 0]);
    let next = event("c-2");
    let (beginning, end) = next.split_at(30);
    append(&desk, "log", [&event("c-3"), beginning].concat());
    assert_eq!(follower.answer(), [2, 1, 0]);
    append(&desk, "log", end);
    assert_eq!(follower.answer(), [3, 1, 0]);
    append(&desk, "log", "no event\n");
    assert_eq!(follower.answer(), [4, 0, 1]);
    // Another one that is not complete.
    append(&desk, "log", beginning);
    assert_eq!(follower.end(Signal::TERM), Some(0));
    assert_eq!(events(&desk), 3);
    let mut follower = Follower::ingest(&desk);
    append(&desk, "log", end);
    // It is the same event again; what was rejected is not read again.
    assert_eq!(follower.answer(), [5, 0, 0]);
    assert_eq!(follower.end(Signal::INT), Some(0));
}

#[test]
fn a_killed_run_is_resumed_where_it_stopped() {
    let desk = Desk::default();
    let log = desk.run_bare(&["generate", "--events", "4000", "--seed", "5"]).stdout;
    let (first, rest) = log.split_at(log.len() * 3 / 4);
    append(&desk, "log", first);
    let mut follower = Follower::ingest(&desk);
    for line in 1..=1_000 {
        assert_eq!(follower.answer()[0], line);
    }
    follower.child.kill().expect("a kill");
    follower.child.wait().expect("an end");
    append(&desk, "log", rest);
    let mut follower = Follower::ingest(&desk);
    let resumed_at = follower.answer()[0];
    // At most a piece of 64 KiB is read again.
    assert!((500..=4_000).contains(&resumed_at), "{resumed_at}");
    for line in resumed_at + 1..=4_000 {
        assert_eq!(follower.answer()[0], line);
    }
    assert_eq!(follower.end(Signal::TERM), Some(0));
    assert_eq!(events(&desk), 4_000);
    assert_eq!(desk.run_bare(&["replay", "log", "--db", "replayed"]).code, Some(0));
    assert_eq!(desk.run("hash", &[]), desk.run_bare(&["hash", "--db", "replayed"]));
}

#[test]
fn a_rotated_file_is_read_to_its_end_before_the_new_one() {
    let desk = Desk::default();
    append(&desk, "log", [event("c-1"), event("c-2")].concat());
    let mut follower = Follower::ingest(&desk);
    assert_eq!([follower.answer()[0], follower.answer()[0]], [1, 2]);
    fs::rename(desk.path("log"), desk.path("log.1")).expect("a rotation");
    append(&desk, "log.1", event("c-3"));
    assert_eq!(follower.answer(), [3, 1, 0]);
    // The writer still has the old file open.
    append(&desk, "log", "");
    append(&desk, "log.1", event("c-4"));
    assert_eq!(follower.answer(), [4, 1, 0]);
    append(&desk, "log.1", event("c-5").trim_end());
    append(&desk, "log", event("c-6"));
    assert_eq!([follower.answer(), follower.answer()], [[5, 1, 0], [1, 1, 0]]);
    assert_eq!(follower.end(Signal::TERM), Some(0));
    assert_eq!(events(&desk), 6);
}

#[test]
fn a_file_that_was_rotated_while_nobody_followed_it_is_read_to_its_end() {
    let desk = Desk::default();
    append(&desk, "log", event("c-1"));
    let mut follower = Follower::ingest(&desk);
    follower.answer();
    assert_eq!(follower.end(Signal::TERM), Some(0));
    append(&desk, "log", event("c-2"));
    fs::rename(desk.path("log"), desk.path("log.1")).expect("a rotation");
    append(&desk, "log", event("c-3"));
    let mut follower = Follower::ingest(&desk);
    assert_eq!([follower.answer(), follower.answer()], [[2, 1, 0], [1, 1, 0]]);
    assert!(follower.note().contains("log.1: reading the rest of it first"));
    assert_eq!(follower.end(Signal::TERM), Some(0));
    // It is gone altogether.
    fs::remove_file(desk.path("log")).expect("it is removed");
    append(&desk, "other", event("c-4"));
    fs::rename(desk.path("other"), desk.path("log")).expect("a rotation");
    let mut follower = Follower::ingest(&desk);
    assert_eq!(follower.answer(), [1, 1, 0]);
    assert!(follower.note().contains("is not the file that was read before"));
    assert_eq!(follower.end(Signal::TERM), Some(0));
}

#[test]
fn a_truncated_file_is_read_from_its_beginning() {
    let desk = Desk::default();
    append(&desk, "log", [event("c-1"), event("c-2")].concat());
    let mut follower = Follower::ingest(&desk);
    follower.answer();
    follower.answer();
    // Shorter than before, and longer with another beginning.
    for text in [event("c-3"), event("c-4-with-a-longer-id") + &event("c-5") + &event("c-6")] {
        desk.write("log", &text);
        assert!(follower.note().contains("log was truncated: reading it from the beginning"));
        for line in 1..=text.lines().count() as u64 {
            assert_eq!(follower.answer(), [line, 1, 0]);
        }
    }
    assert_eq!(follower.end(Signal::TERM), Some(0));
    // Truncated while nobody followed it.
    desk.write("log", event("c-7"));
    let mut follower = Follower::ingest(&desk);
    assert_eq!(follower.answer(), [1, 1, 0]);
    assert_eq!(follower.end(Signal::TERM), Some(0));
    assert_eq!(events(&desk), 7);
}

/// The place in the file is stored by the process that holds the database.
#[test]
fn a_file_is_followed_beside_a_process_that_holds_the_database() {
    let desk = Desk::default();
    let mut command = desk.command(&["ingest", "--db", "db"]);
    let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = holder.stdin.take().expect("a pipe");
    stdin.write_all(event("c-0").as_bytes()).expect("it reads");
    let mut answers = BufReader::new(holder.stdout.take().expect("a pipe")).lines();
    answers.next().expect("an answer").expect("text");
    for line in 1..=3 {
        append(&desk, "log", event(&format!("c-{line}")));
        let mut follower = Follower::ingest(&desk);
        assert_eq!(follower.answer(), [line, 1, 0]);
        follower.child.kill().expect("a kill");
        follower.child.wait().expect("an end");
    }
    drop(stdin);
    assert_eq!(holder.wait().expect("an end").code(), Some(0));
    assert_eq!(events(&desk), 4);
}

#[test]
fn a_followed_log_ends_at_the_limit() {
    let desk = Desk::with_log([event("c-1"), event("c-2"), event("c-3")].concat());
    let ran = desk.run("tail", &["--follow", "--from", "1", "--limit", "2", "--json"]);
    assert_eq!((ran.code, ran.json_lines().len()), (Some(0), 2), "{ran:?}");
    assert_eq!(ran.stderr, "continue with --from 3\n");
}

#[test]
fn what_cannot_be_followed_ends_the_command() {
    let desk = Desk::default();
    desk.write("log", b"\xff\xfe{\0}\0\n\0");
    for (name, expected) in
        [("log", "cannot read log: the text is not UTF-8"), (".", "cannot read .: not a regular file")]
    {
        let ran = desk.run_bare(&["ingest", "--follow", name, "--db", "db"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
}

#[test]
fn new_events_are_printed_as_they_come() {
    let desk = Desk::with_log([event("c-1"), event("c-2")].concat());
    let mut follower = Follower::start(&desk, &["tail", "--follow", "--json", "--limit", "1", "--db", "db"]);
    let seq = |follower: &mut Follower| {
        serde_json::from_str::<Value>(&follower.line()).expect("JSON")["seq"].as_u64().expect("a number")
    };
    assert_eq!(seq(&mut follower), 2);
    desk.write("more", event("c-3") + &event("c-4"));
    // A reader may hold the database at this moment.
    while desk.run("replay", &["more"]).code == Some(5) {}
    assert_eq!([seq(&mut follower), seq(&mut follower)], [3, 4]);
    // A process that holds the database answers.
    let mut writer = Follower::start(&desk, &["ingest", "--follow", "log-2", "--db", "db"]);
    append(&desk, "log-2", event("c-5"));
    writer.answer();
    assert_eq!(seq(&mut follower), 5);
    append(&desk, "log-2", event("c-6"));
    assert_eq!(seq(&mut follower), 6);
    assert_eq!(writer.end(Signal::TERM), Some(0));
    assert_eq!(follower.end(Signal::INT), Some(0));
    assert_eq!(follower.note(), "continue with --from 7");
}
