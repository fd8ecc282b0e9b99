//! The safety copy: a copy of sled's files, made before sled opens them, because sled may overwrite data.
//!
//! ```text
//! sled.copying/   a copy being made
//! sled.before/    complete and durable: made if `scan_finding` predicts that sled will overwrite data
//! sled.aside/     complete, not durable: made if it is cheap, because sled takes a failed read for the end of its file
//! sled.done/      no longer needed, being removed
//! ```
//!
//! The copy is removed once the database is open and nothing is missing. If opening fails, the copy is put back: a
//! failed opening changes nothing, and readable data stays readable.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::storage::end_mark::incomplete_mark;
use crate::storage::files::{create_dir, create_file, parent_of, sync_dir};

const COPYING: &str = ".copying";
const BEFORE: &str = ".before";
const ASIDE: &str = ".aside";
const DONE: &str = ".done";
/// Copying a file of this size takes some milliseconds.
const CHEAP_BYTES: u64 = 64 << 20;

/// A copy of sled's files as they were before sled opened them, if one was made. Dropping this value puts the copy
/// back, so the storage must be released first.
#[derive(Debug)]
pub(crate) struct SafetyCopy {
    sled: PathBuf,
    suffix: Option<&'static str>,
}

impl SafetyCopy {
    /// Cleans up after an earlier opening. Puts back a durable copy, and a copy that is not durable if it is all that
    /// is left.
    pub(crate) fn put_back_left_over(sled: &Path) -> io::Result<()> {
        if beside(sled, BEFORE).exists() {
            put_back(sled, BEFORE)?;
        } else if beside(sled, ASIDE).exists() && !sled.exists() {
            put_back(sled, ASIDE)?;
        }
        [COPYING, ASIDE, DONE].iter().try_for_each(|unfinished| remove(&beside(sled, unfinished)))
    }

    /// Copies the files in this folder: durably if `in_doubt`, otherwise only if it is cheap and there is space.
    pub(crate) fn make(sled: &Path, in_doubt: bool) -> io::Result<Self> {
        let suffix = if in_doubt {
            copy_durably(sled)?;
            Some(BEFORE)
        } else {
            copy_if_cheap(sled).then_some(ASIDE)
        };
        Ok(Self { sled: sled.to_owned(), suffix })
    }

    /// Removes the copy: the database is open, and nothing is missing.
    ///
    /// # Errors
    /// If a durable copy could not be removed. A copy that is not durable is removed at the next opening.
    pub(crate) fn discard(mut self) -> io::Result<()> {
        let Some(suffix) = self.suffix.take() else { return Ok(()) };
        let discarded = discard(&self.sled, suffix);
        if suffix == BEFORE { discarded } else { Ok(()) }
    }
}

impl Drop for SafetyCopy {
    fn drop(&mut self) {
        if let Some(suffix) = self.suffix.take() {
            // The error that ended the opening is more important than an error here. If the copy cannot be put back
            // now, the next opening puts it back.
            let _ = put_back(&self.sled, suffix);
        }
    }
}

fn copy_durably(sled: &Path) -> io::Result<()> {
    let copying = beside(sled, COPYING);
    if let Err(error) = copy(sled, &copying).and_then(|()| sync_all(&copying)) {
        // An incomplete copy only uses disk space, and the disk may be full.
        let _ = remove(&copying);
        return Err(error);
    }
    fs::rename(copying, beside(sled, BEFORE))?;
    sync_dir(parent_of(sled))
}

fn copy_if_cheap(sled: &Path) -> bool {
    let aside = beside(sled, ASIDE);
    let is_cheap = fs::metadata(sled.join("db")).is_ok_and(|file| file.len() <= CHEAP_BYTES);
    let is_copied = is_cheap && copy(sled, &aside).is_ok();
    if !is_copied {
        // Nothing depends on this copy.
        let _ = remove(&aside);
    }
    is_copied
}

/// Undoes what sled did. At least one complete copy exists at any time.
fn put_back(sled: &Path, suffix: &str) -> io::Result<()> {
    let [copy, done] = [suffix, DONE].map(|suffix| beside(sled, suffix));
    sync_all(&copy)?;
    remove(&done)?;
    if sled.exists() {
        fs::rename(sled, &done)?;
    }
    if let Err(error) = fs::rename(&copy, sled) {
        // sled's version is better than nothing. The copy stays for the next opening.
        let _ = fs::rename(&done, sled);
        return Err(error);
    }
    sync_dir(parent_of(sled))?;
    remove(&done)
}

fn discard(sled: &Path, suffix: &str) -> io::Result<()> {
    let done = beside(sled, DONE);
    // After the rename, the copy is never put back.
    fs::rename(beside(sled, suffix), &done)?;
    if suffix == BEFORE {
        sync_dir(parent_of(sled))?;
    }
    remove(&done)
}

/// The directory with the files of `sled` as they were before sled changed them, for callers that only read them.
pub(crate) fn untouched(sled: &Path) -> PathBuf {
    let before = beside(sled, BEFORE);
    if before.exists() {
        before
    } else if sled.exists() {
        sled.to_owned()
    } else {
        beside(sled, ASIDE)
    }
}

/// Removes a storage that is no longer used or was never complete, with its copies. It is marked until nothing of it is left.
pub(crate) fn remove_storage(sled: &Path) -> io::Result<()> {
    mark(sled)?;
    remove(sled)?;
    [COPYING, BEFORE, ASIDE, DONE].iter().try_for_each(|suffix| remove(&beside(sled, suffix)))?;
    sync_dir(parent_of(sled))?;
    unmark(sled)
}

/// Marks a storage as incomplete: HEAD alone can make it the storage of its database, and it is removed otherwise.
pub(crate) fn mark(sled: &Path) -> io::Result<()> {
    match create_file(&incomplete_mark(sled)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_dir(parent_of(sled)),
    }
}

/// Removes the mark that a storage is incomplete.
pub(crate) fn unmark(sled: &Path) -> io::Result<()> {
    match fs::remove_file(incomplete_mark(sled)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_dir(parent_of(sled)),
    }
}

/// The directory next to `sled` with its name and this suffix.
fn beside(sled: &Path, suffix: &str) -> PathBuf {
    let mut name = sled.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    sled.with_file_name(name)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    create_dir(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for path in entries(from)? {
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// Makes a directory and all its contents durable.
fn sync_all(dir: &Path) -> io::Result<()> {
    for path in entries(dir)? {
        if path.is_dir() { sync_all(&path)? } else { File::open(&path)?.sync_all()? }
    }
    sync_dir(dir)
}

fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
