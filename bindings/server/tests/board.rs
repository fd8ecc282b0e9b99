//! The board of the live page.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use common::{Desk, Response, message};
use convofold_server::{NewToken, Role, Settings, TokenFile};
use serde_json::{Value, json};

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn time(at: i64) -> String {
    convofold::Time::from_ms(at).unwrap().to_rfc3339()
}

/// A message at a time, in convofold's own form.
fn said(conversation: &str, at: i64, direction: &str, more: &str) -> String {
    format!(
        r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","identity":"{at}","kind":"message","direction":"{direction}","occurred":"{}","text":"words of {conversation}"{more}}}"#,
        time(at)
    )
}

fn send(desk: &Desk, lines: &[String]) {
    let report = desk.post("/api/v1/events", lines.join("\n")).expect(200).json();
    assert_eq!(report["rejected"], 0, "{}", report["rejections"][0]);
}

const CONDITIONS: [&str; 22] = [
    "",
    "agent=Ida",
    "agent_id=a-1",
    "agent_name=Ida",
    "unassigned=true",
    "member=Member%203",
    "number=%2B47%203",
    "tenant=North",
    "no_tenant=true",
    "shortcode=s1",
    "channel=sms",
    "no_channel=true",
    "unread_min=2",
    "waiting=true",
    "waiting_min=3m",
    "waiting_min=3m&waiting=true",
    "idle_min=4m",
    "suspect=true",
    "tenant=North&agent=Ida&unread_min=1",
    "warn=1m&crit=4m",
    "warn=7m&crit=1m",
    "tenant=Nowhere",
];

