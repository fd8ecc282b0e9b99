//! The directory of a database.
//!
//! ```text
//! LOCK      locked while the database is open; contains the process id as text
//! FORMAT    format, revision, database id and segment size; written once
//! HEAD      the known end of the log, and the name of the storage folder; created before FORMAT
//! sled/     the storage: sled's files
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::format::REVISION;
use crate::format::block::LogPosition;
use crate::format::database::{DatabaseFormat, DatabaseId, FormatError};
use crate::open::error::OpenError;
use crate::storage::end_mark::{EndMark, EndMarkFile, HEAD};
use crate::storage::files::{parent_of, sync_dir, temporary, write_durably};
use crate::storage::sled::{MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES};

const LOCK: &str = "LOCK";
const FORMAT: &str = "FORMAT";

/// A directory that this process has locked.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// The lock is released when the last reference is dropped.
    pub(crate) lock: Arc<File>,
    pub(crate) format: DatabaseFormat,
    pub(crate) is_new: bool,
}

impl Directory {
    /// Locks the directory before reading it, and creates a database in it if it is empty.
    pub(crate) fn open(path: &Path, create: bool, segment_bytes: usize) -> Result<Self, OpenError> {
        let exists = path.join(FORMAT).exists();
        if !exists {
            refuse_strangers(path, create)?;
            fs::create_dir_all(path).map_err(doing("creating", path))?;
            sync_parent(path)?;
        }
        let lock = take_lock(&path.join(LOCK))?;
        // Another process may have created the database in the meantime.
        if let Some(format) = read_format(path)? {
            return Ok(Self { path: path.to_owned(), lock: Arc::new(lock), format, is_new: false });
        }
        // HEAD is written first, so that a database always has one.
        EndMarkFile::open(path, EndMark::of(&LogPosition::START)).map_err(doing("writing the end mark in", path))?;
        let id = random_id().map_err(doing("generating an id for", path))?;
        let format = DatabaseFormat { id, segment_bytes };
        write_durably(path, FORMAT, &format.text()).map_err(doing("writing", &path.join(FORMAT)))?;
        Ok(Self { path: path.to_owned(), lock: Arc::new(lock), format, is_new: true })
    }

    /// Locks a directory, whatever it contains.
    pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
        if path.is_dir() { take_lock(&path.join(LOCK)) } else { Err(OpenError::NotFound { dir: path.to_owned() }) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Refuses a directory that contains anything except a database, and a missing database if `create` is false.
fn refuse_strangers(path: &Path, create: bool) -> Result<(), OpenError> {
    let listing = match fs::read_dir(path) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::NotFound { dir: path.to_owned() });
        }
        Err(error) => return Err(doing("listing", path)(error)),
    };
    for entry in listing {
        let name = entry.map_err(doing("listing", path))?.file_name().to_string_lossy().into_owned();
        // A process may have been killed after it locked the directory and before it wrote FORMAT.
        if name != LOCK && name != HEAD && name != temporary(FORMAT) {
            return Err(OpenError::NotAStore { dir: path.to_owned(), found: name });
        }
    }
    if create { Ok(()) } else { Err(OpenError::NotFound { dir: path.to_owned() }) }
}

fn take_lock(path: &Path) -> Result<File, OpenError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = opened.map_err(doing("opening", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(OpenError::AlreadyOpen { pid });
        }
        Err(TryLockError::Error(error)) => return Err(doing("locking", path)(error)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(doing("writing", path))?;
    Ok(file)
}

/// The contents of the file FORMAT; `None` if the directory is not a database yet.
fn read_format(path: &Path) -> Result<Option<DatabaseFormat>, OpenError> {
    let path = path.join(FORMAT);
    let text = match fs::read(&path) {
        // The error message shows the text as far as it is UTF-8.
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(doing("reading", &path)(error)),
    };
    // sled would accept any other size.
    let is_ours = |bytes: usize| bytes.is_power_of_two() && (MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&bytes);
    match DatabaseFormat::parse(&text) {
        Ok(format) if is_ours(format.segment_bytes) => Ok(Some(format)),
        Err(FormatError::Revision(found)) => Err(OpenError::OtherRevision { found, expected: REVISION }),
        Ok(_) | Err(FormatError::Unknown) => {
            Err(OpenError::UnknownFormat { found: text.trim().to_owned(), known: DatabaseFormat::expected() })
        }
    }
}

fn random_id() -> io::Result<DatabaseId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(DatabaseId::from_bytes(bytes))
}

pub(crate) fn sync_parent(path: &Path) -> Result<(), OpenError> {
    let parent = parent_of(path);
    sync_dir(parent).map_err(doing("fsync of", parent))
}

pub(crate) fn doing(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { doing, path, source }
}
