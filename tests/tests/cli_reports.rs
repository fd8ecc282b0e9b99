//! Situations that people who run contact centres reported, answered by the command.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use convofold_tests::command::Desk;
use serde_json::{Value, json};

/// A SuperOffice webhook at a minute after nine.
fn webhook(id: &str, minute: u32, event: &str, session: (&str, u32), values: Value) -> Value {
    let (tenant, key) = session;
    json!({"EventId": id, "Timestamp": format!("2026-03-02T09:{minute:02}:00Z"), "Event": format!("chatsession.{event}"),
        "PrimaryKey": key, "Entity": "chatsession", "ContextIdentifier": tenant, "Changes": [], "FieldValues": values})
}

/// An Airship event at a minute after nine.
fn streamed(id: &str, minute: u32, kind: &str, conversation: &str, mut properties: Value) -> Value {
    let (name, key) = if kind.starts_with("convo") { ("convo", "convo") } else { ("message", "message") };
    let time = format!("2026-03-02T09:{minute:02}:00Z");
    let times = properties.as_object_mut().expect("an object");
    times.insert(if key == "convo" { "started_timestamp" } else { "timestamp" }.to_owned(), json!(time));
    json!({"id": id, "type": "CUSTOM", "offset": id, "occurred": time, "body": {"name": format!("live_chat_{name}"),
        "interaction_type": kind, "transaction": conversation, "properties": {key: properties}}})
}

fn desk(events: &[Value]) -> Desk {
    let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
    Desk::with_log(lines.join("\n"))
}

#[track_caller]
fn listed(desk: &Desk, args: &[&str], expected: &[&str]) {
    let ran = desk.run("open", args);
    assert_eq!((ran.code, ran.first_cells()), (Some(0), expected.to_vec()), "{args:?}: {ran:?}");
}

#[test]
fn a_queue_and_a_customer_who_wrote_last_are_waiting() {
    let desk = desk(&[
        webhook("e1", 0, "created", ("Shop", 502), json!({"Status": 4, "UserId": 0})),
        webhook("f1", 0, "created", ("Shop", 503), json!({"Status": 4, "UserId": 0})),
        webhook("f2", 1, "changed", ("Shop", 503), json!({"Status": 6, "UserId": 31})),
        webhook("f3", 2, "message", ("Shop", 503), json!({})),
        webhook("f4", 2, "changed", ("Shop", 503), json!({"Status": 5, "UserId": 31})),
        webhook("g1", 0, "created", ("Shop", 504), json!({"Status": 6, "UserId": 31})),
    ]);
    let waiting = ["--waiting", "10m", "--sort", "waiting", "--now", "2026-03-02T09:40:00Z"];
    listed(&desk, &waiting, &["superoffice:Shop:502", "superoffice:Shop:503"]);
}

#[test]
fn a_message_reopens_what_was_finished() {
    let desk = desk(&[
        webhook("k1", 0, "created", ("Shop", 700), json!({"Status": 4, "UserId": 0})),
        webhook("k2", 1, "changed", ("Shop", 700), json!({"Status": 6, "UserId": 31})),
        webhook("k3", 10, "changed", ("Shop", 700), json!({"Status": 7, "UserId": 31})),
        webhook("k4", 20, "message", ("Shop", 700), json!({"Status": 5, "UserId": 31})),
    ]);
    listed(&desk, &["--waiting", "10m", "--now", "2026-03-02T09:40:00Z"], &["superoffice:Shop:700"]);
    let state = desk.run("show", &["superoffice:Shop:700", "--json"]).json();
    let state = state.get("state").unwrap_or(&state);
    assert_eq!(
        (&state["status"], &state["reopens"], &state["messages_after_close"]),
        (&json!("open"), &json!(1), &json!(0))
    );
}

#[test]
fn what_was_written_after_the_close_is_listed_and_counted() {
    let desk = desk(&[
        streamed("l1", 0, "convo_open", "t28", json!({"agent_id": "A", "agent_name": "Ann"})),
        streamed("l2", 1, "app_in", "t28", json!({"message": "q"})),
        streamed("l3", 2, "app_out", "t28", json!({"message": "a", "agent_id": "A"})),
        streamed("l4", 3, "convo_close", "t28", json!({"last_active_timestamp": null})),
        streamed("l5", 30, "app_in", "t28", json!({"message": "it still does not work"})),
        streamed("m1", 0, "app_in", "t29", json!({"message": "q"})),
        streamed("m2", 1, "convo_close", "t29", json!({"last_active_timestamp": null})),
    ]);
    listed(&desk, &[], &[""; 0]);
    listed(&desk, &["--unanswered-after-close"], &["t28"]);
    listed(&desk, &["--unanswered-after-close", "--agent", "Ann"], &["t28"]);
    listed(&desk, &["--unanswered-after-close", "--agent", "Bert"], &[""; 0]);
    let totals = desk.run("totals", &["--json"]).json();
    let row = &totals["totals"][0];
    assert_eq!(
        (&row["conversations"], &row["open"], &row["unanswered_after_close"]),
        (&json!(2), &json!(0), &json!(1))
    );
}

#[test]
fn agents_of_two_tenants_are_two_rows() {
    let desk = desk(&[
        webhook("1", 0, "created", ("CustA", 1), json!({"Status": 5, "UserId": 31})),
        webhook("2", 1, "message", ("CustA", 1), json!({"Status": 5, "UserId": 31})),
        webhook("3", 10, "created", ("CustB", 1), json!({"Status": 5, "UserId": 31})),
        webhook("4", 11, "message", ("CustB", 1), json!({"Status": 5, "UserId": 31})),
        streamed("5", 0, "convo_open", "ta", json!({"agent_name": "Chris", "business_id": "biz-A"})),
        streamed("6", 0, "convo_open", "tb", json!({"agent_name": "Chris", "business_id": "biz-B"})),
    ]);
    let table = desk.run("agents", &["--now", "latest"]);
    assert!(table.stdout.contains("TENANT"), "{table:?}");
    assert_eq!(table.first_cells(), ["Chris", "Chris", "user:31", "user:31"]);
    let one = desk.run("agents", &["--now", "latest", "--tenant", "CustA"]);
    assert!(!one.stdout.contains("TENANT"), "one tenant needs no column: {one:?}");
    assert_eq!(one.first_cells(), ["user:31"]);
    let agents = desk.run("agents", &["--json"]).json();
    let tenants: Vec<_> = agents["agents"].as_array().expect("a list").iter().map(|load| &load["tenant"]).collect();
    assert_eq!(tenants, ["biz-A", "biz-B", "CustA", "CustB"]);
    listed(&desk, &["--agent", "user:31"], &["superoffice:CustB:1", "superoffice:CustA:1"]);
    listed(&desk, &["--agent", "user:31", "--tenant", "CustB"], &["superoffice:CustB:1"]);
}

#[test]
fn one_clock_far_ahead_does_not_move_now_for_everybody() {
    let mut ahead = streamed("a", 5, "app_in", "ahead", json!({}));
    ahead["body"]["properties"]["message"]["timestamp"] = json!("2027-01-01T00:00:00Z");
    let desk =
        desk(&[streamed("b", 0, "app_in", "quiet", json!({})), streamed("c", 8, "app_in", "busy", json!({})), ahead]);
    listed(&desk, &["--waiting", "5m", "--now", "latest"], &["quiet"]);
    listed(&desk, &["--suspect"], &["ahead"]);
    let stats = desk.run("stats", &["--json"]).json();
    assert_eq!(stats["latest_event_at"], json!(1_772_442_480_000_i64), "{stats}");
}
