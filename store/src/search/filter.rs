//! Copies runs to another storage without the entries of some conversations.

use std::collections::BTreeSet;

use crate::format::frame::Compressor;
use crate::format::run::{StoredRun, TERMS};
use crate::search::entries::{Entries, lists_by_time};
use crate::search::run::{Run, load_runs};
use crate::search::writer::{RunBuilder, SearchWriter};
use crate::storage::{ReadStorage, Storage, StorageError};

/// Copies these runs without the entries of the conversations in these slots, and adds a run with other entries of them.
/// Returns the runs of the copy; `None` if one of them is missing or damaged.
pub(crate) fn copy_without(
    stored: &[StoredRun],
    slots: &BTreeSet<u32>,
    entries: Entries,
    from: &dyn ReadStorage,
    to: &dyn Storage,
    compressor: &mut Compressor,
) -> Result<Option<Vec<StoredRun>>, StorageError> {
    let Some(runs) = load_runs(from, stored)? else { return Ok(None) };
    let last_run = runs.iter().map(|run| run.run).max().unwrap_or_default();
    let mut copied = Vec::with_capacity(runs.len() + 1);
    for run in runs {
        match copy_run(&run, slots, from, to, compressor) {
            Err(StorageError::Value(_)) => return Ok(None),
            run => copied.push(run?.into()),
        }
    }
    let mut writer = SearchWriter::after(copied, last_run);
    if entries.len() > 0 {
        writer.write(entries, to, compressor)?;
    }
    Ok(Some(writer.runs().iter().map(|run| run.stored()).collect()))
}

fn copy_run(
    run: &Run,
    slots: &BTreeSet<u32>,
    from: &dyn ReadStorage,
    to: &dyn Storage,
    compressor: &mut Compressor,
) -> Result<Run, StorageError> {
    let mut builder = RunBuilder::begin(run.run, to)?;
    builder.head.conversations = run.conversations();
    for list in lists_by_time() {
        for block in 0..run.blocks(list) {
            let mut hits = run.hits(from, list, block)?;
            hits.retain(|hit| !slots.contains(&hit.slot));
            builder.hits(list, &hits, to, compressor)?;
        }
    }
    for block in 0..run.blocks(TERMS) {
        let mut terms = run.terms(from, block)?;
        terms.retain(|term| !slots.contains(&term.slot));
        builder.terms(&terms, to, compressor)?;
    }
    builder.finish(to, compressor)
}
