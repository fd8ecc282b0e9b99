//! Merges runs into one, some entries at a time, so that no checkpoint takes long.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::format::frame::Compressor;
use crate::format::run::{Hit, LISTS, TERMS, Term};
use crate::search::entries::place;
use crate::search::run::Run;
use crate::search::writer::{BLOCK_HITS, BLOCK_TERMS, RunBuilder};
use crate::storage::{Storage, StorageError};

/// Runs being merged into a new one. If the process ends, what was written is deleted or overwritten.
#[derive(Debug)]
pub(super) struct Merge {
    inputs: Vec<Arc<Run>>,
    /// `None` once it is finished.
    builder: Option<RunBuilder>,
    /// The list that is being merged.
    list: usize,
    hits: Inputs<Hit>,
    terms: Inputs<Term>,
}

/// A new run, and the runs that it replaces.
pub(super) struct Merged {
    pub(super) run: Arc<Run>,
    pub(super) inputs: Vec<Arc<Run>>,
}

/// The next entries of every input, and the merged ones.
#[derive(Debug)]
struct Inputs<T> {
    next_blocks: Vec<u32>,
    ready: Vec<VecDeque<T>>,
    merged: Vec<T>,
}

impl<T: Copy + PartialEq> Inputs<T> {
    fn new(count: usize) -> Self {
        Self { next_blocks: vec![0; count], ready: (0..count).map(|_| VecDeque::new()).collect(), merged: Vec::new() }
    }

    /// Takes the smallest entry of all inputs. `read` reads a block of an input, `None` if there is none.
    fn take<K: Ord>(
        &mut self,
        mut read: impl FnMut(usize, u32) -> Result<Option<Vec<T>>, StorageError>,
        key: impl Fn(&T) -> K,
    ) -> Result<bool, StorageError> {
        for (number, (ready, next_block)) in self.ready.iter_mut().zip(&mut self.next_blocks).enumerate() {
            if ready.is_empty()
                && let Some(block) = read(number, *next_block)?
            {
                *next_block += 1;
                *ready = block.into();
            }
        }
        let heads = self.ready.iter().enumerate().filter_map(|(number, ready)| Some((key(ready.front()?), number)));
        let Some((_, number)) = heads.min() else { return Ok(false) };
        let entry = self.ready.get_mut(number).and_then(VecDeque::pop_front);
        // The same entry, added again after a change that has no key.
        self.merged.extend(entry.filter(|entry| self.merged.last() != Some(entry)));
        Ok(true)
    }
}

impl Merge {
    pub(super) fn new(mut builder: RunBuilder, inputs: Vec<Arc<Run>>) -> Self {
        builder.head.conversations = inputs.iter().map(|run| run.conversations()).sum();
        let count = inputs.len();
        let (hits, terms) = (Inputs::new(count), Inputs::new(count));
        Self { inputs, builder: Some(builder), list: 0, hits, terms }
    }

    /// Merges the entries of about this many conversations. Returns of how many it was.
    pub(super) fn step(
        &mut self,
        conversations: u64,
        storage: &dyn Storage,
        compressor: &mut Compressor,
    ) -> Result<u64, StorageError> {
        let Some(builder) = &mut self.builder else { return Ok(0) };
        let mut entries = conversations.saturating_mul(LISTS as u64);
        while entries > 0 && self.list < LISTS {
            let (list, inputs) = (self.list, &self.inputs);
            let blocks = |number: usize| inputs.get(number).map_or(0, |run| run.blocks(list));
            let found = if list == TERMS {
                let read = |number: usize, block| {
                    let run = inputs.get(number).filter(|_| block < blocks(number));
                    run.map(|run| run.terms(storage, block)).transpose()
                };
                let found = self.terms.take(read, |term| *term)?;
                if !found || self.terms.merged.len() > BLOCK_TERMS {
                    flush(&mut self.terms.merged, BLOCK_TERMS, found, |terms| {
                        builder.terms(terms, storage, compressor)
                    })?;
                }
                found
            } else {
                let read = |number: usize, block| {
                    let run = inputs.get(number).filter(|_| block < blocks(number));
                    run.map(|run| run.hits(storage, list, block)).transpose()
                };
                let found = self.hits.take(read, |hit| place(hit, list))?;
                if !found || self.hits.merged.len() > BLOCK_HITS {
                    flush(&mut self.hits.merged, BLOCK_HITS, found, |hits| {
                        builder.hits(list, hits, storage, compressor)
                    })?;
                }
                found
            };
            if found {
                entries -= 1;
            } else {
                self.list += 1;
                self.hits = Inputs::new(self.inputs.len());
            }
        }
        Ok(conversations - entries / LISTS as u64)
    }

    /// The new run and its inputs, if everything is merged.
    pub(super) fn finished(
        &mut self,
        storage: &dyn Storage,
        compressor: &mut Compressor,
    ) -> Result<Option<Merged>, StorageError> {
        match self.builder.take_if(|_| self.list == LISTS) {
            Some(builder) => {
                let run = Arc::new(builder.finish(storage, compressor)?);
                Ok(Some(Merged { run, inputs: std::mem::take(&mut self.inputs) }))
            }
            None => Ok(None),
        }
    }
}

/// Writes whole blocks; at the end, also the last one. The last entry stays, to be compared with the next one.
fn flush<T>(
    merged: &mut Vec<T>,
    block: usize,
    has_more: bool,
    mut put: impl FnMut(&[T]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    while merged.len() > block || (!has_more && !merged.is_empty()) {
        let rest = merged.split_off(merged.len().min(block));
        put(merged)?;
        *merged = rest;
    }
    Ok(())
}
