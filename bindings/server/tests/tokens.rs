//! Tokens and TLS.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Desk, Response, message, toml_settings};
use convofold_server::{NewToken, Role, Settings, TokenFile};
use serde_json::Value;

fn add(db: &Path, name: &str, role: Role, tenants: &[&str], texts: bool) -> String {
    let tenants = (!tenants.is_empty()).then(|| tenants.iter().map(|tenant| (*tenant).to_owned()).collect());
    TokenFile::of(db).add(NewToken { name: name.to_owned(), role, tenants, texts }).unwrap()
}

fn with(desk: &Desk, token: &str, method: &str, path: &str, body: &str) -> Response {
    desk.request(method, path, &[("Authorization", &format!("Bearer {token}"))], body.as_bytes())
}

#[test]
fn each_role_may_do_its_own_and_admin_all() {
    let mut tokens = Vec::new();
    let desk = Desk::with(Settings::default(), |db| {
        tokens.extend([Role::Read, Role::Ingest, Role::Admin].map(|role| add(db, &role.to_string(), role, &[], true)));
    });
    let [read, ingest, admin] = tokens.try_into().unwrap();
    let event = message("a", 1, "");
    // Also from this machine, as there are tokens.
    desk.get("/api/v1/agents").expect(401);
    with(&desk, "convofold_guess", "GET", "/api/v1/agents", "").expect(401);
    desk.request("GET", "/api/v1/agents", &[("Authorization", "Basic eDp5")], b"").expect(401);
    for path in ["/livez", "/readyz", "/healthz", "/openapi.json"] {
        desk.get(path).expect(200);
    }
    for (method, path, body, of_read, of_ingest) in [
        ("POST", "/api/v1/events", event.as_str(), 403, 200),
        ("POST", "/webhooks/airship", "{}", 403, 200),
        ("GET", "/api/v1/agents", "", 200, 403),
        ("GET", "/api/v1/totals", "", 200, 403),
        ("GET", "/api/v1/status", "", 200, 403),
        ("GET", "/api/v1/hash", "", 200, 403),
        ("GET", "/api/v1/conversations", "", 200, 403),
        ("GET", "/api/v1/conversations/a", "", 200, 403),
        ("GET", "/api/v1/export", "", 200, 403),
        ("GET", "/api/v1/changes?wait=0", "", 200, 403),
        ("GET", "/metrics", "", 200, 403),
        ("GET", "/api/v1/rejects", "", 403, 403),
        ("POST", "/api/v1/rejects/x", "", 403, 403),
        ("DELETE", "/api/v1/rejects/x", "", 403, 403),
    ] {
        assert_eq!(with(&desk, &ingest, method, path, body).status, of_ingest, "ingest {path}");
        assert_eq!(with(&desk, &read, method, path, body).status, of_read, "read {path}");
        let of_admin = with(&desk, &admin, method, path, body).status;
        assert!(of_admin == 200 || path.ends_with("/x") && of_admin == 404, "admin {path}: {of_admin}");
    }
}

