//! The fold version identifies what is exported: a change of the export needs a new version.
//!
//! `tests/fold-version/golden.txt` contains the export and the state hash of `events.ndjson` for the current fold
//! version. A checkpoint of another fold version is not used; without a new version, a database would return states of
//! the old fold.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use convofold::FOLD_VERSION;
use convofold::engine::{Admission, Board};
use convofold_tests::parsed::Parsed;
use serde_json::Value;

/// Set by `just fold-version`.
const WRITE: &str = "CONVOFOLD_WRITE_GOLDEN";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fold-version").join(name)
}

fn board() -> Board {
    let parsed = Parsed::of(&std::fs::read(file("events.ndjson")).expect("the events"));
    assert_eq!(parsed.rejections, []);
    let mut board = Board::new();
    for (seq, event) in (1..).zip(&parsed.events) {
        match board.admissions().admit(event) {
            Admission::Log => drop(board.edit().apply(seq, event)),
            Admission::Duplicate => board.edit().repeat(event),
        }
    }
    board
}

fn export(board: &Board) -> Vec<String> {
    board.ids().iter().map(|id| board.state(id).expect("it is on the board").export_line()).collect()
}

/// The content of the golden file: two header lines, then the export.
struct Golden {
    fold_version: String,
    state_hash: String,
    export: Vec<String>,
}

impl Golden {
    fn now() -> Self {
        let mut board = board();
        let (state_hash, export) = (board.state_hash().to_string(), export(&board));
        Self { fold_version: FOLD_VERSION.to_string(), state_hash, export }
    }

    fn read() -> Self {
        let text = std::fs::read_to_string(file("golden.txt")).unwrap_or_default();
        let mut lines = text.lines();
        let mut head = |name: &str| {
            let value = lines.next().and_then(|line| line.strip_prefix(name)).unwrap_or_default();
            value.trim().to_owned()
        };
        let (fold_version, state_hash) = (head("fold version"), head("state hash"));
        Self { fold_version, state_hash, export: lines.map(str::to_owned).collect() }
    }

    fn write(&self) {
        let Self { fold_version, state_hash, export } = self;
        let mut text = format!("fold version {fold_version}\nstate hash {state_hash}\n");
        export.iter().for_each(|line| writeln!(text, "{line}").expect("a text"));
        std::fs::write(file("golden.txt"), text).expect("the golden file");
    }

    /// The first line in which the exports differ.
    fn difference(&self, other: &Self) -> Option<String> {
        let lines = self.export.len().max(other.export.len());
        let differs = |line: &usize| self.export.get(*line) != other.export.get(*line);
        let line = (0..lines).find(differs)?;
        let [expected, found] = [self, other].map(|golden| golden.export.get(line).map_or("(no line)", String::as_str));
        Some(format!("expected: {expected}\n   found: {found}"))
    }
}

#[test]
fn what_is_exported_changes_only_with_the_fold_version() {
    let (golden, now) = (Golden::read(), Golden::now());
    let is_new_version = golden.fold_version != now.fold_version;
    if std::env::var_os(WRITE).is_some() && is_new_version {
        now.write();
        return;
    }
    assert!(
        !is_new_version,
        "FOLD_VERSION is {}, and tests/fold-version/golden.txt is of version {}: run `just fold-version`",
        now.fold_version, golden.fold_version,
    );
    if let Some(difference) = golden.difference(&now) {
        panic!(
            "the export changed, and FOLD_VERSION is still {FOLD_VERSION}: stores would show old states as new ones. \
             If the change is intended, raise FOLD_VERSION in engine/src/board.rs and run `just fold-version`.\n\
             {difference}"
        );
    }
    assert_eq!(now.state_hash, golden.state_hash, "the export is the same and its hash is not: H1 changed");
}

/// A field that no event fills could change unnoticed.
#[test]
fn the_events_fill_every_exported_field() {
    let (mut all, mut filled) = (BTreeSet::new(), BTreeSet::new());
    for line in export(&board()) {
        let state: Value = serde_json::from_str(&line).expect("an export line");
        note("", &state, &mut all, &mut filled);
    }
    let empty: Vec<_> = all.difference(&filled).collect();
    assert!(empty.is_empty(), "no event in tests/fold-version/events.ndjson fills {empty:?}: add some");
}

/// Collects the path of every value, and of the values that are not empty.
fn note(path: &str, value: &Value, all: &mut BTreeSet<String>, filled: &mut BTreeSet<String>) {
    let is_filled = match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| note(&format!("{path}.{key}"), value, all, filled));
            true
        }
        Value::Array(items) => {
            items.iter().for_each(|item| note(&format!("{path}[]"), item, all, filled));
            !items.is_empty()
        }
        Value::Null => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(_) | Value::String(_) => true,
    };
    all.insert(path.to_owned());
    if is_filled {
        filled.insert(path.to_owned());
    }
}
