//! Which partition a conversation belongs to.

use std::num::NonZeroU32;

/// The FNV-1a hash of 32 bits. NATS' subject transform `partition(N,1)` is this hash of a token, modulo N.
#[must_use]
pub fn fnv1a32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The partitions of a log. Their number is fixed when the log is created: with another number, conversations would lie in
/// other partitions than their earlier events.
///
/// ```
/// use std::num::NonZeroU32;
///
/// use convofold_cluster::Partitions;
///
/// let partitions = Partitions::new(NonZeroU32::new(64).unwrap());
/// assert_eq!(partitions.of("case-7"), partitions.of("case-7"));
/// assert!(partitions.of("case-8") < 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitions {
    count: NonZeroU32,
}

impl Partitions {
    /// This number of partitions.
    #[must_use]
    pub fn new(count: NonZeroU32) -> Self {
        Self { count }
    }

    /// The number of partitions.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// The number, as it stands in a record.
    pub(crate) fn record(self) -> NonZeroU32 {
        self.count
    }

    /// The partition of a conversation, from 0: the hash of its id, modulo the number of partitions.
    #[must_use]
    pub fn of(self, conversation: &str) -> u32 {
        fnv1a32(conversation.as_bytes()) % self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of the authors of the hash (isthe.com/chongo/tech/comp/fnv).
    #[test]
    fn the_hash_is_fnv_1a_of_32_bits() {
        let vectors: [(&str, u32); 8] = [
            ("", 0x811c_9dc5),
            ("a", 0xe40c_292c),
            ("b", 0xe70c_2de5),
            ("fo", 0x6222_e842),
            ("foo", 0xa9f3_7ed7),
            ("foob", 0x3f50_76ef),
            ("fooba", 0x39aa_a18a),
            ("foobar", 0xbf9c_f968),
        ];
        for (text, hash) in vectors {
            assert_eq!(fnv1a32(text.as_bytes()), hash, "{text:?}");
        }
    }

    #[test]
    fn a_partition_is_the_hash_modulo_the_number_of_partitions() {
        let of = |count, id| Partitions::new(NonZeroU32::new(count).unwrap()).of(id);
        assert_eq!(of(1, "foobar"), 0);
        assert_eq!(of(64, "foobar"), 0xbf9c_f968 % 64);
        assert_eq!(of(7, "foobar"), 0xbf9c_f968 % 7);
    }

    #[test]
    fn ids_with_a_number_are_spread_over_all_partitions() {
        let partitions = Partitions::new(NonZeroU32::new(64).unwrap());
        let mut counts = [0_u32; 64];
        for number in 0..64_000 {
            counts[partitions.of(&format!("superoffice:Cust1234:{number}")) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
