//! Values of any length in one of sled's trees, split into chunks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sled::{Batch, Tree};

use crate::damage::Damage;
use crate::storage::chunk::{self, Chunk};
use crate::storage::{StorageError, panic_message};

/// How often an access is repeated, so that sled checks its cache; see [`crate::storage::sled`].
const TOUCHES: usize = 8;
/// Number of chunks that are deleted together.
pub(crate) const DELETED_AT_ONCE: usize = 16;

/// A sled tree whose values are split into chunks.
pub(crate) struct SledTree {
    tree: Tree,
    name: chunk::Tree,
}

/// Changes to a tree that are applied together.
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

    /// The number of chunks of the value, and the payload of this chunk.
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

    /// Adds a value with a new key.
    pub(crate) fn put(&self, changes: &mut Changes, key: &[u8], value: &[u8]) {
        for chunk in Chunk::split(self.name, key, value) {
            changes.puts.push((chunk_key(key, chunk.chunk_no), chunk.encode()));
        }
    }

    /// Replaces a value, or deletes it. Chunks that the new value does not have are removed.
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

    /// The stored keys of the chunks of a value. The chunks are not read, so damaged values can be replaced.
    fn stored_keys(&self, key: &[u8]) -> Result<Vec<sled::IVec>, StorageError> {
        let chunks = chunk_key(key, 0)..=chunk_key(key, u32::MAX);
        guarded("looking up a value", || self.tree.range(chunks).keys().collect())
    }

    /// Applies the changes atomically: if the process ends, either all or none of them are written.
    pub(crate) fn apply(&self, changes: Changes) -> Result<(), StorageError> {
        let Changes { puts, removals } = changes;
        let keys: Vec<_> = puts.iter().map(|(stored_key, _)| stored_key.clone()).collect();
        guarded("writing", || {
            self.write(puts, removals)?;
            keys.iter().try_for_each(|stored_key| self.touch(stored_key))
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

    /// Deletes some chunks of values whose keys are less than `key`. Returns whether it found any.
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
        let last_part = chunk_key(key, u32::MAX);
        let found = guarded("looking up a value", || self.tree.range(..=last_part).next_back().transpose())?;
        Ok(found.and_then(|(stored_key, _)| Some(stored_key.split_last_chunk::<4>()?.0.to_vec())))
    }

    /// All keys with this prefix, in order.
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

    /// Makes sled check whether its cache is full; see [`crate::storage::sled`].
    fn touch(&self, stored_key: &[u8]) -> sled::Result<()> {
        (0..TOUCHES).try_for_each(|_| self.tree.contains_key(stored_key).map(drop))
    }
}

/// Calls sled, and turns a panic into an error.
pub(crate) fn guarded<T>(doing: &'static str, run: impl FnOnce() -> sled::Result<T>) -> Result<T, StorageError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done.map_err(|source| StorageError::Sled { doing, source: source.into() }),
        Err(payload) => Err(StorageError::Panicked { message: panic_message(payload.as_ref()) }),
    }
}

/// Numbers in keys are big-endian, so that byte order is numeric order.
fn chunk_key(key: &[u8], chunk_no: u32) -> Vec<u8> {
    [key, &chunk_no.to_be_bytes()].concat()
}
