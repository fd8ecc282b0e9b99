//! Points in time with every digit a source gives (spec section 2: ordering uses all digits, what is shown is cut to
//! milliseconds).

use std::fmt;
use std::num::NonZeroU32;

const MS_PER_SECOND: i64 = 1_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A UTC point in time between 1970 and 9999, to the nanosecond.
///
/// Everything that convofold shows is [`Time::ms`]; the digits below the millisecond only decide the order of events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// The upper half of the milliseconds since the epoch, plus one: so that an `Option<Time>` takes no more room than a
    /// `Time`, and that takes 12 bytes: an event remembers up to five.
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

    /// The time that lies `ms` milliseconds after the epoch; `None` outside 1970-9999 (spec W4).
    #[must_use]
    pub fn from_ms(ms: i64) -> Option<Self> {
        Self::from_ms_and_ns(ms, 0)
    }

    /// Like [`Time::from_ms`] with `sub_ms_ns` nanoseconds (below 1,000,000) more.
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

    /// Milliseconds since the epoch: what is shown.
    #[must_use]
    pub fn ms(self) -> i64 {
        i64::from(self.upper_ms_plus_one.get() - 1) << u32::BITS | i64::from(self.lower_ms)
    }

    /// The nanoseconds below the millisecond, 0 to 999,999: what only orders.
    #[must_use]
    pub fn sub_ms_ns(self) -> u32 {
        self.sub_ms_ns
    }

    /// Reads an RFC 3339 time, a zone-less one being UTC (spec W4): `T` or a space between date and time, up to nine
    /// fractional digits, a leap second being the first second of the next minute.
    ///
    /// # Errors
    /// [`TimeError`] says whether the text is no such time, the year-one placeholder, or outside 1970-9999.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let bytes = text.as_bytes();
        if bytes.starts_with(b"0001-01-01") {
            return Err(TimeError::YearOne);
        }
        let civil = Civil::parse(bytes).ok_or(TimeError::NotATime)?;
        civil.to_time().ok_or(TimeError::OutOfRange)
    }
}

