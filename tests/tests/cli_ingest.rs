//! `convofold ingest`: every line is answered, and an answer is a promise.

#![expect(clippy::expect_used, reason = "tests may panic")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use convofold::ingest::Format;
use convofold_tests::command::{Desk, Ran};
use convofold_tests::transcript::{all_transcripts, inputs};
use convofold_tests::unpacking::ask_store;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const HELLO: &str = r#"{"id":"1","type":"CUSTOM","occurred":"2026-03-02T09:15:00Z","body":{"name":"live_chat_message","interaction_type":"sms_in","transaction":"t","properties":{"message":{"message":"Hello"}}}}"#;
const STRANGER: &str = r#"{"id":"2","type":"CUSTOM","occurred":"2026-03-02T09:15:00Z","body":{"name":"live_chat_message","interaction_type":"sms_in","properties":{"message":{"message":"Hello"}}}}"#;

fn generated(desk: &Desk, events: &str) -> Vec<u8> {
    let ran = desk.run_bare(&["generate", "--events", events, "--seed", "5"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout.into_bytes()
}

fn ingest(desk: &Desk, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
    finish(desk.command(&[&["ingest", "--db", "db"], args].concat()), input.as_ref()).into()
}

/// Writes all of the input while the answers are read.
fn finish(mut command: Command, input: &[u8]) -> Output {
    let mut child = spawn(&mut command);
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // The command may end before it has read everything.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("an end")
    })
}

fn spawn(command: &mut Command) -> Child {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().expect("the command starts")
}

fn answer(line: u64, what: &str, last_seq: Option<u64>) -> Value {
    let mut answer = json!({"line": line, "events": 0, "applied": 0, "late": 0, "duplicates": 0, "conflicts": 0,
        "ignored": 0, "rejected": 0, "last_seq": last_seq});
    answer[what] = json!(1);
    if ["applied", "duplicates"].contains(&what) {
        answer["events"] = json!(1);
    }
    answer
}

#[test]
fn every_line_is_answered_in_order_and_in_its_own_terms() {
    let desk = Desk::default();
    let mark = "\u{feff}";
    let ran = ingest(&desk, &[], format!("{mark}{HELLO}\n\n{HELLO}\r\n{STRANGER}\n[{HELLO},{STRANGER}]"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), ""), "{ran:?}");
    let mut answers = ran.json_lines();
    let rejection = answers[3].as_object_mut().and_then(|answer| answer.remove("rejections")).expect("a reason");
    let body = STRANGER.find("{\"name\"").expect("the line has a name");
    assert_eq!(rejection[0]["path"], "$.body.transaction", "{rejection}");
    assert_eq!(rejection[0]["byte_offset"], mark.len() + 2 * HELLO.len() + "\n\n\r\n".len() + body, "{rejection}");
    assert_eq!(
        answers[..4],
        [
            answer(1, "applied", Some(1)),
            answer(2, "ignored", None),
            answer(3, "duplicates", None),
            answer(4, "rejected", None),
        ]
    );
    assert_eq!((&answers[4]["duplicates"], &answers[4]["rejected"]), (&json!(1), &json!(1)), "{:?}", answers[4]);
    assert_eq!(answers.len(), 5);
}

#[test]
fn what_was_ingested_is_what_would_have_been_replayed() {
    let desk = Desk::default();
    let log = generated(&desk, "3000");
    let ran = ingest(&desk, &[], &log);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let seqs: Vec<_> = ran.json_lines().iter().map(|answer| answer["last_seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=3000).map(Some).collect::<Vec<_>>());
    desk.write("log", &log);
    assert_eq!(desk.run_bare(&["replay", "log", "--db", "replayed"]).code, Some(0));
    assert_eq!(desk.run("hash", &[]), desk.run_bare(&["hash", "--db", "replayed"]));
}

#[test]
fn a_line_is_answered_before_the_next_one_comes_and_an_interruption_is_an_orderly_end() {
    let desk = Desk::default();
    let mut child = spawn(&mut desk.command(&["ingest", "--db", "db"]));
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut answers = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for (number, line) in (1..).zip(generated(&desk, "20").split_inclusive(|byte| *byte == b'\n')) {
        stdin.write_all(line).expect("it reads");
        let answer = answers.next().expect("an answer").expect("text");
        assert!(answer.starts_with(&format!("{{\"line\":{number},")), "{answer}");
    }
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).expect("a signal");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
    assert_eq!(answers.count(), 0);
    // Its input has not ended.
    drop(stdin);
    assert_eq!(desk.run("stats", &["--json"]).json()["events"], 20);
}

#[test]
fn what_is_no_event_of_the_source_that_was_named_is_rejected() {
    let ran = ingest(&Desk::default(), &["--format", "superoffice"], HELLO);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.json()["rejected"], 1);
}

