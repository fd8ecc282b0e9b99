//! The formats of `open`, `agents`, `totals` and `history`: for people, for spreadsheets, for programs.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::fmt::Write as _;
use std::sync::LazyLock;

use convofold_tests::command::{Desk, Ran};
use serde_json::{Value, json};

const NOW: &str = "2026-01-15 11:00";

static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let mut log = String::new();
    for line in [
        message(
            "superoffice:Cust1:10001",
            0,
            json!({"member_name": "=HYPERLINK(\"http://x\")", "tenant": "one",
            "channel": "sms", "member_number": "+4512345678", "agent": {"id": "7", "name": "Agnes Moore"}, "text": "a|b\n*c*"}),
        ),
        message("superoffice:Cust1:10002", 10, json!({"member_name": "jane", "tenant": "one", "text": "-2+3"})),
        message(
            "superoffice:Cust2:10001",
            20,
            json!({"member_name": "Bert", "tenant": "two", "channel": "in_app",
            "agent": {"id": "8"}, "text": "He said \"no\", and left"}),
        ),
        message("t-1", 30, json!({"text": "word ".repeat(40)})),
    ] {
        writeln!(log, "{line}").expect("a line");
    }
    Desk::with_log(log)
});

const ALL: [&str; 4] = ["t-1", "superoffice:Cust2:10001", "superoffice:Cust1:10002", "superoffice:Cust1:10001"];

fn message(id: &str, minute: u32, more: Value) -> Value {
    let mut event = json!({"convofold": 1, "source": "x", "conversation": id, "kind": "message", "direction": "in",
        "occurred": format!("2026-01-15T10:{minute:02}:00.250Z")});
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event
}

fn run(command: &str, args: &[&str]) -> Ran {
    let ran = DESK.run(command, &[&["--now", NOW], args].concat());
    assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
    ran
}

fn open(args: &[&str]) -> Ran {
    run("open", args)
}

/// The ids that a list prints, in its order.
fn ids(args: &[&str]) -> Vec<String> {
    let rows = open(&[&["--format", "jsonl", "--columns", "id"], args].concat()).json_lines();
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn json_is_short_for_the_json_format_and_jsonl_has_its_rows() {
    for (command, args, rows) in [
        ("open", &[][..], "conversations"),
        ("agents", &[], "agents"),
        ("totals", &[], "totals"),
        ("history", &["t-1"], "history"),
    ] {
        let json = DESK.run(command, &[args, &["--json"]].concat());
        assert_eq!(DESK.run(command, &[args, &["--format", "json"]].concat()), json, "{command}");
        let lines = DESK.run(command, &[args, &["--format", "jsonl"]].concat()).json_lines();
        assert_eq!(json.json()[rows], Value::Array(lines), "{command}");
    }
    assert_eq!(DESK.run("open", &["--json", "--format", "csv"]).code, Some(2));
}

#[test]
fn a_spreadsheet_gets_every_column_and_no_formula() {
    let csv = open(&["--format", "csv", "--sort", "started"]).stdout;
    let lines: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "id,status,agent,agent_id,member_name,member_number,member_business_id,member_channel_id,tenant,channel,shortcode,\
         unread,waiting_ms,waiting_since,started_at,last_active_at,closed_at,suspect,last_message"
    );
    assert_eq!(
        lines[1],
        "superoffice:Cust1:10001,open,Agnes Moore,7,\"'=HYPERLINK(\"\"http://x\"\")\",+4512345678,,,one,sms,,1,3599750,\
         2026-01-15T10:00:00.250Z,2026-01-15T10:00:00.250Z,2026-01-15T10:00:00.250Z,,false,\"a|b\n*c*\""
    );
    assert!(lines[2].ends_with(",false,'-2+3"), "{}", lines[2]);
    assert!(lines[3].ends_with(",\"He said \"\"no\"\", and left\""), "{}", lines[3]);
    assert_eq!((lines.len(), lines[5]), (6, ""));
}

