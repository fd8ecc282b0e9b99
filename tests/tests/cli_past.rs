//! Questions about the past: `--as-of` and `--known-at`.

use convofold_tests::command::{Desk, Ran};
use serde_json::Value;

/// Two messages, then one that happened between them.
fn desk() -> Desk {
    let desk = Desk::default();
    let said = |second: u32| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"c-1","identity":"{second}","kind":"message","direction":"in","occurred":"2021-07-29T06:00:{second:02}Z","text":"at {second}"}}"#
        )
    };
    for (file, seconds) in [("first", vec![10, 30]), ("late", vec![20])] {
        desk.write(file, seconds.into_iter().map(said).collect::<Vec<_>>().join("\n") + "\n");
        assert_eq!(desk.run("replay", &[file]).code, Some(0));
    }
    desk
}

fn state(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.json()["state"].clone()
}

#[test]
fn a_conversation_is_shown_as_it_was_and_as_it_was_known() {
    let desk = desk();
    let show = |args: &[&str]| desk.run("show", &[&["c-1", "--json"], args].concat());
    let messages = |args: &[&str]| state(&show(args))["messages_in"].as_u64();
    for (as_of, count) in [("10", 1), ("19.999999999", 1), ("20", 2), ("29", 2), ("30", 3)] {
        assert_eq!(messages(&["--as-of", &format!("2021-07-29T06:00:{as_of}Z")]), Some(count), "{as_of}");
    }
    assert_eq!(messages(&["--as-of", "2021-07-29T08:00:20+02:00"]), Some(2));
    assert_eq!(messages(&["--as-of", "latest"]), Some(3));
    assert_eq!(messages(&["--as-of", "-2h"]), Some(3));
    for (seq, count) in [("seq:1", 1), ("seq:2", 2), ("seq:3", 3), ("latest", 3)] {
        assert_eq!(messages(&["--known-at", seq]), Some(count), "{seq}");
    }
    let both = show(&["--as-of", "2021-07-29T06:00:20Z", "--known-at", "seq:2"]);
    assert_eq!(state(&both)["messages_in"], 1);
    assert_eq!(state(&show(&["--known-at", "latest"])), state(&show(&[])));
    let known = show(&["--known-at", "seq:2"]).json();
    assert_eq!((&known["arrivals"], &known["moment"]["late_events"]), (&Value::Null, &Value::from(1)));
    assert_eq!(show(&[]).json().get("moment"), None);

    let history =
        |args: &[&str]| desk.run("history", &[&["c-1", "--format", "csv"], args].concat()).stdout.lines().count() - 1;
    assert_eq!(
        (history(&["--as-of", "2021-07-29T06:00:20Z"]), history(&["--known-at", "seq:2"]), history(&[])),
        (2, 2, 3)
    );
}

#[test]
fn a_list_says_how_many_events_were_learned_later() {
    let desk = desk();
    for args in [&["open", "--now", "2021-07-30"][..], &["agents", "--now", "2021-07-30"], &["totals"]] {
        let late = |more: &[&str]| {
            let ran = desk.run(args[0], &[&args[1..], more].concat());
            assert_eq!(ran.code, Some(0), "{ran:?}");
            ran
        };
        let known = late(&["--known-at", "seq:2", "--format", "json"]).json();
        assert_eq!(known["moment"]["late_events"], 1, "{args:?} {known}");
        let words = late(&["--known-at", "seq:2"]).stderr;
        assert!(words.contains("without 1 event of that time learned later"), "{args:?} {words}");
        assert!(!late(&["--known-at", "seq:3"]).stderr.contains("later"), "{args:?}");
    }
}

#[test]
fn the_answer_says_which_moment_it_is_about() {
    let desk = desk();
    let first_line = |args: &[&str]| {
        let ran = desk.run("show", &[&["c-1"], args].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        ran.stdout.lines().next().unwrap_or_default().to_owned()
    };
    let corrected = first_line(&["--as-of", "2021-07-29T06:00:20Z"]);
    assert!(corrected.contains("as it was at 2021-07-29 06:00:20.000"), "{corrected}");
    assert!(corrected.ends_with("with everything learned since"), "{corrected}");
    let known = first_line(&["--known-at", "seq:2"]);
    assert!(known.contains("as it was known after event 2, committed at 20"), "{known}");
    assert!(known.ends_with("without 1 event of that time learned later"), "{known}");
    assert!(desk.run("show", &["c-1"]).stdout.starts_with("id "));
    let shown = desk.run("show", &["c-1", "--as-of", "2021-07-29T06:00:20Z"]).stdout;
    assert!(shown.contains("10.0s, until then") || shown.contains("10s, until then"), "{shown}");
}

#[test]
fn conflicts_are_those_of_the_events_within_the_bounds() {
    let desk = Desk::default();
    let version = |second: u32, text: &str| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"c-1","identity":"x","kind":"message","occurred":"2021-07-29T06:00:{second}Z","text":"{text}"}}"#
        )
    };
    desk.write("log", [version(10, "one"), version(10, "two"), version(30, "three")].join("\n") + "\n");
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    for id in [&[][..], &["c-1"]] {
        let conflicts = |args: &[&str]| {
            let ran = desk.run("conflicts", &[id, &["--json"], args].concat());
            assert_eq!(ran.code, Some(0), "{ran:?}");
            ran.stdout.lines().count()
        };
        assert_eq!(["seq:1", "seq:2", "latest"].map(|seq| conflicts(&["--known-at", seq])), [0, 1, 2], "{id:?}");
        assert_eq!(["10", "29", "30"].map(|at| conflicts(&["--as-of", &format!("2021-07-29T06:00:{at}Z")])), [1, 1, 2]);
        assert_eq!(conflicts(&[]), 2);
    }
    let told = desk.run("conflicts", &["--known-at", "seq:2"]);
    assert!(told.stderr.contains("as it was known after event 2"), "{told:?}");
}

