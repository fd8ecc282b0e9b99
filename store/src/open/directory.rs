//! The directory of a database.
//!
//! ```text
//! LOCK      locked while the database is open; contains the process id as text
//! FORMAT    format, revision, database id and segment size; written once
//! HEAD      the known end of the log, and the name of the storage folder
//! sled/     the storage: sled's files
//! ```
//!
//! FORMAT is created last. So a directory with FORMAT and without one of the others has lost it, and is not opened.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::format::REVISION;
use crate::format::block::LogPosition;
use crate::format::database::{DatabaseFormat, DatabaseId, FormatError};
use crate::open::error::OpenError;
use crate::storage::end_mark::{DEFAULT_STORAGE, EndMark, EndMarkFile, HEAD, LastRecords};
use crate::storage::files::{
    create_dir, create_file, is_read_only, own_file_options, parent_of, sync_dir, temporary, write_durably,
};
use crate::storage::sled::{MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES};

pub(crate) const LOCK: &str = "LOCK";
pub(crate) const FORMAT: &str = "FORMAT";

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
        if !path.join(FORMAT).exists() {
            refuse_strangers(path, create)?;
            create_dir(path).map_err(doing("creating", path))?;
            sync_parent(path)?;
        }
        let lock = remember(&path.join(LOCK), take_lock(&path.join(LOCK))?);
        // Another process may have created the database in the meantime.
        if let Some(format) = read_format(path)? {
            return Ok(Self { path: path.to_owned(), lock, format, is_new: false });
        }
        refuse_strangers(path, create)?;
        EndMarkFile::open(path, EndMark::of(&LogPosition::START), LastRecords::default())
            .map_err(doing("writing the end mark in", path))?;
        create_dir(&path.join(DEFAULT_STORAGE)).map_err(doing("creating the storage folder in", path))?;
        let id = random_id().map_err(doing("generating an id for", path))?;
        let format = DatabaseFormat { id, segment_bytes };
        write_durably(path, FORMAT, &format.text()).map_err(doing("writing", &path.join(FORMAT)))?;
        Ok(Self { path: path.to_owned(), lock, format, is_new: true })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A directory that this process reads. Other processes can read it at the same time, and none can write.
#[derive(Debug)]
pub(crate) struct SharedDirectory {
    /// `None` if nobody can write anyway.
    pub(crate) lock: Option<File>,
    pub(crate) format: DatabaseFormat,
}

impl SharedDirectory {
    /// Locks an existing database for reading. Creates and changes nothing.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        if !path.join(FORMAT).exists() {
            refuse_strangers(path, false)?;
        }
        let lock = Self::lock(path)?;
        let format = read_format(path)?.ok_or(OpenError::NotFound { dir: path.to_owned() })?;
        Ok(Self { lock, format })
    }

    /// Locks a directory for reading, whatever it contains.
    pub(crate) fn lock(path: &Path) -> Result<Option<File>, OpenError> {
        if path.is_dir() { share_lock(&path.join(LOCK)) } else { Err(OpenError::NotFound { dir: path.to_owned() }) }
    }
}

/// Refuses a directory without FORMAT that contains anything except the beginning of a database, and a missing database
/// if `create` is false.
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
        let entry = entry.map_err(doing("listing", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A process may have been killed after it locked the directory and before it wrote FORMAT.
        let is_of_a_new_database = match name.as_str() {
            LOCK | HEAD => true,
            DEFAULT_STORAGE => is_empty_dir(&entry.path()),
            other => other == temporary(FORMAT) || is_of_the_file_system(other),
        };
        if !is_of_a_new_database {
            return Err(OpenError::NotAStore { dir: path.to_owned(), found: name });
        }
    }
    let end_mark = EndMark::read(path).map_err(doing("reading the end mark in", path))?.known();
    if end_mark.is_some_and(|end_mark| end_mark.last_block_no > 0) {
        return Err(OpenError::Incomplete { dir: path.to_owned(), missing: FORMAT.to_owned() });
    }
    if create { Ok(()) } else { Err(OpenError::NotFound { dir: path.to_owned() }) }
}

