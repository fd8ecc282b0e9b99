//! The output of the commands that query: for people, for programs, and into a closed pipe.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::LazyLock;

use convofold_tests::command::Desk;
use serde_json::Value;
use sha2::{Digest, Sha256};

static DESK: LazyLock<Desk> = LazyLock::new(desk);

fn desk() -> Desk {
    let desk = Desk::default();
    let made = desk.run_bare(&["generate", "--events", "5000", "--seed", "9", "--leave-open", ".3", "--out", "log"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    desk
}

fn export() -> Vec<Value> {
    DESK.run("export", &[]).json_lines()
}

fn ask(command: &str, args: &[&str]) -> Value {
    let ran = DESK.run(command, &[args, &["--json"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    ran.json()
}

fn sum(rows: &Value, of: &str) -> u64 {
    rows.as_array().expect("a list").iter().filter_map(|row| row[of].as_u64()).sum()
}

#[test]
fn the_hash_can_be_computed_from_the_export() {
    let mut total = [0_u8; 32];
    for line in DESK.run("export", &[]).stdout.lines() {
        let mut carry = 0;
        for (sum, byte) in total.iter_mut().zip(Sha256::digest(line)).rev() {
            let [high, low] = (u16::from(*sum) + u16::from(byte) + carry).to_be_bytes();
            (*sum, carry) = (low, u16::from(high));
        }
    }
    let hex: String = total.iter().map(|byte| format!("{byte:02x}")).collect();
    let ran = DESK.run("hash", &[]);
    assert_eq!((ran.stdout, ran.stderr), (format!("{hex}\n"), String::new()));
    assert_eq!(ask("hash", &[])["hash"], hex);
}

#[test]
fn the_export_is_sorted_and_the_same_each_time() {
    let ids: Vec<_> = export().iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect();
    assert!(ids.is_sorted() && ids.len() > 100, "{}", ids.len());
    assert_eq!(DESK.run("export", &[]).stdout, DESK.run("export", &["--json"]).stdout);
}

#[test]
fn agents_and_totals_add_up_to_the_open_conversations() {
    let open: Vec<_> = export().into_iter().filter(|row| row["status"] == "open").collect();
    let unread: u64 = open.iter().filter_map(|row| row["unread"].as_u64()).sum();
    let waiting = open.iter().filter(|row| !row["waiting_since"].is_null()).count() as u64;
    for (command, rows) in [("agents", "agents"), ("totals", "totals")] {
        let rows = &ask(command, &[])[rows];
        assert_eq!(sum(rows, "open"), open.len() as u64, "{command}");
        assert_eq!((sum(rows, "unread"), sum(rows, "waiting")), (unread, waiting), "{command}");
    }
    assert_eq!(sum(&ask("totals", &[])["totals"], "conversations"), export().len() as u64);
}

#[test]
fn nobody_comes_last_among_the_agents() {
    let table = DESK.run("agents", &["--now", "latest"]);
    let names = table.first_cells();
    assert!(names.len() > 5 && names.last() == Some(&"(nobody)"), "{names:?}");
    // One row for each tenant.
    assert!(names.iter().skip_while(|name| **name != "(nobody)").all(|name| *name == "(nobody)"), "{names:?}");
    assert!(ask("agents", &[])["agents"].as_array().expect("a list").last().expect("a row")["agent"].is_null());
}

#[test]
fn a_conversation_is_shown_with_assignments_and_transcript() {
    let busy =
        |row: &&Value| row["messages_in"].as_u64() > Some(2) && row["source"] == "airship" && !row["agent"].is_null();
    let state = export().iter().find(busy).cloned().expect("a busy conversation");
    let id = state["id"].as_str().expect("an id");
    let shown = ask("show", &[id]);
    assert_eq!(shown["state"], state);
    let transcript = shown["transcript"].as_array().expect("a list");
    for (direction, count) in [("in", "messages_in"), ("out", "messages_out")] {
        let said = transcript.iter().filter(|line| line["direction"] == direction).count() as u64;
        assert_eq!(Some(said), state[count].as_u64(), "{direction}");
    }
    let text = DESK.run("show", &[id]).stdout;
    let last = state["last_message"]["text"].as_str().expect("a text");
    for said in [id, "\nassignments\n", "\ntranscript\n", " <- ", " -> ", last] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn a_history_has_every_event_in_order() {
    let id = export()[0]["id"].as_str().expect("an id").to_owned();
    let history = ask("history", &[&id])["history"].as_array().expect("a list").clone();
    let events = ask("show", &[&id])["arrivals"]["events"].as_u64();
    assert_eq!(Some(history.len() as u64), events);
    assert!(history.iter().map(|entry| entry["at"].as_i64()).is_sorted());
    assert_eq!(DESK.run("history", &[&id]).stdout.lines().count(), history.len() + 1);
}

#[test]
fn an_unknown_conversation_has_an_exit_code_of_its_own() {
    for command in ["show", "history"] {
        let ran = DESK.run(command, &["no such id"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
        assert!(ran.stderr.starts_with("error: no conversation \"no such id\"\nhint: "), "{ran:?}");
    }
}

#[test]
fn stats_count_what_is_there() {
    let stats = ask("stats", &[]);
    assert_eq!((&stats["events"], stats["conversations"].as_u64()), (&5000.into(), Some(export().len() as u64)));
    assert!(stats["disk_bytes"].as_u64() > Some(0) && stats["recovery"]["events_replayed"] == 0, "{stats}");
    assert!(DESK.run("stats", &[]).stdout.starts_with("events         5,000\n"));
}

#[test]
fn the_tail_goes_on_where_it_ended() {
    let all = DESK.run("tail", &["--from", "1", "--json"]);
    let seqs: Vec<_> = all.json_lines().iter().map(|change| change["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=5000).map(Some).collect::<Vec<_>>());
    assert_eq!(all.stderr, "continue with --from 5001\n");
    let part = DESK.run("tail", &["--from", "4000", "--limit", "10", "--json"]);
    assert_eq!(part.json_lines()[..], all.json_lines()[3999..4009]);
    assert_eq!(part.stderr, "continue with --from 4010\n");
    let last = DESK.run("tail", &["--limit", "3", "--json"]);
    assert_eq!(last.json_lines()[..], all.json_lines()[4997..]);
    assert_eq!(DESK.run("tail", &[]).stdout.lines().count(), 20);
    let beyond = DESK.run("tail", &["--from", "5001"]);
    assert_eq!((beyond.code, beyond.stdout.as_str()), (Some(0), ""), "{beyond:?}");
    assert_eq!(DESK.run("tail", &["--from", "0"]).code, Some(2));
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    let desk = desk();
    for args in
        [&["export", "--db", "db"][..], &["tail", "--db", "db", "--from", "1"], &["generate", "--events", "100000"]]
    {
        let mut child = desk.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("an output")).read_line(&mut first).expect("a line");
        let output = child.wait_with_output().expect("an end");
        assert!(!first.is_empty() && output.status.success(), "{args:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}
