//! The boards that are watched: each view is computed once after a commit, however many watch it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use convofold::Changes;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::answer::BoardAnswer;
use super::day::{DayAnswer, LocalDay};
use super::view::View;
use crate::app::{App, Phase};
use crate::problem::Problem;
use crate::tokens::clock_ms;

/// The minimum time between two boards of a view.
const MIN_INTERVAL: Duration = Duration::from_millis(250);
/// The time between two boards, in multiples of what one takes.
const INTERVAL_PER_COST: u32 = 20;
/// The number of bytes that all readers of a view together are sent in a second, about.
const BYTES_PER_SECOND: u64 = 32 << 20;
/// A board that is older than this is made again for a new reader.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// The maximum time between two boards, because some numbers are about the last minutes.
const MAX_INTERVAL: Duration = Duration::from_secs(30);
/// The time between two days of a view.
const DAY_INTERVAL: Duration = Duration::from_secs(60);
/// The time after which a board that could not be made is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// All views that somebody watches. A view without readers costs nothing.
pub(crate) struct Hub {
    screens: Mutex<HashMap<View, Arc<Screen>>>,
    /// One board is computed at a time, so that many views leave the processors to others.
    computing: Semaphore,
}

impl Default for Hub {
    fn default() -> Self {
        Self { screens: Mutex::default(), computing: Semaphore::new(1) }
    }
}

/// One view that somebody watches.
#[derive(Default)]
struct Screen {
    board: watch::Sender<Option<Shown>>,
    day: watch::Sender<Option<Shown>>,
    /// The last event that the screen knows of.
    seq: AtomicU64,
    /// A new reader needs a board that is fresh.
    wanted: Notify,
    /// The number of readers so far.
    readers: AtomicU64,
}

impl Screen {
    /// When the next reader has its turn, as a part of the time in which a board is sent to all. The golden ratio spreads any
    /// number of readers evenly.
    fn next_turn(&self) -> f64 {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let number = u32::try_from(self.readers.fetch_add(1, Ordering::Relaxed) % (1 << 20)).unwrap_or_default();
        (f64::from(number) * GOLDEN).fract()
    }
}

/// A board or a day as a server-sent event, shared by all readers.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) event: Bytes,
    made: Instant,
    /// The time in which it is sent to all readers, one after the other, so that others get the processor in between.
    spread: Duration,
}

impl Shown {
    /// Whether the time in it is over by so much that a reader would notice.
    pub(super) fn is_old(&self) -> bool {
        self.made.elapsed() > MIN_INTERVAL
    }
}

/// Watches a view.
pub(crate) struct Watcher {
    screen: Arc<Screen>,
    board: watch::Receiver<Option<Shown>>,
    day: watch::Receiver<Option<Shown>>,
    turn: Turn,
}

/// When a reader gets a board.
struct Turn {
    /// From 0 to 1.
    part: f64,
    /// There is a new board, and the reader gets the newest one at this time.
    due: Option<Instant>,
}

impl Turn {
    /// Waits for a board that the receiver has not had, and for the turn of its reader. Can be dropped and called again.
    async fn next(&mut self, board: &mut watch::Receiver<Option<Shown>>) -> Option<Shown> {
        loop {
            let due = match self.due {
                Some(due) => due,
                None => {
                    board.changed().await.ok()?;
                    let spread = board.borrow().as_ref().map_or(Duration::ZERO, |shown| shown.spread);
                    *self.due.insert(Instant::now() + spread.mul_f64(self.part))
                }
            };
            sleep_until(due).await;
            self.due = None;
            if let Some(shown) = &*board.borrow_and_update() {
                return Some(shown.clone());
            }
        }
    }
}

impl Watcher {
    fn new(screen: Arc<Screen>, board: watch::Receiver<Option<Shown>>) -> Self {
        let mut day = screen.day.subscribe();
        day.mark_changed();
        let turn = Turn { part: screen.next_turn(), due: None };
        Self { screen, board, day, turn }
    }

    /// The first board. Does not wait for the turn of this reader.
    pub(super) async fn board(&mut self) -> Option<Shown> {
        next(&mut self.board).await
    }

    /// Waits for a board or a day that this reader has not had. Boards in between are skipped.
    pub(super) async fn news(&mut self) -> Option<Shown> {
        tokio::select! {
            board = self.turn.next(&mut self.board) => board,
            day = next(&mut self.day) => day,
        }
    }

