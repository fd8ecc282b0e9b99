//! `convofold erase`: a member is forgotten, and reports stay.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use convofold_tests::command::Desk;

const MEMBER: &str = "the member who asks";

/// Two members, one of them with two conversations.
fn desk() -> Desk {
    let desk = Desk::default();
    let event = |conversation: &str, member: &str, kind: &str, minute: u32, rest: &str| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","kind":"{kind}","occurred":"2026-03-02T09:{minute:02}:00Z","member_business_id":"{member}","member_name":"{MEMBER}"{rest}}}"#
        )
    };
    let said = |text: &str| format!(r#","direction":"in","text":"{text}""#);
    let log = [
        event("700100_1", "700100", "message", 1, &said("my address is Storgata 1")),
        event("700200_1", "700200", "message", 2, &said("is the shop open today?")),
        event("700100_2", "700100", "message", 3, &said("it is Storgata 2 now")),
        event("700100_1", "700100", "close", 4, ""),
    ];
    std::fs::write(desk.path("log"), log.join("\n") + "\n").unwrap();
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    desk
}

#[test]
fn a_member_is_erased_and_reports_and_proofs_stay() {
    let desk = desk();
    let report = ["--from", "2026-03-02", "--to", "2026-03-03", "--every", "1h", "--json"];
    let before = desk.run("report", &report);
    assert_eq!(before.code, Some(0), "{before:?}");

    let listed = desk.run("erase", &["--member", "700100", "--dry-run"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stdout.contains("700100_1") && listed.stdout.contains("700100_2"), "{listed:?}");
    assert!(!listed.stdout.contains("700200_1"), "{listed:?}");
    assert!(listed.stdout.contains("closed  event") && listed.stdout.contains("open    event"), "{listed:?}");

    let disclosed = desk.run("disclose", &["--member", "700100"]);
    assert_eq!((disclosed.code, disclosed.json_lines().len()), (Some(0), 3), "{disclosed:?}");
    assert!(disclosed.stdout.contains("Storgata 2") && !disclosed.stdout.contains("700200"), "{disclosed:?}");
    assert!(disclosed.stderr.contains("3 events of 2 conversations"), "{disclosed:?}");

    let refused = desk.run("erase", &["--member", "700100"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("1 of the conversations") && refused.stderr.contains("--open-too"), "{refused:?}");
    let hash_before = desk.run("hash", &[]).stdout.trim().to_owned();
    let erased = desk.run("erase", &["--member", "700100", "--open-too", "--json"]);
    assert_eq!(erased.code, Some(0), "{erased:?}");
    let receipt = erased.json();
    assert_eq!([&receipt["number"], &receipt["conversations"], &receipt["events"]], [1, 2, 3], "{receipt}");
    assert!(erased.stderr.contains("1 id, name or text of them also occur"), "{erased:?}");
    assert!(!erased.stdout.contains("700100"), "{erased:?}");
    assert_eq!(desk.run("hash", &[]).stdout.trim(), receipt["hash_after"]);
    assert_eq!(desk.run("report", &report).stdout, before.stdout);
    for proof in [&["verify", "--past"][..], &["audit"]] {
        assert_eq!(desk.run(proof[0], &proof[1..]).code, Some(0));
    }
    let export = desk.run("export", &["--events"]).stdout;
    assert!(!export.contains("Storgata") && !export.contains("700100") && export.contains("700200"), "{export}");

    // The old log does not bring it back.
    let again = desk.run("replay", &["log", "--json"]);
    assert_eq!((&again.json()["erased"], &again.json()["duplicates"]), (&3.into(), &1.into()), "{again:?}");
    assert_eq!(desk.run("hash", &[]).stdout.trim(), receipt["hash_after"]);
    let receipts = desk.run("erase", &["--receipts", "--json"]);
    assert_eq!(receipts.json()["keyed_hash_before"], receipt["keyed_hash_before"]);
    let same = desk.run("erase", &["--receipts", "--json", "--hash-before", &hash_before]);
    assert_eq!(same.stdout, receipts.stdout);
    let another = desk.run("erase", &["--receipts", "--hash-before", receipt["hash_after"].as_str().unwrap()]);
    assert_eq!((another.code, another.stdout.as_str()), (Some(1), ""), "{another:?}");
    let nothing = desk.run("erase", &["--member", "700100"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(0), ""), "{nothing:?}");
}

#[test]
fn an_erasure_names_a_file_that_would_be_left_and_wrong_members() {
    let desk = desk();
    std::fs::create_dir(desk.path("db/serve")).unwrap();
    std::fs::write(desk.path("db/serve/notes.ndjson"), "{\"raw\":\"my address is Storgata 1\"}").unwrap();
    let reject = r#"{"raw":"{\"member_business_id\":700100,"}"#;
    std::fs::write(desk.path("db/serve/more.ndjson"), format!("{{}}\n{reject}\n")).unwrap();
    let disclosed = desk.run("disclose", &["--member", "700100"]);
    assert!(disclosed.stderr.contains("1 line of other files"), "{disclosed:?}");
    let line = &disclosed.json_lines()[3];
    assert_eq!((&line["file"], &line["line"], &line["text"]), (&"serve/more.ndjson".into(), &2.into(), &reject.into()));
    std::fs::remove_file(desk.path("db/serve/more.ndjson")).unwrap();
    let refused = desk.run("erase", &["--conversation", "700100_1"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("notes.ndjson, line 1") && refused.stderr.contains("nothing was erased"),
        "{refused:?}"
    );
    assert!(desk.run("show", &["700100_1"]).stdout.contains("Storgata"));
    let invalid = desk.run("erase", &["--member", "superoffice:77"]);
    assert_eq!(invalid.code, Some(2), "{invalid:?}");
    for command in ["erase", "disclose"] {
        assert_eq!(desk.run(command, &[]).code, Some(2), "{command}");
    }
}

#[test]
fn an_erasure_removes_rejects_of_the_member_and_counts_them() {
    let desk = desk();
    std::fs::create_dir(desk.path("db/serve")).unwrap();
    let (other, file) = (r#"{"id":"c","raw":"something else"}"#, desk.path("db/serve/rejects.ndjson"));
    let of_member =
        [r#"{"id":"a","raw":"my address is Storgata 1"}"#, r#"{"id":"b","raw":"{\"member_business_id\":700100,"}"#];
    std::fs::write(&file, format!("{}\n{other}\n{}\n", of_member[0], of_member[1])).unwrap();
    let erased = desk.run("erase", &["--member", "700100", "--open-too", "--json"]);
    assert_eq!((erased.code, &erased.json()["cleaned"]["rejects"]), (Some(0), &2.into()), "{erased:?}");
    assert!(erased.stderr.contains("2 rejects of the server removed"), "{erased:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{other}\n"));
}

#[test]
fn a_legal_hold_keeps_a_member_until_it_is_lifted() {
    let desk = desk();
    let placed = desk.run("hold", &["--member", "700100", "--conversation", "c-9", "--reason", "case 2026-17"]);
    assert_eq!((placed.code, placed.stdout.as_str()), (Some(0), "1\n2\n"), "{placed:?}");
    let listed = desk.run("hold", &["--list"]);
    assert!(listed.stdout.contains("member 700100") && listed.stdout.contains("case 2026-17"), "{listed:?}");
    let json = desk.run("hold", &["--list", "--json"]).json_lines();
    assert_eq!((&json[1]["number"], &json[1]["subject"]["conversation"]), (&2.into(), &"c-9".into()), "{json:?}");

    let refused = desk.run("erase", &["--member", "700100"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("a legal hold keeps 2 of the conversations"), "{refused:?}");
    let found = desk.run("erase", &["--member", "700100", "--dry-run", "--json"]).json_lines();
    assert!(found.iter().all(|found| found["held"] == true), "{found:?}");

    let unknown = desk.run("hold", &["--lift", "7"]);
    assert_eq!(unknown.code, Some(4), "{unknown:?}");
    for wrong in [&["--member", "700100"][..], &["--reason", "why"], &["--member", "700100", "--reason", " "]] {
        assert_eq!(desk.run("hold", wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(desk.run("hold", &["--lift", "1"]).code, Some(0));
    assert_eq!(desk.run("erase", &["--member", "700100", "--open-too"]).code, Some(0));
}

#[test]
fn a_backup_of_before_is_erased_and_restored_without_the_member() {
    let desk = desk();
    let [before, ledger, new] =
        ["before.cfbk", "erasures.cfel", "new"].map(|name| desk.path(name).display().to_string());
    let convofold = |args: &[&str]| desk.run_bare(args);
    assert_eq!(desk.run("backup", &[&before]).code, Some(0));
    let copy = format!("{before}.copy");
    std::fs::copy(&before, &copy).unwrap();
    let hash_after = desk.run("erase", &["--member", "700100", "--open-too", "--json"]).json()["hash_after"].clone();
    let written = desk.run("erase", &["--ledger", &ledger]);
    assert_eq!((written.code, written.stderr.contains("1 erasure in")), (Some(0), true), "{written:?}");
    assert_eq!(desk.run("erase", &["--ledger", &ledger]).code, Some(1), "an existing file stays");

    let restored = convofold(&["restore", &before, "--db", &new, "--erasures", &ledger, "--json"]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(restored.json()["erased"]["conversations"], 2, "{restored:?}");
    let export = convofold(&["export", "--db", &new, "--events"]).stdout;
    assert!(!export.contains("700100") && export.contains("700200"), "{export}");
    let receipts = convofold(&["erase", "--db", &new, "--receipts", "--json"]).json_lines();
    assert_eq!([&receipts[0]["hash_after"], &receipts[1]["rule"]], [&hash_after, &"again".into()], "{receipts:?}");
    let again = convofold(&["erase", "--db", &new, "--again", &ledger]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""), "{again:?}");

    let erased = convofold(&["erase", "--backup", &copy, "--member", "700100", "--open-too", "--json"]);
    assert_eq!((erased.code, &erased.json()["events"]), (Some(0), &3.into()), "{erased:?}");
    let from_copy = desk.path("from-copy").display().to_string();
    assert_eq!(convofold(&["restore", &copy, "--db", &from_copy]).code, Some(0));
    let export = convofold(&["export", "--db", &from_copy, "--events"]).stdout;
    assert!(!export.contains("700100") && export.contains("700200"), "{export}");
    assert_eq!(convofold(&["erase", "--member", "700100"]).code, Some(2), "--db is missing");
}
