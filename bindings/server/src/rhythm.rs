//! How often something is heard, and whether it is silent for longer than usual.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Of the gaps that end within this time only the longest is kept: a burst of events says nothing about the pauses.
const STEP_MS: i64 = 5 * 60 * 1_000;
/// Number of kept gaps: about ten hours without a pause, or some days of an upstream that is seldom heard.
const MAX_GAPS: usize = 128;
/// Number of gaps without which nothing is usual.
const MIN_GAPS: usize = 12;
/// The part of the gaps that are at most as long as the usual gap, in percent. Nights are not in it if the days are busy.
const PERCENTILE: usize = 95;
/// Number of usual gaps after which an upstream is quiet.
const QUIET_GAPS: i64 = 3;
/// No shorter silence is one.
const LEAST_QUIET: Duration = Duration::from_mins(5);

/// When something was heard last, and the gaps before. It has at most half a kibibyte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rhythm {
    last_at: Option<i64>,
    /// When the newest kept gap began to be the longest of its step.
    step_at: i64,
    /// In milliseconds, at most 49 days. A ring once it is full.
    gaps: Vec<u32>,
    newest: usize,
}

impl Rhythm {
    pub(crate) fn heard(&mut self, at: i64) {
        let Some(last_at) = self.last_at.replace(at) else {
            self.step_at = at;
            return;
        };
        // A clock that was set back makes no gap.
        let gap = u32::try_from(at.saturating_sub(last_at).max(0)).unwrap_or(u32::MAX);
        let is_same_step = (0..STEP_MS).contains(&at.saturating_sub(self.step_at));
        if let Some(longest) = self.gaps.get_mut(self.newest).filter(|_| is_same_step) {
            *longest = gap.max(*longest);
            return;
        }
        self.step_at = at;
        if self.gaps.len() < MAX_GAPS {
            self.newest = self.gaps.len();
            self.gaps.push(gap);
        } else {
            self.newest = (self.newest + 1) % MAX_GAPS;
            if let Some(oldest) = self.gaps.get_mut(self.newest) {
                *oldest = gap;
            }
        }
    }

    pub(crate) fn last_at(&self) -> Option<i64> {
        self.last_at
    }

    /// The usual gap in milliseconds: 95 of 100 are at most as long. `None` until there are enough.
    pub(crate) fn usual_gap_ms(&self) -> Option<i64> {
        if self.gaps.len() < MIN_GAPS {
            return None;
        }
        let mut gaps = self.gaps.clone();
        let nearest_rank = (gaps.len() * PERCENTILE).div_ceil(100).saturating_sub(1);
        let (_, gap, _) = gaps.select_nth_unstable(nearest_rank);
        Some(i64::from(*gap))
    }

    /// Whether nothing was heard for three usual gaps, and at least five minutes.
    pub(crate) fn is_quiet(&self, now: i64) -> bool {
        let Some((last_at, usual)) = self.last_at.zip(self.usual_gap_ms()) else { return false };
        let least = i64::try_from(LEAST_QUIET.as_millis()).unwrap_or(i64::MAX);
        now.saturating_sub(last_at) > (usual * QUIET_GAPS).max(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;

    /// Bursts of events on some working days.
    fn days(days: i64, hours: i64, burst_every: i64, events: i64, pause: i64) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for day in 0..days {
            for burst in 0..hours * HOUR / burst_every {
                for event in 0..events {
                    rhythm.heard(day * 24 * HOUR + burst * burst_every + event * pause);
                }
            }
        }
        rhythm
    }

    #[test]
    fn a_few_events_make_no_usual_gap() {
        let mut rhythm = Rhythm::default();
        assert!(!rhythm.is_quiet(i64::MAX) && rhythm.last_at().is_none());
        for event in 0..=11 {
            rhythm.heard(event * 10 * MINUTE);
            assert_eq!(rhythm.usual_gap_ms(), None, "{event}");
        }
        rhythm.heard(120 * MINUTE);
        assert_eq!((rhythm.usual_gap_ms(), rhythm.last_at()), (Some(10 * MINUTE), Some(120 * MINUTE)));
    }

    #[test]
    fn the_pauses_count_and_not_the_bursts() {
        let rhythm = days(1, 8, 10 * MINUTE, 20, SECOND);
        assert_eq!(rhythm.usual_gap_ms(), Some(10 * MINUTE - 19 * SECOND));
        let last_at = rhythm.last_at().unwrap();
        assert!(!rhythm.is_quiet(last_at + 29 * MINUTE) && rhythm.is_quiet(last_at + 30 * MINUTE));
    }

    #[test]
    fn a_night_is_not_usual_for_who_is_busy_by_day() {
        let busy = days(5, 10, 10 * SECOND, 1, 0);
        assert_eq!(busy.usual_gap_ms(), Some(10 * SECOND));
        let last_at = busy.last_at().unwrap();
        assert!(!busy.is_quiet(last_at + 5 * MINUTE) && busy.is_quiet(last_at + 5 * MINUTE + 1));
        // Three conversations a day.
        let seldom = days(60, 9, 3 * HOUR, 30, MINUTE);
        assert!(seldom.usual_gap_ms().unwrap() > 12 * HOUR);
        assert!(!seldom.is_quiet(seldom.last_at().unwrap() + 24 * HOUR));
    }

    #[test]
    fn memory_is_bounded_and_a_clock_that_is_set_back_does_no_harm() {
        let mut rhythm = days(400, 24, 7 * MINUTE, 1, 0);
        assert_eq!(rhythm.gaps.len(), MAX_GAPS);
        rhythm.heard(0);
        rhythm.heard(i64::MIN);
        rhythm.heard(i64::MAX);
        assert_eq!((rhythm.usual_gap_ms(), rhythm.gaps.len()), (Some(7 * MINUTE), MAX_GAPS));
    }
}