    /// The time of the server, and the last event that it knows of, as a server-sent event.
    pub(super) fn clock(&self) -> Bytes {
        let (now, seq) = (clock_ms(), self.screen.seq.load(Ordering::Relaxed));
        format!("event: clock\ndata: {{\"now\":{now},\"seq\":{seq}}}\n\n").into()
    }
}

/// The next value that the receiver has not had; `None` at the end.
async fn next(of: &mut watch::Receiver<Option<Shown>>) -> Option<Shown> {
    loop {
        of.changed().await.ok()?;
        if let Some(shown) = &*of.borrow_and_update() {
            return Some(shown.clone());
        }
    }
}

impl App {
    /// Watches a view. Must be called on a runtime.
    pub(crate) fn watch(&self, view: View) -> Watcher {
        let mut screens = self.hub.screens.lock();
        if let Some(screen) = screens.get(&view) {
            let mut board = screen.board.subscribe();
            let is_fresh = |shown: &Option<Shown>| shown.as_ref().is_some_and(|shown| shown.made.elapsed() < FRESH_FOR);
            if is_fresh(&board.borrow_and_update()) {
                board.mark_changed();
            } else {
                screen.wanted.notify_one();
            }
            return Watcher::new(screen.clone(), board);
        }
        let screen = Arc::new(Screen::default());
        let board = screen.board.subscribe();
        screens.insert(view.clone(), screen.clone());
        tokio::spawn(show(self.clone(), view, screen.clone()));
        Watcher::new(screen, board)
    }

    /// Forgets what conversations were, and shows every view again: some were erased.
    pub(crate) fn show_again(&self) {
        self.rows.forget();
        self.week_ago.forget();
        self.ledger.forget();
        for screen in self.hub.screens.lock().values() {
            // A new reader waits for the next board.
            screen.board.send_replace(None);
            screen.wanted.notify_one();
        }
    }

    /// Forgets a view, unless somebody watches it again.
    fn forget(&self, view: &View, screen: &Screen) -> bool {
        let mut screens = self.hub.screens.lock();
        let is_unwatched = screen.board.receiver_count() == 0;
        if is_unwatched {
            screens.remove(view);
        }
        is_unwatched
    }
}

/// Keeps a view up to date until nobody watches it.
async fn show(app: App, view: View, screen: Arc<Screen>) {
    let mut commits = app.db.changes(app.db.counters().durable_seq + 1);
    let view = Arc::new(view);
    loop {
        tokio::select! {
            () = show_until_unwatched(&app, &view, &screen, &mut commits) => {}
            () = show_days(&app, &view, &screen) => {}
            () = app.reach(Phase::EndingReaders) => {
                app.hub.screens.lock().remove(&view);
                return;
            }
        }
        if app.forget(&view, &screen) {
            return;
        }
    }
}

async fn show_until_unwatched(app: &App, view: &Arc<View>, screen: &Screen, commits: &mut Changes) {
    let mut ledger = app.ledger.version();
    while screen.board.receiver_count() > 0 {
        app.use_ledger();
        ledger.mark_unchanged();
        let started = Instant::now();
        let made = make(app, view).await;
        let (pause, next_change) = match made {
            Ok((board, next_change)) => {
                screen.seq.fetch_max(board.seq, Ordering::Relaxed);
                let spread = sending(screen.board.receiver_count(), board.event.len());
                let pause = interval(started.elapsed(), spread);
                screen.board.send_replace(Some(Shown { event: board.event, made: started, spread }));
                (pause, next_change)
            }
            Err(problem) => {
                tracing::error!(%problem, "a board cannot be made");
                (RETRY_INTERVAL, None)
            }
        };
        let due = next_change.map_or(MAX_INTERVAL, |at| {
            Duration::from_millis(at.saturating_sub(clock_ms()).try_into().unwrap_or(0)).min(MAX_INTERVAL)
        });
        tokio::select! {
            () = until_news(screen, commits) => {}
            // The sender is in `app`.
            _ = ledger.changed() => {}
            () = sleep_until(started + due) => {}
            () = screen.wanted.notified() => {}
            () = screen.board.closed() => return,
        }
        tokio::select! {
            () = sleep_until(started + pause) => {}
            () = screen.board.closed() => return,
        }
    }
}

