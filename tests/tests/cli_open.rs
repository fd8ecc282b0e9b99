//! `convofold open`: every condition, every sort order, pages, and where output goes.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::fmt::Write as _;
use std::sync::LazyLock;

use convofold_tests::command::{Desk, Ran};
use serde_json::json;

/// 2023-11-14T22:00:00Z; minutes are relative to it.
const START_MS: i64 = 1_700_000_000_000 - 800_000;
const NOON: &str = "2023-11-14T23:00:00Z";

/// Four open conversations and a closed one, few enough to check every answer by eye.
///
/// | id | started | last active | agent | waiting since | unread |
/// |---|---|---|---|---|---|
/// | a | 0 | 10 (in) | Agnes (7) | 10 | 1 |
/// | b | 5 | 30 (out) | Bert (8) | - | 0 |
/// | c | 2 | 50 (in) | nobody | 40 | 2 |
/// | d | 20 | 20 (in) | nobody | 20 | 5, as the source says: more than there are |
/// | e | 1 | closed | | | |
static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let mut log = String::new();
    for line in [
        convo("a", 0, "convo_open", json!({"agent_id": "7", "agent_name": "Agnes", "member_name": "Jane"})),
        message("a", 10, "sms_in", json!({"number": "+15550100", "shortcode": "700", "message": "Where is it?"})),
        convo("b", 5, "convo_open", json!({"agent_id": "8", "agent_name": "Bert", "business_id": "shop"})),
        message("b", 30, "app_out", json!({"message": "On its way"})),
        convo("c", 2, "convo_open", json!({"agent_id": null, "business_id": "bank"})),
        message("c", 40, "app_in", json!({"message": "Hello?", "member_business_id": "m-3"})),
        message("c", 50, "app_in", json!({"message": "Hello??\u{1b}[31m", "airship_channel_id": "ch-3"})),
        message("d", 20, "sms_in", json!({"message": "first"})),
        convo("d", 20, "convo_open", json!({"message_count_since_last_accessed": "5"})),
        convo("e", 1, "convo_open", json!({"agent_id": "7", "agent_name": "Agnes"})),
        convo("e", 3, "convo_close", json!({"last_active_timestamp": null, "agent_id": "7"})),
    ] {
        writeln!(log, "{line}").expect("a line");
    }
    Desk::with_log(log)
});

fn ms(minute: i64) -> i64 {
    START_MS + minute * 60_000
}

fn event(name: &str, kind: &str, id: &str, minute: i64, properties: serde_json::Value) -> serde_json::Value {
    let occurred = format!("2023-11-14T22:{minute:02}:00Z");
    json!({"occurred": occurred, "body":
        {"name": name, "interaction_type": kind, "transaction": id, "properties": properties}})
}

fn convo(id: &str, minute: i64, kind: &str, mut properties: serde_json::Value) -> serde_json::Value {
    let started = ["a", "e", "c", "", "", "b"].iter().position(|known| *known == id);
    let started = started.and_then(|minute| i64::try_from(minute).ok()).unwrap_or(minute);
    let properties_of = properties.as_object_mut().expect("an object");
    properties_of.insert("started_timestamp".to_owned(), json!(ms(started)));
    if !properties_of.contains_key("last_active_timestamp") {
        properties_of.insert("last_active_timestamp".to_owned(), json!(ms(minute)));
    }
    event("live_chat_convo", kind, id, minute, json!({"convo": properties}))
}

fn message(id: &str, minute: i64, kind: &str, mut properties: serde_json::Value) -> serde_json::Value {
    properties.as_object_mut().expect("an object").insert("timestamp".to_owned(), json!(ms(minute)));
    event("live_chat_message", kind, id, minute, json!({"message": properties}))
}

fn open(args: &[&str]) -> Ran {
    DESK.run("open", &[&["--now", NOON], args].concat())
}

#[track_caller]
fn finds(args: &[&str], expected: &[&str]) {
    let ran = open(args);
    assert_eq!((ran.code, ran.first_cells()), (Some(0), expected.to_vec()), "{args:?}: {ran:?}");
    let json = open(&[args, &["--json"]].concat()).json();
    let ids: Vec<_> = json["conversations"].as_array().expect("a list").iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, expected, "{args:?} --json");
}

#[test]
fn without_conditions_all_open_ones_are_found_the_one_active_last_first() {
    finds(&[], &["c", "b", "d", "a"]);
}

