//! Backup and restore; damaged backups are refused before anything is written.

use convofold_tests::command::{Desk, Ran, convofold};

fn desk() -> Desk {
    let desk = Desk::default();
    for (events, seed, log) in [("3000", "3", "log"), ("1000", "4", "more")] {
        assert_eq!(desk.run_bare(&["generate", "--events", events, "--seed", seed, "--out", log]).code, Some(0));
    }
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    desk
}

fn restore(desk: &Desk, files: &[&str], into: &str) -> Ran {
    desk.run_bare(&[&["restore", "--db", into], files].concat())
}

fn hash(desk: &Desk, db: &str) -> String {
    desk.run_bare(&["hash", "--db", db]).stdout
}

#[test]
fn a_database_is_backed_up_and_restored() {
    let desk = desk();
    let made = desk.run("backup", &["monday", "--json"]);
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""), "{made:?}");
    let report = made.json();
    assert_eq!((&report["incremental"], &report["first_seq"]), (&false.into(), &1.into()), "{report}");
    assert_eq!(report["state_hash"].as_str().map(|hash| format!("{hash}\n")), Some(hash(&desk, "db")));
    let size = std::fs::metadata(desk.path("monday")).expect("a file").len();
    assert_eq!(report["bytes"].as_u64(), Some(size));

    assert_eq!(desk.run("replay", &["more"]).code, Some(0));
    let made = desk.run("backup", &["tuesday", "--since", "monday"]);
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), ""), "{made:?}");
    assert!(made.stderr.contains("incremental"), "{made:?}");

    let restored = restore(&desk, &["monday", "tuesday", "--json"], "restored");
    assert_eq!((restored.code, restored.stderr.as_str()), (Some(0), ""), "{restored:?}");
    assert_eq!(restored.json()["hash"].as_str().map(|hash| format!("{hash}\n")), Some(hash(&desk, "db")));
    let export = |db| desk.run_bare(&["export", "--db", db]).stdout;
    assert_eq!(export("restored"), export("db"));
    assert_eq!(desk.run_bare(&["verify", "--db", "restored"]).code, Some(0));
    // The first backup alone restores the earlier state.
    assert_eq!(restore(&desk, &["monday"], "old").code, Some(0));
    assert_eq!(format!("{}\n", report["state_hash"].as_str().expect("a hash")), hash(&desk, "old"));
}

#[test]
fn nothing_is_written_over() {
    let desk = desk();
    desk.write("letter", "Dear Ida");
    let refused = desk.run("backup", &["letter"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    assert!(refused.stderr.contains("letter already exists\nhint: choose another name"), "{refused:?}");
    assert_eq!(desk.read("letter"), "Dear Ida");
    assert_eq!(desk.run("backup", &["file"]).code, Some(0));
    let refused = restore(&desk, &["file"], "db");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("db is not empty"), "{refused:?}");
}

#[test]
fn files_that_do_not_belong_together_are_refused_with_advice() {
    let desk = desk();
    assert_eq!(desk.run("backup", &["monday"]).code, Some(0));
    assert_eq!(desk.run("replay", &["more"]).code, Some(0));
    assert_eq!(desk.run("backup", &["tuesday", "--since", "monday"]).code, Some(0));
    for files in [&["tuesday"][..], &["tuesday", "monday"], &["monday", "monday"]] {
        let refused = restore(&desk, files, "restored");
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("hint: pass the complete backup first"), "{refused:?}");
    }
    let refused = desk.run_bare(&["backup", "other", "--since", "tuesday", "--db", "restored"]);
    assert_eq!(refused.code, Some(1), "there is no such database: {refused:?}");
    assert_eq!(restore(&desk, &["monday"], "restored").code, Some(0));
    let refused = desk.run_bare(&["backup", "other", "--since", "tuesday", "--db", "restored"]);
    assert!(refused.stderr.contains("hint: make a complete backup, without --since"), "{refused:?}");
    assert!(!desk.path("other").exists());
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let desk = desk();
    assert_eq!(desk.run("backup", &["monday"]).code, Some(0));
    let bytes = std::fs::read(desk.path("monday")).expect("a file");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for (name, content) in
        [("flipped", &flipped[..]), ("cut", &bytes[..bytes.len() / 2]), ("empty", &[]), ("log", b"{}")]
    {
        desk.write(name, content);
        let refused = restore(&desk, &[name], "restored");
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{name}: {refused:?}");
        assert!(refused.stderr.contains(&format!("nothing restored: {name} is damaged at byte")), "{refused:?}");
        assert!(!desk.path("restored").exists() && !desk.path("restored.partial").exists(), "{name}");
    }
    assert_eq!(restore(&desk, &["missing"], "restored").code, Some(1));
}

#[test]
fn the_working_folder_is_restored_into() {
    let desk = desk();
    assert_eq!(desk.run("backup", &["file"]).code, Some(0));
    std::fs::create_dir(desk.path("here")).expect("a folder");
    let mut command = convofold();
    let restored = command.current_dir(desk.path("here")).args(["restore", "../file", "--db", "."]).output();
    let restored = restored.expect("it runs");
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(hash(&desk, "here"), hash(&desk, "db"));
}
