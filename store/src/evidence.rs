//! A copy of sled's files, put aside before sled opens them where [`doubt`](crate::sled_file::doubt) says that it may
//! destroy something.
//!
//! ```text
//! sled.copying/   being made
//! sled.before/    whole and durable
//! sled.done/      no longer needed, being removed
//! ```
//!
//! It is removed once the store is open and nothing is missing. Where that does not come about, the copy is put back: an
//! opening that fails changes nothing, and what was readable still is.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::directory::sync_dir;

const SLED: &str = "sled";
const COPYING: &str = "sled.copying";
const BEFORE: &str = "sled.before";
const DONE: &str = "sled.done";

/// A copy that was put aside.
#[derive(Debug)]
pub(crate) struct Evidence {
    dir: PathBuf,
}

impl Evidence {
    /// Finishes what an earlier opening left: a copy that was put aside takes its place again.
    pub(crate) fn put_back_left_over(dir: &Path) -> io::Result<()> {
        for unfinished in [COPYING, DONE] {
            remove(&dir.join(unfinished))?;
        }
        if dir.join(BEFORE).exists() { Self { dir: dir.to_owned() }.put_back() } else { Ok(()) }
    }

    /// Puts a copy of sled's files aside.
    pub(crate) fn put_aside(dir: &Path) -> io::Result<Self> {
        copy(&dir.join(SLED), &dir.join(COPYING))?;
        fs::rename(dir.join(COPYING), dir.join(BEFORE))?;
        sync_dir(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Undoes whatever sled did.
    pub(crate) fn put_back(self) -> io::Result<()> {
        remove(&self.dir.join(SLED))?;
        fs::rename(self.dir.join(BEFORE), self.dir.join(SLED))?;
        sync_dir(&self.dir)
    }

    /// Nothing is missing.
    pub(crate) fn discard(self) -> io::Result<()> {
        // From here on it is no copy that could be put back.
        fs::rename(self.dir.join(BEFORE), self.dir.join(DONE))?;
        sync_dir(&self.dir)?;
        remove(&self.dir.join(DONE))
    }
}

/// Where sled's files are as they were before sled changed them, for whoever only reads them.
pub(crate) fn untouched(dir: &Path) -> PathBuf {
    let before = dir.join(BEFORE);
    if before.exists() { before } else { dir.join(SLED) }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    sync_dir(to)
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
