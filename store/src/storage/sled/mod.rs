//! [`Storage`] on sled 0.34.7, and everything there is to know about it.
//!
//! - **Nothing may spill into `blobs/`**: sled never makes those files durable, and after a power cut they can make the
//!   whole database unopenable. A leaf of up to 17 values is rewritten whole and spills where it is longer than a quarter
//!   of a segment, so a value is cut into [chunks](crate::storage::chunk), a 80th of the smallest segment at most.
//! - **sled's flush is no barrier** on Linux: it neither writes the file's metadata nor flushes the drive's cache. So every
//!   barrier ends with an `fdatasync` of our own, on a descriptor of our own, which also hears of errors that sled's
//!   background thread keeps to itself.
//! - **sled uses segments again too soon.** When it has moved what a segment held into a new one, it takes its own flush of
//!   that for durable and writes over the old one. In a power cut before our barrier both are gone: durable blocks too (16 of
//!   24 simulated cuts with 6.4 MB between barriers, 0 of 240 with 1.6 MB or less). So no more than half a segment is written
//!   between barriers ([`SledStorage::barrier_before`]), pages and deletions in pieces. A single batch of more stays one.
//! - **sled forgets late.** It notes every access to a leaf and looks whether its cache is full only when 64 have been noted
//!   in one of 256 shards. With large values it comes to that after gigabytes. `SledTree::touch` makes it look sooner:
//!   reading a log of a gigabyte takes 65 MB instead of 380, at the same speed. Ranges are worse (800 MB), so everything
//!   that is read in bulk is read by key.
//! - **sled lets go late.** A task of its thread pool may hold its file, and the lock on it, for a moment after the database
//!   was dropped. Nobody else can have it while the directory's own lock is ours, so opening waits.
//! - **sled may wait for ever.** An error in one of its threads is noted without waking those that wait for that thread. They
//!   look again when anybody else flushes, so [`FlushWatchdog`] does where a flush takes long.
//! - **sled panics** on some kinds of damage; nothing of that leaves this file.

pub(crate) mod file;
mod flush_watchdog;
mod tree;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sled::Db;

use crate::format::key::{BlockKey, PageKey};
use crate::storage::chunk::{PAYLOAD_BYTES, Tree};
use crate::storage::sled::flush_watchdog::FlushWatchdog;
use crate::storage::sled::tree::{Changes, DELETED_AT_ONCE, SledTree, guarded};
use crate::storage::{ReadStorage, Storage, StorageError, release};

/// The smallest segment that keeps a leaf of such chunks out of `blobs/`.
pub(crate) const MIN_SEGMENT_BYTES: usize = 2 << 20;
/// The largest that sled has.
pub(crate) const MAX_SEGMENT_BYTES: usize = 16 << 20;
/// How often sled's background thread runs. It is not relied on for durability, but it collects the garbage.
const BACKGROUND_MS: u64 = 500;

/// How long opening waits for what an earlier opening in this process left running.
const MAX_WAIT: Duration = Duration::from_secs(10);
const WAIT_STEP: Duration = Duration::from_millis(2);

/// How sled is to be set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SledOptions {
    /// Fixed when the directory is made.
    pub(crate) segment_bytes: usize,
    pub(crate) cache_bytes: u64,
}

pub(crate) struct SledStorage {
    db: Db,
    log: SledTree,
    pages: SledTree,
    records: SledTree,
    /// For barriers.
    file: File,
    watchdog: FlushWatchdog,
    /// Written since the last barrier.
    unsynced_bytes: AtomicU64,
    /// How much may be.
    max_unsynced_bytes: u64,
    dir: PathBuf,
}

impl SledStorage {
    /// Opens or makes the database in `dir`. The caller holds the lock and has removed what a killed process left.
    pub(crate) fn open(dir: &Path, options: SledOptions) -> Result<Self, StorageError> {
        // What a killed process wrote without a barrier is read back from memory and taken for durable; so it is made so.
        if dir.join("db").exists() {
            sync_file(&dir.join("db"))?;
        }
        guarded("opening", || {
            let config = sled::Config::default()
                .path(dir)
                .segment_size(options.segment_bytes)
                .cache_capacity(options.cache_bytes)
                .flush_every_ms(Some(BACKGROUND_MS));
            let db = open_when_let_go(&config)?;
            let log = SledTree::new(db.open_tree("log")?, Tree::Log);
            let pages = SledTree::new(db.open_tree("pages")?, Tree::Pages);
            let records = SledTree::new(db.open_tree("records")?, Tree::Records);
            Ok((db, log, pages, records))
        })
        .and_then(|(db, log, pages, records)| match barrier_file(dir) {
            Ok(file) => {
                let watchdog = FlushWatchdog::start(db.clone())?;
                let max_unsynced_bytes = options.segment_bytes as u64 / 2;
                let (dir, unsynced_bytes) = (dir.to_owned(), AtomicU64::new(0));
                Ok(Self { db, log, pages, records, file, watchdog, unsynced_bytes, max_unsynced_bytes, dir })
            }
            Err(error) => {
                // sled may panic where its own fsync fails as well; this error is worth more.
                let _ = release((log, pages, records, db));
                Err(error)
            }
        })
    }

