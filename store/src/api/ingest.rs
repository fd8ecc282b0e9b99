//! Ingest of request bodies.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use convofold_engine::ingest::{Format, IgnoreList, Ignored, Origin, Parser, Reason, Rejection, Sink};
use convofold_engine::{Draft, DraftError, Event, EventColumns, Zone};

use crate::api::error::IngestError;
use crate::api::handle::Convofold;
use crate::log::columns::{ColumnsPool, PooledColumns, bytes_of, bytes_of_columns, bytes_of_draft};
use crate::state::receipt::EffectCounts;
use crate::write::batch::{Batch, Durability};

/// Number of events per submission.
const EVENTS_AT_ONCE: usize = 8_192;
/// Default of [`IngestOptions::max_rejections`].
const MAX_REJECTIONS: usize = 1_000;

/// The outcome of a request.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct IngestReport {
    /// Number of events found in the input.
    pub events: u64,
    /// The effects of the events.
    pub counts: EffectCounts,
    /// The number of ignored inputs.
    pub ignored: IgnoredCounts,
    /// The number of rejections by reason, in the words of [`Reason`]. All of them are counted.
    pub rejected: BTreeMap<String, u64>,
    /// The inputs that cannot be events, in input order: the first [`IngestOptions::max_rejections`] of them.
    pub rejections: Vec<Rejection>,
}

impl IngestReport {
    /// Returns the total number of rejections.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// The number of ignored inputs by source and reason; see [`Ignored`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct IgnoredCounts {
    by_source: BTreeMap<String, BTreeMap<String, u64>>,
}

impl IgnoredCounts {
    pub(crate) fn add(&mut self, source: &str, reason: &str, more: u64) {
        // Only the first count of a reason allocates.
        if let Some(count) = self.by_source.get_mut(source).and_then(|reasons| reasons.get_mut(reason)) {
            *count += more;
        } else {
            self.by_source.entry(source.to_owned()).or_default().insert(reason.to_owned(), more);
        }
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        for (source, reasons) in &other.by_source {
            for (reason, count) in reasons {
                self.add(source, reason, *count);
            }
        }
    }

    /// The count for one source and reason.
    #[must_use]
    pub fn get(&self, source: &str, reason: &str) -> u64 {
        self.by_source.get(source).and_then(|reasons| reasons.get(reason)).copied().unwrap_or_default()
    }

    /// Every source and reason with its count, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let of_source = |(source, reasons)| {
            let reasons: &BTreeMap<String, u64> = reasons;
            reasons.iter().map(move |(reason, count)| (source, reason.as_str(), *count))
        };
        self.by_source.iter().map(|(source, reasons)| (source.as_str(), reasons)).flat_map(of_source)
    }

    /// The total number of ignored inputs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, _, count)| count).sum()
    }
}

/// The output of a parser. A rejection needs up to a hundred times the memory of its input, so only the first ones are kept.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The events of full submissions.
    full: Vec<PooledColumns>,
    /// The events of the last submission.
    last: PooledColumns,
    pub(crate) ignored: IgnoredCounts,
    pub(crate) rejected: BTreeMap<Reason, u64>,
    /// The first rejections.
    pub(crate) rejections: Vec<Rejection>,
    limits: ParsedLimits,
    pool: ColumnsPool,
}

/// The limits of a [`Parsed`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParsedLimits {
    /// The maximum number of rejections to keep.
    pub(crate) rejections: usize,
    /// The maximum number of events in a submission.
    pub(crate) events: usize,
    /// The maximum size of the events in a submission, in bytes. A larger event is a submission of its own.
    pub(crate) bytes: usize,
}

impl Parsed {
    pub(crate) fn new(limits: ParsedLimits, pool: ColumnsPool) -> Self {
        let (full, rejections) = (Vec::new(), Vec::new());
        let (ignored, rejected) = (IgnoredCounts::default(), BTreeMap::new());
        Self { full, last: pool.take(), ignored, rejected, rejections, limits, pool }
    }

