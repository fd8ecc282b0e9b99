//! `convofold diff`: what differs between databases, exports, backups and moments, and what a replay would change.

use std::io::Write as _;
use std::process::Stdio;

use convofold_tests::command::{Desk, Ran};
use serde_json::{Value, json};

/// What `docs/diff.md` begins with.
const FIRST: &str = include_str!("../samples/diff-first.ndjson");
/// The correction in `docs/diff.md`.
const CORRECTION: &str = include_str!("../samples/diff-correction.ndjson");

/// The database of `docs/diff.md`.
fn desk() -> Desk {
    let desk = Desk::with_log(FIRST);
    desk.write("correction.ndjson", CORRECTION);
    desk
}

/// The same after the correction.
fn corrected() -> Desk {
    let desk = desk();
    assert_eq!(desk.run("replay", &["correction.ndjson"]).code, Some(0));
    desk
}

#[track_caller]
fn diff(desk: &Desk, args: &[&str], code: i32) -> Ran {
    let ran = desk.run_bare(&[&["diff"], args].concat());
    assert_eq!(ran.code, Some(code), "{ran:?}");
    ran
}

fn ids(changes: &[Value]) -> Vec<(&str, &str)> {
    changes
        .iter()
        .map(|change| (change["change"].as_str().unwrap_or_default(), change["id"].as_str().unwrap_or_default()))
        .collect()
}

#[test]
fn the_example_in_the_docs_is_what_the_command_prints() {
    let docs = include_str!("../../docs/diff.md");
    let desk = desk();
    let mut shown = vec![FIRST.to_owned(), CORRECTION.to_owned()];
    let dry_run = desk.run("replay", &["correction.ndjson", "--dry-run"]);
    assert_eq!(dry_run.code, Some(0), "{dry_run:?}");
    shown.push(dry_run.stdout);
    assert_eq!(desk.run("replay", &["correction.ndjson"]).code, Some(0));
    for args in [&[][..], &["--stat"], &["--summary"]] {
        shown.push(diff(&desk, &[&["db@known:seq:4", "db"], args].concat(), 7).stdout);
    }
    shown.push(diff(&desk, &["-q", "open --unassigned", "db@known:seq:4", "db"], 7).stdout);
    for text in shown {
        assert!(docs.contains(&text), "docs/diff.md does not contain:\n{text}");
    }
}

#[test]
fn equal_sides_have_exit_code_0_and_different_ones_7() {
    let desk = corrected();
    assert_eq!(diff(&desk, &["db", "db"], 0).stdout, "");
    assert_eq!(diff(&desk, &["db", "db@latest"], 0).stderr, "no difference\n");
    let ran = diff(&desk, &["db@known:seq:4", "db"], 7);
    assert!(ran.stderr.ends_with("2 conversations differ: 1 added, 1 changed\n"), "{}", ran.stderr);
    let json = diff(&desk, &["db", "db", "--json"], 0).json();
    assert_eq!(json, json!({"added": 0, "removed": 0, "changed": 0, "fields": {}, "conversations": []}));
}

