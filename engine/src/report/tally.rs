//! What the values of a report are made of, added up.

use hashbrown::HashMap;

use crate::report::measure::{Measure, MeasureKind};
use crate::report::placement::Placement;
use crate::report::query::{Attribution, ReportQuery};
use crate::report::series::{Series, SeriesParts};
use crate::report::smallest::Smallest;
use crate::report::walk::{Group, Item, What};

/// What has been added up. The place of a measure is that in the query.
#[derive(Debug)]
pub(crate) struct Tally {
    measure_count: usize,
    /// The buckets and groups in which something is, by number of the row.
    rows: Vec<Row>,
    row_numbers: HashMap<(u32, Group), usize>,
    /// The row that was looked up last.
    last_row: Option<((u32, Group), usize)>,
    /// The cells of all rows, one after another.
    cells: Vec<Cell>,
    /// The series of levels, by the place of the measure and by group.
    series: Vec<Vec<Series>>,
    /// The smallest beginnings of waits.
    oldest: Smallest,
    /// The number of the present conversation, from 1.
    conversation: u64,
}

/// A bucket and a group in which something is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) bucket: u32,
    pub(crate) group: Group,
    /// The last conversation that was counted as closed, and as active.
    counted: [u64; 2],
}

/// A [`Cell`] as JSON has it: sum, running, and the lengths, missed and unknown of [`More`].
pub(crate) type CellParts = (i64, i64, Option<(Vec<i64>, u64, u64)>);

/// What a measure has met in one bucket and group, without what is known for several buckets.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    /// Things that happened, turns that were answered in time, or milliseconds.
    pub(crate) sum: i64,
    /// Spans that go on: their number if durations belong to their beginning. Otherwise those that began minus those that ended,
    /// so that the sum over the buckets so far is their number.
    pub(crate) running: i64,
    pub(crate) more: Option<Box<More>>,
}

/// What durations and turns have beside a sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct More {
    pub(crate) lengths: Vec<i64>,
    pub(crate) missed: u64,
    pub(crate) unknown: u64,
}

impl Cell {
    fn parts(&self) -> CellParts {
        let more = self.more.as_deref().map(|More { lengths, missed, unknown }| (lengths.clone(), *missed, *unknown));
        (self.sum, self.running, more)
    }

    /// `None` if a number is so large that sums could overflow.
    fn of_parts((sum, running, more): CellParts) -> Option<Self> {
        const MAX: u64 = 1 << 48;
        let more = match more {
            Some((lengths, missed, unknown)) => {
                (missed.max(unknown) <= MAX).then(|| Some(Box::new(More { lengths, missed, unknown })))?
            }
            None => None,
        };
        (running.unsigned_abs() <= MAX).then_some(Self { sum, running, more })
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    fn add_ms(&mut self, length_ms: i64) {
        self.sum = self.sum.saturating_add(length_ms);
    }

    fn merge(&mut self, other: Self) {
        self.add_ms(other.sum);
        self.running += other.running;
        match (&mut self.more, other.more) {
            (Some(more), Some(other)) => {
                more.lengths.extend(other.lengths);
                more.missed += other.missed;
                more.unknown += other.unknown;
            }
            (more @ None, other) => *more = other,
            (_, None) => {}
        }
    }
}

impl Tally {
    pub(crate) fn new(query: &ReportQuery) -> Self {
        Self {
            measure_count: query.measures.len(),
            rows: Vec::new(),
            row_numbers: HashMap::new(),
            last_row: None,
            cells: Vec::new(),
            series: query.measures.iter().map(|_| Vec::new()).collect(),
            oldest: Smallest::default(),
            conversation: 0,
        }
    }

    pub(crate) fn begin_conversation(&mut self) {
        self.conversation += 1;
    }

