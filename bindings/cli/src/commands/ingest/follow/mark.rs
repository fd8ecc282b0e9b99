//! Where a followed file was left, as a bookmark of the database.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use convofold::ingest::Position;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// The part of a file by which it is recognized, beside its number in the file system, which is used again.
pub(super) const HEAD_BYTES: usize = 1_024;
/// Bookmark names are short; a longer path is replaced by its hash.
const MAX_NAME_BYTES: usize = 240;

/// The name of the bookmark of a path, which is absolute so that it does not depend on the working directory.
pub(super) fn name_of(path: &Path) -> io::Result<String> {
    let path = std::path::absolute(path)?;
    let name = format!("follow:{}", path.display());
    if path.to_str().is_some() && name.len() <= MAX_NAME_BYTES {
        return Ok(name);
    }
    Ok(format!("follow:{:032x}", xxh3_128(path.as_os_str().as_encoded_bytes())))
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    #[serde(flatten)]
    file: FileId,
    head_bytes: usize,
    head_hash: u64,
    line: u64,
    byte_offset: u64,
    element: Option<u64>,
}

/// A file, whatever its name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The time of creation stands for the number of the file.
    #[cfg(not(unix))]
    pub(super) fn of(metadata: &Metadata) -> Self {
        let since_epoch = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
        let created = metadata.created().ok().and_then(since_epoch).unwrap_or_default();
        Self { device: created.as_secs(), inode: created.subsec_nanos().into() }
    }
}

impl Mark {
    /// A place in a file with this beginning.
    pub(super) fn new(file: FileId, head: &[u8], at: Position) -> Self {
        let bytes = usize::try_from(at.byte_offset).map_or(head.len(), |offset| offset.min(head.len()));
        let head = head.get(..bytes).unwrap_or_default();
        let Position { line, byte_offset, element, .. } = at;
        Self { file, head_bytes: bytes, head_hash: xxh3_64(head), line, byte_offset, element }
    }

    /// A bookmark; `None` if it is not one of this version.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }

    /// The value of the bookmark.
    pub(super) fn value(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Where reading continues.
    pub(super) fn position(&self) -> Position {
        Position::new(self.line, self.byte_offset, self.element)
    }

    /// Whether an open file is this one and still has what was read of it.
    pub(super) fn is_in(&self, file: &mut File) -> io::Result<bool> {
        let metadata = file.metadata()?;
        if FileId::of(&metadata) != self.file || metadata.len() < self.byte_offset {
            return Ok(false);
        }
        let head = head_of(file)?;
        Ok(head.get(..self.head_bytes).is_some_and(|head| xxh3_64(head) == self.head_hash))
    }

    /// The file in the folder of `path` that this mark means, under its new name.
    pub(super) fn find_renamed(&self, path: &Path) -> Option<(File, PathBuf)> {
        let absolute = std::path::absolute(path).ok()?;
        let entries = fs::read_dir(absolute.parent()?).ok()?;
        let same = entries.filter_map(Result::ok).filter(|entry| {
            entry.metadata().is_ok_and(|metadata| metadata.is_file() && FileId::of(&metadata) == self.file)
        });
        same.map(|entry| entry.path()).find_map(|path| {
            let mut file = File::open(&path).ok()?;
            self.is_in(&mut file).ok()?.then_some((file, path))
        })
    }
}

/// The beginning of a file. The position in the file stays.
pub(super) fn head_of(file: &mut File) -> io::Result<Vec<u8>> {
    let at = file.stream_position()?;
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    Read::by_ref(file).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(at))?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_means_its_file_under_any_name_while_its_beginning_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "one\ntwo\n").unwrap();
        let file = FileId::of(&path.metadata().unwrap());
        let mark = Mark::new(file, b"one\ntwo\n", Position::new(2, 4, None));
        assert_eq!(Mark::read(&mark.value()), Some(mark.clone()));
        let is_in = |mark: &Mark| mark.is_in(&mut File::open(&path).unwrap()).unwrap();
        assert!(is_in(&mark));
        fs::rename(&path, folder.path().join("log.1")).unwrap();
        assert_eq!(mark.find_renamed(&path).unwrap().1, folder.path().join("log.1"));
        fs::rename(folder.path().join("log.1"), &path).unwrap();
        for other in ["one", "eno\ntwo\n"] {
            // The same file, with other contents.
            fs::write(&path, other).unwrap();
            assert!(!is_in(&mark), "{other}");
        }
    }

    #[test]
    fn a_bookmark_has_the_path_or_its_hash() {
        assert_eq!(name_of(Path::new("/var/log/chat.ndjson")).unwrap(), "follow:/var/log/chat.ndjson");
        let long = name_of(Path::new(&format!("/{}", "x".repeat(300)))).unwrap();
        assert_eq!(long.len(), "follow:".len() + 32);
    }
}
