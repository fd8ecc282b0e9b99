//! Values of any length in one of sled's trees, split into fragments.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sled::{Batch, Tree};

use crate::damage::Damage;
use crate::storage::fragment::{self, Fragment, PAYLOAD_BYTES};
use crate::storage::{Entry, StorageError, panic_message};

/// An access is repeated once for each of these bytes, so that sled checks its cache; see [`crate::storage::sled`].
const TOUCH_BYTES: usize = PAYLOAD_BYTES / 8;
/// Number of fragments that are deleted together.
pub(crate) const DELETED_AT_ONCE: usize = 16;

/// A sled tree whose values are split into fragments.
pub(crate) struct SledTree {
    tree: Tree,
    name: fragment::Tree,
}

/// Changes to a tree that are applied together.
#[derive(Default)]
pub(crate) struct Changes {
    /// Keys with their values.
    puts: Vec<(Vec<u8>, Vec<u8>)>,
    removals: Vec<sled::IVec>,
}

impl Changes {
    /// The removal of these fragments.
    pub(crate) fn removals(keys: Vec<sled::IVec>) -> Self {
        Self { puts: Vec::new(), removals: keys }
    }
}

impl SledTree {
    pub(crate) fn new(tree: Tree, name: fragment::Tree) -> Self {
        Self { tree, name }
    }

    /// The value with this key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        value_of(self.name, key, |stored_key| {
            guarded("reading", || {
                let found = self.tree.get(stored_key)?;
                if let Some(found) = &found {
                    self.touch(stored_key, found.len())?;
                }
                Ok(found)
            })
        })
    }

    /// Adds a value with a new key.
    pub(crate) fn put(&self, changes: &mut Changes, key: &[u8], value: &[u8]) {
        for fragment in Fragment::split(self.name, key, value) {
            changes.puts.push((fragment_key(key, fragment.fragment_no), fragment.encode()));
        }
    }

    /// Replaces a value, or deletes it. Fragments that the new value does not have are removed.
    pub(crate) fn replace(&self, changes: &mut Changes, key: &[u8], value: Option<&[u8]>) -> Result<(), StorageError> {
        let before = self.stored_keys(key)?;
        let kept = changes.puts.len();
        if let Some(value) = value {
            self.put(changes, key, value);
        }
        let now = changes.puts.len() - kept;
        changes.removals.extend(before.into_iter().skip(now));
        Ok(())
    }

    /// The stored keys of the fragments of a value. The fragments are not read, so damaged values can be replaced.
    fn stored_keys(&self, key: &[u8]) -> Result<Vec<sled::IVec>, StorageError> {
        let fragments = fragment_key(key, 0)..=fragment_key(key, u32::MAX);
        guarded("looking up a value", || self.tree.range(fragments).keys().collect())
    }

    /// Adds the keys of fragments of values whose keys begin with `prefix`, up to [`DELETED_AT_ONCE`] in all. Returns whether
    /// there may be more; delete these before the next call.
    pub(crate) fn some_keys_with(&self, prefix: &[u8], keys: &mut Vec<sled::IVec>) -> Result<bool, StorageError> {
        let room = DELETED_AT_ONCE.saturating_sub(keys.len());
        let more: Vec<_> = guarded("looking up a value", || self.tree.scan_prefix(prefix).keys().take(room).collect())?;
        keys.extend(more);
        Ok(keys.len() >= DELETED_AT_ONCE)
    }

    /// Applies the changes atomically: if the process ends, either all or none of them are written.
    pub(crate) fn apply(&self, changes: Changes) -> Result<(), StorageError> {
        let Changes { puts, removals } = changes;
        let large = puts.iter().filter(|(_, fragment)| fragment.len() >= TOUCH_BYTES);
        let large: Vec<_> = large.map(|(stored_key, fragment)| (stored_key.clone(), fragment.len())).collect();
        guarded("writing", || {
            self.write(puts, removals)?;
            large.iter().try_for_each(|(stored_key, bytes)| self.touch(stored_key, *bytes))
        })
    }

    fn write(&self, mut puts: Vec<(Vec<u8>, Vec<u8>)>, removals: Vec<sled::IVec>) -> sled::Result<()> {
        // A single change is atomic anyway. For several changes sled writes an additional message, often separately,
        // and a commit of one event would wait for it.
        if removals.is_empty()
            && puts.len() == 1
            && let Some((stored_key, value)) = puts.pop()
        {
            return self.tree.insert(stored_key, value).map(drop);
        }
        let mut batch = Batch::default();
        puts.into_iter().for_each(|(stored_key, value)| batch.insert(stored_key, value));
        removals.into_iter().for_each(|stored_key| batch.remove(stored_key));
        self.tree.apply_batch(batch)
    }

    /// Deletes some fragments of values whose keys are less than `key`. Returns whether it found any.
    pub(crate) fn delete_some_before(&self, key: &[u8]) -> Result<bool, StorageError> {
        let keys: Vec<_> =
            guarded("looking up values", || self.tree.range(..key.to_vec()).keys().take(DELETED_AT_ONCE).collect())?;
        let were_any = !keys.is_empty();
        let mut batch = Batch::default();
        keys.into_iter().for_each(|stored_key| batch.remove(stored_key));
        guarded("deleting", || self.tree.apply_batch(batch))?;
        Ok(were_any)
    }

    /// The largest key that is not greater than `key`.
    pub(crate) fn key_at_or_before(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let last_part = fragment_key(key, u32::MAX);
        let found = guarded("looking up a value", || self.tree.range(..=last_part).next_back().transpose())?;
        Ok(found.and_then(|(stored_key, _)| key_of_fragment(&stored_key).map(<[u8]>::to_vec)))
    }

    /// The names of all values with this prefix, in order.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        guarded("listing values", || {
            let stored_keys = self.tree.scan_prefix(prefix).keys().collect::<sled::Result<Vec<_>>>()?;
            Ok(names(keys_of_first_fragments(stored_keys.iter().map(AsRef::as_ref))))
        })
    }

    /// The entries after this key, in order: as many as fit into `max_bytes`, and at least one if there is one.
    pub(crate) fn entries_after(&self, key: &[u8], max_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        let after = if key.is_empty() { Vec::new() } else { fragment_key(key, u32::MAX) };
        let mut keys = Vec::new();
        guarded("listing values", || {
            let mut bytes = 0;
            for entry in self.tree.range((Bound::Excluded(after), Bound::Unbounded)) {
                let (stored_key, fragment) = entry?;
                if let Some(key) = keys_of_first_fragments([stored_key.as_ref()].into_iter()).pop() {
                    if bytes >= max_bytes {
                        break;
                    }
                    keys.push(key);
                }
                bytes += fragment.len();
            }
            Ok(())
        })?;
        keys.into_iter().map(|key| self.get(&key).map(|value| (key, value.unwrap_or_default()))).collect()
    }

    /// Makes room for fragments with these stored keys, which are greater than all others.
    ///
    /// sled writes a leaf as a whole whenever it splits it, which is after every eighth of the keys in order. With long values
    /// that is half of the file, and sled does not use it again. Empty values take no room, and setting them later splits
    /// nothing: 64 MiB in fragments of 24 KB then take 66 MiB instead of 122.
    pub(crate) fn reserve<'a>(&self, mut stored_keys: impl Iterator<Item = &'a [u8]>) -> Result<(), StorageError> {
        // One by one: a batch has no order, and would leave leaves with more keys, which sled writes again after ten changes.
        guarded("writing", || stored_keys.try_for_each(|stored_key| self.tree.insert(stored_key, &[]).map(drop)))
    }

    /// Sets one fragment.
    pub(crate) fn set(&self, stored_key: &[u8], fragment: Vec<u8>) -> Result<(), StorageError> {
        let bytes = fragment.len();
        guarded("writing", || {
            self.tree.insert(stored_key, fragment)?;
            self.touch(stored_key, bytes)
        })
    }

    /// The fragments of these entries, with their stored keys.
    pub(crate) fn fragments<'a>(&self, entries: &'a [Entry]) -> impl Iterator<Item = (Vec<u8>, Fragment<'a>)> {
        let name = self.name;
        let of_entry = move |(key, value): &'a Entry| {
            Fragment::split(name, key, value).map(|fragment| (fragment_key(key, fragment.fragment_no), fragment))
        };
        entries.iter().flat_map(of_entry)
    }

    /// Makes sled check whether its cache is full; see [`crate::storage::sled`].
    fn touch(&self, stored_key: &[u8], bytes: usize) -> sled::Result<()> {
        (0..bytes / TOUCH_BYTES).try_for_each(|_| self.tree.contains_key(stored_key).map(drop))
    }
}

