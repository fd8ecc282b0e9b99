//! A server in this process, and a client.

#![allow(dead_code, reason = "each test uses a part")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use convofold::Convofold;
use convofold_server::{Server, Settings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A server with its database.
pub(crate) struct Desk {
    pub(crate) db: Convofold,
    pub(crate) address: SocketAddr,
    folder: TempDir,
    runtime: Runtime,
    server: Option<Server>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        if status >= 400 {
            assert_eq!(self.content_type, "application/problem+json");
            assert_eq!(self.json()["status"], status);
        }
        self
    }
}

impl Desk {
    /// A server with default settings on a free port.
    pub(crate) fn new() -> Self {
        Self::with(Settings::default(), |_| {})
    }

    /// A server with these settings, after `prepare` was called with the folder of the database.
    pub(crate) fn with(settings: Settings, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let db = Convofold::open(&path).unwrap();
        prepare(&path);
        let runtime = Runtime::new().unwrap();
        let defaults = toml_settings(&format!("db = {path:?}\nlisten = \"127.0.0.1:0\""));
        let config = settings.or(defaults).resolve().unwrap();
        let server = runtime.block_on(async { Server::start(config, db.clone()) }).unwrap();
        Self { db, address: server.address(), folder, runtime, server: Some(server) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", path, &[], body.as_ref())
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        request(&self.url(path), method, headers, body)
    }

    /// Asks for server-sent events.
    pub(crate) fn events(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        events_of(&self.url(path), headers)
    }

    /// Stops the server and starts it with these settings, on another port.
    pub(crate) fn restart(&mut self, settings: Settings) {
        self.stop();
        let defaults = toml_settings(&format!("db = {:?}\nlisten = \"127.0.0.1:0\"", self.path()));
        let config = settings.or(defaults).resolve().unwrap();
        let server = self.runtime.block_on(async { Server::start(config, self.db.clone()) }).unwrap();
        self.address = server.address();
        self.server = Some(server);
    }

    /// Stops the server; the database stays open.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop(Duration::from_secs(10)));
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop();
        let _ = self.db.close();
    }
}

/// Server-sent events from a response that stays open.
pub(crate) struct Events(BufReader<Box<dyn Read + Send>>);

impl Events {
    /// The next event: its name, its id and its data; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<(String, String, Value)> {
        let (mut name, mut id, mut data) = (String::new(), String::new(), Value::Null);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data = serde_json::from_str(value).unwrap(),
                _ if name.is_empty() => {}
                _ => return Some((name, id, data)),
            }
        }
    }
}

/// Asks for server-sent events.
pub(crate) fn events_of(url: &str, headers: &[(&str, &str)]) -> Events {
    let mut request = agent().get(url).header("Accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.call().unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Events(BufReader::new(Box::new(response.into_body().into_reader())))
}

/// Settings as a settings file has them.
pub(crate) fn toml_settings(text: &str) -> Settings {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Settings::read(file.path()).unwrap()
}

pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

pub(crate) fn request(url: &str, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = if body.is_empty() && method != "POST" {
        agent().run(request.body(()).unwrap()).unwrap()
    } else {
        agent().run(request.body(body).unwrap()).unwrap()
    };
    let content_type = response.headers().get("content-type");
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut bytes).unwrap();
    Response { status: response.status().as_u16(), content_type, body: bytes }
}

/// A message in convofold's own form.
pub(crate) fn message(conversation: &str, number: u64, more: &str) -> String {
    format!(
        r#"{{"convofold":1,"source":"desk","conversation":{},"identity":"{number}","kind":"message","direction":"in","occurred":"2026-03-02T09:{:02}:{:02}Z","text":"words {number}"{more}}}"#,
        Value::from(conversation),
        number / 60 % 60,
        number % 60,
    )
}

/// The close of a conversation in convofold's own form.
pub(crate) fn close(conversation: &str, more: &str) -> String {
    let conversation = Value::from(conversation);
    format!(
        r#"{{"convofold":1,"source":"desk","conversation":{conversation},"kind":"close","occurred":"2026-03-02T11:00:00Z"{more}}}"#
    )
}

/// The body of a SuperOffice webhook.
pub(crate) fn superoffice(event_id: &str, event: &str, key: u64) -> String {
    format!(
        r#"{{"EventId":"{event_id}","Timestamp":"2026-03-02T09:15:00.5Z","Event":"chatsession.{event}","PrimaryKey":{key},"ContextIdentifier":"Cust1","FieldValues":{{"CustomerAlias":"Yara","Status":5,"UserId":7}}}}"#
    )
}
