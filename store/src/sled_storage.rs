//! [`Storage`] on sled 0.34.7, and everything there is to know about it.
//!
//! - **Nothing may spill into `blobs/`**: sled never makes those files durable, and after a power cut they can make the
//!   whole database unopenable. A leaf of up to 17 values is rewritten whole and spills where it is longer than a quarter
//!   of a segment, so a value is cut into parts of [`PART_BYTES`], a 80th of the smallest segment at most.
//! - **sled's flush is no barrier** on Linux: it neither writes the file's metadata nor flushes the drive's cache. So every
//!   barrier ends with an `fdatasync` of our own, on a descriptor of our own, which also hears of errors that sled's
//!   background thread keeps to itself.
//! - **sled forgets late.** It notes every access to a leaf and looks whether its cache is full only when 64 have been noted
//!   in one of 256 shards. With large values it comes to that after gigabytes. [`SledStorage::touch`] makes it look sooner:
//!   reading a log of a gigabyte takes 65 MB instead of 380, at the same speed. Ranges are worse (800 MB), so everything
//!   that is read in bulk is read by key.
//! - **sled panics** on some kinds of damage; nothing of that leaves this file.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sled::{Batch, Db, Tree};

use crate::storage::{BlockKey, PageKey, Storage, StorageError, panic_message};

/// The longest value that sled gets to see.
///
/// Small parts cost time (6 KB take twice as much as 24 KB a byte), large ones memory, because sled holds whole leaves.
const PART_BYTES: usize = 24 << 10;
/// The smallest segment that keeps a leaf of such parts out of `blobs/`.
pub(crate) const MIN_SEGMENT_BYTES: usize = 2 << 20;
/// The largest that sled has.
pub(crate) const MAX_SEGMENT_BYTES: usize = 16 << 20;
/// How often an access is repeated for sled to take notice; see the notes above.
const TOUCHES: usize = 8;
/// How often sled's background thread runs. It is not relied on for durability, but it collects the garbage.
const BACKGROUND_MS: u64 = 500;

/// How sled is to be set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SledOptions {
    /// Fixed when the directory is made.
    pub(crate) segment_bytes: usize,
    pub(crate) cache_bytes: u64,
}

pub(crate) struct SledStorage {
    db: Db,
    log: Tree,
    pages: Tree,
    records: Tree,
    /// For barriers.
    file: File,
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
            let db = config.open()?;
            let (log, pages, records) = (db.open_tree("log")?, db.open_tree("pages")?, db.open_tree("records")?);
            Ok((db, log, pages, records))
        })
        .and_then(|(db, log, pages, records)| {
            // sled makes neither of these durable by itself.
            sync_file(&dir.join("conf"))?;
            sync_file(dir)?;
            let file = File::open(dir.join("db")).map_err(StorageError::io("opening sled's file"))?;
            Ok(Self { db, log, pages, records, file, dir: dir.to_owned() })
        })
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

    /// Makes sled notice that its cache may be full; see the notes above.
    fn touch(tree: &Tree, key: &[u8]) -> sled::Result<()> {
        (0..TOUCHES).try_for_each(|_| tree.contains_key(key).map(drop))
    }

    /// Adds a value to a batch, in parts: the number of parts and the first of them, then the others.
    fn put(batch: &mut Batch, keys: &mut Vec<Vec<u8>>, key: &[u8], value: &[u8]) {
        let first_bytes = value.len().min(PART_BYTES - size_of::<u32>());
        let (first, rest) = value.split_at(first_bytes);
        // A value is at most a gigabyte and so at most some ten thousand parts.
        let count = u32::try_from(1 + rest.len().div_ceil(PART_BYTES)).unwrap_or(u32::MAX);
        let first = [&count.to_le_bytes(), first].concat();
        for (part_no, part) in (0..).zip(std::iter::once(first.as_slice()).chain(rest.chunks(PART_BYTES))) {
            let key = part_key(key, part_no);
            batch.insert(key.as_slice(), part);
            keys.push(key);
        }
    }

    fn apply(tree: &Tree, batch: Batch, keys: &[Vec<u8>]) -> Result<(), StorageError> {
        guarded("writing", || {
            tree.apply_batch(batch)?;
            keys.iter().try_for_each(|key| Self::touch(tree, key))
        })
    }

    fn get(tree: &Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let read = |part_no| {
            let key = part_key(key, part_no);
            guarded("reading", || {
                let part = tree.get(&key)?;
                if part.is_some() {
                    Self::touch(tree, &key)?;
                }
                Ok(part)
            })
        };
        let Some(first) = read(0)? else { return Ok(None) };
        let Some((count, first)) = first.split_first_chunk() else {
            return Err(StorageError::Parts { expected: 1, found: 0 });
        };
        let count = u32::from_le_bytes(*count);
        let mut value = first.to_vec();
        for part_no in 1..count {
            let part = read(part_no)?.ok_or(StorageError::Parts { expected: count, found: part_no })?;
            value.extend_from_slice(&part);
        }
        Ok(Some(value))
    }

    /// How many parts a value has now.
    fn part_count(tree: &Tree, key: &[u8]) -> Result<u32, StorageError> {
        let first = guarded("reading", || tree.get(part_key(key, 0)))?;
        Ok(first.and_then(|first| first.first_chunk().copied()).map_or(0, u32::from_le_bytes))
    }

    /// Replaces a value, or deletes it. Parts that the new value does not have are removed.
    fn replace(
        tree: &Tree,
        batch: &mut Batch,
        keys: &mut Vec<Vec<u8>>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        let before = Self::part_count(tree, key)?;
        let kept = keys.len();
        if let Some(value) = value {
            Self::put(batch, keys, key, value);
        }
        let now = u32::try_from(keys.len() - kept).unwrap_or(u32::MAX);
        for part_no in now..before {
            batch.remove(part_key(key, part_no));
        }
        Ok(())
    }
}

