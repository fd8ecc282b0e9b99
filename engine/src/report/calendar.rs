//! Business hours, inside which durations count.

mod opened;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::{Date, DateTime, Time as Clock};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::time::{UnknownZone, Zone};
use opened::Opened;

/// Hours of a week in a zone, without holidays. Durations of a report count inside them only.
///
/// Parsed from JSON. The zone is required. A day that is missing is closed, and so is a holiday. The end of an interval can be `24:00`.
///
/// ```
/// use convofold_engine::Calendar;
///
/// let hours = r#"{
///     "zone": "Europe/Berlin",
///     "week": {"mon": [["09:00", "12:00"], ["13:00", "17:30"]], "sat": [["10:00", "24:00"]]},
///     "holidays": ["2026-12-25"]
/// }"#;
/// let calendar = Calendar::from_json(hours)?;
/// assert_eq!(calendar.zone().name(), "Europe/Berlin");
/// # Ok::<_, convofold_engine::CalendarError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: Zone,
    /// The intervals of each day, from Monday on, in order.
    week: [Vec<Hours>; 7],
    holidays: BTreeSet<Date>,
    /// Its intervals, as far as they have been found.
    opened: Opened,
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        let given = |of: &Self| (of.zone.clone(), of.week.clone(), of.holidays.clone());
        given(self) == given(other)
    }
}

impl Eq for Calendar {}

/// An interval of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hours {
    begin: Clock,
    /// `None` for the end of the day.
    end: Option<Clock>,
}

/// Why a text is not a [`Calendar`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// It is not JSON of the expected form.
    #[error(
        "expected {{\"zone\": ..., \"week\": {{\"mon\": [[\"09:00\", \"17:00\"]], ...}}, \"holidays\": [...]}}: {0}"
    )]
    Form(#[from] serde_json::Error),
    /// The zone is unknown.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    /// A name is not that of a day.
    #[error("unknown day {found:?} (expected mon, tue, wed, thu, fri, sat or sun)")]
    Day {
        /// The name.
        found: String,
    },
    /// A time of day or a date is invalid.
    #[error("expected {expected}, found {found:?}")]
    Value {
        /// What belongs there.
        expected: &'static str,
        /// The text.
        found: String,
    },
    /// The intervals of a day are not in order, or overlap, or are empty.
    #[error("the hours of {day} must follow one another, each with its end after its beginning")]
    Order {
        /// The name of the day.
        day: String,
    },
    /// No day has hours.
    #[error("the calendar has no hours: no duration would ever count")]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    zone: String,
    week: WeekForm,
    #[serde(default)]
    holidays: Vec<String>,
}

/// The intervals of each day that is given.
struct WeekForm(BTreeMap<String, Vec<(String, String)>>);

impl<'de> Deserialize<'de> for WeekForm {
    /// A map would keep the last one of two equal days.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Days;
        impl<'de> Visitor<'de> for Days {
            type Value = WeekForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the hours of each day")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WeekForm, A::Error> {
                let mut days = BTreeMap::new();
                while let Some((day, hours)) = map.next_entry::<String, _>()? {
                    if let Some((day, _)) = days.get_key_value(&day) {
                        return Err(A::Error::custom(format_args!("the day {day:?} is given twice")));
                    }
                    days.insert(day, hours);
                }
                Ok(WeekForm(days))
            }
        }
        deserializer.deserialize_map(Days)
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The end of the last interval of a day.
const MIDNIGHT: &str = "24:00";

impl Calendar {
    /// Parses a calendar.
    ///
    /// # Errors
    /// [`CalendarError`] if the text has another form, or a value that cannot be.
    pub fn from_json(json: &str) -> Result<Self, CalendarError> {
        let form: Form = serde_json::from_str(json)?;
        let zone = form.zone.parse()?;
        let mut week: [Vec<Hours>; 7] = Default::default();
        for (name, intervals) in form.week.0 {
            let day = DAYS.iter().zip(&mut week).find(|(day, _)| **day == name);
            let Some((_, day)) = day else { return Err(CalendarError::Day { found: name }) };
            *day = intervals.iter().map(|(begin, end)| Hours::parse(begin, end)).collect::<Result<_, _>>()?;
            if !are_in_order(day) {
                return Err(CalendarError::Order { day: name });
            }
        }
        if week.iter().all(Vec::is_empty) {
            return Err(CalendarError::Empty);
        }
        let date = |text: &String| parse(text, "a date such as 2026-12-25");
        let holidays = form.holidays.iter().map(date).collect::<Result<_, _>>()?;
        Ok(Self { zone, week, holidays, opened: Opened::default() })
    }

