//! The time zone of printed times.

use std::fmt;
use std::str::FromStr;

use convofold::Time;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::column::Precision;
use super::text::UNKNOWN;

const LOCAL: &str = "local";

/// The time zone of printed times. Default: UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayZone {
    name: String,
    zone: TimeZone,
}

impl Default for DisplayZone {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }
}

impl fmt::Display for DisplayZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for DisplayZone {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case(LOCAL) {
            return Self::local();
        }
        named(name).ok_or_else(|| {
            format!("unknown time zone {name:?} (expected a name of the IANA database, such as Europe/Berlin or UTC, or local)")
        })
    }
}

impl DisplayZone {
    /// The zone of the environment variable `TZ`, or else that of the system.
    fn local() -> Result<Self, String> {
        let unknown = |found: &str| format!("the local time zone is unknown (found {found:?}); give its name");
        if let Some(value) = std::env::var("TZ").ok().filter(|value| !value.is_empty()) {
            let value = value.strip_prefix(':').unwrap_or(&value);
            let name = value.rsplit_once("zoneinfo/").map_or(value, |(_, name)| name);
            let posix = || Some(Self { name: name.to_owned(), zone: TimeZone::posix(name).ok()? });
            return named(name).or_else(posix).ok_or_else(|| unknown(name));
        }
        let name = iana_time_zone::get_timezone().map_err(|error| unknown(&error.to_string()))?;
        named(&name).ok_or_else(|| unknown(&name))
    }

    /// A time for people: `2021-07-29 05:11:08` or `2021-07-29 05:11:08.595`.
    #[must_use]
    pub fn show(&self, ms: i64, precision: Precision) -> String {
        let form = match precision {
            Precision::Second => "%Y-%m-%d %H:%M:%S",
            Precision::Millisecond => "%Y-%m-%d %H:%M:%S.%3f",
        };
        timestamp(ms).map_or_else(|| UNKNOWN.to_owned(), |at| at.to_zoned(self.zone.clone()).strftime(form).to_string())
    }

    /// A time in RFC 3339, to the millisecond, with the offset of the zone.
    #[must_use]
    pub fn rfc3339(&self, ms: i64) -> Option<String> {
        let form = if self.zone == TimeZone::UTC { "%Y-%m-%dT%H:%M:%S.%3fZ" } else { "%Y-%m-%dT%H:%M:%S.%3f%:z" };
        Some(timestamp(ms)?.to_zoned(self.zone.clone()).strftime(form).to_string())
    }
}

fn named(name: &str) -> Option<DisplayZone> {
    if name.eq_ignore_ascii_case("UTC") {
        return Some(DisplayZone::default());
    }
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    Some(DisplayZone { name: zone.iana_name().unwrap_or(name).to_owned(), zone })
}

/// A time in the range that events have.
fn timestamp(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(Time::from_ms(ms)?.ms()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_the_zone() {
        let ms = 1_627_535_468_595;
        let berlin: DisplayZone = "europe/berlin".parse().unwrap();
        assert_eq!(berlin.to_string(), "Europe/Berlin");
        assert_eq!(berlin.show(ms, Precision::Second), "2021-07-29 07:11:08");
        assert_eq!(berlin.rfc3339(ms).unwrap(), "2021-07-29T07:11:08.595+02:00");
        let utc = DisplayZone::default();
        assert_eq!(utc.show(ms, Precision::Millisecond), "2021-07-29 05:11:08.595");
        assert_eq!(utc.rfc3339(1_627_535_468_000).unwrap(), "2021-07-29T05:11:08.000Z");
        assert_eq!(utc.show(-1, Precision::Second), "-");
        assert!("Mars/Olympus".parse::<DisplayZone>().is_err());
    }
}
