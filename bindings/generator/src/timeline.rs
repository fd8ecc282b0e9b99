//! Many conversations at once, in the order of time.

use super::airship;
use super::clock::Clock;
use super::conversation::{Beginning, Conversation};
use super::dice::{Dice, Purpose};
use super::json::Script;
use super::options::{Envelope, GenerateOptions};
use super::people::{Member, Tenant, cast};
use super::phrase::Phrases;
use super::plan::{Step, StepKind, mean_talk_ms};
use super::superoffice;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Conversations held in memory, at most, for each one that is to be in flight.
pub(super) const HELD_PER_IN_FLIGHT: usize = 4;

/// Members back to whom a returning one may go.
const REMEMBERED: u32 = 4096;

/// What the delivery may want to know about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Whether the next event is the message that this one opens for.
    pub(super) opens: bool,
    /// How the event is written.
    pub(super) envelope: Envelope,
}

/// All events of a log, one after the other.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    options: &'a GenerateOptions,
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

/// When the next conversation begins, and with whom.
#[derive(Debug)]
struct Arrivals {
    dice: Dice,
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

impl<'a> Timeline<'a> {
    /// The beginning of the log.
    pub(super) fn new(options: &'a GenerateOptions) -> Self {
        Self {
            options,
            tenants: cast(options),
            utf8: Phrases::new(Script::Utf8),
            ascii: Phrases::new(Script::Ascii),
            clock: Clock::new(),
            arrivals: Arrivals::new(options),
            in_flight: BinaryHeap::new(),
            planned: 0,
            written: 0,
            open: 0,
        }
    }

    /// How many conversations have begun.
    pub(super) fn conversations(&self) -> u64 {
        self.arrivals.conversations
    }

    /// How many of them are open after what was written so far.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// How many are held in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.in_flight.len()
    }

    /// Appends the next event to `out`, without an end of line. `None` at the end of the log.
    pub(super) fn next_event(&mut self, out: &mut Vec<u8>) -> Option<Moment> {
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
        // Whoever had to wait for room begins now, not in the past.
        self.arrivals.not_before(step.at);
        Some(moment)
    }

    fn held_too_many(&self) -> bool {
        self.in_flight.len() >= HELD_PER_IN_FLIGHT * self.options.in_flight as usize
    }

    /// Lets every conversation begin that begins before the next event of those in flight.
    fn admit(&mut self) {
        while self.planned < self.options.events && !self.held_too_many() {
            let at = self.arrivals.at();
            if self.in_flight.peek().is_some_and(|flight| flight.at < at) {
                return;
            }
            let begin = Beginning { number: self.arrivals.conversations, at, room: self.options.events - self.planned };
            let serial = self.arrivals.admit(self.options.returning);
            let member = Member::new(self.options, &self.tenants, serial);
            let conversation = Box::new(Conversation::new(self.options, &self.tenants, member, begin));
            self.planned += conversation.len();
            self.in_flight.push(Flight { at, conversation });
        }
    }
}

fn write(out: &mut Vec<u8>, conversation: &Conversation, tenant: &Tenant, step: Step, clock: &mut Clock, place: u64) {
    match conversation.envelope {
        Envelope::AirshipApi => airship::write_api(out, conversation, tenant, step, clock),
        Envelope::AirshipRtds => airship::write_rtds(out, conversation, tenant, step, clock, place),
        Envelope::SuperOffice => superoffice::write(out, conversation, tenant, step, clock),
    }
}

impl Arrivals {
    fn new(options: &GenerateOptions) -> Self {
        let mut probe = Dice::new(options.seed, Purpose::Probe, 0);
        let talk_micros = mean_talk_ms(&mut probe, options) * 1000;
        Self {
            dice: Dice::new(options.seed, Purpose::Arrivals, 0),
            // Microseconds, so that a great many in flight do not round to the same gap.
            mean_gap_micros: (talk_micros / u64::from(options.in_flight)).max(1),
            micros: options.start() * 1000,
            conversations: 0,
            members: 0,
        }
    }

    /// When the next one begins, in milliseconds.
    fn at(&self) -> u64 {
        self.micros / 1000
    }

    /// Lets the next one begin: returns its member's serial number and moves on to the one after.
    fn admit(&mut self, returning: f64) -> u64 {
        self.conversations += 1;
        // At least a millisecond apart, or one member could begin two conversations of the same name.
        let next = self.micros + self.dice.wait(self.mean_gap_micros);
        self.micros = next.max((self.at() + 1) * 1000);
        let known = u32::try_from(self.members).unwrap_or(u32::MAX).min(REMEMBERED);
        let back = u64::from(self.dice.below(known));
        if self.dice.chance(returning) && known > 0 {
            return self.members - 1 - back;
        }
        self.members += 1;
        self.members - 1
    }

    /// Puts the next beginning off, if it lies before that.
    fn not_before(&mut self, ms: u64) {
        self.micros = self.micros.max(ms * 1000);
    }
}

/// The earliest is the greatest, as [`BinaryHeap`] wants it; at the same time, the conversation that began first.
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
