//! `convofold suspects`: kinds, days, and when messages were lost.

use convofold_tests::command::Desk;
use serde_json::{Value, json};

/// Conversations of which some lost messages between 06:10 and 06:20, and one at 08:00.
fn desk() -> Desk {
    let desk = Desk::default();
    let mut lines = Vec::new();
    let mut add = |id: &str, kind: &str, at: &str, more: &str| {
        lines.push(format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{id}","identity":"{kind} {at}","kind":"{kind}","occurred":"2021-07-29T{at}Z","tenant":"north"{more}}}"#
        ));
    };
    for number in 0..5 {
        let id = format!("c-{number}");
        add(&id, "message", &format!("06:0{number}:00"), r#","direction":"out""#);
        let count = format!(r#","unread":2,"active":"2021-07-29T06:2{number}:00Z""#);
        add(&id, "update", &format!("06:2{number}:00"), &count);
    }
    add("later", "message", "07:59:00", r#","direction":"out""#);
    add("later", "update", "08:01:00", r#","unread":1,"active":"2021-07-29T08:01:00Z""#);
    add("fine", "message", "08:00:00", r#","direction":"in""#);
    add("fine", "update", "08:01:00", r#","unread":1,"active":"2021-07-29T08:01:00Z""#);
    desk.write("log", lines.join("\n"));
    let ran = desk.run("replay", &["log"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    desk
}

#[test]
fn the_report_says_what_is_suspect_and_when_messages_were_lost() {
    let desk = desk();
    let ran = desk.run("suspects", &[]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), "6 suspect events in 6 conversations, 2 losses of messages\n")
    );
    let words: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[1], ["unread", "desk", "6", "6", "11", "2021-07-29", "06:20:00", "2021-07-29", "08:01:00"]);

    let report = desk.run("suspects", &["--json"]).json();
    assert_eq!((&report["conversations"], &report["events"], &report["zone"]), (&json!(6), &json!(6), &json!("UTC")));
    let at = |time: &str| {
        let (hours, minutes) = time.split_once(':').unwrap_or_default();
        let [hours, minutes] = [hours, minutes].map(|number| number.parse::<i64>().unwrap_or_default());
        Value::from(1_627_516_800_000 + (hours * 60 + minutes) * 60_000)
    };
    let loss = |from, to, earliest, latest, gaps: u64, missing: u64| json!({"source": "desk", "from": at(from), "to": at(to), "earliest": at(earliest), "latest": at(latest), "gaps": gaps, "missing": missing});
    let expected =
        json!([loss("06:04", "06:20", "06:00", "06:24", 5, 10), loss("07:59", "08:01", "07:59", "08:01", 1, 1),]);
    assert_eq!(report["losses"], expected);
    let csv = desk.run("suspects", &["--by", "loss", "--format", "csv", "--columns", "from,to,events,missing"]).stdout;
    assert_eq!(
        csv.lines().collect::<Vec<_>>(),
        [
            "from,to,events,missing",
            "2021-07-29T06:04:00.000Z,2021-07-29T06:20:00.000Z,5,10",
            "2021-07-29T07:59:00.000Z,2021-07-29T08:01:00.000Z,1,1"
        ]
    );
}

#[test]
fn days_begin_in_the_zone_and_conditions_narrow_the_report() {
    let desk = desk();
    let days = |args: &[&str]| {
        let ran = desk.run("suspects", &[&["--by", "day", "--format", "jsonl"], args].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let rows = ran.json_lines().into_iter();
        rows.map(|row| (row["day"].as_str().map(str::to_owned), row["events"].as_u64())).collect::<Vec<_>>()
    };
    let day = |day: &str, events| (Some(day.to_owned()), Some(events));
    assert_eq!(days(&[]), [day("2021-07-29", 6)]);
    assert_eq!(days(&["--tz", "Pacific/Kiritimati"]), [day("2021-07-29", 6)]);
    assert_eq!(days(&["--tz", "America/Los_Angeles"]), [day("2021-07-28", 5), day("2021-07-29", 1)]);
    assert_eq!(days(&["--since", "2021-07-29 07:00"]), [day("2021-07-29", 1)]);
    assert_eq!(days(&["--until", "2021-07-29 06:22"]), [day("2021-07-29", 2)]);
    assert_eq!(days(&["--tenant", "north", "--source", "desk"]), [day("2021-07-29", 6)]);
    assert_eq!(days(&["--tenant", "south"]), []);
    assert_eq!(days(&["--as-of", "2021-07-29T06:21:00Z"]), [day("2021-07-29", 2)]);
    let nothing = desk.run("suspects", &["--source", "airship"]);
    assert_eq!((nothing.stdout.as_str(), nothing.stderr.as_str()), ("", "nothing is suspect\n"));
}
