//! `convofold report`: its forms, its buckets, and what is behind its numbers.

use convofold_tests::command::Desk;
use serde_json::{Value, json};

/// Two conversations of 2026-03-02. `a` is answered after five minutes by Ann, and closed after ten; `b` waits.
fn desk() -> Desk {
    let desk = Desk::default();
    let mut lines = Vec::new();
    let mut add = |id: &str, kind: &str, at: &str, more: &str| {
        lines.push(format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{id}","identity":"{kind} {at}","kind":"{kind}","occurred":"2026-03-02T{at}Z","tenant":"north"{more}}}"#
        ));
    };
    add("a", "message", "09:00:00", r#","direction":"in""#);
    add("a", "message", "09:05:00", r#","direction":"out","agent":{"id":"7","name":"=Ann"}"#);
    add("a", "close", "09:10:00", "");
    add("b", "message", "10:30:00", r#","direction":"in""#);
    desk.write("log", lines.join("\n"));
    let ran = desk.run("replay", &["log"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    desk
}

const MORNING: [&str; 6] = ["--from", "2026-03-02T09:00:00Z", "--to", "2026-03-02T11:00:00Z", "--every", "1h"];

#[test]
fn a_report_has_a_row_for_each_bucket() {
    let desk = desk();
    let report = desk.run("report", &[&MORNING[..], &["--json"]].concat()).json();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["messages_in"], &rows[0]["closings"], &rows[0]["by"]), (&json!(1), &json!(1), &json!({})));
    let response = json!({
        "n": 1, "pending": 0, "unknown": 0, "mean": 300_000, "p50": 300_000, "p90": 300_000, "p95": 300_000, "max": 300_000
    });
    assert_eq!(rows[0]["response"], response);
    assert_eq!((&rows[1]["response"]["n"], &rows[1]["response"]["pending"]), (&json!(0), &json!(1)));
    assert_eq!(rows[1]["response"]["p50"], Value::Null);
    assert_eq!(rows[1]["open"], json!({"end": 1, "max": 1, "mean": 0.5}));
    assert_eq!(report["zone"], "UTC");
}

#[test]
fn groups_have_rows_of_their_own_in_csv_and_in_a_table() {
    let desk = desk();
    let measures = ["--by", "agent", "--measure", "response,closings"];
    let ran = desk.run("report", &[&MORNING[..], &measures, &["--format", "csv"]].concat());
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "from,to,agent_tenant,agent_id,agent_name,response_n,response_pending,response_mean,response_p50,response_p90,response_p95,response_max,response_unknown,closings",
            "2026-03-02T09:00:00.000Z,2026-03-02T10:00:00.000Z,north,7,'=Ann,1,0,300000,300000,300000,300000,300000,0,1",
            "2026-03-02T10:00:00.000Z,2026-03-02T11:00:00.000Z,north,,,0,1,,,,,,0,0",
        ]
    );
    let table = desk.run("report", &[&MORNING[..], &measures].concat());
    let words: Vec<_> = table.stdout.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words, ["2026-03-02", "09:00:00", "north", "=Ann", "1", "5m", "00s", "5m", "00s", "1"]);
}

#[test]
fn every_number_can_be_opened() {
    let desk = desk();
    let behind = desk.run("report", &[&MORNING[..], &["--rows", "response", "--json"]].concat()).json();
    let rows = behind["rows"].as_array().unwrap();
    let found: Vec<_> = rows.iter().map(|row| (&row["conversation"], &row["value"], &row["outcome"])).collect();
    assert_eq!(found, [(&json!("a"), &json!(300_000), &Value::Null), (&json!("b"), &Value::Null, &json!("pending")),]);
}

#[test]
fn a_report_of_what_was_known_then_is_the_report_of_then() {
    let desk = desk();
    let report = |known_at| desk.run("report", &[&MORNING[..], &["--json", "--known-at", known_at]].concat()).json();
    assert_eq!(report("seq:2")["rows"][0]["closings"], 0);
    assert_eq!(report("seq:4")["rows"][0]["closings"], 1);
}

