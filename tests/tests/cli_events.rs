//! `convofold export --events`: export and import of events.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use convofold_tests::command::{Desk, Ran};
use serde_json::json;

#[track_caller]
fn printed(ran: Ran) -> String {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    ran.stdout
}

/// [`Desk::run`] with another database.
fn run(desk: &Desk, command: &str, db: &str, args: &[&str]) -> Ran {
    desk.run_bare(&[&[command, "--db", db], args].concat())
}

/// Two logs with all kinds of input: two sources, garbage, repetitions, disorder, and conflicting events.
fn write_logs(desk: &Desk) {
    let args = ["--events", "3000", "--seed", "11", "--garbage", ".02", "--duplicates", ".05", "--shuffle", "40"];
    let made = desk.run_bare(&[&["generate", "--out", "log"], &args[..]].concat());
    assert_eq!(made.code, Some(0), "{made:?}");
    let bytes = std::fs::read(desk.path("log")).expect("a log");
    let log = String::from_utf8_lossy(&bytes);
    let is_json = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    let streamed = log.lines().filter(|line| line.starts_with("{\"id\":") && is_json(line));
    let said = streamed.filter(|line| line.contains("\"message\":\"")).step_by(50);
    let at_odds: Vec<_> = said.map(|line| line.replacen("\"message\":\"", "\"message\":\"No: ", 1)).collect();
    desk.write("at-odds", at_odds.join("\n"));
}

#[test]
fn what_goes_out_is_the_same_database_elsewhere() {
    let desk = Desk::default();
    write_logs(&desk);
    let first = desk.run("replay", &["log", "at-odds", "--json"]);
    assert_eq!(first.code, Some(3), "{first:?}");
    let first = first.json();
    for what in ["applied", "late", "duplicates", "conflicts", "rejected"] {
        assert!(first[what].as_u64().is_some_and(|count| count > 0), "{what}: {first}");
    }
    let events = printed(desk.run("export", &["--events"]));
    let sources = ["\"source\":\"airship\"", "\"source\":\"superoffice\""];
    assert!(sources.iter().all(|source| events.contains(source)));

    for (db, args) in [("auto", &["events"][..]), ("named", &["events", "--format", "convofold", "--threads", "3"])] {
        desk.write("events", &events);
        let again = run(&desk, "replay", db, &[args, &["--json"]].concat());
        assert_eq!(again.code, Some(0), "{again:?}");
        let again = again.json();
        assert_eq!((&again["duplicates"], &again["conflicts"]), (&json!(0), &first["conflicts"]));
        for command in ["hash", "export"] {
            assert_eq!(printed(run(&desk, command, db, &[])), printed(desk.run(command, &[])), "{db}: {command}");
        }
        assert!(printed(run(&desk, "export", db, &["--events"])) == events, "{db}: other events");
    }

    let known = desk.run("replay", &["events", "--json"]).json();
    assert_eq!((&known["duplicates"], &known["rejected"]), (&known["events"], &json!(0)));
}

#[test]
fn an_event_too_long_for_a_line_goes_out_and_is_told_of() {
    let desk = Desk::default();
    let text = "x".repeat(2 << 20);
    let document = format!(
        "{{\n\"occurred\":\"2024-05-01T10:00:00Z\",\"body\":{{\"name\":\"live_chat_message\",\"interaction_type\":\"app_in\",\n\"transaction\":\"c1\",\"properties\":{{\"message\":{{\"message\":\"{text}\"}}}}}}}}"
    );
    desk.write("document", document);
    assert_eq!(desk.run("replay", &["document"]).code, Some(0));
    let ran = desk.run("export", &["--events"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 1));
    assert!(ran.stderr.starts_with("the longest line has 2097"), "{}", ran.stderr);
    desk.write("line", &ran.stdout);
    assert_eq!(run(&desk, "replay", "copy", &["line"]).code, Some(3));
    desk.write("spread", ran.stdout.replacen("{", "{\n", 1));
    assert_eq!(run(&desk, "replay", "copy", &["spread"]).code, Some(0));
    assert_eq!(run(&desk, "hash", "copy", &[]).stdout, desk.run("hash", &[]).stdout);
}

#[test]
fn of_an_empty_database_nothing_goes_out_and_that_is_said() {
    let desk = Desk::with_log("\n");
    let ran = desk.run("export", &["--events"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(0), "", "the database contains no events\n")
    );
}

#[test]
fn an_event_has_one_form_in_export_tail_and_history() {
    let desk = Desk::default();
    write_logs(&desk);
    assert_eq!(desk.run("replay", &["log", "at-odds"]).code, Some(3));
    let exported = desk.run("export", &["--events"]).json_lines();
    let tail = desk.run("tail", &["--from", "1", "--json"]).json_lines();
    assert_eq!(tail.len(), exported.len());
    for (change, event) in tail.iter().zip(&exported) {
        assert_eq!(&change["event"], event);
    }
    let id = exported[0]["conversation"].as_str().expect("an id");
    let history = desk.run("history", &[id, "--json"]).json()["history"].as_array().expect("a list").clone();
    assert!(!history.is_empty());
    for entry in history {
        let seq = usize::try_from(entry["seq"].as_u64().expect("a number")).expect("a number");
        assert_eq!((&entry["event"], &entry["at"]), (&tail[seq - 1]["event"], &tail[seq - 1]["at"]));
    }
}
