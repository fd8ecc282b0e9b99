//! Many conversations at once, in order of time.

use crate::airship;
use crate::clock::Clock;
use crate::conversation::{Beginning, Conversation};
use crate::json::Script;
use crate::options::{Envelope, Options};
use crate::people::{Member, Tenant, cast};
use crate::phrase::Phrases;
use crate::plan::{Step, StepKind, mean_talk_ms};
use crate::rng::{Purpose, Rng};
use crate::superoffice;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Maximum number of conversations in memory, per conversation that should be active on average.
pub(crate) const HELD_PER_IN_FLIGHT: usize = 4;

/// A returning member is one of this many most recent members.
const REMEMBERED: u32 = 4096;

/// What delivery needs to know about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Whether the next event of the conversation is the message that opened it.
    pub(crate) opens: bool,
    /// Format of the event.
    pub(crate) envelope: Envelope,
}

/// Produces the events of a log in order.
#[derive(Debug)]
pub(crate) struct Timeline {
    options: Options,
    tenants: Vec<Tenant>,
    utf8: Phrases,
    ascii: Phrases,
    clock: Clock,
    arrivals: Arrivals,
    in_flight: BinaryHeap<Flight>,
    planned: u64,
    written: u64,
    open: u64,
}

/// Start time and member of the next conversation.
#[derive(Debug)]
struct Arrivals {
    rng: Rng,
    mean_gap_micros: u64,
    micros: u64,
    conversations: u64,
    members: u64,
}

/// A conversation and the time of its next event.
#[derive(Debug)]
struct Flight {
    at: u64,
    conversation: Box<Conversation>,
}

impl Timeline {
    /// A timeline at the start of the log.
    pub(crate) fn new(options: Options) -> Self {
        Self {
            tenants: cast(&options),
            utf8: Phrases::new(Script::Utf8),
            ascii: Phrases::new(Script::Ascii),
            clock: Clock::new(),
            arrivals: Arrivals::new(&options),
            options,
            in_flight: BinaryHeap::new(),
            planned: 0,
            written: 0,
            open: 0,
        }
    }

    /// Number of conversations that have started.
    pub(crate) fn conversations(&self) -> u64 {
        self.arrivals.conversations
    }

    /// Number of open conversations after the events so far.
    pub(crate) fn open(&self) -> u64 {
        self.open
    }

    /// Number of conversations in memory.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.in_flight.len()
    }

    /// Appends the next event to `out`, without an end of line. `None` at the end of the log.
    pub(crate) fn next_event(&mut self, out: &mut Vec<u8>) -> Option<Moment> {
        self.admit();
        let mut flight = self.in_flight.peek_mut()?;
        let conversation = &mut flight.conversation;
        let tenant = &self.tenants[conversation.member.tenant];
        let phrases = match tenant.script {
            Script::Utf8 => &self.utf8,
            Script::Ascii => &self.ascii,
        };
        let step = conversation.advance(tenant, phrases)?;
        write(out, conversation, tenant, step, &mut self.clock, self.written);
        self.written += 1;
        match step.kind {
            StepKind::Open => self.open += 1,
            StepKind::Close => self.open -= 1,
            _ => {}
        }
        let moment = Moment { opens: step.kind == StepKind::Open, envelope: conversation.envelope };
        match conversation.upcoming() {
            Some(next) => flight.at = next.at,
            None => drop(PeekMut::pop(flight)),
        }
        // A conversation that had to wait for room starts now, not in the past.
        self.arrivals.not_before(step.at);
        Some(moment)
    }

    fn held_too_many(&self) -> bool {
        self.in_flight.len() >= HELD_PER_IN_FLIGHT * self.options.in_flight as usize
    }

    /// Starts every conversation that is due before the next event of the active ones.
    fn admit(&mut self) {
        while self.planned < self.options.events && !self.held_too_many() {
            let at = self.arrivals.at();
            if self.in_flight.peek().is_some_and(|flight| flight.at < at) {
                return;
            }
            let begin = Beginning { number: self.arrivals.conversations, at, room: self.options.events - self.planned };
            let serial = self.arrivals.admit(self.options.returning);
            let member = Member::new(&self.options, &self.tenants, serial);
            let conversation = Box::new(Conversation::new(&self.options, &self.tenants, member, begin));
            self.planned += conversation.len();
            self.in_flight.push(Flight { at, conversation });
        }
    }
}

fn write(
    out: &mut Vec<u8>,
    conversation: &Conversation,
    tenant: &Tenant,
    step: Step,
    clock: &mut Clock,
    position: u64,
) {
    match conversation.envelope {
        Envelope::AirshipApi => airship::write_api(out, conversation, tenant, step, clock),
        Envelope::AirshipRtds => airship::write_rtds(out, conversation, tenant, step, clock, position),
        Envelope::SuperOffice => superoffice::write(out, conversation, tenant, step, clock),
    }
}

impl Arrivals {
    fn new(options: &Options) -> Self {
        let mut probe = Rng::new(options.seed, Purpose::Probe, 0);
        let talk_micros = mean_talk_ms(&mut probe, options) * 1000;
        Self {
            rng: Rng::new(options.seed, Purpose::Arrivals, 0),
            // In microseconds, because a gap in milliseconds would round to 0 for many active conversations.
            mean_gap_micros: (talk_micros / u64::from(options.in_flight)).max(1),
            micros: options.start() * 1000,
            conversations: 0,
            members: 0,
        }
    }

    /// Start of the next conversation in milliseconds.
    fn at(&self) -> u64 {
        self.micros / 1000
    }

    /// Starts the next conversation: returns the number of its member and schedules the one after it.
    fn admit(&mut self, returning: f64) -> u64 {
        self.conversations += 1;
        // At least a millisecond apart, because member and start time identify a conversation.
        let next = self.micros + self.rng.wait(self.mean_gap_micros);
        self.micros = next.max((self.at() + 1) * 1000);
        let known = u32::try_from(self.members).unwrap_or(u32::MAX).min(REMEMBERED);
        let back = u64::from(self.rng.below(known));
        if self.rng.chance(returning) && known > 0 {
            return self.members - 1 - back;
        }
        self.members += 1;
        self.members - 1
    }

    /// Delays the next conversation to this time if it would start earlier.
    fn not_before(&mut self, ms: u64) {
        self.micros = self.micros.max(ms * 1000);
    }
}

/// The earliest is the greatest, because [`BinaryHeap`] is a max-heap; at equal times, the conversation that started first.
impl Ord for Flight {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.conversation.number).cmp(&(self.at, self.conversation.number))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Flight {}
