//! Checks the page about explanations against the list of fields.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::fs;
use std::path::Path;

use convofold::engine::Board;
use convofold::{Draft, Explanation, Kind, Moment, SUPEROFFICE, Time};

/// The explanations of a conversation that has every field.
fn explanations() -> Vec<Explanation> {
    let event = Draft::new(SUPEROFFICE, "c", Kind::Open, Time::from_ms(1)).build().unwrap();
    let mut board = Board::new();
    board.edit().apply(1, &event);
    board.past("c", Moment::LATEST, |past| past.explain(None, Explanation::LIMIT)).unwrap()
}

#[test]
fn the_table_of_fields_has_the_rule_and_the_sentence_of_each() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/explain.md")).unwrap();
    let table = page.split("\n## Fields\n").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let found: Vec<_> = rows.map(|row| row.split(" | ").take(3).collect::<Vec<_>>().join(" | ")).collect();
    let expected = explanations().into_iter().map(|explanation| {
        let Explanation { field, rule, sentence, .. } = explanation;
        // The values of a session have one row, except the one that is derived.
        let field = if field.starts_with("session.") && field != "session.stale" { "session.*" } else { &field };
        format!("| `{field}` | {rule} | {sentence}")
    });
    let mut expected: Vec<_> = expected.collect();
    expected.dedup();
    assert_eq!(found, expected);
}
