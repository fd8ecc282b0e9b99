//! Faults between the sender and the log: events are reordered and repeated, and lines that are not events come between.
//!
//! Every line gets an output position, its own or a later one, and waits for it. The position of an event is less than
//! `shuffle` events after its own, so at most `shuffle` events overtake it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::garbage;
use crate::options::{Faults, Options};
use crate::rng::{Purpose, Rng};
use crate::summary::LineKind;
use crate::timeline::{Moment, Timeline};

/// Distance from one event to the next in output positions.
const STEP: u64 = 1 << 20;

/// Maximum number of events between an event and its repetition.
const REPEATED_WITHIN: u32 = 200;

/// Lines that wait for their output position.
#[derive(Debug)]
pub(crate) struct Delivery {
    faults: Faults,
    rng: Rng,
    waiting: BinaryHeap<Waiting>,
    spare: Vec<Vec<u8>>,
    accepted: u64,
    queued: u64,
    /// Lines with a position below this one are due.
    due: u64,
}

#[derive(Debug)]
struct Waiting {
    position: u64,
    /// Keeps lines of the same position in order.
    ticket: u64,
    kind: LineKind,
    line: Vec<u8>,
}

impl Delivery {
    /// Delivery with the faults of `options`.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            faults: options.faults,
            rng: Rng::new(options.seed, Purpose::Faults, 0),
            waiting: BinaryHeap::new(),
            spare: Vec::new(),
            accepted: 0,
            queued: 0,
            due: 0,
        }
    }

    /// Appends the next line to `out`, without a line end. `None` at the end of the log.
    pub(crate) fn next_line(&mut self, timeline: &mut Timeline, out: &mut Vec<u8>) -> Option<LineKind> {
        while self.waiting.peek().is_none_or(|next| next.position >= self.due) {
            if self.due == u64::MAX {
                return None;
            }
            let mut line = self.spare.pop().unwrap_or_default();
            self.due = match timeline.next_event(&mut line) {
                Some(moment) => self.accept(&line, moment),
                None => u64::MAX,
            };
            self.recycle(line);
        }
        let next = self.waiting.pop()?;
        out.extend_from_slice(&next.line);
        self.recycle(next.line);
        Some(next.kind)
    }

    /// Number of lines that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Queues the next event of the log and what its faults add. Returns the position below which lines are now due.
    fn accept(&mut self, line: &[u8], moment: Moment) -> u64 {
        let position = self.position(moment);
        self.queue(position, LineKind::Event, line);
        if self.rng.chance(self.faults.duplicates) {
            let later = u64::from(1 + self.rng.below(REPEATED_WITHIN)) * STEP;
            self.queue(position + later, LineKind::Duplicate, line);
        }
        if self.rng.chance(self.faults.garbage) {
            let mut garbage = self.spare.pop().unwrap_or_default();
            let kind = garbage::write(&mut garbage, line, moment.envelope, &mut self.rng);
            // Half a step after the event it is made from, so that a log never starts with garbage.
            self.queue(position + STEP / 2, kind, &garbage);
            self.recycle(garbage);
        }
        self.accepted += 1;
        self.accepted * STEP
    }

    fn position(&mut self, moment: Moment) -> u64 {
        let delay = u128::from(self.faults.shuffle) * u128::from(STEP) * u128::from(self.rng.bits() >> 32);
        let delay = u64::try_from(delay >> 32).unwrap_or(0);
        let after_message = moment.opens && self.rng.chance(self.faults.message_first);
        let own = self.accepted * STEP + delay;
        // One and a half steps later: after the next event, before the one that follows it.
        if after_message { own + STEP + STEP / 2 } else { own }
    }

    fn queue(&mut self, position: u64, kind: LineKind, line: &[u8]) {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.extend_from_slice(line);
        self.waiting.push(Waiting { position, ticket: self.queued, kind, line: copy });
        self.queued += 1;
    }

    /// Keeps a buffer for the next line, unless a large one.
    fn recycle(&mut self, mut line: Vec<u8>) {
        if line.capacity() <= 4096 && self.spare.len() < 1024 {
            line.clear();
            self.spare.push(line);
        }
    }
}

/// The earliest is the greatest, because [`BinaryHeap`] is a max-heap.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.position, other.ticket).cmp(&(self.position, self.ticket))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}
