//! Buckets of time: hours, days, weeks and months of a zone.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::Span;
use jiff::civil::{Date, Time as Clock};

use crate::report::ReportQueryError;
use crate::time::{Time, Zone};

/// The length of a bucket. Each begins where the clock of the zone says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Every {
    /// Hours, from the beginning of each day on. Their number divides 24. A day on which the clock changes has 23 or 25.
    Hours(u32),
    /// Days, from the day of the report's beginning on.
    Days(u32),
    /// Weeks, which begin on Monday, from the week of the report's beginning on.
    Weeks(u32),
    /// Months. Their number divides 12, so that three of them are a quarter of a year.
    Months(u32),
}

/// A text that is no length of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "expected hours that divide a day (1h, 6h), days (1d), weeks (1w) or months that divide a year (1mo, 3mo), found {found:?}"
)]
pub struct InvalidEvery {
    /// The text.
    pub found: String,
}

impl FromStr for Every {
    type Err = InvalidEvery;

    fn from_str(text: &str) -> Result<Self, InvalidEvery> {
        let invalid = || InvalidEvery { found: text.to_owned() };
        let unit = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let (number, unit) = text.split_at(unit);
        let number = number.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(invalid)?;
        match unit {
            "h" if 24_u32.is_multiple_of(number) => Ok(Self::Hours(number)),
            "d" if number <= MAX_DAYS => Ok(Self::Days(number)),
            "w" if number <= MAX_DAYS => Ok(Self::Weeks(number)),
            "mo" if 12_u32.is_multiple_of(number) => Ok(Self::Months(number)),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours(number) => write!(f, "{number}h"),
            Self::Days(number) => write!(f, "{number}d"),
            Self::Weeks(number) => write!(f, "{number}w"),
            Self::Months(number) => write!(f, "{number}mo"),
        }
    }
}

const MAX_DAYS: u32 = 366;
const HOUR_MS: i64 = 3_600_000;

/// The maximum number of buckets of a report.
const MAX_BUCKETS: usize = 100_000;

/// Intervals that follow one another, from the beginning of a report to its end. The first and the last one may be cut.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    /// The beginning of each bucket, and the end of the last one. Milliseconds since the epoch, ascending.
    edges: Vec<i64>,
}

impl Buckets {
    pub(crate) fn new(from: i64, to: i64, every: Option<Every>, zone: &Zone) -> Result<Self, ReportQueryError> {
        // Outside the range of times there is no event, and the calendar of the zone may end.
        let in_range = |ms: i64| ms.clamp(Time::MIN.ms(), Time::MAX.ms() + 1);
        let (from, to) = (in_range(from), in_range(to));
        if from >= to {
            return Err(ReportQueryError::Empty { from, to });
        }
        let mut edges = vec![from];
        let mut add = |edge: i64| {
            // A day that the zone skips begins with the next one.
            if edges.last().is_some_and(|last| edge > *last) && edge < to {
                edges.push(edge);
            }
            edge < to && edges.len() <= MAX_BUCKETS
        };
        match every {
            None => {}
            Some(Every::Hours(number)) => add_hours(zone, from, number, &mut add),
            Some(every) => {
                let mut next = first_date(every, zone.day(from));
                while add(zone.instant(next.to_datetime(Clock::midnight()))) {
                    let Some(date) = after(every, next) else { break };
                    next = date;
                }
            }
        }
        if edges.len() > MAX_BUCKETS {
            return Err(ReportQueryError::Buckets { max: MAX_BUCKETS });
        }
        edges.push(to);
        Ok(Self { edges })
    }

    pub(crate) fn from(&self) -> i64 {
        self.edges.first().copied().unwrap_or_default()
    }

    pub(crate) fn to(&self) -> i64 {
        self.edges.last().copied().unwrap_or_default()
    }

    /// Some successive ones.
    pub(crate) fn part(&self, buckets: &Range<usize>) -> Self {
        Self { edges: self.edges.get(buckets.start..=buckets.end).unwrap_or_default().to_vec() }
    }

