//! Times as epoch numbers (rule W4).

use super::{Time, TimeError};
use crate::json::{Integer, integer, large_integer};

/// Numbers below are seconds.
const SECONDS_END: i64 = 100_000_000_000;
/// Numbers below are milliseconds.
const MILLISECONDS_END: i64 = SECONDS_END * 1_000;
/// Numbers below are microseconds, all others nanoseconds.
const MICROSECONDS_END: i64 = MILLISECONDS_END * 1_000;

impl Time {
    /// Parses an epoch number (rule W4). Its unit follows from its size: seconds below 10^11, milliseconds below 10^14,
    /// microseconds below 10^17, otherwise nanoseconds. Seconds can have a decimal fraction.
    ///
    /// ```
    /// use convofold_engine::Time;
    ///
    /// let seconds = Time::parse_epoch("1627535468.595");
    /// assert_eq!(seconds, Time::parse_epoch("1627535468595"));
    /// ```
    ///
    /// # Errors
    /// [`TimeError`] if the text is not such a number, or the time lies outside 1970 to 9999.
    pub fn parse_epoch(text: &str) -> Result<Self, TimeError> {
        let (ms, sub_ms_ns) = match integer(text) {
            Integer::Whole(number @ ..0) => (number, 0),
            Integer::Whole(number @ ..SECONDS_END) => (number * 1_000, 0),
            Integer::Whole(number @ ..MILLISECONDS_END) => (number, 0),
            Integer::Whole(number @ ..MICROSECONDS_END) => (number / 1_000, number % 1_000 * 1_000),
            Integer::Whole(number) => (number / 1_000_000, number % 1_000_000),
            Integer::Unusable => match large_integer(text) {
                Some(number) => {
                    let ms = i64::try_from(number / 1_000_000).map_err(|_| TimeError::OutOfRange)?;
                    (ms, i64::try_from(number % 1_000_000).map_err(|_| TimeError::OutOfRange)?)
                }
                None => seconds_with_fraction(text).ok_or(TimeError::NotATime)?,
            },
            Integer::NotANumber => return Err(TimeError::NotATime),
        };
        let sub_ms_ns = u32::try_from(sub_ms_ns).map_err(|_| TimeError::OutOfRange)?;
        Self::from_ms_and_ns(ms, sub_ms_ns).ok_or(TimeError::OutOfRange)
    }
}

/// Milliseconds, and the nanoseconds below, of 1 to 11 digits that are not all 0, a point and 1 to 9 digits.
fn seconds_with_fraction(text: &str) -> Option<(i64, i64)> {
    let (seconds, fraction) = text.split_once('.')?;
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=11).contains(&seconds.len()) || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    if !are_digits(seconds) || !are_digits(fraction) || seconds.bytes().all(|digit| digit == b'0') {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let ns: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some((seconds * 1_000 + ns / 1_000_000, ns % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, ms: i64, sub_ms_ns: u32) {
        assert_eq!(Time::parse_epoch(text).map(|time| (time.ms(), time.sub_ms_ns())), Ok((ms, sub_ms_ns)), "{text}");
    }

    #[test]
    fn w4_the_unit_follows_from_the_size() {
        reads("1", 1_000, 0);
        reads("1627535468", 1_627_535_468_000, 0);
        reads("99999999999", 99_999_999_999_000, 0);
        reads("100000000000", 100_000_000_000, 0);
        reads("99999999999999", 99_999_999_999_999, 0);
        reads("100000000000000", 100_000_000_000, 0);
        reads("1627535468595123", 1_627_535_468_595, 123_000);
        reads("99999999999999999", 99_999_999_999_999, 999_000);
        reads("100000000000000000", 100_000_000_000, 0);
        reads("1627535468595123456", 1_627_535_468_595, 123_456);
        reads("9223372036854775808", 9_223_372_036_854, 775_808);
        reads("253402300799999999999", 253_402_300_799_999, 999_999);
        reads("16275354685e2", 1_627_535_468_500, 0);
        reads("1.627535468595e12", 1_627_535_468_595, 0);
        reads("1627535468595.0", 1_627_535_468_595, 0);
        for zero in ["0", "-0", "0.0", "-0.0e3", "000"] {
            reads(zero, 0, 0);
        }
    }

    #[test]
    fn w4_seconds_can_have_a_fraction() {
        reads("1627535468.5", 1_627_535_468_500, 0);
        reads("1627535468.123456789", 1_627_535_468_123, 456_789);
        reads("00000000001.000000001", 1_000, 1);
        for text in [
            "1627535468.1234567891",
            "0.5",
            "00.5",
            "000000000001.5",
            "1627535468595.5",
            "1627535468.5e0",
            "1.5e0",
            "-1.5",
            "1.",
            ".5",
            "1.5.5",
        ] {
            assert!(Time::parse_epoch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn w4_other_numbers_are_not_usable() {
        for text in ["-1", "-1e3", "253402300800000000000", "1e400", "99999999999999999999999999999999999999999"] {
            assert_eq!(Time::parse_epoch(text).map_err(|error| error == TimeError::YearOne), Err(false), "{text}");
        }
        for text in ["", "+1", "1 ", "0x1", "1_000", "soon", "1e"] {
            assert_eq!(Time::parse_epoch(text), Err(TimeError::NotATime), "{text}");
        }
    }
}
