//! The conversations behind a number of a report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashSet;
use serde::{Deserialize, Serialize, Serializer};

use crate::report::ReportQueryError;
use crate::report::answer::GroupsMap;
use crate::report::builder::placement;
use crate::report::groups::{GroupValue, Groups, KnownGroups};
use crate::report::measure::{Measure, MeasureKind};
use crate::report::placement::Placement;
use crate::report::query::{Attribution, GroupBy, ReportQuery};
use crate::report::read;
use crate::report::transitions::Transitions;
use crate::report::walk::{Group, Item, Walk, What};

/// What a measure of a report counted: for each number, the conversations and turns of which it consists.
///
/// There are as many as the number says: as the level at the end of a bucket, as the count, as `n`, or as `met + missed`; then
/// come those that are pending. For [`Measure::Unread`] and for totals the sum of their values is the number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Behind {
    /// The measure.
    pub measure: Measure,
    /// What it counted, by bucket, group and time.
    pub rows: Vec<BehindRow>,
}

/// One thing that a measure counted. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BehindRow {
    /// The beginning of the bucket.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// The group.
    #[serde(rename = "by", serialize_with = "as_map", deserialize_with = "read::group")]
    pub group: Vec<(GroupBy, GroupValue)>,
    /// The id of the conversation.
    pub conversation: Arc<str>,
    /// When it began, if it has a beginning.
    pub since: Option<i64>,
    /// When it happened or ended; `None` if it has not ended.
    pub at: Option<i64>,
    /// Its duration in milliseconds, or its unread messages, at most [`i64::MAX`].
    pub value: Option<i64>,
    /// What became of it, if that is not the same for all.
    pub outcome: Option<RowOutcome>,
}

/// What became of a turn, or of a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RowOutcome {
    /// Answered in time.
    Met,
    /// Not answered when the time had passed.
    Missed,
    /// Not ended.
    Pending,
}

crate::named! { RowOutcome is a "outcome": Met "met", Missed "missed", Pending "pending" }

fn as_map<S: Serializer>(group: &[(GroupBy, GroupValue)], serializer: S) -> Result<S::Ok, S::Error> {
    GroupsMap(group).serialize(serializer)
}

/// Lists what is behind the numbers of a measure, from one conversation after another, in any order.
#[derive(Debug)]
pub struct BehindBuilder {
    query: ReportQuery,
    measure: Measure,
    placement: Placement,
    groups: Groups,
    found: Vec<Found>,
    /// The number of rows that all builders of this list have found.
    count: Arc<AtomicUsize>,
}

/// The maximum number of rows. While they are collected, a row takes some 300 bytes.
const MAX_ROWS: usize = 4_000_000;

/// A row, before the groups have an order.
#[derive(Clone, Debug)]
struct Found {
    bucket: u32,
    group: Group,
    conversation: Arc<str>,
    listed: Listed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    outcome: Option<RowOutcome>,
    at: Option<i64>,
    since: Option<i64>,
    value: Option<i64>,
}

impl BehindBuilder {
    /// A list for one measure of a report. It need not be one of the measures of the query.
    ///
    /// # Errors
    /// As for [`ReportBuilder::new`](crate::ReportBuilder::new).
    pub fn new(query: ReportQuery, measure: Measure) -> Result<Self, ReportQueryError> {
        let placement = placement(&query)?;
        let groups = Groups::new(&query.by);
        Ok(Self {
            query: query.measures([measure]),
            measure,
            placement,
            groups,
            found: Vec::new(),
            count: Arc::default(),
        })
    }

    /// The beginning and the end.
    #[must_use]
    pub fn bounds(&self) -> (i64, i64) {
        (self.placement.buckets.from(), self.placement.buckets.to())
    }

    /// Another one for the same list, of no conversation.
    #[must_use]
    pub fn another(&self) -> Self {
        let (query, placement) = (self.query.clone(), self.placement.clone());
        let groups = Groups::new(&query.by);
        Self { query, measure: self.measure, placement, groups, found: Vec::new(), count: self.count.clone() }
    }

    /// Adds a conversation.
    pub fn add(&mut self, transitions: &Transitions) {
        let Self { query, placement, groups, found, count, .. } = self;
        if count.load(Ordering::Relaxed) > MAX_ROWS {
            *found = Vec::new();
            return;
        }
        let mut known = KnownGroups::new(transitions, &placement.buckets);
        let mut of_conversation =
            OfConversation { placement, query, listed: Vec::new(), counted: HashSet::new(), totals: BTreeMap::new() };
        let group_of = |standing: &_| groups.of_query(query, &mut known, transitions, standing);
        Walk::run(query, transitions, group_of, |item| of_conversation.add(&item));
        let of_conversation = of_conversation.finish();
        count.fetch_add(of_conversation.len(), Ordering::Relaxed);
        found.extend(of_conversation.into_iter().map(|(bucket, group, listed)| Found {
            bucket,
            group,
            conversation: transitions.id.clone(),
            listed,
        }));
    }

    /// Adds all conversations of another one, which must be for the same list.
    pub fn merge(&mut self, other: Self) {
        let numbers = self.groups.merge(other.groups);
        let number = |group: Group| numbers.get(group as usize).copied().unwrap_or_default();
        self.found.extend(other.found.into_iter().map(|found| Found { group: number(found.group), ..found }));
    }

