//! A store that is made whole before it is there: under another name first, which is changed last.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::open::directory::{doing, sync_parent};
use crate::open::error::OpenError;
use crate::storage::files::{parent_of, sync_dir};

/// A directory in which a store is being made.
#[derive(Debug)]
pub(crate) struct NewStore {
    target: PathBuf,
    partial: PathBuf,
    is_finished: bool,
}

impl NewStore {
    /// Makes the directory beside `target`, which has to be empty or not there, under a name of this process's own.
    pub(crate) fn begin(target: &Path) -> Result<Self, OpenError> {
        if let Some(found) = first_entry(target).map_err(doing("listing", target))? {
            return Err(OpenError::NotEmpty { dir: target.to_owned(), found });
        }
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let partial = target.with_file_name(name);
        let parent = parent_of(target);
        fs::create_dir_all(parent).map_err(doing("making", parent))?;
        fs::create_dir(&partial).map_err(doing("making", &partial))?;
        Ok(Self { target: target.to_owned(), partial, is_finished: false })
    }

    /// Where the store is being made.
    pub(crate) fn path(&self) -> &Path {
        &self.partial
    }

    /// Gives the store its name. It has to be closed.
    pub(crate) fn finish(mut self) -> Result<(), OpenError> {
        sync_dir(&self.partial).map_err(doing("fsync of", &self.partial))?;
        fs::rename(&self.partial, &self.target).map_err(doing("renaming", &self.partial))?;
        self.is_finished = true;
        sync_parent(&self.target)
    }
}

impl Drop for NewStore {
    fn drop(&mut self) {
        // What stays, nobody takes for a store.
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