impl Time {
    /// RFC 3339 in UTC with all digits: nine, or three where the rest are zeros. It reads back as the same time.
    pub(crate) fn to_rfc3339(self) -> String {
        let mut written = self.to_string();
        if self.sub_ms_ns() > 0 {
            written.pop();
            written.push_str(&format!("{:06}Z", self.sub_ms_ns()));
        }
        written
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with milliseconds, for example `2021-07-29T05:11:08.595Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ms() / MS_PER_SECOND;
        let (year, month, day) = civil_from_days(seconds / SECONDS_PER_DAY);
        let of_day = seconds % SECONDS_PER_DAY;
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let ms = self.ms() % MS_PER_SECOND;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}+{}ns", self.sub_ms_ns())
    }
}

/// Why a text is not a usable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not written as RFC 3339.
    #[error("not an RFC 3339 time")]
    NotATime,
    /// `0001-01-01...`, which SuperOffice writes for "none".
    #[error("the year-one placeholder for no time")]
    YearOne,
    /// Well written, but before 1970 or after 9999.
    #[error("outside the years 1970 to 9999")]
    OutOfRange,
}

/// The parts of a written time, each within its own bounds.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
    ns: u32,
    offset_minutes: i64,
}

impl Civil {
    fn parse(text: &[u8]) -> Option<Self> {
        let (written, rest) = text.split_first_chunk::<19>()?;
        #[rustfmt::skip]
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', h1, h2, b':', n1, n2, b':', s1, s2] = written
        else {
            return None;
        };
        let year = pair(*y1, *y2)? * 100 + pair(*y3, *y4)?;
        let (month, day) = (pair(*m1, *m2)?, pair(*d1, *d2)?);
        let [hour, minute, second] = [pair(*h1, *h2)?, pair(*n1, *n2)?, pair(*s1, *s2)?];
        let in_bounds = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        let (ns, zone) = fraction(rest)?;
        in_bounds.then_some(Self {
            year,
            month,
            day,
            second_of_day: hour * 3_600 + minute * 60 + second,
            ns,
            offset_minutes: offset_minutes(zone)?,
        })
    }

    fn to_time(&self) -> Option<Time> {
        let days = days_from_civil(self.year, self.month, self.day);
        let seconds = days * SECONDS_PER_DAY + self.second_of_day - self.offset_minutes * 60;
        let ms = seconds * MS_PER_SECOND + i64::from(self.ns / 1_000_000);
        Time::from_ms_and_ns(ms, self.ns % 1_000_000)
    }
}

/// The number that two digits are.
#[inline]
fn pair(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(i64::from(tens) * 10 + i64::from(ones))
}

/// The nanoseconds of an optional fraction, and what follows it.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    const POWERS: [u32; 10] = [0, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let Some(rest) = text.strip_prefix(b".") else { return Some((0, text)) };
    let (mut count, mut number) = (0, 0);
    while let Some(digit) = rest.get(count).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        count += 1;
        // No more than nine digits are accepted below, and so many fit.
        number = u32::wrapping_add(u32::wrapping_mul(number, 10), digit.into());
    }
    let power = POWERS.get(count).filter(|power| **power > 0)?;
    Some((number * power, rest.get(count..)?))
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        [] | b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (pair(*h1, *h2)?, pair(*m1, *m2)?);
            let offset = hours * 60 + minutes;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the epoch in the proleptic Gregorian calendar, counting years from March so that the leap day is last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_made_of_its_milliseconds_and_what_is_below_them() {
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

    #[track_caller]
    fn reads(text: &str, ms: i64, sub_ms_ns: u32) {
        assert_eq!(Time::parse_rfc3339(text).map(|time| (time.ms(), time.sub_ms_ns())), Ok((ms, sub_ms_ns)), "{text}");
    }

    #[test]
    fn w4_accepts_every_written_form() {
        reads("2021-07-29T05:11:08.595Z", 1_627_535_468_595, 0);
        reads("2019-08-13 19:15:00.000000", 1_565_723_700_000, 0);
        reads("2022-01-11T11:30:00", 1_641_900_600_000, 0);
        reads("2018-04-24T08:18:42.089895Z", 1_524_557_922_089, 895_000);
        reads("2018-04-24t10:18:42.8912039+02:00", 1_524_557_922_891, 203_900);
        reads("2018-04-24T08:18:42.123456789z", 1_524_557_922_123, 456_789);
        reads("1969-12-31T23:30:00-00:30", 0, 0);
        reads("2024-02-29T00:00:00Z", 1_709_164_800_000, 0);
    }

    #[test]
    fn fine_print_a_leap_second_is_the_next_minutes_first_second() {
        reads("2016-12-31T23:59:60Z", 1_483_228_800_000, 0);
        reads("2016-12-31T23:59:60.25Z", 1_483_228_800_250, 0);
    }

    #[test]
    fn w4_refuses_what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2021-07-29",
            "2021-07-29T05:11",
            "2021-13-01T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "2021-07-29T24:00:00Z",
            "2021-07-29T05:11:61Z",
            "2021-07-29T05:11:08.Z",
            "2021-07-29T05:11:08.1234567890Z",
            "2021-07-29T05:11:08+0200",
            "2021-07-29T05:11:08 Z",
            "2021-07-29X05:11:08Z",
            "２021-07-29T05:11:08Z",
        ] {
            assert_eq!(Time::parse_rfc3339(text), Err(TimeError::NotATime), "{text}");
        }
    }

    #[test]
    fn w4_year_one_is_a_placeholder_and_other_years_have_bounds() {
        assert_eq!(Time::parse_rfc3339("0001-01-01T00:00:00"), Err(TimeError::YearOne));
        assert_eq!(Time::parse_rfc3339("1969-12-31T23:59:59.999Z"), Err(TimeError::OutOfRange));
        assert_eq!(Time::parse_rfc3339("9999-12-31T23:59:59-01:00"), Err(TimeError::OutOfRange));
        assert_eq!(Time::parse_rfc3339("9999-12-31T23:59:59.999999999Z"), Ok(Time::MAX));
    }

    #[test]
    fn a_time_written_with_all_digits_reads_back_as_itself() {
        for text in ["1970-01-01T00:00:00.000Z", "2000-02-29T12:34:56.789000001Z", "9999-12-31T23:59:59.999999999Z"] {
            assert_eq!(Time::parse_rfc3339(text).map(Time::to_rfc3339), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_time_is_shown_as_it_is_read() {
        for text in ["1970-01-01T00:00:00.000Z", "2000-02-29T12:34:56.789Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(Time::parse_rfc3339(text).map(|time| time.to_string()), Ok(text.to_owned()));
        }
    }
}
