//! Times as RFC 3339 text. The accepted form is narrower than that of jiff's parser, so it is matched here. Zones and the
//! writing are jiff's.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;

use super::{Time, Zone};

pub(super) const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Time {
    /// Parses an RFC 3339 time (rule W4): `T` or a space between date and time, zero to nine fractional digits, UTC if
    /// no zone is given. A leap second is the first second of the next minute.
    ///
    /// # Errors
    /// [`TimeError`] if the text has another form, is the year-one placeholder, or lies outside 1970 to 9999.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        Self::parse_rfc3339_in(text, &Zone::UTC)
    }

    /// Like [`Time::parse_rfc3339`], with the zone that applies if the text gives none.
    ///
    /// # Errors
    /// As for [`Time::parse_rfc3339`].
    pub fn parse_rfc3339_in(text: &str, zone: &Zone) -> Result<Self, TimeError> {
        let bytes = text.as_bytes();
        if bytes.starts_with(b"0001-01-01") {
            return Err(TimeError::YearOne);
        }
        let (seconds, ns) = since_epoch(bytes, zone).ok_or(TimeError::NotATime)?;
        Self::from_ms_and_ns(seconds * 1_000 + i64::from(ns / 1_000_000), ns % 1_000_000).ok_or(TimeError::OutOfRange)
    }

    /// RFC 3339 in UTC with all digits: nine, or three if the rest are zeros. `Display` always writes three.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_rfc3339(if self.sub_ms_ns() > 0 { 9 } else { 3 }, &mut text);
        text
    }

    fn write_rfc3339(self, digits: u8, to: &mut impl fmt::Write) -> fmt::Result {
        let since_epoch = SignedDuration::from_millis(self.ms()) + SignedDuration::from_nanos(self.sub_ms_ns().into());
        // Not a `jiff::Timestamp`: these end some hours before the year 9999 does.
        let civil = EPOCH.checked_add(since_epoch).map_err(|_| fmt::Error)?;
        let printer = DateTimePrinter::new().precision(Some(digits));
        printer.print_datetime(&civil, StdFmtWrite(&mut *to)).map_err(|_| fmt::Error)?;
        to.write_char('Z')
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with milliseconds, for example `2021-07-29T05:11:08.595Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_rfc3339(3, f)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_rfc3339(9, f)
    }
}

/// Why a text is not a usable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The text is not RFC 3339.
    #[error("not an RFC 3339 time")]
    NotATime,
    /// `0001-01-01...`, which SuperOffice writes for an absent time.
    #[error("the year-one placeholder for no time")]
    YearOne,
    /// A time before 1970 or after 9999.
    #[error("outside the years 1970 to 9999")]
    OutOfRange,
}

/// The seconds since the epoch that a text states, and the nanoseconds below; `None` if it has another form or a part is
/// out of its bounds.
fn since_epoch(text: &[u8], zone: &Zone) -> Option<(i64, u32)> {
    let (civil, rest) = text.split_first_chunk::<19>()?;
    #[rustfmt::skip]
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', h1, h2, b':', n1, n2, b':', s1, s2] = civil
    else {
        return None;
    };
    let year = u32::from(pair(*y1, *y2)?) * 100 + u32::from(pair(*y3, *y4)?);
    let (month, day) = (pair(*m1, *m2)?, pair(*d1, *d2)?);
    // A leap second is the first second of the next minute.
    let (hour, minute, second) = (pair(*h1, *h2)?, pair(*n1, *n2)?, pair(*s1, *s2)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (ns, offset) = fraction(rest)?;
    let seconds = days_since_epoch(year, month, day)? * 86_400
        + i64::from(hour) * 3_600
        + i64::from(minute) * 60
        + i64::from(second);
    let offset_seconds = match offset {
        [] => zone.offset_seconds(seconds - i64::from(second == 60)),
        offset => offset_seconds(offset)?,
    };
    Some((seconds - offset_seconds, ns))
}

/// The days from 1970-01-01 to a date; `None` if there is no such date. It is jiff's calendar (tested), in a few steps.
fn days_since_epoch(year: u32, month: u8, day: u8) -> Option<i64> {
    const DAYS: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = *DAYS.get(usize::from(month).checked_sub(1)?)? + u8::from(is_leap && month == 2);
    if day == 0 || day > days {
        return None;
    }
    // Years that begin in March have the leap day as their last. They are counted from 400 years before the year 0.
    let (year, months) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let days_before_month = (153 * u32::from(months) + 2) / 5;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + days_before_month + u32::from(day - 1);
    Some(i64::from(days) - 865_565)
}

/// The value of two digits.
#[inline]
fn pair(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| tens * 10 + ones)
}

/// The nanoseconds of an optional fraction, and the rest of the text.
#[inline]
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    const UNITS: [u32; 9] = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let Some(text) = text.strip_prefix(b".") else { return Some((0, text)) };
    let (mut sum, mut rest, mut unit) = (0, text, None);
    for next in UNITS {
        let Some((digit @ b'0'..=b'9', after)) = rest.split_first() else { break };
        (sum, rest, unit) = (sum * 10 + u32::from(digit - b'0'), after, Some(next));
    }
    // A tenth digit is part of the rest, which is no offset then.
    Some((sum * unit?, rest))
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (i64::from(pair(*h1, *h2)?), i64::from(pair(*m1, *m2)?));
            let seconds = (hours * 60 + minutes) * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::fmt::temporal::Pieces;
    use proptest::prelude::*;

    use super::*;

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
    fn fine_print_a_leap_second_is_the_first_second_of_the_next_minute() {
        reads("2016-12-31T23:59:60Z", 1_483_228_800_000, 0);
        reads("2016-12-31T23:59:60.25Z", 1_483_228_800_250, 0);
        reads("2017-01-01T00:59:60.000000001+01:00", 1_483_228_800_000, 1);
        assert_eq!(Time::parse_rfc3339("9999-12-31T23:59:60Z"), Err(TimeError::OutOfRange));
    }

    #[test]
    fn w4_rejects_other_texts() {
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
            // Forms that jiff's own parser accepts.
            "20210729T051108Z",
            "2021-W30-4T05:11:08Z",
            "+002021-07-29T05:11:08Z",
            "2021-07-29T05:11:08,595Z",
            "2021-07-29T05:11:08+02",
            "2021-07-29T05:11:08+24:30",
            "2021-07-29T05:11:08+02:00:00",
            "2021-07-29T05:11:08Z[UTC]",
        ] {
            assert_eq!(Time::parse_rfc3339(text), Err(TimeError::NotATime), "{text}");
        }
    }

    #[test]
    fn w4_year_one_is_a_placeholder_and_years_are_bounded() {
        assert_eq!(Time::parse_rfc3339("0001-01-01T00:00:00"), Err(TimeError::YearOne));
        assert_eq!(Time::parse_rfc3339("1969-12-31T23:59:59.999Z"), Err(TimeError::OutOfRange));
        assert_eq!(Time::parse_rfc3339("9999-12-31T23:59:59-01:00"), Err(TimeError::OutOfRange));
        assert_eq!(Time::parse_rfc3339("9999-12-31T23:59:59.999999999Z"), Ok(Time::MAX));
    }

    #[test]
    fn all_digits_survive_a_round_trip() {
        for text in ["1970-01-01T00:00:00.000Z", "2000-02-29T12:34:56.789000001Z", "9999-12-31T23:59:59.999999999Z"] {
            assert_eq!(Time::parse_rfc3339(text).map(Time::to_rfc3339), Ok(text.to_owned()));
        }
    }

    #[test]
    fn display_is_rfc_3339_with_milliseconds() {
        for text in ["1970-01-01T00:00:00.000Z", "2000-02-29T12:34:56.789Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(Time::parse_rfc3339(text).map(|time| time.to_string()), Ok(text.to_owned()));
        }
    }

    fn our_since_epoch(text: &str) -> Option<SignedDuration> {
        let (seconds, ns) = since_epoch(text.as_bytes(), &Zone::UTC)?;
        Some(SignedDuration::from_secs(seconds) + SignedDuration::from_nanos(ns.into()))
    }

    /// What jiff's own parser makes of a text. It reads a leap second as second 59.
    fn jiff_since_epoch(text: &str) -> Option<SignedDuration> {
        let pieces = Pieces::parse(text).ok()?;
        let leap_second = i64::from(text.get(17..19) == Some("60"));
        let offset = pieces.to_numeric_offset().map_or(0, |offset| i64::from(offset.seconds()));
        let civil = pieces.date().to_datetime(pieces.time()?);
        Some(civil.duration_since(EPOCH) + SignedDuration::from_secs(leap_second - offset))
    }

    /// Text of the accepted form; its parts can be out of bounds, except the hours of the offset, of which jiff allows 25.
    const FORM: &str = r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-6][0-9])?";

    #[test]
    fn every_day_is_that_of_jiff() {
        let mut date = jiff::civil::date(0, 1, 1);
        let mut days = days_since_epoch(0, 1, 1).unwrap();
        while date.year() < 9999 || date.month() < 12 || date.day() < 31 {
            let part = |part: i8| u8::try_from(part).unwrap();
            let year = u32::try_from(date.year()).unwrap();
            assert_eq!(days_since_epoch(year, part(date.month()), part(date.day())), Some(days), "{date}");
            assert_eq!(days_since_epoch(year, part(date.month()), part(date.days_in_month()) + 1), None, "{date}");
            (date, days) = (date.tomorrow().unwrap(), days + 1);
        }
        assert_eq!(days_since_epoch(1970, 1, 1), Some(0));
    }

    proptest! {
        #[test]
        fn jiff_agrees_on_text_of_the_accepted_form(text in FORM) {
            prop_assert_eq!(our_since_epoch(&text), jiff_since_epoch(&text));
        }

        #[test]
        fn jiff_agrees_on_whatever_is_accepted(text in FORM, at in any::<prop::sample::Index>(), with in "[0-9TZWz:., +\\[-]{0,2}") {
            let mut text = text;
            let at = at.index(text.len());
            text.replace_range(at..=at, &with);
            if let Some(read) = our_since_epoch(&text) {
                prop_assert_eq!(jiff_since_epoch(&text), Some(read));
            }
        }

        #[test]
        fn what_is_written_reads_back(ms in 0..=super::super::MAX_MS, sub_ms_ns in 0..1_000_000_u32) {
            let time = Time::from_ms_and_ns(ms, sub_ms_ns).unwrap();
            prop_assert_eq!(Time::parse_rfc3339(&time.to_rfc3339()), Ok(time));
            prop_assert_eq!(Time::parse_rfc3339(&time.to_string()), Ok(Time::from_ms(ms).unwrap()));
        }
    }
}
