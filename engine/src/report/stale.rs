//! Which buckets of a report a change of a conversation concerns.

use crate::report::groups::{Groups, KnownGroups};
use crate::report::measure::Measure;
use crate::report::names::Names;
use crate::report::placement::Placement;
use crate::report::query::ReportQuery;
use crate::report::transitions::Transitions;
use crate::report::walk::{Group, Item, Walk, What};

/// Compares what conversations contribute before and after a change. Durations belong to the bucket in which they end.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    query: &'a ReportQuery,
    placement: Placement,
    groups: Groups,
    stale: Vec<bool>,
}

/// What a conversation contributes.
#[derive(Default)]
struct Contribution {
    points: Vec<Point>,
    spans: Vec<Span>,
    names: Names,
}

/// Something in one bucket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    bucket: u32,
    group: Group,
    measure: Measure,
    what: PointKind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PointKind {
    Counted,
    Missed,
    Unknown,
    Lasted(i64),
}

/// Something that lasted, and can be in several buckets.
#[derive(Clone, Copy)]
struct Span {
    of: SpanOf,
    from: i64,
    until: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SpanOf {
    group: Group,
    measure: Measure,
    since: i64,
    amount: u64,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(query: &'a ReportQuery, placement: Placement) -> Self {
        let stale = placement.buckets.all().map(|_| false).collect();
        Self { query, placement, groups: Groups::new(&query.by), stale }
    }

    /// Compares a conversation before and after a change; `None` if it did not exist. Replaces its names, and returns `false` if
    /// they cannot be replaced ([`Names::replace`]).
    pub(crate) fn add(&mut self, before: Option<&Transitions>, after: Option<&Transitions>, names: &mut Names) -> bool {
        let before = before.map(|before| self.contribution(before)).unwrap_or_default();
        let after = after.map(|after| self.contribution(after)).unwrap_or_default();
        self.compare_points(before.points, after.points);
        self.compare_spans(&before.spans, &after.spans);
        names.replace(&before.names, &after.names)
    }

    /// Whether each bucket is concerned.
    pub(crate) fn into_stale(self) -> Vec<bool> {
        self.stale
    }

    fn contribution(&mut self, of: &Transitions) -> Contribution {
        let Self { query, placement, groups, .. } = self;
        let mut contribution = Contribution::default();
        let mut known = KnownGroups::new(of, &placement.buckets);
        let group_of = |standing: &_| groups.of_query(query, &mut known, of, standing);
        Walk::run(query, of, group_of, |item| contribution.add(&item, placement));
        contribution.names = groups.take_names();
        contribution
    }

    fn compare_points(&mut self, mut before: Vec<Point>, mut after: Vec<Point>) {
        before.sort_unstable();
        after.sort_unstable();
        let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
        loop {
            let point = match (before.peek(), after.peek()) {
                (None, None) => return,
                (Some(one), Some(other)) if one == other => {
                    before.next();
                    after.next();
                    continue;
                }
                (Some(one), Some(other)) if one < other => before.next(),
                (Some(_), None) => before.next(),
                (_, Some(_)) => after.next(),
            };
            let stale = point.and_then(|point| self.stale.get_mut(point.bucket as usize));
            stale.into_iter().for_each(|stale| *stale = true);
        }
    }

    /// Marks the buckets in which something lasts more often before than after, or less often.
    fn compare_spans(&mut self, before: &[Span], after: &[Span]) {
        let of = |spans: &[Span], sign: i32| {
            let edges = spans.iter().flat_map(|span| [(span.of, span.from, sign), (span.of, span.until, -sign)]);
            edges.collect::<Vec<_>>()
        };
        let mut edges = [of(before, -1), of(after, 1)].concat();
        edges.sort_unstable();
        for edges in edges.chunk_by(|one, other| one.0 == other.0) {
            let mut difference = 0;
            for (edge, next) in edges.iter().zip(edges.iter().skip(1)) {
                difference += edge.2;
                if difference != 0 && edge.1 < next.1 {
                    self.mark(edge.1, next.1);
                }
            }
        }
    }

    fn mark(&mut self, from: i64, until: i64) {
        let meeting = self.placement.buckets.meeting(from, until);
        for (bucket, _) in meeting {
            if let Some(stale) = self.stale.get_mut(bucket) {
                *stale = true;
            }
        }
    }
}

impl Contribution {
    fn add(&mut self, item: &Item, placement: &Placement) {
        let Item { measure, group, what, .. } = *item;
        let (bucket, kind) = match what {
            What::Event { at } | What::Once { at } => (placement.of_event(at), PointKind::Counted),
            What::Last { at, since, reopened_at } => (placement.of_ended(since, at, reopened_at), PointKind::Counted),
            What::Duration { since, at, length, reopened_at } => {
                (placement.of_ended(since, at, reopened_at), PointKind::Lasted(length))
            }
            What::Decided { since, at, is_met } => {
                let kind = if is_met { PointKind::Counted } else { PointKind::Missed };
                (placement.of_ended(since, at, i64::MAX), kind)
            }
            What::Unknown { at } => (placement.of_event(at), PointKind::Unknown),
            What::Pending { from, until, .. } => {
                let of = SpanOf { group, measure, since: 0, amount: 1 };
                return self.spans.push(Span { of, from, until });
            }
            What::Span { since, from, until, amount } => {
                let of = SpanOf { group, measure, since, amount };
                return self.spans.push(Span { of, from, until });
            }
        };
        self.points.extend(bucket.map(|bucket| Point { bucket, group, measure, what: kind }));
    }
}
