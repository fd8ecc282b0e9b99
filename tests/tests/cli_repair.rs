//! A damaged database is refused with a hint, and the command in the hint saves what is readable.

#![expect(clippy::expect_used, reason = "tests may panic")]

use convofold_tests::command::Desk;

/// A database of 20,000 events, written by one replay.
fn desk() -> Desk {
    let desk = Desk::default();
    assert_eq!(desk.run_bare(&["generate", "--events", "20000", "--seed", "3", "--out", "log"]).code, Some(0));
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    desk
}

/// Destroys every copy of the tenth block and of later blocks, and all checkpoints, anywhere in sled's file.
fn damage_the_log(desk: &Desk) {
    let file = desk.path("db/sled/db");
    let mut bytes = std::fs::read(&file).expect("sled's file");
    let mut damaged = 0;
    for at in 0..bytes.len() - 64 {
        // The header of a fragment: its mark, its tree, and, after 28 bytes, its key.
        let Some(part) = bytes.get_mut(at..at + 64).filter(|part| part.starts_with(b"cfPT")) else { continue };
        let block_no = part.get(36..).and_then(|rest| rest.first_chunk()).copied().map_or(0, u64::from_be_bytes);
        if part.get(4) != Some(&b'L') || block_no >= 4 {
            part.fill(0);
            damaged += 1;
        }
    }
    assert!(damaged > 10, "{damaged}");
    std::fs::write(file, bytes).expect("a damaged file");
}

#[test]
fn a_damaged_database_is_refused_repaired_and_made_whole_again() {
    let desk = desk();
    let hash = desk.run("hash", &[]).stdout;
    damage_the_log(&desk);
    let refused = desk.run("open", &[]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    assert!(refused.stderr.contains("convofold repair --db db --into NEW"), "{refused:?}");
    assert_eq!(refused.stderr.lines().count(), 2, "{refused:?}");

    let repaired = desk.run("repair", &["--into", "new", "--json"]);
    assert_eq!(repaired.code, Some(6), "{repaired:?}");
    let report = repaired.json();
    let (saved, lost) = (report["events"].as_u64().expect("events"), report["lost_events"].as_u64().expect("lost"));
    assert_eq!(saved + lost, 20_000, "{report}");
    assert!(saved > 0 && lost > 0, "{report}");
    let ranges = report["lost"].as_array().expect("ranges");
    let in_ranges = |range: &serde_json::Value| {
        range["last_seq"].as_u64().expect("a seq") - range["first_seq"].as_u64().expect("a seq") + 1
    };
    assert_eq!(ranges.iter().map(in_ranges).sum::<u64>(), lost, "{report}");
    assert!(desk.run("open", &[]).code == Some(1), "the damaged database is unchanged");

    // The report for people has the same content.
    let shown = desk.run("repair", &["--into", "newer"]);
    assert!(shown.stdout.contains("LOST FROM") && shown.stderr.contains("lost; all others are in newer"), "{shown:?}");

    let replayed = desk.run_bare(&["replay", "log", "--db", "new", "--json"]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert_eq!(desk.run_bare(&["hash", "--db", "new"]).stdout, hash);
}

#[test]
fn a_repair_of_a_whole_database_loses_nothing() {
    let desk = desk();
    let repaired = desk.run("repair", &["--into", "new", "--json"]);
    assert_eq!(repaired.code, Some(0), "{repaired:?}");
    assert_eq!((&repaired.json()["events"], &repaired.json()["lost"]), (&20_000.into(), &serde_json::json!([])));
    assert_eq!(desk.run_bare(&["export", "--db", "new"]).stdout, desk.run("export", &[]).stdout);
    let again = desk.run("repair", &["--into", "new"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("is not empty"), "{again:?}");
}

/// Destroys every copy of a record, anywhere in sled's file.
fn damage_record(desk: &Desk, name: &str) {
    let file = desk.path("db/sled/db");
    let mut bytes = std::fs::read(&file).expect("sled's file");
    let mut damaged = 0;
    for at in 0..bytes.len() - 64 {
        let Some(part) = bytes.get_mut(at..at + 64) else { continue };
        if part.starts_with(b"cfPTR") && part.get(28..).is_some_and(|rest| rest.starts_with(name.as_bytes())) {
            part.fill(0);
            damaged += 1;
        }
    }
    assert!(damaged > 0, "{name}");
    std::fs::write(file, bytes).expect("a damaged file");
}

#[test]
fn lost_legal_holds_and_runs_of_retention_are_named_and_end_a_repair_like_lost_events() {
    let desk = desk();
    assert_eq!(desk.run("hold", &["--member", "700100", "--reason", "case 17"]).code, Some(0));
    assert_eq!(desk.run("retain", &["--texts-older-than", "9000d"]).code, Some(0));
    damage_record(&desk, "holds/0000000001");
    damage_record(&desk, "retention/0000000001");
    let repaired = desk.run("repair", &["--into", "new", "--json"]);
    assert_eq!(repaired.code, Some(6), "{repaired:?}");
    let report = repaired.json();
    let (one, none) = (serde_json::json!([1]), serde_json::json!([]));
    assert_eq!((&report["lost_holds"], &report["lost_retention_runs"]), (&one, &one), "{report}");
    assert_eq!((&report["lost"], &report["lost_erasures"]), (&none, &none), "{report}");
    for said in ["legal holds are lost (1)", "runs of retention are lost (1)", "no event is lost"] {
        assert!(repaired.stderr.contains(said), "{repaired:?}");
    }
}
