//! In which bucket something counts.

use crate::report::buckets::Buckets;
use crate::report::query::Attribution;

/// The buckets of a report, and the rule by which durations belong to them.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) buckets: Buckets,
    pub(crate) attribute: Attribution,
}

#[expect(clippy::cast_possible_truncation, reason = "the number of buckets is bounded")]
impl Placement {
    /// The bucket of something that happened.
    pub(crate) fn of_event(&self, at: i64) -> Option<u32> {
        self.buckets.find(at).map(|bucket| bucket as u32)
    }

    /// The bucket of something that began and ended, unless it was undone before the end of the bucket, or of the report if
    /// it belongs to its beginning.
    pub(crate) fn of_ended(&self, since: i64, at: i64, undone_at: i64) -> Option<u32> {
        match self.attribute {
            Attribution::End => {
                let bucket = self.buckets.find(at)?;
                (undone_at >= self.buckets.bounds(bucket).1).then_some(bucket as u32)
            }
            Attribution::Start => {
                let is_ended = at < self.buckets.to() && undone_at >= self.buckets.to();
                self.of_event(since).filter(|_| is_ended)
            }
        }
    }

    /// The bucket of something that began with `since` and runs at the end of the report, if it belongs to its beginning.
    pub(crate) fn of_running(&self, since: i64, (from, until): (i64, i64)) -> Option<u32> {
        let to = self.buckets.to();
        self.of_event(since).filter(|_| from < to && until >= to)
    }

    /// The buckets at whose end something was that began with an event at `from` and ended with one at `until`: the first one, and
    /// the one after the last. There is none if the first one is not before that.
    pub(crate) fn ends(&self, (from, until): (i64, i64)) -> (u32, u32) {
        let before = |at: i64| match self.buckets.find(at) {
            Some(bucket) => bucket,
            None if at < self.buckets.from() => 0,
            None => self.buckets.len(),
        };
        (before(from) as u32, before(until) as u32)
    }

    /// These buckets, with their ends.
    pub(crate) fn at_end(&self, span: (i64, i64)) -> impl Iterator<Item = (u32, i64)> {
        let (first, end) = self.ends(span);
        (first..end).map(|bucket| (bucket, self.buckets.bounds(bucket as usize).1))
    }

    /// The buckets that have time in common with a span, with this time.
    pub(crate) fn parts(&self, (from, until): (i64, i64)) -> impl Iterator<Item = (u32, (i64, i64))> {
        let meeting = self.buckets.meeting(from, until);
        meeting.map(move |(bucket, (begin, end))| (bucket as u32, (begin.max(from), end.min(until))))
    }
}