#[test]
fn every_condition_finds_those_that_meet_it() {
    for (args, expected) in [
        (&["--agent", "7"][..], &["a"][..]),
        (&["--agent", "Bert"], &["b"]),
        (&["--unassigned"], &["c", "d"]),
        (&["--member", "Jane"], &["a"]),
        (&["--member", "m-3"], &["c"]),
        (&["--member", "ch-3"], &["c"]),
        (&["--number", "+15550100"], &["a"]),
        (&["--tenant", "shop"], &["b"]),
        (&["--shortcode", "700"], &["a"]),
        (&["--channel", "sms"], &["d", "a"]),
        (&["--channel", "in_app"], &["c", "b"]),
        (&["--unread-min", "2"], &["c", "d"]),
        (&["--unread-min", "3"], &["d"]),
        (&["--suspect"], &["d"]),
    ] {
        finds(args, expected);
    }
}

#[test]
fn durations_count_back_from_now() {
    finds(&["--idle", "40m"], &["d", "a"]);
    finds(&["--idle", "PT50M"], &["a"]);
    finds(&["--idle", "50m 1s"], &[]);
    finds(&["--waiting", "20m"], &["c", "d", "a"]);
    finds(&["--waiting", "1200001ms"], &["d", "a"]);
    finds(&["--waiting", "1d"], &[]);
    let latest = DESK.run("open", &["--now", "latest", "--idle", "40m"]);
    assert_eq!(latest.first_cells(), ["a"], "the newest event is that of minute 50");
}

#[test]
fn conditions_are_and_combined() {
    finds(&["--unassigned", "--channel", "sms"], &["d"]);
    finds(&["--unassigned", "--channel", "in_app", "--unread-min", "3"], &[]);
    finds(&["--agent", "7", "--member", "Jane", "--idle", "1m", "--waiting", "1m"], &["a"]);
}

#[test]
fn orders_put_first_what_they_say() {
    finds(&["--sort", "activity"], &["c", "b", "d", "a"]);
    finds(&["--sort", "waiting"], &["a", "d", "c", "b"]);
    finds(&["--sort", "started"], &["a", "c", "b", "d"]);
}

#[test]
fn pages_follow_each_other_without_hole_or_repeat() {
    for sort in ["activity", "waiting", "started"] {
        let all = open(&["--sort", sort, "--limit", "0"]);
        let mut seen = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut args = vec!["--sort", sort, "--limit", "3", "--json"];
            args.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor]));
            let page = open(&args).json();
            let rows = page["conversations"].as_array().expect("a list").clone();
            seen.extend(rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all.first_cells(), "{sort}");
    }
}

#[test]
fn people_are_told_how_to_go_on() {
    let page = open(&["--limit", "1"]);
    assert_eq!(page.first_cells(), ["c"]);
    let cursor = page.stderr.split("--cursor ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a cursor");
    assert_eq!(open(&["--limit", "1", "--cursor", cursor]).first_cells(), ["b"]);
    assert_eq!(open(&["--limit", "4"]).stderr, "");
}

#[test]
fn a_row_says_who_waits_for_whom_and_how_long() {
    let table = open(&["--agent", "7"]).stdout;
    let words: Vec<_> =
        table.lines().nth(1).expect("a row").split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
    assert_eq!(words, ["a", "Agnes", "Jane", "sms", "1", "50m 00s", "2023-11-14 22:10:00", "Where is it?"]);
}

#[test]
fn a_member_cannot_give_orders_to_the_terminal() {
    let ran = open(&["--tenant", "bank"]);
    assert!(ran.stdout.contains("Hello??\u{fffd}[31m") && !ran.stdout.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn json_is_the_state_as_it_is_exported() {
    let row = open(&["--agent", "7", "--json"]).json()["conversations"][0].clone();
    let export = DESK.run("export", &[]).json_lines();
    assert_eq!(Some(&row), export.iter().find(|line| line["id"] == "a"));
}

#[test]
fn an_empty_answer_says_why_on_standard_error() {
    let ran = open(&["--agent", "Agnes", "--channel", "in_app"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 1));
    assert_eq!(ran.stderr, "no match among 4 open conversations\n");
}

#[test]
fn arguments_that_make_no_sense_are_explained() {
    let of_another_order = open(&["--limit", "1", "--sort", "started", "--json"]).json()["next_cursor"].clone();
    for args in [
        &["--idle", "30"][..],
        &["--idle", "-30m"],
        &["--waiting", "1 month"],
        &["--unread-min", "some"],
        &["--unread-min", "-1"],
        &["--limit", "many"],
        &["--sort", "size"],
        &["--cursor", "x"],
        &["--cursor", of_another_order.as_str().expect("a cursor")],
        &["--agent", "7", "--unassigned"],
        &["--colour", "green"],
        &["surplus"],
    ] {
        let ran = open(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.starts_with("error: "), "{args:?}: {ran:?}");
    }
    assert_eq!(DESK.run("open", &["--now", "soon"]).code, Some(2));
}
