//! A bound of a report, as a person writes it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, Time as Clock};
use jiff::fmt::temporal::Pieces;

use crate::time::{Time, Zone};
use crate::when::When;

/// The beginning or the end of a report before it is resolved: a time without a zone is one of the zone of the report, and
/// others depend on a clock.
///
/// ```
/// use convofold_engine::{ReportBound, Zone};
///
/// let bound: ReportBound = "2026-03-02 09:00".parse()?;
/// let berlin: Zone = "Europe/Berlin".parse()?;
/// assert_eq!(bound.ms(&berlin, 0), 1_772_438_400_000);
/// assert_eq!("-7d".parse::<ReportBound>()?.ms(&berlin, 1_772_438_400_000), 1_771_833_600_000);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBound(Form);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    At(Time),
    /// A date with or without a time, of the zone of the report.
    Local(DateTime),
    /// A time before now.
    Ago {
        ms: u64,
    },
}

/// A text that is no bound of a report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "expected a time of the years 1970 to 9999 such as 2026-03-02, 2026-03-02 09:00, 2026-03-02T09:00:00.595+02:00 (in the \
     zone of the report if it has none), 1772438400 (seconds or milliseconds since the epoch), or a time before now (-7d), \
     found {found:?}"
)]
pub struct InvalidReportBound {
    /// The text.
    pub found: String,
}

impl ReportBound {
    /// The time in milliseconds since the epoch. `zone` is that of the report, and `now_ms` the time before which times count.
    /// A local time that the clock skips is shifted forward; of two possible times the earlier one counts.
    #[must_use]
    pub fn ms(self, zone: &Zone, now_ms: i64) -> i64 {
        match self.0 {
            Form::At(time) => time.ms(),
            Form::Local(local) => zone.instant(local),
            Form::Ago { ms } => now_ms.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)),
        }
    }
}

impl From<Time> for ReportBound {
    fn from(time: Time) -> Self {
        Self(Form::At(time))
    }
}

impl FromStr for ReportBound {
    type Err = InvalidReportBound;

    fn from_str(text: &str) -> Result<Self, InvalidReportBound> {
        let text = text.trim();
        let at = || Time::parse_rfc3339(text).ok().or_else(|| with_offset(text)).or_else(|| epoch_number(text));
        let form = match text.parse() {
            Ok(When::Ago { ms }) => Some(Form::Ago { ms }),
            _ => local(text).map(Form::Local).or_else(|| at().map(Form::At)),
        };
        form.map(Self).ok_or_else(|| InvalidReportBound { found: text.to_owned() })
    }
}

impl fmt::Display for ReportBound {
    /// As [`ReportBound::from_str`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Form::At(time) => f.write_str(&time.to_rfc3339()),
            Form::Local(local) => write!(f, "{local}"),
            Form::Ago { ms } => When::Ago { ms }.fmt(f),
        }
    }
}

/// A date with or without a time, and its offset.
fn civil(text: &str) -> Option<(DateTime, Option<i64>)> {
    let pieces = Pieces::parse(text).ok().filter(|pieces| pieces.time_zone_annotation().is_none())?;
    let offset_seconds = pieces.to_numeric_offset().map(|offset| i64::from(offset.seconds()));
    let has_offset = pieces.offset().is_some();
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or(Clock::midnight()));
    Some((civil, has_offset.then(|| offset_seconds.unwrap_or_default())))
}

/// A local time, of the years that a [`Time`] can have.
fn local(text: &str) -> Option<DateTime> {
    let (civil, offset) = civil(text)?;
    (offset.is_none() && (1970..=9999).contains(&civil.year())).then_some(civil)
}

/// A time with an offset, which can be without seconds.
fn with_offset(text: &str) -> Option<Time> {
    let (civil, offset) = civil(text)?;
    let since_epoch = civil.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    Time::from_ms(i64::try_from(since_epoch.as_millis()).ok()?.checked_sub(offset? * 1_000)?)
}

/// Seconds or milliseconds since the epoch; rule W4 tells them apart by their size. A smaller number is more probably a year or
/// a mistake.
fn epoch_number(text: &str) -> Option<Time> {
    const LEAST_SECONDS: i64 = 100_000_000;
    const LEAST_MS: i64 = 100_000_000_000;
    let number: i64 = text.parse().ok()?;
    match number {
        LEAST_MS.. => Time::from_ms(number),
        LEAST_SECONDS.. => Time::from_ms(number * 1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_one_of_the_zone_of_the_report() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let ms = |text: &str| Time::parse_rfc3339(text).unwrap().ms();
        for (text, expected) in [
            ("2026-03-02", "2026-03-01T23:00:00Z"),
            ("2026-07-01 09:30", "2026-07-01T07:30:00Z"),
            ("2026-03-02T09:30:00", "2026-03-02T08:30:00Z"),
            ("2026-03-02T09:30:00Z", "2026-03-02T09:30:00Z"),
            ("2026-03-02T09:30:00.250+05:00", "2026-03-02T04:30:00.250Z"),
            ("2026-03-02 09:30+05:00", "2026-03-02T04:30:00Z"),
            ("1772443800", "2026-03-02T09:30:00Z"),
            ("1772443800250", "2026-03-02T09:30:00.250Z"),
            (" -1d ", "2026-03-01T00:00:00Z"),
            ("-1d 12h", "2026-02-28T12:00:00Z"),
            // 02:00 to 03:00 do not exist on this day, and exist twice on the next one.
            ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),
            ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ] {
            let now = ms("2026-03-02T00:00:00Z");
            let bound: ReportBound = text.parse().unwrap();
            assert_eq!(bound.ms(&berlin, now), ms(expected), "{text}");
            assert_eq!(bound.to_string().parse(), Ok(bound), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", "soon", "latest", "seq:1", "2026", "2026-13-01", "1969-12-31", "-", "2026-03-02[Europe/Berlin]"]
        {
            let error = text.parse::<ReportBound>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("found {text:?}")), "{error}");
        }
    }
}
