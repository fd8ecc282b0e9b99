//! The ledger: what a database knows about its erasures, in a file, so that older backups and old logs can be erased again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use convofold_engine::{ConversationImage, EventRef, ImageError, Subject};
use tempfile::Builder;

use super::{Erase, EraseError, Erased, Erasure};
use crate::api::handle::Convofold;
use crate::damage::Damage;
use crate::format::erasures::StoredErasure;
use crate::format::frame::Compressor;
use crate::format::ledger as stored;
use crate::format::numbered::Numbered;
use crate::open::opening::{self, Opened};
use crate::options::Options;
use crate::state::base::all_images;
use crate::state::erasures::Erasures;
use crate::state::lent_storage::LentStorage;
use crate::state::records;
use crate::storage::files::{make_private, parent_of, sync_dir};
use crate::storage::{StorageError, release};

/// The rule of an erasure that repeats earlier ones.
const AGAIN: &str = "again";

/// The erasures of a database: receipts, and hashes by which erased conversations and events are recognised.
///
/// It contains no id, number, name or text, and no ids can be read from it. But it contains the key of the hashes, so a person who
/// has it can test whether an id that they know was erased. It is as confidential as a backup.
///
/// ```
/// # use convofold_store::{Batch, Convofold, Options};
/// use convofold_engine::Subject;
/// use convofold_store::backup::{BackupOptions, restore};
/// use convofold_store::erase::{Erase, Ledger};
///
/// # let home = tempfile::tempdir()?;
/// # let [dir, monday, file, restored] = ["db", "monday", "ledger", "restored"].map(|name| home.path().join(name));
/// # let db = Convofold::open(&dir)?;
/// # use convofold_engine::{Draft, Kind, Time};
/// # let draft = Draft::new("helpdesk", "m-7_1", Kind::Close, Time::from_ms(1_700_000_000_000));
/// # db.submit(Batch::new(vec![draft.member_business_id("m-7").build()?]))?.wait()?;
/// # db.backup(&monday, &BackupOptions::new(), |_| {})?;
/// # db.close()?;
/// Erase::new([Subject::member("m-7")?]).run(&dir)?;
/// let db = Convofold::open(&dir)?;
/// Ledger::of(&db)?.write(&file)?;
///
/// // Later, from the older backup:
/// restore(&[monday], &restored, &Options::new(), |_| {})?;
/// Ledger::read(&file)?.erase_from(&restored, &Options::new())?;
/// # assert!(Convofold::open(&restored)?.state("m-7_1")?.is_none());
/// # db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ledger {
    pub(super) erasures: Numbered<StoredErasure>,
    known: Erasures,
}

/// Why a ledger was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A file with that name exists. It was not changed.
    #[error("{} already exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{doing} {} failed", path.display())]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is damaged, or is not a ledger.
    #[error("{} is damaged, or is not a ledger of erasures", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        why: Damage,
    },
}

impl Ledger {
    /// The ledger of a database, as of now.
    ///
    /// # Errors
    /// [`StorageError`] if the storage fails, or the database is closed.
    pub fn of(db: &Convofold) -> Result<Self, StorageError> {
        Ok(Self::new(records::read(LentStorage::of(db.shared()).as_ref())?))
    }

