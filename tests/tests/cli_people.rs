//! The command understands what people write, and says what it does not understand.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::fmt::Write as _;
use std::sync::LazyLock;

use convofold_tests::command::{Desk, Ran};
use serde_json::{Value, json};

/// An hour after the first message.
const HOUR_LATER: &str = "2023-11-14 23:00";

static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let mut log = String::new();
    for line in [
        message(
            "desk-1",
            0,
            json!({"member_name": "Jane", "member_number": "+45 12 34", "tenant": "Shop",
            "channel": "sms", "agent": {"id": "7", "name": "Agnes Moore"}}),
        ),
        message("desk-1", 10, json!({"channel": "sms", "text": "Hi\u{61c}\u{200b}\u{1b}"})),
        message("desk-2", 20, json!({"member_name": "John\u{200d}", "agent": {"id": "8", "name": "Bert"}})),
        message("till-1", 30, json!({"channel": "in_app"})),
    ] {
        writeln!(log, "{line}").expect("a line");
    }
    Desk::with_log(log)
});

fn message(id: &str, minute: u32, more: Value) -> Value {
    let mut event = json!({"convofold": 1, "source": "x", "conversation": id, "kind": "message", "direction": "in",
        "occurred": format!("2023-11-14T22:{minute:02}:00Z")});
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event
}

fn open(args: &[&str]) -> Ran {
    DESK.run("open", &[&["--now", HOUR_LATER], args].concat())
}

#[test]
fn an_unknown_value_of_a_condition_is_named_with_similar_ones() {
    for (args, expected) in [
        (
            ["--agent", "Agness Moore"],
            "no open conversation has the agent \"Agness Moore\"; did you mean \"Agnes Moore\"?\n",
        ),
        (["--agent", "agnes"], "no open conversation has the agent \"agnes\"; did you mean \"Agnes Moore\"?\n"),
        (["--member", "Jaen"], "no open conversation has the member \"Jaen\"; did you mean \"Jane\"?\n"),
        (["--channel", "in-app"], "no open conversation has the channel \"in-app\"; did you mean \"in_app\"?\n"),
        (["--tenant", "shop"], "no open conversation has the tenant \"shop\"; did you mean \"Shop\"?\n"),
        (["--tenant", "zzz"], "no open conversation has the tenant \"zzz\"\n"),
    ] {
        let ran = open(&args);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), expected), "{args:?}");
    }
    let none = open(&["--agent", "bert", "--channel", "sms"]);
    assert_eq!(none.stderr, "no match among 3 open conversations\n");
}

#[test]
fn names_compare_without_case_and_numbers_without_plus_and_spaces() {
    for (args, expected) in [
        (["--agent", "AGNES moore"], "desk-1"),
        (["--member", "JANE"], "desk-1"),
        (["--channel", "SMS"], "desk-1"),
        (["--number", "451234"], "desk-1"),
        (["--number", "+4512 34"], "desk-1"),
    ] {
        assert_eq!(open(&args).first_cells(), [expected], "{args:?}");
    }
}

