//! Points in time to the nanosecond. Ordering uses all digits; the displayed form ends at milliseconds.

mod epoch;
mod rfc3339;
mod zone;

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

pub use rfc3339::TimeError;
pub use zone::{UnknownZone, Zone};

/// A UTC point in time between 1970 and 9999, to the nanosecond.
///
/// Reports show [`Time::ms`]; the digits below the millisecond only decide the order of events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// The upper half of the milliseconds since the epoch, plus one. The niche keeps an `Option<Time>` at 12 bytes; an
    /// event has up to five of them.
    upper_ms_plus_one: NonZeroU32,
    lower_ms: u32,
    /// The nanoseconds below the millisecond.
    sub_ms_ns: u32,
}

const MAX_MS: i64 = 253_402_300_799_999;
const MAX_SUB_MS_NS: u32 = 999_999;

impl Time {
    /// The first usable time, 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self { upper_ms_plus_one: NonZeroU32::MIN, lower_ms: 0, sub_ms_ns: 0 };
    /// The last usable time, the last nanosecond of the year 9999.
    pub const MAX: Self = Self {
        upper_ms_plus_one: NonZeroU32::MIN.saturating_add(58_999),
        lower_ms: 3_525_303_295,
        sub_ms_ns: MAX_SUB_MS_NS,
    };

    /// The time `ms` milliseconds after the epoch; `None` outside 1970-9999 (W4).
    #[must_use]
    pub fn from_ms(ms: i64) -> Option<Self> {
        Self::from_ms_and_ns(ms, 0)
    }

    /// [`Time::from_ms`] plus `sub_ms_ns` nanoseconds; `None` if these are 1,000,000 or more.
    #[must_use]
    pub fn from_ms_and_ns(ms: i64, sub_ms_ns: u32) -> Option<Self> {
        if !(0..=MAX_MS).contains(&ms) || sub_ms_ns > MAX_SUB_MS_NS {
            return None;
        }
        let ms = ms.unsigned_abs();
        let upper_ms = u32::try_from(ms >> u32::BITS).ok()?;
        let lower_ms = u32::try_from(ms & u64::from(u32::MAX)).ok()?;
        Some(Self { upper_ms_plus_one: NonZeroU32::MIN.saturating_add(upper_ms), lower_ms, sub_ms_ns })
    }

    /// The time of the system's clock.
    ///
    /// For hosts. The state depends on the events only, so nothing in convofold's engine calls it.
    #[cfg(feature = "clock")]
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Milliseconds since the epoch, rounded down.
    #[must_use]
    pub fn ms(self) -> i64 {
        i64::from(self.upper_ms_plus_one.get() - 1) << u32::BITS | i64::from(self.lower_ms)
    }

    /// The nanoseconds below the millisecond, 0 to 999,999.
    #[must_use]
    pub fn sub_ms_ns(self) -> u32 {
        self.sub_ms_ns
    }

    /// The nanoseconds from another time to this one; negative if this one is earlier.
    pub(crate) fn ns_since(self, other: Self) -> i128 {
        let ms = i128::from(self.ms()) - i128::from(other.ms());
        ms * 1_000_000 + i128::from(self.sub_ms_ns) - i128::from(other.sub_ms_ns)
    }
}

impl From<SystemTime> for Time {
    /// A time before 1970 or after 9999 becomes the nearest usable time.
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self::from_ms_and_ns(ms, since_epoch.subsec_nanos() % 1_000_000).unwrap_or(Self::MAX)
    }
}

impl From<Time> for SystemTime {
    fn from(time: Time) -> Self {
        let since_epoch = Duration::from_millis(time.ms().unsigned_abs());
        Self::UNIX_EPOCH + since_epoch + Duration::from_nanos(time.sub_ms_ns().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_system_is_a_time() {
        let time = Time::from_ms_and_ns(1_700_000_000_123, 456_789).unwrap();
        assert_eq!(Time::from(SystemTime::from(time)), time);
        assert_eq!(Time::from(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), Time::MIN);
        let beyond = SystemTime::UNIX_EPOCH + Duration::from_secs(300_000_000_000);
        assert_eq!(Time::from(beyond), Time::MAX);
    }

    #[test]
    fn a_time_consists_of_milliseconds_and_the_nanoseconds_below() {
        for ms in [0, 1, (1 << 32) - 1, 1 << 32, 1_700_000_000_123, MAX_MS] {
            let time = Time::from_ms_and_ns(ms, 7).unwrap();
            assert_eq!((time.ms(), time.sub_ms_ns()), (ms, 7));
            assert!(Time::from_ms(ms).unwrap() < time);
            assert!(Time::from_ms_and_ns(ms - 1, MAX_SUB_MS_NS).is_none_or(|before| before < time));
        }
        assert_eq!((Time::MAX.ms(), Time::MAX.sub_ms_ns()), (MAX_MS, MAX_SUB_MS_NS));
        assert_eq!((Time::from_ms(-1), Time::from_ms(MAX_MS + 1), Time::MIN.ms()), (None, None, 0));
        assert_eq!(size_of::<Option<Time>>(), 12);
    }

    #[test]
    fn a_difference_has_all_digits() {
        let time = |ms, ns| Time::from_ms_and_ns(ms, ns).unwrap();
        assert_eq!(time(1_000, 0).ns_since(time(0, 0)), 1_000_000_000);
        assert_eq!(time(1_000, 1).ns_since(time(1, MAX_SUB_MS_NS)), 998_000_002);
        assert_eq!(time(0, 2).ns_since(time(0, 5)), -3);
        assert_eq!(Time::MIN.ns_since(Time::MAX), -253_402_300_799_999_999_999);
    }
}
