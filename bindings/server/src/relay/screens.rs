//! The board of a cluster: the boards of its partitions in one, asked for again and again while somebody watches it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use convofold::Time;
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

use super::session::Holder;
use super::{Asked, PartAnswers, Relayed};
use crate::board::{
    BoardAnswer, BoardPart, CLUSTER, ClusterNote, DayAnswer, PastBounds, SIGNED_OUT, View, event_stream, not_ready,
};
use crate::params::PastParams;
use crate::problem::Problem;
use crate::routes::{BoardParams, accepts_sse};
use crate::span::Span;
use crate::tokens::clock_ms;

/// The minimum time between two boards of a view. Each asks all partitions.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The part of the time in which a view is asked for is at most one in this number.
const POLL_PART: u32 = 2;
/// The maximum time between two boards that are sent, because some numbers are about the last minutes.
const MAX_INTERVAL: Duration = Duration::from_secs(30);
/// The time between two days of a view, and after one that is not complete.
const DAY_INTERVALS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(5));
/// The time between two clocks. A page that misses it shows that it may be out of date.
const CLOCK_INTERVAL: Duration = Duration::from_secs(5);
/// The time between two looks at a conversation that somebody watches.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Parameters of a board that a day does not have.
const OF_BOARD: [&str; 5] = ["warn", "crit", "limit", "as_of", "known_at"];

/// All views that somebody watches. A view without readers costs nothing.
#[derive(Default)]
pub(super) struct Screens {
    shown: Mutex<HashMap<Watched, Arc<Screen>>>,
}

/// What somebody watches: the view, and the question to each partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Watched {
    view: View,
    asked: Asked,
}

/// A view for all of its readers.
#[derive(Default)]
struct Screen {
    board: watch::Sender<Option<Event>>,
    day: watch::Sender<Option<Event>>,
    /// That of the last board.
    seq: AtomicU64,
}

#[derive(Clone)]
struct Event {
    bytes: Bytes,
    is_last: bool,
}

impl Watched {
    /// The question about the day.
    fn day(&self) -> Asked {
        let mut asked = Asked { path: "/api/v1/day".to_owned(), ..self.asked.clone() };
        asked.params.retain(|(name, _)| !OF_BOARD.contains(&name.as_str()));
        asked.with("parts", true)
    }
}

/// The board of all partitions, as `/api/v1/board` of one database, with what is missing.
pub(super) async fn board(
    State(relayed): State<Relayed>,
    holder: Holder,
    PastParams(params): PastParams<BoardParams>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let bounds = params.bounds()?.fixed(Time::now());
    let view = params.view(&relayed.config, None, true)?;
    let span = |ms| Span(Duration::from_millis(ms));
    // The settings of this server count for all partitions.
    let asked = Asked::of(&uri, holder)?
        .with("warn", span(view.thresholds.warn_ms))
        .with("crit", span(view.thresholds.crit_ms))
        .with("tz", &view.zone)
        .with("limit", view.limit);
    let asked = bounds.iter().fold(asked, |asked, (name, value)| asked.with(name, value));
    let watched = Watched { view, asked };
    if !accepts_sse(&headers) {
        return relayed.make_board(&watched, bounds).await.map(|board| Json(board).into_response());
    }
    if !bounds.is_empty() {
        return Err(Problem::bad_request("a stream is about now: without as_of and known_at"));
    }
    let permit = relayed.screen()?;
    if !relayed.screens.shown.lock().contains_key(&watched) {
        // What is refused is refused before the stream begins.
        relayed.make_board(&watched, Vec::new()).await?;
    }
    Ok(follow(relayed, watched, permit))
}

/// The day of all partitions, as `/api/v1/day` of one database.
pub(super) async fn day(State(relayed): State<Relayed>, holder: Holder, uri: Uri) -> Result<Json<DayAnswer>, Problem> {
    let asked = Asked::of(&uri, holder)?;
    let zone = asked.params.iter().find(|(name, _)| name == "tz").map(|(_, zone)| zone.clone());
    let zone = zone.unwrap_or_else(|| relayed.config.zone.clone());
    relayed.make_day(asked.with("tz", zone).with("parts", true)).await?.map(Json).ok_or_else(not_ready)
}

impl Relayed {
    fn screen(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let max = self.config.max_screens;
        let busy = |_| Problem::unavailable(format!("there are {max} readers of the board already"));
        self.readers.clone().try_acquire_owned().map_err(busy)
    }

    /// Number of readers.
    pub(super) fn screen_count(&self) -> u64 {
        self.config.max_screens.saturating_sub(self.readers.available_permits()) as u64
    }

