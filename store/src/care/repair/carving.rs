//! Finds fragments in sled's file without sled: every fragment names the value to which it belongs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::format::frame::u64_at;
use crate::format::key::{BlockKey, PageHalf, PageKey};
use crate::storage::fragment::{Fragment, Tree};

/// Size of the window that is searched at once.
const WINDOW_BYTES: usize = 8 << 20;
/// Maximum number of combinations that are tried for a value with several versions of a fragment.
const MAX_WAYS: usize = 256;

/// The fragments found, by value.
#[derive(Debug, Default)]
pub(super) struct Carved {
    values: BTreeMap<(Tree, Vec<u8>), Vec<Piece>>,
    file: Option<File>,
}

/// A found fragment.
#[derive(Clone, Copy, Debug)]
struct Piece {
    fragment_no: u32,
    fragments: u32,
    content: u64,
    /// Offset of the payload in the file.
    at: u64,
    payload_bytes: usize,
}

impl Carved {
    /// Searches the whole file. `tell` is called with the number of bytes searched and the size of the file.
    pub(super) fn from_file(path: &Path, tell: &mut dyn FnMut(u64, u64)) -> io::Result<Self> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let whole = file.metadata()?.len();
        let mut carved = Self::default();
        // A fragment can extend into the next window, so windows overlap by the maximum size of a fragment.
        let mut window = Vec::new();
        let mut base = 0;
        loop {
            (&mut file).take((WINDOW_BYTES - window.len()) as u64).read_to_end(&mut window)?;
            let is_last = window.len() < WINDOW_BYTES;
            for (at, fragment) in Fragment::find_all(&window) {
                carved.keep(base, at, &fragment);
            }
            tell((base + window.len() as u64).min(whole), whole);
            if is_last {
                carved.file = Some(file);
                return Ok(carved);
            }
            let done = WINDOW_BYTES - Fragment::MAX_BYTES;
            window.drain(..done);
            base += done as u64;
        }
    }

    fn keep(&mut self, base: u64, at: usize, fragment: &Fragment<'_>) {
        let content = xxh3_64(fragment.payload);
        let pieces = self.values.entry((fragment.tree, fragment.key.to_vec())).or_default();
        let same = |piece: &Piece| {
            (piece.fragment_no, piece.fragments, piece.content) == (fragment.fragment_no, fragment.fragments, content)
        };
        if pieces.iter().any(same) {
            return;
        }
        let at = base + (at + fragment.header_bytes()) as u64;
        let (fragment_no, fragments, payload_bytes) =
            (fragment.fragment_no, fragment.fragments, fragment.payload.len());
        pieces.push(Piece { fragment_no, fragments, content, at, payload_bytes });
    }

    /// The keys of all blocks found, in order.
    pub(super) fn blocks(&self) -> Vec<BlockKey> {
        let keys = self.keys(Tree::Log).filter(|key| key.len() == 16);
        keys.map(|key| BlockKey { first_seq: be_u64(key, 0), block_no: be_u64(key, 8) }).collect()
    }

    /// The keys of all pages whose first part was found, in order.
    pub(super) fn pages(&self) -> Vec<PageKey> {
        let page = |key: &Vec<u8>| match *key.as_slice() {
            [a, b, c, d, half, 0, 0, 0, 0] => {
                Some(PageKey { page_no: u32::from_be_bytes([a, b, c, d]), half: PageHalf::from_u8(half)? })
            }
            _ => None,
        };
        self.keys(Tree::Pages).filter_map(page).collect()
    }

    /// The names of all records found, in order.
    pub(super) fn records(&self) -> Vec<String> {
        self.keys(Tree::Records).map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }

    fn keys(&self, tree: Tree) -> impl Iterator<Item = &Vec<u8>> {
        self.values.keys().filter(move |(found, _)| *found == tree).map(|(_, key)| key)
    }

    /// Calls `accept` with the value in every combination of its fragments and returns the results. Only one combination
    /// is held in memory at a time.
    pub(super) fn find<T>(
        &mut self,
        tree: Tree,
        key: &[u8],
        mut accept: impl FnMut(&[u8]) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        let pieces = self.values.get(&(tree, key.to_vec())).cloned().unwrap_or_default();
        let (mut value, mut found) = (Vec::new(), Vec::new());
        for way in ways(&pieces) {
            value.clear();
            for piece in way {
                self.read(&piece, &mut value)?;
            }
            found.extend(accept(&value));
        }
        Ok(found)
    }

    fn read(&mut self, piece: &Piece, into: &mut Vec<u8>) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(piece.at))?;
        file.take(piece.payload_bytes as u64).read_to_end(into).map(drop)
    }
}

/// The versions of a value: one piece for each fragment. If there are several versions of each fragment, those found in the
/// same turn probably belong together and come first.
fn ways(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let mut by_length: BTreeMap<u32, BTreeMap<u32, Vec<Piece>>> = BTreeMap::new();
    for piece in pieces {
        by_length.entry(piece.fragments).or_default().entry(piece.fragment_no).or_default().push(*piece);
    }
    let mut ways = Vec::new();
    for (fragments, by_part) in by_length {
        if by_part.len() as u64 != u64::from(fragments) || by_part.keys().any(|fragment_no| *fragment_no >= fragments) {
            continue;
        }
        let versions: Vec<Vec<Piece>> = by_part.into_values().collect();
        let turns = versions.iter().map(Vec::len).min().unwrap_or_default();
        let same_turn =
            (0..turns).map(|turn| versions.iter().filter_map(|of_part| of_part.get(turn).copied()).collect());
        ways.extend(same_turn);
        if versions.iter().any(|of_part| of_part.len() > 1) && versions.len() > 1 {
            ways.extend(product(&versions));
        }
    }
    ways.truncate(MAX_WAYS);
    ways
}

fn product(versions: &[Vec<Piece>]) -> Vec<Vec<Piece>> {
    versions.iter().fold(vec![Vec::new()], |ways, of_part| {
        let longer = ways.iter().flat_map(|way| of_part.iter().map(|piece| [way.as_slice(), &[*piece]].concat()));
        longer.take(MAX_WAYS).collect()
    })
}

fn be_u64(key: &[u8], at: usize) -> u64 {
    u64_at(key, at).swap_bytes()
}
