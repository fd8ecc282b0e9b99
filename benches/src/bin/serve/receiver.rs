//! What a good engineer would write by hand: axum, SQLite with `synchronous=FULL`, and one thread that commits all waiting
//! events in one transaction.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use convofold::Event;
use convofold::ingest::signature::superoffice as signature;
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold_benches::outcome::Answers;
use convofold_benches::peers::Store;
use convofold_benches::peers::sqlite::{self, Plain, Synchronous};
use crossbeam_channel::{Receiver as Waiting, Sender};
use parking_lot::Mutex;
use rusqlite::Connection;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::SECRET;

/// Maximum number of webhooks that wait for the writer.
const QUEUE: usize = 1_024;

const AGENTS: &str = "
    SELECT tenant, agent, agent_name, count(*), sum(unread), sum(waiting_since IS NOT NULL), min(waiting_since)
    FROM conversation WHERE open GROUP BY tenant, agent, agent_name";

/// A running receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    writer: JoinHandle<Result<Answers>>,
}

/// The events of a webhook, and who waits for them.
type Delivery = (Vec<Event>, oneshot::Sender<()>);

#[derive(Clone)]
struct App {
    deliveries: Sender<Delivery>,
    folder: Arc<PathBuf>,
    readers: Arc<Mutex<Vec<Connection>>>,
}

impl Receiver {
    /// Must be called on a runtime.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let store = Plain::open(folder, Synchronous::Full)?;
        let (deliveries, waiting) = crossbeam_channel::bounded(QUEUE);
        let writer = std::thread::spawn(move || write(store, &waiting));
        let app = App { deliveries, folder: Arc::new(folder.to_owned()), readers: Arc::default() };
        let router = Router::new()
            .route("/webhooks/superoffice", post(superoffice))
            .route("/api/v1/conversations", get(conversations))
            .route("/api/v1/agents", get(agents))
            .with_state(app);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, server: tokio::spawn(axum::serve(listener, router).into_future()), writer })
    }

    /// Ends it and returns what it knows.
    pub(crate) async fn stop(self) -> Result<Answers> {
        self.server.abort();
        let _ = self.server.await;
        self.writer.join().map_err(|_| anyhow!("the writer panicked"))?
    }
}

fn write(mut store: Plain, waiting: &Waiting<Delivery>) -> Result<Answers> {
    while let Ok(first) = waiting.recv() {
        let (events, answers): (Vec<_>, Vec<_>) = std::iter::once(first).chain(waiting.try_iter()).unzip();
        store.store(&events.concat())?;
        for answer in answers {
            let _ = answer.send(());
        }
    }
    store.answers()
}

async fn superoffice(State(app): State<App>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let given = headers.get("x-superoffice-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signature::verify(SECRET, &body, given) {
        return StatusCode::UNAUTHORIZED;
    }
    let mut events = Events::default();
    Parser::new(Format::SuperOffice, Limits::default()).parse_input(&body, &mut events);
    let (answer, answered) = oneshot::channel();
    if app.deliveries.try_send((events.0, answer)).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    answered.await.map_or(StatusCode::SERVICE_UNAVAILABLE, |()| StatusCode::OK)
}

#[derive(Default)]
struct Events(Vec<Event>);

impl Sink for Events {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.0.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {}

    fn rejected(&mut self, _rejection: Rejection) {}
}

#[derive(Deserialize)]
struct Listed {
    agent: String,
    limit: u32,
}

async fn conversations(State(app): State<App>, Query(listed): Query<Listed>) -> Response {
    answer(app, move |connection| {
        let mut page = connection.prepare_cached(sqlite::PAGE)?;
        let rows = page.query_map((&listed.agent, listed.limit), sqlite::read)?;
        let rows = rows.map(|row| row.map(|(id, row)| serde_json::json!({ "id": id, "conversation": row })));
        Ok(serde_json::json!({ "conversations": rows.collect::<rusqlite::Result<Vec<_>>>()? }))
    })
    .await
}

async fn agents(State(app): State<App>) -> Response {
    answer(app, |connection| {
        let mut agents = connection.prepare_cached(AGENTS)?;
        let rows = agents.query_map([], |row| {
            Ok(serde_json::json!({
                "tenant": row.get::<_, Option<String>>(0)?,
                "agent": { "id": row.get::<_, Option<String>>(1)?, "name": row.get::<_, Option<String>>(2)? },
                "open": row.get::<_, i64>(3)?,
                "unread": row.get::<_, i64>(4)?,
                "waiting": row.get::<_, i64>(5)?,
                "oldest_waiting_since": row.get::<_, Option<i64>>(6)?,
            }))
        })?;
        Ok(serde_json::json!({ "agents": rows.collect::<rusqlite::Result<Vec<_>>>()? }))
    })
    .await
}

/// Answers with a connection that only reads.
async fn answer(app: App, ask: impl FnOnce(&Connection) -> Result<serde_json::Value> + Send + 'static) -> Response {
    let answered = spawn_blocking(move || {
        let idle = app.readers.lock().pop();
        let connection = idle.map_or_else(|| sqlite::connect(&app.folder, Synchronous::Full), Ok)?;
        let answer = ask(&connection)?;
        app.readers.lock().push(connection);
        anyhow::Ok(answer)
    });
    match answered.await.context("a query").and_then(|answer| answer) {
        Ok(answer) => ([(header::CONTENT_TYPE, "application/json")], Json(answer)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
