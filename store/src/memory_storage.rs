//! A [`Storage`] in memory that fails when told to and forgets what no barrier has passed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::storage::{BlockKey, PageKey, Storage, StorageError};

#[derive(Default)]
pub(crate) struct MemoryStorage {
    now: Mutex<Contents>,
    durable: Mutex<Contents>,
    /// Fail the nth call from now on, and all after it; 0 is never.
    pub(crate) fail_append: Countdown,
    pub(crate) fail_barrier: Countdown,
    pub(crate) fail_pages: Countdown,
    pub(crate) fail_reads: Countdown,
    pub(crate) fail_delete: Countdown,
    pub(crate) barriers: AtomicU64,
    pub(crate) appends: AtomicU64,
}

#[derive(Clone, Default)]
pub(crate) struct Contents {
    pub(crate) log: BTreeMap<BlockKey, Vec<u8>>,
    pub(crate) pages: BTreeMap<PageKey, Vec<u8>>,
    pub(crate) records: BTreeMap<String, Vec<u8>>,
}

#[derive(Default)]
pub(crate) struct Countdown(AtomicU64);

impl Countdown {
    pub(crate) fn set(&self, calls: u64) {
        self.0.store(calls, Ordering::SeqCst);
    }

    fn call(&self) -> Result<(), StorageError> {
        match self.0.load(Ordering::SeqCst) {
            0 => Ok(()),
            1 => Err(StorageError::MadeToFail),
            left => {
                self.set(left - 1);
                Ok(())
            }
        }
    }
}

impl MemoryStorage {
    /// What is left after a power cut.
    pub(crate) fn after_power_cut(&self) -> Arc<Self> {
        Self::with(self.durable.lock().clone())
    }

    pub(crate) fn with(contents: Contents) -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(contents.clone()), durable: Mutex::new(contents), ..Self::default() })
    }

    pub(crate) fn contents(&self) -> Contents {
        self.now.lock().clone()
    }

    /// Does to the contents what only damage does.
    pub(crate) fn damage(&self, how: impl FnOnce(&mut Contents)) {
        how(&mut self.now.lock());
    }
}

impl Storage for MemoryStorage {
    fn append(&self, blocks: &[(BlockKey, Vec<u8>)]) -> Result<(), StorageError> {
        self.fail_append.call()?;
        self.appends.fetch_add(1, Ordering::SeqCst);
        self.now.lock().log.extend(blocks.iter().cloned());
        Ok(())
    }

    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.fail_reads.call()?;
        Ok(self.now.lock().log.get(&key).cloned())
    }

    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError> {
        self.fail_reads.call()?;
        Ok(self.now.lock().log.range(..=key).next_back().map(|(key, _)| *key))
    }

    fn delete_blocks_before(&self, key: BlockKey) -> Result<(), StorageError> {
        self.fail_delete.call()?;
        self.now.lock().log.retain(|kept, _| *kept >= key);
        Ok(())
    }

    fn put_pages(&self, pages: &[(PageKey, Vec<u8>)]) -> Result<(), StorageError> {
        self.fail_pages.call()?;
        self.now.lock().pages.extend(pages.iter().cloned());
        Ok(())
    }

    fn page(&self, key: PageKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.fail_reads.call()?;
        Ok(self.now.lock().pages.get(&key).cloned())
    }

    fn put_record(&self, name: &str, value: &[u8]) -> Result<(), StorageError> {
        self.now.lock().records.insert(name.to_owned(), value.to_vec());
        Ok(())
    }

    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.fail_reads.call()?;
        Ok(self.now.lock().records.get(name).cloned())
    }

    fn record_names(&self, beginning: &str) -> Result<Vec<String>, StorageError> {
        Ok(self.now.lock().records.keys().filter(|name| name.starts_with(beginning)).cloned().collect())
    }

    fn delete_record(&self, name: &str) -> Result<(), StorageError> {
        self.now.lock().records.remove(name);
        Ok(())
    }

    fn barrier(&self) -> Result<(), StorageError> {
        self.fail_barrier.call()?;
        self.barriers.fetch_add(1, Ordering::SeqCst);
        *self.durable.lock() = self.now.lock().clone();
        Ok(())
    }

    fn disk_bytes(&self) -> Result<u64, StorageError> {
        Ok(self.now.lock().log.values().map(|value| value.len() as u64).sum())
    }

    fn stray_values(&self) -> Result<u64, StorageError> {
        Ok(0)
    }
}