    /// The list.
    ///
    /// # Errors
    /// [`ReportQueryError::Rows`] if it is too long.
    pub fn finish(self) -> Result<Behind, ReportQueryError> {
        let Self { query, measure, placement, groups, mut found, count } = self;
        if count.load(Ordering::Relaxed) > MAX_ROWS {
            return Err(ReportQueryError::Rows { max: MAX_ROWS });
        }
        let ranks = groups.into_ranks().0;
        found.sort_by(|a, b| {
            let key = |row: &Found| (row.bucket, ranks.rank(row.group), row.listed);
            key(a).cmp(&key(b)).then_with(|| a.conversation.cmp(&b.conversation))
        });
        let row = |Found { bucket, group, conversation, listed }| {
            let (from, to) = placement.buckets.bounds(bucket as usize);
            let values = ranks.values(ranks.rank(group));
            let group = query.by.iter().copied().zip(values.iter().cloned()).collect();
            let Listed { outcome, at, since, value } = listed;
            BehindRow { from, to, group, conversation, since, at, value, outcome }
        };
        Ok(Behind { measure, rows: found.into_iter().map(row).collect() })
    }
}

/// What one conversation contributes.
struct OfConversation<'a> {
    placement: &'a Placement,
    query: &'a ReportQuery,
    listed: Vec<(u32, Group, Listed)>,
    /// Where the conversation is counted already.
    counted: HashSet<(u32, Group)>,
    totals: BTreeMap<(u32, Group), i64>,
}

impl OfConversation<'_> {
    fn add(&mut self, item: &Item) {
        let Item { measure, group, what, .. } = *item;
        let placement = self.placement;
        match what {
            // No question or answer that the measure counts.
            What::Unknown { .. } => {}
            What::Event { at } => {
                self.list(placement.of_event(at), group, Listed { at: Some(at), ..Listed::default() });
            }
            What::Once { at } => {
                let bucket = placement.of_event(at);
                let is_new = bucket.is_some_and(|bucket| self.counted.insert((bucket, group)));
                self.list(bucket.filter(|_| is_new), group, Listed { at: Some(at), ..Listed::default() });
            }
            What::Last { at, since, reopened_at } => {
                let bucket = placement.of_ended(since, at, reopened_at);
                self.list(bucket, group, Listed { since: Some(since), at: Some(at), ..Listed::default() });
            }
            What::Duration { since, at, length, reopened_at } => {
                let bucket = placement.of_ended(since, at, reopened_at);
                let listed = Listed { outcome: None, since: Some(since), at: Some(at), value: Some(length) };
                self.list(bucket, group, listed);
            }
            What::Decided { since, at, is_met } => {
                let outcome = Some(if is_met { RowOutcome::Met } else { RowOutcome::Missed });
                let listed = Listed { outcome, since: Some(since), at: Some(at), value: None };
                self.list(placement.of_ended(since, at, i64::MAX), group, listed);
            }
            What::Pending { since, from, until } => self.add_pending(group, since, (from, until)),
            What::Span { since, from, until, amount } => self.add_span(measure, group, since, (from, until), amount),
        }
    }

    fn list(&mut self, bucket: Option<u32>, group: Group, listed: Listed) {
        self.listed.extend(bucket.map(|bucket| (bucket, group, listed)));
    }

    fn add_pending(&mut self, group: Group, since: i64, span: (i64, i64)) {
        let placement = self.placement;
        let listed = Listed { outcome: Some(RowOutcome::Pending), since: Some(since), ..Listed::default() };
        match placement.attribute {
            Attribution::Start => self.list(placement.of_running(since, span), group, listed),
            Attribution::End => placement.at_end(span).for_each(|(bucket, _)| self.list(Some(bucket), group, listed)),
        }
    }

    fn add_span(&mut self, measure: Measure, group: Group, since: i64, span: (i64, i64), amount: u64) {
        let placement = self.placement;
        match measure.kind() {
            MeasureKind::Level => {
                let value = (measure == Measure::Unread).then(|| i64::try_from(amount).unwrap_or(i64::MAX));
                let listed = Listed { value, ..Listed::default() };
                placement.at_end(span).for_each(|(bucket, _)| self.list(Some(bucket), group, listed));
            }
            MeasureKind::Duration => {
                for (bucket, end) in placement.at_end(span) {
                    let value = Some(self.query.length(since, end));
                    self.list(Some(bucket), group, Listed { since: Some(since), value, ..Listed::default() });
                }
            }
            _ => {
                for (bucket, (from, until)) in placement.parts(span) {
                    let total = self.totals.entry((bucket, group)).or_default();
                    *total = total.saturating_add(self.query.length(from, until));
                }
            }
        }
    }

    fn finish(mut self) -> Vec<(u32, Group, Listed)> {
        let totals = self.totals.into_iter().filter(|(_, total)| *total > 0);
        let totals =
            totals.map(|((bucket, group), total)| (bucket, group, Listed { value: Some(total), ..Listed::default() }));
        self.listed.extend(totals);
        self.listed
    }
}
