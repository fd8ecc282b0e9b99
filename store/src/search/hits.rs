//! Reads hits from runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use convofold_engine::Search;

use crate::format::run::{Hit, TERMS};
use crate::search::entries::place;
use crate::search::run::Run;
use crate::storage::{ReadStorage, StorageError};

/// A list of agents' conversations in more blocks is not read: the tags of hits tell nearly as much.
const AGENT_BLOCKS: usize = if cfg!(test) { 2 } else { 64 };

/// The slots of the conversations that have one of the terms in each list; `None` if there is no such list.
pub(crate) fn slots_with(
    search: &Search,
    runs: &[Arc<Run>],
    storage: &dyn ReadStorage,
) -> Result<Option<BTreeSet<u32>>, StorageError> {
    let mut slots: Option<BTreeSet<u32>> = None;
    let has_short_list = |any_of: &&[u32; 2]| {
        let more_blocks = any_of.iter().flat_map(|hash| runs.iter().map(|run| run.blocks_after_first(*hash)));
        more_blocks.sum::<usize>() <= AGENT_BLOCKS
    };
    let agents = search.agents.iter().filter(has_short_list).map(<[u32; 2]>::as_slice);
    for any_of in search.terms.iter().map(Vec::as_slice).chain(agents) {
        let mut found = BTreeSet::new();
        for hash in any_of {
            for run in runs {
                slots_of(*hash, run, storage, &mut found)?;
            }
        }
        slots = Some(match slots {
            Some(slots) => slots.intersection(&found).copied().collect(),
            None => found,
        });
    }
    Ok(slots)
}

fn slots_of(hash: u32, run: &Run, storage: &dyn ReadStorage, found: &mut BTreeSet<u32>) -> Result<(), StorageError> {
    for block in run.block_of(TERMS, hash.into())..run.blocks(TERMS) {
        if run.firsts(TERMS).get(block as usize).is_some_and(|first| *first > i64::from(hash)) {
            break;
        }
        let terms = run.terms(storage, block)?;
        let from = terms.partition_point(|term| term.hash < hash);
        let same = terms.iter().skip(from).take_while(|term| term.hash == hash);
        found.extend(same.map(|term| term.slot));
    }
    Ok(())
}

/// The hits of all runs in the order of a list, latest or earliest first.
pub(crate) struct Hits<'a> {
    storage: &'a dyn ReadStorage,
    list: usize,
    is_latest_first: bool,
    range: (i64, i64),
    runs: Vec<Reader>,
}

struct Reader {
    run: Arc<Run>,
    /// The next block to read.
    next_block: Option<u32>,
    /// The hits of the last block, the next one last.
    ready: Vec<Hit>,
}

impl<'a> Hits<'a> {
    /// The hits whose time of this list is in a range, both ends included.
    pub(crate) fn new(
        storage: &'a dyn ReadStorage,
        runs: &[Arc<Run>],
        list: usize,
        is_latest_first: bool,
        range: (i64, i64),
    ) -> Self {
        let reader = |run: &Arc<Run>| {
            let first = if is_latest_first {
                // Equal times can span several blocks.
                let after = run.firsts(list).partition_point(|first| *first <= range.1);
                after.checked_sub(1).and_then(|block| u32::try_from(block).ok())
            } else {
                (run.blocks(list) > 0).then(|| run.block_of(list, range.0))
            };
            Reader { run: run.clone(), next_block: first, ready: Vec::new() }
        };
        Self { storage, list, is_latest_first, range, runs: runs.iter().map(reader).collect() }
    }

    /// About how many hits there are, from the number of blocks.
    pub(crate) fn estimate(runs: &[Arc<Run>], list: usize, range: (i64, i64)) -> usize {
        let blocks = |run: &Arc<Run>| {
            let firsts = run.firsts(list);
            let from = firsts.partition_point(|first| *first < range.0);
            let to = firsts.partition_point(|first| *first <= range.1);
            to.saturating_sub(from) + 1
        };
        runs.iter().map(blocks).sum::<usize>() * super::writer::BLOCK_HITS
    }

    fn fill(&mut self) -> Result<(), StorageError> {
        let (storage, list, range) = (self.storage, self.list, self.range);
        for reader in &mut self.runs {
            while reader.ready.is_empty() {
                let Some(block) = reader.next_block else { break };
                let first = reader.run.firsts(list).get(block as usize).copied();
                if !self.is_latest_first && first.is_none_or(|first| first > range.1) {
                    reader.next_block = None;
                    break;
                }
                let mut hits = reader.run.hits(storage, list, block)?;
                reader.next_block = if self.is_latest_first {
                    // An earlier block ends before this one begins.
                    block.checked_sub(1).filter(|_| first.is_some_and(|first| first >= range.0))
                } else {
                    Some(block + 1)
                };
                hits.retain(|hit| (range.0..=range.1).contains(&place(hit, list).0));
                if !self.is_latest_first {
                    hits.reverse();
                }
                reader.ready = hits;
            }
        }
        Ok(())
    }

    fn take_next(&mut self) -> Result<Option<Hit>, StorageError> {
        self.fill()?;
        let (list, is_latest_first) = (self.list, self.is_latest_first);
        let heads = self.runs.iter().enumerate().filter_map(|(number, reader)| {
            let place = place(reader.ready.last()?, list);
            Some((place, number))
        });
        let next = if is_latest_first { heads.max() } else { heads.min() };
        Ok(next.and_then(|(_, number)| self.runs.get_mut(number)?.ready.pop()))
    }
}

impl Iterator for Hits<'_> {
    type Item = Result<Hit, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take_next().transpose()
    }
}
