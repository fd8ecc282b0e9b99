//! Opens a database, step by step. If a step fails, the database is unchanged.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use scopeguard::ScopeGuard;

use crate::format::database::DatabaseFormat;
use crate::open::directory::{Directory, SharedDirectory, doing};
use crate::open::error::OpenError;
use crate::open::recovery::{RecoveredState, recover};
use crate::open::report::Recovery;
use crate::open::safety_copy::{SafetyCopy, remove_storage, unmark, untouched};
use crate::options::Options;
use crate::state::records::DamagedRecord;
use crate::storage::end_mark::{
    EndMark, EndMarkFile, EndMarkState, FoundEndMark, HEAD, LastRecords, is_incomplete, marked_folders, storage_folder,
};
use crate::storage::files::sync_dir;
use crate::storage::sled::file::{ScanFinding, scan_finding};
use crate::storage::sled::read_only::ReadOnlySled;
use crate::storage::sled::{SledOptions, SledStorage};
use crate::storage::{ReadStorage, Storage, release};

/// A database that is locked and recovered, but has no writer yet.
pub(crate) struct Opened {
    pub(crate) directory: Directory,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) state: RecoveredState,
    pub(crate) end_mark: EndMarkFile,
    pub(crate) recovery: Recovery,
}

/// What an inspection of sled's files found, before sled opens them.
#[derive(Default)]
struct SledFiles {
    /// Unfinished files of a killed process, which were removed.
    removed: Vec<PathBuf>,
    scan_finding: Option<ScanFinding>,
}

/// Opens the database in this directory: lock, end mark, safety copy, storage, checkpoint and log, search index, ready.
pub(crate) fn open(path: &Path, options: &Options) -> Result<Opened, OpenError> {
    let started = Instant::now();
    let directory = Directory::open(path, options.create, options.segment_bytes)?;
    let end_mark = find_end_mark(path)?;
    let folder = end_mark.storage_folder();
    SafetyCopy::put_back_left_over(&folder).map_err(doing("putting back the safety copy in", path))?;
    expect_storage(path, &folder, end_mark.state())?;
    let files = inspect_files(&directory, &folder, end_mark.state().known())?;
    // If a later step fails, values are dropped in this order: the storage is released, the copy is put back, the lock
    // is released.
    let copy =
        SafetyCopy::make(&folder, files.scan_finding.is_some()).map_err(doing("making a safety copy in", path))?;
    let storage = scopeguard::guard(open_storage(&directory, &folder, options)?, |storage| drop(release(storage)));
    let (mut state, recovery) = recover(storage.clone(), end_mark.state().known(), files.scan_finding.is_some())?;
    state.note_lost(end_mark.last_records());
    state.expect_records()?;
    copy.discard().map_err(doing("removing the safety copy in", path))?;
    state.settle_check_of_pages(storage.as_ref())?;
    state.complete_search_index(storage.as_ref())?;
    ready(directory, end_mark, files, ScopeGuard::into_inner(storage), state, recovery, started)
}

/// A database that is locked for reading and recovered in memory. It has no writer.
pub(crate) struct OpenedReadOnly {
    pub(crate) lock: Option<File>,
    pub(crate) format: DatabaseFormat,
    pub(crate) storage: Arc<dyn ReadStorage>,
    pub(crate) state: RecoveredState,
    pub(crate) recovery: Recovery,
}

/// Opens the database in this directory for reading: lock, end mark, storage, checkpoint and log. Nothing in the directory
/// is changed.
pub(crate) fn open_read_only(path: &Path, options: &Options) -> Result<OpenedReadOnly, OpenError> {
    let started = Instant::now();
    let SharedDirectory { lock, format } = SharedDirectory::open(path)?;
    let end_mark = EndMark::read(path).map_err(doing("reading the end mark in", path))?;
    if end_mark == EndMarkState::None {
        return Err(incomplete(path, HEAD));
    }
    let named = storage_folder(path).map_err(doing("reading the end mark in", path))?;
    let folder = Some(untouched(&named)).filter(|folder| folder.is_dir()).unwrap_or(named);
    expect_storage(path, &folder, end_mark)?;
    let known = end_mark.known();
    let scan_finding =
        scan_finding(&folder, format.segment_bytes, durable_block_no(known)).map_err(doing("reading", path))?;
    let storage: Arc<dyn ReadStorage> =
        Arc::new(ReadOnlySled::open(&folder, format.segment_bytes, options.cache_bytes)?);
    let (mut state, recovery) = recover(storage.clone(), known, scan_finding.is_some())?;
    state.note_lost(LastRecords::read(path).map_err(doing("reading the end mark in", path))?);
    // Answers would not say what is gone.
    state.expect_retention_runs()?;
    let recovery = Recovery {
        damaged_erasures: numbers(&state.erasures.damaged),
        damaged_holds: numbers(&state.holds.damaged),
        scan_finding,
        unreadable_end_mark: end_mark == EndMarkState::Unreadable,
        took: started.elapsed(),
        ..recovery
    };
    Ok(OpenedReadOnly { lock, format, storage, state, recovery })
}

