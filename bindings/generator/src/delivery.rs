//! What goes wrong between the sender and the log: events overtake each other, come twice, and rubbish comes between.
//!
//! Every line gets a place to come out at, its own or a later one, and waits for it. An event's place is less than
//! `shuffle` beyond its own, so no more than that many events overtake it.

use super::GenerateSummary;
use super::dice::{Dice, Purpose};
use super::garbage::{self, Verdict};
use super::options::{Faults, GenerateOptions};
use super::timeline::Moment;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io::{self, Write};

/// Places are counted in fractions of the way from one event to the next.
const STEP: u64 = 1 << 20;

/// Events after which a repetition comes, at most.
const REPEATED_WITHIN: u32 = 200;

/// Lines on their way to `out`.
#[derive(Debug)]
pub(super) struct Delivery<W> {
    out: W,
    faults: Faults,
    dice: Dice,
    waiting: BinaryHeap<Waiting>,
    spare: Vec<Vec<u8>>,
    accepted: u64,
    queued: u64,
    summary: GenerateSummary,
}

/// A line that waits for its place.
#[derive(Debug)]
struct Waiting {
    place: u64,
    /// Tells apart, and keeps in order, what shares a place.
    ticket: u64,
    kind: Kind,
    line: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Event,
    Duplicate,
    Garbage(Verdict),
}

impl<W: Write> Delivery<W> {
    /// Delivers to `out` with the faults that `options` ask for.
    pub(super) fn new(options: &GenerateOptions, out: W) -> Self {
        Self {
            out,
            faults: options.faults,
            dice: Dice::new(options.seed, Purpose::Faults, 0),
            waiting: BinaryHeap::new(),
            spare: Vec::new(),
            accepted: 0,
            queued: 0,
            summary: GenerateSummary::default(),
        }
    }

    /// Takes the next event of the log, and writes what has waited long enough.
    pub(super) fn accept(&mut self, line: &[u8], moment: Moment) -> io::Result<()> {
        let place = self.place(moment);
        self.queue(place, Kind::Event, line);
        if self.dice.chance(self.faults.duplicates) {
            let later = u64::from(1 + self.dice.below(REPEATED_WITHIN)) * STEP;
            self.queue(place + later, Kind::Duplicate, line);
        }
        if self.dice.chance(self.faults.garbage) {
            let mut rubbish = self.spare.pop().unwrap_or_default();
            let verdict = garbage::write(&mut rubbish, line, moment.envelope, &mut self.dice);
            // Half a place behind the event it is made from: a log never begins with rubbish.
            self.queue(place + STEP / 2, Kind::Garbage(verdict), &rubbish);
            self.give_back(rubbish);
        }
        self.accepted += 1;
        self.write_until(self.accepted * STEP)
    }

    /// Writes what still waits.
    pub(super) fn finish(mut self) -> io::Result<GenerateSummary> {
        self.write_until(u64::MAX)?;
        self.out.flush()?;
        let summary = &mut self.summary;
        summary.garbage = summary.must_reject + summary.must_ignore;
        summary.lines = summary.events + summary.duplicates + summary.garbage;
        Ok(self.summary)
    }

    /// Lines that wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn place(&mut self, moment: Moment) -> u64 {
        let slip = u128::from(self.faults.shuffle) * u128::from(STEP) * u128::from(self.dice.bits() >> 32);
        let slip = u64::try_from(slip >> 32).unwrap_or(0);
        let behind_message = moment.opens && self.dice.chance(self.faults.message_first);
        let own = self.accepted * STEP + slip;
        // One and a half places on, the next event has passed, and the one after it has not.
        if behind_message { own + STEP + STEP / 2 } else { own }
    }

    fn queue(&mut self, place: u64, kind: Kind, line: &[u8]) {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(line);
        self.waiting.push(Waiting { place, ticket: self.queued, kind, line: copy });
        self.queued += 1;
    }

    fn write_until(&mut self, place: u64) -> io::Result<()> {
        while self.waiting.peek().is_some_and(|next| next.place < place) {
            let Some(next) = self.waiting.pop() else {
                break;
            };
            self.out.write_all(&next.line)?;
            self.out.write_all(b"\n")?;
            self.count(&next);
            self.give_back(next.line);
        }
        Ok(())
    }

    fn count(&mut self, written: &Waiting) {
        self.summary.bytes += written.line.len() as u64 + 1;
        match written.kind {
            Kind::Event => self.summary.events += 1,
            Kind::Duplicate => self.summary.duplicates += 1,
            Kind::Garbage(Verdict::Reject) => self.summary.must_reject += 1,
            Kind::Garbage(Verdict::Ignore) => self.summary.must_ignore += 1,
        }
    }

    /// Keeps a buffer for the next line, unless rubbish has blown it up.
    fn give_back(&mut self, mut line: Vec<u8>) {
        if line.capacity() <= 4096 && self.spare.len() < 1024 {
            line.clear();
            self.spare.push(line);
        }
    }
}

/// The earliest is the greatest, as [`BinaryHeap`] wants it.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.place, other.ticket).cmp(&(self.place, self.ticket))
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
