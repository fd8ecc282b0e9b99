//! Verify and audit: no findings and exit code 0 for an intact database, findings and another exit code otherwise.

use std::sync::LazyLock;

use convofold_tests::command::Desk;

static DESK: LazyLock<Desk> = LazyLock::new(desk);

fn desk() -> Desk {
    let desk = Desk::default();
    assert_eq!(desk.run_bare(&["generate", "--events", "5000", "--seed", "5", "--out", "log"]).code, Some(0));
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    desk
}

#[test]
fn a_database_that_is_well_is_clean() {
    let ran = DESK.run("verify", &["--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let report = ran.json();
    assert_eq!(
        (&report["clean"], &report["events"], &report["problems"]),
        (&true.into(), &5000.into(), &serde_json::json!([]))
    );
    let hash = DESK.run("hash", &[]).stdout;
    assert_eq!(report["state_hash"].as_str().map(|hash| format!("{hash}\n")), Some(hash));
    assert_eq!(report["checkpoints"][0]["compared"], true);

    let text = DESK.run("verify", &[]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""), "{text:?}");
    for said in ["5,000 events in ", "\ncheckpoint ", "\nmemory ", "\nproblems         0\n"] {
        assert!(text.stdout.contains(said), "{said}: {text:?}");
    }
}

#[test]
fn an_audit_compares_all_or_a_sample() {
    let all = DESK.run("audit", &["--json"]).json();
    assert_eq!((&all["clean"], &all["events"]), (&true.into(), &5000.into()), "{all}");
    let sample = DESK.run("audit", &["--sample", "7", "--seed", "1", "--json"]);
    assert_eq!((sample.code, sample.stderr.as_str()), (Some(0), ""), "{sample:?}");
    assert_eq!(sample.json()["conversations"], 7);
    assert_eq!(
        DESK.run("audit", &["--sample", "7", "--seed", "1", "--json"]).json()["events"],
        sample.json()["events"]
    );
    assert!(DESK.run("audit", &[]).stdout.contains("\ndifferences    0\n"));
    assert_eq!(DESK.run("audit", &["--seed", "1"]).code, Some(2));
}

#[test]
fn a_damaged_database_has_an_exit_code_of_its_own() {
    let desk = desk();
    let file = desk.path("db/sled/db");
    let bytes = std::fs::read(&file).expect("sled's file");
    std::fs::write(&file, &bytes[..100 << 10]).expect("the beginning of it");
    let ran = desk.run("verify", &[]);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    assert!(ran.stderr.contains("convofold repair --db db --into NEW"), "{ran:?}");
}
