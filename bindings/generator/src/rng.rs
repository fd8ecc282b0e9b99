//! Random choices that are the same on every platform and in every version.
//!
//! They use integer arithmetic on a generator whose output is fixed by its definition (PCG XSL RR 128/64). `rand`'s
//! distributions can change between versions, and the platform's `ln` differs in the last digit, so neither is used.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::RngCore;

/// What random numbers are used for. Each purpose has its own stream, so an extra draw in one does not shift another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Tenants and agents.
    Cast = 1,
    /// Start time and member of each conversation.
    Arrivals,
    /// Events and texts of a conversation.
    Conversation,
    /// Attributes of a member.
    Member,
    /// Faults in delivery.
    Faults,
    /// Mean duration of a conversation, measured before the log starts.
    Probe,
}

/// ln 2 with 16 fractional bits.
const LN_2: u64 = 45_426;

/// A stream of random choices.
#[derive(Debug, Clone)]
pub(crate) struct Rng(Pcg64);

impl Rng {
    /// The stream of the item with this number of a purpose.
    pub(crate) fn new(seed: u64, purpose: Purpose, number: u64) -> Self {
        let high = u128::from(mix(seed));
        let low = u128::from(mix(seed.rotate_left(32) ^ mix(number)));
        Self(Pcg64::new(high << 64 | low, purpose as u128))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`; 0 if the limit is 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        // Multiplication instead of division; the bias is at most limit / 2^32.
        (((self.bits() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// An index below `len`.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(u32::try_from(len).unwrap_or(u32::MAX)) as usize
    }

    /// One of `items`, which must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// True with the given probability. Always draws once, so that an option changes only what it is for.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        let unit = (self.bits() >> 11) as f64 / (1u64 << 53) as f64;
        unit < probability
    }

    /// An exponentially distributed waiting time of at least 1 with this mean, which must be below 2^40.
    pub(crate) fn wait(&mut self, mean: u64) -> u64 {
        1 + ((mean * minus_ln(self.bits() | 1)) >> 16)
    }
}

/// -ln(x / 2^64) with 16 fractional bits, for x above 0.
fn minus_ln(x: u64) -> u64 {
    let zeros = x.leading_zeros();
    let mut mantissa = (x << zeros) >> 32; // in [1, 2) with 31 fractional bits
    let mut fraction = 0u64;
    // Squaring doubles the logarithm: each carry over 2 is its next binary digit.
    for _ in 0..16 {
        mantissa = (mantissa * mantissa) >> 31;
        let carry = mantissa >> 32;
        fraction = fraction << 1 | carry;
        mantissa >>= carry;
    }
    let log2 = (u64::from(63 - zeros) << 16) | fraction;
    (((64 << 16) - log2) * LN_2) >> 16
}

/// Spreads a number over 64 bits: the finalizer of SplitMix64. It is a bijection, so different numbers stay different.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_never_changes() {
        let mut rng = Rng::new(1, Purpose::Conversation, 7);
        let drawn: Vec<u64> = (0..3).map(|_| rng.bits()).collect();
        assert_eq!(drawn, [13_401_206_993_663_344_656, 9_767_178_631_321_814_506, 15_392_817_430_747_039_737]);
    }

    #[test]
    fn logarithms_are_right_to_three_digits() {
        for x in [1u64, 2, 3, 1 << 20, 12_345_678_901, 1 << 63, u64::MAX] {
            let exact = -((x as f64) / 2f64.powi(64)).ln();
            let ours = minus_ln(x) as f64 / 65_536.0;
            assert!((exact - ours).abs() < 0.001, "{x}: {exact} {ours}");
        }
    }

    #[test]
    fn waits_have_the_mean_asked_for() {
        let mut rng = Rng::new(3, Purpose::Probe, 0);
        let sum: u64 = (0..200_000).map(|_| rng.wait(10_000)).sum();
        assert!((9_900..10_100).contains(&(sum / 200_000)), "{}", sum / 200_000);
    }

    #[test]
    fn chances_have_their_probability() {
        let mut rng = Rng::new(4, Purpose::Probe, 0);
        let hits = (0..100_000).filter(|_| rng.chance(0.25)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
        assert!(!rng.chance(0.0));
        assert!(rng.chance(1.0));
    }

    #[test]
    fn limits_are_kept() {
        let mut rng = Rng::new(5, Purpose::Probe, 0);
        assert!((0..1000).all(|_| rng.below(7) < 7));
        assert!((0..1000).all(|_| (3..=5).contains(&rng.between(3, 5))));
        assert_eq!(rng.below(0), 0);
    }
}
