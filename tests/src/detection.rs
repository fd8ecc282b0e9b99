//! How much of what is lost the report of suspects notices: events are dropped from a log, the rest is folded, and the report
//! is compared with what was dropped. `docs/suspects.md` has the results.
//!
//! The binary `detection` prints the tables. Equal arguments give equal tables on every machine.

use std::collections::HashMap;

use anyhow::{Context, Result};
use convofold::engine::{Board, Gap, SuspectsBuilder};
use convofold::{Direction, Event, Kind, Loss, Moment, SuspectKind, Suspects, SuspectsQuery};
use convofold_generator::{Generator, Mix, Options};

use crate::parsed::Parsed;

const MINUTE_MS: i64 = 60_000;

/// Events in the order of a log.
#[derive(Debug)]
pub struct Log {
    events: Vec<Event>,
}

/// What the report says of a log, and the gaps of each conversation.
#[derive(Debug)]
pub struct Found {
    /// The report.
    pub suspects: Suspects,
    gaps: HashMap<String, Vec<Gap>>,
}

impl Log {
    /// A generated log of Airship's events, the only ones that state unread counts. `in_flight` conversations are active at
    /// once. Counts are stated when an agent is assigned and at the close, and after this share of messages.
    ///
    /// # Errors
    /// An option is out of range.
    pub fn generated(events: u64, in_flight: u32, counted: f64, seed: u64) -> Result<Self> {
        let mix = Mix::default().superoffice(0);
        let options = Options::new().events(events).in_flight(in_flight).updates(counted).seed(seed).mix(mix);
        let mut bytes = Vec::new();
        Generator::new(options)?.write_to(&mut bytes)?;
        Ok(Self::of(&bytes))
    }

    /// The events of a log in any of the formats that convofold reads.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut events = Parsed::of(bytes).events;
        events.sort_by_key(at);
        Self { events }
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The report for the events that are not lost.
    pub fn without(&self, is_lost: impl Fn(usize, &Event) -> bool) -> Found {
        let mut board = Board::new();
        let mut edit = board.edit();
        for (seq, event) in (1..).zip(self.events.iter().enumerate().filter(|(place, event)| !is_lost(*place, event))) {
            edit.apply(seq, event.1);
        }
        drop(edit);
        let (mut builder, mut gaps) = (SuspectsBuilder::new(SuspectsQuery::new()), HashMap::new());
        for id in board.ids() {
            let look = |past: &convofold::engine::Past<'_>| (past.source().to_owned(), past.suspect_events());
            let Some((source, events)) = board.past(&id, Moment::LATEST, look) else { continue };
            builder.add(&source, &events);
            gaps.insert(id.to_string(), events.iter().filter_map(|event| event.gap).collect());
        }
        Found { suspects: builder.finish(), gaps }
    }
}

impl Found {
    /// Number of suspect events of a kind.
    #[must_use]
    pub fn of_kind(&self, kind: SuspectKind) -> u64 {
        self.suspects.kinds.iter().filter(|row| row.kind == kind).map(|row| row.events).sum()
    }

    /// Whether a conversation has a gap in which this event lies.
    fn has_gap_around(&self, event: &Event) -> bool {
        let at = at(event);
        self.gaps
            .get(event.conversation())
            .is_some_and(|gaps| gaps.iter().any(|gap| gap.after <= at && at <= gap.until))
    }
}

/// What dropping single events at random gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Singles {
    /// Number of lost messages from members.
    pub lost_inbound: u64,
    /// Number of these in a gap of their conversation.
    pub noticed: u64,
    /// Number of lost messages to members, and of lost lifecycle events, which no unread count can show.
    pub lost_others: u64,
    /// Number of gaps.
    pub gaps: u64,
    /// Number of gaps without a lost message from a member.
    pub false_gaps: u64,
    /// Number of missing messages that the gaps state.
    pub missing: u64,
}

/// Loses each event with this probability.
#[must_use]
pub fn singles(log: &Log, probability: f64, seed: u64) -> Singles {
    let mut dice = Dice(seed);
    let lost: Vec<bool> = log.events.iter().map(|_| dice.next() < probability).collect();
    let is_lost = |place: usize, _: &Event| lost.get(place).copied().unwrap_or_default();
    let found = log.without(is_lost);
    let mut result = Singles::default();
    let mut lost_inbound: HashMap<&str, Vec<i64>> = HashMap::new();
    for (_, event) in log.events.iter().enumerate().filter(|(place, event)| is_lost(*place, event)) {
        if is_inbound(event) {
            result.lost_inbound += 1;
            result.noticed += u64::from(found.has_gap_around(event));
            lost_inbound.entry(event.conversation()).or_default().push(at(event));
        } else {
            result.lost_others += 1;
        }
    }
    for (id, gaps) in &found.gaps {
        let lost = lost_inbound.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
        result.gaps += gaps.len() as u64;
        result.missing += gaps.iter().map(|gap| gap.missing).sum::<u64>();
        let is_false = |gap: &&Gap| !lost.iter().any(|at| gap.after <= *at && *at <= gap.until);
        result.false_gaps += gaps.iter().filter(is_false).count() as u64;
    }
    result
}