/// Calls sled, and turns a panic into an error.
pub(crate) fn guarded<T>(doing: &'static str, run: impl FnOnce() -> sled::Result<T>) -> Result<T, StorageError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done.map_err(|source| StorageError::Sled { doing, source: source.into() }),
        Err(payload) => Err(StorageError::Panicked { message: panic_message(payload.as_ref()) }),
    }
}

/// The value with this key, whose fragments `read` returns by their stored keys.
pub(super) fn value_of<T: AsRef<[u8]>>(
    tree: fragment::Tree,
    key: &[u8],
    mut read: impl FnMut(&[u8]) -> Result<Option<T>, StorageError>,
) -> Result<Option<Vec<u8>>, StorageError> {
    let mut value = Vec::new();
    // The number of fragments, after the first fragment was read.
    let mut append = |fragment_no| {
        let Some(found) = read(&fragment_key(key, fragment_no))? else { return Ok(None) };
        let expected =
            |fragment: &Fragment<'_>| (fragment.tree, fragment.key, fragment.fragment_no) == (tree, key, fragment_no);
        let fragment = Fragment::at(found.as_ref()).filter(expected);
        let fragment = fragment.ok_or(StorageError::Value(Damage::Fragment { fragment_no }))?;
        value.extend_from_slice(fragment.payload);
        Ok::<_, StorageError>(Some(fragment.fragments))
    };
    let Some(fragments) = append(0)? else { return Ok(None) };
    for fragment_no in 1..fragments {
        append(fragment_no)?
            .ok_or(StorageError::Value(Damage::Fragments { expected: fragments, found: fragment_no }))?;
    }
    Ok(Some(value))
}

/// The key of the value of a fragment.
pub(super) fn key_of_fragment(stored_key: &[u8]) -> Option<&[u8]> {
    stored_key.split_last_chunk::<4>().map(|(key, _)| key)
}

/// The keys of the values whose first fragments are in this list.
pub(super) fn keys_of_first_fragments<'a>(stored_keys: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let first =
        |stored_key: &'a [u8]| stored_key.split_last_chunk::<4>().filter(|(_, fragment_no)| **fragment_no == [0; 4]);
    stored_keys.filter_map(first).map(|(key, _)| key.to_vec()).collect()
}

/// Keys of records as text.
pub(super) fn names(keys: Vec<Vec<u8>>) -> Vec<String> {
    keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}

/// Numbers in keys are big-endian, so that byte order is numeric order.
pub(super) fn fragment_key(key: &[u8], fragment_no: u32) -> Vec<u8> {
    [key, &fragment_no.to_be_bytes()].concat()
}