    /// Adds what a conversation contributes.
    pub(crate) fn add(&mut self, item: &Item, placement: &Placement, query: &ReportQuery) {
        match item.what {
            What::Event { at } => self.change(placement.of_event(at), item, |cell| cell.sum += 1),
            What::Once { at } => self.count_once(placement.of_event(at), item),
            What::Last { at, since, reopened_at } => {
                self.change(placement.of_ended(since, at, reopened_at), item, |cell| cell.sum += 1);
            }
            What::Duration { since, at, length, reopened_at } => {
                let bucket = placement.of_ended(since, at, reopened_at);
                self.change(bucket, item, |cell| cell.more().lengths.push(length));
            }
            What::Decided { since, at, is_met } => {
                let add = |cell: &mut Cell| if is_met { cell.sum += 1 } else { cell.more().missed += 1 };
                self.change(placement.of_ended(since, at, i64::MAX), item, add);
            }
            What::Unknown { at } => self.change(placement.of_event(at), item, |cell| cell.more().unknown += 1),
            What::Pending { since, from, until } => self.add_pending(item, placement, since, (from, until)),
            What::Span { since, from, until, amount } => match item.measure.kind() {
                MeasureKind::Level => self.add_level(item, placement, (from, until), amount),
                MeasureKind::Duration => {
                    let ends = placement.ends((from, until));
                    self.oldest.add(item.group, ends, since);
                }
                _ => self.add_total(item, placement, query, (from, until)),
            },
        }
    }

    fn change(&mut self, bucket: Option<u32>, item: &Item, change: impl FnOnce(&mut Cell)) {
        let row = bucket.map(|bucket| self.row((bucket, item.group)));
        row.and_then(|row| self.cells.get_mut(row * self.measure_count + item.place)).map(change);
    }

    /// The number of the row of a bucket and a group.
    fn row(&mut self, key: (u32, Group)) -> usize {
        if let Some((_, row)) = self.last_row.filter(|(last, _)| *last == key) {
            return row;
        }
        let next = self.rows.len();
        let row = *self.row_numbers.entry(key).or_insert(next);
        if row == next {
            let (bucket, group) = key;
            self.rows.push(Row { bucket, group, counted: [0; 2] });
            self.cells.resize_with((next + 1) * self.measure_count, Cell::default);
        }
        self.last_row = Some((key, row));
        row
    }

    /// Counts the conversation, if it is not counted in this bucket and group already.
    fn count_once(&mut self, bucket: Option<u32>, item: &Item) {
        let Some(bucket) = bucket else { return };
        let row = self.row((bucket, item.group));
        let conversation = self.conversation;
        let [closed, active] = match self.rows.get_mut(row) {
            Some(row) => row.counted.each_mut(),
            None => return,
        };
        let counted = if item.measure == Measure::ClosedConversations { closed } else { active };
        if *counted != conversation {
            *counted = conversation;
            self.change(Some(bucket), item, |cell| cell.sum += 1);
        }
    }

    /// What is pending at the end of buckets: nothing that ends in the bucket in which it begins.
    fn add_pending(&mut self, item: &Item, placement: &Placement, since: i64, span: (i64, i64)) {
        match placement.attribute {
            Attribution::Start => self.change(placement.of_running(since, span), item, |cell| cell.running += 1),
            Attribution::End => {
                let (first, end) = placement.ends(span);
                self.add_running(item, placement, (first, end));
            }
        }
    }

    /// Something goes on in the buckets from `first` on and before `end`.
    fn add_running(&mut self, item: &Item, placement: &Placement, (first, end): (u32, u32)) {
        if first < end {
            self.change(Some(first), item, |cell| cell.running += 1);
            let has_next = (end as usize) < placement.buckets.len();
            self.change(Some(end).filter(|_| has_next), item, |cell| cell.running -= 1);
        }
    }

    fn add_level(&mut self, item: &Item, placement: &Placement, span: (i64, i64), amount: u64) {
        let Some(of_measure) = self.series.get_mut(item.place) else { return };
        let group = item.group as usize;
        if of_measure.len() <= group {
            of_measure.resize_with(group + 1, Series::default);
        }
        if let Some(series) = of_measure.get_mut(group) {
            series.add(&placement.buckets, span, amount);
        }
    }

