//! The live page: its files, and signing in.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::io::{Read, Write};
use std::path::Path;

use common::{Desk, agent, message, toml_settings};
use convofold_server::{NewToken, Role, Settings, TokenFile};
use serde_json::json;

fn add(db: &Path, name: &str, texts: bool) -> String {
    TokenFile::of(db).add(NewToken { name: name.to_owned(), role: Role::Read, tenants: None, texts }).unwrap()
}

#[test]
fn every_path_of_the_page_is_answered_with_the_same_file_and_no_token() {
    let desk = Desk::with(Settings::default(), |db| drop(add(db, "desk", true)));
    let index = desk.get("/").expect(200);
    assert_eq!(index.content_type, "text/html; charset=utf-8");
    for path in ["/wall", "/login", "/status", "/list", "/report", "/c/a%2Fb%25", "/c/a/b/history"] {
        assert_eq!(desk.get(path).expect(200).body, index.body, "{path}");
    }
    desk.get("/assets/../Cargo.toml").expect(404);
    desk.get("/assets/nothing.js").expect(404);
    desk.get("/c/").expect(404);
    desk.request("DELETE", "/", &[], b"").expect(405);
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    let desk = Desk::new();
    let response = agent().get(desk.url("/")).call().unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("cache-control").as_str(), header("x-content-type-options").as_str()), ("no-cache", "nosniff"));
    assert!(header("content-security-policy").starts_with("default-src 'self'"));
    let etag = header("etag");
    assert_eq!(desk.request("GET", "/", &[("If-None-Match", &format!("\"x\", W/{etag}"))], b"").status, 304);
    assert_eq!(desk.request("GET", "/", &[("If-None-Match", "\"x\"")], b"").status, 200);
}

#[test]
fn a_browser_gets_the_files_compressed() {
    let desk = Desk::new();
    let path = "/assets/convofold.css";
    let plain = desk.request("GET", path, &[("Accept-Encoding", "identity")], b"").expect(200).body;
    // Not with ureq, which unpacks.
    let mut stream = std::net::TcpStream::connect(desk.address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n",
        desk.address
    )
    .unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&response[..end]).into_owned();
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: Accept-Encoding"), "{head}");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&response[end + 4..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!((unpacked.len(), unpacked == plain), (plain.len(), true));
}

#[test]
fn a_folder_replaces_the_files_in_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "mine").unwrap();
    std::fs::write(folder.path().join(".secret"), "x").unwrap();
    let desk = Desk::with(toml_settings(&format!("ui-dir = {:?}", folder.path())), |_| {});
    assert_eq!(desk.get("/wall").expect(200).text(), "mine");
    std::fs::write(folder.path().join("index.html"), "changed").unwrap();
    assert_eq!(desk.get("/").expect(200).text(), "changed");
    for name in [".secret", "..%2Fx", "%2Fetc%2Fpasswd", "board.js"] {
        desk.get(&format!("/assets/{name}")).expect(404);
    }
}

/// The cookie that a response sets, and its attributes.
fn sign_in(desk: &Desk, content_type: &str, body: &str) -> (u16, Option<String>) {
    let request = agent().post(desk.url("/login")).header("Content-Type", content_type).send(body).unwrap();
    let cookie = request.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
    (request.status().as_u16(), cookie)
}

