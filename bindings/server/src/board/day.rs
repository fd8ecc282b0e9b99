//! A local day of the board: its lines, and how long people waited for an answer.

use std::collections::BTreeSet;

use convofold::Zone;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::Answered;
use super::parts::{CLUSTER, ClusterNote};
use super::view::View;
use super::week::WEEK_MS;
use crate::app::App;
use crate::tokens::clock_ms;

const STEP_MS: i64 = 5 * 60_000;
const HOUR_MS: i64 = 60 * 60_000;

/// The local day of now, and its lines up to now.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct DayAnswer {
    /// The lines reflect every event up to this sequence number, at least.
    seq: u64,
    /// The time of the server.
    now: i64,
    /// The identity of the database.
    database_id: String,
    /// The date.
    #[schema(format = Date)]
    date: String,
    /// The time zone.
    zone: String,
    /// The beginning of the day: the first moment of the date in the zone.
    from: i64,
    /// Its end: the beginning of the next day. There are 23 or 25 hours in between if the clock changes.
    until: i64,
    /// The time between two points of a line.
    step_ms: i64,
    /// Open conversations at `from`, and after each step up to now.
    open: Vec<u64>,
    /// Those that waited for an answer.
    waiting: Vec<u64>,
    /// Open conversations at the same times a week ago, every hour of the day: at `from` and each hour after it, to `until`. Null
    /// until they are known, or if the first event is later.
    open_week_ago: Option<Vec<u64>>,
    /// The steps in which events had happened that were learned after events of their conversation that are a minute newer, or
    /// more: they corrected the lines from there on.
    late: Vec<i64>,
    /// The waits that ended with an answer, by the hours of the day up to now. Late events correct them.
    answers: Vec<AnsweredInHour>,
    /// What is not in the answer, or may be old, if it is of the partitions of a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterNote>,
}

/// The waits that ended with an answer in an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct AnsweredInHour {
    /// The beginning of the hour.
    from: i64,
    /// Its end.
    until: i64,
    /// The number of waits.
    n: u64,
    /// The shortest length of which half of the waits have at most that one (nearest rank); null without waits.
    p50: Option<i64>,
    /// The same for 90 of 100.
    p90: Option<i64>,
    /// The longest.
    max: Option<i64>,
    /// The length of each wait, shortest first, if `parts` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waits: Option<Vec<i64>>,
}

/// A local day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalDay {
    pub(crate) date: String,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl LocalDay {
    /// The day of a time in a zone, which is known by name.
    pub(crate) fn of(now: i64, zone: &str) -> Self {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap_or(TimeZone::UTC);
        let now = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(zone);
        let start = |date: jiff::civil::Date| {
            let start = date.to_zoned(now.time_zone().clone()).and_then(|zoned| zoned.start_of_day());
            start.map_or(0, |start| start.timestamp().as_millisecond())
        };
        let date = now.date();
        Self { date: date.to_string(), from: start(date), until: start(date.tomorrow().unwrap_or(date)) }
    }
}

impl DayAnswer {
    /// The times of which [`DayAnswer::of`] should know soon.
    pub(crate) fn times_of_week_ago(zone: &str) -> Vec<i64> {
        let LocalDay { from, until, .. } = LocalDay::of(clock_ms(), zone);
        week_ago(from, until)
    }

    /// The day of a view now; `None` if it is not known yet.
    pub(crate) fn of(app: &App, view: &View, has_parts: bool) -> Option<Self> {
        let now = clock_ms();
        // Before the lines, so that these reflect it.
        let seq = app.ledger.seq()?;
        let LocalDay { date, from, until } = LocalDay::of(now, &view.zone);
        let times: Vec<_> = points(from, STEP_MS, now).collect();
        let numbers = app.ledger.numbers_at(view, &times)?;
        let answered = app.ledger.answered(view, from, until)?;
        let late = app.ledger.late(view, (from, now.saturating_add(1)), STEP_MS)?;
        Some(Self {
            seq,
            now,
            database_id: app.db.database_id().to_string(),
            date,
            zone: view.zone.parse::<Zone>().map_or_else(|_| view.zone.clone(), |zone| zone.name().to_owned()),
            from,
            until,
            step_ms: STEP_MS,
            open: numbers.iter().map(|numbers| numbers.open).collect(),
            waiting: numbers.iter().map(|numbers| numbers.waiting).collect(),
            open_week_ago: app.week_ago.open_at(view, &week_ago(from, until)),
            late,
            answers: points(from, HOUR_MS, now)
                .map(|hour| by_hour(&answered, hour, (hour + HOUR_MS).min(until), has_parts))
                .collect(),
            cluster: None,
        })
    }

