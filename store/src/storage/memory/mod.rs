//! A [`Storage`] in memory that fails on request and loses what was written since the last barrier.
//!
//! In tests it replaces `sled_storage`: the same calls have the same results, and the same seed gives the same faults.

mod contents;
mod faults;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use self::contents::Change;
pub(crate) use self::contents::Contents;
pub(crate) use self::faults::{Call, Dice, Fault};
use self::faults::{Countdown, Room};
use crate::damage::Damage;
use crate::format::key::{BlockKey, PageKey, PartKey};
use crate::storage::fragment::Tree;
use crate::storage::sled::{block_key_of, part_key_of};
use crate::storage::{Entry, ReadStorage, Storage, StorageError};

#[derive(Default)]
pub(crate) struct MemoryStorage {
    disk: Mutex<Disk>,
    /// Counts all calls except those that only measure sizes.
    pub(crate) fail_any: Arc<Countdown>,
    pub(crate) fail_append: Countdown,
    pub(crate) fail_barrier: Countdown,
    pub(crate) fail_pages: Countdown,
    pub(crate) fail_delete: Countdown,
    pub(crate) fail_reads: Countdown,
    pub(crate) room: Room,
    /// The names of records whose fragments are damaged.
    pub(crate) damaged_records: Mutex<BTreeSet<String>>,
    failed: Mutex<Vec<Call>>,
    /// The storage that was created last, which shares `fail_any`.
    created: Mutex<Option<Arc<Self>>>,
    pub(crate) barriers: AtomicU64,
    pub(crate) appends: AtomicU64,
    /// Called once, before the next block or the next entries are read.
    pub(crate) before_block: Hook,
    /// Called once, by the writer, before the next barrier.
    pub(crate) before_barrier: Hook,
    /// Called once, before the next record is read.
    pub(crate) before_record: Hook,
}

