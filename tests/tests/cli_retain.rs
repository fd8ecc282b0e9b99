//! `convofold retain`: what is old goes by rule, and does not come back.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use convofold_tests::command::Desk;

const NOW: [&str; 2] = ["--now", "2026-03-12T00:00:00Z"];

/// Twenty conversations, one each day and half of them of another tenant. Each is closed on its day.
fn desk() -> Desk {
    let desk = Desk::default();
    let event = |day: u32, hour: u32, kind: &str, rest: &str| {
        let tenant = ["acme", "bolt"][(day % 2) as usize];
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"day-{day}","kind":"{kind}","occurred":"2026-02-{day:02}T{hour:02}:00:00Z","tenant":"{tenant}"{rest}}}"#
        )
    };
    for day in 1..=20 {
        let said = format!(r#","direction":"in","text":"what was said on day {day}""#);
        let log = [event(day, 9, "message", &said), event(day, 10, "close", "")].join("\n") + "\n";
        let name = format!("log-{day}");
        std::fs::write(desk.path(&name), &log).unwrap();
        assert_eq!(desk.run("replay", &[&name]).code, Some(0));
        let all = std::fs::read_to_string(desk.path("all")).unwrap_or_default();
        std::fs::write(desk.path("all"), all + &log).unwrap();
    }
    desk
}

fn retain(desk: &Desk, args: &[&str]) -> serde_json::Value {
    let run = desk.run("retain", &[args, &NOW, &["--json"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    run.json()
}

#[test]
fn texts_and_conversations_go_by_rule_and_stay_gone() {
    let desk = desk();
    let report = ["--from", "2026-02-15", "--to", "2026-03-01", "--every", "1d", "--json"];
    let before = desk.run("report", &report);
    // Texts before February 10.
    let rules = ["--texts-older-than", "30d"];
    let dry = retain(&desk, &[&rules[..], &["--dry-run"]].concat());
    assert_eq!(dry["horizons"][0]["texts"], 9, "{dry}");
    assert!(desk.run("show", &["day-3"]).stdout.contains("what was said on day 3"));
    let run = retain(&desk, &rules);
    assert_eq!((&run["number"], &run["horizons"]), (&1.into(), &dry["horizons"]), "{run}");
    let export = desk.run("export", &["--events"]).stdout;
    assert!(!export.contains("on day 9\"") && export.contains("on day 10\""), "{export}");
    assert_eq!(desk.run("report", &report).stdout, before.stdout);
    // Conversations that ended before February 10.
    let run = retain(&desk, &["--log-older-than", "20d", "--closed-older-than", "30d"]);
    assert_eq!(run["horizons"][0]["conversations"], 9, "{run}");
    assert_eq!(desk.run("hash", &[]).stdout.trim(), run["hash_after"]);
    assert_eq!(desk.run("report", &report).stdout, before.stdout);
    let again = desk.run("replay", &["all", "--json"]).json();
    assert_eq!((&again["erased"], &again["duplicates"]), (&18.into(), &22.into()), "{again}");
    assert_eq!(desk.run("hash", &[]).stdout.trim(), run["hash_after"]);
    for proof in [&["verify", "--past"][..], &["audit"]] {
        assert_eq!(desk.run(proof[0], &proof[1..]).code, Some(0));
    }
    let past = desk.run("totals", &["--as-of", "2026-02-05T00:00:00Z"]);
    assert!(past.code != Some(0) && past.stderr.contains("2026-02-10"), "{past:?}");
    let runs = desk.run("retain", &["--runs", "--json"]);
    assert_eq!(runs.json_lines().len(), 2, "{runs:?}");
    let stats = desk.run("stats", &["--json"]).json();
    assert_eq!(stats["closed_before"], run["horizons"][0]["closed_before"], "{stats}");
}

#[test]
fn a_tenant_has_rules_of_its_own_and_wrong_rules_are_refused() {
    let desk = desk();
    let run = retain(&desk, &["--texts-older-than", "30d", "--tenant", "acme"]);
    assert_eq!((&run["horizons"][0]["tenant"], &run["horizons"][0]["texts"]), (&"acme".into(), &4.into()), "{run}");
    let export = desk.run("export", &["--events"]).stdout;
    assert!(!export.contains("on day 2\"") && export.contains("on day 3\""), "{export}");
    for wrong in [&[][..], &["--closed-older-than", "30d"], &["--closed-older-than", "30d", "--log-older-than", "40d"]]
    {
        assert_eq!(desk.run("retain", wrong).code, Some(2), "{wrong:?}");
    }
}
