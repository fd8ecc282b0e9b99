//! Creates a database under a temporary name and renames it when it is complete.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::open::directory::{doing, sync_parent};
use crate::open::error::OpenError;
use crate::storage::files::{parent_of, sync_dir};

/// A directory in which a database is being created.
#[derive(Debug)]
pub(crate) struct NewStore {
    target: PathBuf,
    partial: PathBuf,
    is_finished: bool,
}

impl NewStore {
    /// Creates a directory next to `target`, with a name that contains the process id. `target` must be empty or not
    /// exist.
    pub(crate) fn begin(target: &Path) -> Result<Self, OpenError> {
        if let Some(found) = first_entry(target).map_err(doing("listing", target))? {
            return Err(OpenError::NotEmpty { dir: target.to_owned(), found });
        }
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let partial = target.with_file_name(name);
        let parent = parent_of(target);
        fs::create_dir_all(parent).map_err(doing("creating", parent))?;
        fs::create_dir(&partial).map_err(doing("creating", &partial))?;
        Ok(Self { target: target.to_owned(), partial, is_finished: false })
    }

    /// The temporary directory.
    pub(crate) fn path(&self) -> &Path {
        &self.partial
    }

    /// Renames the directory to its target. The database must be closed.
    pub(crate) fn finish(mut self) -> Result<(), OpenError> {
        sync_dir(&self.partial).map_err(doing("fsync of", &self.partial))?;
        fs::rename(&self.partial, &self.target).map_err(doing("renaming", &self.partial))?;
        self.is_finished = true;
        sync_parent(&self.target)
    }
}

impl Drop for NewStore {
    fn drop(&mut self) {
        // A leftover has a name that no database has.
        let _ = if self.is_finished { Ok(()) } else { fs::remove_dir_all(&self.partial) };
    }
}

fn first_entry(dir: &Path) -> io::Result<Option<String>> {
    match fs::read_dir(dir) {
        Ok(mut listing) => {
            let entry = listing.next().transpose()?;
            Ok(entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