#[test]
fn the_beginning_of_an_id_is_enough_if_it_is_unique() {
    for command in ["show", "history"] {
        let ran = DESK.run(command, &["till"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let several = DESK.run(command, &["desk"]);
        assert_eq!((several.code, several.stdout.as_str()), (Some(2), ""));
        let expected = "error: more than one conversation begins with \"desk\": desk-1, desk-2\n";
        assert!(several.stderr.starts_with(expected), "{several:?}");
    }
    assert_eq!(DESK.run("history", &["till", "--json"]).json()["id"], "till-1");
}

#[test]
fn now_is_given_as_people_write_times() {
    let waiting = |now: &str| DESK.run("open", &["--now", now, "--waiting", "50m"]).first_cells().len();
    for now in [HOUR_LATER, "2023-11-14T23:00:00Z", "2023-11-15 00:00+01:00", "1700002800", "1700002800000"] {
        assert_eq!(waiting(now), 1, "{now}");
    }
    assert_eq!([waiting("latest"), waiting("now")], [0, 3]);
    let soon = DESK.run("open", &["--now", "soon"]);
    assert_eq!(soon.code, Some(2));
    assert!(soon.stderr.contains("expected a time") && soon.stderr.contains("now or latest"), "{soon:?}");
    assert!(!soon.stderr.contains("RFC 3339"), "{soon:?}");
}

#[test]
fn numbers_get_plain_errors() {
    assert_eq!(open(&["--limit", "all"]).first_cells(), open(&["--limit", "0"]).first_cells());
    assert_eq!(DESK.run("replay", &["log", "--threads", "0"]).code, Some(0));
    for (command, args, expected) in [
        ("open", ["--limit", "many"], "expected a number of rows, or all"),
        ("open", ["--limit", "-1"], "expected a number of rows, or all"),
        ("open", ["--unread-min", "-1"], "expected a whole number, 0 or larger"),
        ("open", ["--idle", "-30m"], "a duration cannot be negative"),
        ("tail", ["--from", "0"], "expected a whole number, 1 or larger"),
        ("tail", ["--limit", "x"], "expected a number of rows, or all"),
    ] {
        let ran = DESK.run(command, &args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stderr.contains(expected), "{args:?}: {ran:?}");
    }
    let threads = DESK.run("replay", &["log", "--threads", "many"]);
    assert!(threads.stderr.contains("expected a whole number, 0 or larger"), "{threads:?}");
}

#[test]
fn a_running_interval_counts_to_now() {
    let shown = DESK.run("show", &["desk-1", "--now", HOUR_LATER]).stdout;
    assert!(shown.contains("open for          1h 00m, until now\n"), "{shown}");
}

#[test]
fn a_log_of_the_past_gets_a_hint() {
    let hint = |ran: &Ran| ran.stderr.contains("--now latest counts durations to its newest event");
    for (command, args) in
        [("open", &[][..]), ("agents", &[]), ("show", &["desk-1"]), ("open", &["--idle", "1d", "--json"])]
    {
        assert!(hint(&DESK.run(command, args)), "{command}");
        assert!(!hint(&DESK.run(command, &[args, &["--now", "latest"]].concat())), "{command}");
    }
    assert!(!hint(&DESK.run("open", &["--json"])));
}

#[test]
fn no_output_for_people_contains_invisible_characters() {
    for (command, args) in
        [("open", &[][..]), ("show", &["desk-1"]), ("show", &["desk-2"]), ("history", &["desk-1"]), ("tail", &[])]
    {
        let shown = DESK.run(command, args).stdout;
        let invisible = ['\u{61c}', '\u{200b}', '\u{200d}', '\u{1b}'];
        assert!(!shown.contains(invisible) && shown.contains('\u{fffd}'), "{command}: {shown:?}");
    }
}

#[test]
fn agents_are_shown_under_the_names_of_a_file() {
    DESK.write("names.csv", "8,Bert Brown\n");
    DESK.write("bad.csv", "8;Bert Brown\n");
    let names = ["--agent-names", "names.csv"];
    for (command, args) in
        [("open", &[][..]), ("agents", &[]), ("show", &["desk-2"]), ("history", &["desk-2"]), ("tail", &[])]
    {
        let with_names = DESK.run(command, &[args, &names].concat());
        assert!(with_names.stdout.contains("Bert Brown"), "{command}: {with_names:?}");
    }
    let json = DESK.run("agents", &[&names[..], &["--json"]].concat());
    assert!(!json.stdout.contains("Bert Brown"), "{json:?}");
    let bad = DESK.run("agents", &["--agent-names", "bad.csv"]);
    assert_eq!(bad.code, Some(2));
    assert!(bad.stderr.contains("bad.csv: line 1 has no comma"), "{bad:?}");
}
