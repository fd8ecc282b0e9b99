//! Conversations as a contact centre has them: many at a time, most closed within minutes, some after a day, and events that
//! arrive late.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anyhow::Result;
use convofold::Event;

use crate::population::{APART_MS, FIRST_MS, Population, mixed};

const AGENTS: u64 = 50;
const DAY_MS: u64 = 86_400_000;
/// How much later a late event arrives, in milliseconds.
const LATE_MS: i64 = 600_000;

/// A number of conversations, one after another; some thousand are open at a time.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    /// Number of conversations.
    pub conversations: u64,
}

impl Days {
    /// The agents.
    #[must_use]
    pub fn agents(self) -> Population {
        Population { agents: AGENTS }
    }

    /// The time from the first to the last start of a conversation, in milliseconds since the epoch.
    #[must_use]
    pub fn period_ms(self) -> std::ops::Range<i64> {
        FIRST_MS..FIRST_MS.saturating_add_unsigned(self.conversations * APART_MS.unsigned_abs())
    }

    /// The events of a conversation, with the times of their arrival.
    fn events(self, number: u64) -> Result<Vec<(i64, Event)>> {
        // One of two thousand lasts a day; the others take 60 to 440 seconds.
        let is_long = mixed(20, number).is_multiple_of(2_000);
        let length_ms = if is_long { DAY_MS } else { 60_000 + mixed(21, number) % 380_000 };
        let events = self.agents().lasting(number, length_ms)?;
        let arrival = |(place, event): (u64, Event)| {
            let delay_ms = if mixed(22 + place, number).is_multiple_of(100) { LATE_MS } else { 0 };
            (event.at().alone().ms() + delay_ms, event)
        };
        Ok((0..).zip(events).map(arrival).collect())
    }

    /// All events in order of arrival.
    pub fn arrivals(self) -> impl Iterator<Item = Result<Event>> {
        let mut waiting: BinaryHeap<Reverse<(i64, u64)>> = BinaryHeap::new();
        let mut events: std::collections::HashMap<u64, Event> = std::collections::HashMap::new();
        let (mut next, mut handed_out) = (0, 0_u64);
        std::iter::from_fn(move || {
            // Events of conversations that begin later arrive later.
            while next < self.conversations
                && waiting.peek().is_none_or(|Reverse((at, _))| {
                    *at >= FIRST_MS.saturating_add_unsigned(next * APART_MS.unsigned_abs())
                })
            {
                match self.events(next) {
                    Err(error) => return Some(Err(error)),
                    Ok(more) => {
                        for (at, event) in more {
                            waiting.push(Reverse((at, handed_out)));
                            events.insert(handed_out, event);
                            handed_out += 1;
                        }
                    }
                }
                next += 1;
            }
            let Reverse((_, key)) = waiting.pop()?;
            events.remove(&key).map(Ok)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_arrive_in_order_except_the_late_ones() {
        let days = Days { conversations: 3_000 };
        let times: Vec<_> = days.arrivals().map(|event| event.unwrap().at().alone().ms()).collect();
        let mut sorted = times.clone();
        sorted.sort_unstable();
        assert_ne!(times, sorted);
        let mut largest = 0;
        for at in times {
            assert!(at >= largest - LATE_MS, "{at} {largest}");
            largest = largest.max(at);
        }
    }
}
