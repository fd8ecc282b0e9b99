//! The example of docs/time.md prints what the page shows.

#![expect(clippy::expect_used, reason = "tests may panic")]

use convofold_tests::command::{Desk, Ran};

const PAGE: &str = include_str!("../../docs/time.md");
const FIRST: &str = include_str!("../../docs/time/first.ndjson");
const LATER: &str = include_str!("../../docs/time/later.ndjson");

/// The block behind a mark: the command after the dollar sign, and what it prints.
fn block(mark: &str) -> (Vec<&'static str>, &'static str) {
    let (_, rest) = PAGE.split_once(&format!("<!-- {mark} -->\n```text\n$ convofold ")).expect("the block");
    let (shown, _) = rest.split_once("```").expect("the end of the block");
    let (command, printed) = shown.split_once('\n').expect("a command and what it prints");
    (command.split_whitespace().collect(), printed)
}

#[test]
fn the_example_of_the_page_prints_what_it_shows() {
    let desk = Desk::default();
    for (name, log) in [("first.ndjson", FIRST), ("later.ndjson", LATER)] {
        desk.write(name, log);
        assert_eq!(desk.run_bare(&["replay", name, "--db", "time.db"]).code, Some(0));
    }
    for mark in ["known", "corrected", "both"] {
        let (command, printed) = block(mark);
        let Ran { code, stdout, .. } = desk.run_bare(&command);
        assert_eq!((code, stdout.as_str()), (Some(0), printed), "{mark}");
    }
}