    /// The day of several databases, each with the lengths of its waits; `None` if they are not of the same day, which happens
    /// around midnight. A line ends where the shortest one does.
    pub(crate) fn of_parts(seq: u64, parts: Vec<Self>, cluster: ClusterNote) -> Option<Self> {
        let (first, others) = parts.split_first()?;
        if others.iter().any(|day| day.from != first.from || day.until != first.until) {
            return None;
        }
        let sums = |line: fn(&Self) -> &Vec<u64>| sums(parts.iter().map(line));
        let week_ago: Option<Vec<&Vec<u64>>> = parts.iter().map(|day| day.open_week_ago.as_ref()).collect();
        let late: BTreeSet<i64> = parts.iter().flat_map(|day| &day.late).copied().collect();
        let hours = parts.iter().map(|day| day.answers.len()).min().unwrap_or(0);
        let hour = |place: usize| {
            let of_hour = || parts.iter().filter_map(|day| day.answers.get(place));
            let mut waits: Vec<i64> = of_hour().filter_map(|hour| hour.waits.as_ref()).flatten().copied().collect();
            waits.sort_unstable();
            let (from, until) = of_hour().next().map(|hour| (hour.from, hour.until)).unwrap_or_default();
            AnsweredInHour::of(from, until, waits, false)
        };
        Some(Self {
            seq,
            now: parts.iter().map(|day| day.now).max().unwrap_or_default(),
            database_id: CLUSTER.to_owned(),
            date: first.date.clone(),
            zone: first.zone.clone(),
            from: first.from,
            until: first.until,
            step_ms: first.step_ms,
            open: sums(|day| &day.open),
            waiting: sums(|day| &day.waiting),
            open_week_ago: week_ago.map(|lines| self::sums(lines.into_iter())),
            late: late.into_iter().collect(),
            answers: (0..hours).map(hour).collect(),
            cluster: Some(cluster),
        })
    }

    /// Whether all partitions of a cluster are in it.
    pub(crate) fn is_complete(&self) -> bool {
        self.cluster.as_ref().is_none_or(|cluster| cluster.missing.is_empty())
    }
}

/// The sums of lines, up to the end of the shortest one.
fn sums<'a>(lines: impl Iterator<Item = &'a Vec<u64>>) -> Vec<u64> {
    let add = |sums: Vec<u64>, line: &Vec<u64>| sums.iter().zip(line).map(|(sum, more)| sum + more).collect();
    let mut lines = lines;
    lines.next().map_or_else(Vec::new, |first| lines.fold(first.clone(), add))
}

/// A week before each hour of a day, and its end.
fn week_ago(from: i64, until: i64) -> Vec<i64> {
    points(from - WEEK_MS, HOUR_MS, until - WEEK_MS).collect()
}

/// The times from a beginning to an end.
fn points(from: i64, step: i64, until: i64) -> impl Iterator<Item = i64> {
    std::iter::successors(Some(from), move |at| at.checked_add(step)).take_while(move |at| *at <= until)
}

fn by_hour(answered: &[Answered], from: i64, until: i64, has_parts: bool) -> AnsweredInHour {
    let first = answered.partition_point(|answered| answered.at < from);
    let end = answered.partition_point(|answered| answered.at < until);
    let mut waits: Vec<_> = answered.get(first..end).unwrap_or_default().iter().map(|wait| wait.after_ms).collect();
    waits.sort_unstable();
    AnsweredInHour::of(from, until, waits, has_parts)
}

impl AnsweredInHour {
    /// The hour with these waits, shortest first.
    fn of(from: i64, until: i64, waits: Vec<i64>, has_parts: bool) -> Self {
        Self {
            from,
            until,
            n: waits.len() as u64,
            p50: nearest_rank(&waits, 50),
            p90: nearest_rank(&waits, 90),
            max: waits.last().copied(),
            waits: has_parts.then_some(waits),
        }
    }
}