impl Storage for SledStorage {
    fn append(&self, blocks: &[(BlockKey, Vec<u8>)]) -> Result<(), StorageError> {
        let (mut batch, mut keys) = (Batch::default(), Vec::new());
        for (key, value) in blocks {
            Self::put(&mut batch, &mut keys, &block_key(*key), value);
        }
        Self::apply(&self.log, batch, &keys)
    }

    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError> {
        Self::get(&self.log, &block_key(key))
    }

    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError> {
        let last_part = part_key(&block_key(key), u32::MAX);
        let found = guarded("looking for a block", || self.log.range(..=last_part).next_back().transpose())?;
        Ok(found.map(|(key, _)| BlockKey { first_seq: u64_at(&key, 0), block_no: u64_at(&key, 8) }))
    }

    fn put_pages(&self, pages: &[(PageKey, Vec<u8>)]) -> Result<(), StorageError> {
        let (mut batch, mut keys) = (Batch::default(), Vec::new());
        for (key, value) in pages {
            Self::replace(&self.pages, &mut batch, &mut keys, &page_key(*key), Some(value))?;
        }
        Self::apply(&self.pages, batch, &keys)
    }

    fn page(&self, key: PageKey) -> Result<Option<Vec<u8>>, StorageError> {
        Self::get(&self.pages, &page_key(key))
    }

    fn put_record(&self, name: &str, value: &[u8]) -> Result<(), StorageError> {
        let (mut batch, mut keys) = (Batch::default(), Vec::new());
        Self::replace(&self.records, &mut batch, &mut keys, name.as_bytes(), Some(value))?;
        Self::apply(&self.records, batch, &keys)
    }

    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Self::get(&self.records, name.as_bytes())
    }

    fn record_names(&self, beginning: &str) -> Result<Vec<String>, StorageError> {
        guarded("listing records", || {
            let mut names = Vec::new();
            for key in self.records.scan_prefix(beginning).keys() {
                let key = key?;
                let name = key.split_last_chunk::<4>().filter(|(_, part_no)| **part_no == [0; 4]);
                names.extend(name.map(|(name, _)| String::from_utf8_lossy(name).into_owned()));
            }
            Ok(names)
        })
    }

    fn delete_record(&self, name: &str) -> Result<(), StorageError> {
        let (mut batch, mut keys) = (Batch::default(), Vec::new());
        Self::replace(&self.records, &mut batch, &mut keys, name.as_bytes(), None)?;
        Self::apply(&self.records, batch, &keys)
    }

    fn barrier(&self) -> Result<(), StorageError> {
        guarded("flushing", || self.db.flush().map(drop))?;
        self.file.sync_data().map_err(StorageError::io("fdatasync of sled's file"))
    }

    fn disk_bytes(&self) -> Result<u64, StorageError> {
        guarded("measuring", || self.db.size_on_disk())
    }

    fn stray_values(&self) -> Result<u64, StorageError> {
        let blobs = self.dir.join("blobs");
        if blobs.exists() { Ok(list(&blobs)?.len() as u64) } else { Ok(0) }
    }
}

/// Runs something of sled's, and makes an error of a panic.
fn guarded<T>(doing: &'static str, run: impl FnOnce() -> sled::Result<T>) -> Result<T, StorageError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done.map_err(|source| StorageError::Sled { doing, source }),
        Err(payload) => Err(StorageError::Panicked { message: panic_message(payload.as_ref()) }),
    }
}

fn block_key(key: BlockKey) -> Vec<u8> {
    [key.first_seq.to_be_bytes(), key.block_no.to_be_bytes()].concat()
}

fn page_key(key: PageKey) -> Vec<u8> {
    [key.page_no.to_be_bytes().as_slice(), &[u8::from(key.place)]].concat()
}

/// Big-endian like all numbers in keys, so that the order of the bytes is that of the numbers.
fn part_key(key: &[u8], part_no: u32) -> Vec<u8> {
    [key, &part_no.to_be_bytes()].concat()
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
