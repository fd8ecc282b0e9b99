//! Values of any length in one of sled's trees, in chunks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sled::{Batch, Tree};

use crate::damage::Damage;
use crate::storage::chunk::{self, Chunk};
use crate::storage::{StorageError, panic_message};

/// How often an access is repeated for sled to take notice; see the notes in [`crate::storage::sled`].
const TOUCHES: usize = 8;
/// So many chunks are deleted at once.
pub(crate) const DELETED_AT_ONCE: usize = 16;

/// A tree of sled's whose values are cut into chunks.
pub(crate) struct SledTree {
    tree: Tree,
    name: chunk::Tree,
}

/// Changes to a tree that happen together.
#[derive(Default)]
pub(crate) struct Changes {
    /// Keys with their values.
    puts: Vec<(Vec<u8>, Vec<u8>)>,
    removals: Vec<sled::IVec>,
}

impl SledTree {
    pub(crate) fn new(tree: Tree, name: chunk::Tree) -> Self {
        Self { tree, name }
    }

    /// The value with this key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let Some((chunks, mut value)) = self.chunk(key, 0)? else { return Ok(None) };
        for chunk_no in 1..chunks {
            let missing = StorageError::Value(Damage::Chunks { expected: chunks, found: chunk_no });
            let (_, payload) = self.chunk(key, chunk_no)?.ok_or(missing)?;
            value.extend_from_slice(&payload);
        }
        Ok(Some(value))
    }

    /// How many chunks the value has, and the payload of this one.
    fn chunk(&self, key: &[u8], chunk_no: u32) -> Result<Option<(u32, Vec<u8>)>, StorageError> {
        let stored_key = chunk_key(key, chunk_no);
        let found = guarded("reading", || {
            let found = self.tree.get(&stored_key)?;
            if found.is_some() {
                self.touch(&stored_key)?;
            }
            Ok(found)
        })?;
        let Some(found) = found else { return Ok(None) };
        let expected = |chunk: &Chunk<'_>| (chunk.tree, chunk.key, chunk.chunk_no) == (self.name, key, chunk_no);
        let chunk = Chunk::at(&found).filter(expected);
        chunk
            .map(|chunk| Some((chunk.chunks, chunk.payload.to_vec())))
            .ok_or(StorageError::Value(Damage::Chunk { chunk_no }))
    }

    /// Adds a value whose key is new.
    pub(crate) fn put(&self, changes: &mut Changes, key: &[u8], value: &[u8]) {
        for chunk in Chunk::split(self.name, key, value) {
            changes.puts.push((chunk_key(key, chunk.chunk_no), chunk.encode()));
        }
    }

    /// Replaces a value, or deletes it. Parts that the new value does not have are removed.
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

    /// Under which keys the chunks of a value lie now. They are not read: what is damaged can be replaced.
    fn stored_keys(&self, key: &[u8]) -> Result<Vec<sled::IVec>, StorageError> {
        let chunks = chunk_key(key, 0)..=chunk_key(key, u32::MAX);
        guarded("looking for a value", || self.tree.range(chunks).keys().collect())
    }

    /// Writes the changes: all of them or, should the process end, none.
    pub(crate) fn apply(&self, changes: Changes) -> Result<(), StorageError> {
        let Changes { puts, removals } = changes;
        let keys: Vec<_> = puts.iter().map(|(stored_key, _)| stored_key.clone()).collect();
        guarded("writing", || {
            self.write(puts, removals)?;
            keys.iter().try_for_each(|stored_key| self.touch(stored_key))
        })
    }

    fn write(&self, mut puts: Vec<(Vec<u8>, Vec<u8>)>, removals: Vec<sled::IVec>) -> sled::Result<()> {
        // A change by itself is whole or not there. For several sled writes a mark, often by itself, which a commit of one
        // event would wait for.
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

    /// Deletes some chunks of values whose keys are less than `key`; says whether there were any.
    pub(crate) fn delete_some_before(&self, key: &[u8]) -> Result<bool, StorageError> {
        let keys: Vec<_> =
            guarded("looking for values", || self.tree.range(..key.to_vec()).keys().take(DELETED_AT_ONCE).collect())?;
        let were_any = !keys.is_empty();
        let mut batch = Batch::default();
        keys.into_iter().for_each(|stored_key| batch.remove(stored_key));
        guarded("deleting", || self.tree.apply_batch(batch))?;
        Ok(were_any)
    }

    /// The last key that is not greater.
    pub(crate) fn key_at_or_before(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let last_part = chunk_key(key, u32::MAX);
        let found = guarded("looking for a value", || self.tree.range(..=last_part).next_back().transpose())?;
        Ok(found.and_then(|(stored_key, _)| Some(stored_key.split_last_chunk::<4>()?.0.to_vec())))
    }

    /// All keys that begin like this, in order.
    pub(crate) fn keys(&self, beginning: &str) -> Result<Vec<Vec<u8>>, StorageError> {
        guarded("listing values", || {
            let mut keys = Vec::new();
            for stored_key in self.tree.scan_prefix(beginning).keys() {
                let stored_key = stored_key?;
                let first_chunk = stored_key.split_last_chunk::<4>().filter(|(_, chunk_no)| **chunk_no == [0; 4]);
                keys.extend(first_chunk.map(|(key, _)| key.to_vec()));
            }
            Ok(keys)
        })
    }

    /// Makes sled notice that its cache may be full; see the notes in [`crate::storage::sled`].
    fn touch(&self, stored_key: &[u8]) -> sled::Result<()> {
        (0..TOUCHES).try_for_each(|_| self.tree.contains_key(stored_key).map(drop))
    }
}

/// Runs something of sled's, and makes an error of a panic.
pub(crate) fn guarded<T>(doing: &'static str, run: impl FnOnce() -> sled::Result<T>) -> Result<T, StorageError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done.map_err(|source| StorageError::Sled { doing, source: source.into() }),
        Err(payload) => Err(StorageError::Panicked { message: panic_message(payload.as_ref()) }),
    }
}

/// Big-endian like all numbers in keys, so that the order of the bytes is that of the numbers.
fn chunk_key(key: &[u8], chunk_no: u32) -> Vec<u8> {
    [key, &chunk_no.to_be_bytes()].concat()
}