/// Makes the local day again every minute, and when another one begins. Does not return.
async fn show_days(app: &App, view: &Arc<View>, screen: &Screen) {
    let mut ledger = app.ledger.version();
    loop {
        app.read_week_ago(&DayAnswer::times_of_week_ago(&view.zone));
        let (asked, shown, made) = (app.clone(), view.clone(), Instant::now());
        let day = spawn_blocking(move || {
            let day = DayAnswer::of(&asked, &shown, false)?;
            Some(format!("event: day\ndata: {}\n\n", serde_json::to_string(&day).ok()?))
        });
        if let Ok(Some(day)) = day.await {
            screen.day.send_replace(Some(Shown { event: day.into(), made, spread: Duration::ZERO }));
            let now = clock_ms();
            let left_ms = LocalDay::of(now, &view.zone).until.saturating_sub(now).max(1).unsigned_abs();
            sleep(DAY_INTERVAL.min(Duration::from_millis(left_ms))).await;
        } else {
            // Not known yet. The sender is in `app`.
            let _ = ledger.changed().await;
        }
    }
}

/// Waits for an event that the last board does not reflect.
async fn until_news(screen: &Screen, commits: &mut Changes) {
    loop {
        match commits.skip_to_last().await {
            Some(seq) if seq > screen.seq.fetch_max(seq, Ordering::Relaxed) => return,
            Some(_) => {}
            // No more events follow, but times go on.
            None => return std::future::pending().await,
        }
    }
}

/// A board as a server-sent event.
struct Made {
    seq: u64,
    event: Bytes,
}

async fn make(app: &App, view: &Arc<View>) -> Result<(Made, Option<i64>), Problem> {
    // The semaphore is never closed.
    let _permit = app.hub.computing.acquire().await;
    let (app, view) = (app.clone(), view.clone());
    spawn_blocking(move || {
        let (answer, next_change) = BoardAnswer::of(&app, &view)?;
        let mut event = format!("event: board\nid: {}-{}\ndata: ", answer.database_id, answer.seq).into_bytes();
        serde_json::to_writer(&mut event, &answer)
            .map_err(|error| Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        event.extend_from_slice(b"\n\n");
        Ok((Made { seq: answer.seq, event: event.into() }, next_change))
    })
    .await?
}

/// The time in which a board of this size is sent to all readers.
fn sending(readers: usize, bytes: usize) -> Duration {
    let sent = (readers as u64).saturating_mul(bytes as u64);
    Duration::from_millis(sent.saturating_mul(1_000) / BYTES_PER_SECOND)
}

/// The time between two boards of a view, by what one costs and how long it is sent.
fn interval(cost: Duration, sending: Duration) -> Duration {
    MIN_INTERVAL.max(cost * INTERVAL_PER_COST).max(sending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_with_the_cost_and_with_the_readers() {
        let ms = Duration::from_millis;
        let interval = |cost, readers, bytes| interval(ms(cost), sending(readers, bytes));
        assert_eq!(interval(1, 1, 50_000), ms(250));
        assert_eq!(interval(30, 1, 50_000), ms(600));
        assert_eq!(interval(1, 1_000, 64 << 10), ms(1_953));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_gets_the_newest_board_at_its_turn() {
        let board = |text: &'static str, spread| {
            Some(Shown {
                event: Bytes::from_static(text.as_bytes()),
                made: Instant::now(),
                spread: Duration::from_secs(spread),
            })
        };
        let (sender, mut receiver) = watch::channel(None);
        let mut turn = Turn { part: 0.75, due: None };
        let started = Instant::now();
        sender.send_replace(board("first", 4));
        // What is dropped while it waits loses nothing.
        assert!(tokio::time::timeout(Duration::from_secs(1), turn.next(&mut receiver)).await.is_err());
        sender.send_replace(board("second", 4));
        assert_eq!(turn.next(&mut receiver).await.unwrap().event, "second");
        assert_eq!(started.elapsed().as_secs(), 3);
        sender.send_replace(board("third", 0));
        assert_eq!(turn.next(&mut receiver).await.unwrap().event, "third");
        assert_eq!(started.elapsed().as_secs(), 3);
        drop(sender);
        assert!(turn.next(&mut receiver).await.is_none());
    }

    #[test]
    fn turns_are_spread_evenly() {
        let screen = Screen::default();
        let mut turns: Vec<_> = (0..1_000).map(|_| screen.next_turn()).collect();
        turns.sort_by(f64::total_cmp);
        let gaps = turns.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(turns[0] >= 0.0 && turns[999] < 1.0 && gaps.fold(0.0, f64::max) < 0.002);
    }
}
