//! A copy of sled's files, put aside before sled opens them, because it may destroy something.
//!
//! ```text
//! sled.copying/   being made
//! sled.before/    whole and durable, made where [`doubt`](crate::storage::sled::file::doubt) says that sled will destroy something
//! sled.aside/     whole, not durable, made where it is cheap: sled also takes a read that fails for the end of its file
//! sled.done/      no longer needed, being removed
//! ```
//!
//! It is removed once the store is open and nothing is missing. Where that does not come about, the copy is put back: an
//! opening that fails changes nothing, and what was readable still is.

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

/// A copy that was put aside.
#[derive(Debug)]
pub(crate) struct Evidence {
    dir: PathBuf,
    name: &'static str,
}

impl Evidence {
    /// Finishes what an earlier opening left: a copy that is known to be durable takes its place again, and any does where
    /// nothing else is left.
    pub(crate) fn put_back_left_over(dir: &Path) -> io::Result<()> {
        let there = |name: &str| dir.join(name).exists();
        let left_over = |name| Self { dir: dir.to_owned(), name };
        if there(BEFORE) {
            left_over(BEFORE).put_back()?;
        } else if there(ASIDE) && !there(SLED) {
            left_over(ASIDE).put_back()?;
        }
        [COPYING, ASIDE, DONE].iter().try_for_each(|unfinished| remove(&dir.join(unfinished)))
    }

    /// Puts a copy of sled's files aside, also for the next process.
    pub(crate) fn put_aside(dir: &Path) -> io::Result<Self> {
        let copying = dir.join(COPYING);
        if let Err(error) = copy(&dir.join(SLED), &copying).and_then(|()| sync_all(&copying)) {
            // It would only take up room, of which there may be none.
            let _ = remove(&copying);
            return Err(error);
        }
        fs::rename(dir.join(COPYING), dir.join(BEFORE))?;
        sync_dir(dir)?;
        Ok(Self { dir: dir.to_owned(), name: BEFORE })
    }

    /// Puts a copy aside for this process where that is cheap; `None` where it is not, or there is no room.
    pub(crate) fn put_aside_if_cheap(dir: &Path) -> Option<Self> {
        let is_cheap = fs::metadata(dir.join(SLED).join("db")).is_ok_and(|file| file.len() <= CHEAP_BYTES);
        if is_cheap && copy(&dir.join(SLED), &dir.join(ASIDE)).is_ok() {
            return Some(Self { dir: dir.to_owned(), name: ASIDE });
        }
        // Nothing rests on it.
        let _ = remove(&dir.join(ASIDE));
        None
    }

    /// Undoes whatever sled did. At no moment is there less than one whole copy.
    pub(crate) fn put_back(self) -> io::Result<()> {
        let [copy, sled, done] = [self.name, SLED, DONE].map(|name| self.dir.join(name));
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
        sync_dir(&self.dir)?;
        remove(&done)
    }

    /// Nothing is missing.
    pub(crate) fn discard(self) -> io::Result<()> {
        // From here on it is no copy that could be put back.
        fs::rename(self.dir.join(self.name), self.dir.join(DONE))?;
        if self.name == BEFORE {
            sync_dir(&self.dir)?;
        }
        remove(&self.dir.join(DONE))
    }
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