fn numbers(damaged: &[DamagedRecord]) -> Vec<u64> {
    damaged.iter().map(|(number, _)| *number).collect()
}

/// Opens a database on another storage.
#[cfg(test)]
pub(crate) fn open_on(path: &Path, options: &Options, storage: Arc<dyn Storage>) -> Result<Opened, OpenError> {
    let started = Instant::now();
    let directory = Directory::open(path, options.create, options.segment_bytes)?;
    let end_mark = find_end_mark(path)?;
    let (mut state, recovery) = recover(storage.clone(), end_mark.state().known(), false)?;
    state.note_lost(end_mark.last_records());
    state.expect_records()?;
    state.settle_check_of_pages(storage.as_ref())?;
    state.complete_search_index(storage.as_ref())?;
    ready(directory, end_mark, SledFiles::default(), storage, state, recovery, started)
}

/// The end mark of a database, which always has one.
fn find_end_mark(path: &Path) -> Result<FoundEndMark, OpenError> {
    let end_mark = FoundEndMark::open(path).map_err(doing("reading the end mark in", path))?;
    if end_mark.state() == EndMarkState::None { Err(incomplete(path, HEAD)) } else { Ok(end_mark) }
}

/// Checks that the storage is there: sled would create a new one, and the database would be empty.
fn expect_storage(path: &Path, folder: &Path, end_mark: EndMarkState) -> Result<(), OpenError> {
    let name = folder.strip_prefix(path).unwrap_or(folder);
    // A process may have been killed after it created the database and before sled created its file.
    let may_be_new = end_mark.known().is_some_and(|end_mark| end_mark.last_block_no == 0);
    if !folder.is_dir() {
        Err(incomplete(path, &name.display().to_string()))
    } else if !may_be_new && !folder.join("db").exists() {
        Err(incomplete(path, &name.join("db").display().to_string()))
    } else {
        Ok(())
    }
}

fn durable_block_no(end_mark: Option<EndMark>) -> u64 {
    end_mark.map_or(0, |end_mark| end_mark.last_block_no)
}

fn incomplete(path: &Path, missing: &str) -> OpenError {
    OpenError::Incomplete { dir: path.to_owned(), missing: missing.to_owned() }
}

/// Removes files with which sled would fail, and looks for data that sled would overwrite. `end_mark` is the known end
/// of the log.
fn inspect_files(directory: &Directory, folder: &Path, end_mark: Option<EndMark>) -> Result<SledFiles, OpenError> {
    let removed = SledStorage::remove_unfinished(folder)?;
    let scan_finding = scan_finding(folder, directory.format.segment_bytes, durable_block_no(end_mark))
        .map_err(doing("reading", directory.path()))?;
    Ok(SledFiles { removed, scan_finding })
}

fn open_storage(directory: &Directory, folder: &Path, options: &Options) -> Result<Arc<dyn Storage>, OpenError> {
    let sled = SledOptions { segment_bytes: directory.format.segment_bytes, cache_bytes: options.cache_bytes };
    let storage = Arc::new(SledStorage::open(folder, sled)?);
    if let Err(error) = sync_dir(directory.path()) {
        let _ = release(storage);
        return Err(doing("fsync of", directory.path())(error));
    }
    Ok(storage)
}

/// Removes what a compaction left that was killed: the storage from which the database moved, or an incomplete copy. Both are
/// marked; other folders are not touched. Returns what was removed.
fn remove_marked_storages(path: &Path, current: &Path) -> std::io::Result<Vec<PathBuf>> {
    if is_incomplete(current) {
        unmark(current)?;
    }
    let mut removed = Vec::new();
    for name in marked_folders(path)? {
        remove_storage(&path.join(&name))?;
        removed.push(path.join(name));
    }
    Ok(removed)
}

/// Writes the end mark, which follows the log from now on, and completes the report.
fn ready(
    directory: Directory,
    end_mark: FoundEndMark,
    mut files: SledFiles,
    storage: Arc<dyn Storage>,
    state: RecoveredState,
    recovery: Recovery,
    started: Instant,
) -> Result<Opened, OpenError> {
    let unreadable_end_mark = end_mark.state() == EndMarkState::Unreadable;
    let current = (!unreadable_end_mark).then(|| end_mark.storage_folder());
    let written = end_mark.take_over(EndMark::of(&state.position), state.last_records());
    let end_mark = written.map_err(doing("writing the end mark in", directory.path()))?;
    // The database is open; what cannot be removed only takes room, and the next opening tries again.
    let removed = current.and_then(|current| remove_marked_storages(directory.path(), &current).ok());
    files.removed.extend(removed.unwrap_or_default());
    let recovery = Recovery {
        is_new: directory.is_new,
        removed_files: files.removed,
        scan_finding: files.scan_finding,
        unreadable_end_mark,
        took: started.elapsed(),
        ..recovery
    };
    Ok(Opened { directory, storage, state, end_mark, recovery })
}
