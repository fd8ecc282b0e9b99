//! Ingest of request bodies.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use convofold_engine::ingest::{Format, IgnoreList, Ignored, Origin, Parser, Piece, Reason, Rejection, Sink};
use convofold_engine::{Event, Zone};

use crate::api::error::IngestError;
use crate::api::handle::Convofold;
use crate::state::receipt::EffectCounts;
use crate::write::batch::{Batch, Durability, take_batch};

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
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) events: Vec<Event>,
    pub(crate) ignored: IgnoredCounts,
    pub(crate) rejected: BTreeMap<Reason, u64>,
    /// The first rejections.
    pub(crate) rejections: Vec<Rejection>,
    /// The maximum number of rejections to keep.
    max_rejections: usize,
}

/// Few lines of the sources are shorter. Events are large, so that growing the vector costs measurable time.
const BYTES_AN_EVENT: usize = 700;

impl Parsed {
    pub(crate) fn keeping(max_rejections: usize) -> Self {
        Self { max_rejections, ..Self::default() }
    }

    pub(crate) fn with_room_for(piece: &Piece, max_rejections: usize) -> Self {
        Self { events: Vec::with_capacity(piece.len() / BYTES_AN_EVENT), ..Self::keeping(max_rejections) }
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
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, why: Ignored<'_>) {
        self.ignored.add(why.source, why.reason, 1);
    }

    fn rejected(&mut self, rejection: Rejection) {
        *self.rejected.entry(rejection.reason).or_default() += 1;
        if self.rejections.len() < self.max_rejections {
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

    /// A batch of these events.
    fn batch(&self, events: Vec<Event>, is_last: bool) -> Batch {
        let batch = Batch::new(events).durability(self.durability);
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
        self.check(&options.batch(Vec::new(), true))?;
        let mut parsed = Parsed::keeping(options.max_rejections);
        let parser = Parser::new(options.format, self.shared().options.limits);
        parser.zone(options.zone.clone()).ignore(options.ignored.clone()).parse_input(bytes, &mut parsed);
        self.shared().meter.rejected.fetch_add(parsed.rejected_total(), Ordering::Relaxed);
        let rejected = parsed.rejected.iter().map(|(reason, count)| (reason.to_string(), *count)).collect();
        let Parsed { mut events, ignored, rejections, .. } = parsed;
        let counts = EffectCounts::default();
        let mut report = IngestReport { events: events.len() as u64, counts, ignored, rejected, rejections };
        let mut tickets = Vec::new();
        let mut bookmark_is_due = options.bookmark.is_some();
        while !events.is_empty() || bookmark_is_due {
            let batch = take_batch(&mut events, EVENTS_AT_ONCE, self.shared().options.bounds.submission_bytes);
            let is_last = events.is_empty();
            tickets.push(self.submit(options.batch(batch, is_last))?);
            bookmark_is_due &= !is_last;
        }
        for ticket in tickets {
            report.counts.add_all(ticket.wait()?.counts);
        }
        Ok(report)
    }
}
