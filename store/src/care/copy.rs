//! A copy of a storage: its folder, until HEAD names it, and its modes.

use std::cell::Cell;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::open::safety_copy::{mark, remove_storage};

/// The folder of a copy, which is removed again if the copy is not used.
pub(super) struct Copy {
    pub(super) folder: PathBuf,
    /// It stays; if HEAD does not name it, the next opening removes it.
    is_left: Cell<bool>,
}

impl Copy {
    pub(super) fn begin(folder: PathBuf) -> io::Result<Self> {
        mark(&folder)?;
        Ok(Self { folder, is_left: Cell::new(false) })
    }

    pub(super) fn leave(&self, is_left: bool) {
        self.is_left.set(is_left);
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.is_left.get() {
            let _ = remove_storage(&self.folder);
        }
    }
}

/// Gives a storage the modes of another one, which an operator may have widened, and its owner: another user than that of the
/// service may have started the compaction.
pub(super) fn like(before: &Path, folder: &Path) -> io::Result<()> {
    // A storage in memory has no files.
    if !folder.is_dir() {
        return Ok(());
    }
    let (of_dir, of_file) = (fs::metadata(before)?, fs::metadata(before.join("db"))?);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        like_one(if path.is_dir() { &of_dir } else { &of_file }, &path)?;
    }
    like_one(&of_dir, folder)
}

/// Gives a file these modes and this owner.
pub(super) fn like_one(model: &Metadata, path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path)?;
        if (found.uid(), found.gid()) != (model.uid(), model.gid()) {
            std::os::unix::fs::chown(path, Some(model.uid()), Some(model.gid()))?;
        }
    }
    fs::set_permissions(path, model.permissions())
}