/// Open and closed conversations of several agents, tenants and channels, some of which wait.
fn busy(desk: &Desk) {
    let now = now_ms();
    let mut lines = Vec::new();
    for (place, number) in (0..90_i64).enumerate() {
        let id = format!("c-{number}");
        let agent = match number % 5 {
            0 => "",
            1 => r#","agent":{"id":"a-1","name":"Ida"}"#,
            2 => r#","agent":{"id":"a-2","name":"Ida"}"#,
            3 => r#","agent":{"name":"Ida"}"#,
            _ => r#","agent":{"id":"x&y=z/\u00fc","name":"a-1"}"#,
        };
        let tenant = ["", r#","tenant":"North""#, r#","tenant":"a&b""#][place % 3];
        let channel = ["", r#","channel":"sms""#][place % 2];
        let member =
            format!(r#","member_name":"Member {number}","member_number":"+47{number}","shortcode":"s{}""#, number % 4);
        let more = format!("{agent}{tenant}{channel}{member}");
        for step in 0..=number % 3 {
            lines.push(said(&id, now - (number % 10 * 60 + 30 - step) * 1_000, "in", &more));
        }
        if number % 4 == 3 {
            lines.push(said(&id, now - 5_000, "out", &more));
        }
        if number % 11 == 7 {
            lines.push(format!(
                r#"{{"convofold":1,"source":"desk","conversation":"{id}","kind":"update","occurred":"{}","unread":9}}"#,
                time(now - 4_000)
            ));
        }
        if number % 6 == 5 {
            lines.push(format!(
                r#"{{"convofold":1,"source":"desk","conversation":"{id}","kind":"close","occurred":"{}"}}"#,
                time(now - 1_000)
            ));
        }
    }
    send(desk, &lines);
}

fn list(desk: &Desk, link: &str) -> Vec<Value> {
    let joint = if link.contains('?') { '&' } else { '?' };
    let page = desk.get(&format!("{link}{joint}limit=1000")).expect(200).json();
    assert_eq!(page["next_cursor"], Value::Null);
    page["conversations"].as_array().unwrap().clone()
}

/// Checks every number of an object against the list behind its link. Returns how many were checked.
#[track_caller]
fn check_links(desk: &Desk, numbers: &Value, links: &Value, case: &str) -> usize {
    let links = links.as_object().unwrap();
    for (name, link) in links {
        let rows = list(desk, link.as_str().unwrap());
        let found = if name == "unread" {
            rows.iter().map(|row| row["unread"].as_u64().unwrap()).sum()
        } else {
            rows.len() as u64
        };
        let number = if numbers[name].is_null() { &numbers["bands"][name] } else { &numbers[name] };
        assert_eq!(Some(found), number.as_u64(), "{name} {link} {case}");
    }
    links.len()
}

#[test]
fn every_number_equals_the_length_of_the_list_behind_it_with_every_condition() {
    let desk = Desk::new();
    busy(&desk);
    let mut checked = 0;
    for conditions in CONDITIONS {
        let board = desk.get(&format!("/api/v1/board?{conditions}")).expect(200).json();
        checked += check_links(&desk, &board, &board["links"], conditions);
        for agent in board["agents"].as_array().unwrap() {
            checked += check_links(&desk, agent, &agent["links"], conditions);
        }
        let bands = board["bands"].as_object().unwrap().values().map(|band| band.as_u64().unwrap());
        assert_eq!(Some(bands.sum()), board["waiting"].as_u64(), "{conditions}");
        assert_eq!((&board["conversations"], &board["all_open"]), (&json!(90), &json!(75)));
    }
    assert!(checked > 400, "{checked}");
}

#[test]
fn the_lists_have_the_longest_waits_first_and_at_most_limit_rows() {
    let desk = Desk::new();
    busy(&desk);
    let board = desk.get("/api/v1/board").expect(200).json();
    let listed = list(&desk, "/api/v1/conversations?waiting=true&sort=waiting");
    let ids = |rows: &Value| -> Vec<Value> { rows.as_array().unwrap().iter().map(|row| row["id"].clone()).collect() };
    assert_eq!(ids(&board["waits"]), listed.iter().map(|row| row["id"].clone()).collect::<Vec<_>>());
    assert_eq!(board["oldest_waiting_since"], listed[0]["waiting_since"]);
    let row = desk.get("/api/v1/conversations?waiting=true&sort=waiting&limit=1&rows=true").expect(200).json();
    assert_eq!(board["waits"][0], row["rows"][0]);
    assert!(board["waits"][0]["last_message"]["text"].as_str().unwrap().starts_with("words of"));
    let key = |row: &Value| (row["waiting_since"].as_i64().unwrap_or(i64::MAX), row["started_at"].as_i64());
    let nobody = board["nobody"].as_array().unwrap();
    assert!(nobody.is_sorted_by_key(key) && nobody.iter().all(|row| row["agent"].is_null()));
    assert_eq!(nobody.len() as u64, board["unassigned"].as_u64().unwrap());
    let few = desk.get("/api/v1/board?limit=3").expect(200).json();
    assert_eq!(few["waits"].as_array().unwrap()[..], board["waits"].as_array().unwrap()[..3]);
    assert_eq!((few["nobody"].as_array().unwrap().len(), &few["waiting"]), (3, &board["waiting"]));
    // A new message of a conversation is shown at once.
    send(&desk, &[said("c-0", now_ms(), "in", r#","text":"news""#).replacen(r#""text":"words of c-0","#, "", 1)]);
    let board = desk.get("/api/v1/board?unassigned=true").expect(200).json();
    let row = board["nobody"].as_array().unwrap().iter().find(|row| row["id"] == "c-0").unwrap();
    assert_eq!(row["last_message"]["text"], "news");
}

#[test]
fn the_numbers_are_those_of_the_exported_states() {
    let desk = Desk::new();
    busy(&desk);
    let export = desk.get("/api/v1/export").expect(200).text();
    let open: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|state| state["status"] == "open")
        .collect();
    let board = desk.get("/api/v1/board").expect(200).json();
    let count = |is: &dyn Fn(&Value) -> bool| json!(open.iter().filter(|state| is(state)).count());
    assert_eq!(board["open"], json!(open.len()));
    assert_eq!(board["waiting"], count(&|state| !state["waiting_since"].is_null()));
    assert_eq!(board["unassigned"], count(&|state| state["agent"].is_null()));
    assert_eq!(board["suspect"], count(&|state| !state["suspect"].as_array().unwrap().is_empty()));
    assert_eq!(board["unread"], json!(open.iter().map(|state| state["unread"].as_u64().unwrap()).sum::<u64>()));
    let mut loads: BTreeMap<String, u64> = BTreeMap::new();
    for state in &open {
        let agent = if state["agent"]["id"].is_null() { &state["agent"]["name"] } else { &state["agent"]["id"] };
        *loads.entry(format!("{} {agent}", state["tenant"])).or_default() += 1;
    }
    let agents = board["agents"].as_array().unwrap().iter().map(|row| {
        let agent = if row["agent"]["id"].is_null() { &row["agent"]["name"] } else { &row["agent"]["id"] };
        (format!("{} {agent}", row["tenant"]), row["open"].as_u64().unwrap())
    });
    assert_eq!(agents.collect::<BTreeMap<_, _>>(), loads);
}

#[test]
fn a_board_and_the_list_behind_it_agree_at_the_same_seq_while_events_come_in() {
    let desk = Desk::new();
    busy(&desk);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                number += 1;
                let (id, direction) = (format!("n-{}", number % 40), ["in", "out"][number % 2]);
                send(&desk, &[said(&id, now_ms(), direction, ""), said(&format!("{id}x"), now_ms(), "in", "")]);
            }
        });
        let mut lists: BTreeMap<u64, [usize; 2]> = BTreeMap::new();
        let mut compared = 0;
        for _ in 0..2_000 {
            let board = desk.get("/api/v1/board").expect(200).json();
            if let Some([open, waiting]) = lists.get(&board["seq"].as_u64().unwrap()) {
                assert_eq!((&board["open"], &board["waiting"]), (&json!(open), &json!(waiting)));
                compared += 1;
            }
            if compared == 20 {
                break;
            }
            let page = desk.get("/api/v1/conversations?rows=true&limit=1000").expect(200).json();
            let rows = page["rows"].as_array().unwrap();
            let waiting = rows.iter().filter(|row| !row["waiting_since"].is_null()).count();
            lists.insert(page["seq"].as_u64().unwrap(), [rows.len(), waiting]);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(compared >= 20, "{compared}");
    });
}

fn add(db: &std::path::Path, name: &str, tenants: &[&str], texts: bool) -> String {
    let tenants = (!tenants.is_empty()).then(|| tenants.iter().map(|tenant| (*tenant).to_owned()).collect());
    TokenFile::of(db).add(NewToken { name: name.to_owned(), role: Role::Read, tenants, texts }).unwrap()
}

fn with(desk: &Desk, token: &str, path: &str) -> Response {
    desk.request("GET", path, &[("Authorization", &format!("Bearer {token}"))], b"")
}

#[test]
fn a_token_sees_its_tenants_and_no_texts_unless_it_may() {
    let mut tokens = Vec::new();
    let desk = Desk::with(Settings::default(), |db| {
        let new = NewToken { name: "in".to_owned(), role: Role::Ingest, tenants: None, texts: false };
        tokens.push(TokenFile::of(db).add(new).unwrap());
        tokens.push(add(db, "north", &["North", "East"], true));
        tokens.push(add(db, "wall", &[], false));
    });
    let [ingest, north, wall] = tokens.try_into().unwrap();
    let now = now_ms();
    let tenants =
        [("a", r#","tenant":"North","channel":"sms""#), ("b", r#","tenant":"South","channel":"chat""#), ("c", "")];
    for (id, more) in tenants {
        let headers = [("Authorization", format!("Bearer {ingest}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        desk.request("POST", "/api/v1/events", &headers, said(id, now - 1_000, "in", more).as_bytes()).expect(200);
    }
    with(&desk, &ingest, "/api/v1/board").expect(403);
    desk.get("/api/v1/board").expect(401);
    let board = with(&desk, &north, "/api/v1/board").expect(200).json();
    assert_eq!((&board["open"], &board["all_open"], &board["conversations"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(board["waits"][0]["last_message"]["text"], "words of a");
    assert_eq!(board["choices"], json!({"tenants": ["North"], "channels": ["sms"], "agents": []}));
    assert!(board["upstreams"].as_array().unwrap().iter().all(|upstream| upstream["tenant"] == "North"));
    let none = with(&desk, &north, "/api/v1/board?tenant=South").expect(200).json();
    assert_eq!((&none["open"], &none["all_open"]), (&json!(0), &json!(1)));
    let board = with(&desk, &wall, "/api/v1/board").expect(200).json();
    assert_eq!((&board["open"], &board["waits"][0]["last_message"]["text"]), (&json!(3), &json!("")));
}

#[test]
fn invalid_parameters_are_refused() {
    let desk = Desk::new();
    for bad in ["limit=0", "limit=1001", "tz=Nowhere/Else", "warn=soon", "x=1", "unread_min=-1", "status=closed"] {
        desk.get(&format!("/api/v1/board?{bad}")).expect(400);
    }
    let empty = desk.get("/api/v1/board?tz=Europe/Oslo").expect(200).json();
    assert_eq!(
        (&empty["seq"], &empty["conversations"], &empty["oldest_waiting_since"]),
        (&json!(0), &json!(0), &json!(null))
    );
    desk.post("/api/v1/events", message("a", 1, "")).expect(200);
    assert_eq!(desk.get("/api/v1/board").expect(200).json()["seq"], 1);
}

#[test]
fn the_board_at_a_moment_is_that_of_the_exported_states_and_its_links_stay_there() {
    let desk = Desk::new();
    busy(&desk);
    let get = |path: &str| desk.get(&format!("/api/v1/{path}")).expect(200);
    let (mut now, mut then) = (get("board").json(), get("board?known_at=latest").json());
    let moment = then["moment"].take();
    assert_eq!((&moment["known_at"], &then["now"]), (&now["seq"], &moment["time"]));
    for board in [&mut now, &mut then] {
        let board = board.as_object_mut().unwrap();
        for name in ["now", "moment", "before", "last_answered", "upstreams", "conversations", "links", "bands"] {
            board.remove(name);
        }
        for agent in board["agents"].as_array_mut().unwrap() {
            for name in ["links", "last_reply_at"] {
                agent.as_object_mut().unwrap().remove(name);
            }
        }
    }
    assert_eq!(now, then);
    for moment in [format!("as_of={}", time(now_ms() - 240_000)), "known_at=seq:60".to_owned()] {
        let export = get(&format!("export?{moment}")).text();
        let states = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let open: Vec<_> = states.filter(|state| state["status"] == "open").collect();
        let board = get(&format!("board?{moment}")).json();
        let unread: u64 = open.iter().map(|state| state["unread"].as_u64().unwrap()).sum();
        let waiting = open.iter().filter(|state| !state["waiting_since"].is_null()).count();
        assert_eq!(json!([board["open"], board["unread"], board["waiting"]]), json!([open.len(), unread, waiting]));
        assert!(open.len() > 10 && board["upstreams"] == json!([]), "{moment}");
        for row in board["waits"].as_array().unwrap() {
            let state = open.iter().find(|state| state["id"] == row["id"]).unwrap();
            assert_eq!(row["last_message"], state["last_message"], "{moment}");
        }
        check_links(&desk, &board, &board["links"], &moment);
        for agent in board["agents"].as_array().unwrap() {
            check_links(&desk, agent, &agent["links"], &moment);
        }
    }
    let stream = [("accept", "text/event-stream")];
    let refused = desk.request("GET", "/api/v1/board?as_of=latest", &stream, b"").expect(400).json();
    assert!(refused["detail"].as_str().unwrap().contains("a stream is about now"), "{refused}");
}
