//! The proof in the files beside the storage.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::search::Search;
use super::{EraseError, io_failed};
use crate::care::beside::{each_file, each_line, is_gone};

/// Files with these first bytes are compressed, or have compressed parts. The first one is that of convofold's own frames.
const COMPRESSED: [&[u8]; 7] =
    [b"cfBK", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"\xfd7zXZ\0", b"BZh", b"7z\xbc\xaf\x27\x1c"];

/// What a host does about its own files before they are searched ([`Erase::beside`](super::Erase::beside)).
#[derive(Clone, Default)]
pub(super) struct Cleaner(Option<Arc<Clean>>);

type Clean = dyn Fn(&Search) -> io::Result<()> + Send + Sync;

impl Cleaner {
    pub(super) fn new(clean: impl Fn(&Search) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(clean)))
    }

    fn clean(&self, search: &Search) -> Result<(), EraseError> {
        let cleaned = self.0.as_ref().map_or(Ok(()), |clean| clean(search));
        Ok(cleaned.map_err(io_failed("cleaning the files beside the storage"))?)
    }
}

impl fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleaner").finish_non_exhaustive()
    }
}

/// Lets the host clean its files, and fails if a file of the directory, except those in these storages, still contains what is
/// searched for, or cannot be searched. What the host removes does not come back, so this is the last step of an erasure, and what
/// cannot be searched is found first.
pub(super) fn expect_nothing(
    dir: &Path,
    storages: &[&Path],
    search: &Search,
    cleaner: &Cleaner,
) -> Result<(), EraseError> {
    each_file(dir, storages, |path| {
        if is_storage(path) {
            return Err(EraseError::Unsearchable { path: path.parent().unwrap_or(path).to_owned() });
        }
        if is_compressed(path).map_err(io_failed("reading a file"))? {
            return Err(EraseError::Unsearchable { path: path.to_owned() });
        }
        Ok(())
    })?;
    cleaner.clean(search)?;
    each_file(dir, storages, |path| {
        each_line(path, search.needles.max_bytes, |line, text| match search.finds(text) {
            true => Err(EraseError::Beside { file: path.to_owned(), line }),
            false => Ok(()),
        })
    })
}

/// Whether this is the file of another storage: sled compresses nothing, but the values in it are compressed.
fn is_storage(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "db") && path.with_file_name("conf").exists()
}

fn is_compressed(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    match File::open(path).and_then(|file| file.take(8).read_to_end(&mut first)) {
        Err(error) if is_gone(Some(&error)) => return Ok(false),
        read => read?,
    };
    Ok(COMPRESSED.iter().any(|magic| first.starts_with(magic)))
}
