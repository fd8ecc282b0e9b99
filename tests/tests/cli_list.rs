//! `convofold list`: open and closed conversations, by every condition, in every order.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::fmt::Write as _;
use std::sync::LazyLock;

use convofold_tests::command::{Desk, Ran};
use serde_json::{Value, json};

/// Conversations of one day; the columns are hours.
///
/// | id | started | last active | closed | agent | before | channel | unread |
/// |---|---|---|---|---|---|---|---|
/// | a | 8 | 9 | 10 | - | Agnes (7) | sms | 1 |
/// | b | 9 | 12 | - | Bert (8) | Agnes (7) | in_app | 0 |
/// | c | 11 | 15 | 13 | Agnes (7) | - | sms | 1, after its close |
/// | d | 14 | 14 | - | - | - | sms | 1 |
static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let agnes = json!({"id": "7", "name": "Agnes Moore"});
    let mut log = String::new();
    for line in [
        event(
            "a",
            8,
            "open",
            json!({"agent": agnes, "member_name": "Jane", "member_number": "+45 1", "tenant": "one"}),
        ),
        event("a", 9, "message", json!({"channel": "sms", "direction": "in", "shortcode": "700"})),
        event("a", 10, "close", json!({"agent": null})),
        event("b", 9, "open", json!({"agent": agnes})),
        event(
            "b",
            12,
            "message",
            json!({"channel": "in_app", "direction": "out", "agent": {"id": "8", "name": "Bert"}}),
        ),
        event("c", 11, "open", json!({"agent": agnes, "member_name": "Jane", "tenant": "two"})),
        event("c", 13, "close", json!({})),
        event("c", 15, "message", json!({"channel": "sms", "direction": "in"})),
        event("d", 14, "message", json!({"channel": "sms", "direction": "in", "member_name": "John"})),
    ] {
        writeln!(log, "{line}").expect("a line");
    }
    Desk::with_log(log)
});

fn event(id: &str, hour: u32, kind: &str, more: Value) -> Value {
    let mut event = json!({"convofold": 1, "source": "x", "conversation": id, "kind": kind,
        "occurred": format!("2026-01-15T{hour:02}:00:00Z")});
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event
}

fn list(args: &[&str]) -> Ran {
    DESK.run("list", &[&["--now", "2026-01-15 16:00"], args].concat())
}

#[track_caller]
fn finds(args: &[&str], expected: &[&str]) {
    let ran = list(args);
    assert_eq!((ran.code, ran.first_cells()), (Some(0), expected.to_vec()), "{args:?}: {ran:?}");
    let json = list(&[args, &["--json"]].concat()).json();
    let ids: Vec<_> = json["conversations"].as_array().expect("a list").iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, expected, "{args:?} --json");
}

#[test]
fn every_condition_finds_open_and_closed_conversations() {
    let all = ["--sort", "started"];
    for (args, expected) in [
        (&[][..], &["a", "b", "c", "d"][..]),
        (&["--status", "open"], &["b", "d"]),
        (&["--status", "closed"], &["a", "c"]),
        (&["--member", "jane"], &["a", "c"]),
        (&["--member", "jane", "--tenant", "two"], &["c"]),
        (&["--number", "451"], &["a"]),
        (&["--shortcode", "700"], &["a"]),
        (&["--agent", "7"], &["c"]),
        (&["--any-agent", "agnes moore"], &["a", "b", "c"]),
        (&["--any-agent", "Agnes Moore", "--status", "open"], &["b"]),
        (&["--unassigned"], &["a", "d"]),
        (&["--channel", "sms"], &["a", "c", "d"]),
        (&["--unread-min", "1", "--status", "open"], &["d"]),
        (&["--unanswered-after-close"], &["c"]),
        (&["--waiting", "1h"], &["d"]),
        (&["--suspect"], &[]),
    ] {
        finds(&[&all, args].concat(), expected);
    }
}

#[test]
fn a_period_applies_to_the_time_that_was_asked_for() {
    for (args, expected) in [
        (&["--since", "2026-01-15 11:00"][..], &["b", "c", "d"][..]),
        (&["--until", "2026-01-15 12:00"], &["a"]),
        (&["--since", "2026-01-15 09:00", "--until", "2026-01-15 14:00", "--by", "started"], &["b", "c"]),
        (&["--since", "2026-01-15 10:00", "--until", "2026-01-15 13:00", "--by", "closed"], &["a"]),
        (&["--since", "2026-01-16"], &[]),
        (&["--since", "2026-01-15T12:00:00+01:00", "--by", "started"], &["c", "d"]),
    ] {
        finds(&[&["--sort", "started"], args].concat(), expected);
    }
    assert_eq!(list(&["--since", "yesterday"]).code, Some(2));
    assert_eq!(list(&["--by", "colour"]).code, Some(2));
}

#[test]
fn open_is_the_list_of_open_conversations() {
    let open = |args: &[&str]| DESK.run("open", &[&["--now", "2026-01-15 16:00"], args].concat());
    for args in [&[][..], &["--any-agent", "7"], &["--since", "2026-01-15 13:00"], &["--json"], &["--format", "csv"]] {
        assert_eq!(open(args), list(&[&["--status", "open"], args].concat()), "{args:?}");
    }
    assert_eq!(open(&["--status", "any"]).code, Some(2));
}

#[test]
fn orders_reverse_and_have_pages() {
    finds(&["--sort", "closed"], &["c", "a", "b", "d"]);
    finds(&["--sort", "closed", "--status", "closed", "--reverse"], &["a", "c"]);
    finds(&["--sort", "started", "--reverse"], &["d", "c", "b", "a"]);
    finds(&["--sort", "status"], &["c", "a", "d", "b"]);
    for args in [
        &["--sort", "started"][..],
        &["--sort", "started", "--reverse"],
        &["--sort", "activity"],
        &["--sort", "closed"],
    ] {
        let all = list(args);
        let mut seen: Vec<String> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut page = [args, &["--limit", "1", "--format", "csv", "--columns", "id"]].concat();
            page.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor]));
            let ran = list(&page);
            seen.extend(ran.stdout.lines().skip(1).map(str::to_owned));
            let next = ran.stderr.split("--cursor ").nth(1).and_then(|rest| rest.split(' ').next());
            cursor = next.map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all.first_cells(), "{args:?}");
    }
}

#[test]
fn a_table_has_the_columns_of_its_status() {
    let heading = |args: &[&str]| list(args).stdout.lines().next().expect("a heading").to_owned();
    for (status, shown, hidden) in [
        ("any", &["STATUS", "CLOSED (UTC)", "WAITING"][..], &[][..]),
        ("open", &["WAITING"], &["STATUS", "CLOSED"]),
        ("closed", &["CLOSED (UTC)"], &["STATUS", "WAITING"]),
    ] {
        let heading = heading(&["--status", status]);
        assert!(shown.iter().all(|column| heading.contains(column)), "{status}: {heading}");
        assert!(!hidden.iter().any(|column| heading.contains(column)), "{status}: {heading}");
    }
    let narrow = list(&["--width", "80"]).stdout;
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
}

#[test]
fn an_empty_list_says_why() {
    for (args, expected) in [
        (&["--member", "Nobody"][..], "no match among 4 conversations\n"),
        (&["--member", "Nobody", "--status", "closed"], "no match among 2 closed conversations\n"),
        (&["--status", "open", "--channel", "fax"], "no open conversation has the channel \"fax\"\n"),
    ] {
        let ran = list(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), expected), "{args:?}");
    }
}
