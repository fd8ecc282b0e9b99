//! Settings of what runs at a time of day.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A time of day: `03:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(Time);

impl TimeOfDay {
    /// When it is this time next, after `now`, in milliseconds since the epoch. A time that the clock skips is shifted forward; of
    /// two possible times the earlier one counts.
    pub(super) fn next(self, now: i64, zone: &TimeZone) -> i64 {
        let nearest = if now < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let today = zone.to_datetime(Timestamp::from_millisecond(now).unwrap_or(nearest)).date();
        let days = std::iter::successors(Some(today), |day| day.tomorrow().ok()).take(3);
        let mut times = days.filter_map(|day| {
            let at = zone.to_ambiguous_timestamp(day.to_datetime(self.0)).compatible();
            at.ok().map(Timestamp::as_millisecond)
        });
        // Nothing follows at the end of the calendar.
        times.find(|at| *at > now).unwrap_or(i64::MAX)
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_short = text.len() == 5;
        let time = Time::strptime("%H:%M", text).ok().filter(|_| is_short);
        time.map(Self).ok_or_else(|| format!("expected a time of day such as 03:30, found {text:?}"))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

/// When the storage is compacted: a table `[compact]` in a settings file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct CompactSettings {
    /// The time of day, in the zone of the settings.
    pub at: TimeOfDay,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_time_of_day_is_that_of_the_zone_on_the_same_day_or_the_next() {
        let at: TimeOfDay = "03:30".parse().unwrap();
        let oslo = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Oslo").unwrap();
        assert_eq!(at.next(ms("2026-03-02T00:00:00Z"), &oslo), ms("2026-03-02T02:30:00Z"));
        assert_eq!(at.next(ms("2026-03-02T02:30:00Z"), &oslo), ms("2026-03-03T02:30:00Z"));
        assert_eq!(at.next(ms("2026-03-02T02:30:00Z") - 1, &oslo), ms("2026-03-02T02:30:00Z"));
        assert_eq!(at.next(ms("2026-03-02T00:00:00Z"), &TimeZone::UTC), ms("2026-03-02T03:30:00Z"));
    }

    #[test]
    fn a_time_that_the_clock_skips_is_later_and_one_that_it_repeats_is_once_a_day() {
        let at: TimeOfDay = "02:30".parse().unwrap();
        let oslo = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Oslo").unwrap();
        // 02:00 to 03:00 does not exist on this day.
        assert_eq!(at.next(ms("2026-03-28T23:30:00Z"), &oslo), ms("2026-03-29T01:30:00Z"));
        let first = at.next(ms("2026-10-24T23:30:00Z"), &oslo);
        assert_eq!(first, ms("2026-10-25T00:30:00Z"));
        assert_eq!(at.next(first, &oslo), ms("2026-10-26T01:30:00Z"));
    }

    #[test]
    fn a_day_has_each_time_once() {
        let at: TimeOfDay = "23:59".parse().unwrap();
        let (mut now, mut runs) = (ms("2026-01-01T00:00:00Z"), 0);
        while now < ms("2026-12-31T23:59:00Z") {
            now = at.next(now, &TimeZone::UTC);
            runs += 1;
            assert_eq!(now % (24 * 60 * MINUTE), (23 * 60 + 59) * MINUTE);
        }
        assert_eq!(runs, 365);
        assert_eq!(at.next(i64::MAX, &TimeZone::UTC), i64::MAX);
    }

    #[test]
    fn other_texts_are_no_time_of_day() {
        for text in ["", "3:30", "24:00", "03:60", "03:30:00", "soon", "03-30"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        assert_eq!("03:30".parse::<TimeOfDay>().unwrap().to_string(), "03:30");
    }
}