#[test]
fn days_are_those_of_the_zone() {
    let desk = desk();
    let day = ["--from", "2026-03-02 19:00", "--to", "2026-03-03", "--tz", "Asia/Tokyo", "--json"];
    let report = desk.run("report", &day).json();
    assert_eq!(report["from"], 1_772_445_600_000_i64);
    assert_eq!(report["rows"][0]["messages_in"], 1);
}

#[test]
fn a_page_is_complete_and_shows_names_as_text() {
    let desk = desk();
    let page = desk.run("report", &[&MORNING[..], &["--by", "agent", "--format", "html"]].concat()).stdout;
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("<svg") && page.contains("=Ann") && page.contains("p90"));
    assert!(!page.contains("<script") && !page.contains("http"));
}

#[test]
fn two_agents_of_one_name_have_a_chart_each() {
    let desk = Desk::default();
    let message = |conversation: &str, agent: &str| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","identity":"1","kind":"message","direction":"out","occurred":"2026-03-02T09:00:00Z","agent":{{"id":"{agent}","name":"Ann"}}}}"#
        )
    };
    desk.write("log", [message("a", "7"), message("b", "8")].join("\n"));
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    let form = ["--by", "agent", "--measure", "messages_out", "--format", "html"];
    let page = desk.run("report", &[&MORNING[..], &form].concat()).stdout;
    assert_eq!(page.matches("<svg").count(), 2, "{page}");
    assert!(page.contains("Ann (7)") && page.contains("Ann (8)"), "{page}");
}

#[test]
fn a_chart_says_that_it_does_not_have_all_bars() {
    let desk = desk();
    let form = ["--to", "2026-03-02T12:00:00Z", "--every", "1h", "--measure", "open", "--format", "html"];
    let page = |from| desk.run("report", &[&["--from", from][..], &form].concat()).stdout;
    // 182 days and 12 hours.
    assert!(page("2025-09-01T00:00:00Z").contains("The first 2000 of 4380 bars"));
    assert!(!page("2026-03-01T00:00:00Z").contains(" bars;"));
}

#[test]
fn a_report_of_no_time_is_refused_with_its_times_in_the_zone() {
    let desk = desk();
    let stderr = |args: &[&str]| {
        let ran = desk.run("report", &[args, &["--tz", "Asia/Tokyo"]].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        ran.stderr
    };
    let error = stderr(&["--from", "2026-03-03", "--to", "2026-03-02"]);
    assert!(
        error.contains("begins at 2026-03-03T00:00:00.000+09:00 and ends at 2026-03-02T00:00:00.000+09:00"),
        "{error}"
    );
    assert!(!error.contains("now"), "{error}");
    let error = stderr(&["--from", "9000-01-01", "--to", "9000-01-02"]);
    assert!(error.contains("begins at 9000-01-01T00:00:00.000+09:00") && error.contains("was cut to now"), "{error}");
    assert!(stderr(&["--from", "9000-01-01"]).contains("without --to it ends now"));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let desk = desk();
    for args in [
        &["--from", "2026-03-03", "--to", "2026-03-02"][..],
        &["--from", "soon"],
        &["--from", "2026-03-02", "--every", "7h"],
        &["--from", "2026-03-02", "--measure", "average"],
        &["--from", "2026-03-02", "--by", "mood"],
        &["--from", "1970-01-02", "--every", "1h"],
        &["--from", "2026-03-02", "--known-at", "seq:9"],
        &["--from", "2026-03-02", "--rows", "open", "--format", "html"],
        &["--from", "2026-03-02", "--tz", "Mars"],
    ] {
        assert_eq!(desk.run("report", args).code, Some(2), "{args:?}");
    }
    desk.write("hours", "{}");
    let ran = desk.run("report", &["--from", "2026-03-02", "--calendar", "hours"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("hours: expected {"), "{ran:?}");
}
