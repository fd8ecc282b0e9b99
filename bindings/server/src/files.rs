//! Files of the server: readable by their owner only, and replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::SystemTime;

/// Creates the folder for the files, if it does not exist.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file for reading and appending, and creates it if it does not exist.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    convofold::private_file_options().read(true).append(true).create(true).open(path)
}

/// What changes when a file is replaced or written. The time alone does not: two changes can have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: SystemTime,
    inode: u64,
    bytes: u64,
}

impl Stamp {
    /// The stamp of a file; `None` if there is none.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let about = fs::metadata(path).ok()?;
        Some(Self { modified: about.modified().ok()?, inode: about.ino(), bytes: about.len() })
    }
}

/// Replaces a file. After a crash it has either the old or the new content. Its folder must exist.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Files of `tempfile` have mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