#[test]
fn a_line_over_the_limit_is_rejected_alone() {
    let desk = Desk::default();
    let long = vec![b' '; 3 << 20];
    let ran = ingest(&desk, &[], [&long, b"\n".as_slice(), HELLO.as_bytes(), b"\n"].concat());
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let answers = ran.json_lines();
    assert_eq!((&answers[0]["rejected"], &answers[1]), (&json!(1), &answer(2, "applied", Some(1))));
}

#[test]
fn the_limits_can_be_set() {
    let desk = Desk::default();
    let long = HELLO.replace("Hello", &"x".repeat(2 << 20));
    assert_eq!(ingest(&desk, &[], &long).code, Some(3));
    let ran = ingest(&desk, &["--max-line", "3MiB"], &long);
    assert_eq!((ran.code, &ran.json()["applied"]), (Some(0), &json!(1)), "{ran:?}");
}

#[test]
fn rejects_are_written_before_their_lines_are_answered() {
    let desk = Desk::default();
    let input = format!("[{}1]\n{HELLO}\n{STRANGER}\n", "1,".repeat(99));
    for _ in 0..2 {
        let ran = ingest(&desk, &["--rejects", "rejects"], &input);
        assert_eq!((ran.code, ran.json_lines().len()), (Some(3), 3), "{ran:?}");
        let rejects = desk.read("rejects");
        // All of them, not only those that the answer lists; sent again, they are there already.
        assert_eq!(rejects.lines().count(), 101);
        let last: Value = serde_json::from_str(rejects.lines().last().expect("a line")).expect("JSON");
        assert_eq!((&last["convofold_reject"], &last["source"], &last["line"]), (&json!(1), &json!("-"), &json!(3)));
        assert_eq!(last["raw"], STRANGER);
    }
    desk.write("notes", "precious\n");
    let refused = ingest(&desk, &["--rejects", "notes"], &input);
    assert_eq!((refused.code, desk.read("notes").as_str()), (Some(2), "precious\n"));
}

/// A limit of the file size replaces a full disk.
#[cfg(unix)]
#[test]
fn a_failed_write_ends_it_and_nothing_is_answered_that_is_not_there() {
    let desk = Desk::default();
    let log = generated(&desk, "40000");
    assert_eq!(ingest(&desk, &[], HELLO).code, Some(0));
    let mut limited = Command::new("sh");
    // The first argument after the script is the script's name.
    let ingest = desk.command(&["ingest", "--db", "db"]);
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$@\"", "sh"]).current_dir(desk.path(""));
    limited.arg(ingest.get_program()).args(ingest.get_args());
    let ran = Ran::from(finish(limited, &log));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let answers = ran.json_lines();
    let first_lost = format!("error: line {} is not durable: ", answers.len() + 1);
    assert!(ran.stderr.contains(&first_lost) && ran.stderr.contains("hint: "), "{}", ran.stderr);
    let stats = desk.run("stats", &["--json"]);
    assert_eq!(stats.code, Some(0), "{}", stats.stderr);
    assert!(stats.json()["events"].as_u64() > Some(answers.len() as u64), "{} {stats:?}", answers.len());
}

#[test]
fn input_that_ends_at_once_makes_an_empty_database() {
    let desk = Desk::default();
    let ran = ingest(&desk, &[], "");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(desk.run("stats", &["--json"]).json()["events"], 0);
}

#[test]
fn transcripts_of_lines_end_as_in_the_store() {
    let transcripts = all_transcripts().expect("the transcripts are readable");
    // Transcripts of other sources, and every twentieth of the rest: each opens a database three times.
    let is_of_a_source = |name: &str| name.split_once('-').is_some_and(|(source, _)| Format::NAMES.contains(&source));
    let lines = transcripts.iter().filter(|one| !one.wire_only).step_by(20);
    for transcript in lines.chain(transcripts.iter().filter(|one| is_of_a_source(&one.name))) {
        let (desk, inputs) = (Desk::default(), inputs(&transcript.events));
        let [input] = inputs.as_slice() else { panic!("{}: several inputs", transcript.name) };
        let answers = ingest(&desk, &[], input).json_lines();
        let expected = ask_store(&inputs).expect("a store");
        assert_eq!(desk.run("export", &[]).stdout.as_bytes(), expected.export, "{}", transcript.name);
        let sum = |what: &str| answers.iter().filter_map(|answer| answer[what].as_u64()).sum::<u64>();
        let (ignored, rejected) = (expected.counts.ignored, expected.counts.rejected);
        assert_eq!((sum("ignored"), sum("rejected")), (ignored, rejected), "{}", transcript.name);
    }
}
