//! Values on the command line: durations, points in time, probabilities, names of sources.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use convofold::{Time, UnknownName};
use jiff::{Span, SpanRelativeTo};

/// A duration in whole milliseconds, not negative.
///
/// The syntax is jiff's friendly format (`30m`, `1h 30m`, `2 days`) or ISO 8601 (`PT30M`). A day is 24 hours, a week
/// seven days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl std::str::FromStr for Millis {
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

/// A value by its name, one of these.
pub fn named<T>(names: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr<Err = UnknownName> + Clone + Send + Sync + 'static,
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

impl std::str::FromStr for Now {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "latest" { Ok(Self::Latest) } else { time(text).map(Self::At) }
    }
}

/// A point in time in milliseconds since the epoch: RFC 3339 (UTC if it has no zone), or a date.
///
/// # Errors
/// The expected syntax.
pub fn time(text: &str) -> Result<i64, String> {
    let date_alone = format!("{text}T00:00:00Z");
    Time::parse_rfc3339(text)
        .or_else(|error| Time::parse_rfc3339(&date_alone).map_err(|_| error))
        .map(Time::ms)
        .map_err(|error| format!("expected a time such as 2021-07-29T05:11:08Z or 2021-07-29: this is {error}"))
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
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
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
    fn a_chance_lies_between_0_and_1() {
        assert_eq!(chance(".02"), Ok(0.02));
        for text in ["1.1", "-0.1", "NaN", "half"] {
            assert!(chance(text).is_err(), "{text}");
        }
    }
}