    async fn make_board(&self, watched: &Watched, bounds: PastBounds) -> Result<BoardAnswer, Problem> {
        let answers = self.ask_parts(watched.asked.clone()).await?;
        let view = watched.view.clone();
        spawn_blocking(move || {
            let (parts, seq, note) = read_parts::<BoardPart>(answers)?;
            Ok(BoardAnswer::of_parts(&view, seq, parts, bounds, note))
        })
        .await?
    }

    /// `None` around midnight.
    async fn make_day(&self, asked: Asked) -> Result<Option<DayAnswer>, Problem> {
        let answers = self.ask_parts(asked).await?;
        spawn_blocking(move || {
            let (parts, seq, note) = read_parts::<DayAnswer>(answers)?;
            Ok(DayAnswer::of_parts(seq, parts, note))
        })
        .await?
    }

    /// The screen of a view. Somebody must subscribe to it while the lock of the screens is held.
    fn watch(&self, watched: &Watched) -> (Arc<Screen>, [watch::Receiver<Option<Event>>; 2]) {
        let mut shown = self.screens.shown.lock();
        let screen = shown.entry(watched.clone()).or_insert_with(|| {
            let screen = Arc::<Screen>::default();
            let shown = tokio::spawn(show(self.clone(), watched.clone(), screen.clone()));
            tokio::spawn(self.clone().end_failed(shown, watched.clone(), screen.clone()));
            screen
        });
        (screen.clone(), [screen.board.subscribe(), screen.day.subscribe()])
    }

    /// Ends the streams of a screen whose task failed: their readers come again.
    async fn end_failed(self, shown: JoinHandle<()>, watched: Watched, screen: Arc<Screen>) {
        if shown.await.is_err() {
            self.screens.shown.lock().retain(|known, of| *known != watched || !Arc::ptr_eq(of, &screen));
            screen.board.send_replace(Some(Event { bytes: Bytes::new(), is_last: true }));
        }
    }

    /// Forgets a screen that nobody watches. Returns whether it did.
    fn forget(&self, watched: &Watched, screen: &Screen) -> bool {
        let mut shown = self.screens.shown.lock();
        let is_unwatched = screen.board.receiver_count() == 0;
        if is_unwatched {
            shown.remove(watched);
        }
        is_unwatched
    }
}

/// Reads the answers of partitions.
fn read_parts<T: DeserializeOwned>(answers: PartAnswers) -> Result<(Vec<T>, u64, ClusterNote), Problem> {
    let PartAnswers { answers, log_seq, missing, stale } = answers;
    let unexpected = |error| Problem::new(StatusCode::BAD_GATEWAY, format!("an unexpected answer of a node: {error}"));
    let parts: Result<Vec<T>, _> = answers.iter().map(|answer| serde_json::from_str(answer)).collect();
    Ok((parts.map_err(unexpected)?, log_seq, ClusterNote { missing, stale }))
}

/// Makes the boards and days of a view while somebody watches it.
async fn show(relayed: Relayed, watched: Watched, screen: Arc<Screen>) {
    tokio::select! {
        () = show_boards(&relayed, &watched, &screen) => {}
        () = show_days(&relayed, &watched, &screen) => {}
    }
}

/// Returns when nobody watches the view, or the nodes refuse it.
async fn show_boards(relayed: &Relayed, watched: &Watched, screen: &Screen) {
    let mut last = None;
    loop {
        let started = Instant::now();
        match relayed.make_board(watched, Vec::new()).await {
            Ok(board) => {
                let fingerprint = board.fingerprint();
                let is_news = last
                    .as_ref()
                    .is_none_or(|(known, sent): &(_, Instant)| *known != fingerprint || sent.elapsed() >= MAX_INTERVAL);
                if is_news {
                    screen.seq.store(board.seq, Ordering::Relaxed);
                    let name = format!("event: board\nid: {}-{}", CLUSTER, board.seq);
                    screen.board.send_replace(event(&name, &board));
                    last = Some((fingerprint, started));
                }
            }
            Err(problem) if problem.status().is_client_error() => {
                let bytes = if problem.status() == StatusCode::UNAUTHORIZED { SIGNED_OUT } else { Bytes::new() };
                relayed.screens.shown.lock().remove(watched);
                screen.board.send_replace(Some(Event { bytes, is_last: true }));
                return;
            }
            Err(problem) => tracing::warn!(%problem, "a board cannot be made"),
        }
        let pause = POLL_INTERVAL.max(started.elapsed() * POLL_PART);
        tokio::select! {
            () = sleep_until(started + pause) => {}
            () = screen.board.closed() => {}
        }
        if screen.board.receiver_count() == 0 && relayed.forget(watched, screen) {
            return;
        }
    }
}

