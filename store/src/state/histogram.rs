//! A latency histogram with powers of two as buckets: precise enough for an alert, and cheap to update.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The last bucket counts everything longer than 134 seconds.
const BUCKETS: usize = 29;

/// A histogram of durations.
///
/// Bucket *i* counts durations up to 2^*i* microseconds that are longer than the bound of the previous bucket. The last
/// bucket counts everything above 2^27 microseconds (134 s). Subtract two snapshots ([`LatencyHistogram::since`]) for
/// the durations between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LatencyHistogram {
    buckets: [u64; BUCKETS],
    sum_us: u64,
}

impl LatencyHistogram {
    /// Number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Sum of all durations.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }

    /// Mean duration; `None` if the histogram is empty.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.sum_us.checked_div(self.count()).map(Duration::from_micros)
    }

    /// All buckets: the upper bound (`None` for the last bucket, which is unbounded) and the number of durations.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        self.buckets.iter().enumerate().map(|(bucket, count)| (bound(bucket), *count))
    }

    /// Like [`LatencyHistogram::buckets`], with cumulative numbers: the durations up to each bound.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        self.buckets().scan(0, |total, (bound, count)| {
            *total += count;
            Some((bound, *total))
        })
    }

    /// The quantile `part`, from 0 to 1 (0.99: the 99th percentile), rounded up to the bound of its bucket, so at most
    /// twice the exact value. The last bucket counts with its lower bound. `None` if the histogram is empty.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a fraction of a count is a count; counts above 2^53 are approximate"
        )]
        let wanted = (part.clamp(0.0, 1.0) * count as f64).ceil() as u64;
        let (bound, _) = self.cumulative().find(|(_, up_to)| *up_to >= wanted.max(1))?;
        Some(bound.unwrap_or(Duration::from_micros(1 << (BUCKETS - 2))))
    }

    /// The durations since an earlier snapshot of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            buckets: std::array::from_fn(|bucket| self.at(bucket).saturating_sub(earlier.at(bucket))),
            sum_us: self.sum_us.saturating_sub(earlier.sum_us),
        }
    }

    fn at(&self, bucket: usize) -> u64 {
        self.buckets.get(bucket).copied().unwrap_or_default()
    }
}

fn bound(bucket: usize) -> Option<Duration> {
    (bucket < BUCKETS - 1).then(|| Duration::from_micros(1 << bucket))
}

/// Whole microseconds, rounded up, so that no duration exceeds the bound of its bucket.
fn us(took: Duration) -> u64 {
    u64::try_from(took.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
}

fn bucket_of(us: u64) -> usize {
    let bits = u64::BITS - us.saturating_sub(1).leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

/// A histogram being filled.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Latencies {
    pub(crate) fn add(&self, took: Duration) {
        let us = us(took);
        if let Some(bucket) = self.buckets.get(bucket_of(us)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> LatencyHistogram {
        LatencyHistogram {
            buckets: self.buckets.each_ref().map(|count| count.load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(us: &[u64]) -> LatencyHistogram {
        let latencies = Latencies::default();
        us.iter().for_each(|us| latencies.add(Duration::from_micros(*us)));
        latencies.snapshot()
    }

    #[test]
    fn every_time_is_counted_under_the_next_power_of_two() {
        for (us, expected_us) in [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1_000, 1_024), (1 << 27, 1 << 27)] {
            let counted = of(&[us]);
            let mut filled = counted.buckets().filter(|(_, count)| *count > 0);
            assert_eq!(filled.next(), Some((Some(Duration::from_micros(expected_us)), 1)), "{us}");
            assert_eq!(filled.next(), None);
        }
        assert_eq!(of(&[(1 << 27) + 1, u64::MAX / 2]).buckets().last(), Some((None, 2)));
        let begun = Latencies::default();
        begun.add(Duration::from_nanos(1_001));
        assert_eq!(begun.snapshot().sum(), Duration::from_micros(2));
    }

    #[test]
    fn a_quantile_is_the_bound_within_which_that_part_was_done() {
        let histogram = of(&[10, 10, 10, 10, 10, 10, 10, 10, 10, 900]);
        let ms_1 = Duration::from_micros(1_024);
        assert_eq!((histogram.count(), histogram.mean()), (10, Some(Duration::from_micros(99))));
        assert_eq!(histogram.quantile(0.0), Some(Duration::from_micros(16)));
        assert_eq!(histogram.quantile(0.9), Some(Duration::from_micros(16)));
        assert_eq!((histogram.quantile(0.91), histogram.quantile(1.0)), (Some(ms_1), Some(ms_1)));
        assert_eq!((of(&[]).quantile(0.5), of(&[]).mean()), (None, None));
        assert_eq!(of(&[u64::MAX / 2]).quantile(0.5), Some(Duration::from_micros(1 << 27)));
        assert_eq!(histogram.cumulative().last(), Some((None, 10)));
        assert_eq!(histogram.cumulative().find(|(bound, _)| *bound == Some(Duration::from_micros(512))).unwrap().1, 9);
    }

    #[test]
    fn what_came_between_two_snapshots_is_their_difference() {
        assert_eq!(of(&[3, 5, 700]).since(&of(&[5])), of(&[3, 700]));
    }
}