    /// Reads a file that [`Ledger::write`] wrote.
    ///
    /// # Errors
    /// [`LedgerError`] if it cannot be read, or is damaged.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let value = fs::read(path).map_err(LedgerError::io("reading", path))?;
        let erasures = stored::open(&value).map_err(|why| LedgerError::Damaged { path: path.to_owned(), why })?;
        Ok(Self::new(erasures))
    }

    /// Writes it to a new file that only its owner can read. The file has this name only when it is complete and durable.
    ///
    /// # Errors
    /// [`LedgerError`] if nothing was written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), LedgerError> {
        let path = path.as_ref();
        let failed = |doing| LedgerError::io(doing, path);
        let mut compressor = Compressor::new().map_err(failed("creating a compressor for"))?;
        let sealed = stored::seal(&self.erasures, &mut compressor);
        let value = sealed.map_err(|why| LedgerError::Damaged { path: path.to_owned(), why })?;
        let mut prefix = path.file_name().unwrap_or_default().to_owned();
        prefix.push(".");
        let unnamed = Builder::new().prefix(&prefix).suffix(".partial").tempfile_in(parent_of(path));
        let mut unnamed = unnamed.map_err(failed("creating a file beside"))?;
        make_private(unnamed.as_file()).map_err(failed("setting the mode of"))?;
        unnamed.write_all(&value).and_then(|()| unnamed.as_file().sync_all()).map_err(failed("writing"))?;
        match unnamed.persist_noclobber(path) {
            Ok(_) => sync_dir(parent_of(path)).map_err(failed("fsync of the folder of")),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(LedgerError::Exists { path: path.to_owned() })
            }
            Err(error) => Err(failed("renaming a file to")(error.error)),
        }
    }

    /// The receipts of the erasures, in order.
    #[must_use]
    pub fn receipts(&self) -> &[Erasure] {
        &self.known.receipts
    }

    /// Whether this event, or another one with its identity, was erased.
    #[must_use]
    pub fn has(&self, event: EventRef<'_>) -> bool {
        self.known.have_conversation(event.conversation()) && self.known.have_event(event)
    }

    /// Whether one of the events of this conversation was erased.
    pub(crate) fn has_one_of(&self, image: &ConversationImage) -> Result<bool, StorageError> {
        if !self.known.have_conversation(&image.id) {
            return Ok(false);
        }
        let mut has_one = false;
        let looked = image.each_event(|_, event| {
            has_one |= self.known.have_event(event.as_ref());
            Ok::<_, ImageError>(())
        });
        looked.map_err(damaged)?;
        Ok(has_one)
    }

    /// Erases again what the ledger knows from the database in this directory, which must not be open: for one that was restored
    /// from an older backup. A conversation is erased if its id and one of its events are known. `None` if there is none.
    ///
    /// The database then has the erasures of the ledger beside its own, so that what was erased is recognised if it arrives
    /// again. If the process is killed, call this again. Open conversations are erased too.
    ///
    /// # Errors
    /// [`EraseError`].
    pub fn erase_from(&self, dir: impl AsRef<Path>, options: &Options) -> Result<Option<Erased>, EraseError> {
        let (dir, options) = (dir.as_ref(), options.clone().create(false));
        let db = options.clone().open(dir)?;
        let mut found = BTreeSet::new();
        for image in all_images(db.shared(), LentStorage::of(db.shared()).as_ref()) {
            let image = image?;
            if self.has_one_of(&image)? {
                found.insert(Subject::Conversation(image.id.to_string()));
            }
        }
        db.close()?;
        self.keep_in(dir, &options)?;
        if found.is_empty() {
            return Ok(None);
        }
        Erase::new(found).rule(AGAIN).open_too(true).options(options).run(dir)
    }

    /// Adds the erasures to those of a database that is closed. They get the next numbers.
    fn keep_in(&self, dir: &Path, options: &Options) -> Result<(), EraseError> {
        let Opened { directory, storage, mut end_mark, .. } = opening::open(dir, options)?;
        let storage = scopeguard::guard(storage, |storage| drop(release(storage)));
        let known: Numbered<StoredErasure> = records::read(storage.as_ref())?;
        let mut number = known.last().map_or(0, |(number, _)| *number);
        let mut compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
        for (_, erasure) in &self.erasures {
            if known.iter().all(|(_, known)| known != erasure) {
                number = number.saturating_add(1);
                records::store(storage.as_ref(), number, erasure, &mut compressor)?;
            }
        }
        storage.barrier()?;
        let noted = end_mark.note_records(|last| last.erasures = last.erasures.max(number));
        noted.map_err(StorageError::io("writing the end mark"))?;
        // The lock is released after the storage.
        release(scopeguard::ScopeGuard::into_inner(storage))?;
        drop(directory);
        Ok(())
    }

    fn new(erasures: Numbered<StoredErasure>) -> Self {
        let known = Erasures::of(&erasures);
        Self { erasures, known }
    }
}

fn damaged(why: ImageError) -> StorageError {
    StorageError::Value(Damage::Conversation(why))
}

impl LedgerError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