/// Every list, count, hash and export at a moment is that of a database that was given only the events within its bounds.
#[test]
fn many_conversations_are_answered_as_by_a_database_with_these_events_only() {
    let desk = Desk::default();
    let args = ["generate", "--events", "900", "--seed", "5", "--leave-open", ".4", "--shuffle", "40", "--out", "log"];
    assert_eq!(desk.run_bare(&args).code, Some(0));
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    let events = desk.run("export", &["--events"]).stdout;
    let half = events.lines().count() / 2;
    let beginning: Vec<_> = events.lines().take(half).collect();
    desk.write("beginning", beginning.join("\n") + "\n");
    let other = Desk::default();
    other.write("beginning", beginning.join("\n") + "\n");
    assert_eq!(other.run("replay", &["beginning"]).code, Some(0));
    let known_at = format!("seq:{half}");
    for (command, args) in [
        ("export", &[][..]),
        ("hash", &[]),
        ("agents", &["--format", "csv", "--now", "latest"]),
        ("totals", &["--format", "csv"]),
        ("open", &["--format", "jsonl", "--limit", "all"]),
        ("open", &["--sort", "waiting", "--limit", "7", "--format", "json"]),
        ("list", &["--status", "any", "--limit", "all", "--format", "jsonl"]),
    ] {
        let past = desk.run(command, &[args, &["--known-at", &known_at]].concat());
        let expected = other.run(command, args);
        let is_about_ages = command == "agents";
        if is_about_ages {
            // Ages count to the moment, which is the time of the replay.
            let without_ages = |text: &str| {
                text.lines().map(|line| line.split(',').take(6).map(str::to_owned).collect()).collect::<Vec<Vec<_>>>()
            };
            assert_eq!(without_ages(&past.stdout), without_ages(&expected.stdout), "{command}");
        } else if args.contains(&"json") {
            assert_eq!(past.json()["conversations"], expected.json()["conversations"], "{command} {args:?}");
        } else {
            assert_eq!(past.stdout, expected.stdout, "{command} {args:?}");
        }
        assert_eq!(past.code, Some(0), "{past:?}");
        let now = desk.run(command, &[args, &["--as-of", "latest"]].concat()).stdout;
        assert!(command == "agents" || !now.is_empty());
    }
    assert_eq!(desk.run("hash", &["--known-at", "latest"]).stdout, desk.run("hash", &[]).stdout);
    assert_eq!(desk.run("export", &["--events", "--known-at", &known_at]).stdout, beginning.join("\n") + "\n");
    // The events of a time make a database with the states of this time.
    let at = events.lines().nth(half).and_then(|line| line.split("\"occurred\":\"").nth(1)?.split('"').next()).unwrap();
    let then = Desk::default();
    then.write("then", desk.run("export", &["--events", "--as-of", at]).stdout);
    assert_eq!(then.run("replay", &["then"]).code, Some(0));
    assert_eq!(desk.run("export", &["--as-of", at]).stdout, then.run("export", &[]).stdout);
}

#[test]
fn a_moment_without_an_answer_is_an_error_that_says_what_to_do() {
    let desk = desk();
    for (args, code, words) in [
        (["--as-of", "2021-07-29T06:00:20"], 2, "append Z for UTC"),
        (["--as-of", "yesterday"], 2, "latest"),
        (["--as-of", "2999-01-01T00:00:00Z"], 2, "after now"),
        (["--as-of", "seq:2"], 2, "known_at"),
        (["--known-at", "seq:4"], 2, "seq:3"),
        (["--known-at", "2000-01-01T00:00:00Z"], 2, "seq:1"),
        (["--known-at", "2999-01-01T00:00:00Z"], 2, "after now"),
        (["--as-of", "2021-07-29T06:00:09Z"], 2, "the first event happened at 2021-07-29T06:00:10.000Z"),
    ] {
        for command in ["show", "history"] {
            let ran = desk.run(command, &[&["c-1"], &args[..]].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{command} {args:?} {ran:?}");
            assert!(ran.stderr.contains(words), "{command} {args:?}: {}", ran.stderr);
        }
    }
}
