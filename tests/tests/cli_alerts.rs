//! Alerts of `convofold serve`, which is killed again and again.

#![expect(clippy::unwrap_used, reason = "tests and their helpers may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use convofold_tests::command::Desk;
use convofold_tests::receiver::{Got, Receiver, Reply};
use convofold_tests::serving::Serving;

const ROUNDS: u64 = 12;
/// Questions of a round.
const QUESTIONS: u64 = 3;

fn start(desk: &Desk) -> Serving {
    Serving::start(desk.command(&["serve", "--db", "db", "--config", "alerts.toml"])).unwrap()
}

fn send(serving: &Serving, conversations: impl IntoIterator<Item = String>, direction: &str, minute: u64) {
    let lines = conversations.into_iter().map(|id| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{id}","identity":"{direction}","kind":"message","direction":"{direction}","occurred":"2026-03-02T09:{minute:02}:00Z","text":"x"}}"#
        )
    });
    let body = lines.collect::<Vec<_>>().join("\n");
    let answer = serving.client().request("POST", "/api/v1/events", &[], body.as_bytes()).unwrap();
    assert_eq!(answer.0, 200, "{}", String::from_utf8_lossy(&answer.1));
}

fn conversation(got: &Got) -> String {
    got.data("conversation")["id"].as_str().unwrap_or_default().to_owned()
}

fn is_kind(got: &Got, kind: &str) -> bool {
    got.json()["type"] == kind
}

/// The conversations of which a message of this kind was accepted.
fn accepted(got: &[Got], kind: &str) -> BTreeSet<String> {
    got.iter().filter(|got| got.status == 200 && is_kind(got, kind)).map(conversation).collect()
}

#[test]
fn a_server_that_is_killed_tells_of_every_crossing_and_its_end_with_the_same_ids() {
    let desk = Desk::default();
    let receiver = Receiver::start().unwrap();
    desk.write(
        "alerts.toml",
        format!(
            "[[alert]]\nname = \"slow\"\nwhen = \"waiting\"\nafter = \"1m\"\nurl = \"{}\"\n",
            receiver.url("/hook")
        ),
    );
    let mut answered = BTreeSet::new();
    for round in 0..ROUNDS {
        receiver.reply([Reply::Status(200, ""), Reply::Status(500, ""), Reply::Hang, Reply::Status(200, "")]);
        let mut serving = start(&desk);
        send(&serving, (0..QUESTIONS).map(|question| format!("c-{round}-{question}")), "in", 0);
        let told: Vec<_> = accepted(&receiver.got(), "alert.began").difference(&answered).cloned().collect();
        if !told.is_empty() {
            send(&serving, told.clone(), "out", 30);
            answered.extend(told);
        }
        // Before, while and after the alerts are evaluated and delivered.
        std::thread::sleep(Duration::from_millis(round * 97 % 500));
        serving.kill().unwrap();
    }
    receiver.recover();
    let serving = start(&desk);
    let all: BTreeSet<String> =
        (0..ROUNDS).flat_map(|round| (0..QUESTIONS).map(move |question| format!("c-{round}-{question}"))).collect();
    let got = receiver.wait_until(|got| accepted(got, "alert.began") == all);
    assert_eq!(accepted(&got, "alert.began"), all);
    send(&serving, all.difference(&answered).cloned(), "out", 30);
    let got = receiver.wait_until(|got| accepted(got, "alert.over") == all);
    assert_eq!((accepted(&got, "alert.began"), accepted(&got, "alert.over")), (all.clone(), all.clone()));

    // Every attempt has the id and the body of the first one.
    let mut messages: BTreeMap<(String, String), BTreeSet<(String, String)>> = BTreeMap::new();
    for got in &got {
        let kind = got.json()["type"].to_string();
        messages.entry((conversation(got), kind)).or_default().insert((got.id.clone(), got.body.clone()));
    }
    assert!(messages.values().all(|attempts| attempts.len() == 1), "{messages:#?}");
    assert_eq!(messages.len(), 2 * all.len());
    let ids: BTreeSet<_> = messages.values().flatten().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), messages.len());
    // No message about an end precedes the accepted one about the beginning.
    let mut begun = BTreeSet::new();
    for got in &got {
        let id = conversation(got);
        if is_kind(got, "alert.over") {
            assert!(begun.contains(&id), "{id}");
        } else if got.status == 200 {
            begun.insert(id);
        }
    }
    assert!(got.len() > messages.len(), "nothing was repeated");
    let (ended, log) = serving.terminate().unwrap();
    assert!(ended.success(), "{log:?}");
}
