//! Losses: the smallest number of times that explain the gaps of many conversations.
//!
//! Each gap says that messages are missing somewhere in it. Sorted by their ends, each gap joins the first loss whose first gap
//! ends after this one begins, so that all gaps of a loss have a time in common; if there is none, it begins another loss. This
//! is the known way to pierce intervals with the fewest points.

use super::{Gap, Loss};

/// Gaps that are kept before they are merged. Losses that were merged join as what their gaps have in common, so that of more
/// gaps than this there can be more losses than the smallest number.
const GAPS_AT_ONCE: usize = if cfg!(test) { 64 } else { 1 << 16 };

#[derive(Debug, Default)]
pub(super) struct Losses {
    parts: Vec<Part>,
    /// The number of parts that were left by the last merge.
    merged: usize,
}

/// A gap, or gaps that have a time in common: after `from`, until `to`.
#[derive(Clone, Copy, Debug)]
struct Part {
    from: i64,
    to: i64,
    earliest: i64,
    latest: i64,
    gaps: u64,
    missing: u64,
}

impl Losses {
    pub(super) fn push(&mut self, Gap { after, until, missing }: Gap) {
        // A gap has at least one millisecond, whatever clock the source has.
        let after = after.min(until.saturating_sub(1));
        self.parts.push(Part { from: after, to: until, earliest: after, latest: until, gaps: 1, missing });
        if self.parts.len() >= 2 * self.merged + GAPS_AT_ONCE {
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.parts.sort_by_key(|part| (part.to, part.from));
        let mut merged: Vec<Part> = Vec::new();
        for part in self.parts.drain(..) {
            let first = merged.partition_point(|loss| loss.to <= part.from);
            match merged.get_mut(first) {
                Some(loss) => loss.join(part),
                None => merged.push(part),
            }
        }
        self.merged = merged.len();
        self.parts = merged;
    }

    pub(super) fn finish(mut self, source: &str) -> impl Iterator<Item = Loss> {
        self.merge();
        self.parts.into_iter().map(move |Part { from, to, earliest, latest, gaps, missing }| {
            let source = source.to_owned();
            Loss { source, from, to, earliest, latest, gaps, missing }
        })
    }
}

impl Part {
    /// Adds a part that ends at the same time or later, and begins before this one ends.
    fn join(&mut self, later: Self) {
        self.from = self.from.max(later.from);
        self.earliest = self.earliest.min(later.earliest);
        self.latest = self.latest.max(later.latest);
        self.gaps += later.gaps;
        self.missing = self.missing.saturating_add(later.missing);
    }
}
