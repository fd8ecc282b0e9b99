//! The ledger is made in the background, follows the change feed, and ends.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use convofold::{ChangesError, Query, Seq, Sort, StatusFilter, StorageError, TimeField};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::{Content, REMEMBERED_MS};
use crate::app::{App, Phase};
use crate::board::course::Course;
use crate::tokens::clock_ms;

/// How often what is older is dropped.
const DROP_INTERVAL: Duration = Duration::from_secs(300);
/// The minimum time between two updates.
const MIN_INTERVAL: Duration = Duration::from_millis(500);
/// The time between two updates, in multiples of what one takes.
const INTERVAL_PER_COST: u32 = 10;
/// The ledger is dropped if nobody has asked for it for this time.
const UNUSED_AFTER: Duration = Duration::from_secs(600);
/// Number of conversations that are read before others get the processor.
const READ_AT_ONCE: usize = 64;
/// Number of closed conversations in a page.
const PAGE_ROWS: usize = 1_024;
/// Number of events in the feed that are read for one update.
const EVENTS_AT_ONCE: usize = 65_536;
/// The maximum size in bytes. A database with more conversations in a day has no past numbers.
const MAX_BYTES: usize = 512 << 20;

/// Why the ledger ends.
pub(super) enum End {
    /// Nobody asks for it, or the server ends.
    Unused,
    /// There are too many conversations.
    TooLarge,
    /// The log was trimmed up to an event that was not read, or conversations were erased.
    Behind,
    Failed(StorageError),
}

impl From<StorageError> for End {
    fn from(error: StorageError) -> Self {
        match error {
            // It is made again.
            StorageError::Replaced => Self::Behind,
            error => Self::Failed(error),
        }
    }
}

impl App {
    /// Keeps the ledger, and makes it if there is none. Must be called on a runtime.
    pub(crate) fn use_ledger(&self) {
        self.ledger.used_at.store(clock_ms(), Ordering::Relaxed);
        if !self.ledger.is_running.swap(true, Ordering::SeqCst) {
            tokio::spawn(keep(self.clone()));
        }
    }

    /// Waits until the ledger is ready, but not for long.
    pub(crate) async fn await_ledger(&self, limit: Duration) {
        self.use_ledger();
        let mut version = self.ledger.version.subscribe();
        let _ = timeout(limit, version.wait_for(|_| self.ledger.content.read().is_some())).await;
    }

    fn keeps_ledger(&self) -> bool {
        let unused_ms = clock_ms().saturating_sub(self.ledger.used_at.load(Ordering::Relaxed));
        self.phase() < Phase::EndingReaders && Duration::from_millis(unused_ms.unsigned_abs()) < UNUSED_AFTER
    }
}

/// Makes the ledger and keeps it up to date until it is not used any more.
async fn keep(app: App) {
    loop {
        let end = tokio::select! {
            end = make_and_follow(&app) => end,
            () = app.ledger.forgotten.notified() => End::Behind,
            () = app.reach(Phase::EndingReaders) => End::Unused,
        };
        *app.ledger.content.write() = None;
        app.ledger.version.send_modify(|version| *version += 1);
        match end {
            End::Unused => break,
            End::Behind => {}
            End::TooLarge => {
                tracing::warn!(max_bytes = MAX_BYTES, "too many conversations in a day: the board has no past numbers");
                let _ = timeout(UNUSED_AFTER, app.reach(Phase::EndingReaders)).await;
            }
            End::Failed(error) => {
                tracing::error!(%error, "the past numbers of the board cannot be made");
                let _ = timeout(UNUSED_AFTER, app.reach(Phase::EndingReaders)).await;
            }
        }
        if !app.keeps_ledger() {
            break;
        }
    }
    app.ledger.is_running.store(false, Ordering::SeqCst);
}

async fn make_and_follow(app: &App) -> End {
    let next_seq = app.db.counters().durable_seq + 1;
    let (mut commits, mut changes) = (app.db.changes(next_seq), app.db.changes(next_seq));
    let making = app.clone();
    let generation = app.ledger.generation.load(Ordering::SeqCst);
    match on_thread(move || make(&making, generation, next_seq - 1)).await {
        Ok(content) => *app.ledger.content.write() = Some(content),
        Err(end) => return end,
    }
    app.ledger.version.send_modify(|version| *version += 1);
    let mut dropped = Instant::now();
    let mut is_complete = true;
    loop {
        if is_complete {
            // Also looks from time to time whether it is still used.
            if let Ok(None) = timeout(DROP_INTERVAL, commits.skip_to_last()).await {
                // No more events follow: the database is closed, or takes no more.
                while app.keeps_ledger() {
                    sleep(DROP_INTERVAL).await;
                }
            }
        }
        if !app.keeps_ledger() {
            return End::Unused;
        }
        let started = Instant::now();
        if dropped.elapsed() >= DROP_INTERVAL {
            dropped = started;
            let dropping = app.clone();
            let _ = spawn_blocking(move || dropping.ledger.drop_old()).await;
        }
        let updating = app.clone();
        let updated = on_thread(move || Ok((update(&updating, generation, &mut changes)?, changes))).await;
        match updated {
            Ok(updated) => (is_complete, changes) = updated,
            Err(end) => return end,
        }
        app.ledger.version.send_modify(|version| *version += 1);
        sleep(MIN_INTERVAL.max(started.elapsed() * INTERVAL_PER_COST)).await;
    }
}