fn is_empty_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
        && fs::read_dir(path).is_ok_and(|mut listing| listing.next().is_none())
}

/// Whether mkfs creates a directory with this name at the top of a file system.
pub(crate) fn is_of_the_file_system(name: &str) -> bool {
    name == "lost+found"
}

fn take_lock(path: &Path) -> Result<File, OpenError> {
    let open = || own_file_options().read(true).write(true).open(path);
    let opened = open().or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => create_file(path),
        _ => Err(error),
    });
    let opened = opened.or_else(|error| match error.kind() {
        // Another process created it in the meantime.
        io::ErrorKind::AlreadyExists => open(),
        _ => Err(error),
    });
    let mut file = opened.map_err(doing("opening", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            // The file names the last process that wrote, which may have ended.
            let is_only_read = file.try_lock_shared().is_ok();
            return Err(if is_only_read {
                OpenError::AlreadyOpen { pid: None, here: false }
            } else {
                held(path, &mut file)
            });
        }
        Err(TryLockError::Error(error)) => return Err(doing("locking", path)(error)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(doing("writing", path))?;
    Ok(file)
}

/// The device and the inode of a file, whatever its path is.
pub(crate) type FileId = (u64, u64);

/// The identity of a lock that is held; `None` if the system has none.
pub(crate) fn id_of_lock(lock: &File) -> Option<FileId> {
    lock.metadata().ok().and_then(|found| id_of(&found))
}

/// The identity of the lock in this directory.
pub(crate) fn id_of_lock_in(path: &Path) -> Option<FileId> {
    fs::symlink_metadata(path.join(LOCK)).ok().and_then(|found| id_of(&found))
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
fn id_of(found: &fs::Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn id_of(_: &fs::Metadata) -> Option<FileId> {
    None
}

/// Takes the lock for reading. `None` if there is nothing to lock: a copy of a database can lack LOCK, which every process
/// that writes creates first; and on some read-only file systems there are no locks.
fn share_lock(path: &Path) -> Result<Option<File>, OpenError> {
    let mut file = match own_file_options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(doing("opening", path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(held(path, &mut file)),
        Err(TryLockError::Error(_)) if is_read_only(path) => Ok(None),
        Err(TryLockError::Error(error)) => Err(doing("locking", path)(error)),
    }
}

/// The locks that this process holds for writing, by path.
static HELD_HERE: Mutex<Vec<(PathBuf, Weak<File>)>> = Mutex::new(Vec::new());

/// Shares a lock and remembers that this process holds it.
fn remember(path: &Path, lock: File) -> Arc<File> {
    let lock = Arc::new(lock);
    if let Ok(path) = path.canonicalize() {
        let mut held = HELD_HERE.lock();
        held.retain(|(_, lock)| lock.strong_count() > 0);
        held.push((path, Arc::downgrade(&lock)));
    }
    lock
}

/// The error for a lock that is held: by the process that the file names, or by this one.
fn held(path: &Path, file: &mut File) -> OpenError {
    let is_it =
        |held: &(PathBuf, Weak<File>)| held.1.strong_count() > 0 && path.canonicalize().is_ok_and(|it| it == held.0);
    let here = HELD_HERE.lock().iter().any(is_it);
    let mut text = String::new();
    let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
    OpenError::AlreadyOpen { pid, here }
}

/// The contents of the file FORMAT; `None` if the directory is not a database yet.
fn read_format(path: &Path) -> Result<Option<DatabaseFormat>, OpenError> {
    let path = path.join(FORMAT);
    let mut bytes = Vec::new();
    match own_file_options().read(true).open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(doing("reading", &path)(error)),
    }
    // The error message shows the text as far as it is UTF-8.
    let text = String::from_utf8_lossy(&bytes).into_owned();
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