#[test]
fn a_browser_signs_in_with_a_token_and_out_again() {
    let mut token = String::new();
    let desk = Desk::with(Settings::default(), |db| {
        token = add(db, "desk", false);
        add(db, "other", false);
    });
    for body in ["", "{}", "x", "{\"token\":1}", "{\"token\":\"t\",\"more\":1}"] {
        let refused = desk.request("POST", "/login", &[("Content-Type", "application/json")], body.as_bytes());
        assert!(!refused.expect(400).text().contains("more"));
    }
    desk.post("/login", vec![b' '; 5_000]).expect(413);
    assert_eq!(sign_in(&desk, "application/json", "{\"token\":\"convofold_guess\"}"), (401, None));
    let (status, cookie) = sign_in(&desk, "application/json", &json!({ "token": token }).to_string());
    let cookie = cookie.unwrap();
    assert_eq!((status, cookie.as_str()), (204, &*format!("convofold={token}; Path=/; HttpOnly; SameSite=Strict")));
    assert_eq!(sign_in(&desk, "application/x-www-form-urlencoded", &format!("token={token}")).0, 204);

    let pair = format!("theme=dark; convofold={token}");
    let ask = |path: &str, more: &[(&str, &str)]| {
        desk.request("GET", path, &[&[("Cookie", pair.as_str())], more].concat(), b"")
    };
    let session = ask("/api/v1/session", &[]).expect(200).json();
    assert_eq!(
        (&session["name"], &session["role"], &session["texts"]),
        (&json!("desk"), &json!("read"), &json!(false))
    );
    assert_eq!(session["thresholds"], json!({ "warn_ms": 120_000, "crit_ms": 300_000, "silent_ms": 1_800_000 }));
    desk.get("/api/v1/session").expect(401);
    // A page on another port of this host is of the same site, so the browser adds the cookie.
    ask("/api/v1/agents", &[("Sec-Fetch-Site", "same-site")]).expect(403);
    ask("/api/v1/agents", &[("Sec-Fetch-Site", "same-origin")]).expect(200);

    let (status, cookie) =
        (desk.post("/logout", "").status, "convofold=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    let logout = agent().post(desk.url("/logout")).send_empty().unwrap();
    assert_eq!((status, logout.headers()["set-cookie"].to_str().unwrap()), (204, cookie));

    TokenFile::of(&desk.path()).remove("desk").unwrap();
    let began = std::time::Instant::now();
    while ask("/api/v1/session", &[]).status != 401 {
        assert!(began.elapsed() < std::time::Duration::from_secs(30));
    }
}

#[test]
fn a_cookie_changes_something_only_from_a_page_of_this_server() {
    let mut token = String::new();
    let desk = Desk::with(Settings::default(), |db| {
        let new = NewToken { name: "all".into(), role: Role::Admin, tenants: None, texts: true };
        token = TokenFile::of(db).add(new).unwrap();
    });
    let cookie = format!("convofold={token}");
    let own = format!("http://{}", desk.address);
    let other = "http://127.0.0.1:1".to_owned();
    for (origin, status) in [(None, 403), (Some(&other), 403), (Some(&own), 200)] {
        let mut headers = vec![("Cookie", cookie.as_str())];
        headers.extend(origin.map(|origin| ("Origin", origin.as_str())));
        let response = desk.request("POST", "/api/v1/events", &headers, message("a", 1, "").as_bytes());
        assert_eq!(response.status, status, "{origin:?}: {}", response.text());
    }
    desk.request("POST", "/login", &[("Origin", &other)], json!({ "token": token }).to_string().as_bytes()).expect(403);
}

#[test]
fn behind_tls_the_cookie_is_sent_over_tls_only() {
    let mut token = String::new();
    let settings = toml_settings("behind-proxy = true");
    let desk = Desk::with(settings, |db| token = add(db, "desk", true));
    let (_, cookie) = sign_in(&desk, "application/json", &json!({ "token": token }).to_string());
    assert!(cookie.unwrap().ends_with("; Secure"));
}

#[test]
fn without_tokens_nobody_has_to_sign_in() {
    let desk = Desk::new();
    let session = desk.get("/api/v1/session").expect(200).json();
    assert_eq!(
        (&session["name"], &session["needs_token"], &session["texts"]),
        (&json!(null), &json!(false), &json!(true))
    );
    // The cookie of a server that had tokens.
    desk.request("GET", "/api/v1/agents", &[("Cookie", "convofold=old")], b"").expect(200);
    assert_eq!(sign_in(&desk, "application/json", "{\"token\":\"x\"}"), (204, None));
}