async fn on_thread<T: Send + 'static>(run: impl FnOnce() -> Result<T, End> + Send + 'static) -> Result<T, End> {
    // An error means that the runtime ends.
    spawn_blocking(run).await.unwrap_or(Err(End::Unused))
}

/// The courses of all conversations that were open at some time since the beginning.
fn make(app: &App, generation: u64, seq: Seq) -> Result<Content, End> {
    let since = clock_ms() - REMEMBERED_MS;
    let mut content = Content { generation, seq, ..Content::default() };
    let open: Vec<_> = app.db.with_index(|_, index| index.open_rows().map(|row| row.id().into()).collect());
    content.read(app, &open, since)?;
    let mut query = Query::new().status(StatusFilter::Closed).by(TimeField::Closed).since_ms(since).sort(Sort::Closed);
    loop {
        let page = app.db.query(&query.clone().limit(PAGE_ROWS)).map_err(|error| match error {
            convofold::PageError::Storage(error) => error.into(),
            _ => End::Unused,
        })?;
        let closed: Vec<_> = page.rows.iter().map(|row| row.id().into()).collect();
        content.read(app, &closed, since)?;
        let Some(next) = page.next else { return Ok(content) };
        query = query.cursor(next);
    }
}

/// Reads the conversations of the next events again. Returns whether there are no further events.
fn update(app: &App, generation: u64, changes: &mut convofold::Changes) -> Result<bool, End> {
    let since = clock_ms() - REMEMBERED_MS;
    let (mut changed, mut events) = (HashSet::<Arc<str>>::new(), 0);
    let is_complete = loop {
        if events == EVENTS_AT_ONCE {
            break false;
        }
        match changes.try_next() {
            Ok(Some(change)) => {
                events += 1;
                if !changed.contains(change.event.conversation()) {
                    changed.insert(change.event.conversation().into());
                }
            }
            Ok(None) => break true,
            Err(ChangesError::Dropped { .. }) => return Err(End::Behind),
            Err(ChangesError::Storage(error)) => return Err(error.into()),
            // No more events follow.
            Err(_) => break true,
        }
    };
    let changed: Vec<_> = changed.into_iter().collect();
    for some in changed.chunks(READ_AT_ONCE) {
        let read = courses(app, some, since)?;
        let mut content = app.ledger.content.write();
        let content = content.as_mut().filter(|content| content.generation == generation);
        content.ok_or(End::Behind)?.add_all(read)?;
    }
    let mut content = app.ledger.content.write();
    if let Some(content) = content.as_mut().filter(|content| content.generation == generation) {
        content.seq = changes.next_seq() - 1;
    }
    Ok(is_complete)
}

/// Conversations and their courses.
pub(super) type Read = Vec<(Arc<str>, Vec<convofold::Step>)>;

fn courses(app: &App, ids: &[Arc<str>], since: i64) -> Result<Read, End> {
    let read = ids.iter().map(|id| Ok((id.clone(), app.db.course(id, since)?.unwrap_or_default())));
    read.collect()
}

impl Content {
    /// Reads many conversations, and leaves the processor to others in between.
    fn read(&mut self, app: &App, ids: &[Arc<str>], since: i64) -> Result<(), End> {
        for some in ids.chunks(READ_AT_ONCE) {
            let started = Instant::now();
            self.add_all(courses(app, some, since)?)?;
            if !app.keeps_ledger() {
                return Err(End::Unused);
            }
            std::thread::sleep(started.elapsed());
        }
        Ok(())
    }

    pub(super) fn add_all(&mut self, read: Read) -> Result<(), End> {
        for (id, steps) in read {
            let before = match Course::of(steps, &mut self.texts) {
                Some(course) => {
                    self.bytes += course.bytes();
                    self.courses.insert(id, course)
                }
                None => self.courses.remove(&id),
            };
            self.bytes -= before.map_or(0, |course| course.bytes());
        }
        if self.bytes > MAX_BYTES { Err(End::TooLarge) } else { Ok(()) }
    }
}
