//! `convofold diff` beside a process that holds the database, from afar, and with a token for one tenant.

#![expect(clippy::unwrap_used, reason = "tests and their helpers may panic")]

use convofold_tests::command::{Desk, Ran};
use convofold_tests::holder::Holder;
use convofold_tests::serving::Serving;

/// What `docs/diff.md` begins with: four events.
const FIRST: &str = include_str!("../samples/diff-first.ndjson");
/// The correction in `docs/diff.md`: three new events.
const CORRECTION: &str = include_str!("../samples/diff-correction.ndjson");

/// The database of `docs/diff.md` after the correction, and exports from before and after it.
fn corrected() -> Desk {
    let desk = Desk::with_log(FIRST);
    desk.write("correction.ndjson", CORRECTION);
    desk.write("before.ndjson", desk.run("export", &[]).stdout);
    assert_eq!(desk.run("replay", &["correction.ndjson"]).code, Some(0));
    desk.write("after.ndjson", desk.run("export", &[]).stdout);
    desk
}

fn message(conversation: &str, identity: u32, tenant: &str) -> String {
    format!(
        r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","identity":"{identity}","kind":"message","direction":"in","occurred":"2021-07-29T07:0{identity}:00Z","tenant":"{tenant}","text":"Hello"}}"#
    ) + "\n"
}

#[track_caller]
fn diff(desk: &Desk, args: &[&str], code: i32) -> Ran {
    let ran = desk.run_bare(&[&["diff"], args].concat());
    assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
    ran
}

fn serving(desk: &Desk, args: &[&str]) -> Serving {
    Serving::start(desk.command(&[&["serve", "--db", "db"], args].concat())).unwrap()
}

/// Questions about the database, with the exit codes of their answers.
const ASKED: &[(&[&str], i32)] = &[
    (&["DB@known:seq:4", "DB"], 7),
    (&["DB", "DB@known:seq:4", "--json"], 7),
    (&["DB@2021-07-29T06:11:00Z", "DB@2021-07-29T06:13:00Z"], 7),
    (&["DB@2021-07-29T06:13:00Z@known:seq:4", "DB@2021-07-29T06:13:00Z"], 7),
    (&["DB", "DB"], 0),
    (&["DB", "DB@known:latest"], 0),
    (&["DB", "DB@latest"], 0),
    (&["before.ndjson", "DB"], 7),
    (&["DB", "after.ndjson"], 0),
    (&["DB@known:seq:4", "before.ndjson"], 0),
    (&["DB@known:seq:4", "DB", "--id", "case-7", "--json"], 7),
    (&["DB@known:seq:4", "DB", "--id", "case-6"], 0),
    (&["DB@known:seq:4", "DB", "--id", "nobody"], 4),
    (&["-q", "open --unassigned", "DB@known:seq:4", "DB"], 7),
    (&["DB@known:seq:99", "DB"], 2),
];

fn answers(desk: &Desk, db: &str) -> Vec<Ran> {
    let ask = |(args, code): &(&[&str], i32)| {
        let args: Vec<_> = args.iter().map(|arg| arg.replace("DB", db)).collect();
        diff(desk, &args.iter().map(String::as_str).collect::<Vec<_>>(), *code)
    };
    ASKED.iter().map(ask).map(|ran| Ran { stderr: ran.stderr.replace(db, "DB"), ..ran }).collect()
}

#[test]
fn a_diff_says_the_same_beside_a_holder_and_from_afar() {
    let desk = corrected();
    let here = answers(&desk, "db");
    let holder = Holder::start(&desk);
    assert_eq!(answers(&desk, "db"), here);
    holder.end();
    let serving = serving(&desk, &[]);
    assert_eq!(answers(&desk, &serving.url()), here);
    // Another database, which this process opens.
    desk.write("first.ndjson", FIRST);
    assert_eq!(desk.run_bare(&["replay", "first.ndjson", "--db", "old"]).code, Some(0));
    assert_eq!(diff(&desk, &["old", &serving.url()], 7).stdout, diff(&desk, &["db@known:seq:4", "db"], 7).stdout);
    assert_eq!(desk.run_bare(&["replay", "correction.ndjson", "--db", "old"]).code, Some(0));
    assert_eq!(diff(&desk, &["old", &serving.url()], 0).stdout, "");
}

#[test]
fn a_diff_beside_a_holder_sees_the_events_that_it_committed() {
    let desk = corrected();
    let mut holder = Holder::start(&desk);
    holder.send(message("case-9", 1, "one").trim_end());
    let ran = diff(&desk, &["after.ndjson", "db", "--summary"], 7);
    assert_eq!(ran.stdout, "added case-9\n");
    holder.end();
}

#[test]
fn an_empty_database_is_compared_beside_a_holder() {
    let desk = corrected();
    let holder = Holder::of(desk.command(&["ingest", "--db", "empty"]));
    let ran = diff(&desk, &["empty", "after.ndjson", "--summary"], 7);
    assert_eq!(ran.stdout, "added case-6\nadded case-7\nadded case-8\n");
    holder.end();
}

#[test]
fn a_token_for_one_tenant_compares_the_conversations_of_this_tenant() {
    let desk = Desk::with_log([message("a", 1, "one"), message("b", 1, "two")].concat());
    desk.write("more", [message("a", 2, "one"), message("b", 2, "two")].concat());
    assert_eq!(desk.run("replay", &["more"]).code, Some(0));
    let added = ["token", "add", "one", "--role", "read", "--tenant", "one", "--texts", "--db", "db"];
    let ran = desk.run_bare(&added);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    desk.write("token", ran.stdout);
    let serving = serving(&desk, &[]);
    let (url, before) = (serving.url(), format!("{}@known:seq:2", serving.url()));
    let with_token = |args: &[&str], code| diff(&desk, &[args, &["--token-file", "token"]].concat(), code);
    assert_eq!(with_token(&[&before, &url, "--summary"], 7).stdout, "changed a\n");
    let json = with_token(&[&before, &url, "--json"], 7).json();
    assert_eq!(json["conversations"][0]["because"][0]["seq"], 3, "{json}");
    assert_eq!(with_token(&[&url, &url], 0).stdout, "");
    assert_eq!(with_token(&["-q", "open", &before, &url, "--summary"], 7).stdout, "changed a\n");
    with_token(&[&before, &url, "--id", "b"], 4);
    // The other side has both tenants.
    desk.write("all.ndjson", desk.run_bare(&["export", "--db", "db"]).stdout);
    assert_eq!(with_token(&[&url, "all.ndjson", "--summary"], 7).stdout, "added b\n");
    // A replay into it is not allowed, but the token may see what one would change.
    desk.write("third", [message("a", 3, "one")].concat());
    let ran = desk.run_bare(&["replay", "third", "--dry-run", "--db", &url, "--token-file", "token"]);
    assert!(ran.code == Some(0) && ran.stdout.starts_with("changed a\n"), "{ran:?}");
}
