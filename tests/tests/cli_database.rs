//! What the command prints if there is no database, or if the path is a file, another directory or a database in use.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::process::Stdio;
use std::time::Duration;

use convofold_tests::command::{Desk, convofold};

const READING: [&[&str]; 12] = [
    &["open"],
    &["agents"],
    &["totals"],
    &["show", "x"],
    &["history", "x"],
    &["export"],
    &["hash"],
    &["stats"],
    &["tail"],
    &["verify"],
    &["audit"],
    &["backup", "file"],
];

#[test]
fn reading_where_nothing_is_makes_nothing_and_says_how_to_make_it() {
    let desk = Desk::default();
    for command in READING {
        let ran = desk.run_bare(&[command, &["--db", "db"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{command:?}: {ran:?}");
        assert!(ran.stderr.contains("hint: `convofold replay FILE... --db db`"), "{command:?}: {ran:?}");
        assert!(!desk.path("db").exists(), "{command:?}");
    }
}

#[test]
fn something_else_is_left_alone() {
    let desk = Desk::default();
    desk.write("db/holiday.jpg", "a beach");
    desk.write("log", "");
    for command in [&["open"][..], &["replay", "log"]] {
        let ran = desk.run_bare(&[command, &["--db", "db"]].concat());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("db is not a convofold database"), "{ran:?}");
    }
    assert_eq!(std::fs::read_dir(desk.path("db")).expect("a folder").count(), 1);
    desk.write("file", "");
    assert_eq!(desk.run_bare(&["open", "--db", "file"]).code, Some(1));
}

#[test]
fn a_second_process_is_told_which_one_has_it() {
    let desk = Desk::with_log("");
    let (mut other, ran) = (1..20)
        .find_map(|patience| {
            // It keeps the database open until its input ends.
            let mut other = desk.command(&["replay", "-", "--db", "db"]);
            let mut other = other.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
            std::thread::sleep(Duration::from_millis(100 * patience));
            // Other commands ask the process that has it.
            let ran = desk.run("repair", &["--into", &format!("repaired-{patience}")]);
            if ran.code == Some(5) {
                return Some((other, ran));
            }
            // This process was first, and the other may have been refused.
            drop(other.stdin.take());
            other.wait().expect("an end");
            None
        })
        .expect("the other process gets the database");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{ran:?}");
    assert!(ran.stderr.contains(&format!("already open by process {}", other.id())), "{ran:?}");
    drop(other.stdin.take());
    assert!(other.wait().expect("an end").success());
    assert_eq!(desk.run("open", &[]).code, Some(0));
}

#[test]
fn the_database_is_named_by_argument_or_environment() {
    let desk = Desk::with_log("");
    let missing = desk.run_bare(&["hash"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    let by_environment = desk.command(&["hash"]).env("CONVOFOLD_DB", "db").output().expect("it runs");
    assert_eq!(by_environment.stdout, desk.run("hash", &[]).stdout.as_bytes());
}

#[test]
fn an_empty_database_answers_with_nothing_and_success() {
    let desk = Desk::with_log("");
    for command in [&["open"][..], &["agents"], &["totals"], &["export"], &["tail"], &["tail", "--from", "7"]] {
        let ran = desk.run_bare(&[command, &["--db", "db"]].concat());
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(0), 1), "{command:?}: {ran:?}");
        assert!(ran.stdout.lines().count() <= 1, "{command:?}: {ran:?}");
    }
    assert_eq!(desk.run("hash", &[]).stdout, format!("{:064}\n", 0));
    assert_eq!(desk.run("open", &["--json"]).stdout, "{\"conversations\":[],\"next_cursor\":null}\n");
}

#[test]
fn help_says_how_a_command_ends_and_where_it_prints() {
    let help = convofold().arg("--help").output().expect("it runs");
    let text = String::from_utf8_lossy(&help.stdout);
    for said in ["Exit codes:", "130  replay stopped", "standard error", "CONVOFOLD_DB"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!(convofold().output().expect("it runs").status.code(), Some(2));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = convofold().args(["completions", shell]).output().expect("it runs");
        assert!(script.status.success() && script.stdout.windows(6).any(|w| w == b"replay"), "{shell}");
    }
}

#[test]
fn every_command_has_a_man_page() {
    let desk = Desk::default();
    let ran = desk.run_bare(&["man", "pages"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    let page = desk.read("pages/convofold-ingest.1");
    for said in [".TH convofold-ingest 1  \"convofold ", "convofold ingest", "\\-\\-db", "Examples:"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let pages = std::fs::read_dir(desk.path("pages")).expect("a folder").count();
    assert!(pages > 20, "{pages}");
    assert!(desk.read("pages/convofold.1").contains("convofold\\-replay(1)"));
}

#[test]
fn a_lost_part_of_a_database_is_named_with_the_command_that_helps() {
    for (lost, missing, helps) in
        [("HEAD", "HEAD", "`convofold repair --db db --into NEW`"), ("sled", "sled", "`convofold restore`")]
    {
        let desk = Desk::with_log("");
        std::fs::rename(desk.path("db").join(lost), desk.path("elsewhere")).expect("a part");
        for command in [&["open"][..], &["stats"], &["hash"], &["replay", "log"]] {
            desk.write("log", "");
            let ran = desk.run_bare(&[command, &["--db", "db"]].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{command:?}: {ran:?}");
            assert!(ran.stderr.contains(&format!("the database in db is incomplete: {missing} is missing")), "{ran:?}");
            assert!(ran.stderr.contains(helps), "{ran:?}");
            assert!(!desk.path("db").join(lost).exists(), "{command:?}");
        }
    }
}

/// The umask of the tests lets others read.
#[cfg(unix)]
#[test]
fn only_the_owner_can_read_rejects() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::default();
    desk.write("log", "{\n");
    assert_eq!(desk.run("replay", &["log", "--rejects", "rejects"]).code, Some(3));
    let mode = std::fs::metadata(desk.path("rejects")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Everything in a folder, with contents and times of the last change.
fn state_of(dir: &std::path::Path) -> Vec<(std::path::PathBuf, Option<Vec<u8>>, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut state_of(&path));
        }
        let changed = std::fs::metadata(&path).and_then(|found| found.modified()).expect("a time");
        found.push((path.clone(), std::fs::read(&path).ok(), changed));
    }
    found.sort();
    found
}

#[test]
fn whatever_only_reads_changes_nothing() {
    let desk = Desk::default();
    assert_eq!(desk.run_bare(&["generate", "--events", "500", "--seed", "3", "--out", "log"]).code, Some(0));
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    let export = desk.run("export", &[]).stdout;
    let id =
        export.lines().next().and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok()).expect("a line");
    let id = id["id"].as_str().expect("an id").to_owned();
    let before = state_of(&desk.path("db"));
    for command in READING.iter().chain(&[&["repair", "--into", "repaired"][..]]) {
        let command: Vec<_> = command.iter().map(|arg| if *arg == "x" { id.as_str() } else { *arg }).collect();
        let ran = desk.run_bare(&[command.as_slice(), &["--db", "db"]].concat());
        assert_eq!(ran.code, Some(0), "{command:?}: {ran:?}");
        assert!(state_of(&desk.path("db")) == before, "{command:?}");
    }
    assert_eq!(desk.run_bare(&["hash", "--db", "repaired"]).stdout, desk.run("hash", &[]).stdout);
}

#[test]
fn readers_share_a_database_and_a_writer_does_not() {
    let desk = Desk::with_log("");
    let options = convofold::Options::new().read_only(true);
    let reader = options.open(desk.path("db")).expect("a reader");
    assert_eq!(desk.run("hash", &[]).code, Some(0));
    desk.write("log", "");
    let refused = desk.run("replay", &["log"]);
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.stderr.contains("already open by another process"), "{refused:?}");
    reader.close().expect("an end");
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
}
