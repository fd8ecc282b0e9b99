//! A backup as a side: restored into a temporary folder when its conversations are needed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;

use convofold_engine::{ExportLine, FOLD_VERSION, HistoryEntry, Moment, StateHash};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::side::{Conversations, DiffError, Side};
use crate::api::handle::Convofold;
use crate::api::view::View;
use crate::care::backup::{BackupFile, restore};
use crate::format::backup::HEADER;
use crate::options::Options;

/// A complete backup. Its conversations are read from a database that is restored into a temporary folder, which takes as much
/// space as the original and is removed with this value.
#[derive(Debug)]
pub struct Backup {
    file: BackupFile,
    restored: OnceLock<Restored>,
    /// Held while the backup is restored.
    restoring: Mutex<()>,
}

/// Fields are dropped in this order.
#[derive(Debug)]
struct Restored {
    view: View,
    _folder: TempDir,
}

impl Backup {
    /// Whether a file begins like a backup.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn is_backup(path: impl AsRef<Path>) -> io::Result<bool> {
        let mut beginning = Vec::new();
        File::open(path)?.take(HEADER.magic.len() as u64).read_to_end(&mut beginning)?;
        Ok(beginning == HEADER.magic)
    }

    /// Reads the beginning and the end of a backup file.
    ///
    /// # Errors
    /// [`DiffError`] if the file cannot be read, or is not a backup.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DiffError> {
        let file = BackupFile::open(path)?;
        Ok(Self { file, restored: OnceLock::new(), restoring: Mutex::new(()) })
    }

    /// The restored database, open for reading while this value exists.
    ///
    /// # Errors
    /// [`DiffError`] if the backup is incremental or damaged, or the temporary folder cannot be written.
    pub fn database(&self) -> Result<&Convofold, DiffError> {
        self.view().map(View::db)
    }

    #[cfg(test)]
    pub(super) fn is_restored(&self) -> bool {
        self.restored.get().is_some()
    }

    fn view(&self) -> Result<&View, DiffError> {
        let _restoring = self.restoring.lock();
        if let Some(restored) = self.restored.get() {
            return Ok(&restored.view);
        }
        let folder = tempfile::tempdir().map_err(DiffError::Temporary)?;
        let place = folder.path().join("db");
        restore(&[self.file.path()], &place, &Options::new(), |_| {})?;
        let db = Options::new().read_only(true).open(&place)?;
        let restored = Restored { view: db.at(Moment::LATEST), _folder: folder };
        Ok(&self.restored.get_or_init(|| restored).view)
    }
}

impl Side for Backup {
    /// Known if the backup was made with the same rules ([`FOLD_VERSION`]).
    fn known_hash(&self) -> Result<Option<StateHash>, DiffError> {
        let contents = self.file.contents();
        Ok((contents.fold_version == FOLD_VERSION).then_some(contents.state_hash))
    }

    fn conversations(&self) -> Result<Conversations<'_>, DiffError> {
        Side::conversations(self.view()?)
    }

    fn conversation(&self, id: &str) -> Result<Option<ExportLine>, DiffError> {
        Side::conversation(self.view()?, id)
    }

    fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, DiffError> {
        Side::history(self.view()?, id)
    }
}