    /// The JSON that [`Calendar::from_json`] reads as this calendar.
    #[must_use]
    pub fn to_json(&self) -> String {
        let days = DAYS.iter().zip(&self.week).filter(|(_, hours)| !hours.is_empty());
        let week: BTreeMap<_, Vec<_>> =
            days.map(|(day, hours)| (day, hours.iter().map(Hours::texts).collect())).collect();
        let holidays: Vec<_> = self.holidays.iter().map(Date::to_string).collect();
        serde_json::json!({"zone": self.zone.name(), "week": week, "holidays": holidays}).to_string()
    }

    /// The zone in which its hours are.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The intervals that have a time in common with `[from, until)`, in order.
    fn intervals(&self, from: i64, until: i64) -> impl Iterator<Item = (i64, i64)> {
        let first = self.zone.day(from);
        let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok());
        let open = dates.filter(|date| !self.holidays.contains(date) && self.has(*date));
        let of_date = |date: Date| self.hours(date).iter().map(move |hours| hours.of_date(date));
        let in_ms = |(begin, end): (DateTime, DateTime)| (self.zone.instant(begin), self.zone.instant(end));
        // Where the clock skips an hour, the ends of an interval are shifted, and it could overlap with the next one.
        let after_another = |last_end: &mut i64, (begin, end): (i64, i64)| {
            let begin = begin.max(*last_end);
            *last_end = end.max(*last_end);
            Some((begin, end))
        };
        let intervals = open.flat_map(of_date).map(in_ms).scan(i64::MIN, after_another);
        let begun = intervals.take_while(move |(begin, _)| *begin.max(&from) < until);
        begun.filter(move |(begin, end)| *end > from && begin < end)
    }

    /// Whether there is such a day: a zone can skip one.
    fn has(&self, date: Date) -> bool {
        self.zone.day(self.zone.instant(date.to_datetime(Clock::midnight()))) == date
    }

    fn hours(&self, date: Date) -> &[Hours] {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
        self.week.get(day).map_or(&[], Vec::as_slice)
    }

    /// The time inside the calendar between two times, in milliseconds.
    /// Number of intervals of a week.
    pub(crate) fn interval_count(&self) -> usize {
        self.week.iter().map(Vec::len).sum()
    }

    /// About the memory that it takes after questions for the time between these times, in bytes.
    pub(crate) fn size_bytes(&self, from: i64, to: i64) -> usize {
        let days = usize::try_from((to - from) / 86_400_000).unwrap_or_default() + 2 * opened::DAYS;
        days.saturating_mul(self.interval_count() / 7 + 1).saturating_mul(opened::INTERVAL_BYTES)
    }

    pub(crate) fn elapsed(&self, from: i64, until: i64) -> i64 {
        self.opened.elapsed((from, until), |from, until| self.intervals(from, until))
    }

    /// The first millisecond by which more than `length_ms` inside the calendar has elapsed since `from`, if it is before
    /// `until`.
    pub(crate) fn after(&self, from: i64, length_ms: i64, until: i64) -> Option<i64> {
        self.opened.after((from, until), length_ms, |from, until| self.intervals(from, until))
    }
}

impl Hours {
    fn parse(begin: &str, end: &str) -> Result<Self, CalendarError> {
        let clock = |text: &str| parse(text, "a time of day such as 09:00");
        let end = if end == MIDNIGHT { None } else { Some(clock(end)?) };
        Ok(Self { begin: clock(begin)?, end })
    }

    /// Its beginning and its end, as JSON has them.
    fn texts(&self) -> [String; 2] {
        [self.begin.to_string(), self.end.map_or_else(|| MIDNIGHT.to_owned(), |end| end.to_string())]
    }

    fn of_date(self, date: Date) -> (DateTime, DateTime) {
        let midnight = || date.tomorrow().unwrap_or(date).to_datetime(Clock::midnight());
        (date.to_datetime(self.begin), self.end.map_or_else(midnight, |end| date.to_datetime(end)))
    }
}

fn are_in_order(hours: &[Hours]) -> bool {
    let ends_after = |hours: &Hours| hours.end.is_none_or(|end| end > hours.begin);
    let follow = |(a, b): (&Hours, &Hours)| a.end.is_some_and(|end| end <= b.begin);
    hours.iter().all(ends_after) && hours.iter().zip(hours.iter().skip(1)).all(follow)
}

