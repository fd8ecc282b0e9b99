//! Times and durations for people. Times are UTC, as in the events.

use convofold::Time;
use std::time::Duration;

use super::text::UNKNOWN;

/// A time to the second: `2021-07-29 05:11:08`.
#[must_use]
pub fn to_second(ms: i64) -> String {
    written(ms).get(..19).unwrap_or(UNKNOWN).replace('T', " ")
}

/// A time to the millisecond: `2021-07-29 05:11:08.595`.
#[must_use]
pub fn to_millisecond(ms: i64) -> String {
    written(ms).trim_end_matches('Z').replace('T', " ")
}

fn written(ms: i64) -> String {
    Time::from_ms(ms).map_or_else(|| UNKNOWN.to_owned(), |time| time.to_string())
}

/// A duration in its two largest units: `1d 4h`, `12m 05s`, `850ms`.
#[must_use]
pub fn length(ms: i64) -> String {
    let ms = ms.max(0);
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match (hours, minutes, seconds) {
        (24.., _, _) => format!("{}d {}h", hours / 24, hours % 24),
        (1.., _, _) => format!("{hours}h {:02}m", minutes % 60),
        (_, 1.., _) => format!("{minutes}m {:02}s", seconds % 60),
        (_, _, 1..) => format!("{seconds}s"),
        _ => format!("{ms}ms"),
    }
}

/// The time since then; zero if it lies in the future.
#[must_use]
pub fn since(then: Option<i64>, now: i64) -> String {
    then.map_or_else(|| UNKNOWN.to_owned(), |then| length(now.saturating_sub(then)))
}

/// An elapsed time: `1.24 s`.
#[must_use]
pub fn took(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 { format!("{seconds:.2} s") } else { length(ms(duration)) }
}

/// A duration in whole milliseconds.
#[must_use]
pub fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_and_not_rounded() {
        assert_eq!(to_second(1_627_535_468_999), "2021-07-29 05:11:08");
        assert_eq!(to_millisecond(1_627_535_468_595), "2021-07-29 05:11:08.595");
        assert_eq!(to_second(-1), "-");
    }

    #[test]
    fn lengths_show_their_two_largest_units() {
        for (ms, text) in [
            (0, "0ms"),
            (850, "850ms"),
            (59_999, "59s"),
            (725_000, "12m 05s"),
            (5_400_000, "1h 30m"),
            (100_800_000, "1d 4h"),
            (-5, "0ms"),
        ] {
            assert_eq!(length(ms), text);
        }
    }
}
