//! Messages that are read and not submitted yet: the next batch.

use std::collections::VecDeque;
use std::mem;

use convofold::ingest::{Ignored, Origin, Parser, Rejection, Sink};
use convofold::{Event, Time};

use super::rejects::Rejected;
use crate::log::{Mark, Message};

/// Events and bytes of payload at which a batch is submitted although more messages are there.
const BATCH_EVENTS: usize = 8_192;
const BATCH_BYTES: usize = 4 << 20;
/// Number of rejections that are kept of a message.
const REJECTIONS_KEPT: usize = 100;

/// The messages of the next batch. They have one commit time.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) found: Found,
    bytes: usize,
    /// The last message.
    pub(super) last: Option<Mark>,
    known_at: Option<Time>,
    pub(super) rejected: VecDeque<Rejected>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Whether a message with this time begins another batch.
    pub(super) fn is_complete_before(&self, known_at: Time) -> bool {
        let is_full = self.found.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES;
        !self.is_empty() && (is_full || self.known_at != Some(known_at))
    }

    /// Adds a message. `known_at` is that of the others.
    pub(super) fn add(&mut self, message: Message, known_at: Time, parser: &Parser, stream: &str) {
        parser.parse_input(&message.payload, &mut self.found);
        self.bytes += message.payload.len();
        self.last = Some(Mark::of(&message));
        self.known_at = Some(known_at);
        let (rejections, count) = (mem::take(&mut self.found.rejections), mem::take(&mut self.found.rejected));
        if count > 0 {
            let (Message { seq, time_ms, payload }, stream) = (message, stream.to_owned());
            self.rejected.push_back(Rejected { stream, seq, time_ms, payload, count, rejections });
        }
    }
}

/// The commit time of a message: the time of the broker, rounded up to a whole second
/// (docs/decisions/0042-commit-times-of-a-broker.md).
pub(super) fn known_at(time_ms: i64) -> Time {
    let second_ms = time_ms.saturating_add(999).div_euclid(1_000).saturating_mul(1_000);
    Time::from_ms(second_ms).unwrap_or(if second_ms < 0 { Time::MIN } else { Time::MAX })
}

/// What the parser finds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    pub(super) ignored: u64,
    rejected: u64,
    rejections: Vec<Rejection>,
}

impl Sink for Found {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {
        self.ignored += 1;
    }

    fn rejected(&mut self, rejection: Rejection) {
        self.rejected += 1;
        if self.rejections.len() < REJECTIONS_KEPT {
            self.rejections.push(rejection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_time_is_the_next_whole_second() {
        let ms = |time_ms| known_at(time_ms).ms();
        assert_eq!([ms(0), ms(1), ms(999), ms(1_000), ms(1_001)], [0, 1_000, 1_000, 1_000, 2_000]);
        assert_eq!([ms(-5_000), ms(i64::MIN), ms(i64::MAX)], [Time::MIN.ms(), Time::MIN.ms(), Time::MAX.ms()]);
    }
}
