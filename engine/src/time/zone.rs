//! The zone of times that are written without one (rule W4).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::rfc3339::EPOCH;

/// The time zone that applies to times written without one. Default: UTC.
///
/// Parsed from its name in the IANA database, which is compiled in: the zones of the machine are never used.
///
/// ```
/// use convofold_engine::Zone;
///
/// let zone: Zone = "Europe/Berlin".parse()?;
/// assert_eq!(zone.name(), "Europe/Berlin");
/// # Ok::<_, convofold_engine::UnknownZone>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: Cow<'static, str>,
    zone: TimeZone,
}

/// A name that is not in the IANA database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("unknown time zone {found:?} (expected a name of the IANA database, such as Europe/Berlin or UTC)")]
pub struct UnknownZone {
    /// The given name.
    pub found: String,
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self { name: Cow::Borrowed("UTC"), zone: TimeZone::UTC };

    /// The name in the IANA database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The day on which a time falls, which is given in milliseconds since the epoch.
    pub(crate) fn day(&self, ms: i64) -> Date {
        let nearest = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let at = Timestamp::from_millisecond(ms).unwrap_or(nearest);
        self.zone.to_datetime(at).date()
    }

    /// The time of a local time, in milliseconds since the epoch. A time that the clock skips is shifted forward; of two possible
    /// times the earlier one counts.
    pub(crate) fn instant(&self, local: DateTime) -> i64 {
        let at = self.zone.to_ambiguous_timestamp(local).compatible();
        let nearest = if local.year() < 0 { i64::MIN } else { i64::MAX };
        at.map_or(nearest, Timestamp::as_millisecond)
    }

    /// The offset from UTC at a local time, in seconds. The time is given as the seconds since the epoch in UTC. A time
    /// that the clock skips is shifted forward; of two possible times the earlier one counts.
    pub(super) fn offset_seconds(&self, local_seconds: i64) -> i64 {
        if self.zone == TimeZone::UTC {
            return 0;
        }
        let local = EPOCH.saturating_add(SignedDuration::from_secs(local_seconds));
        let offset = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        };
        offset.seconds().into()
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// Upper and lower case are the same.
    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        if name.eq_ignore_ascii_case("UTC") {
            return Ok(Self::UTC);
        }
        let unknown = || UnknownZone { found: name.to_owned() };
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
        let name = zone.iana_name().ok_or_else(unknown)?.to_owned();
        Ok(Self { name: name.into(), zone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    fn in_zone(zone: &str, text: &str) -> String {
        Time::parse_rfc3339_in(text, &zone.parse().unwrap()).unwrap().to_rfc3339()
    }

    #[test]
    fn w4_a_zone_applies_to_times_without_one() {
        assert_eq!(in_zone("Europe/Berlin", "2024-07-01T12:00:00"), "2024-07-01T10:00:00.000Z");
        assert_eq!(in_zone("europe/berlin", "2024-01-01 12:00:00.0000001"), "2024-01-01T11:00:00.000000100Z");
        assert_eq!(in_zone("Europe/Berlin", "2024-07-01T12:00:00Z"), "2024-07-01T12:00:00.000Z");
        assert_eq!(in_zone("Europe/Berlin", "2024-07-01T12:00:00+05:00"), "2024-07-01T07:00:00.000Z");
        assert_eq!(in_zone("UTC", "2024-07-01T12:00:00"), "2024-07-01T12:00:00.000Z");
        assert_eq!(in_zone("America/New_York", "9999-12-31T18:59:59"), "9999-12-31T23:59:59.000Z");
        assert_eq!(in_zone("Asia/Tokyo", "1970-01-01T09:00:00"), "1970-01-01T00:00:00.000Z");
        assert!(Time::parse_rfc3339_in("1970-01-01T08:59:59", &"Asia/Tokyo".parse().unwrap()).is_err());
    }

    #[test]
    fn w4_a_skipped_time_is_shifted_forward_and_of_two_the_earlier_counts() {
        assert_eq!(in_zone("America/New_York", "2024-03-10T02:30:00"), "2024-03-10T07:30:00.000Z");
        assert_eq!(in_zone("America/New_York", "2024-11-03T01:30:00"), "2024-11-03T05:30:00.000Z");
        assert_eq!(in_zone("Europe/Berlin", "2016-12-31T23:59:60"), "2016-12-31T23:00:00.000Z");
    }

    #[test]
    fn a_time_outside_the_calendar_is_on_its_nearest_day() {
        for zone in [Zone::UTC, "Asia/Tokyo".parse().unwrap(), "America/New_York".parse().unwrap()] {
            assert_eq!(zone.day(i64::MIN).year(), -9999);
            assert_eq!(zone.day(i64::MAX).year(), 9999);
            assert!(zone.instant(DateTime::MIN) < 0 && zone.instant(DateTime::MAX) > 0);
        }
    }

    #[test]
    fn an_unknown_zone_is_refused() {
        for name in ["", "Europe/Atlantis", "localtime", "+02:00", "CEST"] {
            assert!(name.parse::<Zone>().is_err(), "{name}");
        }
        assert_eq!("utc".parse(), Ok(Zone::default()));
    }
}