#[test]
fn columns_are_chosen_in_their_order_in_every_format() {
    let chosen = ["--columns", "unread,id", "--limit", "1"];
    assert_eq!(open(&chosen).stdout, "UNREAD  ID\n     1  t-1\n");
    assert_eq!(open(&[&chosen[..], &["--format", "csv"]].concat()).stdout, "unread,id\r\n1,t-1\r\n");
    assert_eq!(open(&[&chosen[..], &["--format", "jsonl"]].concat()).stdout, "{\"unread\":1,\"id\":\"t-1\"}\n");
    let json = open(&[&chosen[..], &["--json"]].concat()).json();
    assert_eq!(json["conversations"], json!([{"unread": 1, "id": "t-1"}]));
    assert_eq!(
        open(&[&chosen[..], &["--format", "markdown"]].concat()).stdout,
        "| UNREAD | ID |\n| ---: | --- |\n| 1 | t-1 |\n"
    );
}

#[test]
fn an_unknown_column_is_a_usage_error_that_lists_the_columns() {
    for args in [["--columns", "colour"], ["--sort", "colour"]] {
        for (command, known) in [("open", "last_message"), ("agents", "oldest_waiting_ms"), ("totals", "channel")] {
            let ran = DESK.run(command, &args);
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{command}");
            assert!(ran.stderr.contains("'colour'") && ran.stderr.contains(known), "{command}: {ran:?}");
        }
    }
}

#[test]
fn markdown_shows_texts_as_they_are() {
    let table = open(&["--format", "markdown", "--columns", "member,last_message", "--sort", "started"]).stdout;
    let row = table.lines().nth(2).expect("a row");
    assert_eq!(row, "| =HYPERLINK(\"http://x\") | a\\|b<br>\\*c\\* |");
}

#[test]
fn every_column_sorts_and_reverses() {
    assert_eq!(ids(&[]), ALL);
    assert_eq!(ids(&["--reverse"]), ALL.into_iter().rev().collect::<Vec<_>>());
    let [t, two, second, first] = ALL;
    for (column, expected) in [
        ("id", [first, second, two, t]),
        // Without case; those without a member are last.
        ("member", [first, two, second, t]),
        ("started_at", [first, second, two, t]),
        ("waiting_ms", [t, two, second, first]),
        ("agent", [two, first, t, second]),
    ] {
        assert_eq!(ids(&["--sort", column]), expected, "{column}");
    }
    assert_eq!(ids(&["--sort", "member", "--reverse"]), [second, two, first, t]);
    assert_eq!(ids(&["--sort", "member", "--limit", "2"]), [first, two]);
    let all_columns: Vec<_> = open(&["--format", "csv", "--limit", "1"])
        .stdout
        .lines()
        .next()
        .expect("a header")
        .split(',')
        .map(str::to_owned)
        .collect();
    for column in &all_columns {
        assert_eq!(ids(&["--sort", column]).len(), 4, "{column}");
    }
}

