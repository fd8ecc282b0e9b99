//! Fragments: the pieces of a value that sled stores.
//!
//! ```text
//!  0  magic     4 bytes   "cfPT"
//!  4  tree      1 byte    L log, P pages, R records
//!  5  key       u8        length of the key
//!  6  zero      2 bytes
//!  8  number    u32       number of the fragment, from 0
//! 12  fragments u32       number of fragments of the value
//! 16  bytes     u32       length of the payload
//! 20  checksum  u64       XXH3-64, seed 0, of all other bytes in order
//! 28  key, payload
//! ```
//!
//! A fragment names the value that it belongs to. So readable data can be found in sled's file even if sled itself cannot
//! read the file any more, and every value that sled returns is known to be the requested one.

use memchr::memmem;
use xxhash_rust::xxh3::Xxh3;

use crate::format::frame::u32_at;

/// The maximum length of a payload. sled sees a few bytes more. See [`crate::storage::sled`] for the reason.
///
/// Small fragments cost time (6 KB fragments take twice as long per byte as 24 KB fragments). Large fragments cost memory, because
/// sled keeps whole leaves.
pub(crate) const PAYLOAD_BYTES: usize = 24 << 10;

const MAGIC: [u8; 4] = *b"cfPT";
const HEADER_BYTES: usize = 28;

/// The sled tree that contains a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Tree {
    Log = b'L',
    Pages = b'P',
    Records = b'R',
}

/// A fragment of the value with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment<'a> {
    pub(crate) tree: Tree,
    pub(crate) key: &'a [u8],
    pub(crate) fragment_no: u32,
    /// Number of fragments of the value.
    pub(crate) fragments: u32,
    pub(crate) payload: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// The fragments of a value. Keys have at most 255 bytes.
    pub(crate) fn split(tree: Tree, key: &'a [u8], value: &'a [u8]) -> impl Iterator<Item = Self> {
        // A value has at most 1 GiB, which is some ten thousand fragments. An empty value is one fragment.
        let fragments = u32::try_from(value.len().div_ceil(PAYLOAD_BYTES).max(1)).unwrap_or(u32::MAX);
        (0..fragments).map(move |fragment_no| {
            let rest = value.get(fragment_no as usize * PAYLOAD_BYTES..).unwrap_or_default();
            let payload = rest.get(..PAYLOAD_BYTES).unwrap_or(rest);
            Self { tree, key, fragment_no, fragments, payload }
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.key.len() + self.payload.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[self.tree as u8, u8::try_from(self.key.len()).unwrap_or(u8::MAX), 0, 0]);
        bytes.extend_from_slice(&self.fragment_no.to_le_bytes());
        bytes.extend_from_slice(&self.fragments.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(self.key);
        bytes.extend_from_slice(self.payload);
        let checksum = checksum(&bytes);
        if let Some(place) = bytes.get_mut(20..HEADER_BYTES) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
        bytes
    }

    /// The fragment at the start of these bytes, whatever follows it. `None` if it is not a whole fragment.
    pub(crate) fn at(bytes: &'a [u8]) -> Option<Self> {
        let [m0, m1, m2, m3, tree, key_bytes, ..] = *bytes.first_chunk::<HEADER_BYTES>()?;
        if [m0, m1, m2, m3] != MAGIC {
            return None;
        }
        let tree = [Tree::Log, Tree::Pages, Tree::Records].into_iter().find(|known| *known as u8 == tree)?;
        let key_end = HEADER_BYTES + usize::from(key_bytes);
        let payload_bytes = u32_at(bytes, 16) as usize;
        let whole = bytes.get(..key_end.checked_add(payload_bytes).filter(|_| payload_bytes <= PAYLOAD_BYTES)?)?;
        let stated = whole.get(20..HEADER_BYTES)?.first_chunk().copied().map(u64::from_le_bytes)?;
        if stated != checksum(whole) {
            return None;
        }
        let (fragment_no, fragments) = (u32_at(bytes, 8), u32_at(bytes, 12));
        Some(Self {
            tree,
            key: whole.get(HEADER_BYTES..key_end)?,
            fragment_no,
            fragments,
            payload: whole.get(key_end..)?,
        })
    }

    /// Number of bytes before the payload.
    pub(crate) fn header_bytes(&self) -> usize {
        HEADER_BYTES + self.key.len()
    }

    /// Every whole fragment in these bytes, with its offset.
    pub(crate) fn find_all(bytes: &'a [u8]) -> impl Iterator<Item = (usize, Self)> {
        memmem::find_iter(bytes, &MAGIC).filter_map(|at| Some((at, Self::at(bytes.get(at..)?)?)))
    }

    /// The maximum length of a fragment.
    pub(crate) const MAX_BYTES: usize = HEADER_BYTES + u8::MAX as usize + PAYLOAD_BYTES;
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(bytes.get(..20).unwrap_or_default());
    hash.update(bytes.get(HEADER_BYTES..).unwrap_or_default());
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_payloads_of_its_parts_in_order() {
        for length in [0, 1, PAYLOAD_BYTES, PAYLOAD_BYTES + 1, 3 * PAYLOAD_BYTES] {
            let value: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let fragments: Vec<_> = Fragment::split(Tree::Pages, b"key", &value).collect();
            assert_eq!(fragments.len(), length.div_ceil(PAYLOAD_BYTES).max(1));
            let joined: Vec<u8> = fragments.iter().flat_map(|fragment| fragment.payload).copied().collect();
            assert!(joined == value);
            assert!(fragments.iter().all(|fragment| fragment.fragments as usize == fragments.len()));
        }
    }

    #[test]
    fn a_part_is_found_among_others_and_one_that_was_changed_is_not() {
        let fragments: Vec<_> = Fragment::split(Tree::Log, b"0123456789abcdef", b"some text").collect();
        let [fragment] = fragments.as_slice() else { panic!("one fragment") };
        let bytes = fragment.encode();
        let among = [b"cfPcfPT".as_slice(), &bytes, b"cfPT", &bytes].concat();
        let found: Vec<_> = Fragment::find_all(&among).collect();
        assert_eq!(found, [(7, *fragment), (11 + bytes.len(), *fragment)]);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Fragment::at(&changed), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Fragment::at(&bytes[..length]), None, "{length} bytes");
        }
    }
}
