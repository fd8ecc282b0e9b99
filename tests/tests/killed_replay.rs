//! A replay that is killed and started again gives the state of an uninterrupted one.

#![expect(clippy::expect_used, reason = "tests may panic")]

use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use convofold_tests::command::convofold;
use rand::{RngExt, SeedableRng, rngs::StdRng};

const EVENTS: &str = "60000";
const KILLS: u32 = 10;

fn generate(log: &Path) {
    let mut generate = convofold();
    generate.args([
        "generate",
        "--events",
        EVENTS,
        "--seed",
        "11",
        "--shuffle",
        "200",
        "--duplicates",
        "0.02",
        "--out",
    ]);
    assert!(generate.arg(log).stderr(Stdio::null()).status().expect("the command runs").success());
}

fn run(command: &str, db: &Path, files: &[&Path]) -> Vec<u8> {
    let output = convofold().arg(command).args(files).arg("--db").arg(db).output().expect("the command runs");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn ten_kills_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log.ndjson");
    let files = [log.as_path()];
    generate(&log);
    let whole = folder.path().join("whole");
    let began = Instant::now();
    run("replay", &whole, &files);
    let took = began.elapsed();
    let expected = (run("export", &whole, &[]), run("hash", &whole, &[]));

    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let killed = folder.path().join("killed");
    for _ in 0..KILLS {
        let mut child = convofold();
        child.arg("replay").arg(&log).arg("--db").arg(&killed).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().expect("the command starts");
        sleep(random.random_range(Duration::ZERO..took));
        // It may have finished before; then the replay starts over and everything is a duplicate.
        child.kill().expect("a signal");
        child.wait().expect("an end");
    }
    run("replay", &killed, &files);
    assert!((run("export", &killed, &[]), run("hash", &killed, &[])) == expected, "seed {seed}");
}
