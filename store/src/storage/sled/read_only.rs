//! Reads sled's file without sled, which writes whenever it opens a file.
//!
//! It shows what sled would show after opening the file, without the changes that sled would make: no snapshot is
//! written, and nothing behind the end of the log is erased. So it works on a read-only file system and without write
//! permission. Only the page table and recently used nodes are in memory.
//!
//! The caller holds a shared lock, so that nobody writes.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::file::{Message, read_at};
use super::node::{Entries, Node, decode_roots};
use super::page_table::{PageTable, Place};
use super::tree::{fragment_key, key_of_fragment, keys_of_first_fragments, names, value_of};
use super::{block_key, block_key_of, part_key, stray_values};
use crate::format::key::{BlockKey, PartKey};
use crate::storage::files::open_for_parts;
use crate::storage::fragment::Tree;
use crate::storage::{Entry, ReadStorage, StorageError};

/// The page with the root nodes of all trees.
const META_PAGE: u64 = 0;
/// More nodes between a root and a leaf mean that the nodes refer to each other in a circle.
const MAX_STEPS: usize = 10_000;

/// The storage of a database that is opened read-only.
pub(crate) struct ReadOnlySled {
    dir: PathBuf,
    table: PageTable,
    /// The root nodes of the log, the pages and the records, if they exist.
    roots: HashMap<Tree, u64>,
    reader: Mutex<NodeReader>,
}

impl ReadOnlySled {
    /// Opens the file in this folder. A file that does not exist yet is empty.
    pub(crate) fn open(dir: &Path, segment_bytes: usize, cache_bytes: u64) -> Result<Self, StorageError> {
        let (mut reader, table) = match open_for_parts(&dir.join("db")) {
            Ok(file) => {
                let table = PageTable::read(dir, &file, segment_bytes).map_err(reading)?;
                (NodeReader::new(Some(file), segment_bytes, cache_bytes), table)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (NodeReader::new(None, segment_bytes, cache_bytes), PageTable::default())
            }
            Err(error) => return Err(reading(error)),
        };
        let mut roots = HashMap::new();
        if let Some(meta) = table.page(META_PAGE) {
            let found = decode_roots(&reader.message(META_PAGE, meta.base)?).ok_or_else(|| unreadable(meta.base))?;
            for (name, tree) in [("log", Tree::Log), ("pages", Tree::Pages), ("records", Tree::Records)] {
                roots.extend(found.iter().find(|(found, _)| found == name.as_bytes()).map(|(_, root)| (tree, *root)));
            }
        }
        Ok(Self { dir: dir.to_owned(), table, roots, reader: Mutex::new(reader) })
    }

    fn node(&self, number: u64) -> Result<Arc<Node>, StorageError> {
        self.reader.lock().node(&self.table, number)
    }

    /// The leaf in which this key belongs. `is_before` means the leaf with the keys directly before it.
    fn leaf(&self, tree: Tree, key: &[u8], is_before: bool) -> Result<Option<Arc<Node>>, StorageError> {
        let Some(mut number) = self.roots.get(&tree).copied() else { return Ok(None) };
        for _ in 0..MAX_STEPS {
            let node = self.node(number)?;
            let is_right_of_it = if is_before { key > node.high.as_slice() } else { key >= node.high.as_slice() };
            number = match &node.entries {
                _ if !node.high.is_empty() && is_right_of_it => node.next.ok_or(StorageError::BrokenTree)?,
                Entries::Leaf(_) => return Ok(Some(node)),
                Entries::Index(children) => {
                    let is_left = |(low, _): &(Vec<u8>, u64)| {
                        if is_before { low.as_slice() < key } else { low.as_slice() <= key }
                    };
                    let after = children.partition_point(is_left);
                    let child = after.checked_sub(1).and_then(|at| children.get(at));
                    child.ok_or(StorageError::BrokenTree)?.1
                }
            };
        }
        Err(StorageError::BrokenTree)
    }

    fn get(&self, tree: Tree, stored_key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let leaf = self.leaf(tree, stored_key, false)?;
        let entries = leaf.as_deref().map(entries_of).unwrap_or_default();
        let found = entries.binary_search_by(|(key, _)| key.as_slice().cmp(stored_key)).ok();
        Ok(found.and_then(|at| entries.get(at)).map(|(_, value)| value.clone()))
    }

    fn value(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        value_of(tree, key, |stored_key| self.get(tree, stored_key))
    }

    /// The largest stored key that is not greater than this one.
    fn last_at_or_before(&self, tree: Tree, stored_key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let mut leaf = self.leaf(tree, stored_key, false)?;
        while let Some(node) = leaf {
            let entries = entries_of(&node);
            let after = entries.partition_point(|(key, _)| key.as_slice() <= stored_key);
            if let Some((key, _)) = after.checked_sub(1).and_then(|at| entries.get(at)) {
                return Ok(Some(key.clone()));
            }
            if node.low.is_empty() {
                return Ok(None);
            }
            // Deletions can leave any number of empty leaves.
            leaf = self.leaf(tree, &node.low, true)?;
            if leaf.as_ref().is_some_and(|left| left.low >= node.low) {
                return Err(StorageError::BrokenTree);
            }
        }
        Ok(None)
    }

