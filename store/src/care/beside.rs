//! The files in the directory of a database that are not its own: of the server, of the operator.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use crate::open::directory::{FORMAT, LOCK};
use crate::storage::StorageError;
use crate::storage::end_mark::HEAD;

/// A longer line is read in parts.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Calls `take` with every file of the directory, except those in these storages and convofold's own, which name nobody.
/// Symbolic links are followed.
pub(super) fn each_file<E: From<StorageError>>(
    dir: &Path,
    storages: &[&Path],
    mut take: impl FnMut(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let storages: Vec<_> = storages.iter().filter_map(|storage| storage.file_name()?.to_str()).collect();
    // The storage, its mark, and the copies of it that an opening makes.
    let is_of = |name: &str, storage: &str| {
        name.strip_prefix(storage).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_ours = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 1
            && ([FORMAT, HEAD, LOCK].contains(&&*name) || storages.iter().any(|storage| is_of(&name, storage)))
    };
    let walk = WalkDir::new(dir).follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| !is_ours(entry)) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => take(entry.path())?,
            Ok(_) => {}
            // Removed meanwhile, or a link to nothing.
            Err(error) if is_gone(error.io_error()) => {}
            Err(error) => return Err(StorageError::io("listing the directory")(error.into()).into()),
        }
    }
    Ok(())
}

/// Calls `take` with every line of a file and its number. A line that is too long for the memory is passed in parts, which
/// overlap by this many bytes.
pub(super) fn each_line<E: From<StorageError>>(
    path: &Path,
    overlap_bytes: usize,
    mut take: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let read = |error| E::from(StorageError::io("reading a file")(error));
    let file = match File::open(path) {
        Err(error) if is_gone(Some(&error)) => return Ok(()),
        file => file.map_err(read)?,
    };
    let (mut file, mut text, mut line) = (BufReader::new(file), Vec::new(), 1);
    loop {
        let found = file.by_ref().take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut text).map_err(read)?;
        if found == 0 {
            return Ok(());
        }
        take(line, &text)?;
        if text.ends_with(b"\n") {
            text.clear();
            line += 1;
        } else {
            text.drain(..text.len().saturating_sub(overlap_bytes));
        }
    }
}

pub(super) fn is_gone(error: Option<&io::Error>) -> bool {
    error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}