#[test]
fn an_order_without_pages_says_how_many_rows_are_left() {
    let ran = open(&["--sort", "member", "--limit", "1"]);
    assert_eq!(ran.stderr, "3 rows more: add --limit all\n");
    let json = open(&["--sort", "member", "--limit", "1", "--json"]).json();
    assert_eq!((&json["conversations"][0]["id"], &json["next_cursor"]), (&json!(ALL[3]), &Value::Null));
    let cursor = open(&["--limit", "1", "--json"]).json()["next_cursor"].as_str().expect("a cursor").to_owned();
    let refused = DESK.run("open", &["--sort", "member", "--cursor", &cursor]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

#[test]
fn rows_that_are_printed_page_by_page_end_at_the_limit() {
    let desk = Desk::default();
    let lines: Vec<_> =
        (0..2_100).map(|number| message(&format!("c-{number}"), number % 60, json!({})).to_string()).collect();
    desk.write("log", lines.join("\n"));
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    for (limit, expected) in [("all", 2_100), ("1500", 1_500), ("1000", 1_000)] {
        let ran = desk.run("open", &["--format", "csv", "--columns", "id", "--limit", limit]);
        let rows: std::collections::BTreeSet<_> = ran.stdout.lines().skip(1).collect();
        assert_eq!((rows.len(), ran.stdout.lines().count()), (expected, expected + 1), "{limit}");
        assert_eq!(ran.stderr.contains("more rows: add --cursor"), expected < 2_100, "{limit}");
    }
}

#[test]
fn times_are_shown_in_the_zone_that_was_asked_for() {
    let times = |args: &[&str]| open(&[&["--columns", "last_active_at", "--limit", "1"], args].concat()).stdout;
    assert_eq!(times(&[]), "LAST ACTIVE (UTC)\n2026-01-15 10:30:00\n");
    assert_eq!(times(&["--tz", "europe/berlin"]), "LAST ACTIVE (Europe/Berlin)\n2026-01-15 11:30:00\n");
    assert_eq!(
        times(&["--tz", "Asia/Tokyo", "--format", "csv"]),
        "last_active_at\r\n2026-01-15T19:30:00.250+09:00\r\n"
    );
    let local = DESK
        .command(&["open", "--db", "db", "--columns", "last_active_at", "--limit", "1", "--tz", "local"])
        .env("TZ", "America/New_York")
        .output()
        .expect("it runs");
    assert_eq!(Ran::from(local).stdout, "LAST ACTIVE (America/New_York)\n2026-01-15 05:30:00\n");
    let refused = DESK.run("open", &["--tz", "Mars/Olympus"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("unknown time zone \"Mars/Olympus\""), "{refused:?}");
}

#[test]
fn a_piped_table_has_ids_in_full_and_a_narrow_one_has_short_ids_that_are_found() {
    assert_eq!(open(&[]).first_cells(), ALL);
    for width in ["40", "60", "80", "100"] {
        for (command, args) in [("open", &[][..]), ("agents", &[]), ("totals", &[]), ("history", &["t-1"])] {
            let table = DESK.run(command, &[args, &["--width", width]].concat()).stdout;
            let widest = table.lines().map(|line| line.chars().count()).max();
            assert!(width == "40" || widest <= width.parse().ok(), "{command} at {width}: {widest:?}\n{table}");
        }
    }
    let narrow = open(&["--width", "60"]);
    let short = narrow.first_cells();
    assert!(short[1].contains('\u{2026}') && short[1] != short[2] && short[2] != short[3], "{narrow:?}");
    for (short, id) in short.iter().zip(ALL) {
        for command in ["show", "history"] {
            let ran = DESK.run(command, &[short, "--json"]);
            assert_eq!(ran.code, Some(0), "{short}: {ran:?}");
            let json = ran.json();
            assert_eq!(json.get("id").unwrap_or(&json["state"]["id"]), id, "{short}");
        }
        assert_eq!(DESK.run("conflicts", &[short]).code, Some(0), "{short}");
    }
}

#[test]
fn a_short_id_that_means_several_conversations_lists_them() {
    let ran = DESK.run("show", &["sup\u{2026}10001"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let expected = "has the short id \"sup\u{2026}10001\": superoffice:Cust1:10001, superoffice:Cust2:10001";
    assert!(ran.stderr.contains(expected), "{ran:?}");
    assert_eq!(DESK.run("show", &["sup\u{2026}10003"]).code, Some(4));
}

#[test]
fn csv_of_the_other_commands_has_stable_columns() {
    assert_eq!(
        run("agents", &["--format", "csv"]).stdout,
        "agent,agent_id,tenant,open,unread,waiting,oldest_waiting_ms,oldest_waiting_since\r\n\
         Agnes Moore,7,one,1,1,1,3599750,2026-01-15T10:00:00.250Z\r\n\
         8,8,two,1,1,1,2399750,2026-01-15T10:20:00.250Z\r\n\
         ,,,1,1,1,1799750,2026-01-15T10:30:00.250Z\r\n\
         ,,one,1,1,1,2999750,2026-01-15T10:10:00.250Z\r\n"
    );
    let totals = DESK.run("totals", &["--format", "csv", "--sort", "conversations", "--reverse"]).stdout;
    assert!(
        totals.starts_with("tenant,channel,conversations,open,waiting,unread,unanswered_after_close\r\n"),
        "{totals}"
    );
    let history = DESK.run("history", &["superoffice:Cust1:10001", "--format", "csv"]).stdout;
    assert_eq!(
        history,
        "seq,at,kind,direction,channel,assigned,assigned_id,unread,text,counts,late\r\n\
         1,2026-01-15T10:00:00.250Z,message,in,sms,Agnes Moore,7,,\"a|b\n*c*\",true,false\r\n"
    );
}