    /// All stored keys with this prefix, in order.
    fn stored_keys(&self, tree: Tree, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StorageError> {
        let mut found = Vec::new();
        let mut leaf = self.leaf(tree, prefix, false)?;
        while let Some(node) = leaf {
            let keys = entries_of(&node).iter().map(|(key, _)| key).skip_while(|key| key.as_slice() < prefix);
            found.extend(keys.take_while(|key| key.starts_with(prefix)).cloned());
            let is_last = node.high.is_empty() || (!node.high.starts_with(prefix) && node.high.as_slice() > prefix);
            leaf = if is_last { None } else { self.right_of(&node)? };
        }
        Ok(found)
    }

    /// The next leaf.
    fn right_of(&self, node: &Node) -> Result<Option<Arc<Node>>, StorageError> {
        let right = node.next.map(|next| self.node(next)).transpose()?;
        let is_circle = right.as_ref().is_some_and(|right| right.low <= node.low);
        if is_circle { Err(StorageError::BrokenTree) } else { Ok(right) }
    }
}

impl ReadStorage for ReadOnlySled {
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.value(Tree::Log, &block_key(key))
    }

    fn key_at_or_before(&self, key: BlockKey) -> Result<Option<BlockKey>, StorageError> {
        let found = self.last_at_or_before(Tree::Log, &fragment_key(&block_key(key), u32::MAX))?;
        Ok(found.and_then(|stored_key| key_of_fragment(&stored_key).map(block_key_of)))
    }

    fn page(&self, key: PartKey) -> Result<Option<Vec<u8>>, StorageError> {
        self.value(Tree::Pages, &part_key(key))
    }

    fn record(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.value(Tree::Records, name.as_bytes())
    }

    fn entries_after(&self, tree: Tree, key: &[u8], max_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        let after = if key.is_empty() { Vec::new() } else { fragment_key(key, u32::MAX) };
        let (mut found, mut bytes) = (Vec::new(), 0);
        let mut leaf = self.leaf(tree, &after, false)?;
        while let Some(node) = leaf {
            let keys =
                entries_of(&node).iter().map(|(key, _)| key.as_slice()).skip_while(|key| *key <= after.as_slice());
            for key in keys_of_first_fragments(keys) {
                if bytes >= max_bytes {
                    return Ok(found);
                }
                let value = self.value(tree, &key)?.unwrap_or_default();
                bytes += value.len();
                found.push((key, value));
            }
            leaf = self.right_of(&node)?;
        }
        Ok(found)
    }

    fn record_names(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let keys = self.stored_keys(Tree::Records, prefix.as_bytes())?;
        Ok(names(keys_of_first_fragments(keys.iter().map(Vec::as_slice))))
    }

    fn disk_bytes(&self) -> Result<u64, StorageError> {
        match fs::metadata(self.dir.join("db")) {
            Ok(file) => Ok(file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(reading(error)),
        }
    }

    fn stray_values(&self) -> Result<u64, StorageError> {
        stray_values(&self.dir)
    }
}

fn entries_of(leaf: &Node) -> &[(Vec<u8>, Vec<u8>)] {
    match &leaf.entries {
        Entries::Leaf(entries) => entries,
        Entries::Index(_) => &[],
    }
}

/// Reads nodes, and keeps those that were read last.
struct NodeReader {
    file: Option<File>,
    segment_bytes: usize,
    nodes: HashMap<u64, Arc<Node>>,
    /// The numbers of `nodes` in the order of reading.
    order: VecDeque<u64>,
    bytes: u64,
    max_bytes: u64,
}

impl NodeReader {
    fn new(file: Option<File>, segment_bytes: usize, max_bytes: u64) -> Self {
        Self { file, segment_bytes, nodes: HashMap::new(), order: VecDeque::new(), bytes: 0, max_bytes }
    }

    fn node(&mut self, table: &PageTable, number: u64) -> Result<Arc<Node>, StorageError> {
        if let Some(node) = self.nodes.get(&number) {
            return Ok(node.clone());
        }
        let page = table.page(number).ok_or(StorageError::BrokenTree)?;
        let mut node = Node::decode(&self.message(number, page.base)?).ok_or_else(|| unreadable(page.base))?;
        for link in &page.links {
            node.apply(&self.message(number, *link)?).ok_or_else(|| unreadable(*link))?;
        }
        let node = Arc::new(node);
        self.bytes += node.bytes() as u64;
        self.nodes.insert(number, node.clone());
        self.order.push_back(number);
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.order.pop_front()
        {
            let gone = self.nodes.remove(&oldest);
            self.bytes -= gone.map_or(0, |node| node.bytes() as u64);
        }
        Ok(node)
    }

    /// The contents of a message of this page.
    fn message(&mut self, page: u64, place: Place) -> Result<Vec<u8>, StorageError> {
        let Some(file) = &self.file else { return Err(unreadable(place)) };
        let segment_bytes = self.segment_bytes as u64;
        let mut bytes = Vec::new();
        read_at(file, place.at, Message::MAX_HEADER_BYTES, &mut bytes).map_err(reading)?;
        let length = Message::stated_bytes(&bytes).filter(|bytes| *bytes <= self.segment_bytes);
        let length = length.ok_or_else(|| unreadable(place))?;
        read_at(file, place.at, length, &mut bytes).map_err(reading)?;
        let message = Message::at(&bytes, 0, place.lsn / segment_bytes).filter(|message| message.page == page);
        let message = message.filter(Message::is_inline).ok_or_else(|| unreadable(place))?;
        Ok(message.body.to_vec())
    }
}

fn unreadable(place: Place) -> StorageError {
    StorageError::Unreadable { at_byte: place.at }
}

fn reading(error: io::Error) -> StorageError {
    StorageError::io("reading sled's file")(error)
}
