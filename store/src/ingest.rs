//! A request body in, an answer out.

use convofold_engine::Event;
use convofold_engine::ingest::{Format, Ignored, Origin, Parser, Piece, Rejection, Sink};

use crate::error::IngestError;
use crate::handle::Convofold;
use crate::receipt::EffectCounts;
use crate::submission::Batch;

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

/// How much was ignored, by why; see [`Ignored`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct IgnoredCounts {
    /// Blank lines.
    pub blank: u64,
    /// Airship's keep-alives.
    pub offset_update: u64,
    /// Airship's other types.
    pub other_type: u64,
    /// Custom events with another name.
    pub other_name: u64,
    /// SuperOffice's other events.
    pub other_event: u64,
    /// Anything else.
    pub other: u64,
}

impl IgnoredCounts {
    pub(crate) fn add(&mut self, why: Ignored) {
        *match why {
            Ignored::Blank => &mut self.blank,
            Ignored::OffsetUpdate => &mut self.offset_update,
            Ignored::OtherType => &mut self.other_type,
            Ignored::OtherName => &mut self.other_name,
            Ignored::OtherEvent => &mut self.other_event,
            _ => &mut self.other,
        } += 1;
    }

    pub(crate) fn add_all(&mut self, other: Self) {
        let [a, b, c, d, e, f] = other.to_array();
        let mine = self.to_array();
        *self = Self::from_array([mine[0] + a, mine[1] + b, mine[2] + c, mine[3] + d, mine[4] + e, mine[5] + f]);
    }

    pub(crate) fn to_array(self) -> [u64; 6] {
        [self.blank, self.offset_update, self.other_type, self.other_name, self.other_event, self.other]
    }

    pub(crate) fn from_array(counts: [u64; 6]) -> Self {
        let [blank, offset_update, other_type, other_name, other_event, other] = counts;
        Self { blank, offset_update, other_type, other_name, other_event, other }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.to_array().iter().sum()
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
        self.ignored.add(why);
    }

    fn rejected(&mut self, rejection: Rejection) {
        self.rejections.push(rejection);
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
        let mut parsed = Parsed::default();
        Parser::new(format, self.shared().options.limits).parse_input(bytes, &mut parsed);
        let Parsed { mut events, ignored, rejections } = parsed;
        let mut report = IngestReport { events: events.len() as u64, ignored, rejections, ..IngestReport::default() };
        let mut tickets = Vec::new();
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(EVENTS_AT_ONCE));
            tickets.push(self.submit(Batch::new(std::mem::replace(&mut events, rest)))?);
        }
        for ticket in tickets {
            report.counts.add_all(ticket.wait()?.counts);
        }
        Ok(report)
    }
}
