//! The contents of a [`MemoryStorage`](super::MemoryStorage).

use std::collections::BTreeMap;

use super::Dice;
use crate::format::key::{BlockKey, PageKey, PartKey};
use crate::storage::Entry;
use crate::storage::fragment::Tree;
use crate::storage::sled::{block_key, part_key};

#[derive(Clone, Default)]
pub(crate) struct Contents {
    pub(crate) log: BTreeMap<BlockKey, Vec<u8>>,
    pub(crate) pages: BTreeMap<PartKey, Vec<u8>>,
    pub(crate) records: BTreeMap<String, Vec<u8>>,
}

/// An atomic change.
#[derive(Clone)]
pub(super) enum Change {
    Append(Vec<(BlockKey, Vec<u8>)>),
    DeleteBlock(BlockKey),
    PutPages(Vec<(PartKey, Vec<u8>)>),
    DeletePage(PageKey),
    PutRecord(String, Vec<u8>),
    DeleteRecord(String),
}

impl Contents {
    pub(super) fn make(&mut self, change: Change) {
        match change {
            Change::Append(blocks) => self.log.extend(blocks),
            Change::DeleteBlock(key) => drop(self.log.remove(&key)),
            Change::PutPages(pages) => self.pages.extend(pages),
            Change::DeletePage(key) => self.pages.retain(|part, _| part.page != key),
            Change::PutRecord(name, value) => drop(self.records.insert(name, value)),
            Change::DeleteRecord(name) => drop(self.records.remove(&name)),
        }
    }

    /// The entries of a tree.
    pub(super) fn entries(&self, tree: Tree) -> Vec<Entry> {
        let Self { log, pages, records } = self;
        match tree {
            Tree::Log => log.iter().map(|(key, value)| (block_key(*key), value.clone())).collect(),
            Tree::Pages => pages.iter().map(|(key, value)| (part_key(*key), value.clone())).collect(),
            Tree::Records => records.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone())).collect(),
        }
    }

    /// Flips one bit of one value.
    pub(crate) fn flip_a_bit(&mut self, seed: u64) {
        let mut dice = Dice::new(seed);
        if let Some(value) = self.value(&mut dice) {
            let at = dice.below(value.len());
            value[at] ^= 1 << dice.below(8);
        }
    }

    /// Removes some bytes from one value.
    pub(crate) fn tear_a_value(&mut self, seed: u64) {
        let mut dice = Dice::new(seed);
        if let Some(value) = self.value(&mut dice) {
            let from = dice.below(value.len());
            let to = from + 1 + dice.below(value.len() - from);
            value.drain(from..to);
        }
    }

    /// A random value that is not empty, or `None` if there is none. The head of an unfinished run is empty.
    fn value(&mut self, dice: &mut Dice) -> Option<&mut Vec<u8>> {
        let Self { log, pages, records } = self;
        let values = log.values_mut().chain(pages.values_mut()).chain(records.values_mut());
        let mut values: Vec<_> = values.filter(|value| !value.is_empty()).collect();
        let chosen = dice.below(values.len());
        (chosen < values.len()).then(|| values.swap_remove(chosen))
    }
}
