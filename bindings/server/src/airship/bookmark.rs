//! Where the stream continues.

use serde::{Deserialize, Serialize};

use crate::upstreams::UpstreamGap;

/// Airship keeps events for this time.
pub(super) const RETENTION_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// The maximum length of an offset; the store limits the whole value.
pub(super) const MAX_OFFSET_BYTES: usize = 3 << 10;

/// The value of the bookmark, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bookmark {
    /// The opaque offset of the last line.
    pub(super) offset: String,
    /// When Airship had processed the last line, in milliseconds since the epoch.
    pub(super) at: i64,
    /// A period whose events may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gap: Option<UpstreamGap>,
}

impl Bookmark {
    /// The name of the bookmark of an app.
    pub(super) fn name(app_key: &str) -> String {
        format!("airship/{app_key}")
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(value)
    }

    pub(super) fn to_value(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The period before this time whose events Airship has discarded, if they were not read.
    pub(super) fn gap_at(&self, now: i64) -> Option<UpstreamGap> {
        let until = now.saturating_sub(RETENTION_MS);
        (self.at < until).then_some(UpstreamGap { from: self.at, until })
    }
}

/// A gap is shown for as long as Airship keeps events, after it was found.
pub(super) fn still_shown(gap: Option<UpstreamGap>, now: i64) -> Option<UpstreamGap> {
    gap.filter(|gap| now.saturating_sub(gap.until) <= 2 * RETENTION_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_begins_after_seven_days_and_is_shown_for_seven_more() {
        let bookmark = Bookmark { offset: "o".to_owned(), at: 1_000, gap: None };
        assert_eq!(bookmark.gap_at(1_000 + RETENTION_MS), None);
        let gap = bookmark.gap_at(1_001 + RETENTION_MS);
        assert_eq!(gap, Some(UpstreamGap { from: 1_000, until: 1_001 }));
        assert_eq!(still_shown(gap, 1_001 + 2 * RETENTION_MS), gap);
        assert_eq!(still_shown(gap, 1_002 + 2 * RETENTION_MS), None);
        let with_gap = Bookmark { gap, ..bookmark.clone() };
        for bookmark in [bookmark, with_gap] {
            assert_eq!(Bookmark::read(&bookmark.to_value()).unwrap(), bookmark);
        }
    }
}
