//! sled's trees: what the messages of sled 0.34.7 contain.
//!
//! A tree consists of nodes. An index node names child nodes by their lowest keys; a leaf contains keys and values. A
//! node is stored as a whole, followed by changes (links). Within a node, keys are stored without their common prefix.
//! A node that was split but is not yet in its parent is reached through its left neighbour.

use super::file::integer;

/// A node of a tree, with whole keys.
#[derive(Debug, Default)]
pub(super) struct Node {
    prefix: Vec<u8>,
    /// No key of the node is less.
    pub(super) low: Vec<u8>,
    /// All keys of the node are less; without a limit if it is empty.
    pub(super) high: Vec<u8>,
    /// The right neighbour.
    pub(super) next: Option<u64>,
    merging_child: Option<u64>,
    pub(super) entries: Entries,
}

#[derive(Debug)]
pub(super) enum Entries {
    Leaf(Vec<(Vec<u8>, Vec<u8>)>),
    Index(Vec<(Vec<u8>, u64)>),
}

impl Default for Entries {
    fn default() -> Self {
        Self::Leaf(Vec::new())
    }
}

impl Node {
    /// Decodes a node. `None` if the bytes are not a node.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let next = bytes.integer().map(some_if_not_0)?;
        let merging_child = bytes.integer().map(some_if_not_0)?;
        let _is_merging = bytes.byte()?;
        let prefix_bytes = usize::from(bytes.byte()?);
        let (low, high) = (bytes.value()?.to_vec(), bytes.value()?.to_vec());
        let prefix = low.get(..prefix_bytes)?.to_vec();
        let is_index = bytes.byte()? == 1;
        let count = bytes.integer()?;
        let whole = |key: &[u8]| [prefix.as_slice(), key].concat();
        let keys = (0..count).map(|_| bytes.value().map(whole)).collect::<Option<Vec<_>>>()?;
        let entries = if is_index {
            Entries::Index(keys.into_iter().map(|key| Some((key, bytes.integer()?))).collect::<Option<_>>()?)
        } else {
            Entries::Leaf(keys.into_iter().map(|key| Some((key, bytes.value()?.to_vec()))).collect::<Option<_>>()?)
        };
        Some(Self { prefix, low, high, next, merging_child, entries })
    }

    /// Applies a link. `None` if the bytes are not a link for this node.
    pub(super) fn apply(&mut self, link: &[u8]) -> Option<()> {
        let mut link = Bytes(link);
        match (link.byte()?, &mut self.entries) {
            (0, Entries::Leaf(entries)) => {
                let key = [self.prefix.as_slice(), link.value()?].concat();
                let value = link.value()?.to_vec();
                match entries.binary_search_by(|(found, _)| found.cmp(&key)) {
                    Ok(at) => entries.get_mut(at)?.1 = value,
                    Err(at) => entries.insert(at, (key, value)),
                }
            }
            (1, Entries::Leaf(entries)) => {
                let key = [self.prefix.as_slice(), link.value()?].concat();
                entries.retain(|(found, _)| *found != key);
            }
            // A merge of two children begins: until its end, both contain their entries.
            (2, Entries::Index(_)) => self.merging_child = Some(link.integer()?),
            (3, Entries::Index(entries)) => {
                let merged = self.merging_child.take()?;
                entries.retain(|(_, child)| *child != merged);
            }
            // The entries of this node are being moved to its left neighbour.
            (4, _) => {}
            _ => return None,
        }
        Some(())
    }

    /// Size in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 64;
        match &self.entries {
            Entries::Leaf(entries) => entries.iter().map(|(key, value)| ENTRY_BYTES + key.len() + value.len()).sum(),
            Entries::Index(entries) => entries.iter().map(|(key, _)| ENTRY_BYTES + key.len()).sum(),
        }
    }
}

/// The root nodes of the trees, by name. `None` if the bytes are not a meta page.
pub(super) fn decode_roots(bytes: &[u8]) -> Option<Vec<(Vec<u8>, u64)>> {
    let mut bytes = Bytes(bytes);
    let mut roots = Vec::new();
    while !bytes.is_empty() {
        roots.push((bytes.value()?.to_vec(), bytes.integer()?));
    }
    Some(roots)
}

fn some_if_not_0(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

/// Bytes that are read from front to back.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn integer(&mut self) -> Option<u64> {
        let mut length = 0;
        let integer = integer(self.0, &mut length)?;
        self.take(length)?;
        Some(integer)
    }

    /// A signed integer of fixed length.
    pub(super) fn lsn(&mut self) -> Option<i64> {
        self.take(8)?.first_chunk().copied().map(i64::from_le_bytes)
    }

    /// A key or a value: its length and its bytes.
    fn value(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.integer()?).ok()?;
        self.take(length)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}
