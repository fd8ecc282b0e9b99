//! The open conversations of a week ago, every hour: one line of the board's day.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use convofold::{ConversationRow, MomentError, Time, When};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::view::View;
use crate::app::{App, Phase};

/// How far back the line is.
pub(crate) const WEEK_MS: i64 = 7 * 24 * 60 * 60_000;
/// The time after which what is known is read again, because late events may have corrected it.
const KNOWN_FOR: Duration = Duration::from_secs(6 * 60 * 60);
/// Number of conversations that are remembered. With more, there is no line.
const MAX_ROWS: usize = 100_000;

/// What was open at some times. Each time is read once, in the background.
#[derive(Default)]
pub(crate) struct WeekAgo {
    known: Mutex<BTreeMap<i64, Known>>,
    is_reading: AtomicBool,
}

struct Known {
    /// `None` if the time is before the first event, or cannot be read.
    rows: Option<Arc<[Arc<ConversationRow>]>>,
    read: Instant,
}

impl WeekAgo {
    /// The numbers of open conversations of a view at these times; `None` until all are known, or if one cannot be.
    pub(crate) fn open_at(&self, view: &View, times: &[i64]) -> Option<Vec<u64>> {
        let rows: Option<Vec<_>> = {
            let known = self.known.lock();
            times.iter().map(|time| known.get(time).and_then(|known| known.rows.clone())).collect()
        };
        let open = rows?.into_iter().zip(times).map(|(rows, time)| {
            let at = view.at(*time);
            let is_shown = |row: &&Arc<ConversationRow>| view.sees(row.tenant.as_deref()) && at.wants(row);
            rows.iter().filter(is_shown).count() as u64
        });
        Some(open.collect())
    }

    /// The times of these that must be read.
    fn unknown(&self, times: &[i64]) -> Vec<i64> {
        let known = self.known.lock();
        let is_known = |time: &i64| known.get(time).is_some_and(|known| known.read.elapsed() < KNOWN_FOR);
        times.iter().copied().filter(|time| !is_known(time)).collect()
    }

    fn add(&self, time: i64, rows: Option<Arc<[Arc<ConversationRow>]>>) {
        let mut known = self.known.lock();
        known.retain(|_, known| known.read.elapsed() < 2 * KNOWN_FOR);
        let kept: usize = known.values().filter_map(|known| known.rows.as_ref()).map(|rows| rows.len()).sum();
        let rows = rows.filter(|rows| rows.len() + kept <= MAX_ROWS);
        known.insert(time, Known { rows, read: Instant::now() });
    }
}

impl App {
    /// Reads what was open at these times, if it is not known. Must be called on a runtime.
    pub(crate) fn read_week_ago(&self, times: &[i64]) {
        let unknown = self.week_ago.unknown(times);
        if unknown.is_empty() || self.week_ago.is_reading.swap(true, Ordering::SeqCst) {
            return;
        }
        let app = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = read(&app, unknown) => {}
                () = app.reach(Phase::EndingReaders) => {}
            }
            app.week_ago.is_reading.store(false, Ordering::SeqCst);
        });
    }
}

async fn read(app: &App, times: Vec<i64>) {
    let mut first_event = i64::MIN;
    for time in times {
        if time < first_event {
            app.week_ago.add(time, None);
            continue;
        }
        let Ok(scan) = app.scan().await else { return };
        let (asked, started) = (app.clone(), Instant::now());
        let open = move || {
            let _scan = scan;
            open_at(&asked, time)
        };
        let rows = spawn_blocking(open).await;
        match rows {
            Ok(Ok(rows)) => app.week_ago.add(time, Some(rows)),
            Ok(Err(MomentError::BeforeFirstEvent { first, .. })) => {
                first_event = first.ms();
                app.week_ago.add(time, None);
            }
            _ => app.week_ago.add(time, None),
        }
        // Other questions come first.
        sleep(started.elapsed()).await;
    }
}

fn open_at(app: &App, time: i64) -> Result<Arc<[Arc<ConversationRow>]>, MomentError> {
    let at = Time::from_ms(time).unwrap_or(Time::MIN);
    let moment = app.db.moment(Some(When::At(at)), None, Time::now())?;
    Ok(app.db.at(moment).index_of_listed()?.open_rows().cloned().collect())
}
