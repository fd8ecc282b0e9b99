//! Times (W4, section 8): RFC 3339 or epoch numbers, kept to the nanosecond.

/// Nanoseconds since the epoch.
pub(crate) type Nanos = i128;

pub(crate) const SECOND: Nanos = 1_000_000_000;
const MILLISECOND: Nanos = 1_000_000;
pub(crate) const DAY: Nanos = 86_400 * SECOND;
/// The first nanosecond of the year 10000.
const END: Nanos = 253_402_300_800 * SECOND;

/// What a text or number means as a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Absent,
    Unusable,
    At(Nanos),
}

/// Cut to what is shown.
pub(crate) fn shown_ms(time: Nanos) -> i128 {
    time.div_euclid(MILLISECOND)
}

/// A whole epoch number, whose unit follows from its size; 0 is absent.
pub(crate) fn from_epoch(number: i128) -> Reading {
    let unit = match number {
        0 => return Reading::Absent,
        ..0 => return Reading::Unusable,
        1..100_000_000_000 => SECOND,
        100_000_000_000..100_000_000_000_000 => MILLISECOND,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    usable(number.checked_mul(unit))
}

/// Epoch seconds with a fraction: 1 to 11 digits that are not all 0, a point and 1 to 9 digits.
pub(crate) fn from_fraction(text: &str) -> Option<Reading> {
    let (whole, part) = text.split_once('.')?;
    let fits = (1..=11).contains(&whole.len()) && (1..=9).contains(&part.len());
    let seconds = digits(whole.as_bytes()).filter(|seconds| fits && *seconds > 0)?;
    let nanos = digits(format!("{part:0<9}").as_bytes())?;
    Some(usable(Some(seconds * SECOND + nanos)))
}

/// RFC 3339, with `T` or a space, with or without a zone.
pub(crate) fn from_rfc3339(text: &str) -> Reading {
    if text.starts_with("0001-01-01") {
        return Reading::Absent;
    }
    usable(nanos(text.as_bytes()))
}

/// Usable times lie in 1970-9999.
fn usable(time: Option<Nanos>) -> Reading {
    match time {
        Some(time) if (0..END).contains(&time) => Reading::At(time),
        _ => Reading::Unusable,
    }
}

fn nanos(text: &[u8]) -> Option<Nanos> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let shape_is_right = date_time[4] == b'-'
        && date_time[7] == b'-'
        && matches!(date_time[10], b'T' | b't' | b' ')
        && date_time[13] == b':'
        && date_time[16] == b':';
    if !shape_is_right {
        return None;
    }
    let year = digits(&date_time[0..4])?;
    let month = digits(&date_time[5..7])?;
    let day = digits(&date_time[8..10])?;
    let hour = digits(&date_time[11..13])?;
    let minute = digits(&date_time[14..16])?;
    let second = digits(&date_time[17..19])?;
    let day_exists = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !day_exists || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let days = days_before(year, month) + day - 1;
    // Second 60 runs over into the next minute.
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some((seconds - offset(zone)?) * SECOND + fraction)
}

fn digits(text: &[u8]) -> Option<i128> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0')))
}

/// Nothing, or a point and 1-9 digits; returns the nanoseconds and the rest of the text.
fn fraction(rest: &[u8]) -> Option<(Nanos, &[u8])> {
    let Some((b'.', after)) = rest.split_first() else {
        return Some((0, rest));
    };
    let count = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count > 9 {
        return None;
    }
    let mut nanos = digits(&after[..count])?;
    for _ in count..9 {
        nanos *= 10;
    }
    Some((nanos, &after[count..]))
}

/// Seconds east of UTC; no zone is UTC.
fn offset(zone: &[u8]) -> Option<i128> {
    match zone {
        [] | [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = digits(&[*h1, *h2]).filter(|hours| *hours < 24)?;
            let minutes = digits(&[*m1, *m2]).filter(|minutes| *minutes < 60)?;
            let seconds = (hours * 60 + minutes) * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn is_leap(year: i128) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i128, month: i128) -> i128 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the epoch to the first of the month, year by year and month by month.
fn days_before(year: i128, month: i128) -> i128 {
    let year_days = |year| if is_leap(year) { 366 } else { 365 };
    let years: i128 =
        if year >= 1970 { (1970..year).map(year_days).sum() } else { -(year..1970).map(year_days).sum::<i128>() };
    years + (1..month).map(|month| days_in(year, month)).sum::<i128>()
}
