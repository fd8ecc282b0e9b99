//! `convofold generate`: equal options give equal bytes, faults do not change the state, invalid options are refused.

use convofold_tests::command::Desk;

const SMALL: [&str; 5] = ["generate", "--events", "2000", "--seed", "3"];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    [&SMALL, more].concat()
}

#[test]
fn the_same_options_give_the_same_bytes_wherever_they_go() {
    let desk = Desk::default();
    let out = desk.run_bare(&SMALL);
    let file = desk.run_bare(&with(&["--out", "log"]));
    assert_eq!((out.code, file.code), (Some(0), Some(0)));
    assert_eq!(out.stdout, desk.read("log"));
    assert_eq!((out.stderr, file.stdout), (file.stderr, String::new()));
    assert_eq!(out.stdout.lines().count(), 2000);
    assert_ne!(out.stdout, desk.run_bare(&["generate", "--events", "2000", "--seed", "4"]).stdout);
}

#[test]
fn what_was_made_is_told_where_the_log_is_not() {
    let desk = Desk::default();
    let to_file = desk.run_bare(&with(&["--json", "--out", "log"]));
    assert_eq!((to_file.json()["events"].as_u64(), to_file.stderr.as_str()), (Some(2000), ""));
    let to_stdout = desk.run_bare(&with(&["--json"]));
    assert_eq!(to_stdout.stderr, to_file.stdout);
}

/// Regression: an existing file was overwritten without a word.
#[test]
fn an_existing_file_is_overwritten_only_with_force() {
    let desk = Desk::default();
    desk.write("log", "precious\n");
    let refused = desk.run_bare(&with(&["--out", "log"]));
    assert_eq!((refused.code, desk.read("log").as_str()), (Some(2), "precious\n"), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(desk.run_bare(&with(&["--out", "log", "--force"])).code, Some(0));
    assert_eq!(desk.read("log").lines().count(), 2000);
    assert_eq!(desk.run_bare(&with(&["--out", "/dev/null"])).code, Some(0));
}

#[test]
fn faults_in_delivery_lead_to_the_same_state() {
    let desk = Desk::default();
    let faults = ["--duplicates", ".05", "--shuffle", "100", "--garbage", ".02", "--message-first", ".2", "--json"];
    let faulty = [&SMALL[..], &faults, &["--out", "faulty"]].concat();
    let made = desk.run_bare(&faulty).json();
    assert_eq!(desk.run_bare(&with(&["--out", "clean"])).code, Some(0));

    let clean = desk.run_bare(&["replay", "clean", "--db", "a"]);
    let replay = desk.run_bare(&["replay", "faulty", "--db", "b", "--json"]);
    assert_eq!((clean.code, replay.code), (Some(0), Some(3)), "{clean:?} {replay:?}");
    for (found, expected) in [
        ("lines", "lines"),
        ("rejected", "must_reject"),
        ("ignored", "must_ignore"),
        ("duplicates", "duplicates"),
        ("conversations", "conversations"),
        ("open", "open"),
    ] {
        assert_eq!(replay.json()[found], made[expected], "{found}");
    }
    for command in ["export", "hash"] {
        assert_eq!(desk.run_bare(&[command, "--db", "a"]).stdout, desk.run_bare(&[command, "--db", "b"]).stdout);
    }
}

#[test]
fn every_envelope_can_be_asked_for() {
    let desk = Desk::default();
    for (envelope, mix, sign) in [
        ("airship-api", "1:0:0", "{\"occurred\""),
        ("airship-rtds", "0:1:0", "{\"id\""),
        ("superoffice", "0:0:1", "{\"EventId\""),
    ] {
        let by_name = [&SMALL[..], &["--envelope", envelope]].concat();
        let by_shares = [&SMALL[..], &["--mix", mix]].concat();
        let log = desk.run_bare(&by_name).stdout;
        assert_eq!(log, desk.run_bare(&by_shares).stdout);
        assert!(log.lines().all(|line| line.starts_with(sign)), "{envelope}: {:?}", log.lines().next());
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let desk = Desk::default();
    for args in [
        &["--events", "-1"][..],
        &["--agents", "0"],
        &["--tenants", "0"],
        &["--in-flight", "0"],
        &["--sms", "1.5"],
        &["--garbage", "often"],
        &["--envelope", "letter"],
        &["--mix", "0:0:0"],
        &["--mix", "1:1"],
        &["--mix", "1:1:1", "--envelope", "mixed"],
        &["--start", "later"],
    ] {
        let ran = desk.run_bare(&[&["generate"], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {ran:?}");
    }
    assert_eq!(desk.run_bare(&["generate", "--out", "no/such/folder/log"]).code, Some(1));
}
