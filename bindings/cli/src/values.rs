//! Values on the command line: numbers, durations, points in time, probabilities, names of sources.

use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use convofold::{ReportBound, Time, UnknownName, Zone};
use jiff::{Span, SpanRelativeTo};

/// A duration in whole milliseconds, not negative.
///
/// The syntax is jiff's friendly format (`30m`, `1h 30m`, `2 days`) or ISO 8601 (`PT30M`). A day is 24 hours, a week
/// seven days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl FromStr for Millis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || format!("expected a duration such as 30m, 2h, 1d or PT30M, found {text:?}");
        let span: Span = text.trim().parse().map_err(|_| expected())?;
        let length = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| format!("months and years have no fixed length; write {text:?} in days"))?;
        let ms = i64::try_from(length.as_millis()).map_err(|_| expected())?;
        if ms < 0 {
            Err(format!("a duration cannot be negative; write {text:?} without the sign"))
        } else {
            Ok(Self(ms))
        }
    }
}

/// The time between two repetitions: a number of seconds or a duration, above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(pub Duration);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let duration = || Some(Duration::from_millis(u64::try_from(text.parse::<Millis>().ok()?.0).ok()?));
        let interval = seconds.or_else(duration).filter(|interval| *interval >= Self::LEAST && *interval <= Self::MOST);
        interval.map(Self).ok_or_else(|| format!("expected seconds or a duration from 50ms to 1d, found {text:?}"))
    }
}

impl Interval {
    const LEAST: Duration = Duration::from_millis(50);
    const MOST: Duration = Duration::from_secs(86_400);
}

/// A value by its name, one of these.
pub fn named<T>(names: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = UnknownName> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// The reference time for durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// The given time, in milliseconds since the epoch.
    At(i64),
    /// The time of the newest event in the database.
    Latest,
}

impl FromStr for Now {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            "now" => Ok(Self::At(clock_ms())),
            _ => time(text).map(Self::At).map_err(|expected| format!("{expected}, now or latest")),
        }
    }
}

/// A point in time in milliseconds since the epoch.
///
/// The syntax is RFC 3339 and ISO 8601 with or without seconds, time or zone (UTC if there is none), or a number of
/// seconds or milliseconds since the epoch.
///
/// # Errors
/// The expected syntax.
pub fn time(text: &str) -> Result<i64, String> {
    // The forms of a bound of a report, without those that depend on a clock.
    let read = text.parse::<ReportBound>().ok().filter(|_| !text.trim_start().starts_with('-'));
    read.map(|bound| bound.ms(&Zone::UTC, 0)).ok_or_else(|| {
        "expected a time of the years 1970 to 9999 such as 2021-07-29, 2021-07-29 05:11, 2021-07-29T05:11:08.595+02:00 \
         (UTC if it has no zone) or 1627535468 (seconds or milliseconds since the epoch)"
            .to_owned()
    })
}

/// A whole number that is not negative.
///
/// # Errors
/// The expected syntax.
pub fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "expected a whole number, 0 or larger".to_owned())
}

/// A whole number above 0.
///
/// # Errors
/// The expected syntax.
pub fn positive<T: FromStr + Default + PartialEq>(text: &str) -> Result<T, String> {
    let number = whole(text).ok().filter(|number| *number != T::default());
    number.ok_or_else(|| "expected a whole number, 1 or larger".to_owned())
}

/// A maximum number of rows; 0 and `all` are no limit.
///
/// # Errors
/// The expected syntax.
pub fn limit<T: FromStr + Default>(text: &str) -> Result<T, String> {
    if text == "all" {
        Ok(T::default())
    } else {
        whole(text).map_err(|_| "expected a number of rows, or all".to_owned())
    }
}

/// A size in bytes, above 0.
///
/// # Errors
/// The expected syntax.
pub fn size(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kib" => Some(10),
        "m" | "mib" => Some(20),
        "g" | "gib" => Some(30),
        _ => None,
    };
    let bytes = shift.and_then(|shift| number.parse::<usize>().ok()?.checked_mul(1 << shift));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "expected a size such as 4MiB, 64KiB or 1048576".to_owned())
}

