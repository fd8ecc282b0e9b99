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
