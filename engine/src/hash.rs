//! The state hash (rule H1), which shows that two sets of conversations are in the same state.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::state::State;

/// The 256-bit hash of a set of conversations.
///
/// It is the sum, modulo 2^256, of the SHA-256 of every conversation's export line (UTF-8, without the line feed), each
/// read as a big-endian number. A sum does not depend on order, and a changed conversation is replaced in it without
/// the others. From an export, in Python:
///
/// ```python
/// total = sum(int.from_bytes(hashlib.sha256(line.rstrip(b"\n")).digest(), "big") for line in open("export", "rb"))
/// print(f"{total % 2**256:064x}")
/// ```
///
/// Equal hashes mean equal states. The hash is not a signature and does not resist an attacker who chooses the states.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct StateHash {
    /// Least significant first.
    limbs: [u64; 4],
}

impl StateHash {
    /// The hash of a set with one conversation, given its export line.
    #[must_use]
    pub fn of_line(line: &str) -> Self {
        Self::from_bytes(Sha256::digest(line.as_bytes()).into())
    }

    /// The hash of a set with one conversation in this state. The export line is hashed while it is written, and never
    /// held in memory as a whole.
    #[must_use]
    pub fn of_state(state: &State) -> Self {
        let mut line = BufWriter::with_capacity(LINE_BUFFER_BYTES, Hashed::default());
        // A hasher accepts everything, and a state always has an export line.
        let _ = state.write_export_line(&mut line).and_then(|()| line.flush());
        Self::from_bytes(line.into_parts().0.0.finalize().into())
    }

    /// The hash with these 32 big-endian bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_be_bytes(*chunk);
        }
        Self { limbs }
    }

    /// The 32 bytes, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.limbs.iter().rev()) {
            *chunk = limb.to_be_bytes();
        }
        bytes
    }

    /// The hash of both sets together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut carry = false;
        let mut limbs = self.limbs;
        for (limb, other) in limbs.iter_mut().zip(other.limbs) {
            let (sum, first) = limb.overflowing_add(other);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = first || second;
        }
        Self { limbs }
    }

    /// The hash of this set without `other`.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        let complement = Self { limbs: other.limbs.map(|limb| !limb) };
        self.plus(complement).plus(Self { limbs: [1, 0, 0, 0] })
    }
}

/// Most export lines fit into this many bytes, and are hashed in one piece.
const LINE_BUFFER_BYTES: usize = 4 << 10;

/// Hashes what is written to it.
#[derive(Default)]
struct Hashed(Sha256);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Serialize for StateHash {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StateHash {
    /// From its text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is not a state hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("expected 64 hexadecimal digits, found {found:?}")]
pub struct InvalidStateHash {
    /// The text.
    pub found: String,
}

impl FromStr for StateHash {
    type Err = InvalidStateHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let limb = |number: usize| u64::from_str_radix(text.get(16 * number..16 * (number + 1))?, 16).ok();
        let limbs = || Some([limb(3)?, limb(2)?, limb(1)?, limb(0)?]);
        let limbs = Some(()).filter(|()| is_hash).and_then(|()| limbs());
        limbs.map(|limbs| Self { limbs }).ok_or_else(|| InvalidStateHash { found: text.to_owned() })
    }
}

impl fmt::Display for StateHash {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limbs.iter().rev().try_for_each(|limb| write!(f, "{limb:016x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h1_one_line_is_its_sha256() {
        // printf '%s' '{"id":"a"}' | sha256sum
        let expected = "8489a5deb454a360345c7868bca8672de92b446caf3d3b014af6a56e3d549d30";
        let hash = StateHash::of_line(r#"{"id":"a"}"#);
        assert_eq!(hash.to_string(), expected);
        assert_eq!(StateHash::from_bytes(hash.to_bytes()), hash);
    }

    #[test]
    fn h1_a_sum_carries_and_wraps() {
        let all_ones = StateHash::from_bytes([0xff; 32]);
        let mut one = [0; 32];
        one[31] = 1;
        let one = StateHash::from_bytes(one);
        assert_eq!(all_ones.plus(one), StateHash::default());
        assert_eq!(StateHash::default().minus(one), all_ones);
    }

    #[test]
    fn h1_order_does_not_matter_and_removal_is_exact() {
        let [a, b, c] = ["a", "b", "c"].map(StateHash::of_line);
        assert_eq!(a.plus(b).plus(c), c.plus(a).plus(b));
        assert_eq!(a.plus(b).minus(a), b);
    }
}