    /// The number of buckets.
    pub(crate) fn len(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    #[cfg(test)]
    pub(crate) fn of_edges(edges: impl Into<Vec<i64>>) -> Self {
        Self { edges: edges.into() }
    }

    /// The number of the bucket of a time.
    pub(crate) fn find(&self, at: i64) -> Option<usize> {
        if at < self.from() || at >= self.to() {
            return None;
        }
        // Most buckets are about as long as the others.
        let guess = self.guess(at);
        let has_time = |bucket: usize| self.bounds_of(bucket).is_some_and(|(begin, end)| begin <= at && at < end);
        if has_time(guess) {
            return Some(guess);
        }
        let near = [guess.saturating_sub(1), guess + 1].into_iter().find(|bucket| has_time(*bucket));
        near.or_else(|| self.edges.partition_point(|edge| *edge <= at).checked_sub(1))
    }

    /// The number of the bucket of a time if all were of the same length.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a guess, of a time that is not before the beginning"
    )]
    fn guess(&self, at: i64) -> usize {
        let share = (at - self.from()) as f64 / (self.to() - self.from()) as f64;
        (share * (self.edges.len() - 1) as f64) as usize
    }

    /// The bounds of a bucket.
    pub(crate) fn bounds(&self, bucket: usize) -> (i64, i64) {
        let edge = |place: usize| self.edges.get(place).copied().unwrap_or_default();
        (edge(bucket), edge(bucket + 1))
    }

    /// The bounds of a bucket, if there is one with this number.
    pub(crate) fn bounds_of(&self, bucket: usize) -> Option<(i64, i64)> {
        Some((*self.edges.get(bucket)?, *self.edges.get(bucket + 1)?))
    }

    /// The bounds of all buckets.
    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = (i64, i64)> {
        (0..self.len()).map(|bucket| self.bounds(bucket))
    }

    /// The buckets that have a time in common with `[from, until)`.
    pub(crate) fn meeting(&self, from: i64, until: i64) -> impl Iterator<Item = (usize, (i64, i64))> {
        let first = self.edges.partition_point(|edge| *edge <= from).saturating_sub(1);
        let bounds = (first..self.len()).map(|bucket| (bucket, self.bounds(bucket)));
        bounds.take_while(move |(_, (a, _))| *a < until).filter(move |(_, (_, b))| *b > from)
    }
}

fn add_hours(zone: &Zone, from: i64, number: u32, add: &mut impl FnMut(i64) -> bool) {
    let midnight = |date: Date| zone.instant(date.to_datetime(Clock::midnight()));
    let mut date = zone.day(from);
    let mut begin = midnight(date);
    while let Ok(tomorrow) = date.tomorrow() {
        let end = midnight(tomorrow);
        while begin < end {
            if !add(begin) {
                return;
            }
            begin = begin.saturating_add(i64::from(number) * HOUR_MS);
        }
        (date, begin) = (tomorrow, end);
    }
}

/// The beginning of the bucket of a day.
fn first_date(every: Every, day: Date) -> Date {
    match every {
        Every::Hours(_) | Every::Days(_) => day,
        Every::Weeks(_) => {
            let since_monday = Span::new().days(day.weekday().to_monday_zero_offset());
            day.checked_sub(since_monday).unwrap_or(day)
        }
        Every::Months(number) => {
            let number = i8::try_from(number).unwrap_or(1).max(1);
            let month = (day.month() - 1) / number * number + 1;
            Date::new(day.year(), month, 1).unwrap_or(day)
        }
    }
}