#[test]
fn a_token_sees_its_tenants_and_no_texts_unless_it_may() {
    let mut tokens = Vec::new();
    let desk = Desk::with(Settings::default(), |db| {
        tokens.push(add(db, "in", Role::Ingest, &[], false));
        tokens.push(add(db, "chief", Role::Admin, &[], false));
        tokens.push(add(db, "north", Role::Read, &["North", "East"], true));
        tokens.push(add(db, "wall", Role::Read, &[], false));
    });
    let [ingest, chief, north, wall] = tokens.try_into().unwrap();
    for (id, tenant) in
        [("a", r#","tenant":"North""#), ("b", r#","tenant":"South""#), ("c", ""), ("d", r#","tenant":"East""#)]
    {
        with(&desk, &ingest, "POST", "/api/v1/events", &message(id, 1, tenant)).expect(200);
    }
    let ids = |token: &str, path: &str| -> Vec<String> {
        let page = with(&desk, token, "GET", path, "").expect(200).json();
        let mut ids: Vec<_> = page["conversations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    for path in ["/api/v1/conversations", "/api/v1/conversations?status=any"] {
        assert_eq!(ids(&north, path), ["a", "d"]);
        assert_eq!(ids(&wall, path).len(), 4);
    }
    assert!(ids(&north, "/api/v1/conversations?tenant=South").is_empty());
    for (id, status) in [("a", 200), ("b", 404), ("c", 404)] {
        for what in ["", "/history", "/transcript", "/explain"] {
            with(&desk, &north, "GET", &format!("/api/v1/conversations/{id}{what}"), "").expect(status);
        }
    }
    assert_eq!(
        with(&desk, &north, "GET", "/api/v1/totals", "").expect(200).json()["totals"].as_array().unwrap().len(),
        2
    );
    assert_eq!(
        with(&desk, &north, "GET", "/api/v1/agents", "").expect(200).json()["agents"].as_array().unwrap().len(),
        2
    );
    for path in ["/api/v1/status", "/api/v1/hash", "/metrics"] {
        let refused = with(&desk, &north, "GET", path, "").expect(403).json();
        assert!(refused["detail"].as_str().unwrap().contains("all tenants"), "{refused}");
    }
    let lines = |token: &str, path: &str, id: &str| -> Vec<String> {
        let found = with(&desk, token, "GET", path, "").expect(200).text();
        found
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap().pointer(id).unwrap().to_string())
            .collect()
    };
    for (path, id) in [
        ("/api/v1/export", "/id"),
        ("/api/v1/export?events=true", "/conversation"),
        ("/api/v1/changes?since=0&wait=0", "/event/conversation"),
    ] {
        assert_eq!(lines(&north, path, id), ["\"a\"", "\"d\""], "{path}");
    }
    // Each number is that of the list that the token sees.
    for path in ["agents", "totals"] {
        let answer = with(&desk, &north, "GET", &format!("/api/v1/{path}"), "").expect(200).json();
        for row in answer[path].as_array().unwrap() {
            for (name, link) in row["links"].as_object().unwrap() {
                let rows = ids(&north, link.as_str().unwrap()).len();
                assert_eq!(row[name], rows, "{name} {link}");
            }
        }
    }

    with(&desk, &wall, "GET", "/api/v1/export", "").expect(403);
    // Rejects contain texts.
    let rejected = with(&desk, &ingest, "POST", "/webhooks/airship", "words").expect(200).json();
    assert_eq!(rejected["rejected"], 1);
    with(&desk, &chief, "GET", "/api/v1/rejects", "").expect(403);
    with(&desk, &chief, "POST", "/api/v1/rejects/x", "").expect(403);
    for path in [
        "/api/v1/conversations",
        "/api/v1/conversations?status=any",
        "/api/v1/conversations/a",
        "/api/v1/conversations/a/history",
        "/api/v1/conversations/a/transcript",
        "/api/v1/conversations/a/explain",
        "/api/v1/conversations/a/explain?field=last_message.text",
        "/api/v1/changes?since=0&wait=0",
    ] {
        let found = with(&desk, &wall, "GET", path, "").expect(200).text();
        assert!(!found.is_empty() && !found.contains("words"), "{path}: {found}");
    }
    let texts = with(&desk, &north, "GET", "/api/v1/conversations/a/transcript", "").expect(200).json();
    assert_eq!(texts["messages"][0]["text"], "words 1");
}

/// Ids of conversations, from the answer of any route that lists them.
fn ids_in(found: &Response) -> Vec<String> {
    let mut ids: Vec<String> = match found.content_type.as_str() {
        "application/json" => {
            let answer = found.json();
            let rows = ["rows", "conversations"].iter().filter_map(|name| answer[name].as_array());
            rows.flatten().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        }
        _ => {
            let lines = found.text();
            let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let id = |line: Value| line.get("id").unwrap_or(&line["conversation"]).as_str().unwrap().to_owned();
            lines.map(id).collect()
        }
    };
    ids.sort();
    ids.dedup();
    ids
}

/// An empty desk, and tokens to ingest, for North and for all tenants.
fn desk_of_north() -> (Desk, [String; 3]) {
    let mut tokens = Vec::new();
    let desk = Desk::with(Settings::default(), |db| {
        tokens.push(add(db, "in", Role::Ingest, &[], false));
        tokens.push(add(db, "north", Role::Read, &["North"], true));
        tokens.push(add(db, "all", Role::Read, &[], true));
    });
    (desk, tokens.try_into().unwrap())
}

/// A desk with conversations that stayed with their tenant, or changed it at 09:05: `left` went from North to South, `came` from
/// South to North, `new` had no tenant before. All are open, wait, have an agent and are suspect. Returns tokens for North and
/// for all tenants.
fn moved() -> (Desk, [String; 2]) {
    let (desk, [ingest, north, all]) = desk_of_north();
    let courses = [
        ("north", "North", "North"),
        ("south", "South", "South"),
        ("left", "North", "South"),
        ("came", "South", "North"),
        ("new", "", "North"),
    ];
    let more = |tenant: &str| match tenant {
        "" => r#","agent":{"name":"Ida"}"#.to_owned(),
        tenant => format!(r#","agent":{{"name":"Ida"}},"tenant":"{tenant}""#),
    };
    // Events 1 to 5, 6 to 10, and late ones that make them suspect.
    let before = courses.map(|(id, before, _)| message(id, 1, &more(before)));
    let after = courses.map(|(id, _, after)| message(id, 300, &more(after)));
    let unread = courses.map(|(id, ..)| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{id}","kind":"update","occurred":"2026-03-02T09:00:02Z","unread":9}}"#
        )
    });
    for events in [before, after, unread] {
        let report = with(&desk, &ingest, "POST", "/api/v1/events", &events.join("\n")).expect(200).json();
        assert_eq!(report["rejected"], 0, "{report}");
    }
    (desk, [north, all])
}

/// The moments, and what North may see then: what it had then and has now.
const MOMENTS: [(&str, &[&str]); 5] = [
    ("as_of=2026-03-02T09:03:00Z", &["north"]),
    ("as_of=2026-03-02T09:05:00Z", &["came", "new", "north"]),
    ("known_at=seq:5", &["north"]),
    ("known_at=seq:10", &["came", "new", "north"]),
    ("as_of=2026-03-02T09:03:00Z&known_at=seq:10", &["north"]),
];

#[test]
fn at_a_moment_a_token_sees_what_its_tenants_had_then_and_have_now() {
    let (desk, [north, all]) = moved();
    for (moment, seen) in MOMENTS {
        let get = |token: &str, path: &str| {
            let join = if path.contains('?') { '&' } else { '?' };
            with(&desk, token, "GET", &format!("/api/v1/{path}{join}{moment}"), "").expect(200)
        };
        let lists = [
            "conversations",
            "conversations?status=any",
            "conversations?rows=true",
            "conversations?status=any&rows=true",
            "export",
            "export?events=true",
        ];
        for list in lists {
            assert_eq!(ids_in(&get(&north, list)), seen, "{list} {moment}");
            assert_eq!(ids_in(&get(&all, list)).len(), 5, "{list} {moment}");
        }
        for id in ["north", "south", "left", "came", "new"] {
            for what in ["", "/history", "/transcript", "/explain", "/conflicts"] {
                let path = format!("/api/v1/conversations/{id}{what}?{moment}");
                let status = if seen.contains(&id) { 200 } else { 404 };
                with(&desk, &north, "GET", &path, "").expect(status);
                with(&desk, &all, "GET", &path, "").expect(200);
            }
        }
        let count = |token: &str, path: &str, rows: &str, name: &str| -> u64 {
            let answer = get(token, path).json();
            answer[rows].as_array().unwrap().iter().map(|row| row[name].as_u64().unwrap()).sum()
        };
        for (token, expected) in [(&north, seen.len() as u64), (&all, 5)] {
            assert_eq!(count(token, "agents", "agents", "open"), expected, "{moment}");
            assert_eq!(count(token, "totals", "totals", "conversations"), expected, "{moment}");
            let board = get(token, "board").json();
            assert_eq!((&board["open"], &board["conversations"]), (&expected.into(), &expected.into()), "{moment}");
            assert_eq!(board["waits"].as_array().unwrap().len() as u64, expected, "{moment}");
            let suspects = get(token, "suspects").json();
            let is_known = !moment.contains("known_at");
            assert_eq!(suspects["conversations"], if is_known { expected } else { 0 }, "{moment} {suspects}");
        }
        for path in ["hash", "conflicts"] {
            with(&desk, &north, "GET", &format!("/api/v1/{path}?{moment}"), "").expect(403);
        }
        get(&north, "moment");
    }
}

/// Otherwise the answers would tell when the first conversation of another tenant began.
#[test]
fn a_token_for_some_tenants_does_not_learn_when_others_began() {
    let (desk, [ingest, north, all]) = desk_of_north();
    for (id, minute, tenant) in [("south", 5, "South"), ("north", 20, "North")] {
        let event = message(id, minute * 60, &format!(r#","tenant":"{tenant}""#));
        with(&desk, &ingest, "POST", "/api/v1/events", &event).expect(200);
    }
    let get = |token: &str, path: &str, minute: u64| {
        let join = if path.contains('?') { '&' } else { '?' };
        with(&desk, token, "GET", &format!("/api/v1/{path}{join}as_of=2026-03-02T09:{minute:02}:00Z"), "")
    };
    let first = get(&all, "agents", 4).expect(400).json();
    assert_eq!(first["earliest"], 1_772_442_300_000_i64, "{first}");
    for known_at in ["", "known_at=seq:2"] {
        for path in ["agents", "totals", "conversations", "board", "suspects", "moment"] {
            let path = format!("{path}?{known_at}");
            let [before, after] = [4, 6].map(|minute| get(&north, &path, minute).expect(200).json());
            for answer in [&before, &after] {
                assert!(answer.get("earliest").is_none(), "{path} {answer}");
                let rows = ["agents", "totals", "conversations"].iter().filter_map(|name| answer[name].as_array());
                assert_eq!(rows.map(Vec::len).sum::<usize>(), 0, "{path} {answer}");
            }
        }
        for minute in [4, 6] {
            let missing = get(&north, &format!("conversations/north?{known_at}"), minute).expect(404).json();
            assert!(missing["detail"].as_str().unwrap().contains("did not exist at this moment"), "{missing}");
            assert!(get(&north, &format!("export?{known_at}"), minute).expect(200).body.is_empty());
        }
    }
}

#[test]
fn a_removed_token_is_refused_and_a_new_one_accepted_while_the_server_runs() {
    let mut first = String::new();
    let desk = Desk::with(Settings::default(), |db| first = add(db, "first", Role::Read, &[], false));
    with(&desk, &first, "GET", "/api/v1/agents", "").expect(200);
    let second = add(&desk.path(), "second", Role::Read, &[], false);
    TokenFile::of(&desk.path()).remove("first").unwrap();
    let began = Instant::now();
    while with(&desk, &second, "GET", "/api/v1/agents", "").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(100));
    }
    with(&desk, &first, "GET", "/api/v1/agents", "").expect(401);
}

/// Writes a self-signed certificate and its key, and returns the certificate.
fn certificate(folder: &std::path::Path) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    made.cert.der().to_vec()
}

fn over_tls(url: &str, trusted: &[u8]) -> Result<Value, ureq::Error> {
    let certificate = ureq::tls::Certificate::from_der(trusted).to_owned();
    let roots = ureq::tls::RootCerts::Specific(std::sync::Arc::new(vec![certificate]));
    let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    let text = agent.get(url).call()?.body_mut().read_to_string()?;
    Ok(Value::from(text))
}

#[test]
fn a_changed_certificate_is_used_for_new_connections() {
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path());
    let path = |name: &str| folder.path().join(name);
    let settings = toml_settings(&format!("tls-cert = {:?}\ntls-key = {:?}", path("cert.pem"), path("key.pem")));
    let desk = Desk::with(settings, |_| {});
    let url = format!("https://localhost:{}/livez", desk.address.port());
    assert_eq!(over_tls(&url, &first).unwrap(), "ok\n");
    let second = certificate(folder.path());
    assert!(over_tls(&url, &second).is_err() || over_tls(&url, &first).is_err());
    let began = Instant::now();
    while over_tls(&url, &second).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(over_tls(&url, &first).is_err());
}
