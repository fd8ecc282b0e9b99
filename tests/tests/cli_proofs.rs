//! Recorded state hashes: listed, computed again, and found if they differ.

use convofold_tests::command::Desk;

/// A database with the checkpoints of two replays.
fn desk() -> Desk {
    let desk = Desk::default();
    for (file, seed) in [("first", "5"), ("second", "6")] {
        assert_eq!(desk.run_bare(&["generate", "--events", "500", "--seed", seed, "--out", file]).code, Some(0));
        assert_eq!(desk.run("replay", &[file]).code, Some(0));
    }
    desk
}

#[test]
fn each_recorded_hash_is_computed_again() {
    let desk = desk();
    let listed = desk.run("hash", &["--recorded", "--json"]).json();
    let hashes = listed["hashes"].as_array().cloned().unwrap_or_default();
    let seqs: Vec<_> = hashes.iter().map(|recorded| recorded["seq"].as_u64()).collect();
    assert_eq!(seqs, [Some(500), Some(1_000)], "{listed}");
    for recorded in &hashes {
        let (seq, hash) = (&recorded["seq"], recorded["hash"].as_str().unwrap_or_default());
        let ran = desk.run("hash", &["--known-at", &format!("seq:{seq}")]);
        assert_eq!((ran.code, ran.stdout), (Some(0), format!("{hash}\n")));
        assert_eq!(ran.stderr, format!("recorded by the checkpoint at seq {seq}: equal\n"));
        let ran = desk.run("hash", &["--known-at", &format!("seq:{seq}"), "--json"]).json();
        assert_eq!((&ran["recorded"], &ran["equal"]), (recorded, &true.into()), "{ran}");
    }
    let between = desk.run("hash", &["--known-at", "seq:700"]);
    assert!(between.code == Some(0) && between.stderr.contains("--recorded"), "{between:?}");
    let table = desk.run("hash", &["--recorded"]);
    assert_eq!(table.stdout.lines().count(), 3, "{table:?}");
    assert!(table.stdout.starts_with("  SEQ  COMMITTED (UTC)"), "{table:?}");
    // The hash of now has no other forms.
    assert_eq!(desk.run("hash", &["--format", "csv"]).code, Some(2));
    assert_eq!(desk.run("hash", &["--recorded", "--known-at", "seq:1"]).code, Some(2));
}

#[test]
fn verify_compares_the_newest_recorded_hash_and_with_past_all_of_them() {
    let desk = desk();
    let compared = |args: &[&str]| {
        let ran = desk.run("verify", args);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        let report = ran.json();
        (report["recorded_hashes"].as_u64(), report["recorded_hashes_compared"].as_u64())
    };
    assert_eq!(compared(&["--json"]), (Some(2), Some(1)));
    assert_eq!(compared(&["--json", "--past"]), (Some(2), Some(2)));
    let text = desk.run("verify", &["--past"]).stdout;
    assert!(text.contains("\nrecorded hashes  2, 2 compared\n"), "{text}");
}

#[test]
fn an_empty_database_has_no_recorded_hash() {
    let desk = Desk::default();
    desk.write("empty", "");
    assert_eq!(desk.run("replay", &["empty"]).code, Some(0));
    let ran = desk.run("hash", &["--recorded"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "no checkpoint was written yet\n"), "{ran:?}");
}