/// The beginning of the next bucket.
fn after(every: Every, date: Date) -> Option<Date> {
    let span = match every {
        Every::Hours(_) => return None,
        Every::Days(number) => Span::new().try_days(number),
        Every::Weeks(number) => Span::new().try_weeks(number),
        Every::Months(number) => Span::new().try_months(number),
    };
    date.checked_add(span.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    fn ms(text: &str) -> i64 {
        Time::parse_rfc3339(text).unwrap().ms()
    }

    fn edges(every: &str, zone: &str, from: &str, to: &str) -> Vec<i64> {
        let every = Some(every.parse().unwrap());
        Buckets::new(ms(from), ms(to), every, &zone.parse().unwrap()).unwrap().edges
    }

    fn hours(edges: &[i64]) -> Vec<i64> {
        edges.windows(2).map(|pair| (pair[1] - pair[0]) / HOUR_MS).collect()
    }

    #[test]
    fn a_day_on_which_the_clock_changes_has_23_or_25_hours() {
        let days = edges("1d", "Europe/Berlin", "2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z");
        assert_eq!(hours(&days), [24, 23, 24]);
        let days = edges("1d", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-03T05:00:00Z");
        assert_eq!(hours(&days), [25, 24]);
        let of_day = edges("1h", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(hours(&of_day), [1; 25]);
        let of_day = edges("6h", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(hours(&of_day), [6, 6, 6, 6, 1]);
    }

    #[test]
    fn a_day_that_the_zone_skips_has_no_bucket() {
        // After the 29th came the 31st.
        let (from, to) = ("2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z");
        assert_eq!(hours(&edges("1d", "Pacific/Apia", from, to)), [24, 24, 24]);
        assert_eq!(hours(&edges("12h", "Pacific/Apia", from, to)), [12; 6]);
    }

    #[test]
    fn bounds_outside_the_range_of_times_are_cut_to_it() {
        let end = Time::MAX.ms() + 1;
        let all = Buckets::new(i64::MIN, i64::MAX, None, &Zone::UTC).unwrap();
        assert_eq!(all.edges, [0, end]);
        let years = Buckets::new(i64::MIN, i64::MAX, Some("12mo".parse().unwrap()), &Zone::UTC).unwrap();
        assert_eq!((years.edges.len(), years.edges.get(1)), (8_031, Some(&ms("1971-01-01T00:00:00Z"))));
        for (from, to) in [(i64::MIN, -1), (end, i64::MAX), (i64::MAX, i64::MIN)] {
            assert!(Buckets::new(from, to, None, &Zone::UTC).is_err(), "{from} {to}");
        }
    }

    #[test]
    fn a_day_without_midnight_begins_with_its_first_time() {
        // The clock of Beirut skips the first hour of this day.
        let days = edges("1d", "Asia/Beirut", "2022-03-25T22:00:00Z", "2022-03-27T21:00:00Z");
        assert_eq!(hours(&days), [24, 23]);
    }

    #[test]
    fn the_first_and_the_last_bucket_are_cut() {
        let found = edges("1w", "UTC", "2026-03-04T10:30:00Z", "2026-03-17T01:00:00Z");
        let expected = ["2026-03-04T10:30:00Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z", "2026-03-17T01:00:00Z"];
        assert_eq!(found, expected.map(ms));
        let found = edges("3mo", "Europe/Berlin", "2026-02-10T00:00:00Z", "2026-08-01T00:00:00Z");
        let expected = ["2026-02-10T00:00:00Z", "2026-03-31T22:00:00Z", "2026-06-30T22:00:00Z", "2026-08-01T00:00:00Z"];
        assert_eq!(found, expected.map(ms));
        let found = edges("2d", "UTC", "2026-02-10T05:00:00Z", "2026-02-13T00:00:00Z");
        assert_eq!(found, ["2026-02-10T05:00:00Z", "2026-02-12T00:00:00Z", "2026-02-13T00:00:00Z"].map(ms));
    }

    #[test]
    fn a_bucket_includes_its_beginning_and_not_its_end() {
        let buckets = Buckets { edges: vec![10, 20, 30] };
        let find = |at| buckets.find(at);
        assert_eq!([9, 10, 19, 20, 29, 30].map(find), [None, Some(0), Some(0), Some(1), Some(1), None]);
        let meeting = |from, until| buckets.meeting(from, until).map(|(bucket, _)| bucket).collect::<Vec<_>>();
        assert_eq!(meeting(0, 10), [0; 0]);
        assert_eq!(meeting(0, 11), [0]);
        assert_eq!(meeting(19, 21), [0, 1]);
        assert_eq!(meeting(20, 90), [1]);
        assert_eq!(meeting(30, 90), [0; 0]);
    }

    #[test]
    fn a_time_is_found_in_buckets_of_any_lengths() {
        for edges in [vec![0, 1, 2, 3, 1_000], vec![0, 997, 998, 999, 1_000], vec![0, 500, 501, 1_000], vec![0, 1_000]]
        {
            let buckets = Buckets::of_edges(edges.clone());
            for at in -1..=1_000 {
                let expected = edges.windows(2).position(|pair| pair[0] <= at && at < pair[1]);
                assert_eq!(buckets.find(at), expected, "{at}");
            }
        }
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        for text in ["", "1", "h", "0d", "5h", "48h", "5mo", "1m", "-1d", "1.5h", "999999999999d"] {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
        for text in ["1h", "12h", "1d", "2w", "1mo", "6mo"] {
            assert_eq!(text.parse::<Every>().unwrap().to_string(), text);
        }
        let error = |from, to, every: &str| {
            Buckets::new(from, to, Some(every.parse().unwrap()), &Zone::UTC).unwrap_err().to_string()
        };
        assert!(error(5, 5, "1d").contains("no time"));
        assert!(error(0, ms("2026-01-01T00:00:00Z"), "1h").contains("100000"));
    }
}