/// Something else that happens between two operations.
#[derive(Default)]
pub(crate) struct Hook(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Hook {
    pub(crate) fn set(&self, hook: impl FnOnce() + Send + 'static) {
        *self.0.lock() = Some(Box::new(hook));
    }

    pub(crate) fn call(&self) {
        let hook = self.0.lock().take();
        if let Some(hook) = hook {
            hook();
        }
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Disk {
    now: Contents,
    durable: Contents,
    /// The changes between `durable` and `now`.
    since_barrier: Vec<Change>,
}

impl MemoryStorage {
    pub(crate) fn with(contents: Contents) -> Arc<Self> {
        let disk = Disk { now: contents.clone(), durable: contents, since_barrier: Vec::new() };
        Arc::new(Self { disk: Mutex::new(disk), ..Self::default() })
    }

    /// The storage that was created last.
    pub(crate) fn created(&self) -> Option<Arc<Self>> {
        self.created.lock().clone()
    }

    /// What remains after the process is killed.
    pub(crate) fn contents(&self) -> Contents {
        self.disk.lock().now.clone()
    }

    /// What remains after a power cut that loses everything since the last barrier.
    pub(crate) fn after_power_cut(&self) -> Arc<Self> {
        Self::with(self.disk.lock().durable.clone())
    }

    /// What remains after a power cut that loses some of what was written since the last barrier. sled writes a log, so
    /// a prefix of the changes remains.
    pub(crate) fn after_power_cut_at(&self, seed: u64) -> Arc<Self> {
        let disk = self.disk.lock();
        let kept = Dice::new(seed).below(disk.since_barrier.len() + 1);
        let mut contents = disk.durable.clone();
        disk.since_barrier.iter().take(kept).for_each(|change| contents.make(change.clone()));
        Self::with(contents)
    }

    /// Damages the contents.
    pub(crate) fn damage(&self, how: impl FnOnce(&mut Contents)) {
        how(&mut self.disk.lock().now);
    }

    /// Whether a fault may still be injected.
    pub(crate) fn is_armed(&self) -> bool {
        self.fail_any.is_armed() || self.room.is_limited()
    }

    /// The calls that failed because of an injected fault.
    pub(crate) fn failed(&self) -> Vec<Call> {
        self.failed.lock().clone()
    }

    fn read<T>(&self, read: impl FnOnce(&Contents) -> T) -> Result<T, StorageError> {
        match self.next_fault(Call::Read, &self.fail_reads) {
            Some(fault) => Err(fault.error()),
            None => Ok(read(&self.disk.lock().now)),
        }
    }

    /// Applies changes, unless a fault is due. A faulty call applies none of them, or all of them and still fails.
    fn write(
        &self,
        call: Call,
        countdown: &Countdown,
        bytes: usize,
        changes: impl FnOnce(&Contents) -> Vec<Change>,
    ) -> Result<(), StorageError> {
        let fault = self.next_fault(call, countdown);
        if let Some(fault) = fault.filter(|fault| *fault != Fault::Done) {
            return Err(fault.error());
        }
        self.room.take(bytes).inspect_err(|_| self.failed.lock().push(call))?;
        let mut disk = self.disk.lock();
        for change in changes(&disk.now) {
            disk.since_barrier.push(change.clone());
            disk.now.make(change);
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn expect_fragments(&self, record_name: &str) -> Result<(), StorageError> {
        match self.damaged_records.lock().contains(record_name) {
            true => Err(StorageError::Value(Damage::Fragment { fragment_no: 0 })),
            false => Ok(()),
        }
    }

    fn next_fault(&self, call: Call, countdown: &Countdown) -> Option<Fault> {
        let (any, this) = (self.fail_any.call(), countdown.call());
        let fault = any.or(this);
        fault.inspect(|_| self.failed.lock().push(call))
    }
}

impl ReadStorage for MemoryStorage {
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.before_block.call();
        self.read(|now| now.log.get(&key).cloned())
    }

    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError> {
        self.read(|now| now.log.range(..=key).next_back().map(|(key, _)| *key))
    }

    fn page(&self, key: PartKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(|now| now.pages.get(&key).cloned())
    }

    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.before_record.call();
        self.expect_fragments(name)?;
        self.read(|now| now.records.get(name).cloned())
    }

    fn entries_after(&self, tree: Tree, key: &[u8], max_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        self.before_block.call();
        let found: Vec<Entry> = self.read(|now| {
            let mut bytes = 0;
            let mut entries = now.entries(tree);
            entries.sort();
            let is_wanted = |(_, value): &Entry| {
                let before = bytes;
                bytes += value.len();
                before < max_bytes
            };
            entries.into_iter().filter(|(found, _)| found.as_slice() > key).take_while(is_wanted).collect()
        })?;
        if tree == Tree::Records {
            found.iter().try_for_each(|(name, _)| self.expect_fragments(&String::from_utf8_lossy(name)))?;
        }
        Ok(found)
    }

    fn record_names(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.read(|now| now.records.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }

    fn disk_bytes(&self) -> Result<u64, StorageError> {
        Ok(self.disk.lock().now.log.values().map(|value| value.len() as u64).sum())
    }

    fn stray_values(&self) -> Result<u64, StorageError> {
        Ok(0)
    }
}

impl Storage for MemoryStorage {
    fn append(&self, blocks: &[(BlockKey, Vec<u8>)]) -> Result<(), StorageError> {
        let bytes = blocks.iter().map(|(_, value)| value.len()).sum();
        self.write(Call::Append, &self.fail_append, bytes, |_| vec![Change::Append(blocks.to_vec())])?;
        self.appends.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn delete_blocks_before(&self, key: BlockKey) -> Result<(), StorageError> {
        self.write(Call::DeleteBlocks, &self.fail_delete, 0, |now| {
            now.log.range(..key).map(|(key, _)| Change::DeleteBlock(*key)).collect()
        })
    }

    fn put_pages(&self, pages: &[(PartKey, Vec<u8>)]) -> Result<(), StorageError> {
        let bytes = pages.iter().map(|(_, value)| value.len()).sum();
        self.write(Call::PutPages, &self.fail_pages, bytes, |_| vec![Change::PutPages(pages.to_vec())])
    }

    fn delete_pages(&self, keys: &[PageKey]) -> Result<(), StorageError> {
        self.write(Call::DeletePages, &Countdown::default(), 0, |_| {
            keys.iter().copied().map(Change::DeletePage).collect()
        })
    }

    fn put_record(&self, name: &str, value: &[u8]) -> Result<(), StorageError> {
        let change = Change::PutRecord(name.to_owned(), value.to_vec());
        self.write(Call::PutRecord, &Countdown::default(), value.len(), |_| vec![change])
    }

    fn delete_record(&self, name: &str) -> Result<(), StorageError> {
        let change = Change::DeleteRecord(name.to_owned());
        self.write(Call::DeleteRecord, &Countdown::default(), 0, |_| vec![change])
    }

    fn create(&self, _folder: &Path) -> Result<Arc<dyn Storage>, StorageError> {
        if let Some(fault) = self.next_fault(Call::Create, &Countdown::default()) {
            return Err(fault.error());
        }
        let created = Arc::new(Self { fail_any: self.fail_any.clone(), ..Self::default() });
        *self.created.lock() = Some(created.clone());
        Ok(created)
    }

    fn load(&self, tree: Tree, entries: &[Entry]) -> Result<(), StorageError> {
        let bytes = entries.iter().map(|(_, value)| value.len()).sum();
        let entries = entries.iter().cloned();
        let changes = match tree {
            Tree::Log => vec![Change::Append(entries.map(|(key, value)| (block_key_of(&key), value)).collect())],
            Tree::Pages => vec![Change::PutPages(entries.map(|(key, value)| (part_key_of(&key), value)).collect())],
            Tree::Records => entries
                .map(|(key, value)| Change::PutRecord(String::from_utf8_lossy(&key).into_owned(), value))
                .collect(),
        };
        let never = Countdown::default();
        let countdown = if tree == Tree::Pages { &self.fail_pages } else { &never };
        self.write(Call::Load, countdown, bytes, |_| changes)
    }

    fn barrier(&self) -> Result<(), StorageError> {
        self.before_barrier.call();
        let fault = self.next_fault(Call::Barrier, &self.fail_barrier);
        if fault.is_none_or(|fault| fault == Fault::Done) {
            let mut disk = self.disk.lock();
            disk.durable = disk.now.clone();
            disk.since_barrier.clear();
            self.barriers.fetch_add(1, Ordering::SeqCst);
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(storage: &MemoryStorage, number: u64) -> Result<(), StorageError> {
        let key = |block_no| BlockKey { first_seq: block_no, block_no };
        storage.append(&[(key(2 * number), vec![1; 10]), (key(2 * number + 1), vec![2; 10])])
    }

    #[test]
    fn a_power_cut_keeps_a_beginning_of_what_no_barrier_has_passed() {
        let storage = MemoryStorage::default();
        append(&storage, 0).unwrap();
        storage.barrier().unwrap();
        append(&storage, 1).unwrap();
        storage.put_record("a", b"value").unwrap();
        let left: std::collections::BTreeSet<_> = (0..50)
            .map(|seed| storage.after_power_cut_at(seed).contents())
            .map(|contents| (contents.log.len(), contents.records.len()))
            .collect();
        assert_eq!(left, [(2, 0), (4, 0), (4, 1)].into());
        assert_eq!(storage.after_power_cut().contents().log.len(), 2);
    }

    #[test]
    fn a_call_fails_when_it_was_told_to_with_its_work_done_or_not() {
        let storage = MemoryStorage::default();
        storage.fail_any.arm(2, Fault::Undone, false);
        let outcomes = [0, 1, 2].map(|number| append(&storage, number).is_ok());
        assert_eq!((outcomes, storage.contents().log.len()), ([true, false, true], 4));
        storage.fail_any.arm(1, Fault::Done, true);
        let outcomes = [3, 4].map(|number| append(&storage, number).is_ok());
        assert_eq!((outcomes, storage.contents().log.len()), ([false, false], 8));
        assert_eq!(storage.failed(), [Call::Append; 3]);
    }

    #[test]
    fn what_does_not_fit_is_refused_until_there_is_room() {
        let storage = MemoryStorage::default();
        storage.room.set(Some(30));
        append(&storage, 0).unwrap();
        assert_eq!(append(&storage, 1).unwrap_err().io_kind(), Some(std::io::ErrorKind::StorageFull));
        storage.room.set(None);
        append(&storage, 1).unwrap();
    }

    #[test]
    fn damage_hits_one_value_and_is_the_same_for_a_seed() {
        let storage = MemoryStorage::default();
        append(&storage, 0).unwrap();
        storage.put_record("a", b"value").unwrap();
        let (before, bytes) =
            (storage.contents(), |contents: &Contents| contents.log.values().map(Vec::len).sum::<usize>());
        for seed in 0..50 {
            let [mut flipped, mut again, mut torn] = [before.clone(), before.clone(), before.clone()];
            flipped.flip_a_bit(seed);
            again.flip_a_bit(seed);
            assert!(flipped.log == again.log && flipped.records == again.records, "seed {seed}");
            assert!(flipped.log != before.log || flipped.records != before.records, "seed {seed}");
            torn.tear_a_value(seed);
            assert!(bytes(&torn) < bytes(&before) || torn.records["a"].len() < 5, "seed {seed}");
        }
    }

    #[test]
    fn a_value_without_bytes_is_not_damaged() {
        let storage = MemoryStorage::default();
        storage.put_record("empty", &[]).unwrap();
        storage.put_record("whole", b"value").unwrap();
        for seed in 0..50 {
            let [mut flipped, mut torn] = [storage.contents(), storage.contents()];
            flipped.flip_a_bit(seed);
            torn.tear_a_value(seed);
            assert_ne!(flipped.records["whole"], b"value", "seed {seed}");
            assert_ne!(torn.records["whole"], b"value", "seed {seed}");
        }
        let storage = MemoryStorage::default();
        storage.put_record("empty", &[]).unwrap();
        let mut alone = storage.contents();
        alone.flip_a_bit(0);
        alone.tear_a_value(0);
        assert!(alone.records["empty"].is_empty());
    }
}