    /// The number of events.
    pub(crate) fn event_count(&self) -> u64 {
        self.full.iter().chain([&self.last]).map(|columns| columns.len() as u64).sum()
    }

    /// The columns of every submission.
    pub(crate) fn columns_mut(&mut self) -> impl Iterator<Item = &mut PooledColumns> {
        self.full.iter_mut().chain([&mut self.last])
    }

    /// The events, as batches for submission.
    pub(crate) fn into_batches(self) -> impl Iterator<Item = Batch> {
        let last = Some(self.last).filter(|columns| !columns.is_empty());
        self.full.into_iter().chain(last).map(Batch::of_columns)
    }

    /// The columns for an event of this size.
    fn columns_for(&mut self, event_bytes: usize) -> &mut EventColumns {
        let ParsedLimits { events, bytes, .. } = self.limits;
        let has_room = self.last.len() < events && bytes_of_columns(&self.last) + event_bytes <= bytes;
        if !has_room && !self.last.is_empty() {
            self.full.push(std::mem::replace(&mut self.last, self.pool.take()));
        }
        self.last.as_mut()
    }

    /// The total number of rejections.
    pub(crate) fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Whether every rejection was kept.
    pub(crate) fn has_all_rejections(&self) -> bool {
        self.rejections.len() as u64 == self.rejected_total()
    }
}

impl Sink for Parsed {
    fn event(&mut self, _origin: Origin, event: Event) {
        // An event fits into 4 GiB, and the limit on a submission is lower.
        let _ = self.columns_for(bytes_of(&event)).push(&event);
    }

    fn draft(&mut self, _origin: Origin, draft: Draft<'_>, max_id_bytes: usize) -> Result<(), DraftError> {
        self.columns_for(bytes_of_draft(&draft)).push_draft(draft, max_id_bytes)
    }

    fn ignored(&mut self, _origin: Origin, why: Ignored<'_>) {
        self.ignored.add(why.source, why.reason, 1);
    }

    fn rejected(&mut self, rejection: Rejection) {
        *self.rejected.entry(rejection.reason).or_default() += 1;
        if self.rejections.len() < self.limits.rejections {
            self.rejections.push(rejection);
        }
    }
}

/// Options of an ingest. By default the source is detected, and the call returns when the events are durable.
///
/// ```
/// use convofold_engine::ingest::Format;
/// use convofold_store::{Convofold, IngestOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let db = Convofold::open(dir.path().join("conversations"))?;
/// // The offset is committed together with the events before it, so that it shows where to resume after a crash.
/// let options = IngestOptions::new().format(Format::Convofold).bookmark("stream", "17");
/// let line = r#"{"convofold":1,"source":"desk","conversation":"c","kind":"close","occurred":"2026-03-02T09:15:00Z"}"#;
/// db.ingest_with(line.as_bytes(), &options)?;
/// assert_eq!(db.bookmark("stream").as_deref(), Some(b"17".as_slice()));
/// # db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IngestOptions {
    /// The source of the input.
    pub format: Format,
    /// The zone of times that are written without one.
    pub zone: Zone,
    /// Unknown interaction types to ignore.
    pub ignored: IgnoreList,
    /// The durability that the call waits for.
    pub durability: Durability,
    /// A bookmark to set, as by [`Batch::bookmark`]: name and value.
    pub bookmark: Option<(String, Vec<u8>)>,
    /// The maximum number of rejections that the report lists. All of them are counted.
    pub max_rejections: usize,
}

impl Default for IngestOptions {
    fn default() -> Self {
        let (format, durability) = (Format::default(), Durability::default());
        let (zone, ignored) = (Zone::UTC, IgnoreList::default());
        Self { format, zone, ignored, durability, bookmark: None, max_rejections: MAX_REJECTIONS }
    }
}