/// Does not return.
async fn show_days(relayed: &Relayed, watched: &Watched, screen: &Screen) {
    loop {
        let day = relayed.make_day(watched.day()).await.ok().flatten();
        let is_complete = day.as_ref().is_some_and(DayAnswer::is_complete);
        if let Some(day) = day {
            screen.day.send_replace(event("event: day", &day));
        }
        sleep(if is_complete { DAY_INTERVALS.0 } else { DAY_INTERVALS.1 }).await;
    }
}

fn event(head: &str, data: &impl serde::Serialize) -> Option<Event> {
    let data = serde_json::to_string(data).ok()?;
    Some(Event { bytes: format!("{head}\ndata: {data}\n\n").into(), is_last: false })
}

fn clock(seq: u64) -> Bytes {
    format!("event: clock\ndata: {}\n\n", json!({ "now": clock_ms(), "seq": seq })).into()
}

/// A response that follows a view until the client or the server ends it. Must be called on a runtime.
fn follow(relayed: Relayed, watched: Watched, permit: OwnedSemaphorePermit) -> Response {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        let _permit = permit;
        let mut stopping = relayed.stopping.subscribe();
        tokio::select! {
            _ = send_boards(&relayed, &watched, &sender) => {}
            () = sender.closed() => {}
            _ = stopping.wait_for(|is_stopping| *is_stopping) => {}
        }
    });
    event_stream(receiver)
}

/// Returns `None` at the end.
async fn send_boards(relayed: &Relayed, watched: &Watched, sender: &Sender<Bytes>) -> Option<()> {
    let limit = relayed.config.write_timeout.0;
    let put = |bytes: Bytes| async move { timeout(limit, sender.send(bytes)).await.ok()?.ok() };
    let (screen, [mut board, mut day]) = relayed.watch(watched);
    let first = board.wait_for(Option::is_some).await.ok()?.clone()?;
    put(first.bytes).await?;
    day.mark_changed();
    let mut clocks = interval(CLOCK_INTERVAL);
    loop {
        let event = tokio::select! {
            changed = board.changed() => changed.ok().and_then(|()| board.borrow_and_update().clone())?,
            changed = day.changed() => {
                changed.ok()?;
                let Some(day) = day.borrow_and_update().clone() else { continue };
                day
            }
            _ = clocks.tick() => Event { bytes: clock(screen.seq.load(Ordering::Relaxed)), is_last: false },
        };
        if !event.bytes.is_empty() {
            put(event.bytes).await?;
        }
        if event.is_last {
            return None;
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WatchedConversation {
    conversation: Option<String>,
}

/// Says that something happened in a conversation, for the page that shows it. There is no feed of all changes: sequence numbers
/// differ between the owners of a partition.
pub(super) async fn changes(
    State(relayed): State<Relayed>,
    holder: Holder,
    PastParams(params): PastParams<WatchedConversation>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(id) = params.conversation.filter(|_| accepts_sse(&headers)) else {
        let detail = "a cluster has no change feed: follow that of a node, below /partitions/N";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail));
    };
    let asked =
        Asked { path: "/api/v1/conversations/-".to_owned(), params: vec![("id".to_owned(), id)], token: holder.token };
    let permit = relayed.screen()?;
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        let _permit = permit;
        let mut stopping = relayed.stopping.subscribe();
        tokio::select! {
            _ = send_changes(&relayed, asked, &sender) => {}
            () = sender.closed() => {}
            _ = stopping.wait_for(|is_stopping| *is_stopping) => {}
        }
    });
    Ok(event_stream(receiver))
}

async fn send_changes(relayed: &Relayed, asked: Asked, sender: &Sender<Bytes>) -> Option<()> {
    let limit = relayed.config.write_timeout.0;
    let put = |bytes: Bytes| async move { timeout(limit, sender.send(bytes)).await.ok()?.ok() };
    let mut known: Option<Value> = None;
    let mut clocked: Option<Instant> = None;
    loop {
        match relayed.ask(asked.clone()).await {
            Ok(text) => {
                let mut found: Value = serde_json::from_str(&text).unwrap_or_default();
                // How its events arrived: every event changes it.
                let arrivals = found["arrivals"].take();
                if known.as_ref().is_some_and(|known| *known != arrivals) {
                    put(Bytes::from_static(b"event: change\ndata: {}\n\n")).await?;
                }
                known = Some(arrivals);
            }
            Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
                put(SIGNED_OUT).await?;
                return None;
            }
            // Nothing is known of it now.
            Err(_) => {}
        }
        if clocked.is_none_or(|at| at.elapsed() >= CLOCK_INTERVAL) {
            let last_seq = known.as_ref().and_then(|arrivals| arrivals["last_seq"].as_u64());
            put(clock(last_seq.unwrap_or_default())).await?;
            clocked = Some(Instant::now());
        }
        sleep(LOOK_INTERVAL).await;
    }
}
