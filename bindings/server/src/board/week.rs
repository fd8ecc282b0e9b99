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
const MAX_ROWS: usize = if cfg!(test) { 10 } else { 100_000 };

/// What was open at some times. Each time is read once, in the background.
#[derive(Default)]
pub(crate) struct WeekAgo {
    known: Mutex<BTreeMap<i64, Known>>,
    is_reading: AtomicBool,
}

struct Known {
    /// `None` if the time is before the first event, or cannot be read.
    rows: Option<OpenRows>,
    read: Instant,
}

/// What was open at a time.
type OpenRows = Arc<[OpenRow]>;

struct OpenRow {
    row: Arc<ConversationRow>,
    /// The tenant of the conversation when this was read. Who may not see it does not see the row either.
    tenant: Option<Arc<str>>,
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
            let is_seen = |open: &&OpenRow| view.sees(open.row.tenant.as_deref()) && view.sees(open.tenant.as_deref());
            rows.iter().filter(is_seen).filter(|open| at.wants(&open.row)).count() as u64
        });
        Some(open.collect())
    }

    /// Forgets everything, so that it is read again: conversations were erased.
    pub(crate) fn forget(&self) {
        self.known.lock().clear();
    }

    /// The times of these that must be read.
    fn unknown(&self, times: &[i64]) -> Vec<i64> {
        let known = self.known.lock();
        let is_known = |time: &i64| known.get(time).is_some_and(|known| known.read.elapsed() < KNOWN_FOR);
        times.iter().copied().filter(|time| !is_known(time)).collect()
    }

    /// Remembers what was open at one of these times. If there are too many rows, those of other times are dropped: they may
    /// be of a line that is not asked for any more, such as that of yesterday.
    fn add(&self, times: &[i64], time: i64, rows: Option<OpenRows>) {
        let mut known = self.known.lock();
        known.retain(|at, known| *at != time && known.read.elapsed() < 2 * KNOWN_FOR);
        let len = rows.as_ref().map_or(0, |rows| rows.len());
        if row_count(&known) + len > MAX_ROWS {
            known.retain(|at, _| times.contains(at));
        }
        let rows = rows.filter(|rows| row_count(&known) + rows.len() <= MAX_ROWS);
        known.insert(time, Known { rows, read: Instant::now() });
    }
}

fn row_count(known: &BTreeMap<i64, Known>) -> usize {
    known.values().filter_map(|known| known.rows.as_ref()).map(|rows| rows.len()).sum()
}

impl App {
    /// Reads what was open at these times, if it is not known. Must be called on a runtime.
    pub(crate) fn read_week_ago(&self, times: &[i64]) {
        let unknown = self.week_ago.unknown(times);
        if unknown.is_empty() || self.week_ago.is_reading.swap(true, Ordering::SeqCst) {
            return;
        }
        let (app, times) = (self.clone(), times.to_vec());
        tokio::spawn(async move {
            tokio::select! {
                () = read(&app, &times, unknown) => {}
                () = app.reach(Phase::EndingReaders) => {}
            }
            app.week_ago.is_reading.store(false, Ordering::SeqCst);
        });
    }
}

async fn read(app: &App, all: &[i64], unknown: Vec<i64>) {
    let mut first_event = i64::MIN;
    for time in unknown {
        if time < first_event {
            app.week_ago.add(all, time, None);
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
            Ok(Ok(rows)) => app.week_ago.add(all, time, Some(rows)),
            Ok(Err(MomentError::BeforeFirstEvent { first, .. })) => {
                first_event = first.ms();
                app.week_ago.add(all, time, None);
            }
            _ => app.week_ago.add(all, time, None),
        }
        // Other questions come first.
        sleep(started.elapsed()).await;
    }
}

fn open_at(app: &App, time: i64) -> Result<OpenRows, MomentError> {
    let at = Time::from_ms(time).unwrap_or(Time::MIN);
    let moment = app.db.moment(Some(When::At(at)), None, Time::now())?;
    let index = app.db.at(moment).index_of_listed()?;
    let rows = index.open_rows().map(|row| {
        let now = app.db.row(row.id())?;
        Ok(OpenRow { row: row.clone(), tenant: now.and_then(|now| now.tenant) })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::ledger::tests::{board, view};
    use crate::conditions::Conditions;
    use convofold::{Draft, Kind};

    /// Open conversations that North had at this time and that this tenant has now.
    fn rows(count: usize, tenant: &str) -> OpenRows {
        let draft = Draft::new("desk", "a", Kind::Open, Time::from_ms(1)).tenant("North");
        let row = Arc::new(board(&[draft.build().unwrap()]).row("a").unwrap());
        (0..count).map(|_| OpenRow { row: row.clone(), tenant: Some(tenant.into()) }).collect()
    }

    fn open_at(week_ago: &WeekAgo, times: &[i64]) -> Option<Vec<u64>> {
        week_ago.open_at(&view(Conditions::default()), times)
    }

    #[test]
    fn a_time_that_is_read_again_replaces_its_rows() {
        let (week_ago, times) = (WeekAgo::default(), [1, 2]);
        for count in [5, 4, 5] {
            times.iter().for_each(|time| week_ago.add(&times, *time, Some(rows(count, "North"))));
            assert_eq!(open_at(&week_ago, &times), Some(vec![count as u64; 2]));
        }
        week_ago.add(&times, 2, Some(rows(6, "North")));
        assert_eq!(open_at(&week_ago, &times), None);
        assert_eq!(open_at(&week_ago, &[1]), Some(vec![5]));
    }

    #[test]
    fn the_line_of_another_day_is_dropped_if_both_are_too_many() {
        let week_ago = WeekAgo::default();
        let (yesterday, today) = ([1, 2], [3, 4]);
        yesterday.iter().for_each(|time| week_ago.add(&yesterday, *time, Some(rows(2, "North"))));
        today.iter().for_each(|time| week_ago.add(&today, *time, Some(rows(3, "North"))));
        assert_eq!(open_at(&week_ago, &yesterday), Some(vec![2, 2]));
        week_ago.add(&today, 4, Some(rows(7, "North")));
        assert_eq!((open_at(&week_ago, &yesterday), open_at(&week_ago, &today)), (None, Some(vec![3, 7])));
    }

    #[test]
    fn a_conversation_that_another_tenant_has_now_is_not_in_the_line_of_the_earlier_one() {
        let week_ago = WeekAgo::default();
        week_ago.add(&[1, 2], 1, Some(rows(3, "North")));
        week_ago.add(&[1, 2], 2, Some(rows(3, "South")));
        let north = View { tenants: Some(["North".to_owned()].into()), ..view(Conditions::default()) };
        assert_eq!(week_ago.open_at(&north, &[1, 2]), Some(vec![3, 0]));
        assert_eq!(open_at(&week_ago, &[1, 2]), Some(vec![3, 3]));
    }
}