/// The percentile by nearest rank: the smallest value that at least this percentage of the values does not exceed.
fn nearest_rank(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(time: &str, zone: &str) -> (String, i64, i64) {
        let LocalDay { date, from, until } = LocalDay::of(time.parse::<Timestamp>().unwrap().as_millisecond(), zone);
        (date, from, (until - from) / HOUR_MS)
    }

    fn ms(time: &str) -> i64 {
        time.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_day_begins_at_local_midnight_and_has_23_or_25_hours_when_the_clock_changes() {
        let oslo = |time| day(time, "Europe/Oslo");
        assert_eq!(oslo("2026-11-26T22:59:59Z"), ("2026-11-26".to_owned(), ms("2026-11-25T23:00:00Z"), 24));
        assert_eq!(oslo("2026-11-26T23:00:00Z"), ("2026-11-27".to_owned(), ms("2026-11-26T23:00:00Z"), 24));
        assert_eq!(oslo("2026-03-29T12:00:00Z"), ("2026-03-29".to_owned(), ms("2026-03-28T23:00:00Z"), 23));
        assert_eq!(oslo("2026-10-25T12:00:00Z"), ("2026-10-25".to_owned(), ms("2026-10-24T22:00:00Z"), 25));
        // Where the clock skips midnight, the day begins at one.
        assert_eq!(
            day("2018-11-04T12:00:00Z", "America/Sao_Paulo"),
            ("2018-11-04".to_owned(), ms("2018-11-04T03:00:00Z"), 23)
        );
        assert_eq!(day("2026-11-26T12:00:00Z", "UTC"), ("2026-11-26".to_owned(), ms("2026-11-26T00:00:00Z"), 24));
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<_> = (1..=100).collect();
        assert_eq!((nearest_rank(&hundred, 50), nearest_rank(&hundred, 90)), (Some(50), Some(90)));
        assert_eq!((nearest_rank(&[7], 50), nearest_rank(&[7], 90)), (Some(7), Some(7)));
        assert_eq!((nearest_rank(&[1, 2, 3], 50), nearest_rank(&[1, 2, 3], 90)), (Some(2), Some(3)));
        assert_eq!(nearest_rank(&[], 50), None);
    }

    #[test]
    fn waits_are_counted_in_the_hour_of_their_end() {
        let answered = [(10, 5), (20, 1), (HOUR_MS, 9)].map(|(at, after_ms)| Answered { at, after_ms });
        let hour = by_hour(&answered, 0, HOUR_MS, false);
        assert_eq!((hour.n, hour.p50, hour.p90, hour.max), (2, Some(1), Some(5), Some(5)));
        let second = by_hour(&answered, HOUR_MS, 2 * HOUR_MS, false);
        assert_eq!((second.n, by_hour(&[], 0, HOUR_MS, false).max), (1, None));
    }

    #[test]
    fn the_day_of_several_databases_has_the_sums_and_the_percentiles_of_all_waits() {
        let answered = |waits: &[i64]| waits.iter().map(|ms| Answered { at: 5, after_ms: *ms }).collect::<Vec<_>>();
        let day = |open: &[u64], week: Option<&[u64]>, late: &[i64], waits: &[i64]| DayAnswer {
            seq: 7,
            now: 9,
            database_id: "a".to_owned(),
            date: "2026-03-02".to_owned(),
            zone: "UTC".to_owned(),
            from: 0,
            until: 24 * HOUR_MS,
            step_ms: STEP_MS,
            open: open.to_vec(),
            waiting: vec![1; open.len()],
            open_week_ago: week.map(<[u64]>::to_vec),
            late: late.to_vec(),
            answers: vec![by_hour(&answered(waits), 0, HOUR_MS, true)],
            cluster: None,
        };
        let one = || day(&[1, 2, 3], Some(&[4, 5]), &[5, 9], &[1, 100, 3]);
        let other = day(&[10, 20], Some(&[6, 7]), &[7, 9], &[2, 50]);
        let sum = DayAnswer::of_parts(12, vec![one(), other], ClusterNote::default()).unwrap();
        assert_eq!((sum.seq, &sum.open[..], &sum.waiting[..]), (12, &[11, 22][..], &[2, 2][..]));
        assert_eq!((sum.open_week_ago, sum.late), (Some(vec![10, 12]), vec![5, 7, 9]));
        assert_eq!(sum.answers, [by_hour(&answered(&[1, 2, 3, 50, 100]), 0, HOUR_MS, false)]);
        let of_both = |other| DayAnswer::of_parts(1, vec![one(), other], ClusterNote::default());
        assert_eq!(of_both(day(&[1], None, &[], &[])).unwrap().open_week_ago, None);
        assert!(of_both(DayAnswer { from: 24 * HOUR_MS, ..one() }).is_none(), "it is of another day");
    }
}
