//! [`Storage`] on sled 0.34.7, and all workarounds for sled.
//!
//! - **Nothing may spill into `blobs/`.** sled never makes those files durable, and after a power cut they can make the
//!   database unopenable. sled rewrites a leaf of up to 17 values as a whole, and spills it if it is longer than a
//!   quarter of a segment. So values are split into [fragments](crate::storage::fragment) of at most 1/80 of the smallest
//!   segment.
//! - **sled's flush is not a barrier** on Linux: it neither writes the file's metadata nor flushes the drive's cache.
//!   So every barrier ends with an `fdatasync` on a separate file descriptor, which also reports errors that sled's
//!   background thread does not report.
//! - **sled reuses segments too early.** After it has moved the contents of a segment to a new segment, it treats its
//!   own flush as durable and overwrites the old segment. A power cut before the next barrier can lose both, including
//!   durable blocks (16 of 24 simulated cuts with 6.4 MB between barriers, 0 of 240 with 1.6 MB or less). So at most
//!   half a segment is written between barriers ([`SledStorage::barrier_before`]), and pages and deletions are written
//!   in pieces. A larger single batch is not split.
//! - **sled evicts late from its cache.** It counts accesses to leaves in 256 shards, and checks the cache size only
//!   after 64 accesses in one shard. With large values this takes gigabytes of reads. `SledTree::touch` triggers the
//!   check earlier: reading a log of 1 GB takes 65 MB instead of 380 MB, at the same speed. Range scans are worse (800
//!   MB), so bulk reads read by key.
//! - **sled takes stock only when it opens its file.** It then reads everything written since the last opening, which is the
//!   whole file after a bulk load. So closing opens the file once more if much was written ([`StockTaking`]).
//! - **sled releases its lock late.** A task of its thread pool may keep the file and its lock open for a moment after
//!   the database was dropped. No other process can take them while this process holds LOCK, so opening waits.
//! - **sled may wait forever.** An error in one of its threads does not wake the threads that wait for it. Any other
//!   flush wakes them, so [`FlushWatchdog`] flushes if a flush takes long.
//! - **sled panics** on some kinds of damage. No panic leaves this module.

pub(crate) mod file;
mod flush_watchdog;
mod node;
mod page_table;
pub(crate) mod read_only;
mod tree;

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sled::Db;

use crate::format::key::{BlockKey, PageKey, PartKey};
use crate::storage::files::{create_dir, make_others_private};
use crate::storage::fragment::{PAYLOAD_BYTES, Tree};
use crate::storage::sled::flush_watchdog::FlushWatchdog;
use crate::storage::sled::tree::{Changes, DELETED_AT_ONCE, SledTree, guarded};
use crate::storage::{Entry, ReadStorage, Storage, StorageError, release};

/// The smallest segment size at which a leaf of such fragments does not spill into `blobs/`.
pub(crate) const MIN_SEGMENT_BYTES: usize = 2 << 20;
/// The largest segment size that sled supports.
pub(crate) const MAX_SEGMENT_BYTES: usize = 16 << 20;
/// Interval of sled's background thread. Durability does not depend on it, but it collects garbage.
const BACKGROUND_MS: u64 = 500;

/// How long opening waits for tasks that an earlier opening in this process left running.
const MAX_WAIT: Duration = Duration::from_secs(10);
const WAIT_STEP: Duration = Duration::from_millis(2);

/// If more was written, closing lets sled take stock. sled reads as much in some tens of milliseconds.
const STOCK_BYTES: u64 = 64 << 20;

/// Settings for sled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SledOptions {
    /// Fixed when the database is created.
    pub(crate) segment_bytes: usize,
    pub(crate) cache_bytes: u64,
}

pub(crate) struct SledStorage {
    db: Db,
    log: SledTree,
    pages: SledTree,
    records: SledTree,
    /// The file descriptor for barriers.
    file: File,
    watchdog: FlushWatchdog,
    /// Bytes written since the last barrier.
    unsynced_bytes: AtomicU64,
    /// The maximum of `unsynced_bytes`.
    max_unsynced_bytes: u64,
    options: SledOptions,
    dir: PathBuf,
    /// Dropped last, after sled has closed its file.
    stock: StockTaking,
}

/// Opens sled's file once more when it is dropped, if asked to: sled then writes a snapshot, from which the next opening
/// starts. Nothing depends on it.
struct StockTaking {
    config: sled::Config,
    dir: PathBuf,
    /// Bytes written since the file was opened.
    written_bytes: AtomicU64,
    is_due: AtomicBool,
}