    /// To be called before so much is written: a barrier, where it would be too much without one.
    fn barrier_before(&self, bytes: usize) -> Result<(), StorageError> {
        let bytes = bytes as u64;
        let unsynced_bytes = self.unsynced_bytes.load(Ordering::Relaxed);
        if unsynced_bytes > 0 && unsynced_bytes + bytes > self.max_unsynced_bytes {
            self.barrier()?;
        }
        self.unsynced_bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Removes what a process was killed while writing, on which nothing rests yet and with which sled fails for ever:
    /// snapshots, which it takes for whole ones, and a `conf` from before there was any data.
    pub(crate) fn remove_unfinished(dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
        let mut removed = Vec::new();
        for path in list(dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_snapshot = name.starts_with("snap.") && name.ends_with(".generating");
            let is_conf_alone = name == "conf" && !dir.join("db").exists();
            if is_snapshot || is_conf_alone {
                fs::remove_file(&path).map_err(StorageError::io("removing an unfinished file"))?;
                removed.push(path);
            }
        }
        Ok(removed)
    }
}

impl ReadStorage for SledStorage {
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.log.get(&block_key(key))
    }

    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError> {
        let found = self.log.key_at_or_before(&block_key(key))?;
        Ok(found.map(|key| BlockKey { first_seq: u64_at(&key, 0), block_no: u64_at(&key, 8) }))
    }

    fn page(&self, key: PageKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.pages.get(&page_key(key))
    }

    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.records.get(name.as_bytes())
    }

    fn record_names(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let keys = self.records.keys(prefix)?;
        Ok(keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect())
    }

    fn disk_bytes(&self) -> Result<u64, StorageError> {
        guarded("measuring", || self.db.size_on_disk())
    }

    fn stray_values(&self) -> Result<u64, StorageError> {
        let blobs = self.dir.join("blobs");
        if blobs.exists() { Ok(list(&blobs)?.len() as u64) } else { Ok(0) }
    }
}

impl Storage for SledStorage {
    fn append(&self, blocks: &[(BlockKey, Vec<u8>)]) -> Result<(), StorageError> {
        self.barrier_before(blocks.iter().map(|(_, value)| value.len()).sum())?;
        let mut changes = Changes::default();
        for (key, value) in blocks {
            self.log.put(&mut changes, &block_key(*key), value);
        }
        self.log.apply(changes)
    }

    fn delete_blocks_before(&self, key: BlockKey) -> Result<(), StorageError> {
        // What is left of a leaf is written anew, so that deleting costs as much as writing.
        while self.log.delete_some_before(&block_key(key))? {
            self.barrier_before(DELETED_AT_ONCE * PAYLOAD_BYTES)?;
        }
        Ok(())
    }

    fn put_pages(&self, pages: &[(PageKey, Vec<u8>)]) -> Result<(), StorageError> {
        for (key, value) in pages {
            self.barrier_before(value.len())?;
            let mut changes = Changes::default();
            self.pages.replace(&mut changes, &page_key(*key), Some(value))?;
            self.pages.apply(changes)?;
        }
        Ok(())
    }

    fn delete_pages(&self, keys: &[PageKey]) -> Result<(), StorageError> {
        for keys in keys.chunks(DELETED_AT_ONCE) {
            self.barrier_before(DELETED_AT_ONCE * PAYLOAD_BYTES)?;
            let mut changes = Changes::default();
            keys.iter().try_for_each(|key| self.pages.replace(&mut changes, &page_key(*key), None))?;
            self.pages.apply(changes)?;
        }
        Ok(())
    }

    fn put_record(&self, name: &str, value: &[u8]) -> Result<(), StorageError> {
        self.barrier_before(value.len())?;
        let mut changes = Changes::default();
        self.records.replace(&mut changes, name.as_bytes(), Some(value))?;
        self.records.apply(changes)
    }

    fn delete_record(&self, name: &str) -> Result<(), StorageError> {
        let mut changes = Changes::default();
        self.records.replace(&mut changes, name.as_bytes(), None)?;
        self.records.apply(changes)
    }

    fn barrier(&self) -> Result<(), StorageError> {
        self.watchdog.watch(|| guarded("flushing", || self.db.flush().map(drop)))?;
        self.file.sync_data().map_err(StorageError::io("fdatasync of sled's file"))?;
        self.unsynced_bytes.store(0, Ordering::Relaxed);
        Ok(())
    }
}

/// The descriptor for barriers; what sled has made and not made durable is so then.
fn barrier_file(dir: &Path) -> Result<File, StorageError> {
    sync_file(&dir.join("conf"))?;
    sync_file(dir)?;
    File::open(dir.join("db")).map_err(StorageError::io("opening sled's file"))
}

fn open_when_let_go(config: &sled::Config) -> sled::Result<Db> {
    let started = Instant::now();
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if is_locked(&error) && started.elapsed() < MAX_WAIT => {
                thread::sleep(WAIT_STEP);
            }
            opened => return opened,
        }
    }
}

/// sled says so in words alone.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

/// Big-endian like all numbers in keys, so that the order of the bytes is that of the numbers.
pub(crate) fn block_key(key: BlockKey) -> Vec<u8> {
    [key.first_seq.to_be_bytes(), key.block_no.to_be_bytes()].concat()
}

pub(crate) fn page_key(key: PageKey) -> Vec<u8> {
    [key.page_no.to_be_bytes().as_slice(), &[key.half as u8]].concat()
}

fn u64_at(key: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(key.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default())
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let listing = || fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>();
    listing().map_err(StorageError::io("listing a directory"))
}

fn sync_file(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(StorageError::io("fsync"))
}
