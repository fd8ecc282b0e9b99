//! A copy of sled's files, put aside before sled opens them, because it may destroy something.
//!
//! ```text
//! sled.copying/   being made
//! sled.before/    whole and durable, made where [`scan_finding`](crate::storage::sled::file::scan_finding) says that sled will destroy something
//! sled.aside/     whole, not durable, made where it is cheap: sled also takes a read that fails for the end of its file
//! sled.done/      no longer needed, being removed
//! ```
//!
//! It is removed once the database is open and nothing is missing. If opening fails, the copy is put back: an opening that
//! fails changes nothing, and what was readable still is.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::storage::files::sync_dir;

const SLED: &str = "sled";
const COPYING: &str = "sled.copying";
const BEFORE: &str = "sled.before";
const ASIDE: &str = "sled.aside";
const DONE: &str = "sled.done";
/// What is not larger is copied in some milliseconds.
const CHEAP_BYTES: u64 = 64 << 20;

/// A copy of sled's files as they were before sled opened them, if one was made. Dropping it puts it back, so storage has to
/// be released before.
#[derive(Debug)]
pub(crate) struct SafetyCopy {
    dir: PathBuf,
    name: Option<&'static str>,
}

impl SafetyCopy {
    /// Finishes what an earlier opening left behind: a durable copy is put back, and any other if nothing else is left.
    pub(crate) fn put_back_left_over(dir: &Path) -> io::Result<()> {
        let there = |name: &str| dir.join(name).exists();
        if there(BEFORE) {
            put_back(dir, BEFORE)?;
        } else if there(ASIDE) && !there(SLED) {
            put_back(dir, ASIDE)?;
        }
        [COPYING, ASIDE, DONE].iter().try_for_each(|unfinished| remove(&dir.join(unfinished)))
    }

    /// Copies sled's files: durably if there is a scan_finding about them, otherwise only if that is cheap and there is space.
    pub(crate) fn make(dir: &Path, in_doubt: bool) -> io::Result<Self> {
        let name = if in_doubt {
            copy_durably(dir)?;
            Some(BEFORE)
        } else {
            copy_if_cheap(dir).then_some(ASIDE)
        };
        Ok(Self { dir: dir.to_owned(), name })
    }

    /// Removes the copy: the database is open, and nothing is missing.
    ///
    /// # Errors
    /// If a durable copy could not be removed. The next opening removes one that is not durable.
    pub(crate) fn discard(mut self) -> io::Result<()> {
        let Some(name) = self.name.take() else { return Ok(()) };
        let discarded = discard(&self.dir, name);
        if name == BEFORE { discarded } else { Ok(()) }
    }
}

impl Drop for SafetyCopy {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            // The error that ended the opening matters more than one in here. If the copy is not put back now, the next
            // opening puts it back.
            let _ = put_back(&self.dir, name);
        }
    }
}

fn copy_durably(dir: &Path) -> io::Result<()> {
    let copying = dir.join(COPYING);
    if let Err(error) = copy(&dir.join(SLED), &copying).and_then(|()| sync_all(&copying)) {
        // It would only take up space, of which there may be none left.
        let _ = remove(&copying);
        return Err(error);
    }
    fs::rename(copying, dir.join(BEFORE))?;
    sync_dir(dir)
}

fn copy_if_cheap(dir: &Path) -> bool {
    let is_cheap = fs::metadata(dir.join(SLED).join("db")).is_ok_and(|file| file.len() <= CHEAP_BYTES);
    let is_copied = is_cheap && copy(&dir.join(SLED), &dir.join(ASIDE)).is_ok();
    if !is_copied {
        // Nothing depends on it.
        let _ = remove(&dir.join(ASIDE));
    }
    is_copied
}

/// Undoes whatever sled did. At no moment is there less than one whole copy.
fn put_back(dir: &Path, name: &str) -> io::Result<()> {
    let [copy, sled, done] = [name, SLED, DONE].map(|name| dir.join(name));
    sync_all(&copy)?;
    remove(&done)?;
    if sled.exists() {
        fs::rename(&sled, &done)?;
    }
    if let Err(error) = fs::rename(&copy, &sled) {
        // What sled made of it is better than nothing; the copy stays for the next opening.
        let _ = fs::rename(&done, &sled);
        return Err(error);
    }
    sync_dir(dir)?;
    remove(&done)
}

fn discard(dir: &Path, name: &str) -> io::Result<()> {
    // From here on it is no copy that could be put back.
    fs::rename(dir.join(name), dir.join(DONE))?;
    if name == BEFORE {
        sync_dir(dir)?;
    }
    remove(&dir.join(DONE))
}

/// Where sled's files are as they were before sled changed them, for whoever only reads them.
pub(crate) fn untouched(dir: &Path) -> PathBuf {
    let [before, sled, aside] = [BEFORE, SLED, ASIDE].map(|name| dir.join(name));
    if before.exists() {
        before
    } else if sled.exists() {
        sled
    } else {
        aside
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
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

/// Makes a folder durable, with all that is in it.
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
