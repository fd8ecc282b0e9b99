//! Opening a database, step by step. If a step fails, the database is as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use scopeguard::ScopeGuard;

use crate::open::directory::{Directory, doing};
use crate::open::error::OpenError;
use crate::open::recovery::{RecoveredState, recover};
use crate::open::report::Recovery;
use crate::open::safety_copy::SafetyCopy;
use crate::options::Options;
use crate::storage::end_mark::{FoundHead, Head, HeadFile, HeadMark};
use crate::storage::files::sync_dir;
use crate::storage::sled::file::{Doubt, doubt};
use crate::storage::sled::{SledOptions, SledStorage};
use crate::storage::{Storage, release};

/// A database that is locked and recovered, and has no writer yet.
pub(crate) struct Opened {
    pub(crate) directory: Directory,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) state: RecoveredState,
    pub(crate) head: HeadFile,
    pub(crate) recovery: Recovery,
}

/// What a look at sled's files showed, before sled opens them.
#[derive(Default)]
struct SledFiles {
    /// Half-written files of a killed process, which were removed.
    removed: Vec<PathBuf>,
    doubt: Option<Doubt>,
}

/// Opens the database in this directory: lock, end mark, safety copy, storage, checkpoint and log, ready.
pub(crate) fn open(path: &Path, options: &Options) -> Result<Opened, OpenError> {
    let started = Instant::now();
    let directory = Directory::open(path, options.create, options.segment_bytes)?;
    SafetyCopy::put_back_left_over(path).map_err(doing("putting back a copy in", path))?;
    let head = FoundHead::open(path).map_err(doing("reading the mark in", path))?;
    let files = inspect_files(&directory, head.mark().head())?;
    // Whatever fails from here on, the storage is released first, then the copy is put back, and the lock goes last.
    let copy = SafetyCopy::make(path, files.doubt.is_some()).map_err(doing("putting a copy aside in", path))?;
    let storage = scopeguard::guard(open_storage(&directory, options)?, |storage| drop(release(storage)));
    let (state, recovery) = recover(storage.clone(), head.mark().head(), files.doubt.is_some())?;
    copy.discard().map_err(doing("removing a copy in", path))?;
    ready(directory, head, files, ScopeGuard::into_inner(storage), state, recovery, started)
}

/// Opens a database on another storage.
#[cfg(test)]
pub(crate) fn open_on(path: &Path, options: &Options, storage: Arc<dyn Storage>) -> Result<Opened, OpenError> {
    let started = Instant::now();
    let directory = Directory::open(path, options.create, options.segment_bytes)?;
    let head = FoundHead::open(path).map_err(doing("reading the mark in", path))?;
    let (state, recovery) = recover(storage.clone(), head.mark().head(), false)?;
    ready(directory, head, SledFiles::default(), storage, state, recovery, started)
}

/// Removes what sled would fail with, and looks for what sled would destroy. `head` is the known end of the log.
fn inspect_files(directory: &Directory, head: Option<Head>) -> Result<SledFiles, OpenError> {
    let sled = directory.sled();
    match head {
        // sled would create a new file, and the database would be empty.
        Some(head) if head.last_block_no > 0 && !sled.join("db").exists() => {
            return Err(OpenError::Shortened { expected: head.last_seq, found: 0 });
        }
        _ => {}
    }
    if !sled.exists() {
        return Ok(SledFiles::default());
    }
    let removed = SledStorage::remove_unfinished(&sled)?;
    let durable_block_no = head.map_or(0, |head| head.last_block_no);
    let doubt = doubt(&sled, directory.format.segment_bytes, durable_block_no).map_err(doing("reading", directory.path()))?;
    Ok(SledFiles { removed, doubt })
}

fn open_storage(directory: &Directory, options: &Options) -> Result<Arc<dyn Storage>, OpenError> {
    let sled = SledOptions { segment_bytes: directory.format.segment_bytes, cache_bytes: options.cache_bytes };
    let storage = Arc::new(SledStorage::open(&directory.sled(), sled)?);
    if let Err(error) = sync_dir(directory.path()) {
        let _ = release(storage);
        return Err(doing("fsync of", directory.path())(error));
    }
    Ok(storage)
}

/// Writes the end mark, which from now on follows the log, and completes the report.
fn ready(
    directory: Directory,
    head: FoundHead,
    files: SledFiles,
    storage: Arc<dyn Storage>,
    state: RecoveredState,
    recovery: Recovery,
    started: Instant,
) -> Result<Opened, OpenError> {
    let unreadable_head = match head.mark() {
        HeadMark::At(_) => false,
        HeadMark::Unreadable => true,
        // A database that has been used has one: it is gone.
        HeadMark::None => !directory.is_new,
    };
    let written = head.take_over(Head::of(&state.tail));
    let head = written.map_err(doing("writing the mark in", directory.path()))?;
    let recovery = Recovery {
        is_new: directory.is_new,
        removed_files: files.removed,
        doubt: files.doubt,
        unreadable_head,
        took: started.elapsed(),
        ..recovery
    };
    Ok(Opened { directory, storage, state, head, recovery })
}
