//! Questions.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use common::{Desk, agent, close, message};
use serde_json::{Value, json};

/// Conversations of several agents, tenants and channels, open and closed.
fn desk() -> Desk {
    let desk = Desk::new();
    let mut lines = Vec::new();
    for (place, number) in (0..60_u64).enumerate() {
        let id = format!("c-{number}");
        let agent = match number % 5 {
            0 => String::new(),
            1 => r#","agent":{"id":"a-1","name":"Ida"}"#.to_owned(),
            // Another agent of the same name, one that has only this name, and one with odd characters.
            2 => r#","agent":{"id":"a-2","name":"Ida"}"#.to_owned(),
            3 => r#","agent":{"name":"Ida"}"#.to_owned(),
            _ => r#","agent":{"id":"x&y=z/ü","name":"a-1"}"#.to_owned(),
        };
        let tenant = ["", r#","tenant":"North""#, r#","tenant":"a&b""#][place % 3];
        let channel = ["", r#","channel":"sms""#][place % 2];
        lines.push(message(&id, number, &format!("{agent}{tenant}{channel}")));
        if number % 4 == 3 {
            lines.push(message(&id, 100 + number, "").replace("\"in\"", "\"out\""));
        }
        if number % 6 == 5 {
            lines.push(close(&id, ""));
        }
        if number % 12 == 5 {
            // After the close, and unanswered.
            lines.push(message(&id, 200 + number, "").replace("T09:", "T12:"));
        }
    }
    let report = desk.post("/api/v1/events", lines.join("\n")).expect(200).json();
    assert_eq!(report["rejected"], 0, "{report}");
    desk
}

/// All pages of a list.
fn list(desk: &Desk, link: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut url = format!("{link}{}limit=7", if link.contains('?') { '&' } else { '?' });
        if let Some(cursor) = &cursor {
            let encoded: String = cursor.bytes().map(|byte| format!("%{byte:02x}")).collect();
            url.push_str(&format!("&cursor={encoded}"));
        }
        let page = desk.get(&url).expect(200).json();
        all.extend(page["conversations"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
}

#[test]
fn every_number_equals_the_length_of_the_list_behind_it() {
    let desk = desk();
    let answers = [
        desk.get("/api/v1/agents").expect(200).json()["agents"].clone(),
        desk.get("/api/v1/totals").expect(200).json()["totals"].clone(),
        json!([desk.get("/api/v1/status").expect(200).json()]),
    ];
    let mut checked = 0;
    for row in answers.iter().flat_map(|rows| rows.as_array().unwrap()) {
        for (name, link) in row["links"].as_object().unwrap() {
            let link = link.as_str().unwrap();
            if name == "rejects" {
                assert_eq!(desk.get(link).expect(200).json()["rejects"].as_array().unwrap().len() as u64, row[name]);
                continue;
            }
            let rows = list(&desk, link);
            let expected = row[name].as_u64().unwrap();
            let found = if name == "unread" {
                rows.iter().map(|row| row["unread"].as_u64().unwrap()).sum()
            } else {
                rows.len() as u64
            };
            assert_eq!(found, expected, "{name} {link}");
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked}");
    assert_eq!(answers[2][0]["unanswered_after_close"], 5);
}

#[test]
fn open_closed_and_any_are_complete_and_have_the_same_order() {
    let desk = desk();
    let count = |link: &str| list(&desk, link).len();
    assert_eq!(count("/api/v1/conversations"), 50);
    assert_eq!(count("/api/v1/conversations?status=closed"), 10);
    assert_eq!(count("/api/v1/conversations?status=any"), 60);
    for sort in ["activity", "waiting", "started", "closed", "activity&reverse=true"] {
        let ids = |link: &str| -> Vec<String> {
            list(&desk, link).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        };
        let open = ids(&format!("/api/v1/conversations?sort={sort}"));
        let mut any = ids(&format!("/api/v1/conversations?status=any&sort={sort}"));
        any.retain(|id| open.contains(id));
        assert_eq!(any, open, "{sort}");
    }
    let closed = list(&desk, "/api/v1/conversations?status=closed&sort=closed");
    let (first, last) = (closed[0]["closed_at"].as_i64().unwrap(), closed[9]["closed_at"].as_i64().unwrap());
    assert!(first >= last);
    let since = format!("/api/v1/conversations?status=any&by=closed&since={last}&until={}", first + 1);
    assert_eq!(count(&since), 10);
    let ever = list(&desk, "/api/v1/conversations?any_agent=Ida&status=any");
    assert!(ever.iter().all(|row| row["assignments"].to_string().contains("Ida")));
    assert!(ever.len() >= list(&desk, "/api/v1/conversations?agent=Ida&status=any").len());
    let named = list(&desk, "/api/v1/conversations?agent=Ida&tenant=North&status=any");
    assert!(!named.is_empty() && named.iter().all(|row| row["agent"]["name"] == "Ida" && row["tenant"] == "North"));
}

#[test]
fn answers_are_those_of_the_library() {
    let desk = desk();
    let state = desk.get("/api/v1/conversations/c-1").expect(200).json();
    assert_eq!(state["conversation"], serde_json::to_value(desk.db.state("c-1").unwrap()).unwrap());
    assert_eq!(state["seq"], desk.db.counters().durable_seq);
    let history = desk.get("/api/v1/conversations/c-3/history").expect(200).json();
    let mut expected = serde_json::to_value(desk.db.history("c-3").unwrap()).unwrap();
    for entry in expected.as_array_mut().unwrap() {
        let learned_at = desk.db.committed_at(entry["seq"].as_u64().unwrap()).unwrap().unwrap();
        entry["learned_at"] = learned_at.ms().into();
    }
    assert_eq!(history["history"], expected);
    let transcript = desk.get("/api/v1/conversations/c-3/transcript").expect(200).json();
    let texts: Vec<_> = transcript["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (&message["direction"], &message["text"]))
        .collect();
    assert_eq!(texts, [(&json!("in"), &json!("words 3")), (&json!("out"), &json!("words 103"))]);
    assert_eq!(desk.get("/api/v1/hash").expect(200).json()["hash"], desk.db.state_hash().to_string());
    let (mut states, mut events) = (Vec::new(), Vec::new());
    desk.db.export(&mut states).unwrap();
    desk.db.export_events(&mut events).unwrap();
    assert_eq!(desk.get("/api/v1/export").expect(200).body, states);
    assert_eq!(desk.get("/api/v1/export?events=true").expect(200).body, events);
}

#[test]
fn a_conversation_is_explained_now_and_at_a_moment() {
    let desk = Desk::new();
    for (minute, more) in [(1, ""), (9, ""), (5, "")] {
        desk.post("/api/v1/events", message("c-1", minute, more)).expect(200);
    }
    let ask = |query: &str| desk.get(&format!("/api/v1/conversations/c-1/explain{query}"));
    let all = ask("").expect(200).json();
    let expected = desk.db.explain("c-1", None, 20).unwrap();
    assert_eq!(all["fields"], serde_json::to_value(&expected).unwrap());
    assert_eq!((&all["id"], &all["seq"], all.get("moment")), (&json!("c-1"), &json!(3), None));
    let one = ask("?field=messages_in&limit=1&known_at=seq:2").expect(200).json();
    let field = &one["fields"][0];
    assert_eq!((&field["field"], &field["value"], &field["without"]), (&json!("messages_in"), &json!(2), &Value::Null));
    assert_eq!((&field["because"][0]["seq"], &field["because_count"]), (&json!(1), &json!(2)));
    assert!(field["because"][0]["learned_after_ms"].as_i64().unwrap() > 0);
    assert_eq!(one["moment"]["known_at"], 2);
    assert_eq!(one["fields"].as_array().unwrap().len(), 1);
    assert_eq!(ask("?field=member").expect(200).json()["fields"].as_array().unwrap().len(), 4);
    let problem = ask("?field=stat").expect(400).json();
    assert!(problem["detail"].as_str().unwrap().contains("invalid field"), "{problem}");
    ask("?as_of=1999-01-01T00:00:00Z").expect(400);
    desk.post("/api/v1/events", message("c-0", 0, "")).expect(200);
    let problem = ask("?as_of=2026-03-02T09:00:00Z").expect(404).json();
    assert!(problem["detail"].as_str().unwrap().contains("at this moment"), "{problem}");
}

#[test]
fn any_id_can_be_asked_for() {
    let desk = Desk::new();
    let long = "n".repeat(1_000);
    for id in ["a/b", "100%", "%2F", "ü ?&#", "..", long.as_str(), "-"] {
        desk.post("/api/v1/events", message(id, 1, "")).expect(200);
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
        if id != "-" && id != ".." {
            let found = desk.get(&format!("/api/v1/conversations/{encoded}")).expect(200).json();
            assert_eq!(found["conversation"]["id"], id);
        }
        for what in ["", "/history", "/transcript", "/explain"] {
            let found = desk.get(&format!("/api/v1/conversations/-{what}?id={encoded}")).expect(200).json();
            assert!(found["id"] == id || found["conversation"]["id"] == id, "{id} {what}");
        }
    }
    desk.get("/api/v1/conversations/none").expect(404);
    desk.get("/api/v1/conversations/none/history").expect(404);
    desk.get("/api/v1/conversations/a?id=b").expect(409);
}

#[test]
fn what_is_not_built_yet_is_answered_501() {
    let desk = desk();
    for path in ["changes", "day", "stats", "status", "ids"] {
        for name in ["as_of", "known_at"] {
            let problem = desk.get(&format!("/api/v1/{path}?{name}=2026-03-02T09:15:00Z")).expect(501).json();
            assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
        }
    }
}

#[test]
fn a_conversation_is_answered_as_it_was_and_as_it_was_known() {
    let desk = Desk::new();
    for (minute, more) in [(1, ""), (9, ""), (5, "")] {
        let line = message("c-1", minute, more);
        assert_eq!(desk.post("/api/v1/events", line).expect(200).json()["rejected"], 0);
    }
    let now = desk.get("/api/v1/conversations/c-1").expect(200).json();
    assert!(now.get("moment").is_none() && now["arrivals"]["events"] == 3, "{now}");
    let history = desk.get("/api/v1/conversations/c-1/history").expect(200).json();
    let times: Vec<_> =
        history["history"].as_array().unwrap().iter().map(|entry| entry["at"].as_i64().unwrap()).collect();
    let [first, late, last] = times[..] else { panic!("{history}") };
    let at = |ms: i64| convofold::Time::from_ms(ms).unwrap().to_rfc3339();
    let ask = |what: &str, moment: &str| desk.get(&format!("/api/v1/conversations/c-1{what}?{moment}"));
    let messages_in =
        |moment: &str| ask("", moment).expect(200).json()["conversation"]["messages_in"].as_u64().unwrap();
    let as_of = |ms| format!("as_of={}", at(ms));
    assert_eq!([first, late - 1, late, last].map(|ms| messages_in(&as_of(ms))), [1, 1, 2, 3]);
    assert_eq!([1, 2, 3].map(|seq| messages_in(&format!("known_at=seq:{seq}"))), [1, 2, 3]);
    assert_eq!(messages_in(&format!("{}&known_at=seq:2", as_of(late))), 1);
    assert_eq!((messages_in("as_of=latest"), messages_in("known_at=latest"), messages_in("known_at=-0s")), (3, 3, 3));
    let answer = ask("", "known_at=seq:2").expect(200).json();
    assert_eq!((&answer["arrivals"], &answer["moment"]["known_at"]), (&Value::Null, &json!(2)));
    assert_eq!(answer["moment"]["late_events"], 1, "{answer}");
    assert_eq!(ask("/history", "known_at=seq:2").expect(200).json()["history"].as_array().unwrap().len(), 2);
    assert_eq!(ask("/transcript", &as_of(late)).expect(200).json()["messages"].as_array().unwrap().len(), 2);

    let refused = |moment: &str, status| ask("", moment).expect(status).json()["detail"].as_str().unwrap().to_owned();
    assert!(refused(&as_of(first - 1), 400).contains(&format!("the first event happened at {}", at(first))));
    assert_eq!(ask("", &as_of(first - 1)).expect(400).json()["earliest"], first);
    desk.post("/api/v1/events", message("c-2", 0, "")).expect(200);
    assert!(refused(&as_of(first - 1), 404).contains("did not exist at this moment"));
    for (moment, named) in [
        ("as_of=2026-03-02T09:15:00", "time zone"),
        ("as_of=yesterday", "as_of"),
        ("as_of=seq:1", "known_at"),
        ("as_of=2999-01-01T00:00:00Z", "after now"),
        ("known_at=2999-01-01T00:00:00Z", "after now"),
        ("known_at=2000-01-01T00:00:00Z", "seq:1"),
        ("known_at=seq:5", "seq:4"),
    ] {
        assert!(refused(moment, 400).contains(named), "{moment}: {}", refused(moment, 400));
    }
}

/// Each answer about the latest event is that about now, and numbers at a moment have lists of the same length.
#[test]
fn many_conversations_are_answered_at_a_moment() {
    let desk = desk();
    let get = |path: &str| desk.get(&format!("/api/v1/{path}")).expect(200);
    for path in
        ["agents", "totals", "hash", "conversations?status=any&limit=100", "conversations?rows=true&sort=waiting"]
    {
        let join = if path.contains('?') { '&' } else { '?' };
        let (now, mut then) = (get(path).json(), get(&format!("{path}{join}known_at=latest")).json());
        let moment = then.as_object_mut().unwrap().remove("moment").unwrap();
        assert_eq!(moment["known_at"], now["seq"]);
        let mut now = now;
        // The links of the past lead to the past.
        for answer in [&mut now, &mut then] {
            for name in ["agents", "totals"] {
                for row in answer.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
                    row.as_object_mut().unwrap().remove("links");
                }
            }
        }
        assert_eq!(now, then, "{path}");
    }
    for what in ["export", "export?events=true", "conflicts"] {
        let join = if what.contains('?') { '&' } else { '?' };
        assert_eq!(get(&format!("{what}{join}known_at=latest")).body, get(what).body);
    }
    let beginning = get("export?events=true&known_at=seq:20").body;
    assert!(get("export?events=true").body.starts_with(&beginning) && beginning.split(|it| *it == b'\n').count() == 21);
    assert_ne!(get("export?known_at=seq:20").body, get("export").body);
    for moment in ["known_at=seq:30", "as_of=2026-03-02T09:00:40Z", "as_of=2026-03-02T09:00:50Z&known_at=seq:40"] {
        for (counts, name) in [("agents", "agents"), ("totals", "totals")] {
            let answer = get(&format!("{counts}?{moment}")).json();
            for row in answer[name].as_array().unwrap() {
                for (number, link) in row["links"].as_object().unwrap() {
                    let listed = list(&desk, link.as_str().unwrap());
                    let expected = match number.as_str() {
                        "unread" => listed.iter().map(|row| row["unread"].as_u64().unwrap()).sum(),
                        _ => listed.len() as u64,
                    };
                    assert_eq!(row[number].as_u64(), Some(expected), "{moment} {link}");
                }
            }
        }
        for list in ["conversations?status=any&limit=100", "agents", "totals"] {
            let join = if list.contains('?') { '&' } else { '?' };
            let late = &get(&format!("{list}{join}{moment}")).json()["moment"]["late_events"];
            assert_eq!(late.is_u64(), moment.contains("known_at"), "{list} {moment} {late}");
        }
        let moment = get(&format!("moment?{moment}")).json();
        assert!(moment["moment"]["time"].is_i64(), "{moment}");
    }
}

#[test]
fn a_recorded_hash_is_computed_again() {
    let desk = desk();
    desk.db.checkpoint().unwrap();
    desk.post("/api/v1/events", message("c-late", 1, "")).expect(200);
    let listed = desk.get("/api/v1/hashes").expect(200).json();
    let recorded = listed["hashes"].as_array().unwrap();
    assert_eq!(listed["hashes"], serde_json::to_value(desk.db.recorded_hashes().unwrap().hashes).unwrap());
    let last = recorded.last().unwrap();
    let answer = desk.get(&format!("/api/v1/hash?known_at=seq:{}", last["seq"])).expect(200).json();
    assert_eq!((&answer["hash"], &answer["recorded"], &answer["equal"]), (&last["hash"], last, &json!(true)));
    let answer = desk.get("/api/v1/hash?known_at=seq:1").expect(200).json();
    assert!(answer.get("recorded").is_none() && answer.get("equal").is_none(), "{answer}");
    let lines = desk.post("/api/v1/verify?past=true", "").expect(200).text();
    let report: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let report = &report["report"];
    assert_eq!(report["recorded_hashes"], report["recorded_hashes_compared"], "{report}");
    assert_eq!(report["problems"], json!([]));
}

#[test]
fn suspects_are_those_of_the_library_and_the_list_has_their_number() {
    let desk = desk();
    let mut lines = Vec::new();
    for (number, tenant) in (0..6).zip(["North", "a&b"].into_iter().cycle()) {
        lines.push(format!(
            r#"{{"convofold":1,"source":"desk","conversation":"s-{number}","kind":"update","occurred":"2026-03-02T09:20:00Z","unread":9,"tenant":"{tenant}"}}"#
        ));
    }
    desk.post("/api/v1/events", lines.join("\n")).expect(200);
    let answer = desk.get("/api/v1/suspects").expect(200).json();
    let expected = serde_json::to_value(desk.db.suspects(&convofold::SuspectsQuery::new()).unwrap()).unwrap();
    for name in ["conversations", "events", "zone", "kinds", "days", "losses"] {
        assert_eq!(answer[name], expected[name], "{name}");
    }
    assert_eq!(answer["conversations"], 6);
    for path in ["suspects", "suspects?tenant=a%26b", "suspects?known_at=latest", "suspects?known_at=seq:3"] {
        let answer = desk.get(&format!("/api/v1/{path}")).expect(200).json();
        let listed = list(&desk, answer["links"]["conversations"].as_str().unwrap());
        assert_eq!(answer["conversations"].as_u64(), Some(listed.len() as u64), "{path}");
    }
    let narrow = desk.get("/api/v1/suspects?since=1&tz=Asia/Tokyo&source=desk").expect(200).json();
    assert_eq!((&narrow["links"], &narrow["zone"], &narrow["events"]), (&json!({}), &json!("Asia/Tokyo"), &json!(6)));
    for wrong in ["tz=Mars", "since=soon", "from=1"] {
        desk.get(&format!("/api/v1/suspects?{wrong}")).expect(400);
    }
}

#[test]
fn other_methods_are_named() {
    let desk = Desk::new();
    assert_eq!(desk.request("OPTIONS", "/api/v1/agents", &[], b"").expect(204).body, b"");
    desk.request("OPTIONS", "/nowhere", &[], b"").expect(404);
    let answer = agent().run(ureq::http::Request::delete(desk.url("/api/v1/agents")).body(()).unwrap()).unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()), (405, "GET,HEAD"));
    for path in ["/api/v1/agents", "/api/v1/export", "/api/v1/changes", "/livez"] {
        assert_eq!(desk.request("HEAD", path, &[], b"").expect(200).body, b"", "{path}");
    }
}

#[test]
fn mistakes_are_explained() {
    let desk = Desk::new();
    for (path, named) in [
        ("/api/v1/conversations?agnet=Ida", "agnet"),
        ("/api/v1/conversations?limit=0", "1 to 1000"),
        ("/api/v1/conversations?limit=many", "limit"),
        ("/api/v1/conversations?sort=age", "age"),
        ("/api/v1/conversations?status=shut", "shut"),
        ("/api/v1/conversations?waiting_min=soon", "soon"),
        ("/api/v1/conversations?cursor=x", "cursor"),
        ("/api/v1/agents?tenant=x", "tenant"),
        ("/api/v1/changes?wait=2", "0 or 1"),
    ] {
        let problem = desk.get(path).expect(400).json();
        assert!(problem["detail"].as_str().unwrap().contains(named), "{path}: {problem}");
    }
    desk.get("/api/v1/rejects?cursor=x").expect(404);
    desk.get("/api/v1/conversations?sort=waiting&cursor=a0:x").expect(409);
    desk.get("/nowhere").expect(404);
    desk.post("/api/v1/agents", "").expect(405);
    desk.get("/webhooks/superoffice").expect(405);
}

#[test]
fn metrics_are_prometheus_text() {
    let desk = desk();
    let text = desk.get("/metrics").expect(200).text();
    for line in [
        "convofold_open 50",
        "convofold_conversations 60",
        "convofold_events_total{effect=\"applied\"}",
        "convofold_commit_latency_seconds_bucket{le=\"+Inf\"}",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // Each sample follows the type of its family, and no family comes twice.
    let (mut family, mut families) = (String::new(), std::collections::BTreeSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(families.insert(family.clone()), "{family}");
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&family), "{line}");
            assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
        }
    }
}

/// `CONVOFOLD_WRITE_OPENAPI=1` writes the file.
#[test]
fn the_committed_document_is_the_served_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("CONVOFOLD_WRITE_OPENAPI").is_some() {
        std::fs::write(path, convofold_server::openapi()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    let desk = Desk::new();
    let is_current = desk.get("/openapi.json").expect(200).text() == committed;
    assert!(is_current, "openapi.json is outdated: run this test with CONVOFOLD_WRITE_OPENAPI=1");
    let document: Value = serde_json::from_str(&committed).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut names = std::collections::HashSet::new();
    // Every described path is served.
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(names.insert(&operation["operationId"]), "{method} {path}: another request has this name");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(
                    response["description"].is_string(),
                    "{method} {path} {status}: OpenAPI 3.1 wants a description"
                );
            }
            let concrete = path.replace("{id}", "x").replace("{hook}", "x");
            let status = if path == "/api/v1/changes" {
                desk.get("/api/v1/changes?wait=0").status
            } else {
                desk.request(&method.to_uppercase(), &concrete, &[], b"").status
            };
            let is_served = status != 405 && (status != 404 || path.contains('{'));
            assert!(is_served, "{method} {path}: {status}");
        }
    }
}