/// Each of these sides has the events of the others, so the differences are those between the moments.
#[test]
fn databases_exports_and_backups_give_the_same_differences() {
    let desk = corrected();
    let exported = |name: &str, args: &[&str]| desk.write(name, desk.run("export", args).stdout);
    exported("before.ndjson", &["--known-at", "seq:4"]);
    exported("after.ndjson", &[]);
    assert_eq!(desk.run("backup", &["after.cfbk"]).code, Some(0));
    desk.write("first.ndjson", FIRST);
    assert_eq!(desk.run_bare(&["replay", "first.ndjson", "--db", "old"]).code, Some(0));
    assert_eq!(desk.run_bare(&["backup", "before.cfbk", "--db", "old"]).code, Some(0));

    let expected = diff(&desk, &["db@known:seq:4", "db", "--json"], 7).json();
    assert_eq!(ids(expected["conversations"].as_array().unwrap()), [("changed", "case-7"), ("added", "case-8")]);
    let without_events = {
        let mut expected = expected.clone();
        for change in expected["conversations"].as_array_mut().unwrap() {
            change["because"] = Value::Null;
        }
        expected
    };
    let before = ["db@known:seq:4", "old", "before.cfbk", "after.cfbk@known:seq:4", "before.ndjson"];
    for before in before {
        for after in ["db", "after.cfbk", "after.ndjson"] {
            let has_export = before.ends_with("ndjson") || after.ends_with("ndjson");
            let found = diff(&desk, &[before, after, "--json"], 7).json();
            assert_eq!(found, if has_export { without_events.clone() } else { expected.clone() }, "{before} {after}");
        }
    }
    for (one, other) in
        [("db", "after.cfbk"), ("after.ndjson", "db"), ("old", "before.cfbk"), ("before.cfbk", "before.ndjson")]
    {
        diff(&desk, &[one, other], 0);
    }
    let mut piped = desk
        .command(&["diff", "-", "db", "--summary"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    piped.stdin.take().unwrap().write_all(desk.read("before.ndjson").as_bytes()).unwrap();
    let piped = Ran::from(piped.wait_with_output().unwrap());
    assert_eq!((piped.code, piped.stdout.as_str()), (Some(7), "changed case-7\nadded case-8\n"));
}

#[test]
fn json_has_every_field_and_the_events_that_only_one_side_has() {
    let desk = corrected();
    let whole = diff(&desk, &["db@known:seq:4", "db", "--json"], 7).json();
    assert_eq!((&whole["added"], &whole["changed"], &whole["fields"]["status"]), (&json!(1), &json!(1), &json!(1)));
    let case = &whole["conversations"][0];
    let status = case["fields"].as_array().unwrap().iter().find(|field| field["field"] == "status").unwrap();
    assert_eq!(status, &json!({"field": "status", "from": "open", "to": "closed"}));
    let causes = case["because"].as_array().unwrap();
    assert_eq!(causes.last().unwrap()["kind"], "close");
    assert!(causes.iter().all(|cause| cause["only_in"] == "to"));
    let added = &whole["conversations"][1];
    assert_eq!((&added["change"], &added["fields"][0]["field"]), (&json!("added"), &json!("state")));
    let state = desk.run("show", &["case-8", "--json"]).json()["state"].clone();
    assert_eq!((added["fields"][0].get("from"), &added["fields"][0]["to"]), (None, &state));
    let reversed = diff(&desk, &["db", "db@known:seq:4", "--json"], 7).json();
    assert_eq!(ids(reversed["conversations"].as_array().unwrap()), [("changed", "case-7"), ("removed", "case-8")]);
    assert!(reversed["conversations"][0]["because"].as_array().unwrap().iter().all(|cause| cause["only_in"] == "from"));

    let lines = diff(&desk, &["db@known:seq:4", "db", "--format", "jsonl"], 7).json_lines();
    assert_eq!(&lines, whole["conversations"].as_array().unwrap());
    let summary = diff(&desk, &["db@known:seq:4", "db", "--format", "jsonl", "--summary"], 7).json_lines();
    assert_eq!(summary, [json!({"change": "changed", "id": "case-7"}), json!({"change": "added", "id": "case-8"})]);
    let stat = diff(&desk, &["db@known:seq:4", "db", "--json", "--stat"], 7).json();
    assert_eq!((&stat["fields"], stat.get("conversations")), (&whole["fields"], None));
}

#[test]
fn one_conversation_is_compared() {
    let desk = corrected();
    let ran = diff(&desk, &["db@known:seq:4", "db", "--id", "case-8", "--summary"], 7);
    assert_eq!(ran.stdout, "added case-8\n");
    diff(&desk, &["db", "db", "--id", "case-8"], 0);
    let unknown = diff(&desk, &["db", "db", "--id", "case-9"], 4);
    assert!(unknown.stderr.contains("neither side has a conversation \"case-9\""), "{}", unknown.stderr);
}

#[test]
fn a_question_is_compared_at_two_moments() {
    let desk = corrected();
    let asked = |question: &str| diff(&desk, &["-q", question, "db@known:seq:4", "db", "--json"], 7).json();
    let open = asked("open");
    assert_eq!(ids(open["conversations"].as_array().unwrap()), [("removed", "case-7"), ("added", "case-8")]);
    let all = asked("list --columns unread,member_name");
    let changes = all["conversations"].as_array().unwrap();
    assert_eq!(ids(changes), [("changed", "case-7"), ("added", "case-8")]);
    assert_eq!(changes[1]["fields"][0]["to"], json!({"id": "case-8", "member_name": null, "unread": 1}));
    diff(&desk, &["-q", "open --agent nobody", "db@known:seq:4", "db"], 0);
    desk.write("export.ndjson", desk.run("export", &[]).stdout);
    let refused = diff(&desk, &["-q", "open", "db", "export.ndjson"], 2);
    assert!(refused.stderr.contains("an export does not answer questions"), "{}", refused.stderr);
    assert!(diff(&desk, &["-q", "show x", "db", "db"], 2).stderr.contains("`open` or `list`"));
}

#[test]
fn a_dry_run_lists_what_the_replay_then_changes_and_writes_nothing() {
    let desk = Desk::default();
    let args = ["generate", "--events", "600", "--leave-open", ".4", "--shuffle", "40", "--seed", "5", "--out", "log"];
    assert_eq!(desk.run_bare(&args).code, Some(0));
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    let lines: Vec<String> = desk.run("export", &["--events"]).stdout.lines().map(str::to_owned).collect();
    let other = Desk::default();
    other.write("some", lines.iter().step_by(2).map(|line| line.clone() + "\n").collect::<String>());
    other.write("all", lines.join("\n") + "\nnot an event\n");
    assert_eq!(other.run("replay", &["some"]).code, Some(0));

    let hash = || (other.run("hash", &[]).stdout, other.run("export", &["--events"]).stdout.lines().count());
    let before = hash();
    let dry_run = other.run("replay", &["all", "--dry-run", "--json"]);
    assert_eq!(dry_run.code, Some(3), "{dry_run:?}");
    assert_eq!(hash(), before);
    let replayed = other.run("replay", &["all", "--json"]).json();
    let dry_run = dry_run.json();
    for count in ["lines", "events", "applied", "late", "duplicates", "conflicts", "rejected"] {
        assert_eq!(dry_run["replay"][count], replayed[count], "{count}");
    }
    assert_eq!(dry_run["replay"].get("conversations"), None);
    let real = diff(&other, &[&format!("db@known:seq:{}", before.1), "db", "--json"], 7).json();
    assert_eq!(dry_run["diff"], real);
    let again = other.run("replay", &["all", "--dry-run", "--stat"]);
    assert!(again.stderr.contains("no difference; nothing was written"), "{again:?}");
    assert_eq!(other.run("replay", &["all", "--stat"]).code, Some(2));
}

#[test]
fn a_side_that_cannot_be_read_is_an_error_that_says_what_to_do() {
    let desk = desk();
    desk.write("unsorted", "{\"id\":\"b\"}\n{\"id\":\"a\"}\n");
    for (args, code, words) in [
        (["db", "none"], 1, "no database in none"),
        (["db", "unsorted"], 1, "unsorted, line 2: expected an id after \"b\""),
        (["db", "log"], 1, "the line of an export"),
        (["db", "db@2021-07-29T06:00:20"], 2, "append Z for UTC"),
        (["db", "db@2999-01-01T00:00:00Z"], 2, "after now"),
        (["db", "db@seq:2"], 2, "@known:seq:2"),
        (["db", "unsorted@latest"], 2, "an export has no other moments"),
    ] {
        let ran = diff(&desk, &args, code);
        assert!(ran.stderr.contains(words), "{args:?}: {}", ran.stderr);
    }
}

/// The tests of C and Python expect the same lines.
#[test]
fn json_lines_are_those_of_every_language() {
    let expected = include_str!("../samples/diff.jsonl");
    let desk = corrected();
    desk.write("first.ndjson", FIRST);
    assert_eq!(desk.run_bare(&["replay", "first.ndjson", "--db", "first"]).code, Some(0));
    for from in ["first", "db@known:seq:4"] {
        assert_eq!(diff(&desk, &[from, "db", "--format", "jsonl"], 7).stdout, expected, "{from}");
    }
}