impl IngestOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the source of the input. Default: detected object by object.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets the zone of times that are written without one (rule W4). Use the same one for all inputs of a source: it
    /// is part of the identity of events that have no id. Default: UTC.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Sets unknown interaction types that are ignored and counted instead of rejected (rule W5). Default: none.
    #[must_use]
    pub fn ignore(mut self, ignored: IgnoreList) -> Self {
        self.ignored = ignored;
        self
    }

    /// Sets the durability that the call waits for. Default: [`Durability::Synced`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets a bookmark together with the last event of the input, or alone if the input has no event. The bookmark is
    /// never ahead of the events.
    #[must_use]
    pub fn bookmark(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.bookmark = Some((name.into(), value.into()));
        self
    }

    /// Sets the maximum number of rejections that the report lists; all of them are counted. Default: 1,000. Each one
    /// takes some hundred bytes of memory and a copy of its input, at most 64 KiB.
    #[must_use]
    pub fn max_rejections(mut self, count: usize) -> Self {
        self.max_rejections = count;
        self
    }

    /// The batch with these options.
    fn batch(&self, batch: Batch, is_last: bool) -> Batch {
        let batch = batch.durability(self.durability);
        match &self.bookmark {
            Some((name, value)) if is_last => batch.bookmark(name, value.as_slice()),
            _ => batch,
        }
    }
}

impl Convofold {
    /// Parses the body of a webhook, or any input in memory, commits its events and returns when they survive a power
    /// cut. Input that cannot be an event does not affect the rest; the report counts it and lists the first rejections.
    ///
    /// # Errors
    /// [`IngestError`] if the events could not be committed. It is safe to send the same body again: events that were
    /// already committed count as duplicates.
    pub fn ingest(&self, bytes: &[u8], format: Format) -> Result<IngestReport, IngestError> {
        self.ingest_with(bytes, &IngestOptions::new().format(format))
    }

    /// Like [`Convofold::ingest`], with options. The body is parsed as one input, so that memory use is proportional to
    /// its length; use [`Replay`](crate::replay::Replay) for large inputs.
    ///
    /// # Errors
    /// As for [`Convofold::ingest`]. If the bookmark is too large, no event of the body is committed.
    pub fn ingest_with(&self, bytes: &[u8], options: &IngestOptions) -> Result<IngestReport, IngestError> {
        // Checked before anything is submitted.
        self.check(&options.batch(Batch::default(), true))?;
        let limits = ParsedLimits {
            rejections: options.max_rejections,
            events: EVENTS_AT_ONCE,
            bytes: self.shared().options.bounds.submission_bytes,
        };
        let mut parsed = Parsed::new(limits, self.shared().columns.clone());
        let parser = Parser::new(options.format, self.shared().options.limits);
        parser.zone(options.zone.clone()).ignore(options.ignored.clone()).parse_input(bytes, &mut parsed);
        self.shared().meter.rejected.fetch_add(parsed.rejected_total(), Ordering::Relaxed);
        let rejected = parsed.rejected.iter().map(|(reason, count)| (reason.to_string(), *count)).collect();
        let mut report = IngestReport {
            events: parsed.event_count(),
            counts: EffectCounts::default(),
            ignored: std::mem::take(&mut parsed.ignored),
            rejected,
            rejections: std::mem::take(&mut parsed.rejections),
        };
        let mut batches: Vec<_> = parsed.into_batches().collect();
        if batches.is_empty() && options.bookmark.is_some() {
            batches.push(Batch::default());
        }
        let last = batches.len().saturating_sub(1);
        let submit = |(place, batch)| self.submit(options.batch(batch, place == last));
        let tickets = batches.into_iter().enumerate().map(submit).collect::<Result<Vec<_>, _>>()?;
        for ticket in tickets {
            report.counts.add_all(ticket.wait()?.counts);
        }
        Ok(report)
    }
}
