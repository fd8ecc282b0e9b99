//! Pauses between attempts: exponential, with full jitter, and without an end.

use std::time::Duration;

/// How soon another attempt can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// A failure of the network, or of the server.
    Soon,
    /// Somebody must change something first, or events must come into being.
    Slow,
    /// Another consumer is connected, and each attempt may disturb it.
    Slowest,
}

/// The number of doublings from the first pause to the longest.
const DOUBLINGS: u32 = 6;

/// Counts the failures in a row.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    longest: Duration,
    pace: Pace,
    failures: u32,
}

impl Backoff {
    /// `longest`: the longest pause of [`Pace::Soon`].
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, pace: Pace::Soon, failures: 0 }
    }

    /// Something arrived.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The pause after a failure. `random` is uniform from 0 to 1.
    pub(super) fn pause(&mut self, pace: Pace, random: f64) -> Duration {
        if pace != self.pace {
            (self.pace, self.failures) = (pace, 0);
        }
        let (least, most) = match pace {
            Pace::Soon => (Duration::ZERO, self.longest),
            Pace::Slow => (self.longest / 2, self.longest * 10),
            Pace::Slowest => (self.longest * 2, self.longest * 30),
        };
        let doublings = self.failures.min(DOUBLINGS);
        self.failures = doublings + 1;
        let bound = (most - least) / (1 << (DOUBLINGS - doublings));
        least + bound.mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(32);

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(LONGEST);
        let longest: Vec<_> = (0..9).map(|_| backoff.pause(Pace::Soon, 1.0).as_millis()).collect();
        assert_eq!(longest, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000]);
        assert_eq!(backoff.pause(Pace::Soon, 0.0), Duration::ZERO);
        assert_eq!(backoff.pause(Pace::Soon, 0.5), LONGEST / 2);
        backoff.succeeded();
        assert_eq!(backoff.pause(Pace::Soon, 1.0).as_millis(), 500);
    }

    #[test]
    fn another_consumer_has_the_longest_pauses_and_a_refusal_is_never_repeated_at_once() {
        let range = |pace| {
            let mut backoff = Backoff::new(LONGEST);
            let shortest = backoff.pause(pace, 0.0);
            let longest = (0..20).map(|_| backoff.pause(pace, 1.0)).max();
            (shortest, longest.unwrap_or_default())
        };
        assert_eq!(range(Pace::Slow), (LONGEST / 2, LONGEST * 10));
        assert_eq!(range(Pace::Slowest), (LONGEST * 2, LONGEST * 30));
    }
}