/// What losing every event for some minutes, again and again, gives.
#[derive(Clone, Debug, Default)]
pub struct Outages {
    /// Number of outages.
    pub outages: u64,
    /// Number of lost events.
    pub lost: u64,
    /// Number of lost messages from members.
    pub lost_inbound: u64,
    /// Number of outages with which a loss has a time in common.
    pub noticed: u64,
    /// Number of noticed outages whose largest loss contains every moment of them, from its `earliest` to its `latest`.
    pub contained: u64,
    /// The length of the largest loss of each noticed outage, from its `from` to its `to`, in milliseconds; sorted.
    pub widths_ms: Vec<i64>,
    /// The same from its `earliest` to its `latest`.
    pub outer_widths_ms: Vec<i64>,
    /// The number of losses of each noticed outage; sorted.
    pub losses_each: Vec<u64>,
    /// Number of losses that have no time in common with an outage.
    pub false_losses: u64,
    /// Number of missing messages that the losses of outages state.
    pub missing: u64,
}

/// Loses all events during outages of this length, with half an hour between two of them.
#[must_use]
pub fn outages(log: &Log, minutes: i64, seed: u64) -> Outages {
    // Towards its end a log has returning members only.
    let busy = log.events.len() * 4 / 5;
    let Some((first, last)) = log.events.first().zip(log.events.get(busy)).map(|(first, last)| (at(first), at(last)))
    else {
        return Outages::default();
    };
    let (length, mut dice) = (minutes * MINUTE_MS, Dice(seed));
    let mut spans = Vec::new();
    let mut begin = first + 15 * MINUTE_MS;
    while begin + length + 15 * MINUTE_MS < last {
        #[expect(clippy::cast_possible_truncation, reason = "less than ten minutes")]
        let moved = begin + (dice.next() * 10.0 * 60_000.0) as i64;
        spans.push((moved, moved + length));
        begin += length + 40 * MINUTE_MS;
    }
    let span_of = |at: i64| spans.iter().find(|(from, to)| *from <= at && at < *to);
    let found = log.without(|_, event| span_of(at(event)).is_some());
    let mut result = Outages { outages: spans.len() as u64, ..Outages::default() };
    for event in log.events.iter().filter(|event| span_of(at(event)).is_some()) {
        result.lost += 1;
        result.lost_inbound += u64::from(is_inbound(event));
    }
    let touches = |loss: &Loss, (from, to): (i64, i64)| loss.from < to && from < loss.to;
    for span in &spans {
        let here: Vec<&Loss> = found.suspects.losses.iter().filter(|loss| touches(loss, *span)).collect();
        let Some(largest) = here.iter().max_by_key(|loss| loss.gaps) else { continue };
        result.noticed += 1;
        result.contained += u64::from(largest.earliest <= span.0 && span.1 <= largest.latest);
        result.widths_ms.push(largest.to - largest.from);
        result.outer_widths_ms.push(largest.latest - largest.earliest);
        result.losses_each.push(here.len() as u64);
        result.missing += here.iter().map(|loss| loss.missing).sum::<u64>();
    }
    let is_false = |loss: &&Loss| !spans.iter().any(|span| touches(loss, *span));
    result.false_losses = found.suspects.losses.iter().filter(is_false).count() as u64;
    result.widths_ms.sort_unstable();
    result.outer_widths_ms.sort_unstable();
    result.losses_each.sort_unstable();
    result
}

impl Outages {
    /// Adds the outages of another log.
    pub fn add(&mut self, other: Self) {
        self.outages += other.outages;
        self.lost += other.lost;
        self.lost_inbound += other.lost_inbound;
        self.noticed += other.noticed;
        self.contained += other.contained;
        self.widths_ms.extend(other.widths_ms);
        self.outer_widths_ms.extend(other.outer_widths_ms);
        self.losses_each.extend(other.losses_each);
        self.false_losses += other.false_losses;
        self.missing += other.missing;
        self.widths_ms.sort_unstable();
        self.outer_widths_ms.sort_unstable();
        self.losses_each.sort_unstable();
    }
}

/// Reads a log.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &std::path::Path) -> Result<Log> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(Log::of(&bytes))
}

fn at(event: &Event) -> i64 {
    event.at().alone().ms()
}

fn is_inbound(event: &Event) -> bool {
    event.kind() == Kind::Message && event.direction() == Some(Direction::In)
}

/// Numbers from 0 to 1 that look random, the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        #[expect(clippy::cast_precision_loss, reason = "24 bits")]
        let number = (mixed >> 40) as f64;
        number / 16_777_216.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A count is stated after each message.
    fn log() -> Log {
        Log::generated(16_000, 20, 1.0, 3).unwrap()
    }

    #[test]
    fn a_log_without_losses_raises_no_alarm() {
        let found = log().without(|_, _| false);
        assert_eq!(found.suspects.events, 0, "{:?}", found.suspects);
    }

    #[test]
    fn lost_messages_are_noticed_and_no_gap_is_false() {
        let result = singles(&log(), 0.05, 1);
        assert!(result.lost_inbound > 50 && result.lost_others > 50, "{result:?}");
        assert!(result.noticed > 0 && result.noticed < result.lost_inbound, "{result:?}");
        assert_eq!(result.false_gaps, 0, "{result:?}");
        assert!(result.missing <= result.lost_inbound, "{result:?}");
    }

    #[test]
    fn an_outage_is_noticed_where_it_was() {
        let result = outages(&log(), 15, 1);
        assert!(result.outages > 1, "{result:?}");
        assert!(result.noticed > 0, "{result:?}");
        assert!(result.missing <= result.lost_inbound, "{result:?}");
        assert_eq!(result.false_losses, 0, "{result:?}");
    }
}