impl Drop for StockTaking {
    fn drop(&mut self) {
        if !self.is_due.load(Ordering::Relaxed) || self.written_bytes.load(Ordering::Relaxed) < STOCK_BYTES {
            return;
        }
        let _ = names(&self.dir).and_then(|known| {
            let mode_of_file = fs::metadata(self.dir.join("db")).ok().map(|file| file.permissions());
            guarded("opening", || open_when_let_go(&self.config).map(drop))?;
            private_barrier_file(&self.dir, &known, mode_of_file).map(drop)
        });
    }
}

impl SledStorage {
    /// Opens or creates the database in `dir`. The caller holds the lock and has removed unfinished files of a killed
    /// process.
    pub(crate) fn open(dir: &Path, options: SledOptions) -> Result<Self, StorageError> {
        // Data that a killed process wrote without a barrier may exist only in the page cache, and sled reads it as
        // durable. So it is made durable here.
        let file = dir.join("db");
        if file.exists() {
            sync_file(&file)?;
        }
        let mode_of_file = fs::metadata(&file).ok().map(|file| file.permissions());
        create_dir(dir).map_err(StorageError::io("creating the folder of the storage"))?;
        let known = names(dir)?;
        let config = sled::Config::default()
            .path(dir)
            .segment_size(options.segment_bytes)
            .cache_capacity(options.cache_bytes)
            .flush_every_ms(Some(BACKGROUND_MS));
        guarded("opening", || {
            let db = open_when_let_go(&config)?;
            let log = SledTree::new(db.open_tree("log")?, Tree::Log);
            let pages = SledTree::new(db.open_tree("pages")?, Tree::Pages);
            let records = SledTree::new(db.open_tree("records")?, Tree::Records);
            Ok((db, log, pages, records))
        })
        .and_then(|(db, log, pages, records)| match private_barrier_file(dir, &known, mode_of_file) {
            Ok(file) => {
                let watchdog = FlushWatchdog::start(db.clone())?;
                let max_unsynced_bytes = options.segment_bytes as u64 / 2;
                let (dir, unsynced_bytes) = (dir.to_owned(), AtomicU64::new(0));
                let (written_bytes, is_due) = (AtomicU64::new(0), AtomicBool::new(false));
                let stock = StockTaking { config, dir: dir.clone(), written_bytes, is_due };
                Ok(Self {
                    db,
                    log,
                    pages,
                    records,
                    file,
                    watchdog,
                    unsynced_bytes,
                    max_unsynced_bytes,
                    options,
                    dir,
                    stock,
                })
            }
            Err(error) => {
                // sled may panic too if its own fsync fails, but this error is the useful one.
                let _ = release((log, pages, records, db));
                Err(error)
            }
        })
    }

    /// Call this before writing this number of bytes. Runs a barrier if there would otherwise be too many bytes without
    /// one.
    fn barrier_before(&self, bytes: usize) -> Result<(), StorageError> {
        let bytes = bytes as u64;
        let unsynced_bytes = self.unsynced_bytes.load(Ordering::Relaxed);
        if unsynced_bytes > 0 && unsynced_bytes + bytes > self.max_unsynced_bytes {
            self.barrier()?;
        }
        self.unsynced_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.stock.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn tree(&self, tree: Tree) -> &SledTree {
        match tree {
            Tree::Log => &self.log,
            Tree::Pages => &self.pages,
            Tree::Records => &self.records,
        }
    }

    /// Deletes these fragments of pages.
    fn delete_page_fragments(&self, keys: &mut Vec<sled::IVec>) -> Result<(), StorageError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.barrier_before(DELETED_AT_ONCE * PAYLOAD_BYTES)?;
        self.pages.apply(Changes::removals(std::mem::take(keys)))
    }

