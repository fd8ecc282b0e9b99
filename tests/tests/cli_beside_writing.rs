//! Commands that write, copy and check a database beside the process that holds it.

#![expect(clippy::unwrap_used, reason = "tests and their helpers may panic")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use convofold::Convofold;
use convofold_tests::command::{Desk, Ran};
use convofold_tests::holder::Holder;
use convofold_tests::serving::Serving;
use flate2::write::GzEncoder;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

fn message(id: &str, number: u64, more: &str) -> String {
    let id = Value::from(id);
    format!(
        r#"{{"convofold":1,"source":"desk","conversation":{id},"identity":"{number}","kind":"message","direction":"in","occurred":"2021-07-29T06:00:00Z"{more}}}"#
    )
}

fn generated(desk: &Desk, events: &str, seed: &str) -> Vec<u8> {
    let args = ["generate", "--events", events, "--seed", seed, "--duplicates", "0.05", "--shuffle", "30"];
    desk.command(&args).output().unwrap().stdout
}

/// A log in which every second line is no event.
fn nonsense(desk: &Desk) -> Vec<u8> {
    let wrong: [&[u8]; 9] = [
        b"",
        b"{",
        b"nonsense \xff\xfe",
        b"[1,{\"a\":2}]",
        b"{\"commit\":1}",
        br#"{"convofold":1,"source":"desk","conversation":"c","kind":"message","occurred":"soon"}"#,
        br#"{"id":"2","type":"CUSTOM","occurred":"2026-03-02T09:15:00Z","body":{"name":"live_chat_message","interaction_type":"smoke"}}"#,
        "\u{feff}{}".as_bytes(),
        b"null",
    ];
    let log = generated(desk, "200", "7");
    let lines = log.split_inclusive(|byte| *byte == b'\n').zip(wrong.iter().cycle());
    lines.flat_map(|(line, wrong)| [line, wrong, b"\n"].concat()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Runs a command that reads this input.
fn fed(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output: Output = thread::scope(|scope| {
        // The command may end before it has read everything.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    output.into()
}

/// Two desks with equal databases. That of the second one is held by this process.
struct Pair {
    here: Desk,
    beside: Desk,
    db: Convofold,
    answering: Option<convofold_server::Answering>,
}

impl Pair {
    /// `files` are on both desks.
    fn new(files: &[(&str, Vec<u8>)]) -> Self {
        let [here, beside] = [Desk::default(), Desk::default()];
        for (name, content) in files {
            here.write(name, content);
            beside.write(name, content);
        }
        let seed = generated(&here, "300", "1");
        assert_eq!(fed(here.command(&["replay", "-", "--db", "db"]), &seed).code, Some(0));
        copy(&here, &beside);
        let db = Convofold::open(beside.path("db")).unwrap();
        let answering = Some(convofold_server::answer(&db).unwrap());
        Self { here, beside, db, answering }
    }

    /// Runs a command on both databases, and expects equal output, exit codes and databases. Returns the output.
    #[track_caller]
    fn run(&self, args: &[&str], input: &[u8]) -> Ran {
        let of = |desk: &Desk| fed(desk.command(&[args, &["--db", "db"]].concat()), input);
        let (here, beside) = (of(&self.here), of(&self.beside));
        assert_eq!(without_times(&beside), without_times(&here), "{args:?}");
        let rejects = |desk: &Desk| fs::read_to_string(desk.path("rejects")).unwrap_or_default();
        assert_eq!(rejects(&self.beside), rejects(&self.here), "{args:?}");
        let state = |desk: &Desk| (desk.run("hash", &[]), desk.run("export", &["--events"]));
        assert_eq!(state(&self.beside), state(&self.here), "{args:?}");
        here
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        drop(self.answering.take());
        let _ = self.db.close();
    }
}

/// Copies the database of a desk to another one.
fn copy(from: &Desk, to: &Desk) {
    let copied = Command::new("cp").arg("-r").arg(from.path("db")).arg(to.path("db")).status().unwrap();
    assert!(copied.success());
}

/// The output without the durations of the run, and without the size of a backup, in which commit times are compressed.
fn without_times(ran: &Ran) -> Ran {
    let is_time = |line: &&str| !["time ", "rate ", "took ", "size "].iter().any(|name| line.starts_with(name));
    let mut ran = ran.clone();
    if let Ok(Value::Object(mut report)) = serde_json::from_str(&ran.stdout) {
        let is_backup = report.contains_key("incremental");
        report.retain(|name, _| {
            !(["took_ms", "events_per_second"].contains(&name.as_str()) || (is_backup && name == "bytes"))
        });
        ran.stdout = Value::Object(report).to_string();
    } else {
        ran.stdout = ran.stdout.lines().filter(is_time).collect::<Vec<_>>().join("\n");
    }
    ran.stderr = ran.stderr.lines().filter(is_time).collect::<Vec<_>>().join("\n");
    ran
}

#[test]
fn ingest_answers_the_same() {
    let pair = Pair::new(&[]);
    let log = generated(&pair.here, "800", "2");
    let nonsense = nonsense(&pair.here);
    let utf16: Vec<u8> =
        format!("\u{feff}{}\n", message("utf-16", 1, "")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let array = |events: u64| {
        let events: Vec<_> = (0..events).map(|number| message("array", number, "")).collect();
        format!("{}\n[{}]\n{}\n", message("before", 1, ""), events.join(","), message("after", 1, "")).into_bytes()
    };
    let text = message("text", 1, &format!(r#","text":"{}""#, "\\u0001å\\n".repeat(20_000)));
    let ran = pair.run(&["ingest"], &log);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.json_lines().len() > 800);
    let ran = pair.run(&["ingest"], &log);
    assert!(ran.json_lines().iter().all(|answer| answer["applied"] == 0), "{ran:?}");
    for (args, input, code) in [
        (&["ingest"][..], &b""[..], 0),
        (&["ingest"], b"\n\n", 0),
        (&["ingest", "--rejects", "rejects"], &nonsense, 3),
        (&["ingest", "--rejects", "rejects", "--ignore", "smoke"], &nonsense, 3),
        (&["ingest", "--format", "airship"], &log, 3),
        (&["ingest", "--zone", "Europe/Oslo"], &generated(&pair.here, "100", "3"), 0),
        (&["ingest", "--max-line", "1KiB"], text.as_bytes(), 3),
        (&["ingest"], text.as_bytes(), 0),
        (&["ingest"], message("no line end", 1, "").as_bytes(), 0),
        (&["ingest"], &utf16, 0),
        (&["ingest"], &array(2_000), 0),
        // More events than a batch can have.
        (&["ingest", "--max-line", "32MiB"], &array(65_537), 0),
        (&["ingest", "--rejects", "db/rejects"], b"", 2),
        (&["ingest", "--rejects", "missing/rejects"], &nonsense, 1),
        (&["ingest", "--max-line", "much"], b"", 2),
    ] {
        let ran = pair.run(args, input);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn replay_reports_the_same() {
    let desk = Desk::default();
    let (log, nonsense) = (generated(&desk, "900", "4"), nonsense(&desk));
    let packed = gzip(&log);
    let cut = packed.get(..packed.len() / 2).unwrap().to_vec();
    let pair = Pair::new(&[
        ("logs/a", log.clone()),
        ("logs/b.gz", gzip(&generated(&desk, "300", "5"))),
        ("logs/.hidden", Vec::new()),
        ("nonsense", nonsense.clone()),
        ("cut.gz", cut),
        ("empty", Vec::new()),
        ("letter", b"Dear Ida\n".to_vec()),
    ]);
    for (args, input, code) in [
        (&["replay", "cut.gz"][..], &b""[..], 3),
        (&["replay", "logs", "--json"], b"", 0),
        (&["replay", "logs"], b"", 0),
        (&["replay", "logs/*", "--threads", "1"], b"", 0),
        (&["replay", "nonsense", "--rejects", "rejects"], b"", 3),
        (&["replay", "nonsense", "--rejects", "rejects", "--json", "--ignore", "smoke"], b"", 3),
        (&["replay", "-"], &generated(&desk, "300", "6"), 0),
        (&["replay", "-", "--json", "--format", "superoffice"], &nonsense, 3),
        (&["replay", "missing"], b"", 1),
        (&["replay", "empty"], b"", 0),
        (&["replay", "logs/a", "--rejects", "letter"], b"", 2),
        (&["replay", "logs/a", "--zone", "Nowhere"], b"", 2),
    ] {
        let ran = pair.run(args, input);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn copies_checks_and_lists_are_the_same() {
    let pair = Pair::new(&[("letter", b"Dear Ida\n".to_vec()), ("more", generated(&Desk::default(), "50", "8"))]);
    let other = Desk::default();
    assert_eq!(fed(other.command(&["replay", "-", "--db", "db"]), &generated(&other, "90", "9")).code, Some(0));
    assert_eq!(other.run("backup", &["other"]).code, Some(0));
    for desk in [&pair.here, &pair.beside] {
        fs::copy(other.path("other"), desk.path("other")).unwrap();
    }
    for (args, code) in [
        (&["verify"][..], 0),
        (&["verify", "--json"], 0),
        (&["audit"], 0),
        (&["audit", "--sample", "5", "--seed", "3", "--json"], 0),
        (&["tail"], 0),
        (&["tail", "--limit", "3", "--json"], 0),
        (&["tail", "--from", "290"], 0),
        (&["tail", "--from", "9999"], 0),
        (&["tail", "--from", "0"], 2),
        (&["export", "--events"], 0),
        (&["backup", "monday"], 0),
        (&["backup", "monday"], 1),
        (&["backup", "letter"], 1),
        (&["replay", "more"], 0),
        (&["backup", "tuesday", "--since", "monday", "--json"], 0),
        (&["backup", "wednesday", "--since", "letter"], 1),
        (&["backup", "wednesday", "--since", "other"], 1),
        (&["backup", "wednesday", "--since", "missing"], 1),
        (&["trim", "--older-than", "1d", "--now", "1980-01-01"], 0),
    ] {
        let ran = pair.run(args, b"");
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
    }
    for desk in [&pair.here, &pair.beside] {
        let ran = desk.run_bare(&["restore", "monday", "tuesday", "--db", "restored"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(desk.run_bare(&["hash", "--db", "restored"]).stdout, desk.run("hash", &[]).stdout);
    }
}

#[test]
fn a_log_that_was_trimmed_beside_its_holder_begins_later() {
    let [here, beside] = [Desk::default(), Desk::default()];
    for seed in ["1", "2", "3"] {
        assert_eq!(fed(here.command(&["replay", "-", "--db", "db"]), &generated(&here, "500", seed)).code, Some(0));
    }
    assert_eq!(here.run("backup", &["before"]).code, Some(0));
    fs::copy(here.path("before"), beside.path("before")).unwrap();
    copy(&here, &beside);
    let holder = Holder::start(&beside);
    for args in [
        &["trim", "--older-than", "1d", "--json"][..],
        &["tail", "--from", "1"],
        &["tail", "--from", "1", "--json"],
        &["backup", "after", "--since", "before"],
        &["verify", "--json"],
        &["hash"],
    ] {
        let of = |desk: &Desk| without_times(&desk.run_bare(&[args, &["--db", "db"]].concat()));
        let (here, beside) = (of(&here), of(&beside));
        // A holder writes other checkpoints.
        if args[0] != "verify" {
            assert_eq!(beside, here, "{args:?}");
        }
        assert_eq!(beside.code, here.code, "{args:?}: {beside:?} {here:?}");
    }
    assert!(here.run("stats", &["--json"]).json()["blocks"].as_u64() < Some(10));
    holder.end();
}

/// A replay that is killed and started again resumes, although the database stays open.
#[test]
fn a_killed_replay_resumes_beside_the_holder() {
    let desk = Desk::default();
    desk.write("log", generated(&desk, "60000", "11"));
    desk.write("nonsense", nonsense(&desk));
    let whole = ["replay", "log", "nonsense", "--db", "whole", "--rejects", "rejects-whole"];
    assert_eq!(desk.run_bare(&whole).code, Some(3));
    let holder = Holder::start(&desk);
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let args = ["replay", "log", "nonsense", "--db", "db", "--rejects", "rejects"];
    for _ in 0..5 {
        let mut child = desk.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(random.random_range(Duration::ZERO..Duration::from_secs(3)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ran = desk.run_bare(&args);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let of = |db: &str| (desk.run_bare(&["hash", "--db", db]), desk.run_bare(&["export", "--db", db]));
    assert!(of("db") == of("whole"), "seed {seed}");
    holder.end();
    assert!(of("db") == of("whole"), "seed {seed}");
    assert_eq!(desk.read("rejects"), desk.read("rejects-whole"));
}

#[test]
fn a_replay_says_that_the_holder_is_gone_and_resumes_without_it() {
    let desk = Desk::default();
    desk.write("log", generated(&desk, "60000", "12"));
    assert_eq!(desk.run_bare(&["replay", "log", "--db", "whole"]).code, Some(0));
    let holder = Holder::start(&desk);
    let mut command = desk.command(&["replay", "-", "log", "--db", "db"]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut replay = child.unwrap();
    // It waits for the rest of its first input.
    let mut stdin = replay.stdin.take().unwrap();
    stdin.write_all((message("first", 1, "") + "\n").as_bytes()).unwrap();
    let client = || desk.run("tail", &["--json"]).stdout.contains("first");
    while !client() {
        thread::yield_now();
    }
    holder.kill();
    drop(stdin);
    let ran: Ran = replay.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("the replay failed: the process that has db open ended the connection"), "{ran:?}");
    assert!(ran.stderr.contains("hint: the events committed so far are kept"), "{ran:?}");

    // The holder ends in the middle of a file, and another one begins.
    let holder = Holder::start(&desk);
    let mut replay = desk.command(&["replay", "log", "--db", "db"]).stderr(Stdio::piped()).spawn().unwrap();
    // Resuming begins after a whole piece of 2 MiB.
    while desk.run("stats", &["--json"]).json()["events"].as_u64() < Some(6_000) {
        assert!(replay.try_wait().unwrap().is_none(), "the replay was too fast");
    }
    holder.kill();
    assert_eq!(replay.wait().unwrap().code(), Some(1));
    let ran = desk.run("replay", &["log"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("resumed"), "{ran:?}");
    let events = |db: &str| desk.run_bare(&["stats", "--json", "--db", db]).json()["events"].as_u64().unwrap();
    assert_eq!(events("db"), events("whole") + 1);
    assert_eq!(desk.run("verify", &[]).code, Some(0));
}

/// `convofold ingest` beside a holder, line by line.
struct Feeder {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Feeder {
    fn start(desk: &Desk) -> Self {
        let mut command = desk.command(&["ingest", "--db", "db"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer
    }
}

#[test]
fn an_answer_beside_the_holder_is_a_promise() {
    let desk = Desk::default();
    for ends_orderly in [false, true] {
        let holder = Holder::start(&desk);
        let mut feeder = Feeder::start(&desk);
        for number in 0..5 {
            // Each line is answered before the next one is sent.
            feeder.send(&message(&format!("c-{ends_orderly}"), number, ""));
            assert!(feeder.answer().contains("\"applied\":1"));
        }
        if ends_orderly {
            holder.end();
        } else {
            holder.kill();
        }
        feeder.send(&message("late", 1, ""));
        let mut rest = String::new();
        feeder.answers.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        let ran: Ran = feeder.child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let why = if ends_orderly {
            "the process that holds the database is ending"
        } else {
            "the process that has db open ended"
        };
        assert!(ran.stderr.contains(&format!("line 6 is not durable: {why}")), "{ran:?}");
        assert!(ran.stderr.contains("hint: earlier lines are"), "{ran:?}");
        let exported = desk.run("export", &["--events"]).stdout;
        assert_eq!(exported.matches(&format!("c-{ends_orderly}")).count(), 5, "{exported}");
    }
}

#[test]
fn an_ingest_whose_answers_nobody_reads_holds_up_nobody() {
    let desk = Desk::default();
    let mut holder = Holder::start(&desk);
    let log: String = (0..60_000).map(|number| message("paused", number, "") + "\n").collect();
    let mut feeder = Feeder::start(&desk);
    let mut stdin = feeder.child.stdin.take().unwrap();
    let sent = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            stdin.write_all(log.as_bytes()).unwrap();
            drop(stdin);
            sent.store(true, Ordering::SeqCst);
        });
        for number in 0..200 {
            assert_eq!(holder.send(&message("other", number, ""))["events"], 1);
        }
        // Its input waits, too, so nothing piles up anywhere.
        assert!(!sent.load(Ordering::SeqCst));
        let mut answers = String::new();
        feeder.answers.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.lines().count(), 60_000);
    });
    assert!(feeder.child.wait().unwrap().success());
    holder.end();
}

#[test]
fn a_backup_and_a_check_under_ingest_are_consistent() {
    let desk = Desk::default();
    let mut holder = Holder::start(&desk);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let holder = &mut holder;
        let ended = &ended;
        let sending = scope.spawn(move || {
            let mut number = 0;
            while !ended.load(Ordering::SeqCst) {
                number += 1;
                holder.send(&message(&format!("c-{}", number % 50), number, ""));
            }
            number
        });
        let mut files: Vec<&str> = Vec::new();
        for name in ["one", "two", "three"] {
            let since: Vec<&str> = files.last().into_iter().flat_map(|file| ["--since", file]).collect();
            let ran = desk.run("backup", &[&[name, "--json"], &since[..]].concat());
            assert_eq!(ran.code, Some(0), "{ran:?}");
            files.push(name);
            let restored = format!("restored-{name}");
            let ran_restore = desk.run_bare(&[&["restore", "--db", &restored, "--json"], &files[..]].concat());
            assert_eq!(ran_restore.code, Some(0), "{ran_restore:?}");
            assert_eq!(ran_restore.json()["hash"], ran.json()["state_hash"]);
            let verified = desk.run("verify", &[]);
            assert_eq!(verified.code, Some(0), "{verified:?}");
        }
        ended.store(true, Ordering::SeqCst);
        assert!(sending.join().unwrap() > 3);
    });
    holder.end();
}

#[test]
fn roles_decide_from_afar() {
    let desk = Desk::default();
    desk.write("log", generated(&desk, "200", "13"));
    for role in ["ingest", "admin"] {
        let added = desk.run_bare(&["token", "add", role, "--role", role, "--texts", "--db", "db"]);
        assert_eq!(added.code, Some(0), "{added:?}");
        desk.write(role, added.stdout);
    }
    let serving = Serving::start(desk.command(&["serve", "--db", "db"])).unwrap();
    let url = serving.url();
    let afar = |role: &str, args: &[&str], input: &[u8]| {
        fed(desk.command(&[args, &["--db", &url, "--token-file", role]].concat()), input)
    };
    let ran = afar("ingest", &["replay", "log"], b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("conversations"), "{ran:?}");
    let ran = afar("ingest", &["ingest"], (message("c", 1, "") + "\n").as_bytes());
    assert_eq!((ran.code, ran.json()["applied"].as_u64()), (Some(0), Some(1)), "{ran:?}");
    for args in [&["backup", "file"][..], &["verify"], &["audit"], &["trim", "--older-than", "1d"], &["compact"]] {
        let ran = afar("ingest", args, b"");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("the role admin is needed"), "{ran:?}");
        let ran = afar("admin", args, b"");
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let restored = desk.run_bare(&["restore", "file", "--db", "restored", "--json"]).json();
    assert_eq!(restored["hash"].as_str(), Some(afar("admin", &["hash"], b"").stdout.trim()));
}
