//! The time of a commit: the wall clock, read once, and never less than the time of the commit before.

use std::time::Duration;

use crate::clock::{Clock, Reading};
use crate::state::counters::Meter;
use crate::trace::tell;

/// A larger jump ahead is reported. Commits cannot be dated back, so a clock that was set too far ahead holds the times of
/// all commits there until it has caught up.
const MAX_JUMP: Duration = Duration::from_hours(1);

pub(crate) struct CommitClock {
    clock: Clock,
    /// The time of the last commit; 0 before the first.
    last_ms: u64,
    last: Reading,
}

impl CommitClock {
    /// Continues after the last commit in the log.
    pub(crate) fn new(clock: Clock, last_ms: u64) -> Self {
        let last = clock.read();
        Self { clock, last_ms, last }
    }

    /// How far the clock is ahead of the last commit in the log, if that is more than an hour: nothing was committed for that
    /// long, or the clock is wrong.
    pub(crate) fn ahead_at_opening(&self) -> Option<Duration> {
        let ahead = Duration::from_millis(self.last.wall_ms.saturating_sub(self.last_ms));
        (self.last_ms > 0 && ahead > MAX_JUMP).then_some(ahead)
    }

    /// The time of the next commit: now, unless the host or a repair knows it.
    pub(crate) fn next_ms(&mut self, known_ms: Option<u64>, meter: &Meter) -> u64 {
        let now = self.clock.read();
        if let Some(jump) = jump(&self.last, &now) {
            meter.add_clock_jump(jump);
            tell!(warn, jump = ?jump, "the wall clock jumped ahead");
        }
        self.last = now;
        known_ms.unwrap_or(now.wall_ms).max(self.last_ms)
    }

    /// The time of the last commit; 0 before the first.
    pub(crate) fn last_ms(&self) -> u64 {
        self.last_ms
    }

    /// There was a commit at this time.
    pub(crate) fn committed(&mut self, ms: u64) {
        self.last_ms = ms;
    }
}

/// How much further the wall clock moved than the monotonic clock, if that is more than an hour.
fn jump(before: &Reading, now: &Reading) -> Option<Duration> {
    let wall = Duration::from_millis(now.wall_ms.saturating_sub(before.wall_ms));
    let passed = now.monotonic.saturating_duration_since(before.monotonic);
    wall.checked_sub(passed).filter(|jump| *jump > MAX_JUMP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::driven::DrivenClock;

    const HOUR_MS: u64 = 3_600_000;

    fn commit(clock: &mut CommitClock, meter: &Meter) -> u64 {
        let ms = clock.next_ms(None, meter);
        clock.committed(ms);
        ms
    }

    #[test]
    fn a_clock_that_is_set_back_holds_the_time_until_it_has_caught_up() {
        let (driven, meter) = (DrivenClock::at(5_000), Meter::default());
        let mut clock = CommitClock::new(driven.clock(), 4_000);
        let mut times = vec![commit(&mut clock, &meter)];
        for wall_ms in [4_500, 4_999, 5_000, 5_001] {
            driven.set(wall_ms);
            times.push(commit(&mut clock, &meter));
        }
        assert_eq!(times, [5_000, 5_000, 5_000, 5_000, 5_001]);
        // Nothing is before the log that was recovered.
        assert_eq!(CommitClock::new(driven.clock(), 9_000).next_ms(None, &meter), 9_000);
        assert_eq!(meter.add_to(Default::default()).clock_jumps, 0);
    }

    #[test]
    fn a_jump_is_what_the_wall_clock_moved_beyond_the_time_that_passed() {
        let (driven, meter) = (DrivenClock::at(HOUR_MS), Meter::default());
        let mut clock = CommitClock::new(driven.clock(), 0);
        let jumps = || {
            let counters = meter.add_to(Default::default());
            (counters.clock_jumps, counters.last_clock_jump)
        };
        driven.pass(100 * HOUR_MS);
        commit(&mut clock, &meter);
        driven.set(102 * HOUR_MS);
        commit(&mut clock, &meter);
        assert_eq!(jumps(), (0, None));
        driven.pass(7 * HOUR_MS);
        driven.set(driven.read().wall_ms + HOUR_MS + 1);
        assert_eq!(commit(&mut clock, &meter), 110 * HOUR_MS + 1);
        assert_eq!(jumps(), (1, Some(Duration::from_millis(HOUR_MS + 1))));
        commit(&mut clock, &meter);
        assert_eq!(jumps().0, 1);
    }

    #[test]
    fn a_clock_far_ahead_of_the_log_is_noticed_at_opening() {
        let ahead = |wall_ms, last_ms| CommitClock::new(DrivenClock::at(wall_ms).clock(), last_ms).ahead_at_opening();
        assert_eq!(ahead(2 * HOUR_MS, HOUR_MS), None);
        assert_eq!(ahead(2 * HOUR_MS + 1, HOUR_MS), Some(Duration::from_millis(HOUR_MS + 1)));
        assert_eq!((ahead(9 * HOUR_MS, 0), ahead(1, HOUR_MS)), (None, None));
    }
}
