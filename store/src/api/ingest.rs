//! A request body in, an answer out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use convofold_engine::Event;
use convofold_engine::ingest::{Format, Ignored, Origin, Parser, Piece, Rejection, Sink};

use crate::api::error::IngestError;
use crate::api::handle::Convofold;
use crate::state::receipt::EffectCounts;
use crate::write::batch::{Batch, Durability};

/// So many events are submitted together.
const EVENTS_AT_ONCE: usize = 8_192;

/// What became of a request.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct IngestReport {
    /// Events found in it.
    pub events: u64,
    /// What they did.
    pub counts: EffectCounts,
    /// What was ignored.
    pub ignored: IgnoredCounts,
    /// What cannot be an event, in the order of the input.
    pub rejections: Vec<Rejection>,
}

/// The number of things that were ignored, by source and reason; see [`Ignored`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct IgnoredCounts {
    by_source: BTreeMap<Cow<'static, str>, BTreeMap<Cow<'static, str>, u64>>,
}

impl IgnoredCounts {
    pub(crate) fn add(
        &mut self,
        source: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
        more: u64,
    ) {
        *self.by_source.entry(source.into()).or_default().entry(reason.into()).or_default() += more;
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        for (source, reasons) in &other.by_source {
            for (reason, count) in reasons {
                self.add(source.clone(), reason.clone(), *count);
            }
        }
    }

    /// The number for one source and reason.
    #[must_use]
    pub fn get(&self, source: &str, reason: &str) -> u64 {
        self.by_source.get(source).and_then(|reasons| reasons.get(reason)).copied().unwrap_or_default()
    }

    /// Every source and reason with its number, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let of_source = |(source, reasons)| {
            let reasons: &BTreeMap<Cow<'static, str>, u64> = reasons;
            reasons.iter().map(move |(reason, count)| (source, &**reason, *count))
        };
        self.by_source.iter().map(|(source, reasons)| (&**source, reasons)).flat_map(of_source)
    }

    /// The number of all things that were ignored.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, _, count)| count).sum()
    }
}

/// What a parser found.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) events: Vec<Event>,
    pub(crate) ignored: IgnoredCounts,
    pub(crate) rejections: Vec<Rejection>,
}

/// The lines of the sources are seldom shorter. Events are large, and moving them as their number grows is felt.
const BYTES_AN_EVENT: usize = 700;

impl Parsed {
    pub(crate) fn with_room_for(piece: &Piece) -> Self {
        let bytes = match piece {
            Piece::Lines { bytes, .. } | Piece::Document { bytes, .. } => bytes.len(),
            Piece::Rejected { .. } => 0,
        };
        Self { events: Vec::with_capacity(bytes / BYTES_AN_EVENT), ..Self::default() }
    }
}

impl Sink for Parsed {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, why: Ignored) {
        self.ignored.add(why.source, why.reason, 1);
    }

    fn rejected(&mut self, rejection: Rejection) {
        self.rejections.push(rejection);
    }
}

/// How a request is taken. The default finds out its source, and has the answer wait for the disk.
///
/// ```
/// use convofold_engine::ingest::Format;
/// use convofold_store::{Convofold, IngestOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let db = Convofold::open(dir.path().join("conversations"))?;
/// // The offset goes to the disk with the events before it: whatever happens, it tells where to go on.
/// let options = IngestOptions::new().format(Format::Convofold).bookmark("stream", "17");
/// let line = r#"{"convofold":1,"source":"desk","conversation":"c","kind":"close","occurred":"2026-03-02T09:15:00Z"}"#;
/// db.ingest_with(line.as_bytes(), &options)?;
/// assert_eq!(db.bookmark("stream").as_deref(), Some(b"17".as_slice()));
/// # db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct IngestOptions {
    /// Which source it comes from.
    pub format: Format,
    /// What has to be true before it is answered.
    pub durability: Durability,
    /// A bookmark to set, as by [`Batch::bookmark`]: its name and its value.
    pub bookmark: Option<(String, Vec<u8>)>,
}

impl IngestOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Which source it comes from. Default: found out object by object.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// What has to be true before it is answered. Default: [`Durability::Synced`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets a bookmark with the last of its events, also where there is none: the bookmark is never ahead of the events.
    #[must_use]
    pub fn bookmark(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.bookmark = Some((name.into(), value.into()));
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
    /// Parses the body of a webhook (or any input that is in memory), commits its events and returns when they survive a
    /// power cut. What cannot be an event does not stop its neighbours: it is in the report.
    ///
    /// # Errors
    /// [`IngestError`] where the events could not be committed. Sending the same body again is safe: what was committed
    /// counts as duplicate.
    pub fn ingest(&self, bytes: &[u8], format: Format) -> Result<IngestReport, IngestError> {
        self.ingest_with(bytes, &IngestOptions::new().format(format))
    }

    /// Like [`Convofold::ingest`], in another way. It is parsed as one input, so what it needs of memory is in proportion to
    /// its length; [`Replay`](crate::replay::Replay) takes what is larger.
    ///
    /// # Errors
    /// As for [`Convofold::ingest`]. Where the bookmark is too large, nothing of the body is taken.
    pub fn ingest_with(&self, bytes: &[u8], options: &IngestOptions) -> Result<IngestReport, IngestError> {
        // Before anything is submitted.
        options.batch(Vec::new(), true).check()?;
        let mut parsed = Parsed::default();
        Parser::new(options.format, self.shared().options.limits).parse_input(bytes, &mut parsed);
        let Parsed { mut events, ignored, rejections } = parsed;
        self.shared().meter.rejected.fetch_add(rejections.len() as u64, Ordering::Relaxed);
        let mut report = IngestReport { events: events.len() as u64, ignored, rejections, ..IngestReport::default() };
        let mut tickets = Vec::new();
        let mut bookmark_is_due = options.bookmark.is_some();
        while !events.is_empty() || bookmark_is_due {
            let rest = events.split_off(events.len().min(EVENTS_AT_ONCE));
            let is_last = rest.is_empty();
            tickets.push(self.submit(options.batch(std::mem::replace(&mut events, rest), is_last))?);
            bookmark_is_due &= !is_last;
        }
        for ticket in tickets {
            report.counts.add_all(ticket.wait()?.counts);
        }
        Ok(report)
    }
}
