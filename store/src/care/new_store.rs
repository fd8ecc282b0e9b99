//! Creates a database under a temporary name and renames it when it is complete.
//!
//! If the target does not exist, the temporary directory is created beside it and renamed as a whole. An existing empty
//! directory, which can be a mount point or the working directory, keeps its place: the temporary directory is created
//! in it, and its contents are renamed, FORMAT last. Without FORMAT there is no database.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempDir};

use crate::open::directory::{FORMAT, doing, is_of_the_file_system, sync_parent};
use crate::open::error::OpenError;
use crate::storage::files::{create_dir, free_bytes, make_dir_private, parent_of, sync_dir};

/// A directory in which a database is being created. It is removed unless [`NewStore::finish`] is called.
#[derive(Debug)]
pub(crate) struct NewStore {
    target: PathBuf,
    partial: TempDir,
    /// Whether `partial` is in `target`.
    is_inside: bool,
}

impl NewStore {
    /// Creates a temporary directory with a random name in or beside `target`, which must be an empty directory or not
    /// exist.
    pub(crate) fn begin(target: &Path) -> Result<Self, OpenError> {
        let entry = first_entry(target).map_err(doing("listing", target))?;
        if let Some(Some(found)) = entry {
            return Err(OpenError::NotEmpty { dir: target.to_owned(), found });
        }
        let is_inside = entry.is_some();
        let parent = if is_inside { target } else { parent_of(target) };
        create_dir(parent).map_err(doing("creating", parent))?;
        let mut prefix = if is_inside { OsString::from("convofold") } else { file_name(target) };
        prefix.push(".");
        let partial = Builder::new().prefix(&prefix).suffix(".partial").tempdir_in(parent);
        let partial = partial.map_err(doing("creating a folder in", parent))?;
        make_dir_private(partial.path()).map_err(doing("setting the mode of", partial.path()))?;
        Ok(Self { target: target.to_owned(), partial, is_inside })
    }

    /// The temporary directory.
    pub(crate) fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Fails if the file system is known to have less than this number of bytes free.
    pub(crate) fn expect_space(&self, needed_bytes: u64) -> Result<(), OpenError> {
        match free_bytes(self.path()) {
            Some(free_bytes) if free_bytes < needed_bytes => {
                Err(OpenError::NoSpace { dir: self.target.clone(), needed_bytes, free_bytes })
            }
            _ => Ok(()),
        }
    }

    /// Gives the database its name. It must be closed.
    pub(crate) fn finish(self) -> Result<(), OpenError> {
        sync_dir(self.path()).map_err(doing("fsync of", self.path()))?;
        if self.is_inside {
            return self.move_up().map_err(doing("renaming the files of the database in", &self.target));
        }
        fs::rename(self.path(), &self.target).map_err(doing("renaming", self.path()))?;
        // Nothing is left to remove.
        let _ = self.partial.keep();
        sync_parent(&self.target)
    }

    fn move_up(&self) -> io::Result<()> {
        let names = fs::read_dir(self.path())?.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<io::Result<Vec<_>>>()?;
        names.sort_by_key(|name| name == FORMAT);
        for (count, name) in names.iter().enumerate() {
            let is_last = count + 1 == names.len();
            let before = if is_last { sync_dir(&self.target) } else { Ok(()) };
            let moved = before.and_then(|()| fs::rename(self.path().join(name), self.target.join(name)));
            if let Err(error) = moved {
                for name in names.iter().take(count) {
                    // The error above is the useful one.
                    let _ = fs::rename(self.target.join(name), self.path().join(name));
                }
                return Err(error);
            }
        }
        sync_dir(&self.target)
    }
}

/// The name of the first entry of a directory; `None` if the directory does not exist.
fn first_entry(dir: &Path) -> io::Result<Option<Option<String>>> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for entry in listing {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !is_of_the_file_system(&name) {
            return Ok(Some(Some(name)));
        }
    }
    Ok(Some(None))
}

fn file_name(path: &Path) -> OsString {
    path.file_name().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_databases_that_are_created_at_the_same_time_have_different_names() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("store");
        let news: Vec<_> = (0..3).map(|_| NewStore::begin(&target).unwrap()).collect();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        drop(news);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_empty_directory_stays_and_is_filled_or_left_empty() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("lost+found")).unwrap();
        let names = || {
            let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let new = NewStore::begin(dir.path()).unwrap();
        fs::write(new.path().join("FORMAT"), "").unwrap();
        drop(new);
        assert_eq!(names(), ["lost+found"]);
        let new = NewStore::begin(dir.path()).unwrap();
        for name in ["FORMAT", "HEAD", "LOCK"] {
            fs::write(new.path().join(name), "").unwrap();
        }
        new.finish().unwrap();
        assert_eq!(names(), ["FORMAT", "HEAD", "LOCK", "lost+found"]);
        assert!(matches!(NewStore::begin(dir.path()), Err(OpenError::NotEmpty { .. })));
    }

    #[test]
    fn a_file_that_cannot_be_renamed_leaves_the_directory_empty() {
        let dir = tempfile::tempdir().unwrap();
        let new = NewStore::begin(dir.path()).unwrap();
        for name in ["FORMAT", "HEAD", "LOCK"] {
            fs::write(new.path().join(name), "").unwrap();
        }
        // Something else was created in the meantime.
        fs::create_dir(dir.path().join("FORMAT")).unwrap();
        new.finish().unwrap_err();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["FORMAT"]);
    }

    #[test]
    fn too_little_space_is_found_before_the_work() {
        let dir = tempfile::tempdir().unwrap();
        let new = NewStore::begin(&dir.path().join("store")).unwrap();
        new.expect_space(1).unwrap();
        let error = new.expect_space(u64::MAX).unwrap_err();
        assert!(matches!(error, OpenError::NoSpace { needed_bytes: u64::MAX, .. }), "{error:?}");
    }
}
