//! `convofold report` beside the independent model of it in `tests/report/`, which needs Python 3.9 with the time zones of
//! the system. Without it these tests print that they are skipped.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "tests may panic")]

use std::path::Path;
use std::process::Command;

use convofold_tests::command::convofold;

/// A script of the model; `None`, with a message, if there is no Python that can run it.
fn script(name: &str) -> Option<Command> {
    let has_zones = python().args(["-c", "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')"]).output();
    if !has_zones.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no python3 of version 3.9 or later with time zones");
        return None;
    }
    let mut script = python();
    script.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("report").join(name));
    Some(script)
}

fn python() -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

#[track_caller]
fn assert_agrees(script: &mut Command) {
    let ran = script.output().expect("python3 runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "{script:?}\n{}{}", text(&ran.stdout), text(&ran.stderr));
}

#[test]
fn the_model_of_reports_agrees_with_the_numbers_worked_out_by_hand() {
    if let Some(mut script) = script("transcripts.py") {
        assert_agrees(&mut script);
    }
}

#[test]
fn reports_agree_with_the_numbers_worked_out_by_hand() {
    assert_convofold_agrees("transcripts.py", &[]);
}

#[test]
fn reports_of_random_logs_agree_with_the_model() {
    assert_convofold_agrees("compare.py", &["--seeds", "4", "--questions", "8"]);
}

#[track_caller]
fn assert_convofold_agrees(name: &str, args: &[&str]) {
    if let Some(mut script) = script(name) {
        assert_agrees(script.arg("--convofold").arg(convofold().get_program()).args(args));
    }
}
