//! Durations in settings.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, SpanRelativeTo};
use serde::{Deserialize, Serialize};

/// A duration as people write it: `10s`, `1m 30s`, `PT10S`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl Span {
    /// A number of seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || format!("expected a duration such as 10s, 1m or PT10S, found {text:?}");
        let span: jiff::Span = text.trim().parse().map_err(|_| expected())?;
        let length = span.to_duration(SpanRelativeTo::days_are_24_hours());
        let length = length.map_err(|_| format!("months and years have no fixed length; write {text:?} in days"))?;
        Duration::try_from(length).map(Self).map_err(|_| format!("a duration cannot be negative, found {text:?}"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them_and_written_so() {
        for (text, seconds) in [("10s", 10), ("1m 30s", 90), ("PT10S", 10), ("2h", 7_200), ("1d", 86_400), ("0s", 0)] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span, Span::seconds(seconds), "{text}");
            assert_eq!(span.to_string().parse(), Ok(span), "{span}");
        }
        for text in ["", "10", "-10s", "1mo", "soon"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
