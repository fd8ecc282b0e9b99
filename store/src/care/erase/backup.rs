//! Erases from a backup: it is restored beside itself, erased, backed up again, and replaced by one rename.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::{Erase, EraseError, Erased};
use crate::backup::{self, BackupError, BackupFile, BackupFileError, BackupOptions, RestoreError, restore};
use crate::care::copy::like_one;
use crate::open::error::OpenError;
use crate::storage::files::{create_dir, parent_of, sync_dir};
use crate::trace::span;

/// Why nothing was erased from a backup. The file is as it was, except with [`EraseBackupError::Io`] after its replacement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseBackupError {
    /// The file cannot be read, or is no backup.
    #[error(transparent)]
    File(#[from] BackupFileError),
    /// It is incremental: its events cannot be folded without the earlier backups. Restore the whole sequence, erase, and make a
    /// complete backup; then delete the files of the sequence.
    #[error("{} is incremental: it cannot be erased from alone", path.display())]
    Incremental {
        /// The file.
        path: PathBuf,
    },
    /// Another process is erasing from this file.
    #[error("another process works in {}", folder.display())]
    InUse {
        /// The folder in which it works.
        folder: PathBuf,
    },
    /// It cannot be restored.
    #[error("the backup cannot be restored")]
    Restore(#[from] RestoreError),
    /// The restored database cannot be erased from.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The erased database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be backed up.
    #[error("the erased database cannot be backed up")]
    Backup(#[from] BackupError),
    /// A file operation failed.
    #[error("{doing} {} failed", path.display())]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl Erase {
    /// Erases the subjects from a complete backup. `None` if it contains nothing of them; then the file stays.
    ///
    /// The backup is restored into a folder beside it, which ends in `.erasing`; the file system must have room for two
    /// databases and a backup. The new backup is read again and folded before it replaces the file, so that a killed process
    /// leaves the old file or the new one. It also leaves the folder, which the next call for this file removes.
    ///
    /// A backup keeps the legal holds of its time. Other copies of the file are not changed.
    ///
    /// # Errors
    /// [`EraseBackupError`].
    pub fn run_on_backup(&self, file: impl AsRef<Path>) -> Result<Option<Erased>, EraseBackupError> {
        let file = file.as_ref();
        span!("erase from a backup", file = %file.display());
        // A link stays, and the file that it names is replaced.
        let file = &file.canonicalize().map_err(failed("looking up", file))?;
        if BackupFile::open(file)?.contents().incremental {
            return Err(EraseBackupError::Incremental { path: file.clone() });
        }
        let desk = Desk::beside(file)?;
        let (db, erased_file) = (desk.folder.join("db"), desk.folder.join("backup"));
        restore(&[file], &db, &self.options, |_| {})?;
        let Some(erased) = self.run(&db)? else {
            desk.remove()?;
            return Ok(None);
        };
        let store = self.options.clone().read_only(true).open(&db)?;
        backup::write(&store, &erased_file, &BackupOptions::new(), |_| {})?;
        drop(store);
        let model = fs::metadata(file).map_err(failed("reading the mode of", file))?;
        like_one(&model, &erased_file).map_err(failed("setting the mode of", &erased_file))?;
        fs::rename(&erased_file, file).map_err(failed("replacing", file))?;
        sync_dir(parent_of(file)).map_err(failed("fsync of the folder of", file))?;
        desk.remove()?;
        Ok(Some(erased))
    }
}

/// The folder beside a file in which it is worked on. One process at a time has it.
struct Desk {
    folder: PathBuf,
    _lock: File,
}

impl Desk {
    fn beside(file: &Path) -> Result<Self, EraseBackupError> {
        let mut folder = file.as_os_str().to_owned();
        folder.push(".erasing");
        let folder = PathBuf::from(folder);
        create_dir(&folder).map_err(failed("creating", &folder))?;
        let lock = File::create(folder.join("LOCK")).map_err(failed("creating a lock in", &folder))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(EraseBackupError::InUse { folder }),
            Err(TryLockError::Error(error)) => return Err(failed("locking", &folder)(error)),
        }
        // What a killed process left.
        let removed = remove_left(&folder);
        removed.map_err(failed("emptying", &folder))?;
        Ok(Self { folder, _lock: lock })
    }

    /// The folder contains what was erased, so success must not leave it.
    fn remove(&self) -> Result<(), EraseBackupError> {
        fs::remove_dir_all(&self.folder).map_err(failed("removing", &self.folder))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn remove_left(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if path.file_name().is_some_and(|name| name != "LOCK") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EraseBackupError {
    let path = path.to_owned();
    move |source| EraseBackupError::Io { doing, path, source }
}