    /// Time: in the first and the last bucket of a span a part of it, in those between all of it.
    fn add_total(&mut self, item: &Item, placement: &Placement, query: &ReportQuery, (from, until): (i64, i64)) {
        let buckets = &placement.buckets;
        let (from, until) = (from.max(buckets.from()), until.min(buckets.to()));
        if from >= until {
            return;
        }
        let (Some(first), Some(last)) = (placement.of_event(from), placement.of_event(until - 1)) else { return };
        if first == last {
            return self.change(Some(first), item, |cell| cell.add_ms(query.length(from, until)));
        }
        let (first_end, last_begin) = (buckets.bounds(first as usize).1, buckets.bounds(last as usize).0);
        self.change(Some(first), item, |cell| cell.add_ms(query.length(from, first_end)));
        self.change(Some(last), item, |cell| cell.add_ms(query.length(last_begin, until)));
        self.add_running(item, placement, (first + 1, last));
    }

    pub(crate) fn row_parts(&self) -> Vec<(u32, Group, Vec<CellParts>)> {
        let cells = self.cells.chunks(self.measure_count.max(1)).chain(std::iter::repeat(&[][..]));
        let rows = self.rows.iter().zip(cells);
        rows.map(|(row, cells)| (row.bucket, row.group, cells.iter().map(Cell::parts).collect())).collect()
    }

    pub(crate) fn series_parts(&self) -> Vec<Vec<(Group, SeriesParts)>> {
        let of_measure = |series: &Vec<Series>| (0..).zip(series.iter().map(Series::parts)).collect();
        self.series.iter().map(of_measure).collect()
    }

    pub(crate) fn oldest_parts(&self) -> Vec<(u8, Group, u32, i64)> {
        self.oldest.parts().collect()
    }

    /// This tally, which must be empty, with these parts; `None` if a number is too large.
    pub(crate) fn filled(
        mut self,
        rows: Vec<(u32, Group, Vec<CellParts>)>,
        series: Vec<Vec<(Group, SeriesParts)>>,
        oldest: Vec<(u8, Group, u32, i64)>,
    ) -> Option<Self> {
        for (bucket, group, cells) in rows {
            let row = self.row((bucket, group));
            let known = self.cells.iter_mut().skip(row * self.measure_count).take(self.measure_count);
            for (known, cell) in known.zip(cells) {
                known.merge(Cell::of_parts(cell)?);
            }
        }
        for (known, of_measure) in self.series.iter_mut().zip(series) {
            for (group, series) in of_measure {
                let group = group as usize;
                known.resize_with(known.len().max(group + 1), Series::default);
                known.get_mut(group)?.merge(Series::of_parts(series)?);
            }
        }
        oldest.into_iter().for_each(|part| self.oldest.add_part(part));
        Some(self)
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn cell(&self, row: usize, place: usize) -> Option<&Cell> {
        self.cells.get(row * self.measure_count + place)
    }

    pub(crate) fn series(&self, place: usize, group: usize) -> Option<&Series> {
        self.series.get(place)?.get(group)
    }

    pub(crate) fn take_oldest(&mut self) -> Smallest {
        std::mem::take(&mut self.oldest)
    }

    /// Adds all of another tally, whose groups have these numbers here.
    pub(crate) fn merge(&mut self, other: Self, numbers: &[Group]) {
        let number = |group: Group| numbers.get(group as usize).copied().unwrap_or_default();
        let mut cells = other.cells.into_iter();
        for Row { bucket, group, .. } in other.rows {
            let row = self.row((bucket, number(group)));
            let known = self.cells.iter_mut().skip(row * self.measure_count).take(self.measure_count);
            known.zip(&mut cells).for_each(|(known, cell)| known.merge(cell));
        }
        for (known, of_measure) in self.series.iter_mut().zip(other.series) {
            for (group, series) in (0..).zip(of_measure) {
                let group = number(group) as usize;
                known.resize_with(known.len().max(group + 1), Series::default);
                if let Some(known) = known.get_mut(group) {
                    known.merge(series);
                }
            }
        }
        self.oldest.merge(other.oldest, numbers);
    }
}
