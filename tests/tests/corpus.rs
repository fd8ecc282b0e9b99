//! Logs of real conversations, if they are available: the `shared/corpus` directory beside the repository contains them
//! with their generator, the expected states, and the program that compares. Without it these tests print that they are
//! skipped.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "tests may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

use convofold_tests::command::convofold;
use tempfile::TempDir;

const EVENTS: &str = "20000";

/// The corpus; `None`, with a message, if it is missing.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let found = folder.join("make_log.py").is_file() && Command::new("python3").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: no corpus at {}, or no python3", folder.display());
    }
    found.then_some(folder)
}

/// A generated log, its expected states, and a database for its replay.
struct Run {
    folder: TempDir,
    corpus: PathBuf,
}

impl Run {
    fn new(corpus: &Path, knobs: &[&str]) -> Self {
        let run = Self { folder: tempfile::tempdir().expect("a folder"), corpus: corpus.to_owned() };
        let mut make = Command::new("python3");
        make.arg(corpus.join("make_log.py")).arg("--turns").arg(corpus.join("star-turns.jsonl.gz"));
        make.args(["--events", EVENTS, "--seed", "1", "--quiet"]).args(knobs);
        make.arg("--out").arg(run.path("log")).arg("--expect").arg(run.path("expect"));
        assert!(make.status().expect("python3 runs").success());
        run
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replays; returns the exit code.
    fn replay(&self) -> Option<i32> {
        let mut replay = convofold();
        replay.arg("replay").arg(self.path("log")).arg("--db").arg(self.path("db"));
        replay.arg("--rejects").arg(self.path("rejects"));
        replay.output().expect("the command runs").status.code()
    }

    fn export(&self) -> Vec<u8> {
        let output = convofold().arg("export").arg("--db").arg(self.path("db")).output().expect("the command runs");
        assert!(output.status.success());
        std::fs::write(self.path("export"), &output.stdout).expect("an export");
        output.stdout
    }

    #[track_caller]
    fn compare(&self) {
        let mut compare = Command::new("python3");
        compare.arg(self.corpus.join("compare.py")).arg(self.path("export")).arg(self.path("expect"));
        let output = compare.output().expect("python3 runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(" 0 differ"), "{said}");
    }
}

#[test]
fn clean_logs_in_both_envelopes_end_in_the_expected_states() {
    let Some(corpus) = corpus() else { return };
    for knobs in [&["--envelope", "api"][..], &["--envelope", "rtds"], &["--message-first", ".1"]] {
        let run = Run::new(&corpus, knobs);
        assert_eq!(run.replay(), Some(0), "{knobs:?}");
        run.export();
        run.compare();
    }
}

#[test]
fn faults_change_nothing_and_exactly_the_faulty_lines_are_rejected() {
    let Some(corpus) = corpus() else { return };
    for envelope in ["api", "rtds"] {
        let clean = Run::new(&corpus, &["--envelope", envelope]);
        assert_eq!(clean.replay(), Some(0));
        let faults = ["--envelope", envelope, "--duplicates", ".02", "--shuffle", "500", "--garbage", ".01"];
        let faulty = Run::new(&corpus, &faults);
        assert_eq!(faulty.replay(), Some(3), "something was rejected");
        let export = faulty.export();
        faulty.compare();
        assert!(export == clean.export(), "the exports of the clean and the faulty log differ");
        assert_eq!(rejected_lines(&faulty), lines_to_reject(&faulty));
    }
}

fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn rejected_lines(run: &Run) -> Vec<u64> {
    json_lines(&run.path("rejects")).iter().filter_map(|rejection| rejection["line"].as_u64()).collect()
}

fn lines_to_reject(run: &Run) -> Vec<u64> {
    let faults = json_lines(&run.path("log.faults.jsonl"));
    let reject = faults.iter().filter(|fault| fault["must"] == "reject");
    reject.filter_map(|fault| fault["line"].as_u64()).collect()
}