fn parse<T: std::str::FromStr>(text: &str, expected: &'static str) -> Result<T, CalendarError> {
    text.parse().map_err(|_| CalendarError::Value { expected, found: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    fn ms(text: &str) -> i64 {
        Time::parse_rfc3339(text).unwrap().ms()
    }

    fn berlin() -> Calendar {
        let weekdays = DAYS[..5].iter().map(|day| format!(r#""{day}": [["09:00", "12:00"], ["13:00", "17:00"]]"#));
        let week = weekdays.collect::<Vec<_>>().join(",");
        let json = format!(r#"{{"zone": "Europe/Berlin", "week": {{{week}}}, "holidays": ["2026-03-31"]}}"#);
        Calendar::from_json(&json).unwrap()
    }

    #[test]
    fn only_the_time_inside_counts() {
        // 2026-03-27 is a Friday, the clock changes on Sunday, and Tuesday is a holiday.
        for (from, until, expected) in [
            ("2026-03-27T07:00:00Z", "2026-03-27T08:30:00Z", 30 * MINUTE),
            ("2026-03-27T10:30:00Z", "2026-03-27T12:30:00Z", HOUR),
            ("2026-03-27T15:30:00Z", "2026-03-30T07:15:00Z", 45 * MINUTE),
            ("2026-03-28T00:00:00Z", "2026-03-29T20:00:00Z", 0),
            ("2026-03-30T00:00:00Z", "2026-04-02T00:00:00Z", 14 * HOUR),
            ("2026-03-30T08:00:00Z", "2026-03-30T08:00:00Z", 0),
            ("2026-03-30T08:00:01Z", "2026-03-30T08:00:00Z", 0),
        ] {
            assert_eq!(berlin().elapsed(ms(from), ms(until)), expected, "{from} {until}");
        }
    }

    #[test]
    fn a_length_has_passed_at_the_first_millisecond_with_more() {
        let calendar = berlin();
        for (from, length, expected) in [
            ("2026-03-27T08:00:00Z", 0, "2026-03-27T08:00:00.001Z"),
            ("2026-03-27T08:00:00Z", 3 * HOUR, "2026-03-27T12:00:00.001Z"),
            ("2026-03-27T15:30:00Z", HOUR, "2026-03-30T07:30:00.001Z"),
            ("2026-03-30T14:00:00Z", 2 * HOUR, "2026-04-01T08:00:00.001Z"),
        ] {
            let (from, expected) = (ms(from), ms(expected));
            assert_eq!(calendar.after(from, length, expected + 1), Some(expected), "{from} {length}");
            assert_eq!(calendar.after(from, length, expected), None, "{from} {length}");
            assert!(calendar.elapsed(from, expected) > length);
            assert!(calendar.elapsed(from, expected - 1) <= length);
        }
    }

    #[test]
    fn a_calendar_is_read_back_from_its_json() {
        let days = r#"{"zone": "UTC", "week": {"sun": [["00:00:15.5", "24:00"]], "mon": []}}"#;
        for calendar in [berlin(), Calendar::from_json(days).unwrap()] {
            assert_eq!(Calendar::from_json(&calendar.to_json()).unwrap(), calendar);
        }
    }

    #[test]
    fn the_search_for_the_end_of_a_length_stops_at_the_end() {
        let (calendar, from) = (berlin(), ms("2026-03-30T00:00:00Z"));
        let days = 3;
        assert_eq!(calendar.intervals(from, from + days * 24 * HOUR).count(), 4);
        assert_eq!(calendar.after(from, i64::MAX - 1, from + days * 24 * HOUR), None);
        assert_eq!(calendar.after(from, 0, from), None);
        assert_eq!(calendar.after(from, 0, from - 24 * HOUR), None);
    }

    #[test]
    fn time_in_two_intervals_that_a_skipped_hour_shifts_counts_once() {
        // On 2026-03-29 02:00 is 03:00 in Berlin, so the first interval ends at 03:30.
        let hours = r#"{"zone": "Europe/Berlin", "week": {"sun": [["01:00", "02:30"], ["02:45", "03:15"], ["03:20", "05:00"]]}}"#;
        let calendar = Calendar::from_json(hours).unwrap();
        let (from, until) = (ms("2026-03-29T00:00:00Z"), ms("2026-03-29T03:00:00Z"));
        // 01:00 to 02:00, 03:00 to 03:30, and 03:30 to 05:00; 02:45 is 03:45, which is after 03:15.
        assert_eq!(calendar.elapsed(from, until), 3 * HOUR);
        assert_eq!(calendar.after(from, 3 * HOUR - 1, i64::MAX), Some(until));
    }

    #[test]
    fn a_day_that_the_zone_skips_has_no_hours() {
        // After Thursday, the 29th, came Saturday, the 31st.
        let hours = r#"{"zone": "Pacific/Apia", "week": {"thu": [["20:00", "24:00"]], "fri": [["09:00", "12:00"]]}}"#;
        let calendar = Calendar::from_json(hours).unwrap();
        let (from, until) = (ms("2011-12-29T00:00:00Z"), ms("2012-01-03T00:00:00Z"));
        assert_eq!(calendar.elapsed(from, until), 4 * HOUR);
        let week = 7 * 24 * HOUR;
        assert_eq!(calendar.elapsed(from + week, until + week), 7 * HOUR);
        let next_friday = ms("2012-01-05T19:00:00Z");
        assert_eq!(calendar.after(from, 8 * HOUR, i64::MAX), Some(next_friday + 1));
    }

    /// The time inside intervals, one after the other.
    #[test]
    fn the_time_of_many_years_is_the_sum_of_all_days() {
        let calendar = berlin();
        let mut next = crate::course::tests::numbers(7);
        for _ in 0..40 {
            let [from, length] =
                [4_000, 9_000].map(|days| i64::try_from(next(days)).unwrap() * 24 * HOUR + 61 * MINUTE);
            let from = ms("2019-05-01T00:00:00Z") + from;
            let one_by_one = |until: i64| -> i64 {
                calendar.intervals(from, until).map(|(begin, end)| end.min(until) - begin.max(from)).sum()
            };
            let until = from + length;
            assert_eq!(calendar.elapsed(from, until), one_by_one(until));
            let passed = calendar.after(from, one_by_one(until), i64::MAX).unwrap();
            assert_eq!(one_by_one(passed), one_by_one(until) + 1);
            assert_eq!(one_by_one(passed - 1), one_by_one(until));
        }
    }

    #[test]
    fn a_day_can_be_open_until_midnight_and_all_day() {
        let days = DAYS.map(|day| format!(r#""{day}": [["00:00", "24:00"]]"#)).join(",");
        let always = Calendar::from_json(&format!(r#"{{"zone": "Europe/Berlin", "week": {{{days}}}}}"#)).unwrap();
        let (from, until) = (ms("2026-10-23T05:00:00Z"), ms("2026-10-28T06:00:00Z"));
        assert_eq!(always.elapsed(from, until), until - from);
        assert_eq!(always.after(from, 90 * HOUR, i64::MAX), Some(from + 90 * HOUR + 1));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (json, expected) in [
            ("", "expected {"),
            (r#"{"week": {"mon": [["09:00", "17:00"]]}}"#, "missing field `zone`"),
            (
                r#"{"zone": "UTC", "week": {"mon": [["09:00", "12:00"]], "mon": [["13:00", "17:00"]]}}"#,
                "day \"mon\" is given twice",
            ),
            (r#"{"zone": "UTC", "week": {}}"#, "has no hours"),
            (r#"{"zone": "UTC", "week": {"mon": []}}"#, "has no hours"),
            (r#"{"zone": "UTC", "week": {"monday": []}}"#, "\"monday\""),
            (r#"{"zone": "UTC", "week": {"mon": [["9", "10:00"]]}}"#, "\"9\""),
            (r#"{"zone": "UTC", "week": {"mon": [["10:00", "09:00"]]}}"#, "hours of mon"),
            (r#"{"zone": "UTC", "week": {"mon": [["10:00", "24:00"], ["11:00", "12:00"]]}}"#, "hours of mon"),
            (r#"{"zone": "Mars", "week": {"mon": [["10:00", "24:00"]]}}"#, "\"Mars\""),
            (r#"{"zone": "UTC", "week": {"mon": [["10:00", "24:00"]]}, "holidays": ["25.12."]}"#, "\"25.12.\""),
            (r#"{"zone": "UTC", "week": {"mon": [["10:00", "24:00"]]}, "hours": 1}"#, "hours"),
        ] {
            let error = Calendar::from_json(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