/// A number from 0 to 1.
///
/// # Errors
/// The expected syntax.
pub fn chance(text: &str) -> Result<f64, String> {
    let chance = text.parse().ok().filter(|chance| (0.0..=1.0).contains(chance));
    chance.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// The system's clock, in milliseconds since the epoch.
#[must_use]
pub fn clock_ms() -> i64 {
    Time::now().ms()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("30m", 1_800_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1w", 604_800_000),
            ("1h 30m", 5_400_000),
            ("2 days", 172_800_000),
            ("PT30M", 1_800_000),
            ("P1DT1S", 86_401_000),
            ("0s", 0),
            ("1500ms", 1_500),
        ] {
            assert_eq!(text.parse(), Ok(Millis(ms)), "{text}");
        }
    }

    #[test]
    fn an_interval_is_a_number_of_seconds_or_a_duration() {
        for (text, ms) in [("2", 2_000), (".5", 500), ("250ms", 250), ("1m", 60_000)] {
            assert_eq!(text.parse(), Ok(Interval(Duration::from_millis(ms))), "{text}");
        }
        for text in ["0", "-1", "", "soon", "inf", "NaN", "2d"] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "30", "-30m", "1mo", "1y", "soon", "99999999999999999d"] {
            assert!(text.parse::<Millis>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_is_its_midnight_and_no_zone_is_utc() {
        assert_eq!(time("2021-07-29"), Ok(1_627_516_800_000));
        assert_eq!(time("2021-07-29T05:11:08.595"), Ok(1_627_535_468_595));
        assert_eq!(time("2021-07-29 07:11:08.595+02:00"), Ok(1_627_535_468_595));
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn a_time_is_read_as_people_write_it() {
        for (text, ms) in [
            ("2021-07-29 05:11", 1_627_535_460_000),
            ("2021-07-29T05:11Z", 1_627_535_460_000),
            ("2021-07-29T07:11+02:00", 1_627_535_460_000),
            ("2021-07-29 07:11:08+0200", 1_627_535_468_000),
            ("2021-07-29T07:11:08+02", 1_627_535_468_000),
            ("20210729T051108Z", 1_627_535_468_000),
            ("1627535468", 1_627_535_468_000),
            ("1627535468595", 1_627_535_468_595),
            (" 2021-07-29 ", 1_627_516_800_000),
        ] {
            assert_eq!(time(text), Ok(ms), "{text}");
        }
        for text in ["", "2021", "2021-13-01", "29.07.2021", "1900-01-01", "-5", "2021-07-29T05:11[Europe/Paris]"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn now_is_a_time_the_clock_or_the_newest_event() {
        assert_eq!("latest".parse(), Ok(Now::Latest));
        assert_eq!("2021-07-29".parse(), Ok(Now::At(1_627_516_800_000)));
        assert!(matches!("now".parse(), Ok(Now::At(ms)) if ms > 1_700_000_000_000));
        let expected = "soon".parse::<Now>().unwrap_err();
        assert!(expected.ends_with("(seconds or milliseconds since the epoch), now or latest"), "{expected}");
    }

    #[test]
    fn a_limit_can_be_all() {
        assert_eq!((limit("all"), limit("0"), limit("50")), (Ok(0), Ok(0), Ok(50)));
        assert_eq!(limit::<usize>("many"), Err("expected a number of rows, or all".to_owned()));
        assert_eq!(whole::<u64>("-1"), Err("expected a whole number, 0 or larger".to_owned()));
        assert_eq!((positive("1"), positive::<u32>("0").is_err()), (Ok(1), true));
    }

    #[test]
    fn a_size_has_binary_units() {
        for (text, bytes) in [("1", 1), ("64KiB", 65_536), ("4 MiB", 4 << 20), ("2m", 2 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "MiB", "1.5MiB", "4MB", "-1", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_chance_lies_between_0_and_1() {
        assert_eq!(chance(".02"), Ok(0.02));
        for text in ["1.1", "-0.1", "NaN", "half"] {
            assert!(chance(text).is_err(), "{text}");
        }
    }
}
