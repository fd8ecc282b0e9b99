//! A bound of a moment, as a person writes it.

use std::fmt;
use std::str::FromStr;

use jiff::{Span, SpanRelativeTo};

use crate::effect::Seq;
use crate::time::Time;

/// A bound of a [`Moment`](crate::Moment) before it is resolved: some values depend on a clock, others on the database.
///
/// ```
/// use convofold_engine::When;
///
/// assert_eq!("seq:812".parse(), Ok(When::Seq(812)));
/// assert_eq!("-2h".parse(), Ok(When::Ago { ms: 7_200_000 }));
/// assert!("2026-03-02T09:40:11.003Z".parse::<When>().is_ok());
/// assert!("2026-03-02T09:40:11.003".parse::<When>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// A time: RFC 3339 with a zone, all digits significant.
    At(Time),
    /// The arrival of an event, by its sequence number: `seq:812`.
    Seq(Seq),
    /// The newest event: `latest`.
    Latest,
    /// A time before now: `-2h`, `-1h 30m`, `-7d`. A day is 24 hours.
    Ago {
        /// The distance from now in milliseconds.
        ms: u64,
    },
}

/// Why a text is not a [`When`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhenError {
    /// The time has no zone. A zone is never assumed: the answer would be that of another hour.
    #[error("{found:?} has no time zone: append Z for UTC, or an offset such as +01:00")]
    NoZone {
        /// The text.
        found: String,
    },
    /// It has none of the forms.
    #[error(
        "expected a time with a zone (2026-03-02T09:40:11Z), seq:N, latest, or a time before now (-2h), found {found:?}"
    )]
    Form {
        /// The text.
        found: String,
    },
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let text = text.trim();
        let form = || WhenError::Form { found: text.to_owned() };
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Some(seq) = text.strip_prefix("seq:") {
            return seq.parse().map(Self::Seq).map_err(|_| form());
        }
        if let Some(length) = text.strip_prefix('-') {
            return milliseconds(length).map(|ms| Self::Ago { ms }).ok_or_else(form);
        }
        let time = Time::parse_rfc3339(text).map_err(|_| form())?;
        if has_zone(text) { Ok(Self::At(time)) } else { Err(WhenError::NoZone { found: text.to_owned() }) }
    }
}

/// Whether an RFC 3339 time ends with a zone: something follows the seconds and their digits.
fn has_zone(time: &str) -> bool {
    const SECONDS_END: usize = 19;
    let rest = time.get(SECONDS_END..).unwrap_or_default();
    !rest.trim_start_matches(|digit: char| digit == '.' || digit.is_ascii_digit()).is_empty()
}

/// A length in jiff's friendly form, without a sign.
pub(crate) fn milliseconds(length: &str) -> Option<u64> {
    if !length.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let span: Span = length.parse().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    u64::try_from(length.as_millis()).ok()
}

impl fmt::Display for When {
    /// As [`When::from_str`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => f.write_str(&time.to_rfc3339()),
            Self::Seq(seq) => write!(f, "seq:{seq}"),
            Self::Latest => f.write_str("latest"),
            Self::Ago { ms } => write!(f, "-{ms}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(text: &str) -> Result<When, WhenError> {
        text.parse()
    }

    #[test]
    fn every_form_is_read_and_written() {
        let time = |ms, ns| When::At(Time::from_ms_and_ns(ms, ns).unwrap());
        for (text, expected) in [
            ("2021-07-29T05:11:08.595Z", time(1_627_535_468_595, 0)),
            ("2021-07-29 07:11:08.595000001+02:00", time(1_627_535_468_595, 1)),
            ("2021-07-29t05:11:08z", time(1_627_535_468_000, 0)),
            (" latest ", When::Latest),
            ("seq:812", When::Seq(812)),
            ("-2h", When::Ago { ms: 7_200_000 }),
            ("-1h30m", When::Ago { ms: 5_400_000 }),
            ("-1h 30m", When::Ago { ms: 5_400_000 }),
            ("-7d", When::Ago { ms: 604_800_000 }),
            ("-0s", When::Ago { ms: 0 }),
        ] {
            assert_eq!(when(text), Ok(expected), "{text}");
            assert_eq!(when(&expected.to_string()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_refused_by_name() {
        for text in ["2021-07-29T05:11:08", "2021-07-29 05:11:08.5", "2021-07-29T05:11:08.595000001"] {
            assert_eq!(when(text), Err(WhenError::NoZone { found: text.to_owned() }), "{text}");
        }
    }

    #[test]
    fn another_form_is_refused() {
        for text in [
            "",
            "now",
            "2021-07-29",
            "1627535468",
            "seq:",
            "seq:-1",
            "seq:x",
            "-",
            "--2h",
            "-2",
            "- 2h",
            "-2 moons",
            "-1mo",
            "2h",
            "0001-01-01T00:00:00Z",
            "2021-07-29T05:11:08.Z",
        ] {
            assert_eq!(when(text), Err(WhenError::Form { found: text.to_owned() }), "{text}");
        }
    }
}