    /// Removes files that a process was writing when it was killed, and with which sled would fail at every opening:
    /// snapshots, which sled expects to be complete, and a `conf` without data. Nothing depends on these files yet.
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
        Ok(found.as_deref().map(block_key_of))
    }

    fn page(&self, key: PartKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.pages.get(&part_key(key))
    }

    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.records.get(name.as_bytes())
    }

    fn entries_after(&self, tree: Tree, key: &[u8], max_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        self.tree(tree).entries_after(key, max_bytes)
    }

    fn record_names(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.records.names(prefix)
    }

    fn disk_bytes(&self) -> Result<u64, StorageError> {
        guarded("measuring", || self.db.size_on_disk())
    }

    fn stray_values(&self) -> Result<u64, StorageError> {
        stray_values(&self.dir)
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
        // sled rewrites the rest of the leaf, so deleting costs as much as writing.
        while self.log.delete_some_before(&block_key(key))? {
            self.barrier_before(DELETED_AT_ONCE * PAYLOAD_BYTES)?;
        }
        Ok(())
    }

    fn put_pages(&self, parts: &[(PartKey, Vec<u8>)]) -> Result<(), StorageError> {
        for (key, value) in parts {
            self.barrier_before(value.len())?;
            let mut changes = Changes::default();
            self.pages.replace(&mut changes, &part_key(*key), Some(value))?;
            self.pages.apply(changes)?;
        }
        Ok(())
    }

    fn delete_pages(&self, keys: &[PageKey]) -> Result<(), StorageError> {
        let mut fragments = Vec::new();
        for key in keys {
            while self.pages.some_keys_with(&page_key(*key), &mut fragments)? {
                self.delete_page_fragments(&mut fragments)?;
            }
        }
        self.delete_page_fragments(&mut fragments)
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

    fn create(&self, folder: &Path) -> Result<Arc<dyn Storage>, StorageError> {
        Ok(Arc::new(Self::open(folder, self.options)?))
    }

    fn load(&self, tree: Tree, entries: &[Entry]) -> Result<(), StorageError> {
        let tree = self.tree(tree);
        let stored_keys: Vec<_> = tree.fragments(entries).map(|(stored_key, _)| stored_key).collect();
        tree.reserve(stored_keys.iter().map(Vec::as_slice))?;
        for (stored_key, fragment) in tree.fragments(entries) {
            let fragment = fragment.encode();
            self.barrier_before(fragment.len())?;
            tree.set(&stored_key, fragment)?;
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), StorageError> {
        self.watchdog.watch(|| guarded("flushing", || self.db.flush().map(drop)))?;
        self.file.sync_data().map_err(StorageError::io("fdatasync of sled's file"))?;
        self.unsynced_bytes.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn prepare_next_opening(&self) {
        self.stock.is_due.store(true, Ordering::Relaxed);
    }
}

/// Opens the file descriptor for barriers, and makes the files that sled created private and durable. sled leaves their
/// modes to the umask.
fn private_barrier_file(dir: &Path, known: &[OsString], like: Option<Permissions>) -> Result<File, StorageError> {
    make_others_private(dir, known, like).map_err(StorageError::io("setting the modes of sled's files"))?;
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

/// sled reports this only in the message text.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

/// Numbers in keys are big-endian, so that byte order is numeric order.
pub(crate) fn block_key(key: BlockKey) -> Vec<u8> {
    [key.first_seq.to_be_bytes(), key.block_no.to_be_bytes()].concat()
}

pub(crate) fn part_key(key: PartKey) -> Vec<u8> {
    [page_key(key.page).as_slice(), &key.part.to_be_bytes()].concat()
}

/// The beginning of the keys of all parts.
fn page_key(key: PageKey) -> Vec<u8> {
    [key.page_no.to_be_bytes().as_slice(), &[key.half as u8]].concat()
}

fn u64_at(key: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(key.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default())
}

pub(crate) fn block_key_of(key: &[u8]) -> BlockKey {
    BlockKey { first_seq: u64_at(key, 0), block_no: u64_at(key, 8) }
}

/// The inverse of [`part_key`].
#[cfg(test)]
pub(crate) fn part_key_of(key: &[u8]) -> PartKey {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let half = crate::format::key::PageHalf::from_u8(key[4]).unwrap();
    PageKey { page_no: number(&key[..4]), half }.part(number(&key[5..]))
}

fn stray_values(dir: &Path) -> Result<u64, StorageError> {
    let blobs = dir.join("blobs");
    if blobs.exists() { Ok(list(&blobs)?.len() as u64) } else { Ok(0) }
}

fn names(dir: &Path) -> Result<Vec<OsString>, StorageError> {
    Ok(list(dir)?.iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect())
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let listing = || fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>();
    listing().map_err(StorageError::io("listing a directory"))
}

fn sync_file(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(StorageError::io("fsync"))
}
