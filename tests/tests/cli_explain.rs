//! `convofold explain`.

use convofold_tests::command::Desk;
use serde_json::json;

/// A conversation of an open, two messages and a close.
fn desk() -> Desk {
    let desk = Desk::default();
    let event = |second: u32, kind: &str, more: &str| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"c-1","identity":"{second}","kind":"{kind}","occurred":"2021-07-29T06:00:{second:02}Z"{more}}}"#
        )
    };
    let said = r#","direction":"in","text":"Hello""#;
    let lines = [
        event(1, "open", ""),
        event(2, "message", said),
        event(4, "close", ""),
        event(3, "message", said),
        event(5, "message", said),
    ];
    desk.write("log", lines.join("\n") + "\n");
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    desk
}

#[test]
fn one_field_is_explained_with_its_events() {
    let ran = desk().run("explain", &["c-1", "status"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "status = closed   F2: the latest statement decides; without one it is open");
    let words = |line: &str| line.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    assert_eq!(words(lines[1]), "<- seq 3 2021-07-29 06:00:04.000 close");
    assert_eq!(words(lines[2]), "over seq 1 2021-07-29 06:00:01.000 open");
    assert_eq!(words(lines[3]), "not seq 5 2021-07-29 06:00:05.000 message");
    assert!(lines[3].ends_with("a message without a usable status never changes it"), "{ran:?}");
    assert_eq!(lines[4], "  without seq 3 the field would be: open");
    assert_eq!(lines.len(), 5);
}

#[test]
fn all_fields_are_a_table_with_a_row_for_each() {
    let ran = desk().run("explain", &["c-1"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let row = |field: &str| {
        let row = ran.stdout.lines().find(|line| line.split_whitespace().next() == Some(field)).unwrap_or_default();
        row.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("FIELD"), "FIELD VALUE RULE SEQ AT (UTC) EVENT");
    assert_eq!(row("status"), "status closed F2 3 2021-07-29 06:00:04.000 close");
    assert_eq!(row("messages_in"), "messages_in 3 F6 2, 4, 5 2021-07-29 06:00:05.000 3 events");
    assert_eq!(row("agent.id"), "agent.id null F5 -");
    assert_eq!(row("closed_at"), "closed_at 2021-07-29 06:00:04.000 F3 3 2021-07-29 06:00:04.000 close");
    assert_eq!(row("session.rating"), "");
}

#[test]
fn json_has_the_explanations_and_the_moment() {
    let desk = desk();
    let explain = |args: &[&str]| desk.run("explain", &[&["c-1", "messages_in", "--json"], args].concat()).json();
    let now = explain(&[]);
    assert_eq!((&now["id"], now.get("moment")), (&json!("c-1"), None));
    assert_eq!((&now["fields"][0]["value"], &now["fields"][0]["without"]), (&json!(3), &json!(0)));
    let then = explain(&["--known-at", "seq:3"]);
    assert_eq!((&then["fields"][0]["value"], &then["moment"]["known_at"]), (&json!(1), &json!(3)));
    let as_of = explain(&["--as-of", "2021-07-29T06:00:03Z"]);
    assert_eq!(as_of["fields"][0]["value"], 2);
}

#[test]
fn a_long_list_is_cut_unless_all_is_asked_for() {
    let desk = Desk::default();
    let message = |number: u32| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"c","identity":"{number}","kind":"message","direction":"in","occurred":"2021-07-29T06:00:{number:02}Z"}}"#
        ) + "\n"
    };
    desk.write("log", (0..50).map(message).collect::<String>());
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    let explain = |more: &[&str]| desk.run("explain", &[&["c", "messages_in"], more].concat()).stdout;
    let cut = explain(&[]);
    assert_eq!(cut.lines().count(), 1 + 6 + 1 + 1, "{cut}");
    assert!(cut.contains("\u{2026} 44 more"), "{cut}");
    assert_eq!(explain(&["--all"]).lines().count(), 1 + 50 + 1);
    assert!(cut.ends_with("without these events the conversation would not exist\n"), "{cut}");
}

#[test]
fn an_unknown_field_is_refused_with_those_that_exist() {
    let ran = desk().run("explain", &["c-1", "stat"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("invalid field") && ran.stderr.contains("member.name"), "{ran:?}");
    assert_eq!(desk().run("explain", &["nobody"]).code, Some(4));
}
